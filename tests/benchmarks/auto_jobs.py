"""The engine that ``auto`` takes against the faster one of both, which is found by trying."""

from __future__ import annotations

import sys
import sysconfig
import time
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from measure import Allowance, Contender, Group, Job, process, told

from vanish.simulation import costs
from vanish.simulation.settings import Settings
from vanish.sweeps.grid import Grid
from vanish.sweeps.run import Task, simulate_points

if TYPE_CHECKING:
    from collections.abc import Iterator

_VANISH = str(Path(sysconfig.get_path("scripts"), "vanish"))
_POINTS = str(Path(__file__).parent / "auto_points.py")

_ENGINES = ("dense", "sampled")

_LAYERS = (5, 20, 100, 1000)
_WIDTHS = (8, 32, 64, 256, 1024)
_TRIALS = (1, 3, 10, 100, 1000)
_BATCHES = (1, 4, 16, 64)
_INITS = ("auto", "orthogonal")

# Sizes of which either engine takes more microseconds, or more for each layer, are left out.
_LONGEST, _LONGEST_LAYER = 80_000.0, 400.0

# Each that is there is tried so often, and the least counts: an interruption says nothing of an
# engine. Where `auto` seems slower by this factor, they are tried so often again.
_TRIED, _SLOWER, _AGAIN = 3, 1.1, 12

# Commands on both sides of where `auto` goes over to sampled.
_COMMANDS = (
    "",
    "--trials 5",
    "--trials 6",
    "--layers 100",
    "--layers 100 --trials 2",
    "--width 256",
    "--layers 100 --width 256",
    "--batch 64",
    "--batch 64 --trials 10",
    "--layers 1000 --width 8",
    "--layers 5 --width 1024",
    "--layers 1000 --batch 64",
)

_TARGET = 1.3


def grids(layers: int, init: str) -> Iterator[dict[str, Grid]]:
    """Yield grids of one point by their engines, of all sizes that take a moment."""
    for width, trials, batch in product(_WIDTHS, _TRIALS, _BATCHES):
        size: dict[str, Any] = {"width": width, "trials": trials, "batch": batch}
        options: dict[str, Any] = {"act": "tanh", "layers": layers, "init": init, **size}
        settings = Settings(**options)
        longest = max(_LONGEST, _LONGEST_LAYER * layers)
        if max(costs.dense(settings), costs.sampled(settings)) <= longest:
            axes = {name: [value] for name, value in options.items()}
            yield {engine: Grid(axes | {"engine": [engine]}) for engine in ("auto", *_ENGINES)}


def _seconds(grid: Grid) -> float:
    begun = time.perf_counter()
    simulate_points(Task(grid), [0])
    return time.perf_counter() - begun


def _least(grid: dict[str, Grid], times: int) -> dict[str, float]:
    """Return what each engine takes at least, of so many runs in turns."""
    tried = [{each: _seconds(grid[each]) for each in _ENGINES} for _ in range(times)]
    return {each: min(once[each] for once in tried) for each in _ENGINES}


def worst(points: list[dict[str, Grid]]) -> float:
    """Return by what factor `auto` takes longer than the faster engine where it is worst."""
    found = []
    for grid in points:
        engine, taken = grid["auto"].settings(0).engine, _least(grid, _TRIED)
        if taken[engine] > _SLOWER * min(taken.values()):
            again = _least(grid, _AGAIN)
            taken = {each: min(taken[each], again[each]) for each in _ENGINES}
        found.append(taken[engine] / min(taken.values()))
    return max(found)


def points() -> Group:
    """Points of a sweep, in a process for each table row, see `auto_points`."""
    jobs = []
    for layers, init in product(_LAYERS, _INITS):
        kind = "" if init == "auto" else f", {init}"
        title = f"{layers:,} layers{kind}, the worst of {len([*grids(layers, init)])} sizes"
        contender = told(title, sys.executable, _POINTS, str(layers), init)
        jobs.append(Job(contender, Allowance("the faster engine", 1.0), _TARGET))
    title = "Auto, a point of a sweep, in process"
    return Group(title, tuple(jobs), rounds=1, measured="ratio")


def _faster(both: list[Contender]) -> float:
    return min(each.take() for each in both)


def commands() -> Group:
    """Single runs, whole process."""
    jobs = []
    for options in _COMMANDS:
        auto, *both = (
            process(
                f"vanish {options}".strip(),
                *(_VANISH, *options.split(), "--act", "tanh", "--engine", engine),
                *("--format", "tsv", "--quiet"),
            )
            for engine in ("auto", *_ENGINES)
        )
        faster = Contender("the faster engine", partial(_faster, both))
        jobs.append(Job(auto, faster, _TARGET))
    return Group("Auto, a single run, whole process", tuple(jobs), rounds=7)


AUTO_GROUPS = (points(), commands())
