"""Means over a normal number by composite Gauss-Legendre quadrature.

Gauss-Hermite nodes are of no use here: at q = 25 a hundred of them miss the sigmoid's C by 3e-3
of it, and a kink costs percents. Panels of Gauss-Legendre nodes, split at the kinks and graded
around the scale of S, leave nothing but rounding. What is not built in may have any scale: its
panels are cut until that changes nothing, and where nothing helps there is no law.
"""

from __future__ import annotations

import math
from functools import cache, lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from vanish.errors import UsageError
from vanish.network import activations
from vanish.records import Record

if TYPE_CHECKING:
    from vanish.network.activations import Activation
    from vanish.numbers.scaled import FloatArray


class NoLawError(UsageError):
    """Mean-field theory says nothing of a network.

    Parameters
    ----------
    reason
        What it has no law for, as part of a sentence.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"mean-field theory has no law for {reason}")
        self.reason = reason


# Beyond 13 standard deviations lies a share of 1e-38; between these, e^(-z²/2) is smooth
# enough for one panel.
_PANEL_ENDS = np.array([3.0, 7.0, 13.0])
# S changes on the scale 1 and is asymptotically simple: panels that grow with |x| follow
# it, and poles as near to the axis as those of tanh, or of softsign at -1, do no harm.
_SCALES = np.array([0.5, 1.0, 2.0, 4.0, 8.0, *(8.0 * 4.0**j for j in range(1, 32))])

# What is not built in may change on a smaller scale around 0.
_FINER_SCALES = 2.0 ** np.arange(-14, -1)

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


def nodes_of(
    activation: Activation, q: FloatArray, largest: float | None = None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return √q of shape (m, 1), nodes z and weights for E over them, shape (m, …).

    Parameters
    ----------
    activation, q
        As for `quadrature`.
    largest
        The largest of all variances with which these share their panels; of them without.

    Raises
    ------
    NoLawError
        If no panels are fine enough.
    """
    most = float(q.max()) if largest is None else float(largest)
    return _panels(activation, q, _finer(activation, most), most)


def _finer(activation: Activation, largest: float) -> int:
    """Return into how many parts panels are cut for variances near one; 0 for not at all."""
    # What is built in is known to need no finer panels.
    if activations.is_built_in(activation):
        return 0
    finer = refinement(activation, math.frexp(largest)[1])
    if not finer:
        raise unreached(activation, largest)
    return finer


def _scales_within(largest: float) -> int:
    """Return how many of `_SCALES` are within reach of a variance."""
    return int(np.searchsorted(_SCALES, _PANEL_ENDS[-1] * math.sqrt(largest)))


def _panels(
    activation: Activation, q: FloatArray, finer: int, largest: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return what `nodes_of` does; each panel is cut into so many, where that is not 0."""
    nodes, weights = _legendre()
    scale = np.sqrt(q)[:, None]
    reach, within = _PANEL_ENDS[-1], _SCALES[: _scales_within(largest)]
    splits = np.concatenate((within, np.abs(activation.kinks)))
    if finer:
        splits = np.append(splits, _FINER_SCALES)
        if isinstance(activation.sup_at, float):
            # Where S is steepest it may be steep nowhere else.
            splits = np.append(splits, abs(activation.sup_at))
    # A split beyond the reach becomes a panel of width 0.
    ends = np.minimum(splits / scale, reach)
    ends = np.concatenate((ends, np.broadcast_to(_PANEL_ENDS, (q.size, 3))), axis=1)
    ends.sort(axis=1)
    if finer > 1:
        starts = np.concatenate((np.zeros((q.size, 1)), ends[:, :-1]), axis=1)
        parts = np.arange(1, finer + 1) / finer
        ends = (starts[..., None] + (ends - starts)[..., None] * parts).reshape(q.size, -1)
    edges = np.concatenate((-ends[:, ::-1], np.zeros((q.size, 1)), ends), axis=1)
    middle = 0.5 * (edges[:, 1:] + edges[:, :-1])[..., None]
    half = 0.5 * (edges[:, 1:] - edges[:, :-1])[..., None]
    z = (middle + half * nodes).reshape(q.size, -1)
    return scale, z, (half * weights).reshape(q.size, -1) * np.exp(-0.5 * z * z)


def quadrature(activation: Activation, q: FloatArray) -> FloatArray:
    """Return V, C and X by composite Gauss-Legendre quadrature.

    S must be smooth between 0 and its kinks. Of a built-in one it is known that it has no
    features finer than about 1/4; for any other the panels are cut until that changes nothing.

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

    Raises
    ------
    NoLawError
        If no panels are fine enough.
    """
    return _integrated(activation, *nodes_of(activation, q))


def _integrated(
    activation: Activation, scale: FloatArray, z: FloatArray, measure: FloatArray
) -> FloatArray:
    value, slope = activation.pair(scale * z)
    weighted, steep = measure * value, measure * slope
    sums = [(weighted * value).sum(1), (steep * slope).sum(1), (weighted * z * slope).sum(1)]
    return np.asarray(sums) / math.sqrt(2.0 * math.pi)


# So many nodes take some milliseconds; at √q = 1 they follow features down to about 1e-4.
_MOST_NODES = 2**18

# Moments by some panels and by twice as many may differ by so much of them.
_AGREE = 1e-12

# Where S is that large at the end of the range, what lies beyond it counts.
_TAIL = 1e-13


@lru_cache(maxsize=1024)
def refinement(activation: Activation, exponent: int) -> int:
    """Return into how many parts panels are cut for variances from 2^(exponent-1) to 2^exponent.

    So many that twice as many agree with them; 0 where no number does, since S changes too
    quickly, or grows so fast that the mean of its square has no end.

    Parameters
    ----------
    activation
        S and S'.
    exponent
        Of the variances.
    """
    q = np.ldexp([0.5, 1.0], exponent)
    finer, before = 1, None
    while True:
        scale, z, measure = _panels(activation, q, finer, q.max())
        if z.shape[1] > _MOST_NODES:
            return 0
        with np.errstate(all="ignore"):
            found = _integrated(activation, scale, z, measure)
            if not np.isfinite(found).all() or _leaves_a_tail(activation, q, found):
                return 0
            # X may be 0, where the others cannot be.
            v, c, _ = found
            sizes = np.array([v, c, np.sqrt(v * c)])
            if before is not None and (np.abs(found - before) <= _AGREE * sizes).all():
                return 0 if _is_overlooked(activation, c) else finer
        finer, before = 2 * finer, found


def _is_overlooked(activation: Activation, c: FloatArray) -> bool:
    """Tell whether S has a slope that no node has seen, as of tanh(1e10 x).

    Beyond the panels it is met with too small a chance for them, and still is not 0.
    """
    return bool((c == 0.0).any()) and activation.sup_slope > 0.0


def _leaves_a_tail(activation: Activation, q: FloatArray, found: FloatArray) -> bool:
    """Tell whether S² or S'² is not negligible where the panels end."""
    z = np.array([-_PANEL_ENDS[-1], _PANEL_ENDS[-1]])
    value, slope = activation.pair(np.sqrt(q)[:, None] * z)
    density = math.exp(-0.5 * _PANEL_ENDS[-1] ** 2)
    left = density * np.array([(value * value).max(1), (slope * slope).max(1)])
    return not (left <= _TAIL * found[:2]).all()


def unreached(activation: Activation, q: float) -> NoLawError:
    """Return the error that no panels are fine enough for a variance."""
    return NoLawError(
        f"{activation.name} of normal numbers of variance {q:.3g}: the mean square of S or S' is"
        " not to be computed there"
    )


class Joint(Record):
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


# So many variances at a time: of each there are some hundred nodes.
_JOINTLY = 512


def joint(activation: Activation, q: FloatArray) -> FloatArray:
    """Return the numbers of `Joint`, more than `quadrature`.

    Parameters
    ----------
    activation
        S and S'.
    q
        Variances above 0 in ascending order, shape (m,).

    Returns
    -------
    array
        Shape (m, 13).

    Raises
    ------
    NoLawError
        If no panels are fine enough.
    """
    found = []
    for section in _alike(activation, q):
        parts = np.array_split(section, -(-section.size // _JOINTLY))
        found += [_joint(activation, part, section[-1]) for part in parts]
    return np.concatenate(found)


def _alike(activation: Activation, q: FloatArray) -> list[FloatArray]:
    """Return variances in ascending order, cut where other panels are taken."""
    octaves = np.frexp(q)[1]
    ends = [*np.flatnonzero(octaves[1:] != octaves[:-1]).tolist(), q.size - 1]
    kinds = [(_scales_within(each), _finer(activation, each)) for each in q[ends].tolist()]
    changes = zip(ends, pairwise(kinds), strict=False)
    return np.split(q, [end + 1 for end, (one, other) in changes if one != other])


def _joint(activation: Activation, q: FloatArray, largest: float) -> FloatArray:
    scale, z, measure = nodes_of(activation, q, largest)
    a = scale * z
    s, d = activation.pair(a)
    ss, dd, ad = s * s, d * d, a * d
    products = (
        *(s, ss, ss * s, ss * ss),
        *(dd, s * dd, ss * dd, ad * d, ad * ad),
        *(ad, ad * s, a * ss, a * a * ss),
    )
    sums = [(measure * each).sum(1) for each in products]
    return np.asarray(np.array(sums) / math.sqrt(2.0 * math.pi)).T
