"""Sweeps: on two processes against one, beside their simulation alone, and by either engine."""

from __future__ import annotations

import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

from measure import Group, Job, process, work

import vanish

if TYPE_CHECKING:
    from measure import Contender

_VANISH = str(Path(sysconfig.get_path("scripts"), "vanish"))

# Some seconds of points that take from two to forty milliseconds each.
_UNEVEN = "--act tanh,relu --layers 10,30,100,300 --weight-std 0.5:3:51 --trials 20"

_POINTS = 10_000
_TINY = "--act tanh --layers 3 --width 4"


def _sweep(options: str, name: str = "") -> Contender:
    command = (_VANISH, "sweep", *options.split(), "--format", "csv", "--quiet")
    return process(name or f"vanish sweep {options}", *command)


def processes() -> Group:
    """What a second process is worth."""
    one, two = (_sweep(f"{_UNEVEN} --jobs {jobs}", f"--jobs {jobs}") for jobs in (1, 2))
    title = f"Sweep on two processes, vanish sweep {_UNEVEN}, whole process"
    return Group(title, (Job(two, one, target=1 / 1.85),), rounds=5)


def tiny() -> Group:
    """What a sweep adds to points that take a moment: the start, the journal and the file."""

    def loop() -> None:
        for seed in range(1, _POINTS + 1):
            profile = vanish.simulate(act="tanh", layers=3, width=4, seed=seed, jobs=1)
            _ = profile.verdict, profile.log10_ratio

    sweep = _sweep(f"{_TINY} --seed 1:{_POINTS}:{_POINTS} --jobs 1")
    simulation = work("simulate(…) of each in a loop, in process", loop)
    title = f"Sweep of {_POINTS:,} tiny points on one process"
    return Group(title, (Job(sweep, simulation, target=1.3),), rounds=3)


def engines() -> Group:
    """What a sweep takes that says nothing of the engine."""
    auto, sampled = (_sweep(f"{_UNEVEN} --jobs 1 --engine {each}") for each in ("auto", "sampled"))
    return Group("Sweep by auto, whole process", (Job(auto, sampled, target=1.3),), rounds=5)


SWEEP_GROUPS = (processes(), tiny(), engines())
