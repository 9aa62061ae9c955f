"""How many digits a number needs that people are to copy."""

from __future__ import annotations

import math

# Decades by which the digits that a number lacks may move the ratio.
ROUNDING = 0.1


def rounded(value: float, layers: int) -> float:
    """Return a number with no more digits than so many layers need.

    A relative error δ in the weights' scale moves the ratio by about layers·δ/ln 10 decades:
    by at most a tenth.
    """
    most = ROUNDING * math.log(10.0) / layers
    digits = 1
    while abs((found := float(f"{value:.{digits}g}")) / value - 1.0) > most:
        digits += 1
    return found
