"""Running `vanish` under limits of the system, and measuring what it takes."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from command import VANISH, environment

if TYPE_CHECKING:
    from pathlib import Path

MB = 10**6


class Measured(subprocess.CompletedProcess[bytes]):
    """A process that has ended, and how much of memory it had at most, in bytes."""

    peak: int


# Runs a command, and tells on a descriptor of its own how much the largest process took.
_MEASURE = """
import os, resource, subprocess, sys
report = int(sys.argv[1])
done = subprocess.run(sys.argv[2:], close_fds=True)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
os.write(report, str(peak).encode())
sys.exit(done.returncode)
"""


def limited(script: str, limits: str = "", cwd: Path | None = None) -> Measured:
    """Run a shell script with `vanish` in it, under limits that `ulimit` sets."""
    here, there = os.pipe()
    command = "".join(f"ulimit {each}\n" for each in limits.split(",") if each) + script
    try:
        done = subprocess.run(
            [sys.executable, "-c", _MEASURE, str(there), "bash", "-c", command],
            capture_output=True,
            pass_fds=(there,),
            env=environment({"VANISH": " ".join(VANISH)}),
            cwd=cwd,
            check=False,
            timeout=120,
        )
        os.close(there)
        there = -1
        result = Measured(done.args, done.returncode, done.stdout, done.stderr)
        result.peak = int(os.read(here, 100))
        return result
    finally:
        os.close(here)
        if there >= 0:
            os.close(there)


def check_refused(result: Measured, *says: str) -> None:
    """Check that a command ended with one line, and soon enough."""
    message = result.stderr.decode()
    assert (result.returncode, result.stdout) == (2, b""), message
    assert message.startswith("Error: ")
    assert message.index("\n") == len(message) - 1
    for each in says:
        assert each in message
    assert result.peak < 400 * MB
