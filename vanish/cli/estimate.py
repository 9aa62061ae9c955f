"""`vanish sweep --dry-run`: what a sweep may take, by trying some of its points."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.errors import VanishError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vanish.sweeps.grid import Grid
    from vanish.sweeps.run import Task

# To estimate, so many points are tried, for so many seconds at most.
_TRIED, _PATIENCE = 20, 2.0


def estimate(task: Task, jobs: int) -> Iterator[str]:
    """Yield how many points there are, and what they may take, by trying some."""
    import time

    import numpy as np

    from vanish.numbers.words import plural, short
    from vanish.sweeps.run import simulate_points
    from vanish.system import memory

    count = len(task.grid)
    yield f"points  {count:,}\n"
    for name, values in task.grid.varying.items():
        yield f"        {len(values):,} {name}\n"
    # Spread over the grid; always the same ones.
    spread = np.random.default_rng(0).choice(count, min(_TRIED, count), replace=False)
    tried = sorted(int(point) for point in spread)
    begun, seconds = time.monotonic(), []
    for point in tried:
        seconds += [each.seconds for each in simulate_points(task, [point])]
        if time.monotonic() > begun + _PATIENCE:
            break
    processes = min(jobs, count)
    total = sum(seconds) / len(seconds) * count / processes
    workers = f"{processes} process{'es' if processes > 1 else ''}"
    tries = plural(len(seconds), "point")
    yield f"time    about {short(total)} s on {workers}, by {tries} tried\n"
    most = max(_memory_of(task.grid, point) for point in tried)
    yield f"memory  about {memory.amount(most)} a process\n"


def _memory_of(grid: Grid, point: int) -> int:
    """Return about how many bytes a point takes; none where it fails at once."""
    from vanish.simulation.needs import memory_needed

    try:
        return memory_needed(grid.settings(point))
    except VanishError:
        return 0
