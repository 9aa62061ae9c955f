"""Zeros of a function of one number, the nearest to 0 first, in few looks at it.

The function is what the ratio is off by, of the log10 gain. Where S scales it is a line. Where S
saturates it need not even be monotone, and where rounding decides it jumps.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# So far is looked, and in no longer steps, if a line does not lead farther.
_REACH, _LONGEST = 6.0, 0.5

# What is near enough to 0, and how often a bracket is narrowed.
NEAR, _STEPS = 0.2, 8

# After so many looks in a row that lead no nearer to 0 the other way is tried, too, and after
# so many a way is given up.
_TURN, _GIVE_UP = 2, 3


class Zero(Record):
    """Where the function is about 0, and its slope there."""

    place: float
    slope: float


class OutOfReachError(Exception):
    """The function cannot be had there, nor farther out."""


class Walk:
    """A walk outwards from 0.

    Parameters
    ----------
    function
        Raises `OutOfReachError` where it cannot be had. Whatever else it raises ends the walk.
    start
        Its value at 0.
    slope
        What its slope would be, were it a line that rises.
    hint
        A place from which to go on, and about the value there.
    enough
        A value so near to 0 will do where the function comes no nearer.

    Attributes
    ----------
    seen
        The values so far by their places.
    """

    def __init__(
        self,
        function: Callable[[float], float],
        start: float,
        slope: float,
        hint: tuple[float, float] | None = None,
        enough: float = NEAR,
    ) -> None:
        self.seen = {0.0: start}
        self._enough = enough
        self._function, self._slope = function, slope
        self._guess = abs(start) / slope if math.isfinite(start) else _LONGEST
        # A line that rises has its zero where the start has not its sign.
        self._likely = math.copysign(1.0, -start)
        self._hint = None
        if hint is not None and self._likely * hint[0] > 0.0 and abs(hint[1]) < abs(start):
            self._hint = hint

    @property
    def best(self) -> Zero:
        """Of all places seen the one whose value is nearest to 0."""
        return self._at(min(self.seen, key=lambda place: abs(self.seen[place])))

    def zeros(self) -> Iterator[Zero]:
        """Yield the zeros as the walk meets them.

        It goes the likely way, and the other one too once that leads no nearer to 0, or its
        zero will not do.
        """
        start, guess = self.seen[0.0], self._guess
        if abs(start) <= NEAR:
            yield self._at(0.0)
        far = _Front(0.0, guess, max(_LONGEST, 0.25 * guess), max(_REACH, 2.0 * guess))
        if self._hint is not None:
            place, there = self._hint
            self.seen[place] = there
            if _changes_sign(start, there):
                yield self._narrowed(0.0, place)
            far = far._replace(place=place, step=abs(there) / self._slope)
        fronts, turned = {self._likely: far}, False
        while fronts:
            for way, front in list(fronts.items()):
                outer = front.place + way * min(front.step, front.longest)
                before = self.seen[front.place]
                value = self._look(outer) if abs(outer) <= front.reach else None
                found = value is not None and _changes_sign(before, value)
                if found:
                    yield self._narrowed(front.place, outer)
                elif value is not None and abs(before) <= min(abs(value), self._enough):
                    yield self._at(front.place)
                fronts[way] = moved = front.after(outer, before, value)
                if not turned and (found or moved.misses >= _TURN):
                    turned = True
                    fronts[-way] = _Front(0.0, guess, _LONGEST, _REACH)
                if moved.misses >= _GIVE_UP:
                    del fronts[way]

    def _look(self, place: float) -> float | None:
        """Return the value at a place, None where it is out of reach."""
        if place not in self.seen:
            try:
                self.seen[place] = self._function(place)
            except OutOfReachError:
                return None
        return self.seen[place]

    def _narrowed(self, inner: float, outer: float) -> Zero:
        """Return the zero in a bracket: by the line through its ends, then by halves, in turns."""
        for step in range(_STEPS):
            a, b = self.seen[inner], self.seen[outer]
            if min(abs(a), abs(b)) <= NEAR:
                break
            by_line = step % 2 == 0 and math.isfinite(a) and math.isfinite(b)
            share = min(max(a / (a - b), 0.02), 0.98) if by_line else 0.5
            middle = inner + share * (outer - inner)
            value = self._look(middle)
            if value is None:
                break
            if (value > 0.0) == (a > 0.0):
                inner = middle
            else:
                outer = middle
        return self._at(min((inner, outer), key=lambda place: abs(self.seen[place])))

    def _at(self, place: float) -> Zero:
        """Return a place with its slope: to the nearest one seen, if that makes sense."""
        others = [each for each in self.seen if each != place]
        if others and math.isfinite(self.seen[place]):
            other = min(others, key=lambda each: abs(each - place))
            slope = (self.seen[other] - self.seen[place]) / (other - place)
            if 0.1 * self._slope < slope < math.inf:
                return Zero(place, slope)
        return Zero(place, self._slope)


class _Front(Record):
    """How far a way has led.

    Attributes
    ----------
    place
        The outermost place seen.
    step, longest, reach
        The next step, and the limits of steps and places.
    misses
        How many looks in a row led no nearer to 0.
    """

    place: float
    step: float
    longest: float
    reach: float
    misses: int = 0

    def after(self, outer: float, before: float, value: float | None) -> _Front:
        """Return the front after a look, which is twice as far as the last one, or a little
        beyond where the line through both values meets 0.
        """
        if value is None:
            return self._replace(misses=_GIVE_UP)
        step = abs(outer - self.place)
        ahead = 2.0 * step
        if NEAR < abs(value) < abs(before) < math.inf:
            ahead = min(ahead, max(step, 1.2 * step * abs(value) / (abs(before) - abs(value))))
        misses = 0 if abs(value) < abs(before) else self.misses + 1
        return self._replace(place=outer, step=ahead, misses=misses)


def _changes_sign(before: float, value: float) -> bool:
    """Tell whether there is a zero between two values, or at the second one."""
    return abs(value) <= NEAR < abs(before) or (value > 0.0) != (before > 0.0)
