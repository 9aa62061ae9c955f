"""Run a command without its output, and print the most memory that it took, in bytes.

Arguments: COMMAND…. This is a process of its own because it has to be a small one: Linux
counts what the process that starts another one has taken as taken by the other one, too.
"""

from __future__ import annotations

import os
import subprocess
import sys


def peak_memory(command: list[str]) -> int:
    """Return the largest resident set of a process, in bytes."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    sys.stdout.write(f"{peak_memory(sys.argv[1:])}\n")
