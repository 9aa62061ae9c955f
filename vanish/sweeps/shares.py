"""Which points are handed out, in which order, and how many at a time.

A share ends after a moment, whatever its points take: what is left of it is handed out anew.
So uneven points keep nobody waiting, and a program that is killed loses no more than a moment.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING

from vanish.errors import VanishError
from vanish.simulation import costs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from vanish.sweeps.grid import Grid

# A share of so many seconds costs little to hand out, and ends soon enough to be collected.
SECONDS = 0.2

# What a point takes is a matter of its sizes. So many points are put in order by it where there
# are at most so many kinds of them, which takes some milliseconds; in a larger grid no point is
# worth it.
_MOST_POINTS, _MOST_KINDS = 2000, 100
_NO_SIZES = {
    *("act", "weight_std", "bias_std", "gain", "seed", "vanish_below", "explode_above"),
    *("last_act", "last_gain", "loss"),
}


class Shares:
    """Points that are waiting, handed out share by share.

    Parameters
    ----------
    points
        Which.
    count
        How many they are, to share the last ones evenly.
    workers
        How many shares are done at a time.
    """

    def __init__(self, points: Iterable[int], count: int, workers: int) -> None:
        self._waiting, self._left = iter(points), count
        self._workers = workers
        self._back: deque[int] = deque()
        self._seconds = 0.0
        self._done = 0

    def note(self, points: int, seconds: float) -> None:
        """Learn how long points take."""
        self._seconds += seconds
        self._done += points

    def give_back(self, points: Sequence[int]) -> None:
        """Take back what was not done of a share: it comes next."""
        self._back.extendleft(reversed(points))
        self._left += len(points)

    def take(self) -> list[int]:
        """Return the points to hand out next: fewer towards the end, to end together."""
        fair = -(-self._left // (4 * self._workers))
        quick = int(SECONDS * self._done / self._seconds) if self._seconds else 1
        size = max(1, min(fair, quick))
        share = [self._back.popleft() for _ in range(min(size, len(self._back)))]
        share += islice(self._waiting, size - len(share))
        self._left = max(0, self._left - len(share))
        return share


def heaviest_first(grid: Grid, points: Iterable[int]) -> Iterator[int]:
    """Yield points so that those that take longest come first, as far as their sizes tell.

    The last ones are short then, so that all workers end together.
    """
    points = iter(points)
    first = [*islice(points, _MOST_POINTS + 1)]
    if len(first) <= _MOST_POINTS:
        first = _sorted(grid, first)
    yield from first
    yield from points


def _sorted(grid: Grid, points: list[int]) -> list[int]:
    taken: dict[tuple[object, ...], float] = {}
    found = []
    for point in points:
        coordinates = grid.coordinates(point)
        kind = tuple(each for name, each in coordinates.items() if name not in _NO_SIZES)
        if kind not in taken:
            if len(taken) == _MOST_KINDS:
                return points
            taken[kind] = _microseconds(grid, point)
        found.append((-taken[kind], point))
    return [point for _, point in sorted(found)]


def _microseconds(grid: Grid, point: int) -> float:
    """Return what a point takes; nothing where it fails at once."""
    try:
        settings = grid.settings(point)
    except VanishError:
        return 0.0
    return costs.used(settings)
