"""Where functions change their sign: all places at once, to the last digit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from vanish.numbers.scaled import FloatArray


def crossings(
    function: Callable[[FloatArray], FloatArray], low: FloatArray, high: FloatArray
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
