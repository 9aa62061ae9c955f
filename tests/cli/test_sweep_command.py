"""`vanish sweep`: its files, however it is stopped, resumed, shared out and watched."""

from __future__ import annotations

import contextlib
import csv
import functools
import io
import json
import math
import os
import resource
import shlex
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from command import (
    VANISH,
    Result,
    check_error,
    environment,
    run,
    run_in_process,
    run_in_terminal,
    without_progress,
)
from kills import kill_often
from processes import PATIENCE, end_group, wait_for_nobody, wait_until
from snapshot import check
from sweep_runs import (
    Gate,
    good,
    lines_in,
    one_line,
    part_of,
    refused,
    start,
    sweep,
    without_ranges,
)

import vanish
from vanish import Settings
from vanish.cli import progress
from vanish.network import activations
from vanish.render.figure import sweep_figure
from vanish.sweeps import run as module
from vanish.sweeps.columns import names as columns
from vanish.sweeps.grid import Grid
from vanish.sweeps.journal import Journal
from vanish.sweeps.run import Task, simulate_points
from vanish.system import memory
from vanish.system.lock import open_locked
from vanish.theories import infinitewidth as theory

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.axes import Axes

# As in test_sweep: BLAS has threads, of which a worker needs none.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")

# 24 points of a millisecond.
GRID = "--act tanh,relu --layers 3,5,8 --width 6 --weight-std 0.5:2:4"
AXES: dict[str, list[Any]] = {
    "act": ["tanh", "relu"],
    "layers": [3, 5, 8],
    "width": [6],
    "weight_std": [0.5, 1.0, 1.5, 2.0],
}
FAILING = "--act tanh --layers 2,3 --width 4 --weight-std 1,1e300 --gain 1e200"

# 40 points of some 50 ms.
SLOW = "--act tanh --layers 2000 --width 8 --seed 1:40:40"
SIXTY = SLOW.replace("40:40", "60:60")
MANY = SLOW.replace("40:40", "999:999")


@pytest.fixture
def gate(tmp_path_factory: pytest.TempPathFactory) -> Gate:
    """A gate at which points of SLOW beyond the tenth wait."""
    return Gate(tmp_path_factory.mktemp("gate"), last=10)


@pytest.fixture(scope="module")
def expected() -> bytes:
    """GRID as csv."""
    return good(f"{GRID} --jobs 1 -f csv")


# --- what is written ---


@pytest.mark.slow
def test_every_format_has_the_same_rows(tmp_path: Path, expected: bytes) -> None:
    grid, names = Grid(AXES), columns(per_layer=False)
    outcomes = simulate_points(Task(grid), range(len(grid)))
    wanted = [dict(zip(names, each.rows[0], strict=True)) for each in outcomes]
    objects = [json.loads(line) for line in good(f"{GRID} -j 1 -f jsonl").splitlines()]
    assert objects == wanted
    for name, delimiter in (("csv", ","), ("tsv", "\t")):
        text = good(f"{GRID} -j 1 -f {name}").decode()
        rows = [*csv.DictReader(io.StringIO(text), delimiter=delimiter)]
        assert [*rows[0]] == names
        for row, cells in zip(rows, wanted, strict=True):
            assert row == {
                key: "" if cell is None else repr(cell) if isinstance(cell, float) else str(cell)
                for key, cell in cells.items()
            }
        path = tmp_path / f"x.{name}"
        assert good(f"{GRID} -j 1 -o", path) == b""
        assert path.read_text() == text
        assert good(f"{GRID} -j 1 --no-header -f {name}").decode() == text.partition("\n")[2]
        assert good(f"{GRID} -j 1 --no-header -o", path) == b""
        assert path.read_text() == text.partition("\n")[2]
    assert good(f"{GRID} -j 1") == good(f"{GRID} -j 1 -f tsv") == good(f"{GRID} -j 1 -o - -f tsv")
    assert {path.name for path in tmp_path.iterdir()} == {"x.csv", "x.tsv"}
    assert good(f"{GRID} -j 1 -f csv") == expected


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", ["-f csv", "--per-layer -f csv", "--trials 3 -f tsv", "-f jsonl"]
)
def test_the_bytes_do_not_depend_on_who_works(tmp_path: Path, options: str) -> None:
    whole = good(f"{GRID} {options} --jobs 1")
    for jobs in (1, 2, 3):
        for memory_limit in ("", "--memory 100kB"):
            path = tmp_path / f"{jobs}"
            assert good(f"{GRID} {options} --jobs {jobs} {memory_limit} -o", path) == b""
            assert path.read_bytes() == whole
    assert good(f"{GRID} {options} --jobs 3") == whole
    assert good(f"{GRID} {options}") == whole


@pytest.mark.slow
def test_segments_do_not_change_the_bytes() -> None:
    options = "--engine sampled --layers 400 --width 8 --trials 20 --seed 1,2 -f csv"
    assert good(f"{options} -j 2 --memory 400kB") == good(f"{options} -j 1")


def test_per_layer_has_the_whole_contract() -> None:
    text = good("--act tanh,relu --layers 2,3 --width 4 -f csv --per-layer -j 1").decode()
    found = [*csv.DictReader(io.StringIO(text))]
    for act in ("tanh", "relu"):
        for layers in (2, 3):
            rows = [row for row in found if (row["act"], row["layers"]) == (act, str(layers))]
            plain = run_in_process(f"--act={act}", f"-n{layers}", "-w4", "--format=csv", "-q")
            contract = [*csv.DictReader(io.StringIO(plain.stdout.decode()))]
            assert [{name: row[name] for name in contract[0]} for row in rows] == contract
    assert [*found[0]] == columns(per_layer=True)
    assert {row["error"] for row in found} == {""}


def test_lists_and_ranges_of_every_setting(tmp_path: Path) -> None:
    np.savetxt(tmp_path / "x.txt", np.ones((2, 4)))
    np.savetxt(tmp_path / "y.txt", np.eye(4))
    np.savez(tmp_path / "net.npz", W1=np.ones((2, 3)))
    np.savez(tmp_path / "deep.npz", W1=np.ones((2, 3)), W2=np.eye(2))
    given = {
        "--act tanh --act relu,sin --layers 1:3:3": 9,
        "--layers 2:4:3,10 --width 3,4": 8,
        "--weight-std 0.5:1.5:3,2.5 --layers 2 --width 3": 4,
        "--bias-std 0,0.1 --gain 1,2 --batch 1,2 --layers 2 --width 3": 8,
        "--init auto,orthogonal --last-act identity,relu --layers 2 --width 3": 4,
        "--loss sum,mse,readout --layers 2 --width 3 --trials 1,2": 6,
        "--engine dense,sampled --layers 2 --width 3 --vanish-below 1e-2,1e-3": 4,
        "--explode-above 10,100 --layers 2 --width 3 --norm-bound": 2,
        "--layer-acts relu,tanh --layer-acts tanh,tanh --width 3": 2,
        "--widths 3,4,5 --widths 3,3": 2,
        f"--layers 2 --input {tmp_path}/x.txt --input {tmp_path}/y.txt": 2,
        f"--layers 2 --width 4 --loss mse --target {tmp_path}/y.txt --batch 4": 1,
        f"--weights {tmp_path}/net.npz --weights {tmp_path}/deep.npz --seed 1,2"
        " --weights-layout out_in": 4,
    }
    for options, count in given.items():
        objects = [json.loads(line) for line in good(f"{options} -j 1 -f jsonl").splitlines()]
        assert len(objects) == count
        assert {each["error"] for each in objects} == {None}
        assert len({json.dumps(each) for each in objects}) == count
    stds = good("--weight-std 0.5:1.5:3,2.5 --layers 2 --width 3 -f jsonl -j 1").splitlines()
    assert [json.loads(line)["weight_std"] for line in stds] == [0.5, 1.0, 1.5, 2.5]


@pytest.mark.slow
def test_a_point_that_fails_is_a_row_and_status_1(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    for jobs in (1, 2):
        result = sweep(f"{FAILING} --jobs {jobs} -o", path)
        assert (result.status, result.stdout) == (1, b"")
        message = result.stderr.decode()
        assert message.startswith("2 of 4 points failed; the column error says why: the first, ")
        assert message.count("\n") == 1
        assert "grow past 1.8e308" in message
        rows = [*csv.DictReader(io.StringIO(path.read_text()))]
        assert [bool(row["error"]) for row in rows] == [False, True, False, True]
        assert [row["verdict"] == "" for row in rows] == [False, True, False, True]
        assert {line.count(",") - line.count(", ") for line in path.read_text().splitlines()} == {
            len(columns(per_layer=False)) - 1
        }
        assert sweep(f"{FAILING} --jobs {jobs} -f csv").stdout == path.read_bytes()
        assert [each.name for each in tmp_path.iterdir()] == ["x.csv"]
    assert sweep(f"{FAILING} --quiet -o", path) == (1, b"", b"")
    per_layer = sweep(f"{FAILING} --per-layer -f csv")
    assert per_layer.status == 1
    assert len(per_layer.stdout.splitlines()) == 1 + 2 + 1 + 3 + 1


def test_a_point_for_which_there_is_no_memory_has_the_same_bytes_everywhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = set()
    for free in (10**7, 2 * 10**7):
        monkeypatch.setattr(memory, "available", lambda free=free: free)
        result = sweep("--layers 2,200000 --width 3 -j 1 -f csv")
        assert result.status == 1
        found.add(result.stdout)
    assert len(found) == 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--act tanh --jobs 0", "--jobs 0: give at least 1"),
        ("--layers 2 --memory x", "'x' is no amount of memory"),
        ("--layers 2 -o x.png", "no format is known by the suffix '.png'"),
        ("--layers 2 -f latex", "unknown format 'latex'"),
        ("--layers 2 -f table -o x.csv", "beside --format table"),
        ("--layers 2 -f table --no-header", "--no-header"),
        ("--layers 2 --resume", "--resume without --output: give the file"),
        ("--layers 2 --resume -o -", "--resume beside --output -, which is no file: leave it out"),
        ("--layers 2 --per-layer -f table", "--per-layer beside a table"),
        ("--layers 2 --plot x.gif", "--plot x.gif: give a name that ends in"),
        ("--seed 2,3 --plot x.png", "a grid in which seed varies: a figure has one number across"),
        ("--layers 2,3 --seed 1:57:57 --plot x.png", "with at most 56 lines"),
        (
            "--weight-std W=1 --weight-std 2 --block residual --plot x.png",
            "weight_std varies: a figure has one",
        ),
        ("--layers 2 --plot x.png", "a grid in which nothing varies"),
        (
            "--layers 2,3 --width 2,3 --init auto,orthogonal --plot x.png",
            "layers, width, init vary",
        ),
        ("--layers 2,3 --width 2,3 --per-layer --plot x.png", "--per-layer beside --plot"),
        ("--rows 3", "No such option: --rows"),
        ("--layers 2 extra", "extra"),
    ],
)
def test_what_does_not_go_together_is_refused(
    options: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    check_error(f"sweep {options}", says)
    assert not [*tmp_path.iterdir()]


# --- a file of options ---


@pytest.mark.slow
def test_a_file_of_options_is_as_good_as_the_command_line(tmp_path: Path, expected: bytes) -> None:
    path = tmp_path / "grid.toml"
    path.write_text(
        'act = ["tanh", "relu"]\nlayers = [3, 5, 8]\nwidth = 6\nweight-std = "0.5:2:4"\n'
        'format = "csv"\njobs = 1\n'
    )
    assert good("--config", path) == expected
    # The command line wins, list by list.
    assert good("--act sigmoid --layers 2 --format tsv --config", path) == good(
        "--act sigmoid --layers 2 --width 6 --weight-std 0.5:2:4"
    )
    out = tmp_path / "out.csv"
    path.write_text(
        'act = "tanh,relu"\nlayers = ["3,5", 8]\nwidth = [6]\nweight_std = [0.5, 1, "1.5:2:2"]\n'
        f'quiet = true\noutput = "{out}"\nmemory = "100MB"\n'
    )
    assert good("--config", path) == b""
    assert out.read_bytes() == expected
    path.write_text('widths = [[3, 4], "3,5,6"]\nlayer-acts = "relu"\nper_layer = true\n')
    assert sweep("-f csv --config", path).status == 1
    path.write_text("widths = [[3, 4], [3, 5, 6]]\n")
    assert good("-f csv --config", path) == good("-f csv --widths 3,4 --widths 3,5,6")
    path.write_text("")
    assert good("-f csv --layers 2 --config", path) == good("-f csv --layers 2")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("layer = 3", "unknown option in {}.toml 'layer': did you mean layer-acts or layers?"),
        ("resume = true", "unknown option in"),
        ("jobs = '2'", "jobs = '2': give a whole number"),
        ("jobs = true", "jobs = True: give a whole number"),
        ("per_layer = 1", "per_layer = 1: give true or false"),
        ("memory = 5", "memory = 5: give a text"),
        ("format = ['csv']", "format = ['csv']: give a text"),
        ("layers = 2.5", "--layers 2.5: give whole numbers"),
        ("layers = true", "'True' is neither a number nor a range"),
        ("layers = [2, 2]", "layers: 2 is given twice"),
        ("layers = 0", "layers 0: give at least 1"),
        ("act = 'tanhh'", "unknown activation 'tanhh'"),
        ("act = []", "act: an empty list"),
        ("layers = []", "layers: an empty list"),
        ("layers = ", "{}.toml: "),
        ("layers = 1\nlayers = 2", "{}.toml: "),
        ("layer_acts = 'relu'\nlayer-acts = 'tanh'", "layer-acts stands in it in two spellings"),
        ("[layers]\na = 1", ""),
        ("act = {a = 1}", ""),
        ("layers = [[2, 3], [4]]\nact = [[]]", ""),
        ("input = 'nowhere.txt'", "nowhere.txt: "),
    ],
)
def test_a_bad_file_of_options_is_refused(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "x.toml"
    path.write_text(content)
    assert says.replace("{}", str(path.with_suffix(""))) in refused("-j 1 --config", path)


def test_a_file_of_options_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    assert str(path) in refused("--config", path)
    assert str(tmp_path) in refused("--config", tmp_path)
    path.write_bytes(b"act = '\xff'\n")
    assert str(path) in refused("--config", path)


def test_a_figure_may_be_asked_for_in_the_file(tmp_path: Path) -> None:
    path, figure = tmp_path / "x.toml", tmp_path / "x.png"
    path.write_text(f'plot = "{figure}"\nlayers = [2, 3]\nweight-std = [1, 2]\nwidth = 3\n')
    good("-f csv --config", path)
    assert figure.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


# --- estimates ---


@pytest.mark.slow
def test_a_dry_run_tells_points_time_and_memory_and_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    text = good(f"{GRID} --dry-run --jobs 2 -o", path).decode()
    assert text.startswith("points  24\n        2 act\n        3 layers\n        4 weight_std\n")
    assert "\ntime    about " in text
    assert " s on 2 processes, by 20 points tried\n" in text
    assert "\nmemory  about " in text
    assert not [*tmp_path.iterdir()]
    many = good("--layers 1:1000:1000 --width 2,3 --act relu --jobs 1 --dry-run").decode()
    assert many.startswith("points  2,000\n        1,000 layers\n        2 width\n")
    assert "1 process, " in many


@pytest.mark.parametrize("options", [FAILING, "--init auto,he_normal --weight-std 1,2 --layers 2"])
def test_a_dry_run_goes_on_where_points_fail(options: str) -> None:
    assert good(f"{options} --jobs 1 --dry-run").startswith(b"points  4\n")


# --- going on ---


def points_done(after: int) -> list[int]:
    """Return so many points of the grid in some order, the same ones each time."""
    order = np.random.default_rng(after).permutation(len(Grid(AXES)))
    return [int(point) for point in order[:after]]


def leave_journal(path: Path, options: str, after: int) -> None:
    """Leave a journal of some results, as a sweep does that was killed."""
    grid = Grid(AXES)
    task = Task(grid, per_layer="--per-layer" in options)
    with Journal(str(part_of(path)), task.header, len(grid)) as journal:
        for each in simulate_points(task, points_done(after)):
            journal.append([(each.point, (each.failed, each.rows))])


@contextlib.contextmanager
def interrupted(path: Path, options: str, after: int) -> Iterator[None]:
    """Leave a journal for a sweep that ends it: after that it is gone."""
    leave_journal(path, options, after)
    yield
    assert not part_of(path).exists()


@pytest.mark.slow
@pytest.mark.parametrize("after", [0, 1, 12, 23, 24])
@pytest.mark.parametrize("options", ["", "--per-layer"])
def test_a_resumed_sweep_ends_with_the_same_bytes(tmp_path: Path, options: str, after: int) -> None:
    path = tmp_path / "x.csv"
    whole = good(f"{GRID} {options} -j 1 -f csv")
    for jobs in (1, 2):
        path.unlink(missing_ok=True)
        with interrupted(path, options, after):
            assert good(f"{GRID} {options} -j {jobs} --resume -o", path) == b""
        assert path.read_bytes() == whole


@pytest.mark.parametrize(("engine", "is_mixed"), [("", True), ("--engine sampled", False)])
def test_a_journal_of_another_rule_for_the_engine_is_not_gone_on_with(
    tmp_path: Path, engine: str, is_mixed: bool
) -> None:
    """As one is that was begun when ``auto`` meant something else."""
    path = tmp_path / "x.csv"
    axes = AXES | ({"engine": ["sampled"]} if engine else {})
    task = Task(Grid(axes))
    header = {name: each for name, each in task.header.items() if name != "auto"}
    assert (header == task.header) is not is_mixed
    with Journal(str(part_of(path)), header, len(task.grid)) as journal:
        for each in simulate_points(task, [0]):
            journal.append([(each.point, (each.failed, each.rows))])
    options = f"{GRID} {engine} -j 1 --resume -o"
    if is_mixed:
        assert "an unfinished sweep of another grid or version" in refused(options, path)
    else:
        assert good(options, path) == b""


def test_points_that_are_there_are_not_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_points: list[int] = []

    def simulate(task: Task, points: Sequence[int], **_: float) -> Any:
        run_points.extend(points)
        return simulate_points(task, points)

    monkeypatch.setattr(module, "simulate_points", simulate)
    path = tmp_path / "x.csv"
    with interrupted(path, "", 17):
        good(f"{GRID} -j 1 --resume -o", path)
    assert run_points == sorted({*range(24)} - {*points_done(17)})


@pytest.mark.slow
@pytest.mark.parametrize("name", ["x.csv", "x.tsv", "x.jsonl"])
@pytest.mark.parametrize("options", [GRID, f"{GRID} --per-layer", FAILING])
def test_a_complete_file_is_left_alone(tmp_path: Path, options: str, name: str) -> None:
    path = tmp_path / name
    status = sweep(f"{options} -o", path).status
    whole, when = path.read_bytes(), path.stat().st_mtime_ns
    result = sweep(f"{options} --resume -o", path)
    assert result.stdout == b""
    assert result.stderr.decode().splitlines()[0] == f"{path} is complete: nothing is left to do"
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (whole, when)
    # It is as good as when it was written, and no better.
    assert result.status == status
    quiet = sweep(f"{options} --resume --quiet -o", path)
    assert quiet == (status, b"", b"")


def test_a_complete_file_without_a_header_is_known_again(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    good(f"{GRID} --no-header -o", path)
    assert b"is complete" in sweep(f"{GRID} --no-header --resume -o", path).stderr


@pytest.mark.slow
def test_a_complete_file_is_drawn(tmp_path: Path) -> None:
    path, figure = tmp_path / "x.csv", tmp_path / "x.png"
    good(f"{GRID} -o", path)
    result = sweep(f"{GRID} --resume --plot {figure} -o", path)
    assert result.status == 0
    assert figure.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    "other",
    [
        GRID.replace("3,5,8", "3,5"),
        GRID.replace("3,5,8", "3,5,9"),
        GRID.replace("3,5,8", "3,5,8,9"),
        GRID.replace("tanh,relu", "relu,tanh"),
        f"{GRID} --seed 1",
        f"{GRID} --per-layer",
    ],
)
def test_another_grid_is_refused(tmp_path: Path, other: str) -> None:
    path = tmp_path / "x.csv"
    good(f"{GRID} -o", path)
    whole = path.read_bytes()
    assert f"{path}: results of another grid: give its own options" in refused(
        f"{other} --resume -o", path
    )
    assert path.read_bytes() == whole
    path.unlink()
    leave_journal(path, "", 5)
    before = part_of(path).read_bytes()
    assert f"{path}.part: an unfinished sweep of another grid" in refused(
        f"{other} --resume -o", path
    )
    assert part_of(path).read_bytes() == before
    assert not path.exists()


@pytest.mark.parametrize("name", ["x.csv", "x.tsv", "x.jsonl"])
@pytest.mark.parametrize("content", [b"", b"hello\n", b"[1]\n", b"\xff\xfe\x00", b"{}\n", b"1\n"])
def test_a_file_that_is_no_result_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert str(path) in refused(f"{GRID} --resume -o", path)
    assert path.read_bytes() == content


def test_resuming_without_a_file_begins(tmp_path: Path, expected: bytes) -> None:
    path = tmp_path / "x.csv"
    assert good(f"{GRID} --resume -o", path) == b""
    assert path.read_bytes() == expected


def test_an_unfinished_sweep_is_not_written_over(tmp_path: Path, expected: bytes) -> None:
    path = tmp_path / "x.csv"
    with interrupted(path, "", 5):
        before = part_of(path).read_bytes()
        assert f"{path}.part: an unfinished sweep is there: give --resume" in refused(
            f"{GRID} -o", path
        )
        assert part_of(path).read_bytes() == before
        good(f"{GRID} --resume -o", path)
    assert path.read_bytes() == expected
    good(f"{GRID} -o", path)  # a file that is complete is written anew, as by vanish itself


def test_names_that_are_not_utf8_are_no_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(os.fsdecode(b"\xff.txt")).write_text("1 2 3\n")
    arguments = ["sweep", "--layers=2,3", "--input", os.fsdecode(b"\xff.txt"), "-j1"]
    piped = run_in_process(*arguments, "-f", "csv")
    assert (piped.status, piped.stderr) == (0, b"")
    assert run_in_process(*arguments, "-o", "x.csv") == (0, b"", b"")
    assert Path("x.csv").read_bytes() == piped.stdout


# --- where it cannot be written ---


@contextlib.contextmanager
def without_privileges() -> Iterator[None]:
    """Be somebody whom permissions hold back, even where root runs the tests."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("what", ["x.csv", "."])
def test_what_is_read_only_is_refused_before_the_work(what: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "x.csv")
        path.write_bytes(b"old")
        Path(directory).chmod(0o777)
        Path(directory, what).chmod(0o444 if what == "x.csv" else 0o555)
        with without_privileges():
            assert f"Error: {path}" in refused(f"{GRID} -j 1 -o", path)
        Path(directory).chmod(0o777)
        assert [each.read_bytes() for each in Path(directory).iterdir()] == [b"old"]


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "x.csv").mkdir()
    assert f"{tmp_path}/x.csv: a directory" in refused(f"{GRID} -j 1 -o", tmp_path / "x.csv")
    assert f"{tmp_path}/no/x.csv" in refused(f"{GRID} -j 1 -o", tmp_path / "no" / "x.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["x.csv"]


def test_a_figure_that_cannot_be_written_loses_no_result(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    assert f"{tmp_path}/no/x.png" in refused(f"{GRID} -j 1 --plot {tmp_path}/no/x.png -o", path)


@pytest.mark.slow
def test_a_full_stdout_is_one_line() -> None:
    for jobs in (1, 2):
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run(
                [*VANISH, "sweep", *shlex.split(GRID), f"--jobs={jobs}", "-o", "-"],
                env=environment(),
                stdout=full,
                stderr=subprocess.PIPE,
                check=False,
                start_new_session=True,
            )
        assert b"no space left on device" in done.stderr
        one_line(Result(done.returncode, b"", done.stderr))


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_full_disk_keeps_what_there_is(tmp_path: Path, jobs: int, expected: bytes) -> None:
    def room(size: int) -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    path = tmp_path / "x.csv"
    kept = 0
    # The file is about half as long as the journal.
    for size in (50, 1000, 3000, 3001, len(expected) - 1):
        done = subprocess.run(
            [*VANISH, "sweep", *shlex.split(GRID), f"--jobs={jobs}", "--resume", "-o", path],
            env=environment(),
            capture_output=True,
            check=False,
            preexec_fn=functools.partial(room, size),
        )
        message = one_line(Result(done.returncode, b"", done.stderr))
        assert "file too large" in message
        assert "--resume" in message
        assert {each.name for each in tmp_path.iterdir()} == {"x.csv.part"}
        now = part_of(path).read_bytes()
        assert len(now) <= size
        assert now.count(b"\n") >= kept
        assert not now or now.endswith(b"\n")
        kept = now.count(b"\n")
    assert kept > 10
    assert good(f"{GRID} --resume -o", path) == b""
    assert path.read_bytes() == expected


def test_no_room_for_the_file_leaves_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = os.fsync
    path = tmp_path / "x.csv"

    def full(file: int) -> None:
        if ".part" not in str(Path(f"/proc/self/fd/{file}").readlink()):
            raise OSError(28, os.strerror(28))
        really(file)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert "no space left on device" in refused(f"{GRID} -j 1 -o", path)
    assert {each.name for each in tmp_path.iterdir()} == {"x.csv.part"}
    assert lines_in(part_of(path)) == 25
    good(f"{GRID} -j 1 --resume -o", path)


def test_no_room_for_the_file_says_that_all_results_are_safe(
    tmp_path: Path, expected: bytes
) -> None:
    def room() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))

    path = tmp_path / "x.csv"
    with interrupted(path, "", 24):
        before = part_of(path).read_bytes()
        done = subprocess.run(
            [*VANISH, "sweep", *shlex.split(GRID), "--jobs=2", "--resume", "-o", path],
            env=environment(),
            capture_output=True,
            check=False,
            preexec_fn=room,
        )
        message = one_line(Result(done.returncode, done.stdout, done.stderr))
        assert message.startswith(f"Error: {path}: file too large")
        assert f"all results are safe in {path}.part: make room, then give --resume" in message
        assert {each.name for each in tmp_path.iterdir()} == {"x.csv.part"}
        assert part_of(path).read_bytes() == before
        assert good(f"{GRID} --resume -o", path) == b""
    assert path.read_bytes() == expected


def test_what_stands_in_the_file_is_on_the_disk_before_the_journal_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.csv"
    synced: dict[int, bytes] = {}
    really_sync, really_replace, really_unlink = os.fsync, Path.replace, Path.unlink
    order = []

    def sync(file: int) -> None:
        place = Path(f"/proc/self/fd/{file}").readlink()
        synced[os.fstat(file).st_ino] = place.read_bytes()
        really_sync(file)

    def replace(temporary: Path, target: Path) -> Path:
        assert synced[temporary.stat().st_ino] == temporary.read_bytes()
        order.append("replace")
        return really_replace(temporary, target)

    def unlink(file: Path, **options: bool) -> None:
        if file == part_of(path):
            assert synced[path.stat().st_ino] == path.read_bytes()
            order.append("unlink")
        really_unlink(file, **options)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(Path, "replace", replace)
    monkeypatch.setattr(Path, "unlink", unlink)
    good(f"{GRID} -j 1 -o", path)
    assert order == ["replace", "unlink"]


@pytest.mark.slow
@pytest.mark.parametrize("resuming", ["", "--resume"])
def test_two_sweeps_of_one_file_do_not_mix(tmp_path: Path, gate: Gate, resuming: str) -> None:
    path = tmp_path / "x.csv"
    with start(f"{SLOW} --jobs 2 -o x.csv", tmp_path, gate=gate) as first:
        try:
            wait_until(gate.is_reached, first)
            second = run("sweep", *shlex.split(SLOW), *resuming.split(), "-o", str(path))
            # And not that it may be removed.
            busy = "another sweep is writing it: wait for it, or give another name"
            assert one_line(second) == f"Error: {path}.part: {busy}\n"
            assert first.poll() is None
            gate.open()
            first.communicate(timeout=PATIENCE)
        finally:
            end_group(first.pid)
    assert first.returncode == 0
    assert path.read_bytes() == good(f"{SLOW} -f csv -j 1")


def test_a_sweep_that_ended_while_another_waited_keeps_its_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.csv"
    other = good("--act tanh --layers 2,3 --width 4 -f csv -j 1")

    def open_late(name: str, who: str) -> int:
        path.write_bytes(other)
        return open_locked(name, who)

    monkeypatch.setattr("vanish.sweeps.journal.open_locked", open_late)
    message = refused(f"{GRID} -j 1 -o", path)
    assert message.startswith(f"Error: {path}: it holds something else than the results of this")
    assert path.read_bytes() == other
    assert [*tmp_path.iterdir()] == [path]


def test_a_damaged_line_is_told_and_its_point_run_again(tmp_path: Path, expected: bytes) -> None:
    path = tmp_path / "x.csv"
    for quiet in ("", "--quiet"):
        with interrupted(path, "", 20):
            lines = part_of(path).read_bytes().splitlines(keepends=True)
            lines[7] = lines[7][:30] + b"#" + lines[7][31:]
            part_of(path).write_bytes(b"".join(lines))
            result = sweep(f"{GRID} -j 1 {quiet} --resume -o", path)
        told = f"{path}.part: 1 damaged line is left out: other points are kept\n"
        assert result == (0, b"", b"" if quiet else told.encode())
        assert path.read_bytes() == expected
        path.unlink()


# --- pipes ---


@pytest.mark.slow
def test_rows_are_piped_in_order_as_they_come(tmp_path: Path, gate: Gate) -> None:
    whole = good(f"{SLOW} --jobs 2 -f csv")
    with start(f"{SLOW} --jobs 2 -o - -q -f csv", tmp_path, gate=gate) as process:
        try:
            assert process.stdout is not None
            # The first line comes although the last ones cannot.
            first = os.read(process.stdout.fileno(), 1)
            assert process.poll() is None
            gate.open()
            text = first + process.stdout.read()
        finally:
            end_group(process.pid)
    assert text.count(b"\n") == 41
    assert text == whole


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_rows_go_to_a_pipe_with_a_name(tmp_path: Path, expected: bytes, jobs: int) -> None:
    command = f"{shlex.join([*VANISH, 'sweep'])} {GRID} -j {jobs} -f csv"
    script = f"{command} -o >(cat > x.csv); {command} -o /dev/null; mkfifo y; cat y > z & {command}"
    done = subprocess.run(
        ["bash", "-c", f"{script} -o y; wait"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        check=True,
    )
    assert (done.stdout, without_ranges(done.stderr)) == (b"", b"")
    assert (tmp_path / "z").read_bytes() == expected
    wait_until(lambda: (tmp_path / "x.csv").read_bytes() == expected)
    assert {path.name for path in tmp_path.iterdir()} == {"x.csv", "y", "z"}
    assert not Path("/dev/null.part").exists()
    assert "--resume beside --output /dev/null, which is no file" in refused(
        f"{GRID} --resume -f csv -o /dev/null"
    )


@pytest.mark.slow
def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    vanish_command = shlex.join([*VANISH, "sweep"])
    for jobs in (1, 2):
        done = subprocess.run(
            [
                "bash",
                "-c",
                f"{vanish_command} {SLOW} --jobs {jobs} -f csv | head -n 2;"
                " echo ${PIPESTATUS[0]}",
            ],
            env=environment(),
            capture_output=True,
            check=True,
            start_new_session=True,
        )
        lines = done.stdout.splitlines()
        assert (len(lines), lines[-1], without_ranges(done.stderr)) == (3, b"0", b"")


@pytest.mark.slow
def test_rows_pass_through_a_shell() -> None:
    script = (
        f"{shlex.join([*VANISH, 'sweep'])} --act sigmoid --layers 1:60:60 --width 8 -q -f csv"
        " | awk -F, '$22 == \"stable\" { deepest = $3 } END { print deepest }'"
    )
    done = subprocess.run(
        ["bash", "-c", script], env=environment(), capture_output=True, check=True
    )
    deep = max(
        n
        for n in range(1, 61)
        if vanish.simulate(act="sigmoid", layers=n, width=8).verdict is vanish.Verdict.STABLE
    )
    assert done.stdout.decode().strip() == str(deep)


# --- Ctrl-C ---


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("whom", ["group", "parent"])
def test_an_interrupt_keeps_the_points_and_says_how_to_go_on(
    tmp_path: Path, gate: Gate, jobs: int, whom: str
) -> None:
    part = tmp_path / "x.csv.part"
    with start(f"{SLOW} -o x.csv --jobs {jobs}", tmp_path, gate=gate) as process:
        try:
            # In the middle of a point that would not end by itself.
            wait_until(lambda: gate.is_reached() and lines_in(part) > 2, process)
            (os.killpg if whom == "group" else os.kill)(process.pid, signal.SIGINT)
            stdout, stderr = process.communicate(timeout=PATIENCE)
            wait_for_nobody(process.pid)
        finally:
            end_group(process.pid)
    kept = lines_in(part) - 1
    message = b"stopped: %d of 40 points are in x.csv.part: give --resume to go on\n" % kept
    assert (process.returncode, stdout, without_ranges(stderr)) == (130, b"", message)
    assert 2 <= kept <= 10
    assert [path.name for path in tmp_path.iterdir()] == ["x.csv.part"]


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interrupt_of_a_pipe_is_quiet(tmp_path: Path, gate: Gate, jobs: int) -> None:
    with start(f"{SLOW} --jobs {jobs} -q -o -", tmp_path, gate=gate) as process:
        try:
            assert process.stdout is not None
            assert os.read(process.stdout.fileno(), 1)
            os.killpg(process.pid, signal.SIGINT)
            _, stderr = process.communicate(timeout=PATIENCE)
            wait_for_nobody(process.pid)
        finally:
            end_group(process.pid)
    assert (process.returncode, stderr) == (130, b"")


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_the_sweep_and_none_keeps_its_lock(
    tmp_path: Path, gate: Gate, sent: signal.Signals
) -> None:
    with start(f"{SLOW} --jobs 2 -q -o x.csv", tmp_path, gate=gate) as process:
        try:
            wait_until(gate.is_reached, process)
            process.send_signal(sent)
            process.wait()
            # At once, while workers may live that have not noticed yet.
            again = run("sweep", *shlex.split(SLOW), "--resume", "-q", "-o", f"{tmp_path}/x.csv")
            wait_for_nobody(process.pid)
        finally:
            end_group(process.pid)
    assert (again.status, again.stderr) == (0, b"")
    assert (tmp_path / "x.csv").read_bytes() == good(f"{SLOW} -f csv -j 1")


# --- kill -9 ---


@pytest.mark.slow
@pytest.mark.parametrize(("whom", "seed"), [("all", 0), ("collector", 1), ("worker", 2)])
def test_a_sweep_whose_processes_are_killed_ends_with_the_same_bytes(
    tmp_path: Path, whom: str, seed: int
) -> None:
    assert kill_often(whom, 6, tmp_path, np.random.default_rng(seed)).total() == 6


@pytest.mark.slow
@pytest.mark.parametrize("where", ["replace", "unlink", "write"])
def test_a_sweep_killed_while_it_writes_the_file_goes_on(
    tmp_path: Path, where: str, expected: bytes
) -> None:
    program = f"""
import os, sys, pathlib
from vanish.__main__ import main
where = {where!r}
def die(*_, **__): os._exit(99)
if where == "replace": pathlib.Path.replace = die
if where == "unlink": pathlib.Path.unlink = die
if where == "write":
    from vanish.cli import collect, output
    collect._LOT = 2
    really, calls = output.Destination.list_rows, []
    def list_rows(self, *args, **kwargs):
        calls.append(1)
        return really(self, *args, **kwargs) if len(calls) < 12 else die()
    output.Destination.list_rows = list_rows
sys.exit(main())
"""
    path = tmp_path / "x.csv"
    done = subprocess.run(
        [sys.executable, "-c", program, "sweep", *shlex.split(GRID), "--jobs=2", "-o", path],
        env=environment(),
        check=False,
        capture_output=True,
        start_new_session=True,
    )
    assert (done.returncode, without_ranges(done.stderr)) == (99, b"")
    assert part_of(path).exists()
    assert path.exists() == (where == "unlink")
    assert good(f"{GRID} --resume -o", path) == b""
    assert path.read_bytes() == expected
    assert not part_of(path).exists()


# --- progress ---


@pytest.mark.slow
def test_a_terminal_sees_how_far_it_is_and_stdout_has_only_data(tmp_path: Path) -> None:
    command = f"{shlex.join([*VANISH, 'sweep'])} {SIXTY} --jobs 1 -f csv"
    status, text = run_in_terminal(f"{command} > {tmp_path}/x.csv", columns=120)
    assert status == 0
    for word in (" of 60 points, ", " a second, ", " to go: ", "seed="):
        assert word in text
    assert lines_in(tmp_path / "x.csv") == 61
    assert b"to go" not in (tmp_path / "x.csv").read_bytes()
    status, text = run_in_terminal(f"{command} --quiet > {tmp_path}/y.csv")
    assert (status, text) == (0, "")
    assert (tmp_path / "y.csv").read_bytes() == (tmp_path / "x.csv").read_bytes()


def test_a_log_gets_a_line_a_minute(monkeypatch: pytest.MonkeyPatch, expected: bytes) -> None:
    assert sweep(f"{GRID} -j 1 -f csv") == (0, expected, b"")  # it takes less
    monkeypatch.setattr(progress, "_LOG_EVERY", 0.0)
    result = sweep(f"{GRID} -j 1 -f csv")
    assert (result.status, result.stdout) == (0, expected)
    lines = result.stderr.decode().splitlines()
    assert lines
    for line in lines:
        assert line.startswith("vanish sweep: ")
        assert " of 24 points, " in line
        assert " a second, 0:00:0" in line
        assert " to go: act=" in line
    assert lines[-1].startswith("vanish sweep: 24 of 24 points, ")
    assert lines[-1].endswith("0:00:00 to go: act=relu layers=8 weight_std=2")
    assert sweep(f"{GRID} -j 1 -f csv --quiet") == (0, expected, b"")


def test_what_was_done_before_counts_as_done_but_not_for_the_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_LOG_EVERY", 0.0)
    path = tmp_path / "x.csv"
    with interrupted(path, "", 20):
        result = sweep(f"{GRID} -j 1 --resume -o", path)
    counts = [line.split()[2] for line in result.stderr.decode().splitlines()]
    assert counts[0] in {"21", "22", "23", "24"}
    assert counts[-1] == "24"


# --- what people see ---

SHOWN = {
    "map": ("--act tanh --layers 4:20:5 --width 8 --weight-std 0.5:3:6", 0),
    "two maps": (
        "--act sigmoid,relu --layers 4,12,40 --width 8 --weight-std 0.25:4:16 --seed 1",
        0,
    ),
    "bias": (
        "--act tanh --layers 30 --width 32 --weight-std 0.5:3:11 --bias-std 0:1:5",
        0,
    ),
    "failed": (
        "--act softplus --layers 3,4 --width 4 --init auto,he_normal --gain 1,1e300",
        1,
    ),
    "trials": (
        "--act relu,tanh --init auto,orthogonal --layers 25 --width 4 --trials 40",
        0,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SHOWN)
def test_a_table_is_drawn_as_it_was(name: str) -> None:
    options, status = SHOWN[name]
    result = sweep(f"{options} -j 1 -f table --quiet")
    assert (result.status, result.stderr) == (status, b"")
    check(f"sweep_{name.replace(' ', '_')}", result.stdout.decode())


def test_a_terminal_of_ascii_has_a_map_too() -> None:
    options = shlex.split(SHOWN["map"][0])
    env = {"TERM": "dumb", "PYTHONIOENCODING": "ascii"}
    status, text = run_in_terminal([*VANISH, "sweep", *options], env=env)
    assert status == 0
    check("sweep_ascii", text)


@pytest.mark.slow
def test_a_terminal_sees_the_map_of_a_file_too(tmp_path: Path) -> None:
    options = shlex.split(SHOWN["map"][0])
    command = [*VANISH, "sweep", *options, "-o", str(tmp_path / "x.csv")]
    status, text = run_in_terminal(command, env={"NO_COLOR": "1"})
    assert status == 0
    drawn = sweep(f"{SHOWN['map'][0]} -f table").stdout
    assert without_ranges(without_progress(text).encode()) == drawn
    assert lines_in(tmp_path / "x.csv") == 31
    assert run_in_terminal([*command, "--quiet"]) == (0, "")


def test_a_map_tells_activations_apart_that_share_their_last_one() -> None:
    text = sweep(
        "--act relu,tanh --last-act identity --layers 3,9 --weight-std 0.3,1 --width 8 -f table"
    ).stdout.decode()
    assert text.count("\nrelu") == 2
    assert text.count("\ntanh") == 2


# --- figures ---


def panels(options: str) -> tuple[Any, list[Axes]]:
    """Return the figure of a grid, and its maps without the colour bar."""
    objects = [
        json.loads(line) for line in sweep(f"{options} -j 1 -f jsonl -q").stdout.splitlines()
    ]
    axes: dict[str, list[Any]] = {}
    for name in ("act", "layers", "width", "weight_std", "bias_std", "gain", "init"):
        values = [*dict.fromkeys(row[name] for row in objects if row[name] is not None)]
        if f"--{name.replace('_', '-')} " in f"{options} ":
            axes[name] = values
    figure = sweep_figure(Grid(axes), objects)
    return figure, [each for each in figure.axes if each.get_title()]


def critical_lines(axes: Axes) -> list[Any]:
    return [line for line in axes.lines if "critical" in str(line.get_label())]


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_a_figure_is_written_beside_the_rows(tmp_path: Path, suffix: str, expected: bytes) -> None:
    magic = {"png": b"\x89PNG\r\n\x1a\n", "svg": b"<?xml version", "pdf": b"%PDF-1."}
    figure = tmp_path / f"x.{suffix}"
    assert good(f"{GRID} -f csv -j 1 --plot", figure) == expected
    once = figure.read_bytes()
    assert once.startswith(magic[suffix])
    good(f"{GRID} -j 2 -o {tmp_path}/x.csv --plot", figure)
    assert figure.read_bytes() == once


def test_the_critical_line_is_where_theory_has_it() -> None:
    figure, (relu, tanh) = panels("--act relu,tanh --layers 3,9 --width 8 --weight-std 0.5:3:6")
    assert [each.get_title() for each in (relu, tanh)] == ["relu", "tanh"]
    for axes, where in ((relu, math.sqrt(2.0)), (tanh, 1.0)):
        (line,) = critical_lines(axes)
        assert np.asarray(line.get_xdata(), dtype=float) == pytest.approx(where, abs=1e-9)
    figure.canvas.draw()

    _, (axes,) = panels("--act tanh --layers 3 --width 8 --weight-std 0.5:3:6 --bias-std 0:0.5:3")
    (line,) = critical_lines(axes)
    # Smooth from end to end, the three bias_std of the grid among its places.
    found = dict(zip(*map(np.ndarray.tolist, line.get_data()[::-1]), strict=True))
    assert (min(found), max(found), len(found) > 50) == (0.0, 0.5, True)
    for bias_std, weight_std in found.items():
        critical = theory.critical(activations.get("tanh"), bias_std).weight_std
        assert weight_std == pytest.approx(critical, rel=1e-12)


def test_there_is_no_critical_line_where_weight_std_is_no_axis() -> None:
    for options in (
        "--act tanh --layers 3,9 --width 8,16",
        "--act relu --layers 3,9 --weight-std 0.1,0.2 --width 8",
    ):
        _, (axes,) = panels(options)
        assert critical_lines(axes) == []


def test_the_critical_line_heeds_the_gain() -> None:
    _, (axes,) = panels("--act relu --layers 3,9 --width 8 --weight-std 0.5:3:6 --gain 2")
    (line,) = critical_lines(axes)
    assert np.asarray(line.get_xdata(), dtype=float) == pytest.approx(math.sqrt(0.5), abs=1e-9)


def test_dead_points_are_crosses_and_failed_ones_blank() -> None:
    figure, (axes,) = panels("--act relu --layers 3,40 --width 2 --weight-std 0.5,1,2")
    (crosses,) = [line for line in axes.lines if line.get_label() == "exactly 0"]
    dead = [
        (std, layers)
        for layers in (3, 40)
        for std in (0.5, 1.0, 2.0)
        if vanish.simulate(act="relu", layers=layers, width=2, weight_std=std).verdict
        is vanish.Verdict.DEAD
    ]
    assert dead
    places = np.asarray(crosses.get_xydata()).tolist()
    assert sorted(map(tuple, places)) == sorted(dead)
    figure.canvas.draw()

    figure, (axes,) = panels("--act tanh --layers 2,3 --width 4 --weight-std 1,1e300 --gain 1e200")
    decades = axes.collections[0].get_array()
    assert decades is not None
    assert np.isnan(np.ma.filled(decades, np.nan)).any()
    figure.canvas.draw()


def test_the_map_shows_decades_a_layer_at_their_place() -> None:
    _, (axes,) = panels("--act tanh --layers 9,3 --width 8 --weight-std 2,0.5,1 --engine dense")
    found = np.asarray(axes.collections[0].get_array()).reshape(2, 3)
    expected = [
        [
            vanish.simulate(
                Settings(act="tanh", layers=layers, width=8, weight_std=std, engine="dense")
            ).decades_per_layer
            for std in (0.5, 1.0, 2.0)
        ]
        for layers in (3, 9)
    ]
    assert found.tolist() == expected


def test_a_figure_of_activations_that_share_their_last_one(tmp_path: Path) -> None:
    figure = tmp_path / "x.svg"
    good(
        "--act relu,tanh --last-act identity --layers 3,9 --weight-std 0.3,2 --width 8 -f csv"
        f" --plot {figure}"
    )
    assert figure.exists()


def test_a_finished_file_is_known_by_what_is_in_its_inputs(tmp_path: Path) -> None:
    path, weights = tmp_path / "o.csv", tmp_path / "w.npz"
    grid = f"--weights {weights} --act tanh --seed 0,1 -o"

    def save(seed: int) -> None:
        draw = np.random.default_rng(seed).standard_normal
        np.savez(weights, W1=draw((4, 4)), W2=draw((4, 4)))

    save(0)
    assert sweep(grid, path).status == 0
    before = path.read_bytes()
    assert b"is complete" in sweep(f"{grid[:-2]} --resume -o", path).stderr
    save(1)
    assert "results of another grid" in refused(f"{grid[:-2]} --resume -o", path)
    assert "something else than the results of this grid" in refused(grid, path)
    assert path.read_bytes() == before
    assert sweep(f"{grid[:-2]} --force -o", path).status == 0
    assert path.read_bytes() != before


def test_numbers_by_letters_are_told_apart_to_the_last_digit(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    line = "--block prenorm --layers 3 --width 4 -q -o"
    assert good(f"{line} {path} --weight-std W=1.23456789,V=2") == b""
    (row,) = csv.DictReader(io.StringIO(path.read_text()))
    assert row["weight_std"] == "W=1.23456789,V=2"
    assert "results of another grid" in refused(
        f"{line} {path} --resume --weight-std W=1.2345678,V=2"
    )
    assert good(f"{line} {path} --resume --weight-std W=1.23456789,V=2") == b""
    theory = "theory --block prenorm --act relu --weight-std W=1.23456789,V=2 -f csv --columns"
    text = run_in_process(*theory.split(), "weight_std_by_letter").stdout.decode()
    assert "W=1.23456789" in text


@pytest.mark.parametrize("name", ["007", "1e3", "0.50", "true", "nan"])
@pytest.mark.parametrize("form", ["csv", "tsv"])
def test_a_text_that_reads_as_a_number_is_known_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_text("1 2 3\n")
    for more in ("", "--per-layer"):
        line = f"--layers 2 --width 3 --act relu --input {name} -q -o x{more}.{form} {more}"
        assert good(line) == b""
        assert good(f"{line} --resume") == b""
    # And it is no other one that reads as the same number.
    Path("7").write_text("1 2 3\n")
    assert "results of another grid" in refused(f"{line} --resume".replace(name, "7"))


def test_a_point_that_failed_says_its_letters_as_they_are_given(tmp_path: Path) -> None:
    line = "sweep --block residual,prenorm --weight-std W=1,V=2.5 --layers 3 --width 4 -j 1 -f csv"
    found = run_in_process(*line.split())
    rows = [*csv.DictReader(io.StringIO(found.stdout.decode()))]
    assert [row["weight_std"] for row in rows] == ["W=1,V=2.5"] * 2
    assert [bool(row["error"]) for row in rows] == [True, False]
    path = tmp_path / "x.csv"
    assert run_in_process(*line.split(), "-q", "-o", str(path)).status == 1
    again = run_in_process(*line.split(), "-q", "-o", str(path), "--resume")
    assert (again.status, again.stderr) == (1, b"")


def test_a_point_that_failed_for_its_size_is_known_again(tmp_path: Path) -> None:
    path = tmp_path / "o.csv"
    line = "--layers 10,1000000000000 -o"
    assert sweep(line, path).status == 1
    assert b"is complete" in sweep(f"{line[:-2]} --resume -o", path).stderr


def test_a_finished_file_with_numbers_beyond_float64_is_known(tmp_path: Path) -> None:
    path, x = tmp_path / "o.csv", tmp_path / "x.txt"
    x.write_text(" ".join(["0.5"] * 8) + "\n")
    line = f"--per-layer --input {x} --act sigmoid --layers 700 --width 8 -o"
    assert sweep(line, path).status == 0
    assert b"e-4" in path.read_bytes()
    assert b"is complete" in sweep(f"{line[:-2]} --resume -o", path).stderr
