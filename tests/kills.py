"""Kill sweeps, all of one or a part, and look at what they end with.

    python tests/kills.py [COUNT [SEED]]

Half of the kills are of a worker. At every moment the file must be whole or absent, no
process may be left, and however often a sweep was killed its bytes are those of one that
was not.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from command import run
from processes import PATIENCE, end_group, members, wait_for_nobody, wait_until
from sweep_runs import good, lines_in, part_of, start

if TYPE_CHECKING:
    import subprocess

# 60 points of some 5 ms. When a kill comes goes by what is done, not by the time it took.
OPTIONS = "--act tanh --layers 200 --width 4 --seed 1:60:60 --per-layer -q"

VICTIMS = ("worker", "collector", "worker", "all")


def kill_often(whom: str, count: int, directory: Path, chance: np.random.Generator) -> Counter[str]:
    """Kill sweeps of one file until so many kills have met one, and check what they end with.

    Returns
    -------
    counter
        How many kills met a sweep with how many results.
    """
    whole = good(f"{OPTIONS} --jobs 2 -f csv")
    path = directory / "x.csv"
    part = part_of(path)
    met: Counter[str] = Counter()
    while met.total() < count:
        with start(f"{OPTIONS} --jobs 2 --resume -o x.csv", directory) as process:
            try:
                for _ in range(3 if whom == "worker" else 1):
                    _wait_for_more(part, int(chance.integers(12)), process)
                    phase = _phase(part)
                    if met.total() < count and _kill(whom, process):
                        met[phase] += 1
                _, stderr = process.communicate(timeout=PATIENCE)
                wait_for_nobody(process.pid)
            finally:
                end_group(process.pid)
        assert (process.returncode, stderr) in ((0, b""), (-signal.SIGKILL, b""))
        assert process.returncode == 0 or whom != "worker"
        # Whole or absent, at every moment.
        assert path.exists() == (process.returncode == 0)
        if path.exists():
            assert path.read_bytes() == whole
            path.unlink()
    last = run("sweep", *shlex.split(OPTIONS), "--resume", "-o", str(path))
    assert (last.status, last.stderr) == (0, b"")
    assert path.read_bytes() == whole
    path.unlink()
    # Who is killed cannot tidy up what it was writing under a name that is not yet the file's.
    assert all(each.name.startswith(".vanish-") for each in directory.iterdir())
    return met


def _wait_for_more(part: Path, count: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until a journal has some more results, or the sweep has ended."""
    enough = lines_in(part) + count
    wait_until(lambda: lines_in(part) > enough or process.poll() is not None)


def _phase(part: Path) -> str:
    return f"{max(0, lines_in(part) - 1) // 20 * 20} results or more"


def _kill(whom: str, process: subprocess.Popen[bytes]) -> bool:
    """Kill a sweep, all of it or a part, and tell whether there was any."""
    workers = sorted({*members(process.pid)} - {process.pid})
    victims = {"all": [process.pid, *workers], "collector": [process.pid], "worker": workers[:1]}
    if process.poll() is not None:
        return False
    for victim in victims[whom]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
    return bool(victims[whom])


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    chance = np.random.default_rng(seed)
    for whom in sorted(set(VICTIMS)):
        share = count * VICTIMS.count(whom) // len(VICTIMS)
        with tempfile.TemporaryDirectory() as directory:
            met = kill_often(whom, share, Path(directory), chance)
        when = ", ".join(f"{met[phase]} at {phase}" for phase in sorted(met))
        sys.stdout.write(f"{whom}: {met.total()} kills, the same bytes ({when})\n")


if __name__ == "__main__":
    main()
