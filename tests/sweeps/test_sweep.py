"""Sweeps as a library: the same results whoever computes them, and whoever dies."""

from __future__ import annotations

import copy
import json
import math
import multiprocessing
import os
import pickle
import sys
import threading
import time
import types
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import vanish
from vanish import Activation, Network, Rows, Settings
from vanish.errors import InputError, UsageError
from vanish.network import activations
from vanish.numbers.scaled import decimal_text
from vanish.simulation import run as simulation
from vanish.simulation.columns import LAYERS
from vanish.simulation.measured import HIGH, LOW
from vanish.sweeps import run as sweep
from vanish.sweeps import shares
from vanish.sweeps.columns import names as columns
from vanish.sweeps.grid import Grid
from vanish.sweeps.processes import Processes
from vanish.sweeps.run import Outcome, Task, run, simulate_points
from vanish.sweeps.workers import Here, Workers, choose
from vanish.system import memory

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from vanish.numbers.scaled import FloatArray
    from vanish.simulation.measured import Measured

# From 3.12 on Python warns of a fork in a process that has threads, such as a test run with
# BLAS: the threads of BLAS wait for work, and a worker has none for them.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")

Crew = Callable[[Callable[[Sequence[int]], list[Outcome]]], Workers[list[Outcome]]]


def processes(count: int) -> Crew:
    return lambda work: Processes(work, count)


WORKERS: dict[str, Crew] = {"here": Here, "two": processes(2), "three": processes(3)}

SUMMARY = (
    *("verdict", "log10_ratio", "log10_ratio_p05", "log10_ratio_p95", "log10_ratio_w"),
    *("decades_per_layer", "predicted_log10_ratio", "predicted_decades_per_layer"),
    *("vanishing_share", "exploding_share", "stable_share", "dead_share"),
)

GRIDS: dict[str, dict[str, list[Any]]] = {
    "plain": {"act": ["tanh", "relu"], "layers": [2, 9], "width": [3, 5], "weight_std": [0.5, 2.0]},
    "trials": {"act": ["sigmoid", "relu"], "layers": [3, 8], "width": [4], "trials": [1, 6]},
    "engines": {"layers": [3], "width": [4, 6], "trials": [5], "engine": ["dense", "sampled"]},
    "seeds": {"seed": [0, 1, 2, 3, 4, 5, 6, 7], "layers": [4, 2], "width": [5], "init": ["auto"]},
    "deep": {"act": ["sigmoid"], "layers": [1, 700], "width": [2]},
    "one layer": {"layers": [1], "width": [1], "act": ["relu"]},
    "kinds": {
        "input": [Rows(np.ones((2, 3)), "a.txt"), Rows(np.eye(3), "b.txt")],
        "widths": [(3, 5, 2), (3, 3, 3)],
        "loss": ["readout", "mse", "sum"],
        "bias_std": [0.1],
    },
}


def collect(
    axes: Mapping[str, list[Any]],
    workers: Crew,
    points: Iterable[int] | None = None,
    **options: Any,
) -> dict[int, Outcome]:
    """Return what becomes of each point, having checked that each comes once."""
    task = Task(Grid(axes), **options)
    wanted = [*(range(len(task.grid)) if points is None else points)]
    found: dict[int, Outcome] = {}
    with workers(partial(simulate_points, task)) as crew:
        for outcomes in run(task, iter(wanted), crew, len(wanted)):
            for each in outcomes:
                assert each.point not in found
                found[each.point] = each
    assert sorted(found) == sorted(wanted)
    return found


def rows(found: Mapping[int, Outcome]) -> dict[int, Any]:
    return {point: (each.failed, each.rows) for point, each in sorted(found.items())}


def as_column(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return decimal_text(value) if isinstance(value, Decimal) else value


def settings_cells(settings: Settings) -> dict[str, Any]:
    used = {name: as_column(value) for name, value in settings.as_dict().items()}
    # How weights were read is said of a run alone, which has no columns to keep in place.
    return {name: value for name, value in used.items() if not name.startswith("weights_")}


def expected_summary(settings: Settings) -> dict[str, Any]:
    """Return what a row is to say, from the public profile."""
    profile = vanish.simulate(settings)
    found: dict[str, Any] = settings_cells(settings) | {
        "engine": profile.engine,
        "verdict": profile.verdict.value,
        "log10_ratio_p05": profile.log10_ratio_quantile(LOW),
        "log10_ratio_p95": profile.log10_ratio_quantile(HIGH),
        "error": None,
    }
    for name in ("log10_ratio", "log10_ratio_w", "decades_per_layer"):
        found[name] = getattr(profile, name)
    for name in ("predicted_log10_ratio", "predicted_decades_per_layer"):
        found[name] = getattr(profile, name)
    return found | {f"{name}_share": share for name, share in profile.verdict_shares.items()}


# --- the results ---


@pytest.mark.slow
@pytest.mark.parametrize("crew", WORKERS)
@pytest.mark.parametrize("name", GRIDS)
def test_a_row_says_what_a_simulation_of_its_point_does(name: str, crew: str) -> None:
    grid = Grid(GRIDS[name])
    found = collect(GRIDS[name], WORKERS[crew])
    for point, outcome in found.items():
        (row,) = outcome.rows
        assert not outcome.failed
        assert dict(zip(columns(per_layer=False), row, strict=True)) == expected_summary(
            grid.settings(point)
        )


@pytest.mark.slow
@pytest.mark.parametrize("crew", ["here", "two"])
@pytest.mark.parametrize("name", ["plain", "trials", "deep", "kinds"])
def test_per_layer_rows_are_the_contract_and_the_settings(name: str, crew: str) -> None:
    grid = Grid(GRIDS[name])
    names = columns(per_layer=True)
    assert set(LAYERS.names) <= set(names)
    for point, outcome in collect(GRIDS[name], WORKERS[crew], per_layer=True).items():
        settings = grid.settings(point)
        contract = [*vanish.simulate(settings).rows()]
        assert len(outcome.rows) == len(contract) == settings.model.depth
        own = settings_cells(settings)
        for row, layer in zip(outcome.rows, contract, strict=True):
            cells = dict(zip(names, row, strict=True))
            assert cells == {
                **{name: value for name, value in own.items() if name not in LAYERS.names},
                **{name: as_column(value) for name, value in layer.items()},
                "error": None,
            }


def test_columns_are_settings_results_and_the_error() -> None:
    later, latest = ["block", "hidden", "steps"], ["last_gain", "bias_init"]
    settings = [name for name in settings_cells(Settings()) if name not in [*later, *latest]]
    assert columns(per_layer=False) == [*settings, *SUMMARY, "error", *later, *latest]
    forward = ["log10_rms_a", "log10_predicted_rms_a", "mean_f", "std_f", "saturated", "max_abs_a"]
    last = [*forward, "slope_bound"]
    tail = ["error", "log10_predicted_f", *later, *last, *latest, "name"]
    assert columns(per_layer=True)[-len(tail) :] == tail
    assert len({*columns(per_layer=True)}) == len(columns(per_layer=True))


@pytest.mark.slow
@pytest.mark.parametrize("per_layer", [False, True])
@pytest.mark.parametrize("name", GRIDS)
def test_rows_survive_json_exactly(name: str, per_layer: bool) -> None:
    for outcome in collect(GRIDS[name], Here, per_layer=per_layer).values():
        assert json.loads(json.dumps(outcome.rows, allow_nan=False)) == outcome.rows


def test_results_do_not_depend_on_what_was_computed_before() -> None:
    task = Task(Grid(GRIDS["plain"]))
    alone = {i: simulate_points(task, [i])[0].rows for i in range(len(task.grid))}
    for order in (range(15, -1, -1), [3, 11, 5, 0, 8, 1, 2, 4, 6, 7, 9, 10, 12, 13, 14, 15]):
        for outcome in simulate_points(task, order):
            assert outcome.rows == alone[outcome.point]


@pytest.mark.parametrize("per_layer", [False, True])
@pytest.mark.parametrize(
    "kind",
    [
        {},
        {"engine": ["dense"], "norm_bound": [True]},
        {"init": ["orthogonal"], "batch": [3]},
        {"init": ["lsuv"], "bias_std": [0.1]},
        {"block": ["rnn"], "act": ["relu"]},
        {"weights": [Network((np.eye(3), np.ones((2, 3))), name="net.npz")]},
    ],
)
def test_a_seed_behind_another_is_as_alone(kind: dict[str, list[Any]], per_layer: bool) -> None:
    size = {} if "weights" in kind else {"layers": [3], "width": [4]}
    axes = {**kind, **size, "seed": [5, 2, 9], "trials": [1, 2]}
    task = Task(Grid(axes), per_layer=per_layer)
    order = [0, 2, 4, 5, 1, 3]  # those of one trial, then those of two
    behind = [each.rows for each in simulate_points(task, order)]
    assert behind == [simulate_points(task, [point])[0].rows for point in order]
    names = columns(per_layer=per_layer)
    found = [dict(zip(names, rows[0], strict=True)) for rows in behind]
    assert [row["seed"] for row in found] == [5, 2, 9, 9, 5, 2]
    assert [row["trials"] for row in found] == [1, 1, 1, 2, 2, 2]
    assert {row["norm_bound"] for row in found} == {*kind.get("norm_bound", [None])}


def test_some_points_are_those_and_no_others() -> None:
    whole = rows(collect(GRIDS["seeds"], Here))
    for crew in WORKERS.values():
        assert rows(collect(GRIDS["seeds"], crew, [1, 2, 13])) == {
            point: whole[point] for point in (1, 2, 13)
        }
    assert collect(GRIDS["seeds"], processes(2), []) == {}


@pytest.mark.slow
def test_a_memory_limit_changes_no_number() -> None:
    axes: dict[str, list[Any]] = {
        "layers": [300],
        "width": [8],
        "trials": [20],
        "engine": ["sampled"],
        "seed": [1, 2],
    }
    assert rows(collect(axes, Here)) == rows(collect(axes, Here, memory_limit=300_000))


def test_the_header_tells_tasks_apart() -> None:
    grid = Grid(GRIDS["plain"])
    assert Task(grid).header == Task(Grid(GRIDS["plain"]), memory_limit=10**6).header
    assert Task(grid).header != Task(grid, per_layer=True).header
    assert Task(grid).header != Task(Grid(GRIDS["trials"])).header
    assert Task(grid).header["vanish"] == vanish.__version__
    json.dumps(Task(grid).header)


# --- points that fail ---


def failure(outcome: Outcome, per_layer: bool = False) -> dict[str, Any]:
    assert outcome.failed
    (row,) = outcome.rows
    return dict(zip(columns(per_layer=per_layer), row, strict=True))


@pytest.mark.parametrize("crew", ["here", "two"])
@pytest.mark.parametrize("per_layer", [False, True])
def test_an_overflow_is_a_row_and_the_sweep_goes_on(crew: str, per_layer: bool) -> None:
    axes: dict[str, list[Any]] = {
        "act": ["tanh"],
        "width": [4],
        "weight_std": [1.0, 1e300],
        "gain": [1.0, 1e200],
    }
    found = collect(axes, WORKERS[crew], per_layer=per_layer)
    assert [point for point, each in sorted(found.items()) if each.failed] == [3]
    row = failure(found[3], per_layer)
    assert "the values of tanh grow past 1.8e308" in row["error"]
    assert (row["act"], row["weight_std"], row["gain"], row["seed"]) == ("tanh", 1e300, 1e200, 0)
    assert row["verdict" if not per_layer else "grad_w"] is None
    with pytest.raises(vanish.VanishError) as caught:
        vanish.simulate(act="tanh", width=4, weight_std=1e300, gain=1e200)
    assert row["error"] == caught.value.on_command_line


def test_settings_that_do_not_go_together_are_a_row() -> None:
    axes: dict[str, list[Any]] = {
        "init": ["auto", "he_normal"],
        "weight_std": [1.0, 2.0],
        "layers": [2],
        "width": [3],
    }
    found = collect(axes, Here)
    assert [found[point].failed for point in range(4)] == [False, False, True, True]
    row = failure(found[3])
    assert row["error"].startswith("weight_std beside init he_normal")
    assert (row["init"], row["weight_std"], row["layers"]) == ("he_normal", 2.0, 2)
    assert row["verdict"] is None


def test_a_point_that_does_not_fit_is_a_row_that_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    axes: dict[str, list[Any]] = {"layers": [2, 500_000], "width": [3, 4]}
    errors = set()
    for free in (10**8, 2 * 10**8):
        monkeypatch.setattr(memory, "available", lambda free=free: free)
        found = collect(axes, Here)
        assert [found[point].failed for point in range(4)] == [False, False, True, True]
        errors.add(failure(found[2])["error"])
    # How much was free is no part of it: the bytes would differ from run to run.
    (error,) = errors
    assert error.startswith("a chain of 500,000 layers, each of which takes 1.2 kB, needs ")


def test_a_limit_that_is_too_small_is_a_row() -> None:
    axes: dict[str, list[Any]] = {
        "layers": [2, 3000],
        "width": [64],
        "trials": [200],
        "engine": ["sampled"],
        "init": ["orthogonal"],
    }
    found = collect(axes, Here, memory_limit=10**6)
    assert "give a larger --memory" in failure(found[1])["error"]


def test_a_memory_error_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(settings: Settings, **options: Any) -> Measured:
        if settings.seed == 2:
            raise MemoryError
        return really(settings, **options)

    really = simulation.measure
    monkeypatch.setattr(sweep, "measure", measure)
    found = collect(GRIDS["seeds"] | {"layers": [2]}, Here)
    assert [point for point, each in sorted(found.items()) if each.failed] == [2]
    assert failure(found[2])["error"] == "it does not fit into memory"


def test_a_fault_of_our_own_is_a_row_and_ends_no_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(settings: Settings, **options: Any) -> Measured:
        if settings.seed == 2:
            raise OverflowError("Python int too large to convert to C long")
        return really(settings, **options)

    really = simulation.measure
    monkeypatch.setattr(sweep, "measure", measure)
    found = collect(GRIDS["seeds"] | {"layers": [2]}, Here)
    assert [point for point, each in sorted(found.items()) if each.failed] == [2]
    error = "a fault of vanish's own, please report it: OverflowError: Python int too large"
    assert failure(found[2])["error"].startswith(error)


# --- workers that die ---

SEEDS: dict[str, Any] = {"seed": [*range(40)], "layers": [3], "width": [4]}


def deadly(
    monkeypatch: pytest.MonkeyPatch, dies: Callable[[Settings], bool], seconds: float = 0.0
) -> None:
    """Have a worker die of some points; the others take so many seconds."""
    really, collector = simulation.measure, os.getpid()

    def measure(settings: Settings, **options: Any) -> Measured:
        if os.getpid() != collector and dies(settings):
            os._exit(1)
        time.sleep(seconds)
        return really(settings, **options)

    # The workers are forks of this process.
    monkeypatch.setattr(sweep, "measure", measure)


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 3])
def test_the_points_of_a_worker_that_dies_are_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    expected = rows(collect(SEEDS, Here))
    flag = tmp_path / "died"

    def once(settings: Settings) -> bool:
        if settings.seed != 23 or flag.exists():
            return False
        flag.touch()
        return True

    deadly(monkeypatch, once)
    assert rows(collect(SEEDS, processes(count))) == expected
    assert flag.exists()


@pytest.mark.slow
def test_workers_that_die_again_and_again_of_different_points(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = rows(collect(SEEDS, Here))

    def once_each(settings: Settings) -> bool:
        flag = tmp_path / str(settings.seed)
        if settings.seed % 10 or flag.exists():
            return False
        flag.touch()
        return True

    deadly(monkeypatch, once_each)
    assert rows(collect(SEEDS, processes(2))) == expected
    assert len([*tmp_path.iterdir()]) == 4


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.0, 0.02])
@pytest.mark.parametrize("poison", [{0}, {39}, {5, 6}])
def test_a_point_that_always_kills_its_worker_fails_and_no_other(
    monkeypatch: pytest.MonkeyPatch, poison: set[int], seconds: float
) -> None:
    # While others are under way: they must not be taken for the cause.
    expected = rows(collect(SEEDS, Here))
    deadly(monkeypatch, lambda settings: settings.seed in poison, seconds)
    found = collect(SEEDS, processes(2))
    assert {point for point, each in found.items() if each.failed} == poison
    for point, each in rows(found).items():
        if point not in poison:
            assert each == expected[point]
    for point in poison:
        row = failure(found[point])
        assert row["error"] == "its worker died again and again, perhaps for want of memory"
        assert (row["seed"], row["layers"], row["verdict"]) == (point, 3, None)


class Falling(Here[list[Outcome]]):
    """Workers of whom all that are at work die with the one who gets point 1, as on one machine."""

    count = 2
    died = (ChildProcessError,)

    def __init__(self, work: Callable[[Sequence[int]], list[Outcome]]) -> None:
        super().__init__(work)
        self._beside: list[Future[list[Outcome]]] | None = []

    def submit(self, share: Sequence[int]) -> Future[list[Outcome]]:
        """Do a share, but before the first death not to its end."""
        if self._beside is not None or 1 in share:
            future: Future[list[Outcome]] = Future()
            lost = [*(self._beside or []), future]
            self._beside = lost
            if 1 in share:
                self._beside = None
                for each in lost:
                    each.set_exception(ChildProcessError())
            return future
        return super().submit(share)


def test_who_died_beside_another_is_not_taken_for_the_cause() -> None:
    found = collect(SEEDS, Falling)
    assert {point for point, each in found.items() if each.failed} == {1}


def test_no_worker_is_left_when_a_sweep_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    deadly(monkeypatch, lambda _: False, seconds=300.0)
    started: list[Any] = []

    class StopError(Exception):
        pass

    def give_up() -> None:
        with Processes(partial(simulate_points, Task(Grid(SEEDS))), 2) as crew:
            crew.submit([0])
            started.extend(crew._pool._processes.values())
            raise StopError

    begun = time.monotonic()
    with pytest.raises(StopError):
        give_up()
    assert len(started) == 2
    assert not any(process.is_alive() for process in started)
    assert time.monotonic() - begun < 150.0  # and not when the points are done


def test_who_works_is_who_was_asked() -> None:
    assert isinstance(choose(list, 1, None), Here)
    with choose(list, 2, None) as crew:
        assert isinstance(crew, Processes)
        assert crew.count == 2


def test_a_scheduler_without_distributed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match=r"pip install distributed"):
        choose(list, 1, "tcp://127.0.0.1:1")


# --- activations that are not built in ---


def swell(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    t = np.tanh(x)
    return 0.9 * t, 0.9 * (1.0 - t * t)


def mine(pair: Callable[[FloatArray], tuple[FloatArray, FloatArray]] = swell) -> Activation:
    return Activation(
        name="mine",
        aliases=("meins",),
        pair=pair,
        sup_slope=0.9,
        sup_at=0.0,
        lower=-0.9,
        upper=0.9,
    )


@pytest.fixture
def registered() -> Iterator[Activation]:
    yield vanish.register(mine())
    activations.unregister("mine")


@pytest.fixture(params=["fork", "spawn"])
def method(request: pytest.FixtureRequest) -> Iterator[str]:
    """How processes start, as a user may choose, and as other systems do."""
    before = multiprocessing.get_start_method(allow_none=True)
    multiprocessing.set_start_method(request.param, force=True)
    yield request.param
    multiprocessing.set_start_method(before, force=True)


GUESTS: list[dict[str, list[Any]]] = [
    {"act": ["Meins", "tanh"], "layers": [3], "width": [4]},
    {"last_act": ["mine"], "layers": [2, 3], "width": [4]},
    {"layer_acts": [("relu", "mine"), ("mine", "meins")], "width": [4]},
    {
        "weights": [Network((np.eye(3), np.ones((2, 3))), name="net.npz")],
        "act": ["mine", "relu"],
        "input": [Rows(np.ones((2, 3)), "x.txt")],
    },
]


@pytest.mark.slow
def test_spawned_workers_know_registered_activations_and_networks(
    registered: Activation, method: str
) -> None:
    # One start of processes for all of them: it takes a second.
    assert registered.name == "mine"
    tasks = [Task(Grid(axes)) for axes in GUESTS]
    expected = [rows(dict(enumerate(everything(task)))) for task in tasks]
    with Processes(partial(simulate_all, tasks, method == "spawn"), 2) as crew:
        found = [crew.submit([number]).result() for number in range(len(tasks))]
    assert [rows(dict(enumerate(each))) for each in found] == expected
    assert not any(each.failed for lot in found for each in lot)


def sent(thing: Any) -> Any:
    return pickle.loads(pickle.dumps(thing))


def everything(task: Task) -> list[Outcome]:
    return simulate_points(task, range(len(task.grid)))


def simulate_all(tasks: Sequence[Task], is_new: bool, which: Sequence[int]) -> list[Outcome]:
    # A new process has not registered it, and need not have.
    assert is_new != ("mine" in activations.names())
    return [outcome for number in which for outcome in everything(tasks[number])]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["spawn"], indirect=True)
def test_the_python_api_takes_them_to_spawned_workers(registered: Activation, method: str) -> None:
    assert (registered.name, method) == ("mine", "spawn")
    grid = Grid(GUESTS[0])
    assert [*vanish.simulate_grid(grid, jobs=2)] == [*vanish.simulate_grid(grid)]


def test_an_activation_is_the_one_of_when_the_grid_was_made(registered: Activation) -> None:
    grid = Grid({"act": ["mine"], "layers": [3], "width": [4]})
    expected = everything(Task(grid))[0].rows
    activations.unregister("mine")
    try:
        for each in (grid, sent(grid)):
            assert everything(Task(each))[0].rows == expected
            assert each.label(0) == ""
            assert each.fingerprint() == grid.fingerprint()
    finally:
        vanish.register(registered)


def test_a_record_may_stand_in_place_of_a_name() -> None:
    record = mine()
    axes: dict[str, list[Any]] = {"layers": [2], "width": [3]}
    found = everything(Task(Grid(axes | {"act": [record, "tanh"]})))
    assert [each.rows[0][0] for each in found] == ["mine", "tanh"]
    assert Grid(axes | {"act": [record, "tanh"]}).label(0) == "act=mine"
    layers = Grid(axes | {"layer_acts": [(record, "tanh"), ("relu", record)]})
    assert layers.label(0) == "layer_acts=mine,tanh"
    assert [row["layer_acts"] for row in vanish.simulate_grid(layers)] == ["mine,tanh", "relu,mine"]
    profile = vanish.simulate(act=record, layers=2, width=3)
    assert {*profile.bounds} == {"sigmoid", "relu", "mine"}
    assert profile.bounds["mine"].log10 == pytest.approx(2.0 * math.log10(0.9), rel=1e-14)


@pytest.mark.parametrize("name", activations.names())
def test_a_built_in_activation_is_itself_wherever_it_arrives(name: str) -> None:
    # The closed forms of its moments go by its identity.
    record = activations.get(name)
    assert sent(record) is record
    assert copy.deepcopy(record) is record


@pytest.mark.parametrize("method", ["spawn"], indirect=True)
def test_what_cannot_be_sent_is_told_before_the_work(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert method == "spawn"
    monkeypatch.setattr(ProcessPoolExecutor, "submit", None)  # nothing is started
    act = mine(lambda x: swell(x))  # noqa: PLW0108 - as a user may write it
    task = Task(Grid({"act": ["relu", act], "layers": [2, 3]}))
    says = r"^activation mine cannot be sent to other processes: .*lambda.*: define its functions"
    with pytest.raises(UsageError, match=says):
        sweep.crew(task, 2, None)
    monkeypatch.setattr(shares, "SECONDS", math.inf)  # however slow a machine is
    with sweep.crew(task, 1, None) as workers:
        assert len(workers.submit(range(len(task.grid))).result()) == 4


def test_a_fork_needs_nothing_sent() -> None:
    lock = threading.Lock()

    def locked(x: FloatArray) -> tuple[FloatArray, FloatArray]:
        with lock:
            return swell(x)

    axes: dict[str, list[Any]] = {"act": [mine(locked)], "layers": [2, 3], "width": [4]}
    assert rows(collect(axes, processes(2))) == rows(collect(axes, Here))


@pytest.mark.parametrize("method", ["spawn"], indirect=True)
def test_what_workers_cannot_import_is_told_before_the_work(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert method == "spawn"

    # A module of this process alone, as one of a notebook is.
    def pair(x: FloatArray) -> tuple[FloatArray, FloatArray]:
        return swell(x)

    pair.__module__, pair.__qualname__ = "only_here", "pair"
    module = types.ModuleType("only_here")
    module.__dict__["pair"] = pair
    monkeypatch.setitem(sys.modules, "only_here", module)
    task = Task(Grid({"act": [mine(pair)], "layers": [2, 3]}))
    with pytest.raises(InputError, match=r"^a worker lacks what .*: No module named 'only_here': "):
        sweep.crew(task, 2, None)


def test_processes_that_end_before_they_begin_are_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vanish.sweeps.processes._begin", os._exit)
    with pytest.raises(InputError, match=r"^2 processes end before they begin: give fewer jobs"):
        Processes(list, 2)


@pytest.mark.parametrize("error", [BlockingIOError(11, "x"), RuntimeError("x")])
def test_a_process_that_cannot_be_started_is_one_line(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fork() -> int:
        raise error

    monkeypatch.setattr(os, "fork", fork)
    with pytest.raises(InputError, match=r"^2 processes cannot be started: x: give fewer jobs$"):
        Processes(list, 2)
