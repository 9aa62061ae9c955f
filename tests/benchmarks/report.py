"""What was measured, as Markdown."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from measure import Contender
from peers_jobs import TANGENTS

import vanish

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from measure import Group, Job, Sample

_PINNED = Path(__file__).with_name("tangents.txt")


def table(group: Group, samples: Mapping[Contender, Sample], most: int) -> Iterator[str]:
    """Yield the lines of a group's Markdown table; `most` is how many rounds are usual."""
    rounds = min(most, group.rounds or most)
    yield f"## {group.title}"
    yield ""
    if rounds < most:
        yield f"{rounds} round{'s' if rounds > 1 else ''}."
        yield ""
    yield f"| | {group.measured} | against | {group.measured} | ratio | target | |"
    yield "|:--|--:|:--|--:|--:|--:|:--|"
    for job in group.jobs:
        against = job.reference
        cells = [job.subject.name, shown(samples[job.subject], group), against.name]
        if isinstance(against, Contender):
            cells += [shown(samples[against], group)]
        else:
            cells += [amount(against.amount, group)]
        cells += [digits(ratio(job, samples))]
        if job.target is None:
            cells += ["", ""]
        else:
            met = "**missed**" if missed(job, samples) else "met"
            cells += [f"≤ {digits(job.target)}", met]
        yield f"| {' | '.join(cells)} |"


def ratio(job: Job, samples: Mapping[Contender, Sample]) -> float:
    """Return how much the subject takes of what the reference does, or of what is allowed."""
    against = job.reference
    allowed = samples[against].median if isinstance(against, Contender) else against.amount
    return samples[job.subject].median / allowed


def missed(job: Job, samples: Mapping[Contender, Sample]) -> bool:
    """Return whether more was promised than is kept."""
    return job.target is not None and ratio(job, samples) > job.target


def misses(group: Group, samples: Mapping[Contender, Sample]) -> Iterator[str]:
    """Yield a line for each target of a group that is missed."""
    for job in group.jobs:
        if job.target is not None and missed(job, samples):
            yield (
                f"{group.title}: {job.subject.name} takes {digits(ratio(job, samples))} of"
                f" {job.reference.name}, at most {digits(job.target)} was promised"
            )


def shown(sample: Sample, group: Group) -> str:
    """Return a median and, where there are several rounds, its quartiles."""
    median = amount(sample.median, group)
    if len(sample.taken) == 1:
        return median
    low, high = (amount(quartile, group).split()[0] for quartile in sample.quartiles)
    return f"{median} ({low} to {high})"


def amount(taken: float, group: Group) -> str:
    """Return seconds in milliseconds, or bytes in megabytes."""
    if group.measured == "memory":
        return f"{digits(taken / 1e6)} MB"
    return f"{digits(1e3 * taken)} ms"


def digits(number: float) -> str:
    """Return three digits of a number, or all before the point."""
    decimals = next((d for d in (0, 1, 2, 3) if number * 10**d >= 99.95), 4)
    return f"{number:,.{decimals}f}"


def machine() -> str:
    """Describe what the times depend on."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return (
        f"{processor()}, {os.cpu_count()} logical processors, {memory:.0f} GB,"
        f" {platform.system()} {platform.machine()};"
        f" Python {platform.python_version()}, vanish {vanish.__version__},"
        f" numpy {np.__version__} with {blas['name']} {blas['version']},"
        f" {', '.join(_peers())}; load average"
        f" {os.getloadavg()[0]:.1f} at the start, which is 0 on a machine at rest."
    )


def _peers() -> Iterator[str]:
    """Yield the versions of those that vanish is compared with."""
    threads = torch.get_num_threads()
    yield f"PyTorch {torch.__version__} on {threads} thread{'s' if threads > 1 else ''}"
    for name in ("jax", "torchlens"):
        if find_spec(name):
            yield f"{name} {version(name)}"
    if TANGENTS.exists():
        pinned = _PINNED.read_text(encoding="utf-8").splitlines()
        yield from (line.replace("==", " ") for line in pinned if line.startswith("neural-"))


def processor() -> str:
    """Return the processor's name, as the system knows it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())
