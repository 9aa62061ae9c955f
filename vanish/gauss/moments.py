"""Gaussian moments of an activation: what mean-field theory knows of S.

With z ~ N(0, 1) and the variance q of a unit's value before S,

    V(q) = E[S(√q z)²],   C(q) = E[S'(√q z)²],   X(q) = E[z S(√q z) S'(√q z)],

where X = √q V'(q), since d/dq S(√q z)² = S S' z/√q. V and C are the length map and the
slope of Poole et al. 2016, "Exponential expressivity in deep neural networks through
transient chaos", and Schoenholz et al. 2017, "Deep information propagation".

Gauss-Hermite nodes are of no use here: at q = 25 a hundred of them miss the sigmoid's C
by 3e-3 of it, and a kink costs percents. Panels of Gauss-Legendre nodes, split at the kinks
and graded around the scale of S, leave nothing but rounding.
"""

from __future__ import annotations

import math
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanish.gauss import closedforms
from vanish.numbers.scaled import Magnitude
from vanish.numbers.signed import Signed

if TYPE_CHECKING:
    from vanish.network.activations import Activation
    from vanish.numbers.scaled import FloatArray


class Moments(NamedTuple):
    """V(q), C(q) and X(q)."""

    v: float
    c: float
    x: float


# Beyond 13 standard deviations lies a share of 1e-38; between these, e^(-z²/2) is smooth
# enough for one panel.
_PANEL_ENDS = np.array([3.0, 7.0, 13.0])
# S changes on the scale 1 and is asymptotically simple: panels that grow with |x| follow
# it, and poles as near to the axis as those of tanh, or of softsign at -1, do no harm.
_SCALES = np.array([0.5, 1.0, 2.0, 4.0, 8.0, *(8.0 * 4.0**j for j in range(1, 32))])

_ORDER = 16


@cache
def _legendre() -> tuple[FloatArray, FloatArray]:
    """Return the Gauss-Legendre nodes and weights of [-1, 1].

    Golub and Welsch 1969, "Calculation of Gauss quadrature rules": eigenvalues and
    first components of the eigenvectors of the Jacobi matrix. numpy's own costs 8 ms of
    imports.
    """
    k = np.arange(1.0, _ORDER)
    nodes, vectors = np.linalg.eigh(np.diag(k / np.sqrt(4.0 * k * k - 1.0), -1))
    # Symmetry and the sum are exact; they hold to rounding only.
    shares = vectors[0] ** 2 + vectors[0, ::-1] ** 2
    return 0.5 * (nodes - nodes[::-1]), 2.0 * shares / shares.sum()


def _nodes(activation: Activation, q: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return √q of shape (m, 1), nodes z and weights for E over them, shape (m, …)."""
    nodes, weights = _legendre()
    scale = np.sqrt(q)[:, None]
    reach = _PANEL_ENDS[-1]
    within = _SCALES[: np.searchsorted(_SCALES, reach * scale.max())]
    splits = np.concatenate((within, np.abs(activation.kinks)))
    # A split beyond the reach becomes a panel of width 0.
    ends = np.minimum(splits / scale, reach)
    ends = np.concatenate((ends, np.broadcast_to(_PANEL_ENDS, (q.size, 3))), axis=1)
    ends.sort(axis=1)
    edges = np.concatenate((-ends[:, ::-1], np.zeros((q.size, 1)), ends), axis=1)
    middle = 0.5 * (edges[:, 1:] + edges[:, :-1])[..., None]
    half = 0.5 * (edges[:, 1:] - edges[:, :-1])[..., None]
    z = (middle + half * nodes).reshape(q.size, -1)
    return scale, z, (half * weights).reshape(q.size, -1) * np.exp(-0.5 * z * z)


def quadrature(activation: Activation, q: FloatArray) -> FloatArray:
    """Return V, C and X by composite Gauss-Legendre quadrature.

    S must be smooth between 0 and its kinks, without features finer than about 1/4.

    Parameters
    ----------
    activation
        S and S'.
    q
        Variances above 0, shape (m,), better all of one size: they share their panels.

    Returns
    -------
    array
        Shape (3, m).
    """
    scale, z, measure = _nodes(activation, q)
    value, slope = activation.pair(scale * z)
    weighted, steep = measure * value, measure * slope
    sums = [(weighted * value).sum(1), (steep * slope).sum(1), (weighted * z * slope).sum(1)]
    return np.asarray(sums) / math.sqrt(2.0 * math.pi)


class Joint(NamedTuple):
    """Means of products of a = √q z, S = S(a) and S' = S'(a), here called d.

    Attributes
    ----------
    s, ss, sss, ssss
        E[S] to E[S⁴]; the second is V.
    dd, sdd, ssdd, add, aadd
        E[S'²], which is C, E[SS'²], E[S²S'²], E[aS'²] and E[a²S'²].
    ad, asd, ass, aass
        E[aS'], E[aSS'], E[aS²] and E[a²S²].
    """

    s: float
    ss: float
    sss: float
    ssss: float
    dd: float
    sdd: float
    ssdd: float
    add: float
    aadd: float
    ad: float
    asd: float
    ass: float
    aass: float


def joint(activation: Activation, q: FloatArray) -> list[Joint]:
    """Return more moments than `quadrature`, which has its parameters, of each variance."""
    scale, z, measure = _nodes(activation, q)
    a = scale * z
    s, d = activation.pair(a)
    ss, dd, ad = s * s, d * d, a * d
    products = (
        *(s, ss, ss * s, ss * ss),
        *(dd, s * dd, ss * dd, ad * d, ad * ad),
        *(ad, ad * s, a * ss, a * a * ss),
    )
    sums = np.array([(measure * each).sum(1) for each in products]) / math.sqrt(2.0 * math.pi)
    return list(map(Joint._make, sums.T.tolist()))


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
    scale, z, measure = _nodes(activation, np.array([near]))
    from_mean = activation.value(scale * z) - _mean(activation, near)
    found = float((measure * from_mean * from_mean).sum()) / math.sqrt(2.0 * math.pi)
    return Magnitude.of(found, 2 * shift)


def _mean(activation: Activation, q: float) -> float:
    scale, z, measure = _nodes(activation, np.array([q]))
    return float((measure * activation.value(scale * z)).sum()) / math.sqrt(2.0 * math.pi)


def brought_near(activation: Activation, q: Magnitude) -> tuple[float | None, int]:
    """Return a variance that quadrature can reach, and by which power of two S is to be scaled.

    Far from 1 S is its tangents at 0, for which there is None, or it grows as √q or not at all:
    see `mean_squares`.
    """
    if not q:
        return None, 0
    odd = q.exponent % 2
    shift = (q.exponent - odd) // 2 if abs(q.exponent) > LAST_EXPONENT else 0
    if shift and not activation.homogeneous:
        if shift < 0:
            return None, 0
        shift -= LAST_EXPONENT // 2
    grows = activation.homogeneous or limits(activation).grows
    return float(q / Magnitude.of(1.0, 2 * shift)), shift if grows else 0


def sample(activation: Activation, q: FloatArray) -> FloatArray:
    """Return V, C and X in closed form where there is one, else by quadrature.

    Parameters and result are those of `quadrature`.
    """
    form = closedforms.get(activation)
    if form is None:
        return quadrature(activation, q)
    return np.array([form(each) for each in q.tolist()]).T


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
    chebyshev = np.cos(_K * math.acos(4.0 * mantissa - 3.0))
    return Moments(*(_octave(activation, exponent) @ chebyshev).tolist())


class Limits(NamedTuple):
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
    """

    value: float
    slope: float
    c_near: float
    v_far: float
    c_far: float
    grows: bool
    steep: bool


@lru_cache(maxsize=256)
def limits(activation: Activation) -> Limits:
    """Return what S is near 0 and far from it."""
    value, (left, slope, right) = activation.around_zero()
    ends = np.ldexp(1.0, [LAST_EXPONENT - 2, LAST_EXPONENT])
    before, far = map(Moments._make, sample(activation, ends).T.tolist())
    return Limits(
        value,
        slope,
        0.5 * (left * left + right * right),
        far.v,
        far.c,
        grows=far.v > 2.0 * before.v,
        steep=far.c > 0.75 * before.c,
    )


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
    beyond = q / Magnitude.of(1.0, LAST_EXPONENT)
    v, c = Magnitude.of(ends.v_far), Magnitude.of(ends.c_far)
    return v * beyond if ends.grows else v, c if ends.steep else c / beyond.root()
