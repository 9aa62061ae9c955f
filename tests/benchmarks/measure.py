"""Measuring contenders side by side, so that what disturbs one disturbs all."""

from __future__ import annotations

import gc
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

_PEAK_MEMORY = str(Path(__file__).parent / "peak_memory.py")


class Contender(NamedTuple):
    """Something to measure: a name for the report, and what does the work and measures it."""

    name: str
    take: Callable[[], float]


class Allowance(NamedTuple):
    """What is promised without a comparison: so many seconds, or so many bytes."""

    name: str
    amount: float


class Job(NamedTuple):
    """A claim: the subject takes at most `target` times as much as the reference.

    Without a target it is recorded only.
    """

    subject: Contender
    reference: Contender | Allowance
    target: float | None = None


class Group(NamedTuple):
    """Jobs that are measured in the same rounds, for they are of the same kind and size.

    What takes long has fewer `rounds` than others. What is measured is `time` in seconds,
    or `memory` in bytes.
    """

    title: str
    jobs: tuple[Job, ...]
    rounds: int | None = None
    measured: Literal["time", "memory"] = "time"

    @property
    def contenders(self) -> list[Contender]:
        """Each contender once, though several jobs may name it."""
        both = (each for job in self.jobs for each in (job.subject, job.reference))
        return list(dict.fromkeys(each for each in both if isinstance(each, Contender)))


class Sample(NamedTuple):
    """What one contender took, round by round."""

    taken: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one, which no single disturbance can move far."""
        return statistics.median(self.taken)

    @property
    def quartiles(self) -> tuple[float, float]:
        """What a quarter of the rounds stayed below, and a quarter exceeded."""
        low, _, high = statistics.quantiles(self.taken, n=4, method="inclusive")
        return low, high


def work(name: str, function: Callable[[], object]) -> Contender:
    """Return a contender that is the time of some work in this process."""

    def seconds() -> float:
        gc.collect()
        start = time.perf_counter()
        function()
        return time.perf_counter() - start

    return Contender(name, seconds)


def process(name: str, *command: str) -> Contender:
    """Return a contender that is the time of a whole process, from its start to its end."""
    return work(name, lambda: subprocess.run(command, stdout=subprocess.DEVNULL, check=True))


def python(name: str, *arguments: str) -> Contender:
    """Return a contender that is the time of a process of this Python."""
    return process(name, sys.executable, *arguments)


def told(name: str, *command: str) -> Contender:
    """Return a contender that is the number which a process prints."""

    def number() -> float:
        return float(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)

    return Contender(name, number)


def peak(name: str, *command: str) -> Contender:
    """Return a contender that is the most memory that a process takes."""
    return told(name, sys.executable, _PEAK_MEMORY, *command)


def beyond(contender: Contender, base: Contender) -> Contender:
    """Return what a contender takes beyond another one, which is measured each time."""
    return Contender(contender.name, lambda: contender.take() - base.take())


def measure(group: Group, rounds: int) -> dict[Contender, Sample]:
    """Measure every contender of a group once a round, each round in another random order."""
    contenders = group.contenders
    for contender in contenders:  # once before it counts, to fill the caches
        contender.take()
    taken: dict[Contender, list[float]] = {contender: [] for contender in contenders}
    generator = np.random.default_rng(0)
    for _ in range(rounds):
        for i in generator.permutation(len(contenders)):
            taken[contenders[i]].append(contenders[i].take())
    return {contender: Sample(tuple(each)) for contender, each in taken.items()}
