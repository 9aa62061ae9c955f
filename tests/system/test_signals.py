"""Ctrl-C, SIGTERM and SIGHUP: at known states of the program. At random ones: random_signals.py."""

from __future__ import annotations

import contextlib
import os
import pty
import shlex
import signal
import subprocess
import sys
from itertools import cycle
from typing import TYPE_CHECKING, Any

import pytest
from command import Result, environment, run_in_process
from processes import PATIENCE, end_group, members, wait_until
from sweep_runs import without_ranges

from vanish.system import signals
from vanish.system.atomic import Files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
EVERY = pytest.mark.parametrize("sent", STATUS, ids=lambda sent: sent.name)

# Whoever runs the tests may have switched some signals off: `nohup`, or `&` in a script.
SWITCHED_ON = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
"""
MAIN = "\nfrom vanish.__main__ import main\nsys.exit(main())\n"


@contextlib.contextmanager
def running(
    line: str, directory: Path, first: str = "", main: str = MAIN, **options: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command in a process group of its own, some Python before it."""
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    process: subprocess.Popen[bytes]
    with subprocess.Popen(
        [sys.executable, "-c", SWITCHED_ON + first + main, *shlex.split(line)],
        cwd=directory,
        env=environment(),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        **streams,
    ) as process:
        try:
            yield process
        finally:
            end_group(process.pid)


def run(line: str, directory: Path, first: str = "") -> Result:
    with running(line, directory, first) as process:
        return ended(process)


def ended(process: subprocess.Popen[bytes]) -> Result:
    stdout, stderr = process.communicate(timeout=PATIENCE)
    return Result(process.returncode, stdout, stderr)


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}


# While a file is written.


def is_written(directory: Path) -> bool:
    return any(path.stat().st_size for path in directory.glob(".vanish-*"))


@pytest.mark.slow
@EVERY
def test_no_temporary_file_stays(sent: signal.Signals, tmp_path: Path) -> None:
    (tmp_path / "d.txt").write_bytes(b"old")
    with running("derive --layers 20000 --full -o d.txt", tmp_path) as process:
        wait_until(lambda: is_written(tmp_path))
        process.send_signal(sent)
        assert ended(process) == (STATUS[sent], b"", b"")
    assert contents(tmp_path) == {"d.txt": b"old"}


def test_what_ended_by_timeout_leaves_nothing(tmp_path: Path) -> None:
    # `timeout` asks its whole group to end.
    script = "timeout 0.5 " + shlex.join([sys.executable, "-m", "vanish"])
    done = subprocess.run(
        ["bash", "-c", f"{script} derive --layers 20000 --full -o d.txt"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (124, b"", b"")
    assert contents(tmp_path) == {}


# Sends a signal in a function of the standard library, before or behind what it does.
SENDING = """
def sending(module, name, number, when, count=1):
    really, calls = getattr(module, name), []
    def wrapped(*args, **kwargs):
        is_ours = any(".vanish-" in str(each) for each in args)
        calls.append(is_ours)
        if is_ours and sum(calls) == count and when == "before":
            os.kill(os.getpid(), number)
        result = really(*args, **kwargs)
        if is_ours and sum(calls) == count and when == "behind":
            os.kill(os.getpid(), number)
        return result
    setattr(module, name, wrapped)
"""


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "behind"])
@pytest.mark.parametrize("count", [1, 2], ids=["while checked", "while written"])
def test_a_signal_as_a_temporary_file_is_created(when: str, count: int, tmp_path: Path) -> None:
    first = f"{SENDING}sending(os, 'open', {int(signal.SIGHUP)}, {when!r}, {count})\n"
    assert run("acts relu -o x.csv", tmp_path, first) == (129, b"", b"")
    assert contents(tmp_path) == {}


def test_a_signal_between_two_renames_waits_for_the_second_one(tmp_path: Path) -> None:
    line = "--act relu -n 2 -w 2 -q -o x.csv --save-weights x.npz"
    expected = run_in_process(*shlex.split("--act relu -n 2 -w 2 -q -f csv")).stdout
    (tmp_path / "x.npz").write_bytes(b"old")
    first = (
        f"{SENDING}import pathlib\n"
        f"sending(pathlib.Path, 'replace', {int(signal.SIGTERM)}, 'behind')\n"
        # The path itself is the first argument.
        "assert pathlib.Path.replace.__name__ == 'wrapped'\n"
    )
    assert run(line, tmp_path, first) == (143, b"", b"")
    found = contents(tmp_path)
    assert {*found} == {"x.csv", "x.npz"}
    assert found["x.csv"] == expected
    assert found["x.npz"].startswith(b"PK")


def test_one_signal_is_enough(tmp_path: Path) -> None:
    # The second one comes as the first one's file is removed.
    first = (
        f"{SENDING}sending(os, 'open', {int(signal.SIGTERM)}, 'behind', 2)\n"
        f"sending(os, 'unlink', {int(signal.SIGINT)}, 'before', 2)\n"
    )
    assert run("acts relu -o x.csv", tmp_path, first) == (143, b"", b"")
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("where", ["open", "fsync"])
def test_the_librarys_own_interrupt_leaves_nothing_either(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where `install` was not called, the interrupt is an exception.
    really = getattr(os, where)

    def interrupted(*args: Any) -> None:
        really(*args)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, where, interrupted)
    with pytest.raises(KeyboardInterrupt), Files() as files, files.open(str(tmp_path / "x")):
        pass
    assert contents(tmp_path) == {}


# While Python imports, collects and shuts down.

AT_IMPORT = """
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            {action}
sys.meta_path.insert(0, Finder())
"""
DYING = """
class Dying:
    def __del__(self):
        os.kill(os.getpid(), {number})
"""
MODULES = ["vanish.cli", "typer", "vanish.cli.simulate", "numpy", "vanish.simulation.profile"]


@pytest.mark.parametrize(("name", "sent"), [*zip(MODULES, cycle(STATUS), strict=False)])
def test_a_signal_amid_an_import(name: str, sent: signal.Signals, tmp_path: Path) -> None:
    first = AT_IMPORT.format(name=name, action=f"os.kill(os.getpid(), {int(sent)})")
    # Typer is only needed for what is not read directly, see `cli.direct`.
    line = "-n2 -o x.csv" if name == "typer" else "-n 2 -o x.csv"
    assert run(line, tmp_path, first) == (STATUS[sent], b"", b"")
    assert contents(tmp_path) == {}


def test_an_interrupt_before_there_is_a_handler(tmp_path: Path) -> None:
    first = AT_IMPORT.format(
        name="vanish.system.signals", action="os.kill(os.getpid(), signal.SIGINT)"
    )
    assert run("-n 2 -o x.csv", tmp_path, first) == (130, b"", b"")
    assert contents(tmp_path) == {}


def test_a_signal_where_python_would_swallow_an_exception(tmp_path: Path) -> None:
    first = DYING.format(number=int(signal.SIGINT)) + AT_IMPORT.format(
        name="numpy", action="Dying()"
    )
    assert run("-n 2 -o x.csv", tmp_path, first) == (130, b"", b"")
    assert contents(tmp_path) == {}


@pytest.mark.parametrize(
    ("where", "sent"), [*zip(["atexit", "module", "system"], STATUS, strict=True)]
)
def test_a_signal_while_python_shuts_down(where: str, sent: signal.Signals, tmp_path: Path) -> None:
    first = (
        DYING.format(number=int(sent))
        + {
            "atexit": f"import atexit; atexit.register(os.kill, os.getpid(), {int(sent)})\n",
            "module": "dying = Dying()\n",
            "system": "sys.dying = Dying()\n",
        }[where]
    )
    # The work is done.
    expected = run_in_process(*shlex.split("acts relu -f csv"))
    assert run("acts relu -f csv", tmp_path, first) == expected


# Workers.

SWEEP = "sweep --act tanh --layers 250 --width 8 --seed 1:400:400 -o x.csv"


def results(path: Path) -> int:
    """Return how many results a journal has."""
    return max(0, path.read_bytes().count(b"\n") - 1) if path.exists() else 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("whom", "sent"),
    [
        ("parent", signal.SIGTERM),
        ("parent", signal.SIGHUP),
        ("group", signal.SIGTERM),
        ("group", signal.SIGINT),
    ],
)
def test_workers_end_with_the_sweep(whom: str, sent: signal.Signals, tmp_path: Path) -> None:
    part = tmp_path / "x.csv.part"
    with running(f"{SWEEP} --jobs 2", tmp_path) as process:
        wait_until(lambda: results(part) >= 2)
        assert len(members(process.pid)) >= 2
        (os.killpg if whom == "group" else os.kill)(process.pid, sent)
        status, stdout, stderr = ended(process)
        left = members(process.pid)
    assert left == []
    kept = results(part)
    said = f"stopped: {kept} of 400 points are in x.csv.part: give --resume to go on\n"
    assert (status, stdout, without_ranges(stderr).decode()) == (STATUS[sent], b"", said)
    assert {*contents(tmp_path)} == {"x.csv.part"}


# A worker that has been forked just now tells, and waits until the signal was sent.
WAITING = """
def tell():
    open("forked", "w").close()
    while not os.path.exists("sent"):
        time.sleep(0.01)
os.register_at_fork(after_in_child=tell)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("main", "sent"),
    [
        ("vanish.__main__", signal.SIGINT),
        ("vanish.__main__", signal.SIGTERM),
        # Whoever imports it leaves Ctrl-C to Python.
        ("vanish.cli.app", signal.SIGINT),
    ],
)
def test_a_signal_to_the_group_as_workers_are_forked(
    main: str, sent: signal.Signals, tmp_path: Path
) -> None:
    start = MAIN.replace("vanish.__main__", main)
    with running(f"{SWEEP} --jobs 2", tmp_path, WAITING, start) as process:
        wait_until((tmp_path / "forked").exists)
        os.killpg(process.pid, sent)
        (tmp_path / "sent").touch()
        status, stdout, stderr = ended(process)
        wait_until(lambda: not members(process.pid))
    # Nothing is under way yet, so that there is nothing to say, and nothing to go on with.
    assert (status, stdout, without_ranges(stderr)) == (STATUS[sent], b"", b"")
    assert {*contents(tmp_path)} == {"forked", "sent"}


# What has been switched off, what is said, and to whom.


def test_nohup_keeps_its_meaning(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    ignoring = "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    with (
        running("-n 2 --input pipe -q -o x.csv", tmp_path, ignoring) as process,
        (tmp_path / "pipe").open("wb") as stream,  # returns when the command has opened it, too
    ):
        process.send_signal(signal.SIGHUP)
        stream.write(b"1 2 3\n")
        stream.close()
        assert ended(process) == (0, b"", b"")
    assert {*contents(tmp_path)} == {"x.csv"}


def test_a_command_that_waits_for_its_input_ends_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with (
        running("-n 2 --input pipe -q -o x.csv", tmp_path) as process,
        (tmp_path / "pipe").open("wb"),
    ):
        process.send_signal(signal.SIGTERM)
        assert ended(process) == (143, b"", b"")
    assert contents(tmp_path) == {}


@pytest.mark.slow
def test_last_words_that_nobody_reads_hold_nobody_up(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    os.set_blocking(writer, True)
    # A list, of which nothing is said at the start: a full pipe would hold that up.
    seeds = ",".join(map(str, range(1, 401)))
    line = f"{SWEEP.replace('1:400:400', seeds)} --jobs 1"
    with running(line, tmp_path, stderr=writer) as process:
        os.close(writer)
        wait_until(lambda: results(tmp_path / "x.csv.part") >= 2)
        process.send_signal(signal.SIGTERM)
        # It is at its last words when it ignores nothing any more: then another one is enough.

        def ends() -> bool:
            process.send_signal(signal.SIGTERM)
            return process.poll() is not None

        wait_until(ends)
        assert process.returncode == 143
    os.close(reader)


def test_a_bar_is_taken_away(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    at_once = "from vanish.cli import progress\nprogress._PATIENCE = 0.0\n"
    with running(f"{SWEEP} --jobs 1", tmp_path, at_once, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        seen = b""
        while b"\x1b[?25l" not in seen:  # the cursor is hidden
            seen += os.read(ours, 4096)
        process.send_signal(signal.SIGHUP)
        with contextlib.suppress(OSError):  # how Linux says that the other side has closed
            while more := os.read(ours, 4096):
                seen += more
        assert process.wait(PATIENCE) == 129
    os.close(ours)
    shown, _, words = seen.rpartition(b"\x1b[?25h\r\x1b[2K")
    assert b"\x1b[?25l" in shown
    assert words.startswith(b"stopped: ")


def test_held_signals_wait_and_an_exception_passes() -> None:
    order: list[str] = []

    def hold() -> None:
        with signals.held(), signals.held():
            signal.raise_signal(signal.SIGINT)  # to this thread, of perhaps several
            order.append("held")
        order.append("never")

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            hold()
        with pytest.raises(ValueError, match="mine"), signals.held():
            raise ValueError("mine")
    finally:
        signal.signal(signal.SIGINT, before)
    assert order == ["held"]
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()
