"""Sweeps as processes: started, watched, held where a test wants them, killed; and clusters."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from command import VANISH, Result, environment, run_in_process
from processes import PATIENCE, wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


# What a range says of itself is a matter of tests/cli/test_ranges.py.
_OF_A_RANGE = re.compile(rb"^--[a-z-]+ [^ ]*:[^ ]*:[0-9]+: .*\n", re.MULTILINE)


def sweep(options: str, *more: str | Path) -> Result:
    result = run_in_process("sweep", *shlex.split(options), *map(str, more))
    return result._replace(stderr=without_ranges(result.stderr))


def without_ranges(stderr: bytes) -> bytes:
    """Return what is said on stderr, but for what was taken of ranges."""
    return _OF_A_RANGE.sub(b"", stderr)


def good(options: str, *more: str | Path) -> bytes:
    """Return what a sweep prints that has nothing to complain of."""
    result = sweep(options, *more)
    assert (result.status, result.stderr) == (0, b"")
    return result.stdout


def one_line(result: Result, status: int = 2) -> str:
    """Return the one line that a command was refused with."""
    message = without_ranges(result.stderr).decode()
    assert result.status == status, message
    assert "Traceback" not in message
    assert message.startswith("Error: ")
    assert message.count("\n") == 1
    return message


def refused(options: str, *more: str | Path) -> str:
    return one_line(sweep(options, *more))


def part_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def lines_in(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def start(options: str, directory: Path, *, gate: Gate | None = None) -> subprocess.Popen[bytes]:
    """Start a sweep in a directory, in a process group of its own as a terminal would."""
    command = VANISH if gate is None else gate.program("vanish")
    return subprocess.Popen(
        [*command, "sweep", *shlex.split(options)],
        cwd=directory,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


# Runs a module in which points beyond some seed wait until a file is there. After some
# minutes they go on, since nobody waits for them any more.
_HOLDING = """
import pathlib, runpy, sys, time
from vanish.sweeps import run as sweep

gate, last, module = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
until = time.monotonic() + 300.0
really = sweep.measure

def measure(settings, **options):
    if settings.seed > last:
        gate.with_name("reached").touch()
        while not gate.exists() and time.monotonic() < until:
            time.sleep(0.005)
        gate.with_name("passed").touch()
    return really(settings, **options)

sweep.measure = measure
sys.argv = sys.argv[3:]
runpy.run_module(module, run_name="__main__")
"""


class Gate:
    """Where the points of a sweep wait whose seed is beyond some number, until it is opened."""

    def __init__(self, directory: Path, last: int) -> None:
        self._path = directory / "open"
        self._last = last

    def program(self, module: str) -> Sequence[str]:
        """Return the beginning of a command that runs a module with the gate in it."""
        return [sys.executable, "-c", _HOLDING, str(self._path), str(self._last), module]

    def is_reached(self) -> bool:
        """Tell whether a point waits, or has waited."""
        return self._path.with_name("reached").exists()

    def open(self) -> None:
        self._path.touch()

    def close_again(self) -> None:
        """Let the one that waits go on, and let nobody pass after it."""
        self.open()
        wait_until(self._path.with_name("passed").exists)
        for name in ("open", "reached", "passed"):
            self._path.with_name(name).unlink()


def wait_for_lines(path: Path, count: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until a journal has its header and so many results."""
    wait_until(lambda: lines_in(path) > count, process)


class Cluster:
    """A Dask scheduler and workers on the loopback address, processes of this test."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._processes: list[subprocess.Popen[bytes]] = []
        self.workers: list[subprocess.Popen[bytes]] = []
        file = directory / "scheduler.json"
        # It need not know vanish: what it passes on are bytes to it.
        without = directory / "without"
        without.mkdir()
        (without / "sitecustomize.py").write_text("import sys\nsys.modules['vanish'] = None\n")
        self.scheduler = self._start(
            [sys.executable, "-m", "distributed.cli.dask_scheduler"],
            *("--port", "0", "--scheduler-file", str(file)),
            path=without,
        )
        self.address = ""

        def is_there() -> bool:
            with contextlib.suppress(OSError, ValueError):
                self.address = str(json.loads(file.read_text())["address"])
            return bool(self.address)

        wait_until(is_there, self.scheduler)

    def _start(
        self, command: Sequence[str], *arguments: str, path: Path | None = None
    ) -> subprocess.Popen[bytes]:
        with (self.directory / f"{len(self._processes)}.log").open("wb") as log:
            process = subprocess.Popen(
                [*command, "--host", "127.0.0.1", "--no-dashboard", *arguments],
                cwd=self.directory,
                env=environment({} if path is None else {"PYTHONPATH": str(path)}),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._processes.append(process)
        return process

    def add_worker(self, gate: Gate | None = None) -> None:
        module = "distributed.cli.dask_worker"
        own = str(self.directory / f"worker{len(self.workers)}")
        options = ("--no-nanny", "--nthreads", "1", "--local-directory", own)
        command = [sys.executable, "-m", module] if gate is None else gate.program(module)
        self.workers.append(self._start(command, self.address, *options))

    def wait_for_workers(self, count: int) -> None:
        with self._client() as client:
            client.wait_for_workers(count, timeout=PATIENCE)

    def tell(self, order: str) -> None:
        """Have every worker execute some Python."""
        with self._client() as client:
            client.run(exec, order)

    def _client(self) -> Any:
        from distributed import Client  # noqa: PLC0415 - dask may not be installed

        return Client(self.address, timeout=PATIENCE, set_as_default=False)

    def close(self) -> None:
        for process in reversed(self._processes):
            process.kill()
            process.wait()
