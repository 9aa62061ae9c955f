"""The standard normal density and distribution function, accurate in both tails."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vanish.scaled import FloatArray

_INV_SQRT_2PI = 1.0 / math.sqrt(2.0 * math.pi)
_INV_SQRT_2 = math.sqrt(0.5)


def density(x: FloatArray) -> FloatArray:
    """Return φ(x) = e^(-x²/2)/√(2π), elementwise."""
    # x² overflows from 1.3e154 on, where φ has long been 0.
    clipped = np.clip(x, -40.0, 40.0)
    result: FloatArray = _INV_SQRT_2PI * np.exp(-0.5 * clipped * clipped)
    return result


def distribution(x: FloatArray) -> FloatArray:
    """Return Φ(x) = erfc(-x/√2)/2, elementwise.

    erfc, not 1 + erf, keeps full relative accuracy in the left tail. numpy has
    neither; the C library's, called once an element, is exact.
    """
    flat = np.fromiter(map(math.erfc, (-_INV_SQRT_2 * x).ravel().tolist()), np.float64, x.size)
    result: FloatArray = 0.5 * flat.reshape(x.shape)
    return result
