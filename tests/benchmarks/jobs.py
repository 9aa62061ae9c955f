"""What is measured, against what, and how much it may take.

A new measurement is one function that returns a group, and its line in GROUPS.
"""

from __future__ import annotations

import sysconfig
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch_chain
from auto_jobs import AUTO_GROUPS
from deep_jobs import DEEP_GROUPS
from dense_jobs import DENSE_GROUPS
from measure import Allowance, Contender, Group, Job, beyond, peak, process, python, work
from peers_jobs import PEER_GROUPS
from records_jobs import RECORD_GROUPS
from sampled_jobs import SAMPLED_GROUPS, size_of
from sweep_jobs import SWEEP_GROUPS
from training_jobs import TRAINING_GROUPS

import vanish

if TYPE_CHECKING:
    from collections.abc import Callable

_VANISH = str(Path(sysconfig.get_path("scripts"), "vanish"))

_IMPORT_NUMPY = python('python -c "import numpy"', "-c", "import numpy")

# The large run from the command line, which is two: of sigmoid and of relu.
_LARGE = ("--layers", "1000", "--width", "4096", "--engine", "sampled")


def _command(*options: str) -> tuple[str, ...]:
    """Return a command line of vanish that writes every row."""
    return (_VANISH, *options, "--format", "tsv", "--quiet")


def _shown(*options: str) -> str:
    return " ".join(("vanish", *options))


def _tanh(
    layers: int, width: int, trials: int = 1, *, engine: str = "sampled", jobs: int | None = None
) -> Callable[[], object]:
    """Return the simulation of tanh, with the records, which are made when they are read."""
    return lambda: (
        vanish.simulate(
            act="tanh", layers=layers, width=width, trials=trials, engine=engine, jobs=jobs
        ).layers
    )


def start() -> Group:
    """How long a person waits for the main job."""
    default = _command("--layers", "20", "--act", "sigmoid")
    helps = (process(f"vanish {option}", _VANISH, option) for option in ("--help", "--version"))
    return Group(
        "Start-up, whole process",
        (
            Job(process(_shown(*default[1:]), *default), _IMPORT_NUMPY, target=1.7),
            *(Job(each, _IMPORT_NUMPY, target=0.75) for each in helps),
        ),
    )


def large() -> Group:
    """A network of 17 billion weights, from the command line."""
    run = process(_shown(*_LARGE), *_command(*_LARGE))
    return Group("Large, whole process", (Job(run, _IMPORT_NUMPY, target=10.0),))


def memory() -> Group:
    """The most memory that a large run takes."""
    run = peak(_shown(*_LARGE), *_command(*_LARGE))
    return Group(
        "Memory, whole process",
        (Job(run, Allowance("400 MB", 400e6), target=1.0),),
        rounds=1,
        measured="memory",
    )


# What the growth starts from, and what is doubled: layers, width, trials. The trials of each
# are one block, so that neither threads nor blocks come between.
_GROWTH = ((1000, 4096, 1), ((2000, 4096, 1), (1000, 8192, 1), (1000, 4096, 2)))


def growth() -> Group:
    """Whether time is linear in the number of layers, the width and the trials."""

    def run(layers: int, width: int, trials: int) -> Contender:
        name = f"simulate(…).layers, {size_of(layers, width, trials)}"
        return work(name, _tanh(layers, width, trials, jobs=1))

    base = run(*_GROWTH[0])
    jobs = tuple(Job(run(*doubled), base, target=2.2) for doubled in _GROWTH[1])
    return Group("Growth, tanh, sampled, in process", jobs)


def growth_of_memory() -> Group:
    """Whether memory is, beyond what a small run takes."""

    def run(layers: int, width: int, trials: int) -> Contender:
        size = ("--layers", str(layers), "--width", str(width), "--trials", str(trials))
        command = _command(*size, "--act", "tanh", "--engine", "sampled")
        return peak(f"vanish, {size_of(layers, width, trials)}", *command)

    least = run(20, 16, 1)
    base = beyond(run(*_GROWTH[0]), least)
    jobs = tuple(Job(beyond(run(*doubled), least), base, target=2.2) for doubled in _GROWTH[1])
    return Group(
        f"Memory, growth beyond {size_of(20, 16)}, tanh, sampled, whole process",
        jobs,
        rounds=3,
        measured="memory",
    )


def threads(layers: int, width: int, trials: int) -> Group:
    """What a second thread is worth."""
    one, two = (
        work(f"simulate(…).layers, jobs={jobs}", _tanh(layers, width, trials, jobs=jobs))
        for jobs in (1, 2)
    )
    return Group(
        f"Threads, {size_of(layers, width, trials)}, tanh, sampled, in process",
        (Job(two, one, 0.7),),
    )


def autograd_in_process(layers: int, width: int, sampled_target: float) -> Group:
    """A network whose weights fit into memory, without the start of Python and its packages."""
    dense, sampled = (
        work(f"simulate(…).layers, {engine}", _tanh(layers, width, engine=engine))
        for engine in ("dense", "sampled")
    )
    torch = work("PyTorch: autograd, float64", partial(torch_chain.gradient_norms, layers, width))
    return Group(
        f"PyTorch, {size_of(layers, width)}, tanh, in process",
        (Job(dense, torch, target=1.0), Job(sampled, torch, sampled_target)),
        rounds=7,
    )


GROUPS = (
    start(),
    large(),
    memory(),
    growth_of_memory(),
    *SAMPLED_GROUPS,
    growth(),
    *DEEP_GROUPS,
    *RECORD_GROUPS,
    threads(100, 64, 1000),
    *DENSE_GROUPS,
    autograd_in_process(100, 1024, sampled_target=1 / 100),
    autograd_in_process(1000, 256, sampled_target=1 / 10),
    *TRAINING_GROUPS,
    *PEER_GROUPS,
    *SWEEP_GROUPS,
    *AUTO_GROUPS,
)
