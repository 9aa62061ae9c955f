"""Closed forms of the Gaussian moments V, C and X, where S is simple enough.

Each was derived from two facts on z ~ N(0, 1): Stein's identity E[z f(z)] = E[f'(z)], and
the moments of z on an interval from 0. The gelu's also need E[Φ(√q z)²], an orthant
probability (Sheppard 1899; compare Williams 1997, "Computing with infinite networks").
All are written so that no two large terms cancel. φ and Φ are the density and the
distribution function of z.
"""

from __future__ import annotations

import math
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from vanish.network import activations

if TYPE_CHECKING:
    from collections.abc import Callable

    from vanish.network.activations import Activation

    # Maps q > 0 to V(q), C(q), X(q).
    Form = Callable[[float], tuple[float, float, float]]


def _above(t: float) -> float:
    """Return P(z > t)."""
    return 0.5 * math.erfc(t * math.sqrt(0.5))


def _between(t: float) -> tuple[float, float, float]:
    """Return E[1], E[z²] and E[z⁴] over 0 < z < t.

    E[z^(p+2)] = (p+1) E[z^p] - t^(p+1) φ(t) cancels for small t; expanded by it the other
    way, E[z^p] is φ(t) times the sum of t^(p+1+2j) / ((p+1)(p+3)…(p+1+2j)) over j ≥ 0.
    """
    density = math.exp(-0.5 * t * t) / math.sqrt(2.0 * math.pi)
    if t > 2.0:
        share = 0.5 - _above(t)
        square = share - t * density
        return share, square, 3.0 * square - t**3 * density
    term = fourth = t**5 / 5.0
    for p in range(7, 57, 2):  # 2⁵²/(5·7…55): below rounding
        term *= t * t / p
        fourth += term
    square = (t**3 + fourth) / 3.0
    return density * (t + square), density * square, density * fourth


def _two_slopes(below: float, q: float) -> tuple[float, float, float]:
    # S = x for x > 0, else below·x: half of E[x²] from each side
    half = 0.5 * (1.0 + below * below)
    return half * q, half, half * math.sqrt(q)


def _sin(q: float) -> tuple[float, float, float]:
    # S² = (1-cos 2x)/2, S'² = (1+cos 2x)/2, SS' = sin(2x)/2, E[cos 2x] = e^(-2q),
    # E[z sin 2x] = 2√q e^(-2q)
    cosine = math.exp(-2.0 * q)
    return -0.5 * math.expm1(-2.0 * q), 0.5 * (1.0 + cosine), math.sqrt(q) * cosine


def _hard_tanh(q: float) -> tuple[float, float, float]:
    # x within ±1, 1/√q in z; outside S² = 1
    t = 1.0 / math.sqrt(q)
    share, square, _ = _between(t)
    return 2.0 * (q * square + _above(t)), 2.0 * share, 2.0 * math.sqrt(q) * square


def _hard_sigmoid(q: float) -> tuple[float, float, float]:
    # 36S² = x²+6x+9 within ±3, SS' = (x+3)/36; above S = 1
    t = 3.0 / math.sqrt(q)
    share, square, _ = _between(t)
    inside = 2.0 * (q * square + 9.0 * share) / 36.0
    return inside + _above(t), share / 18.0, math.sqrt(q) * square / 18.0


def _relu6(q: float) -> tuple[float, float, float]:
    # x between 0 and 6; above S = 6
    t = 6.0 / math.sqrt(q)
    share, square, _ = _between(t)
    return q * square + 36.0 * _above(t), share, math.sqrt(q) * square


def _hard_swish(q: float) -> tuple[float, float, float]:
    # Within ±3: 36S² = x⁴+6x³+9x², 36S'² = 4x²+12x+9, 36SS' = 2x³+9x²+9x; above S = x
    t = 3.0 / math.sqrt(q)
    share, square, fourth = _between(t)
    # E[z²] over z > t is P(z > t) + tφ(t), by parts
    square_above = _above(t) + t * math.exp(-0.5 * t * t) / math.sqrt(2.0 * math.pi)
    return (
        q * ((q * fourth + 9.0 * square) / 18.0 + square_above),
        (4.0 * q * square + 9.0 * share) / 18.0 + _above(t),
        math.sqrt(q) * ((2.0 * q * fourth + 9.0 * square) / 18.0 + square_above),
    )


def _gelu(q: float) -> tuple[float, float, float]:
    # E[φ²] = 1/(2π√(1+2q)), E[Φ²] = 1/4 + asin(q/(1+q))/2π, and by Stein's identity
    # E[xφΦ] = q E[φ²]/(1+q), E[x²φ²] = q E[φ²]/(1+2q),
    # E[x²Φ²] = q E[Φ²] + q² E[(Φ²)''] with (Φ²)'' = 2φ²-2xφΦ.
    wide = math.sqrt(1.0 + 2.0 * q)
    both = 0.25 + math.atan(q / wide) / (2.0 * math.pi)  # the same arc, accurate near π/2
    density = 1.0 / (2.0 * math.pi * wide)
    mixed = density * q / (1.0 + q)
    v = q * (both + 2.0 * mixed)
    c = both + 2.0 * mixed + density * q / (1.0 + 2.0 * q)
    # X = √q V', where q d(both)/dq = mixed
    steepening = 2.0 - q / (1.0 + q) - q / (1.0 + 2.0 * q)
    return v, c, math.sqrt(q) * (both + mixed + 2.0 * mixed * steepening)


_BY_NAME: dict[str, Form] = {
    "identity": partial(_two_slopes, 1.0),
    "relu": partial(_two_slopes, 0.0),
    "gelu": _gelu,
    "hard_sigmoid": _hard_sigmoid,
    "hard_tanh": _hard_tanh,
    "relu6": _relu6,
    "hard_swish": _hard_swish,
    "sin": _sin,
}


@lru_cache(maxsize=256)
def get(activation: Activation) -> Form | None:
    """Return the closed form of an activation's moments, if there is one."""
    # What a user registers under one of these names is another record.
    if activation.is_formula or not activations.is_everywhere(activation):
        return None
    if activation.family == "leaky_relu":
        return partial(_two_slopes, activation.parameters["slope"])
    return _BY_NAME.get(activation.family)
