"""Where functions change their sign: all places at once, to the last digit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vanish.numbers.scaled import FloatArray

    Function = Callable[[FloatArray], FloatArray]


def crossings(
    function: Function, low: FloatArray, high: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return neighbouring numbers, or twice one that is a zero, between which the sign changes.

    Parameters
    ----------
    function
        Its values have different signs at the two ends of each interval.
    low, high
        The ends, shape (n,).
    """
    low, high = low.copy(), high.copy()
    sign = np.sign(function(low))
    while True:
        middle = 0.5 * (low + high)
        open_ones = np.flatnonzero((low < middle) & (middle < high))
        if not open_ones.size:
            return low, high
        middle = middle[open_ones]
        at = np.sign(function(middle))
        same, zero = at == sign[open_ones], at == 0.0
        low[open_ones] = np.where(same | zero, middle, low[open_ones])
        high[open_ones] = np.where(same & ~zero, high[open_ones], middle)


def zeros(switches: Iterable[Function], x: FloatArray) -> list[float]:
    """Return where a switch is 0 or jumps over it, in ascending order."""
    places: set[float] = set()
    for switch in switches:
        sign = np.sign(switch(x))
        # On an interval of zeros nothing switches but at its ends.
        zero = sign == 0.0
        inner = np.zeros_like(zero)
        inner[1:-1] = zero[1:-1] & zero[:-2] & zero[2:]
        places |= set(x[zero & ~inner].tolist())
        i = np.flatnonzero(sign[1:] * sign[:-1] < 0.0)
        low, high = crossings(switch, x[i], x[i + 1])
        nearer = np.abs(switch(low)) <= np.abs(switch(high))
        places |= set(np.where(nearer, low, high).tolist())
    return sorted(places)
