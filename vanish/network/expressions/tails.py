"""S and S' far out: where they lead, by values at some points of every octave."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from vanish.numbers.scaled import FloatArray

    Pair = Callable[[FloatArray], tuple[FloatArray, FloatArray]]

# From 2^10 on: so many points an octave, as far as squares are numbers.
_FAR, _AN_OCTAVE = range(10, 500), 8

# Of what has a limit nothing changes behind this power of the last distance; a logarithm is 1.6
# times as large at the end.
_EARLY = 0.6

# What is left of a constant where it underflows.
_NOTHING = 1e-90

# So many points far out say whether values go on growing, or settle.
_WATCHED = 8 * _AN_OCTAVE


class Tail(Record):
    """S and S' on one side, far from 0.

    Attributes
    ----------
    distance
        |x|, in ascending order.
    value, slope
        S(x) and S'(x).
    """

    distance: FloatArray
    value: FloatArray
    slope: FloatArray

    @classmethod
    def of(
        cls, pair: Pair, side: float, sound: Callable[[FloatArray], NDArray[np.bool_]] | None
    ) -> Tail:
        """Return what there is on one side, -1 or 1: as far as it is sound, if that says enough.

        Else all there is. What overflows at once is large, or part of what is at its limit.
        """
        distance = distances()
        if sound is not None:
            lost = np.flatnonzero(~sound(side * distance))
            if lost.size and lost[0] >= _AN_OCTAVE:
                near = distance[: lost[0]]
                found = cls(near, *pair(side * near))
                if found.limit is not None:
                    return found
        return cls(distance, *pair(side * distance))

    @property
    def early(self) -> NDArray[np.bool_]:
        """Which points come before those that show where it leads."""
        early = self.distance <= self.distance[-1] ** _EARLY
        return early if early.sum() >= _AN_OCTAVE else self.distance <= np.median(self.distance)

    @property
    def last_slopes(self) -> FloatArray:
        """|S'| where nothing changes any more."""
        return np.abs(self.slope)[~self.early]

    @property
    def steepest_early(self) -> float:
        """The largest |S'| before."""
        return finite_max(np.abs(self.slope)[self.early])

    @property
    def limit(self) -> float | None:
        """To what S tends; infinity included, None where it does not."""
        late = self.value[~self.early][-_WATCHED:]
        early = self.value[self.early][-_WATCHED:]
        if np.isnan(late).any():
            return None
        if np.isinf(late).any() or np.abs(late).max() > 1.5 * np.abs(early).max():
            alike = (late > 0.0).all() or (late < 0.0).all()
            return math.copysign(math.inf, late[-1]) if alike else None
        if np.abs(late - late[-1]).max() <= 1e-12 * abs(late[-1]):
            return short(float(late[-1])) if abs(late[-1]) >= _NOTHING else 0.0
        # Such as 1/x, but no 1/ln x.
        falls = np.abs(late).max() < 0.5 * np.abs(early).max()
        return 0.0 if falls and np.abs(late).max() < self.distance[-1] ** -_EARLY else None


def distances() -> FloatArray:
    """Return the distances at which tails are looked at, in ascending order."""
    # Not at equal parts of an octave, which a periodic S might share.
    parts = 1.0 + (0.5 * (math.sqrt(5.0) - 1.0) * np.arange(_AN_OCTAVE)) % 1.0
    return np.concatenate([math.ldexp(1.0, octave) * np.sort(parts) for octave in _FAR])


def finite_max(sizes: FloatArray) -> float:
    """Return the largest of some sizes that float64 holds."""
    return float(sizes[np.isfinite(sizes)].max(initial=0.0))


def short(number: float) -> float:
    """Return a number without what rounding left of it: 1 for 1.0000000000000002."""
    told = float(f"{number:.15g}")
    return told if abs(told - number) <= 2.0 * np.spacing(abs(number)) else number
