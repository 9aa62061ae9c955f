"""Groups of processes: what is left of one, its end, and states that are waited for."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

# How long a state is waited for, in seconds: what does not come within it does not come,
# however busy the machine is.
PATIENCE = 120.0


def wait_until(is_so: Callable[[], object], process: subprocess.Popen[bytes] | None = None) -> None:
    """Wait for a state while a process runs."""
    until = time.monotonic() + PATIENCE
    while not is_so():
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.005)


def members(group: int) -> list[int]:
    """Return the processes of a group that are not dead."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, its_group = path.read_text().rpartition(")")[2].split()[:3]
            if int(its_group) == group and state != "Z":
                found.append(int(path.parent.name))
    return found


def wait_for_nobody(group: int) -> None:
    """Wait for the last process of a group to end."""
    wait_until(lambda: not members(group))


def end_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def seconds_of(process: subprocess.Popen[bytes]) -> float:
    """Return how long a process has worked, however busy the machine is."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
