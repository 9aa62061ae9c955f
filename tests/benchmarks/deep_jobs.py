"""Chains of very many layers: the time and the memory of a layer, whatever there are of them."""

from __future__ import annotations

import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

from measure import Allowance, Contender, Group, Job, beyond, peak, process, work

import vanish

if TYPE_CHECKING:
    from collections.abc import Callable

_VANISH = str(Path(sysconfig.get_path("scripts"), "vanish"))
_WIDTH = 64
_FEW, _MANY, _MOST = 1_000, 100_000, 1_000_000


def _command(layers: int, act: str, form: str = "tsv") -> tuple[str, ...]:
    size = ("--layers", str(layers), "--width", str(_WIDTH), "--act", act, "--engine", "sampled")
    return (_VANISH, *size, "--format", form, "--quiet")


def _size(layers: int) -> str:
    return f"{layers:,} layers of {_WIDTH}"


def _layers(layers: int, act: str) -> Callable[[], object]:
    """Return the simulation with its records, which are made when they are read."""
    return lambda: vanish.simulate(act=act, layers=layers, width=_WIDTH, engine="sampled").layers


def _read(layers: int, act: str) -> Callable[[], object]:
    """Return the same with every record read."""
    simulate = vanish.simulate
    return lambda: sum(
        1 for _ in simulate(act=act, layers=layers, width=_WIDTH, engine="sampled").layers
    )


def _allowed(layers: int) -> Allowance:
    return Allowance("45 µs a layer", 45e-6 * layers)


def _a_layer(layers: int, name: str, run: Callable[[], object]) -> Contender:
    """Return what one of so many layers takes."""
    whole = work(name, run)
    return Contender(f"{name}, a layer", lambda: whole.take() / layers)


def deep() -> Group:
    """What 100,000 layers take."""
    name = f"tanh, {_size(_MANY)}"
    return Group(
        "Deep, sampled",
        (
            Job(
                work(f"{name}, simulate(…).layers", _layers(_MANY, "tanh")),
                _allowed(_MANY),
                target=1.0,
            ),
            Job(
                work(f"{name}, every record read", _read(_MANY, "tanh")),
                _allowed(_MANY),
            ),
            Job(process(f"{name}, vanish --format tsv", *_command(_MANY, "tanh")), _allowed(_MANY)),
            Job(
                process(f"{name}, vanish --format json", *_command(_MANY, "tanh", "json")),
                _allowed(_MANY),
            ),
        ),
        rounds=3,
    )


def growth(act: str) -> Group:
    """Whether a layer of a deep chain takes as long as one of a chain of 1,000."""
    few, many = (
        _a_layer(layers, f"simulate(…).layers, {_size(layers)}", _layers(layers, act))
        for layers in (_FEW, _MANY)
    )
    title = f"Deep, time of a layer, {act}, sampled, in process"
    return Group(title, (Job(many, few, target=1.1),), rounds=3)


def growth_to_the_most(act: str) -> Group:
    """The same of a million."""
    few, most = (
        _a_layer(layers, f"simulate(…).layers, {_size(layers)}", _layers(layers, act))
        for layers in (_FEW, _MOST)
    )
    title = f"Deep, time of a layer of {_MOST:,}, {act}, sampled, in process"
    return Group(title, (Job(most, few, target=1.1),), rounds=1)


def memory() -> Group:
    """The most memory that a layer takes, and a million of them, results and all."""
    jobs = []
    for form in ("tsv", "json"):
        few, many = (
            peak(f"vanish --format {form}, {_size(layers)}", *_command(layers, "tanh", form))
            for layers in (_FEW, _MANY)
        )
        allowed = Allowance("3 kB a layer", 3e3 * (_MANY - _FEW))
        jobs.append(Job(beyond(many, few), allowed, target=1.0))
        most = peak(f"vanish --format {form}, {_size(_MOST)}", *_command(_MOST, "tanh", form))
        jobs.append(Job(most, Allowance("1 GB", 1e9), target=1.0))
    return Group("Deep, memory, whole process", tuple(jobs), rounds=1, measured="memory")


_ACTS = "sigmoid", "tanh", "relu", "gelu"

DEEP_GROUPS = (
    deep(),
    *map(growth, _ACTS),
    *map(growth_to_the_most, _ACTS),
    memory(),
)
