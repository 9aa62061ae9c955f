"""Outputs are checked before the work; several are written all of them or none."""

from __future__ import annotations

import contextlib
import os
import shlex
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from command import VANISH, Result, environment, run_in_process

from vanish.errors import OutputError
from vanish.system.atomic import Files, check_outputs, is_stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Where the work of a command begins, behind all that is cheap.
WORK = (
    *("simulation.run.compare", "simulation.run.Simulation", "training.run.train_all"),
    *("sweeps.run.run", "theories.infinitewidth.point", "lessons.collapse.collapse"),
    *("lessons.derivation.Derivation", "network.activations.get"),
)

# Every command with each of its outputs last: the name of a file is to follow.
COMMANDS = {
    "-o": "--act relu --format tsv -o",
    "--plot": "--act relu --plot",
    "--save-weights": "--act relu --save-weights",
    "train -o": "train --format tsv -o",
    "train --plot": "train --plot",
    "sweep -o": "sweep --layers 2,3 -j 1 --format csv -o",
    "sweep --plot": "sweep --layers 2,3 --gain 1,2 -j 1 --plot",
    "derive -o": "derive --format text -o",
    "fix -o": "fix --format tsv -o",
    "theory -o": "theory --act tanh --format tsv -o",
    "theory --plot": "theory --act tanh --weight-std 1:3:3 --plot",
    "acts -o": "acts relu --format tsv -o",
    "acts --plot": "acts relu --plot",
    "collapse -o": "collapse --format tsv -o",
}


class BegunError(Exception):
    """The work has begun."""


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def begin(*_: Any, **__: Any) -> None:
        raise BegunError

    for place in WORK:
        monkeypatch.setattr(f"vanish.{place}", begin)


def with_suffix(command: str, stem: str) -> str:
    if stem in ("", ".", "directory") or stem.endswith("/"):
        return stem
    return f"{stem}{'.png' if command.endswith('plot') else '.csv'}"


def one_line(result: Result) -> str:
    message = result.stderr.decode()
    assert (result.status, result.stdout) == (2, b"")
    assert message.startswith("Error: ")
    assert message.count("\n") == 1
    return message


def files_in(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with what cannot be written in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_bytes(b"old")
    for suffix in (".png", ".csv"):
        (tmp_path / f"loop{suffix}").symlink_to(f"other{suffix}")
        (tmp_path / f"other{suffix}").symlink_to(f"loop{suffix}")
        (tmp_path / f"nowhere{suffix}").symlink_to(f"missing/x{suffix}")
        (tmp_path / f"folder{suffix}").mkdir()
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(f"socket{suffix}")
    return tmp_path


BAD = {
    "missing/x": "there is no directory missing",
    "missing/deeper/x": "there is no directory missing/deeper",
    "nowhere": "there is no directory ",
    "file/x": "not a directory",
    "loop": "too many levels of symbolic links",
    "loop.csv/x": "too many levels of symbolic links",
    "x" * 252: "file name too long: give a shorter name",
    f"{'x' * 256}/x": "file name too long: give a shorter name",
    "folder": "a directory",
    "socket": "a socket",
    # Root may write there, as far as permissions go; but nobody can.
    "/proc/x": "no such file or directory",
    "/proc/self/x": "no such file or directory",
}


@pytest.mark.slow
@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("command", COMMANDS)
def test_what_cannot_be_written_is_refused_before_the_work(command: str, place: Path) -> None:
    before = files_in(place)
    # One place checks them all.
    often = command in ("-o", "--plot", "sweep -o")
    for bad, says in BAD.items() if often else [*BAD.items()][::4]:
        name = with_suffix(command, bad)
        message = one_line(run_in_process(*shlex.split(COMMANDS[command]), name))
        assert name in message
        assert says in message
        assert files_in(place) == before


@pytest.mark.slow
@pytest.mark.usefixtures("no_work", "place")
@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_no_name_of_a_file_is_refused_before_the_work(command: str) -> None:
    for name in ("", ".", "..", "folder.csv/..", "new.png/", "file/"):
        one_line(run_in_process(*shlex.split(COMMANDS[command]), name))


@pytest.mark.usefixtures("no_work", "place")
@pytest.mark.parametrize("command", COMMANDS)
def test_what_can_be_written_lets_the_work_begin(command: str) -> None:
    # That is what says of the tests above that they would notice.
    with pytest.raises(BegunError):
        run_in_process(*shlex.split(COMMANDS[command]), with_suffix(command, "good"))


@pytest.mark.usefixtures("no_work", "place")
def test_the_journal_needs_a_name_too() -> None:
    command = shlex.split(COMMANDS["sweep -o"])
    for length in (251, 247):
        name = f"{'x' * length}.csv"
        assert f"{name}.part: file name too long" in one_line(run_in_process(*command, name))
    Path("x.csv.part").mkdir()
    assert "x.csv.part: a directory" in one_line(run_in_process(*command, "x.csv"))
    with pytest.raises(BegunError):
        run_in_process(*command, f"{'x' * 246}.csv")


@pytest.mark.usefixtures("no_work")
def test_the_temporary_file_needs_room_for_its_name_too(place: Path) -> None:
    # The deepest directory in which x.csv has a path, but .vanish-… has none.
    deep = place
    while len(str(deep)) < 4095 - 256:
        deep /= "d" * 200
    deep /= "d" * (4095 - len(str(deep)) - len("/x.csv") - 1)
    made = place
    for part in deep.relative_to(place).parts:
        made /= part
        made.mkdir()
    assert os.access(deep, os.W_OK)
    (deep / "x.csv").write_bytes(b"old")
    message = one_line(run_in_process(*shlex.split(COMMANDS["-o"]), str(deep / "x.csv")))
    assert "file name too long: give a shorter name" in message
    assert [path.read_bytes() for path in deep.iterdir()] == [b"old"]


@contextlib.contextmanager
def somebody_else() -> Iterator[None]:
    """Be somebody whom permissions hold back, even where root runs the tests."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.usefixtures("no_work")
@pytest.mark.skipif(os.geteuid() != 0, reason="makes files of two users")
def test_in_a_directory_such_as_tmp_a_file_is_its_owners() -> None:
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o1777)
        path = Path(directory, "x.csv")
        path.write_bytes(b"old")
        path.chmod(0o666)
        with somebody_else():
            message = one_line(run_in_process(*shlex.split(COMMANDS["-o"]), str(path)))
            assert "read-only" in message
            path.write_bytes(b"as any other program may")
            Path(directory, "mine.csv").write_bytes(b"")
            with pytest.raises(BegunError):
                run_in_process(*shlex.split(COMMANDS["-o"]), f"{directory}/mine.csv")


PAIRS = {
    "main": "--act relu --format csv -o {} --plot {}",
    "weights": "--act relu --format csv -o {} --save-weights {}",
    "both": "--act relu --plot {} --save-weights {}",
    "train": "train --format csv -o {} --plot {}",
    "sweep": "sweep --layers 2,3 --gain 1,2 --format csv -o {} --plot {}",
    "theory": "theory --weight-std 1:3:3 --format csv -o {} --plot {}",
    "acts": "acts relu --format csv -o {} --plot {}",
}
SAME = [
    ("x.png", "x.png"),
    ("x.png", "./x.png"),
    ("x.png", "folder.csv/../x.png"),
    ("link.png", "x.png"),
    ("link.png", "again.png"),
    ("{here}/x.png", "x.png"),
    ("inside/x.png", "x.png"),
    ("pipe.png", "to_pipe.png"),
]


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("pair", PAIRS)
def test_two_outputs_that_are_one_file_are_refused(pair: str, place: Path) -> None:
    Path("link.png").symlink_to("x.png")
    Path("again.png").symlink_to("link.png")
    Path("inside").symlink_to(".")
    os.mkfifo("pipe.png")
    Path("to_pipe.png").symlink_to("pipe.png")
    for names in SAME if pair == "main" else SAME[:2]:
        first, second = (name.format(here=place) for name in names)
        for line in (PAIRS[pair].format(first, second), PAIRS[pair].format(second, first)):
            assert "the same file as " in one_line(run_in_process(*shlex.split(line)))


# What is read, and where the results may not go.
READING = {
    "weights": "--act relu --weights {} -f csv -o {}",
    "input": "--act relu --input {} -f csv -o {}",
    "target": "--act relu --loss mse --target {} -f csv -o {}",
    "steps": "--act tanh --block rnn --steps {} -f csv -o {}",
    "saved": "--act relu --weights {} --save-weights {}",
    "data": "train --data {} -f csv -o {}",
    "derive": "derive --values --weights {} --format text -o {}",
    "grid": "sweep --weights {} -f csv -o {}",
    "second of a grid": "sweep --input u.txt --input {} -f csv -o {}",
    "config": "sweep --config {} -f csv -o {}",
}


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("reading", READING)
def test_what_is_read_is_not_written_over(reading: str, place: Path) -> None:
    Path("link.png").symlink_to("x.png")
    Path("x.png").write_bytes(b"layers = 2\n" if reading == "config" else b"1 2\n")
    Path("u.txt").write_bytes(b"1 2\n")
    before = files_in(place)
    for read, written in SAME[:2] + SAME[3:4]:
        message = one_line(run_in_process(*shlex.split(READING[reading].format(read, written))))
        assert message == (
            f"Error: {written}: the same file as {read}, which is read: give another name\n"
        )
        assert files_in(place) == before


def test_a_device_may_be_named_twice() -> None:
    check_outputs("/dev/null", "/dev/null")
    line = "--act relu -n 3 --format csv -q -o /dev/null --save-weights /dev/null"
    assert run_in_process(*shlex.split(line)) == (0, b"", b"")


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("pair", PAIRS)
def test_neither_is_written_if_one_cannot_be(pair: str, place: Path) -> None:
    before = files_in(place)
    for names in (("good.png", "missing/x.png"), ("missing/x.png", "good.png")):
        message = one_line(run_in_process(*shlex.split(PAIRS[pair].format(*names))))
        assert "missing/x.png" in message
        assert files_in(place) == before


@pytest.mark.usefixtures("no_work")
def test_a_closed_stdout_is_told_before_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vanish.cli.streams.sys.stdout", None)
    from vanish.cli.output import Destination  # noqa: PLC0415 - only this test needs it

    with pytest.raises(OutputError, match="standard output is closed"):
        Destination.choose("tsv", None)


# Together or not at all, when something goes wrong in the middle of writing.


def write(names: list[str], between: Callable[[], object] = lambda: None) -> None:
    with Files() as files:
        for name in names:
            with files.open(name) as stream:
                stream.write(f"new {name}".encode())
        between()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_all_are_written(here: Path) -> None:
    Path("b").write_bytes(b"old b")
    write(["a", "b", "c"])
    assert files_in(here) == {name: f"new {name}".encode() for name in "abc"}


@pytest.mark.parametrize("at", range(3))
@pytest.mark.parametrize("old", ["", "a", "ab", "abc"])
def test_those_that_have_taken_their_places_give_them_back(here: Path, at: int, old: str) -> None:
    for name in old:
        Path(name).write_bytes(f"old {name}".encode())
    before = files_in(here)

    def hinder() -> None:
        # No file can take the place of a directory.
        (here / "abc"[at]).unlink(missing_ok=True)
        (here / "abc"[at]).mkdir()
        before.pop("abc"[at], None)

    with pytest.raises(OutputError, match=f"{'abc'[at]}: is a directory"):
        write(["a", "b", "c"], hinder)
    assert files_in(here) == before
    assert {path.name for path in here.iterdir()} == {*before, "abc"[at]}


@pytest.mark.parametrize("old", ["", "ab"])
def test_without_hard_links_new_files_are_still_taken_back(
    here: Path, old: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError(1, os.strerror(1))

    monkeypatch.setattr(os, "link", no_links)
    for name in old:
        Path(name).write_bytes(b"old")
    with pytest.raises(OutputError):
        write([*"abcd"], Path("d").mkdir)
    # What was there cannot be put back then; nothing is lost beside it.
    assert files_in(here) == {name: f"new {name}".encode() for name in old}


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, ValueError, OSError])
def test_an_exception_between_two_files_leaves_both_as_they_were(
    here: Path, error: type[BaseException]
) -> None:
    Path("b").write_bytes(b"old b")

    def fail() -> None:
        raise error

    with pytest.raises(error):
        write(["a", "b"], fail)
    assert files_in(here) == {"b": b"old b"}


def shell(script: str) -> Result:
    vanish = f'vanish() {{ {shlex.join(VANISH)} "$@"; }}\n'
    done = subprocess.run(
        ["bash", "-c", vanish + script],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=environment(),
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


@pytest.mark.slow
def test_nothing_is_written_if_stdout_is_full(here: Path) -> None:
    result = shell("vanish --act relu -n 3 -q --plot x.png --save-weights x.npz > /dev/full")
    assert b"standard output: no space left" in one_line(result).encode()
    assert files_in(here) == {}


@pytest.mark.slow
def test_files_are_written_if_stdouts_reader_has_seen_enough(here: Path) -> None:
    result = shell(
        "vanish --act relu -n 300 -w 2 -q -f jsonl --save-weights x.npz | head -n 1 > one;"
        " echo ${PIPESTATUS[0]}"
    )
    assert result == (0, b"0\n", b"")
    assert files_in(here)["x.npz"].startswith(b"PK")


@pytest.mark.slow
@pytest.mark.parametrize("device", ["/dev/full", "pipe"])
def test_a_device_that_fails_takes_the_others_with_it(here: Path, device: str) -> None:
    os.mkfifo("pipe")
    reader = "" if device == "/dev/full" else "(exec 3< pipe) & "
    line = f"--act relu -n 300 -w 2 -q -f jsonl -o {device} --save-weights x.npz"
    result = shell(f"{reader}vanish {line}")
    assert device in one_line(result)
    assert files_in(here) == {}


@pytest.mark.slow
def test_a_weight_beyond_float64_leaves_no_figure(here: Path) -> None:
    line = "--act relu -n 3 --weight-std 1e9 --gain 1e300 --plot x.png --save-weights x.npz"
    assert "x.npz: W1 exceeds float64" in one_line(run_in_process(*shlex.split(line)))
    assert files_in(here) == {}


# A sweep and the file that is there.

GRID = "sweep --act tanh,relu --width 4 -j 1 -q"
LAYERS = "--layers=2,3"


def sweep(*more: str, layers: str = LAYERS) -> Result:
    return run_in_process(*shlex.split(GRID), layers, *more)


@pytest.mark.slow
@pytest.mark.parametrize(
    "other",
    [
        ("--layers=2,4",),
        ("--layers=2",),
        ("--layers=3,2",),
        (LAYERS, "--seed=1"),
        (LAYERS, "--per-layer"),
    ],
)
def test_another_grid_is_not_written_over_but_by_force(
    here: Path, other: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    layers, *more = other
    assert sweep("-o", "x.csv") == (0, b"", b"")
    before = files_in(here)
    with monkeypatch.context() as patch:
        patch.setattr("vanish.sweeps.run.run", lambda *_: pytest.fail("it has begun"))
        message = one_line(sweep(*more, "-o", "x.csv", layers=layers))
    assert message.startswith("Error: x.csv: it holds something else than the results of this grid")
    assert "--force" in message
    assert files_in(here) == before
    assert sweep(*more, "-o", "x.csv", "--force", layers=layers) == (0, b"", b"")
    assert files_in(here) == {"x.csv": sweep(*more, "-f", "csv", layers=layers).stdout}


@pytest.mark.slow
@pytest.mark.parametrize("content", [b"my own notes\n", b"\xff\0", b"act,layers\n", b"\n"])
def test_what_is_no_result_is_not_written_over_but_by_force(here: Path, content: bytes) -> None:
    for name in ("x.csv", "x.tsv", "x.jsonl"):
        Path(name).write_bytes(content)
        assert f"Error: {name}: it holds" in one_line(sweep("-o", name))
        assert Path(name).read_bytes() == content
        assert sweep("-o", name, "--force") == (0, b"", b"")
        assert not list(here.glob("*.part"))


def test_an_empty_file_is_no_loss(here: Path) -> None:
    Path("x.csv").touch()
    assert sweep("-o", "x.csv") == (0, b"", b"")
    assert files_in(here) == {"x.csv": sweep("-f", "csv").stdout}


@pytest.mark.parametrize("other", [[], ["--no-header"], ["-f", "tsv"], ["-f", "jsonl"]])
def test_the_same_grid_is_written_anew_in_any_form(here: Path, other: list[str]) -> None:
    expected = sweep(*(other or ["-f", "csv"]), *(["-f", "csv"] if "--no-header" in other else []))
    assert sweep("-o", "x.csv") == (0, b"", b"")
    first = Path("x.csv").stat().st_ino
    assert sweep("-o", "x.csv", *other) == (0, b"", b"")
    assert Path("x.csv").stat().st_ino != first
    assert files_in(here) == {"x.csv": expected.stdout}


def test_force_keeps_an_unfinished_sweep(here: Path) -> None:
    sweep("-o", "x.csv")
    Path("x.csv.part").write_bytes(b"unfinished")
    before = files_in(here)
    assert "x.csv.part" in one_line(sweep("-o", "x.csv", "--force", layers="--layers=4"))
    assert files_in(here) == before


def test_force_beside_resume(here: Path) -> None:
    sweep("-o", "x.csv")
    # What is complete is left alone.
    first = Path("x.csv").stat().st_ino
    assert sweep("-o", "x.csv", "--resume", "--force").status == 0
    assert Path("x.csv").stat().st_ino == first
    # Of another grid there is nothing to go on with: it begins.
    assert sweep("-o", "x.csv", "--resume", "--force", layers="--layers=4") == (0, b"", b"")
    assert files_in(here) == {"x.csv": sweep("-f", "csv", layers="--layers=4").stdout}


def test_an_unfinished_sweep_that_was_forced_needs_force_again(here: Path) -> None:
    from vanish.sweeps.grid import Grid  # noqa: PLC0415 - only this test needs it
    from vanish.sweeps.journal import Journal  # noqa: PLC0415 - only this test needs it
    from vanish.sweeps.run import Task  # noqa: PLC0415 - only this test needs it

    sweep("-o", "x.csv", layers="--layers=4")
    grid = Grid({"act": ["tanh", "relu"], "layers": [2, 3], "width": [4]})
    with Journal("x.csv.part", Task(grid).header, len(grid)):
        pass
    before = files_in(here)
    assert "--force" in one_line(sweep("-o", "x.csv", "--resume"))
    assert files_in(here) == before
    assert sweep("-o", "x.csv", "--resume", "--force") == (0, b"", b"")
    assert files_in(here) == {"x.csv": sweep("-f", "csv").stdout}


@pytest.mark.slow
def test_a_figure_that_fails_leaves_the_results_in_the_journal(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    line = ["-o", "x.csv", "--gain=1,2", "--plot", "x.png"]
    with monkeypatch.context() as patch:
        patch.setattr("vanish.render.figure.save", fail)
        assert "x.png: no space left" in one_line(sweep(*line))
    assert [*files_in(here)] == ["x.csv.part"]
    assert sweep(*line, "--resume").status == 0
    assert {*files_in(here)} == {"x.csv", "x.png"}


# Standard output is one of the files.


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "target"),
    [
        ("-f csv --save-weights /dev/stdout", "| cat"),
        ("-f csv --save-weights /dev/stdout", "> x.npz"),
        ("-f csv -o - --save-weights /dev/fd/1", "| cat"),
        ("-f csv --save-weights x.npz", "> x.npz"),
        ("-f csv --plot x.png", "> x.png"),
    ],
)
def test_no_file_is_mixed_with_what_goes_to_standard_output(
    here: Path, options: str, target: str
) -> None:
    result = shell(f"set -o pipefail; vanish --act relu --layers 2 -q {options} {target}")
    assert "the same file as standard output, where the result goes" in one_line(result)
    assert [*files_in(here).values()] in ([], [b""])


@pytest.mark.slow
def test_weights_go_to_standard_output_where_nothing_else_does(here: Path) -> None:
    line = "vanish --act relu --layers 2 -q -f csv --save-weights /dev/stdout"
    result = shell(f"{line} -o x.csv | cat")
    assert (result.status, result.stderr) == (0, b"")
    assert result.stdout.startswith(b"PK")
    assert files_in(here)["x.csv"].startswith(b"act,")
    # A device takes any number of outputs.
    assert shell(f"{line.replace('stdout', 'null')} > /dev/null").status == 0


# What is no file.


@pytest.mark.slow
def test_a_sweep_streams_into_a_pipe(here: Path) -> None:
    expected = sweep("-f", "csv").stdout
    os.mkfifo("pipe.csv")
    assert is_stream("pipe.csv")
    assert shell(f"cat pipe.csv & vanish {GRID} {LAYERS} -o pipe.csv; wait") == (0, expected, b"")
    assert shell(f"vanish {GRID} {LAYERS} -f csv -o >(cat; echo end >&2) | cat").stdout == expected
    assert shell(f"vanish {GRID} {LAYERS} -f csv -o /dev/stdout") == (0, expected, b"")
    assert shell(f"vanish {GRID} {LAYERS} -f csv -o /dev/full").status == 2
    assert {path.name for path in here.iterdir()} == {"pipe.csv"}
    assert "--resume beside --output pipe.csv" in one_line(sweep("-o", "pipe.csv", "--resume"))
