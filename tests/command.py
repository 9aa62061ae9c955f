"""Running `vanish` as its users do: in this process, in a new one, or in a terminal."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from unittest import mock

from vanish.cli.app import main

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

VANISH = (sys.executable, "-m", "vanish")

# What the command would heed of the environment of whoever runs the tests.
_OF_THE_CALLER = (
    *("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"),
    *("PYTHONIOENCODING", "PYTHONUTF8", "PYTHONUNBUFFERED"),
)


class Result(NamedTuple):
    """How a command ended, and what it wrote."""

    status: int
    stdout: bytes
    stderr: bytes


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment, without what depends on who runs the tests."""
    kept = {name: value for name, value in os.environ.items() if name not in _OF_THE_CALLER}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', os.defpath)}"
    fixed = {"PATH": path, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
    return kept | fixed | dict(extra or {})


def run(*args: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> Result:
    """Run `vanish` in a new process, its streams being pipes."""
    done = subprocess.run(
        [*VANISH, *args], input=stdin, capture_output=True, env=environment(env), check=False
    )
    return Result(done.returncode, done.stdout, done.stderr)


def run_in_process(
    *args: str, stdin: bytes = b"", env: Mapping[str, str] | None = None, encoding: str = "utf-8"
) -> Result:
    """Run `vanish` in this process: much faster, and an unforeseen exception comes out."""
    stdout, stderr = io.BytesIO(), io.BytesIO()
    with (
        mock.patch.object(sys, "argv", ["vanish", *args]),
        mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding)),
        mock.patch.object(sys, "stdout", io.TextIOWrapper(stdout, encoding, write_through=True)),
        mock.patch.object(sys, "stderr", io.TextIOWrapper(stderr, encoding, write_through=True)),
        mock.patch.dict(os.environ, environment(env), clear=True),
    ):
        status = main()
        return Result(status, stdout.getvalue(), stderr.getvalue())


def check_error(line: str, says: str) -> None:
    """Check that a command line ends with one line that says what is wrong, and no data."""
    result = run_in_process(*shlex.split(line))
    message = result.stderr.decode()
    assert (result.status, result.stdout) == (2, b"")
    assert message.startswith("Error: ")
    assert message.index("\n") == len(message) - 1
    assert says in message


def run_in_terminal(
    command: str | Sequence[str],
    columns: int = 80,
    lines: int = 50,
    env: Mapping[str, str] | None = None,
) -> tuple[int, str]:
    """Run a command (text: by the shell) in a terminal of that size.

    Returns
    -------
    status, text
        The exit status, and all that the terminal was sent, stdout and stderr as they came.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    with subprocess.Popen(
        command,
        shell=isinstance(command, str),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment(env),
        start_new_session=True,
    ) as process:
        os.close(theirs)
        received = b"".join(iter(lambda: _read(ours), b""))
        os.close(ours)
    return process.returncode, received.decode().replace("\r\n", "\n")


def without_progress(text: str) -> str:
    """Return what a terminal shows in the end: a slow machine's progress bar is gone by then.

    It is drawn on a line of its own between hiding the cursor and showing it, and wiped out.
    """
    return re.sub(
        r"\x1b\[\?25l.*?\x1b\[\?25h[\r\n]*(?:\x1b\[1A\x1b\[2K)?", "", text, flags=re.DOTALL
    )


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how Linux says that the other side has closed
        return b""
