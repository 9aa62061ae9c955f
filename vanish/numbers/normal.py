"""The standard normal density and distribution function, accurate in both tails."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vanish.numbers.scaled import FloatArray

_INV_SQRT_2PI = 1.0 / math.sqrt(2.0 * math.pi)
_INV_SQRT_2 = math.sqrt(0.5)

# e^(-39²/2) is 0 in float64.
_FAR = 39.0

# Measured: below this size, numpy's calls for the polynomial take longer than erfc's.
_MANY = 500

# Left of it, rounding x/√2 costs erfc(-x/√2) more than 2e-15 of its value.
_ERFC_FROM = -3.0

# Elements at a time: their temporaries stay in the processor's cache.
_BLOCK = 8192

# (y+5) e^(y²/2) Φ(-y) as a polynomial in t = (y-5)/(y+5), lowest power first: it interpolates
# at the 22 Chebyshev points of the t that belong to 0 ≤ y ≤ 39. Its largest relative error
# there is 3.6e-17. tests/numbers/test_gaussian.py computes the coefficients anew, at 50 digits.
_TAIL = (
    0.769193049750063,
    -0.6653825028900567,
    0.49530561596997413,
    -0.3135331566712971,
    0.1650203661705007,
    -0.06911863870647982,
    0.020795066797569855,
    -0.002993376769094473,
    -0.0007978693748911934,
    0.000544899062695852,
    -5.937586616736071e-05,
    -4.9762853165030135e-05,
    1.668170360977268e-05,
    3.981182741532577e-06,
    -2.7703209441469523e-06,
    -3.374965203524632e-07,
    4.3443907263764586e-07,
    4.375841598285575e-08,
    -6.667529339227571e-08,
    -1.0618274174239376e-08,
    7.630410417873182e-09,
    2.224938767716443e-09,
)


def density(x: FloatArray) -> FloatArray:
    """Return φ(x) = e^(-x²/2)/√(2π), elementwise, to 1e-15 of its value where it is normal."""
    flat = x.ravel()
    height = np.empty(flat.size)
    for start in range(0, flat.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        _bell(np.minimum(np.abs(flat[block]), _FAR), height[block])
    height *= _INV_SQRT_2PI
    return height.reshape(x.shape)


def distribution(x: FloatArray) -> FloatArray:
    """Return Φ(x), elementwise, to 3e-15 of its value where it is normal.

    numpy has neither Φ nor erfc, and the C library's erfc takes a call an element. So it is
    erfc(-x/√2)/2 only in arrays of fewer than 500 elements, and there only from x = -3 on;
    everywhere else it is one polynomial. Nothing else than that size and x itself decides
    an element's result.
    """
    flat = x.ravel()
    if flat.size >= _MANY:
        return both(flat)[0].reshape(x.shape)
    result = np.fromiter(map(math.erfc, (-_INV_SQRT_2 * flat).tolist()), np.float64, flat.size)
    result *= 0.5
    far = flat < _ERFC_FROM
    if far.any():
        there = flat[far]
        below = np.empty_like(there)
        _by_polynomial(there, below, np.empty_like(there))
        result[far] = below
    return result.reshape(x.shape)


def both(
    x: FloatArray, below: FloatArray | None = None, height: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """Return Φ(x) and φ(x), for less than each of them alone would take.

    Parameters
    ----------
    x
        Of any shape.
    below, height
        Where to write them, of that shape, the entries one behind the other in memory, and not x.
    """
    below = np.empty(x.shape) if below is None else below
    height = np.empty(x.shape) if height is None else height
    if x.size < _MANY:
        below[...], height[...] = distribution(x), density(x)
        return below, height
    flat, lower, bell = x.ravel(), below.reshape(-1), height.reshape(-1)
    for start in range(0, flat.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        _by_polynomial(flat[block], lower[block], bell[block])
    return below, height


def _by_polynomial(x: FloatArray, below: FloatArray, bell: FloatArray) -> None:
    """Write Φ(x), by the polynomial `_TAIL` for Φ(-|x|), and φ(x).

    Shepherd and Laframboise 1981, "Chebyshev approximation of (1+2x)exp(x²)erfc x in
    0 ≤ x < ∞": of Φ(-y), e^(y²/2) takes the exponential decay and y + 5 the remaining 1/y,
    and (y-5)/(y+5) maps y from [0, ∞) to [-1, 1). That both have y + 5 saves a division.

    Parameters
    ----------
    x
        Shape (n,).
    below, bell
        What is written to; neither may be x.
    """
    y = np.abs(x)
    np.minimum(y, _FAR, out=y)
    t = y + 5.0
    np.divide(1.0, t, out=t)
    _bell(y, bell)
    np.multiply(bell, t, out=below)
    y -= 5.0
    t *= y
    tail = np.multiply(t, _TAIL[-1], out=y)
    tail += _TAIL[-2]
    for coefficient in _TAIL[-3::-1]:
        tail *= t
        tail += coefficient
    below *= tail
    # Φ(x) = 1 - Φ(-x): where x > 0, |Φ(-y) - 1|. np.where mispredicts at random signs.
    below -= x > 0.0
    np.abs(below, out=below)
    bell *= _INV_SQRT_2PI


def _bell(y: FloatArray, bell: FloatArray) -> None:
    """Write e^(-y²/2) for 0 ≤ y ≤ `_FAR`.

    Rounding y² would cost y² times 1e-16 of the value. So, as fdlibm's erfc does, y is cut to
    a head h, here of float32's 24 bits, whose square is exact: y² = h² + (y-h)(y+h).
    """
    head = y.astype(np.float32).astype(np.float64)
    rest = head - y
    rest *= np.add(head, y, out=bell)
    rest *= 0.5
    np.exp(rest, out=rest)
    head *= head
    head *= -0.5
    np.exp(head, out=bell)
    bell *= rest
