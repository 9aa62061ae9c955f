"""What the sampled engine is measured against: its own normals, and a time a layer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from draw_normals import draw_normals
from measure import Allowance, Group, Job, work

import vanish
from vanish.simulation import run as simulation
from vanish.simulation.settings import Settings

if TYPE_CHECKING:
    from measure import Contender

# What gelu may take more than the others: Φ is a polynomial of 22 terms.
_FLOOR, _GELU_FLOOR = 1.5, 2.0


def floor(layers: int, width: int, trials: int, rounds: int | None = None) -> Group:
    """Many sampled trials, with their records, against the random numbers that they are made of."""
    draw = work("numpy: the normals alone", partial(draw_normals, layers, width, trials))
    jobs = []
    for act in ("relu", "tanh", "sigmoid", "gelu"):
        size: dict[str, Any] = {"act": act, "layers": layers, "width": width, "trials": trials}
        jobs.append(Job(_engine(**size), draw))
        jobs.append(Job(_whole(**size), draw, _GELU_FLOOR if act == "gelu" else _FLOOR))
    title = f"Floor, {size_of(layers, width, trials)}, sampled on one thread, in process"
    return Group(title, tuple(jobs), rounds)


def small(layers: int, width: int) -> Group:
    """One trial of layers so small that calls cost more than numbers."""
    engine, whole = (Allowance(f"{each} µs a layer", each * 1e-6 * layers) for each in (25, 45))
    jobs = tuple(
        Job(contender(act=act, layers=layers, width=width), allowed, target=1.0)
        for act in ("relu", "tanh", "sigmoid")
        for contender, allowed in ((_engine, engine), (_whole, whole))
    )
    return Group(f"Small, {size_of(layers, width)}, sampled, in process", jobs)


def size_of(layers: int, width: int, trials: int = 1) -> str:
    """Return how large a network is, and how often it is drawn, in words."""
    return f"{layers:,} layers of {width:,} units" + (f", {trials:,} trials" if trials > 1 else "")


def _engine(**options: Any) -> Contender:
    """The sampled engine alone, on one thread: what it draws and what it computes of it."""

    def run() -> None:
        simulation.measure(Settings(engine="sampled", **options), jobs=1)

    return work(f"{options['act']}, the engine", run)


def _whole(**options: Any) -> Contender:
    """The same with the signal going forward, the entries, the quantiles and theory."""

    def run() -> None:
        _ = vanish.simulate(engine="sampled", jobs=1, **options).layers

    return work(f"{options['act']}, simulate(…).layers", run)


SAMPLED_GROUPS = (
    floor(100, 32, 256),
    floor(100, 64, 128),
    floor(20, 64, 1000),
    floor(20, 64, 12_800, rounds=5),
    floor(100, 1024, 8),
    floor(100, 8192, 1),
    small(1000, 32),
    small(1000, 64),
)
