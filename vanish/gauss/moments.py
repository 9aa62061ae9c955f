"""Gaussian moments of an activation: what mean-field theory knows of S.

With z ~ N(0, 1) and the variance q of a unit's value before S,

    V(q) = E[S(√q z)²],   C(q) = E[S'(√q z)²],   X(q) = E[z S(√q z) S'(√q z)],

where X = √q V'(q), since d/dq S(√q z)² = S S' z/√q. V and C are the length map and the
slope of Poole et al. 2016, "Exponential expressivity in deep neural networks through
transient chaos", and Schoenholz et al. 2017, "Deep information propagation".
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from vanish.gauss import closedforms
from vanish.gauss.quadrature import nodes_of, quadrature, refinement, unreached
from vanish.network import activations
from vanish.numbers.scaled import Magnitude
from vanish.numbers.signed import Signed
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from vanish.network.activations import Activation
    from vanish.numbers.scaled import FloatArray


class Moments(Record):
    """V(q), C(q) and X(q)."""

    v: float
    c: float
    x: float


@lru_cache(maxsize=256)
def steepens(activation: Activation) -> bool:
    """Tell whether C(q), the mean square of the slope, anywhere grows with q."""
    _, c, _ = sample(activation, np.ldexp(1.0, np.arange(-10, 11)))
    return bool((c[1:] > c[:-1] * (1.0 + 1e-9)).any())


def mean(activation: Activation, q: Magnitude) -> Signed:
    """Return E[S(√q z)], by the same quadrature.

    Parameters
    ----------
    activation
        S.
    q
        A variance.
    """
    near, shift = brought_near(activation, q)
    if near is None:
        value, (left, _, right) = activation.around_zero()
        if value or not q:
            return Signed(value)
        # Two tangents, each met by one half of z: E[max(z, 0)] = 1/√(2π).
        return Signed((right - left) / math.sqrt(2.0 * math.pi)) * Signed.of(q.root())
    return Signed(_mean(activation, near), shift)


def variance(activation: Activation, q: Magnitude) -> Magnitude:
    """Return E[(S - E S)²] at S(√q z): V(q) less a square, but without their cancellation.

    Parameters are those of `mean`.
    """
    near, shift = brought_near(activation, q)
    if near is None:
        _, (left, _, right) = activation.around_zero()
        # E[S²] - E[S]² of the two tangents, whatever S(0) is.
        kink = (right - left) ** 2 / (2.0 * math.pi)
        return q * Magnitude.of(max(0.5 * (left * left + right * right) - kink, 0.0))
    scale, z, measure = nodes_of(activation, np.array([near]))
    from_mean = activation.value(scale * z) - _mean(activation, near)
    found = float((measure * from_mean * from_mean).sum()) / math.sqrt(2.0 * math.pi)
    return Magnitude.of(found, 2 * shift)


def _mean(activation: Activation, q: float) -> float:
    scale, z, measure = nodes_of(activation, np.array([q]))
    return float((measure * activation.value(scale * z)).sum()) / math.sqrt(2.0 * math.pi)


def brought_near(activation: Activation, q: Magnitude) -> tuple[float | None, int]:
    """Return a variance that quadrature can reach, and by which power of two S is to be scaled.

    Far from 1 S is its tangents at 0, for which there is None, or it grows as √q or not at all:
    see `mean_squares`.

    Raises
    ------
    NoLawError
        If S is none of these there.
    """
    if not q:
        return None, 0
    odd = q.exponent % 2
    shift = (q.exponent - odd) // 2 if abs(q.exponent) > LAST_EXPONENT else 0
    if shift and not activation.homogeneous:
        if shift < 0:
            return None, 0
        if not limits(activation).simple:
            raise unreached(activation, float(q))
        shift -= LAST_EXPONENT // 2
    grows = activation.homogeneous or limits(activation).grows
    return float(q / Magnitude.of(1.0, 2 * shift)), shift if grows else 0


def sample(activation: Activation, q: FloatArray) -> FloatArray:
    """Return V, C and X in closed form where there is one, else by quadrature.

    Parameters and result are those of `quadrature`.
    """
    form = closedforms.get(activation)
    if form is not None:
        return np.array([form(each) for each in q.tolist()]).T
    if activations.is_built_in(activation):
        return quadrature(activation, q)
    return np.array([_sampled(activation, each) for each in q.tolist()]).T


def _sampled(activation: Activation, q: float) -> FloatArray:
    """Return V, C and X of what is not built in; beyond all panels by what S is far from 0."""
    exponent = math.frexp(q)[1]
    near = exponent <= 1 or q <= math.ldexp(1.0, limits(activation).end)
    if near and refinement(activation, exponent):
        found: FloatArray = quadrature(activation, np.array([q]))[:, 0]
        return found
    v, c = (float(each) for each in _beyond(activation, Magnitude.of(q)))
    return np.array([v, c, v / math.sqrt(q) if limits(activation).grows else 0.0])


# V, C and X continue to analytic functions of q in the half plane Re q > 0. Over an octave
# its edge lies at rho = 3+√8, so n Chebyshev nodes leave an error of about 5.8^-n.
_NODES = 20
_K = np.arange(_NODES)
_ANGLES = math.pi * (_K + 0.5) / _NODES
_TO_COEFFICIENTS = np.cos(np.outer(_ANGLES, _K)) * np.where(_K, 2.0, 1.0) / _NODES


@lru_cache(maxsize=4096)
def _octave(activation: Activation, exponent: int) -> FloatArray:
    """Return Chebyshev coefficients of V, C and X for q = m·2^exponent, 1/2 ≤ m < 1.

    They cost less than three quadratures, serve every q of the octave, and depend on
    nothing else, so that results do not depend on what was asked before.
    """
    mantissas = 0.25 * (np.cos(_ANGLES) + 3.0)
    return np.asarray(sample(activation, np.ldexp(mantissas, exponent)) @ _TO_COEFFICIENTS)


# Outside 2^±120 the next term of every expansion, at most √q or 1/√q times the first, is
# below rounding.
LAST_EXPONENT = 120


# Coefficients are as exact as the largest moment of the octave allows.
_SPAN = 100.0


@lru_cache(maxsize=4096)
def _is_smooth(activation: Activation, exponent: int) -> bool:
    """Tell whether V and C of an octave are all of one size: of what is built in they are."""
    if activations.is_built_in(activation):
        return True
    v, c, _ = sample(activation, np.ldexp(np.linspace(0.5, 1.0, 5), exponent))
    return bool(v.max() <= _SPAN * v.min() and c.max() <= _SPAN * c.min())


def at(activation: Activation, q: float) -> Moments:
    """Return V(q), C(q) and X(q), with at least 12 digits from 1e-6 to 1e6.

    Parameters
    ----------
    activation
        S and S'.
    q
        A variance between 2^-120 and 2^120.
    """
    form = closedforms.get(activation)
    if form is not None:
        return Moments(*form(q))
    mantissa, exponent = math.frexp(q)
    if not _is_smooth(activation, exponent):
        return Moments(*_sampled(activation, q).tolist())
    chebyshev = np.cos(_K * math.acos(4.0 * mantissa - 3.0))
    return Moments(*(_octave(activation, exponent) @ chebyshev).tolist())


def reader(activation: Activation) -> Callable[[float], tuple[float, float]]:
    """Return what tells V(q) and C(q) as `at` does, in less time where many are asked for.

    Parameters
    ----------
    activation
        S and S'.
    """
    form = closedforms.get(activation)
    octaves: dict[int, FloatArray] = {}
    room = np.empty(_NODES)

    def read(q: float) -> tuple[float, float]:
        if form is not None:
            return form(q)[:2]
        mantissa, exponent = math.frexp(q)
        if exponent not in octaves:
            if not _is_smooth(activation, exponent):
                v, c, _ = _sampled(activation, q).tolist()
                return v, c
            octaves[exponent] = _octave(activation, exponent)
        np.cos(np.multiply(_K, math.acos(4.0 * mantissa - 3.0), out=room), out=room)
        v, c, _ = (octaves[exponent] @ room).tolist()
        return v, c

    return read


class Limits(Record):
    """What S is near 0 and far from it.

    Attributes
    ----------
    value, slope
        S(0) and S'(0).
    c_near
        C(0⁺) = (S'(0⁺)² + S'(0⁻)²)/2, the limit of C, and of V(q)/q if S(0) = 0.
    v_far, c_far
        V and C at the end of the range.
    grows
        Whether V is proportional to q from there on, as for an S that on one side at
        least is asymptotically a straight line; else V is constant.
    steep
        Whether C is constant from there on; else it is ∫S'²/√(2πq).
    end
        log2 of the q where the range ends.
    simple
        Whether V and C go on like that: every built-in S does. Of any other, as x², both
        are infinite at the end.
    """

    value: float
    slope: float
    c_near: float
    v_far: float
    c_far: float
    grows: bool
    steep: bool
    end: int
    simple: bool


@lru_cache(maxsize=256)
def limits(activation: Activation) -> Limits:
    """Return what S is near 0 and far from it.

    Raises
    ------
    NoLawError
        If the moments of S are less than float64 holds.
    """
    value, (left, slope, right) = activation.around_zero()
    c_near = 0.5 * (left * left + right * right)
    known = closedforms.get(activation) is not None or activations.is_built_in(activation)
    end = LAST_EXPONENT if known else _last(activation)
    ends = np.ldexp(1.0, [end - 2, end])
    # What is not built in is asked for its limits where there are no panels.
    ways = sample(activation, ends) if known else quadrature(activation, ends)
    before, far = map(Moments._make, ways.T.tolist())
    if not (before.v and before.c):  # they are less than float64 holds
        raise unreached(activation, math.ldexp(1.0, end))
    by_v, by_c = far.v / before.v, far.c / before.c
    if not known and not (_is_near(by_v, 1.0, 4.0) and _is_near(by_c, 1.0, 0.5)):
        return Limits(
            *(value, slope, c_near, math.inf, math.inf),
            grows=False,
            steep=False,
            end=end,
            simple=False,
        )
    return Limits(
        *(value, slope, c_near, far.v, far.c),
        grows=far.v > 2.0 * before.v,
        steep=far.c > 0.75 * before.c,
        end=end,
        simple=True,
    )


# How near to its limit a quotient of moments is at the end of the range.
_NEAR = 1e-4


def _is_near(quotient: float, *ends: float) -> bool:
    return any(abs(quotient / end - 1.0) <= _NEAR for end in ends)


def _last(activation: Activation) -> int:
    """Return log2 of the largest q, up to `LAST_EXPONENT`, for which there are panels.

    Raises
    ------
    NoLawError
        If there are none for q = 1 either.
    """
    # 2^(e-1) is the largest power of two among the variances of exponent e.
    if refinement(activation, LAST_EXPONENT + 1):
        return LAST_EXPONENT
    # The larger q is, the finer are the panels that it takes.
    reached, missed, step = 1, LAST_EXPONENT + 1, 1
    if refinement(activation, reached):
        while refinement(activation, reached + step):
            reached, step = reached + step, 2 * step
        missed = min(missed, reached + step)
    else:
        while not refinement(activation, reached):
            if reached < -LAST_EXPONENT:
                raise unreached(activation, 1.0)
            reached, missed, step = reached - step, reached, 2 * step
    while missed - reached > 1:
        middle = (reached + missed) // 2
        if refinement(activation, middle):
            reached = middle
        else:
            missed = middle
    return reached - 1


def mean_squares(activation: Activation, q: Magnitude) -> tuple[Magnitude, Magnitude]:
    """Return V(q) and C(q) for any q, however small or large.

    A homogeneous S has V = q V(1). For any other, far from 1 only what S is asymptotically
    matters: its tangents at 0, and for large q a straight line or a constant on each side.

    Parameters
    ----------
    activation
        S and S'.
    q
        A variance; for a true zero the value is 0 on all units, and S'(0) its slope.
    """
    if q and -LAST_EXPONENT <= q.exponent <= LAST_EXPONENT:
        moments = at(activation, float(q))
        return Magnitude.of(moments.v), Magnitude.of(moments.c)
    if q and activation.homogeneous:
        unit = at(activation, 1.0)
        return q * Magnitude.of(unit.v), Magnitude.of(unit.c)
    ends = limits(activation)
    if not q:
        return Magnitude.of(ends.value**2), Magnitude.of(ends.slope**2)
    if q.exponent < 0:
        c = Magnitude.of(ends.c_near)
        return Magnitude.of(ends.value**2) if ends.value else q * c, c
    return _beyond(activation, q)


def straight(activation: Activation) -> tuple[Magnitude, Magnitude] | None:
    """Return V(q)/q and C(q), as `mean_squares` has them far from 1 where both are numbers.

    For a homogeneous S that is everywhere, for any other with S(0) = 0 near 0; None for the rest.
    """
    if activation.homogeneous:
        unit = at(activation, 1.0)
        return Magnitude.of(unit.v), Magnitude.of(unit.c)
    ends = limits(activation)
    c = Magnitude.of(ends.c_near)
    return None if ends.value else (c, c)


def _beyond(activation: Activation, q: Magnitude) -> tuple[Magnitude, Magnitude]:
    """Return V(q) and C(q) for a q beyond the range."""
    ends = limits(activation)
    beyond = q / Magnitude.of(1.0, ends.end)
    # Within it there are no panels: what S is far from 0 says nothing there.
    if not ends.simple or float(beyond) < 1.0:
        raise unreached(activation, float(q))
    v, c = Magnitude.of(ends.v_far), Magnitude.of(ends.c_far)
    return v * beyond if ends.grows else v, c if ends.steep else c / beyond.root()
