"""The second mode of a gradient: its parts along f_k and along 1, of relative size 1/width.

Mean field's leading order takes ∂L/∂f_k as spread evenly over the units. But W_kᵀ has a part
along its own input, which shrinks or grows from layer to layer by another factor than the rest
does, and that wins where it is the larger one: in skips without a norm whose S has a mean, and in
plain chains with χ_q² > χ₁.

Derivation (our own; of the kind of partial Jacobians, Doshi, He and Gromov 2021). Let
a = Wx + b, f = βx + αS(a) with n units each, d = ∂L/∂f, and per unit p = E x², m = E x,
q = E a², σ² = n Var(W's entries), ρ = σ²p/q. Going back, D = E‖d‖² and Y = E[y yᵀ],
y = (d·f, d·1), are followed; the rest of d is spread evenly over what is orthogonal to f and 1.

1. With G = E[(f, 1)(f, 1)ᵀ], d = (f, 1)G⁻¹y/n + r, and r has
   R = (D - tr(G⁻¹Y)/n)/(1 - 2/n) for every n of its units. So for T that knows of d by y alone
   d·T = vᵀG⁻¹y + noise, v = E[(f, 1)T], and the noises of d·T and d·T' have the covariance
   R (E[TT'] - vᵀG⁻¹v').
2. Let δ = S'(a)∘d. ‖δ‖² has the mean U = R (C - tr(G⁻¹K)/n) + tr(G⁻¹KG⁻¹Y)/n with
   K = E[S'²(f, 1)(f, 1)ᵀ].
3. Of Wᵀ all is known by Wx: Wᵀδ = x τ/(np) + σ‖δ‖/√n g⊥ with τ = δ·Wx = d·T, T = S'(a)Wx and
   normal g⊥ orthogonal to x (Bayati and Montanari 2011, lemma 10). T given a is S'(a)(ρa + noise).
4. ∂L/∂x = βd + αWᵀδ, and with t = βd·x = d·f - αd·S

       D' = β²D + α²σ²U(1 - 1/n) + (α²E[ττ] + 2αE[τt])/(np),
       y' = (t + ατ, βd·1 + ατ m/p + noise), the noise of variance α²σ²U(1 - m²/p).

5. At the readout D = 1 and Y = G. A norm behind takes out of d what lies along its value, and
   LN also what lies along 1: there y is 0. A norm of x before W does so with Wᵀδ, one between W
   and S with δ.
6. Without a skip, every norm starts anew from values of a known length, and the square that it
   divides by is a mean over n independent units. With h what is normed (less its mean, for LN)
   E[1/mean h² · mean S'²] / (C/E h²) = 1 + (Var h²/(E h²)² - Cov(h², S'²)/(C E h²))/n: a share
   1/n a layer again. It is counted with the others.
"""

from __future__ import annotations

import math
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from vanish.gauss.quadrature import Joint, NoLawError
from vanish.readings.onematrix import LN, RMS, OneMatrix
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vanish.network.graph import Run
    from vanish.numbers.scaled import FloatArray
    from vanish.readings.expectations import Seen
    from vanish.readings.meanfield import Ensemble
    from vanish.readings.modelayers import Layer, Layers
    from vanish.readings.sources import Unit

# Up to this share of the mean square the leading order stands as it is.
SHARE = 0.01

# Where the logarithm of a gradient's square varies by more than this with the sizes of the values,
# which differ from network to network, few networks decide on its mean, and no order of 1/width.
_LARGEST_VARIANCE = 0.25


class Down(Record):
    """What goes down to the layer below: D' and Y', and U/C, over their leading orders."""

    size: float
    y: tuple[float, float, float]
    slope: float


def factors(
    blocks: Mapping[Run, OneMatrix], ensemble: Ensemble, start: Unit, seen: Mapping[Run, Seen]
) -> tuple[FloatArray, FloatArray] | None:
    """Return what the second mode multiplies mean squares by, if its share passes `SHARE`.

    Parameters
    ----------
    blocks
        Of every run, see `onematrix.with_second_mode`.
    ensemble
        The networks.
    start, seen
        What is known of the input and of the way forward.

    Returns
    -------
    for_f, for_a
        Those of ‖∂L/∂f_k‖² and of ‖∂L/∂a_k‖², layer 1 first, shape (N,). None where the leading
        order is to stand.

    Raises
    ------
    NoLawError
        If the mean hangs on few networks, see `_LARGEST_VARIANCE`.
    """
    from vanish.readings.modelayers import layers_of  # noqa: PLC0415 - start-up

    layers = layers_of(ensemble, start, seen, blocks)
    with np.errstate(all="ignore"):
        walked = _walk(layers) if layers.flow else np.array(np.nan)
    if not (np.isfinite(walked).all() and walked.min() > 0.0 and walked.max() > 1.0 + SHARE):
        return None
    is_plain = all(each.plain for each in blocks.values())
    if is_plain and _variance(layers) > _LARGEST_VARIANCE:
        raise NoLawError(
            f"{layers.width} units a layer: the gradient's mean square hangs on few networks,"
            " whose values are larger than those of most"
        )
    return walked[0], walked[1]


def _variance(layers: Layers) -> float:
    """Return how ln of a plain chain's gradient square varies with the sizes of its values.

    ln p of a layer has the variance (E S⁴/V² - 1)/n; it moves ln q of the next by ρ, which moves
    ln V and ln C by (E[a²S²]/(qV) - 1)/2 and (E[a²S'²]/(qC) - 1)/2.
    """
    total = moved = 0.0
    for layer in chain.from_iterable(map(reversed, layers.back())):
        of, raw, q = layer.of, layer.raw, layer.variance / layer.share
        total += moved * moved * (raw.ssss / raw.ss**2 - 1.0) / layer.width
        by_slope = 0.5 * (of.aadd / (q * of.dd) - 1.0)
        by_value = 0.5 * (raw.aass * of.ss / (q * raw.ss**2) - 1.0)
        moved = layer.share * (by_slope + by_value * moved)
    return total


def _walk(layers: Layers) -> FloatArray:
    """Return D and U/C over their leading orders, layer 1 first, shape (2, N)."""
    found = np.ones((2, layers.depth))
    size, y = 1.0, (1.0, 0.0, 1.0)
    k, above = layers.depth, None
    for piece in layers.back():
        for layer, means in zip(reversed(piece), reversed(list(_means(piece))), strict=True):
            k -= 1
            square, mean = layer.value
            if above is None:
                y = square, mean, 1.0
                if behind := layer.block.behind:
                    y = 1.0, 0.0 if behind == LN else mean / math.sqrt(square), 1.0
            elif not layer.block.behind:
                # From units in which E x² = 1 above to those of this layer, whose f that x is.
                y = (y[0] * square, y[1] * math.sqrt(square), y[2])
            found[0, k] = size
            norms = 1.0 + _of_norms(layer, above) / layer.width
            size, y, found[1, k] = means.down(size, y, norms)
            above = layer
    return found


def _of_norms(layer: Layer, above: Layer | None) -> float:
    """Return n times what norms add to U of a layer without a skip; see 6 above."""
    block = layer.block
    if block.skip:
        return 0.0
    added = 0.0
    if block.between:
        # E[n/χ²] of n normals; n-1 of them for LN, which takes the mean out of δ.
        added = 2.0
    if block.behind:
        return added + _of_norm(layer, block.behind, 1.0)
    if above is not None and not above.block.skip:
        if above.block.before:
            return added + _of_norm(layer, above.block.before, 1.0)
        if above.block.between:
            return added + _of_norm(layer, RMS, above.share)
    return added


def _of_norm(layer: Layer, kind: str, share: float) -> float:
    """Return the same of the one norm that takes S, or of which S is a share of the square."""
    of = layer.raw
    m = of.s if kind == LN else 0.0
    square = of.ss - m * m
    variance = of.ssss - 4.0 * m * of.sss + 6.0 * m * m * of.ss - 3.0 * m**4 - square * square
    with_slope = of.ssdd - 2.0 * m * of.sdd + m * m * of.dd - square * of.dd
    if layer.block.between and kind == RMS:
        # What S takes has a fixed mean square, and for LN a fixed mean.
        along, of_slope = of.aass - of.ss, of.aadd - of.dd
        variance -= 0.5 * along * along
        with_slope -= 0.5 * along * of_slope
        if layer.block.between == LN:
            variance -= of.ass * of.ass
            with_slope -= of.ass * of.add
    spread = share * share * variance / (square * square) - share * with_slope / (square * of.dd)
    return spread + (1.0 if kind == LN else 0.0)


class _Means:
    """One layer on the way back: what is known of it before D and Y are.

    Parameters
    ----------
    layer
        The layer.
    numbers
        What `_means` says of it.
    """

    __slots__ = ("_layer", "_numbers")

    def __init__(self, layer: Layer, numbers: tuple[Any, ...]) -> None:
        self._layer, self._numbers = layer, numbers

    def down(self, size: float, y: tuple[float, float, float], norms: float) -> Down:
        """Return D', Y' and U/C, each over what the leading order is multiplied by.

        Parameters
        ----------
        size, y
            D, and Y's three numbers.
        norms
            What norms multiply U by.
        """
        layer = self._layer
        (skip, scale, before, between, behind), n, m = layer.block, layer.width, layer.mean
        of, variance = layer.of, layer.variance
        inverse, around, by_s, by_t, (own_u, own_ss, own_st, own_tt, share) = self._numbers
        y11, y12, y22 = y
        if behind == LN:
            size -= (y11 + y22) / n
            y11 = y12 = y22 = 0.0
        elif behind:
            square, mean = layer.value
            of_f = mean / math.sqrt(square)
            size -= y11 / n
            y11, y12, y22 = 0.0, 0.0, y22 - 2.0 * of_f * y12 + of_f * of_f * y11
        i11, i12, i21, i22 = inverse
        rest = (size - (i11 * y11 + i12 * y12 + i21 * y12 + i22 * y22) / n) / share
        both = np.array([[y11, y12], [y12, y22]])
        y_t = both @ by_t
        e_tt = float(by_t @ y_t + rest * own_tt)
        a11, a12, a21, a22 = around
        u = rest * own_u + (a11 * y11 + a12 * y12 + a21 * y12 + a22 * y22) / n
        u *= norms
        if between:
            # Where a is normed, T = aS' is what the norm takes out of δ.
            u -= e_tt * layer.raw.ss / of.ss / n
        # The square of d·x, and its products with τ and d·1.
        xx = xt = x1 = 0.0
        if skip:
            y_s = both @ by_s
            e_ss = by_s @ y_s + rest * own_ss
            e_st = by_s @ y_t + rest * own_st
            xx = float(y11 - 2.0 * scale * y_s[0] + scale * scale * e_ss)
            xt = float(y_t[0] - scale * e_st)
            x1 = float(skip * (y12 - scale * y_s[1]))
        branch = scale * scale * variance
        gain = skip * skip + branch * of.dd
        down = skip * skip * size + branch * u * (1.0 - (2.0 if before == LN else 1.0) / n)
        flat = skip * skip * y22
        if before != LN:
            flat += branch * u * (1.0 - m * m)
        if not (before or between):
            of_t = float(y_t[1])
            down += (scale * scale * e_tt + 2.0 * scale * xt) / n
            xx += 2.0 * scale * xt + scale * scale * e_tt
            x1 += scale * (skip * of_t + m * (xt + scale * e_tt))
            flat += scale * m * (2.0 * skip * of_t + scale * m * e_tt)
        return Down(down / gain, (xx / gain, x1 / gain, flat / gain), u / of.dd)


def _means(layers: Sequence[Layer]) -> Iterator[_Means]:
    """Yield what is known of some layers of one block, all of it computed at once.

    Every row of every array is what it would be alone, to the last bit.
    """
    (skip, scale, _, between, _), n = layers[0].block, layers[0].width
    of = Joint._make(np.array([each.of for each in layers]).T)
    m, variance, share = np.array([each[2:5] for each in layers]).T
    rho = np.ones(len(layers)) if between else share
    values = [each.value for each in layers]
    found = [_inverse(square, mean) for square, mean in values]
    inverse, ranks = np.array([each for each, _ in found]), np.array([rank for _, rank in found])
    # Of S and T their means with f and 1.
    t, st = rho * of.ad, rho * of.asd
    tt = rho * rho * of.aadd + variance * (1.0 - rho) * of.dd
    on_s = np.stack([skip * m * of.s + scale * of.ss, of.s], axis=1)
    on_t = np.stack([skip * m * t + scale * st, t], axis=1)
    by_s, by_t = ((inverse @ each[..., None])[..., 0] for each in (on_s, on_t))
    # What r adds to E[τ²] and so on.
    own_ss, own_st = of.ss - np.vecdot(on_s, by_s), st - np.vecdot(on_s, by_t)
    own_tt = tt - np.vecdot(on_t, by_t)
    ff = skip * skip * of.dd + 2.0 * scale * skip * m * of.sdd + scale * scale * of.ssdd
    f1 = skip * m * of.dd + scale * of.sdd
    k = np.stack([ff, f1, f1, of.dd], axis=1).reshape(-1, 2, 2)
    with_k = (inverse * k).reshape(-1, 4)
    own_u = of.dd - (((with_k[:, 0] + with_k[:, 1]) + with_k[:, 2]) + with_k[:, 3]) / n
    numbers = np.stack([own_u, own_ss, own_st, own_tt, 1.0 - ranks / n], axis=1).tolist()
    flat, around = (each.reshape(-1, 4).tolist() for each in (inverse, inverse @ k @ inverse))
    for each in zip(layers, flat, around, by_s, by_t, numbers, strict=True):
        yield _Means(each[0], each[1:])


def _inverse(square: float, mean: float) -> tuple[FloatArray, int]:
    """Return the inverse of G and its rank; where f is all but constant the pseudo-inverse."""
    spread = square - mean * mean
    if spread > 1e-12 * square:
        return np.array([[1.0, -mean], [-mean, square]]) / spread, 2
    direction = np.array([mean, 1.0])
    return np.outer(direction, direction) / (direction @ direction) ** 2, 1
