"""`vanish sweep`: its files, however it is stopped, resumed, shared out and watched."""

from __future__ import annotations

import contextlib
import csv
import functools
import io
import json
import math
import os
import random
import resource
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from command import VANISH, Result, check_error, environment, run, run_in_process, run_in_terminal
from snapshot import check

import vanish
from vanish import Settings, activations, memory, theory
from vanish.cli import progress
from vanish.grid import Grid
from vanish.render.figure import sweep_figure
from vanish.sweep import Task, columns, simulate_points

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
SLOW = "--act tanh --layers 250 --width 8 --seed 1:40:40"
SIXTY = SLOW.replace("40:40", "60:60")
MANY = SLOW.replace("40:40", "999:999")


def sweep(options: str, *more: str | Path) -> Result:
    return run_in_process("sweep", *shlex.split(options), *map(str, more))


def good(options: str, *more: str | Path) -> bytes:
    """Return what a sweep prints that has nothing to complain of."""
    result = sweep(options, *more)
    assert (result.status, result.stderr) == (0, b"")
    return result.stdout


def refused(options: str, *more: str | Path) -> str:
    """Return the one line that a sweep is refused with."""
    result = sweep(options, *more)
    return one_line(result)


def one_line(result: Result, status: int = 2) -> str:
    message = result.stderr.decode()
    assert result.status == status
    assert "Traceback" not in message
    assert message.startswith("Error: ")
    assert message.count("\n") == 1
    return message


def start(options: str, directory: Path, *, group: bool = True) -> subprocess.Popen[bytes]:
    """Start a sweep in a directory, in a process group of its own as a terminal would."""
    return subprocess.Popen(
        [*VANISH, "sweep", *shlex.split(options)],
        cwd=directory,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=group,
    )


def lines_in(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def wait_for_lines(path: Path, count: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until a journal has its header and so many results."""
    for _ in range(3000):
        if lines_in(path) > count or process.poll() is not None:
            break
        time.sleep(0.005)
    assert process.poll() is None, process.communicate()
    assert lines_in(path) > count


def members(group: int) -> list[int]:
    """Return the processes of a group that are not dead."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, its_group = path.read_text().rpartition(")")[2].split()[:3]
            if int(its_group) == group and state != "Z":
                found.append(int(path.parent.name))
    return found


def wait_for_nobody(group: int, seconds: float = 5.0) -> list[int]:
    """Wait for the last process of a group, and return who is left."""
    until = time.monotonic() + seconds
    while (left := members(group)) and time.monotonic() < until:
        time.sleep(0.02)
    return left


def end_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


@pytest.fixture(scope="module")
def expected() -> bytes:
    """GRID as csv."""
    return good(f"{GRID} --jobs 1 -f csv")


# --- what is written ---


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
        result = sweep("--layers 2,20000 --width 3 -j 1 -f csv")
        assert result.status == 1
        found.add(result.stdout)
    assert len(found) == 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--act tanh --jobs 0", "--jobs 0: give at least 1"),
        ("--layers 2 --memory x", "'x' is no amount of memory"),
        ("--layers 2 -o x.json", "no format is known by the suffix '.json'"),
        ("--layers 2 -f markdown", "unknown format 'markdown'"),
        ("--layers 2 -f table -o x.csv", "beside --format table"),
        ("--layers 2 -f table --no-header", "--no-header"),
        ("--layers 2 --resume", "--resume without --output: give the file"),
        ("--layers 2 --resume -o -", "--resume without --output: give the file"),
        ("--layers 2 --per-layer -f table", "--per-layer beside a table"),
        ("--layers 2 --plot x.gif", "--plot x.gif: give a name that ends in"),
        ("--layers 2,3 --plot x.png", "a grid in which layers vary: a phase diagram has two axes"),
        ("--layers 2 --plot x.png", "a grid in which nothing vary"),
        (
            "--layers 2,3 --width 2,3 --init auto,orthogonal --plot x.png",
            "layers, width, init vary",
        ),
        ("--layers 2,3 --width 2,3 --per-layer --plot x.png", "--per-layer beside a table or"),
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


def part_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


@contextlib.contextmanager
def interrupted(path: Path, options: str, after: int) -> Iterator[None]:
    """Leave a journal of some results, as a sweep does that was killed."""
    grid = Grid(AXES)
    from vanish.journal import Journal  # noqa: PLC0415

    task = Task(grid, per_layer="--per-layer" in options)
    order = random.Random(after).sample(range(len(grid)), after)  # noqa: S311
    with Journal(str(part_of(path)), task.header, len(grid)) as journal:
        for each in simulate_points(task, order):
            journal.append([(each.point, (each.failed, each.rows))])
    yield
    assert not part_of(path).exists()


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


def test_points_that_are_there_are_not_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vanish import sweep as module  # noqa: PLC0415

    run_points: list[int] = []

    def simulate(task: Task, points: Sequence[int]) -> Any:
        run_points.extend(points)
        return simulate_points(task, points)

    monkeypatch.setattr(module, "simulate_points", simulate)
    path = tmp_path / "x.csv"
    with interrupted(path, "", 17):
        good(f"{GRID} -j 1 --resume -o", path)
    done = random.Random(17).sample(range(24), 17)  # noqa: S311
    assert run_points == sorted({*range(24)} - {*done})


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


def test_a_complete_file_is_drawn(tmp_path: Path) -> None:
    path, figure = tmp_path / "x.csv", tmp_path / "x.png"
    good(f"{GRID} -o", path)
    result = sweep(f"{GRID} --resume --plot {figure} -o", path)
    assert result.status == 0
    assert figure.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


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
    with pytest.raises(AssertionError), interrupted(path, "", 5):  # noqa: PT012 - it stays
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


def test_two_sweeps_of_one_file_do_not_mix(tmp_path: Path) -> None:
    with start(f"{SLOW} --jobs 1 -o x.csv", tmp_path) as first:
        try:
            wait_for_lines(tmp_path / "x.csv.part", 2, first)
            second = run("sweep", *shlex.split(SLOW), "--resume", "-o", str(tmp_path / "x.csv"))
            assert "x.csv.part: another sweep is writing it" in one_line(second)
            assert first.poll() is None
        finally:
            end_group(first.pid)


# --- pipes ---


def test_rows_are_piped_in_order_as_they_come() -> None:
    # 40 points of 50 ms: the first line comes long before the last.
    command = [*VANISH, "sweep", *shlex.split(SLOW), "--jobs", "2", "-o", "-", "-q", "-f", "csv"]
    whole = good(f"{SLOW} --jobs 2 -f csv")
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment(), bufsize=0) as process:
        assert process.stdout is not None
        first = os.read(process.stdout.fileno(), 1)
        still = process.poll() is None
        text = first + process.stdout.read()
    assert still
    assert text.count(b"\n") == 41
    assert text == whole


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
        assert (len(lines), lines[-1], done.stderr) == (3, b"0", b"")


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


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("whom", ["group", "parent"])
def test_an_interrupt_keeps_the_points_and_says_how_to_go_on(
    tmp_path: Path, jobs: int, whom: str
) -> None:
    part = tmp_path / "x.csv.part"
    # 200 ms a point: the workers are in the middle of one.
    options = "--act tanh --layers 1000 --width 8 --seed 1:40:40 -o x.csv"
    with start(f"{options} --jobs {jobs}", tmp_path) as process:
        try:
            wait_for_lines(part, 2, process)
            asked = time.monotonic()
            (os.killpg if whom == "group" else os.kill)(process.pid, signal.SIGINT)
            stdout, stderr = process.communicate(timeout=20)
            waited = time.monotonic() - asked
            left = wait_for_nobody(process.pid)
        finally:
            end_group(process.pid)
    kept = lines_in(part) - 1
    message = f"stopped: {kept} of 40 points are in x.csv.part: give --resume to go on\n"
    assert (process.returncode, stdout, stderr.decode()) == (130, b"", message)
    assert left == []
    assert kept >= 2
    assert [path.name for path in tmp_path.iterdir()] == ["x.csv.part"]
    assert waited < 5.0  # asked: a second or so, on a machine that does nothing else


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interrupt_of_a_pipe_is_quiet(tmp_path: Path, jobs: int) -> None:
    with start(f"{MANY} --jobs {jobs} -q -o -", tmp_path) as process:
        try:
            assert process.stdout is not None
            assert os.read(process.stdout.fileno(), 1)
            os.killpg(process.pid, signal.SIGINT)
            _, stderr = process.communicate(timeout=20)
            left = wait_for_nobody(process.pid)
        finally:
            end_group(process.pid)
    assert (process.returncode, stderr, left) == (130, b"", [])


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_the_sweep(tmp_path: Path, sent: signal.Signals) -> None:
    part = tmp_path / "x.csv.part"
    with start(f"{SLOW} --jobs 2 -o x.csv", tmp_path) as process:
        try:
            wait_for_lines(part, 2, process)
            process.send_signal(sent)
            process.wait()
            left = wait_for_nobody(process.pid)
            # What they would hold is the lock.
            again = run("sweep", *shlex.split(SLOW), "--resume", "-q", "-o", f"{tmp_path}/x.csv")
        finally:
            end_group(process.pid)
    assert (again.status, again.stderr) == (0, b"")
    assert left == []


# --- kill -9 ---


def test_a_sweep_killed_20_times_ends_with_the_same_bytes(tmp_path: Path) -> None:
    # 60 points of 20 ms, and 12,000 rows to write at the end.
    options = "--act tanh --layers 200 --width 4 --seed 1:60:60 --per-layer"
    whole = good(f"{options} --jobs 2 -f csv")
    path, part = tmp_path / "x.csv", tmp_path / "x.csv.part"
    chance = random.Random(20)  # noqa: S311
    kills, complete, phases = 0, 0, set()
    while kills < 20:
        with start(f"{options} --jobs 2 --resume -o x.csv", tmp_path) as process:
            try:
                process.wait(chance.uniform(0.05, 0.8))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                kills += 1
            _, stderr = process.communicate()
        assert process.returncode in (0, -signal.SIGKILL), stderr
        assert wait_for_nobody(process.pid) == []
        done = lines_in(part) - 1
        phases.add("begin" if done < 1 else "middle" if done < 60 else "end")
        # Whole or absent, at every moment.
        if path.exists():
            assert path.read_bytes() == whole
        if process.returncode == 0:
            complete += 1
            assert not part.exists()
            path.unlink()
    last = run("sweep", *shlex.split(options), "--resume", "-q", "-o", str(path))
    assert (last.status, last.stderr) == (0, b"")
    assert path.read_bytes() == whole
    assert not part.exists()
    assert phases  # which of them depends on the machine's load


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
    from vanish.cli import output
    really, calls = output.Destination.part, []
    def part(self, *args, **kwargs):
        calls.append(1)
        return really(self, *args, **kwargs) if len(calls) < 12 else die()
    output.Destination.part = part
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
    assert (done.returncode, done.stderr) == (99, b"")
    assert part_of(path).exists()
    assert path.exists() == (where == "unlink")
    assert good(f"{GRID} --resume -o", path) == b""
    assert path.read_bytes() == expected
    assert not part_of(path).exists()


# --- a cluster ---


class Cluster:
    """A Dask scheduler and workers on the loopback address, processes of this test."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._processes: list[subprocess.Popen[bytes]] = []
        self.workers: list[subprocess.Popen[bytes]] = []
        file = directory / "scheduler.json"
        self.scheduler = self._start("scheduler", "--port", "0", "--scheduler-file", str(file))
        for _ in range(2000):
            with contextlib.suppress(OSError, ValueError):
                self.address = str(json.loads(file.read_text())["address"])
                return
            assert self.scheduler.poll() is None
            time.sleep(0.01)
        raise AssertionError("no scheduler")

    def _start(self, what: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self._directory / f"{what}{len(self._processes)}.log").open("wb") as log:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", f"distributed.cli.dask_{what}"),
                    *("--host", "127.0.0.1", "--no-dashboard", *arguments),
                ],
                cwd=self._directory,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._processes.append(process)
        return process

    def add_worker(self) -> None:
        own = str(self._directory / f"worker{len(self.workers)}")
        options = ("--no-nanny", "--nthreads", "1", "--local-directory", own)
        self.workers.append(self._start("worker", self.address, *options))

    def wait_for_workers(self, count: int) -> None:
        program = (
            "import sys; from distributed import Client\n"
            "with Client(sys.argv[1], timeout='20s') as client:"
            " client.wait_for_workers(int(sys.argv[2]), timeout=30)"
        )
        subprocess.run(
            [sys.executable, "-c", program, self.address, str(count)],
            env=environment(),
            check=True,
            capture_output=True,
        )

    def close(self) -> None:
        for process in reversed(self._processes):
            process.kill()
            process.wait()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    pytest.importorskip("distributed", reason="the extra dask is not installed")
    directory = tmp_path / "cluster"
    directory.mkdir()
    found = Cluster(directory)
    try:
        yield found
    finally:
        found.close()


def test_a_cluster_that_loses_a_worker_writes_the_same_bytes(
    tmp_path: Path, cluster: Cluster
) -> None:
    options = f"{SLOW} --bias-std 0,0.1"
    without = run("sweep", *shlex.split(SLOW), "--scheduler", cluster.address, "-f", "csv")
    assert f"scheduler {cluster.address}: it has no workers: start some" in one_line(without)
    cluster.add_worker()
    cluster.add_worker()
    cluster.wait_for_workers(2)
    path, part = tmp_path / "x.csv", tmp_path / "x.csv.part"
    with start(f"{options} --scheduler {cluster.address} -o x.csv", tmp_path) as process:
        try:
            wait_for_lines(part, 12, process)
            cluster.workers[0].kill()
            stdout, stderr = process.communicate(timeout=60)
        finally:
            end_group(process.pid)
    assert (process.returncode, stdout, stderr) == (0, b"", b"")
    assert path.read_bytes() == good(f"{options} --jobs 2 -f csv")
    assert not part.exists()

    # And an interrupt leaves the cluster as it was.
    with start(f"{options} --scheduler {cluster.address} -o y.csv", tmp_path) as process:
        try:
            wait_for_lines(tmp_path / "y.csv.part", 2, process)
            os.killpg(process.pid, signal.SIGINT)
            stdout, stderr = process.communicate(timeout=20)
        finally:
            end_group(process.pid)
    assert (process.returncode, stdout) == (130, b"")
    assert stderr.startswith(b"stopped: ")
    assert stderr.count(b"\n") == 1
    assert cluster.workers[1].poll() is None

    # A scheduler that goes away is one line, and what was done is kept.
    with start(f"{options} --scheduler {cluster.address} --resume -o y.csv", tmp_path) as process:
        try:
            before = lines_in(tmp_path / "y.csv.part")
            wait_for_lines(tmp_path / "y.csv.part", before + 2, process)
            cluster.scheduler.kill()
            stdout, stderr = process.communicate(timeout=20)
        finally:
            end_group(process.pid)
    message = one_line(Result(process.returncode, stdout, stderr))
    assert cluster.address in message
    assert "--resume" in message
    assert good(f"{options} --resume -o", tmp_path / "y.csv") == b""
    assert (tmp_path / "y.csv").read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:1", "127.0.0.1:1", "nonsense://x:1", "tcp://x"]
)
def test_a_scheduler_that_is_not_there_is_one_line(tmp_path: Path, address: str) -> None:
    pytest.importorskip("distributed", reason="the extra dask is not installed")
    with start(f"{GRID} --scheduler {address} -o x.csv", tmp_path) as process:
        stdout, stderr = process.communicate(timeout=30)
    message = one_line(Result(process.returncode, stdout, stderr))
    assert f"scheduler {address}: " in message
    assert not [*tmp_path.iterdir()]


# --- progress ---


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


def test_a_terminal_sees_the_map_of_a_file_too(tmp_path: Path) -> None:
    options = shlex.split(SHOWN["map"][0])
    command = [*VANISH, "sweep", *options, "-o", str(tmp_path / "x.csv")]
    status, text = run_in_terminal(command, env={"NO_COLOR": "1"})
    assert status == 0
    assert text == sweep(f"{SHOWN['map'][0]} -f table").stdout.decode()
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
    _, (axes,) = panels("--act tanh --layers 9,3 --width 8 --weight-std 2,0.5,1")
    found = np.asarray(axes.collections[0].get_array()).reshape(2, 3)
    expected = [
        [
            vanish.simulate(
                Settings(act="tanh", layers=layers, width=8, weight_std=std)
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
