"""Several trials: what sums them up, what runs them, and how a person stops or watches them."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from command import VANISH, environment, run_in_process, run_in_terminal
from hypothesis import given
from hypothesis import strategies as st
from processes import PATIENCE, seconds_of, wait_until

import vanish
from vanish import Settings, Verdict
from vanish.cli import progress
from vanish.errors import MemoryLimitError
from vanish.numbers.stack import Magnitudes
from vanish.simulation import plan as planned
from vanish.simulation.columns import LAYERS
from vanish.simulation.measured import Measured, magnitude_quantiles, quantile, rank
from vanish.simulation.plan import plan
from vanish.simulation.run import Simulation, measure

if TYPE_CHECKING:
    from pathlib import Path

TINY: dict[str, Any] = {"layers": 3, "width": 4}


# --- order statistics ---


@given(st.lists(st.sampled_from([0.0, 1e-300, 0.25, 0.5, 1.0, 3.0]), min_size=1, max_size=40))
def test_a_quantile_is_a_number_that_was_measured(numbers: list[float]) -> None:
    ordered = sorted(numbers)
    found = magnitude_quantiles(Magnitudes.of(np.array([numbers])), 0.05, 0.5, 0.95)
    for share, magnitudes in zip((0.05, 0.5, 0.95), found, strict=True):
        # The least one that at least this share does not exceed.
        expected = next(
            each for i, each in enumerate(ordered, 1) if i >= share * len(ordered) - 1e-9
        )
        assert [float(each) for each in magnitudes.listed()] == [expected]
        assert quantile(np.array([numbers]), share).tolist() == [expected]


def test_ranks_are_those_of_the_definition() -> None:
    assert [rank(0.5, trials) for trials in (1, 2, 3, 4, 1000)] == [0, 0, 1, 1, 499]
    assert [rank(0.05, trials) for trials in (1, 19, 20, 21, 1000)] == [0, 0, 0, 1, 49]
    assert [rank(0.95, trials) for trials in (1, 2, 20, 1000)] == [0, 1, 18, 949]


def test_magnitudes_outside_float64_are_ordered() -> None:
    powers = np.array([[-5000, 3, -5001, 4000, 0]])
    mantissas = np.array([[0.5, 0.5, 0.75, 0.9, 0.0]])
    (median,) = magnitude_quantiles(Magnitudes(mantissas, powers), 0.5)
    # In ascending order: 0, 0.75·2^-5001, 0.5·2^-5000, 0.5·2^3, 0.9·2^4000.
    assert (median.mantissas[0], median.exponents[0]) == (0.5, -5000)


# --- trials of the dense engine ---


def each_trial(settings: Settings) -> list[Measured]:
    return [Simulation(settings, trial=trial).measure() for trial in range(settings.trials)]


@pytest.mark.parametrize("options", [{}, {"act": "relu", "bias_std": 0.3, "batch": 3}])
def test_every_measured_column_is_the_median_of_the_trials(options: dict[str, Any]) -> None:
    settings = Settings(**{"act": "relu", "trials": 7, "engine": "dense", **TINY, **options})
    profile = vanish.simulate(settings)
    one = Settings(**{"act": "relu", **TINY, **options})
    trials = [vanish.Profile(one, "dense", each).rows() for each in each_trial(settings)]
    measured = {
        *("grad_w", "log10_grad_w", "log10_grad_b", "log10_grad_f", "slope_mean", "slope_max"),
        *("log10_slope_product", "log10_norm_bound", "zero_fraction", "log10_rel_grad_w"),
        *("active_units", "dead_fraction", "log10_active_paths"),
    }
    assert measured <= {*LAYERS.names}
    for k, row in enumerate(profile.rows()):
        for name in measured:
            cells = [rows[k][name] for rows in trials]
            ordered = sorted(-math.inf if cell is None else cell for cell in cells)
            median = None if ordered[3] == -math.inf else ordered[3]
            assert row[name] == (pytest.approx(median, rel=1e-14) if median else median)
        cells = [rows[k]["log10_grad_w"] for rows in trials]
        logs = sorted(-math.inf if cell is None else cell for cell in cells)
        ends = [None if log == -math.inf else log for log in (logs[0], logs[-1])]
        assert [row["log10_grad_w_p05"], row["log10_grad_w_p95"]] == ends
        assert row["dead_share"] == sum(log == -math.inf for log in logs) / 7


@pytest.mark.parametrize("engine", ["dense", "sampled"])
def test_trial_0_is_the_plain_run(engine: str) -> None:
    plain = measure(Settings(engine=engine, bias_std=0.2, batch=2, **TINY))
    many = measure(Settings(engine=engine, bias_std=0.2, batch=2, trials=5, **TINY))
    assert np.array_equal(plain.grad_w.log10[:, 0], many.grad_w.log10[:, 0])
    assert len({*many.grad_w.log10[0].tolist()}) == 5


@pytest.mark.parametrize("engine", ["dense", "sampled"])
def test_activations_of_one_seed_share_inputs_and_readouts(engine: str) -> None:
    # Of one identity layer of orthogonal weights, ‖∂L/∂W‖ = ‖x‖ ‖r‖ = ‖x‖.
    norms = [
        measure(
            Settings(act=act, layers=1, width=6, init="orthogonal", engine=engine, trials=4, seed=3)
        ).grad_w.log10
        for act in ("identity", "leaky_relu")
    ]
    assert np.all(norms[0] >= norms[1])
    direct = measure(
        Settings(act="identity", layers=1, width=6, engine="dense", trials=4, seed=3)
    ).grad_w.log10
    assert norms[0] == pytest.approx(direct, rel=1e-12)


def test_a_given_network_is_the_same_in_every_trial_but_for_the_sample() -> None:
    network = vanish.Network((np.array([[0.5, -3.0], [1.0, 2.0]]),), (None,))
    found = measure(Settings(act="tanh", weights=network, trials=6))
    assert len({*found.weight.log10[0].tolist()}) == 1
    assert len({*found.grad_w.log10[0].tolist()}) == 6


# --- the verdict on several ---


def test_the_verdict_is_the_median_trials_and_shares_count_all() -> None:
    profile = vanish.simulate(act="relu", layers=30, width=5, trials=501)
    shares = profile.verdict_shares
    assert sum(shares.values()) == pytest.approx(1.0, rel=1e-12)
    assert shares["dead"] == np.mean(~np.isfinite(profile.ratios.log10))
    logs = np.sort(profile.ratios.log10)
    assert profile.log10_ratio == (
        None if logs[250] == -math.inf else pytest.approx(logs[250], rel=1e-14)
    )
    expected = (
        Verdict.DEAD
        if logs[250] == -math.inf
        else Verdict.VANISHING
        if logs[250] < -3.0
        else Verdict.STABLE
    )
    assert profile.verdict is expected
    assert profile.log10_ratio_quantile(0.95) == pytest.approx(logs[475], rel=1e-14)


def test_a_chain_of_one_layer_is_stable_in_every_trial_that_is_not_dead() -> None:
    profile = vanish.simulate(act="relu", layers=1, width=1, trials=64)
    assert profile.ratio is None
    assert profile.verdict_shares["stable"] + profile.verdict_shares["dead"] == 1.0
    assert 0.0 < profile.verdict_shares["dead"] < 1.0


def test_json_tells_the_spread_of_several_trials_and_nothing_of_one() -> None:
    def run(*options: str) -> dict[str, Any]:
        result = run_in_process("--act=tanh", "--width=6", "-n", "4", "-f", "json", *options)
        found: dict[str, Any] = json.loads(result.stdout)["runs"][0]
        return found

    many, one = run("--trials=50"), run()
    assert many["log10_ratio_p05"] < many["log10_ratio"] < many["log10_ratio_p95"]
    assert sum(many["verdict_shares"].values()) == pytest.approx(1.0)
    assert many["settings"]["trials"] == 50
    row = many["layers"][0]
    assert row["log10_grad_w_p05"] < row["log10_grad_w"] < row["log10_grad_w_p95"]
    assert row["dead_share"] == 0.0
    for name in ("log10_ratio_p05", "log10_ratio_p95", "verdict_shares"):
        assert one[name] is None
    for name in ("log10_grad_w_p05", "log10_grad_w_p95", "dead_share"):
        assert one["layers"][0][name] is None


def test_a_table_of_trials_says_how_they_came_out() -> None:
    result = run_in_process("--act=relu", "--trials=300", "--width=4", "-n", "30", "-f", "table")
    text = " ".join(result.stdout.decode().split())
    assert "300 trials" in text
    assert " median " in text
    assert "These are medians of 300 trials, " in text


# --- which engine ---


def test_the_engine_stands_in_the_output() -> None:
    for engine in ("dense", "sampled"):
        profile = vanish.simulate(engine=engine, **TINY)
        assert profile.engine == engine
        assert {row["engine"] for row in profile.rows()} == {engine}


# --- blocks that are run as one ---


@pytest.mark.parametrize(
    "options",
    [
        {"act": "gelu"},
        {"act": "tanh", "bias_std": 0.3},
        {"act": "relu", "init": "orthogonal"},
        {"act": "sigmoid", "batch": 2},
        {"act": "tanh", "block": "x + V S(W LN(x) + U u + b)", "batch": 2},
    ],
    ids=lambda options: " ".join(map(str, options.values())),
)
def test_blocks_that_are_run_as_one_give_the_same_bits(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(**{"layers": 2, "width": 600, "trials": 41, "engine": "sampled", **options})
    found = []
    for together, jobs in ((1, 1), (8, 1), (8, 2)):
        monkeypatch.setattr(planned, "_TOGETHER", together)
        blocks = plan(settings, jobs, 10**9).blocks
        # Three full blocks of 13 trials, and what is left.
        assert [each.width for each in blocks] == {
            (1, 1): [13, 13, 13, 2], (8, 1): [39, 2], (8, 2): [13, 13, 13, 2]
        }[together, jobs]  # fmt: skip
        found.append(measure(settings, jobs=jobs, forward=True))
    first, *others = found
    for other in others:
        for name in ("grad_w", "grad_b", "grad_a", "grad_f", "weight", "value"):
            for one, two in zip(getattr(first, name), getattr(other, name), strict=True):
                assert np.array_equal(one, two), name
        for one, two in zip(first.slopes, other.slopes, strict=True):
            assert np.array_equal(one, two)
        assert first.forward is not None
        assert other.forward is not None
        for one, two in zip(first.forward, other.forward, strict=True):
            assert all(map(np.array_equal, one, two))


def test_blocks_of_few_numbers_are_run_alone() -> None:
    # What Φ of few numbers is computed with is not what it is of many: by last digits.
    settings = Settings(act="gelu", widths=(8000, 1500, 8000), trials=6, engine="sampled")
    assert [each.width for each in plan(settings, 1, 10**9).blocks] == [1] * 6


# --- memory ---


def test_a_deep_chain_is_run_in_segments_that_fit() -> None:
    settings = Settings(layers=10_000, width=64, trials=300, engine="sampled", init="orthogonal")
    whole = plan(settings, jobs=1, limit=10**11)
    assert (whole.segment, whole.workers) == (10_000, 1)
    assert [trials.width for trials in whole.blocks] == [128, 128, 44]
    for limit in (10**9, 10**8):
        for jobs in (1, 2):
            how = plan(settings, jobs, limit)
            assert how.workers == jobs
            assert 1 <= how.segment < 10_000
            # A frame, a response and the slopes a layer; the values between two segments.
            numbers = 128 * 64 * (3 * how.segment + math.ceil(10_000 / how.segment) + 1)
            assert 8 * numbers * jobs <= limit
    with pytest.raises(MemoryLimitError, match=r"give a larger memory_limit"):
        plan(settings, jobs=2, limit=10**7)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read off /proc")
def test_segments_take_the_memory_that_was_planned() -> None:
    program = """
import pathlib, re, sys, vanish

def peak():  # of this program; what getrusage tells begins with its parent's
    return int(re.search(r"VmHWM:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1])

options = {"act": "tanh", "layers": 4000, "width": 64, "trials": 128, "engine": "sampled"}
options["init"] = "orthogonal"
vanish.simulate(**options | {"layers": 10})
before = peak()
vanish.simulate(**options, memory_limit=int(sys.argv[1]), jobs=1)
print(peak() - before)
"""
    taken = [
        int(
            subprocess.run(
                [VANISH[0], "-c", program, str(limit)], capture_output=True, check=True
            ).stdout
        )
        * 1024
        for limit in (10**8, 10**9)
    ]
    # Beside the ways forward, the results: some fifty numbers a layer and trial.
    results = 4000 * 128 * 8 * 55
    assert taken[0] < 10**8 + results
    assert taken[0] < taken[1] < 10**9 + results


# --- watching and stopping ---


def test_a_watcher_is_told_of_every_step_once() -> None:
    runs: list[dict[str, Any]] = [
        {"engine": "sampled", "trials": 300, "width": 64, "layers": 5, "batch": 2},
        {
            "engine": "sampled",
            "layers": 50,
            "width": 4,
            "trials": 1,
            "memory_limit": 30_000,
            "init": "orthogonal",
        },
        {"engine": "dense", "trials": 9, **TINY},
    ]
    for options in runs:
        told: list[tuple[int, int]] = []

        def note(done: int, steps: int, told: list[tuple[int, int]] = told) -> None:
            told.append((done, steps))

        vanish.simulate(**options, watch=note)
        steps = told[0][1]
        assert {all_of_them for _, all_of_them in told} == {steps}
        assert [done for done, _ in told] == list(range(1, len(told) + 1))
        assert 0.9 * steps <= len(told) <= steps


def test_a_watcher_is_told_of_many_layers_at_once() -> None:
    told: list[tuple[int, int]] = []
    vanish.simulate(
        engine="sampled",
        trials=300,
        width=64,
        layers=5,
        jobs=1,
        watch=lambda *step: told.append(step),
    )
    done = [each for each, _ in told]
    assert done == sorted(set(done))
    # One worker takes two blocks as one, then what is left of a third one, both ways.
    assert told[-1] == (20, 20)


@pytest.mark.slow
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_interrupt_ends_a_long_run(jobs: str, tmp_path: Path) -> None:
    # It begins within a second of work, and would take many minutes.
    command = [
        *VANISH,
        "--layers=100000",
        "--trials=300",
        "--width=1000",
        f"--jobs={jobs}",
        "--output=out.tsv",
    ]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        wait_until(lambda: seconds_of(process) > 1.0, process)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=PATIENCE)
    assert (process.returncode, stdout, stderr) == (130, b"", b"")
    assert not [*tmp_path.iterdir()]


@pytest.mark.slow
def test_a_terminal_sees_a_bar_after_a_second_and_a_pipe_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    command = "{} --act=tanh --layers=3000 --trials=200 --rows=3"
    words = " ".join(VANISH)
    status, text = run_in_terminal(command.format(words) + " 2>&1", env=dict(os.environ))
    assert status == 0
    assert "simulating" in text
    assert "%" in text
    _, quiet = run_in_terminal(command.format(words) + " --quiet")
    assert "simulating" not in quiet
    monkeypatch.setattr(progress, "_PATIENCE", 0.0)
    piped = run_in_process("--act=tanh", "--trials=3000", "--layers=10")
    assert b"simulating" not in piped.stdout + piped.stderr
