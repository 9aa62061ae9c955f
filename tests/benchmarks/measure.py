"""Timing contenders side by side, so that what disturbs one disturbs all."""

from __future__ import annotations

import gc
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable


class Contender(NamedTuple):
    """Something to time: a name for the report, and the work itself."""

    name: str
    run: Callable[[], object]


class Job(NamedTuple):
    """A claim: the subject takes at most `target` times as long as the reference.

    Without a target it is recorded only.
    """

    subject: Contender
    reference: Contender
    target: float | None = None


class Group(NamedTuple):
    """Jobs that are timed in the same rounds, for they are of the same kind and size."""

    title: str
    jobs: tuple[Job, ...]

    @property
    def contenders(self) -> list[Contender]:
        """Each contender once, though several jobs may name it."""
        both = (contender for job in self.jobs for contender in (job.subject, job.reference))
        return list(dict.fromkeys(both))


class Timing(NamedTuple):
    """The seconds that one contender took, round by round."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one, which no single disturbance can move far."""
        return statistics.median(self.seconds)

    @property
    def quartiles(self) -> tuple[float, float]:
        """What a quarter of the rounds stayed below, and a quarter exceeded."""
        low, _, high = statistics.quantiles(self.seconds, n=4, method="inclusive")
        return low, high


def process(name: str, *command: str) -> Contender:
    """Return a contender that is a whole process, from its start to its end."""
    return Contender(name, lambda: subprocess.run(command, stdout=subprocess.DEVNULL, check=True))


def python(name: str, *arguments: str) -> Contender:
    """Return a contender that is a process of this Python."""
    return process(name, sys.executable, *arguments)


def measure(group: Group, rounds: int) -> dict[Contender, Timing]:
    """Time every contender of a group once a round, each round in another random order."""
    contenders = group.contenders
    for contender in contenders:  # once before it counts, to fill the caches
        contender.run()
    seconds: dict[Contender, list[float]] = {contender: [] for contender in contenders}
    generator = np.random.default_rng(0)
    for _ in range(rounds):
        for i in generator.permutation(len(contenders)):
            seconds[contenders[i]].append(_time(contenders[i]))
    return {contender: Timing(tuple(took)) for contender, took in seconds.items()}


def _time(contender: Contender) -> float:
    gc.collect()
    start = time.perf_counter()
    contender.run()
    return time.perf_counter() - start
