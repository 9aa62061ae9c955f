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
from typing import TYPE_CHECKING

import numpy as np

from vanish.gauss import moments, quadrature
from vanish.gauss.quadrature import NoLawError
from vanish.numbers.scaled import Magnitude
from vanish.readings.families import LN, RMS, Family, family
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vanish.gauss.quadrature import Joint
    from vanish.network.activations import Activation
    from vanish.network.graph import Graph, Run
    from vanish.numbers.scaled import FloatArray
    from vanish.readings.expectations import Seen
    from vanish.readings.meanfield import Ensemble
    from vanish.readings.sources import Unit

# Up to this share of the mean square the leading order stands as it is.
SHARE = 0.01

# 1/n is small from here on.
_FEWEST = 8

# Where the logarithm of a gradient's square varies by more than this with the sizes of the values,
# which differ from network to network, few networks decide on its mean, and no order of 1/width.
_LARGEST_VARIANCE = 0.25


class Layer(Record):
    """What the recursion knows of one layer, x and S in units in which E x² = 1.

    Attributes
    ----------
    family
        The block.
    width
        n.
    mean
        m, of x.
    variance
        σ², over what norms on the way from x to S divide by.
    share
        ρ.
    of, raw
        Moments of the argument of S and of S, and the same in some other unit, but for the
        argument's own where a norm stands before S.
    """

    family: Family
    width: int
    mean: float
    variance: float
    share: float
    of: Joint
    raw: Joint

    @property
    def value(self) -> tuple[float, float]:
        """The mean square and the mean of f, before a norm behind."""
        skip, scale = self.family.skip, self.family.scale
        square = skip * skip + 2.0 * scale * skip * self.mean * self.of.s
        return square + scale * scale * self.of.ss, skip * self.mean + scale * self.of.s


class Down(Record):
    """What goes down to the layer below: D' and Y', and U/C, over their leading orders."""

    size: float
    y: tuple[float, float, float]
    slope: float


def factors(
    graph: Graph, ensemble: Ensemble, start: Unit, seen: Mapping[Run, Seen]
) -> tuple[FloatArray, FloatArray] | None:
    """Return what the second mode multiplies mean squares by, if its share passes `SHARE`.

    Parameters
    ----------
    graph, ensemble
        The networks.
    start, seen
        What is known of the input and of the way forward.

    Returns
    -------
    for_f, for_a
        Those of ‖∂L/∂f_k‖² and of ‖∂L/∂a_k‖², layer 1 first, shape (N,). None where the leading
        order is to stand: of networks that have no law here, too.

    Raises
    ------
    NoLawError
        If the mean hangs on few networks, see `_LARGEST_VARIANCE`.
    """
    families: dict[Run, Family] = {}
    for section in graph.runs:
        found = family(section.block)
        if found is None or seen[section].arguments is None:
            return None
        families[section] = found
    if {*ensemble.sizes[1:]} != {max(ensemble.sizes[-1], _FEWEST)} or not start.square:
        return None
    acts = ensemble.kinds
    is_plain = all(each.plain for each in families.values())
    # What S' gains where |a| is large is what makes a plain chain's second mode the larger one.
    if is_plain and not any(map(moments.steepens, acts)):
        return None
    layers = list(_layers(ensemble, start, seen, families))
    with np.errstate(all="ignore"):
        walked = _walk(layers) if all(each.of.dd > 0.0 for each in layers) else np.array(np.nan)
    if not (np.isfinite(walked).all() and walked.min() > 0.0 and walked.max() > 1.0 + SHARE):
        return None
    if is_plain and _variance(layers) > _LARGEST_VARIANCE:
        raise NoLawError(
            f"{layers[0].width} units a layer: the gradient's mean square hangs on few networks,"
            " whose values are larger than those of most"
        )
    return walked[0], walked[1]


def _layers(
    ensemble: Ensemble, start: Unit, seen: Mapping[Run, Seen], families: Mapping[Run, Family]
) -> Iterator[Layer]:
    arguments = {
        section: column.arguments.at((..., 0)).listed()
        for section, column in seen.items()
        if column.arguments is not None
    }
    by_layer = dict(
        enumerate(_joints(ensemble, [each for column in arguments.values() for each in column]), 1)
    )
    square, mean = start.square, start.mean()
    m = math.copysign(float((mean.squared() / square).root()), mean.mantissa)
    for section, (skip, scale, before, between, behind) in families.items():
        matrix, *biases = next(
            node.op.slots for node in section.block.nodes if node.op.kind == "affine"
        )
        biases += (node.op.slots[0] for node in section.block.nodes if node.op.kind == "shift")
        values = seen[section].values.at((..., 0)).listed()
        for k, value in enumerate(values, section.first):
            of, shift = by_layer[k]
            unit = float(Magnitude.of(1.0, 2 * shift) / square)
            variance, taken = ensemble.variance(matrix, k), square
            if before:
                taken = Magnitude.of(1.0)
                variance = variance / square
                if before == LN:
                    variance = variance / Magnitude.of(max(1.0 - m * m, 1e-300))
            a = ensemble.variance(matrix, k) * taken
            share = a / (a + ensemble.bias(biases[0], k)) if biases else Magnitude.of(1.0)
            if between:
                variance = variance * share / a
            layer = Layer(
                Family(skip, scale, before, between, behind),
                ensemble.sizes[-1],
                m,
                float(variance),
                float(share),
                _in_units(of, unit),
                of,
            )
            yield layer
            p, m = layer.value
            m = 0.0 if behind == LN or not p > 0.0 else m / math.sqrt(p)
            square = value


def _in_units(of: Joint, unit: float) -> Joint:
    """Return the moments with a and S over √unit, those of up to two of them."""
    root = math.sqrt(unit)
    once = {name: getattr(of, name) * root for name in ("s", "sdd", "ad")}
    twice = {name: getattr(of, name) * unit for name in ("ss", "ssdd", "asd", "aadd")}
    return of._replace(**once, **twice)


def _joints(ensemble: Ensemble, q: Sequence[Magnitude]) -> list[tuple[Joint, int]]:
    """Return the moments of every layer, over 2^(a shift) as `moments.brought_near` says."""
    wanted: dict[tuple[Activation, int], dict[float, None]] = {}
    near = []
    for k, each in enumerate(q, 1):
        activation = ensemble.activation(k)
        there, shift = moments.brought_near(activation, each)
        if there is None:
            # S is its tangents at 0.
            shift = each.exponent // 2 if each and not activation.around_zero()[0] else 0
            there = float(each / Magnitude.of(1.0, 2 * shift)) or 2.0**-moments.LAST_EXPONENT
            there, shift = math.ldexp(there, -60) if shift else there, shift + 30 * bool(shift)
        key = activation, math.frexp(there)[1]
        wanted.setdefault(key, {})[there] = None
        near.append((key, there, shift))
    found = {
        key: dict(zip(there, quadrature.joint(key[0], np.array(list(there))), strict=True))
        for key, there in wanted.items()
    }
    return [(found[key][there], shift) for key, there, shift in near]


def _variance(layers: Sequence[Layer]) -> float:
    """Return how ln of a plain chain's gradient square varies with the sizes of its values.

    ln p of a layer has the variance (E S⁴/V² - 1)/n; it moves ln q of the next by ρ, which moves
    ln V and ln C by (E[a²S²]/(qV) - 1)/2 and (E[a²S'²]/(qC) - 1)/2.
    """
    total = moved = 0.0
    for layer in reversed(layers):
        of, raw, q = layer.of, layer.raw, layer.variance / layer.share
        total += moved * moved * (raw.ssss / raw.ss**2 - 1.0) / layer.width
        by_slope = 0.5 * (of.aadd / (q * of.dd) - 1.0)
        by_value = 0.5 * (raw.aass * of.ss / (q * raw.ss**2) - 1.0)
        moved = layer.share * (by_slope + by_value * moved)
    return total


def _walk(layers: Sequence[Layer]) -> FloatArray:
    """Return D and U/C over their leading orders, layer 1 first, shape (2, N)."""
    found = np.ones((2, len(layers)))
    square, mean = layers[-1].value
    size, y = 1.0, (square, mean, 1.0)
    if behind := layers[-1].family.behind:
        y = (1.0, 0.0 if behind == LN else mean / math.sqrt(square), 1.0)
    above: Layer | None = None
    for k, (layer, below) in reversed([*enumerate(zip(layers, [None, *layers], strict=False))]):
        found[0, k] = size
        size, y, found[1, k] = _down(layer, size, y, 1.0 + _of_norms(layer, above) / layer.width)
        above = layer
        if below is not None and not below.family.behind:
            # From units in which E x² = 1 to those of the layer below, whose f this x is.
            square, _ = below.value
            y = (y[0] * square, y[1] * math.sqrt(square), y[2])
    return found


def _of_norms(layer: Layer, above: Layer | None) -> float:
    """Return n times what norms add to U of a layer without a skip; see 6 above."""
    family = layer.family
    if family.skip:
        return 0.0
    added = 0.0
    if family.between:
        # E[n/χ²] of n normals; n-1 of them for LN, which takes the mean out of δ.
        added = 2.0
    if family.behind:
        return added + _of_norm(layer, family.behind, 1.0)
    if above is not None and not above.family.skip:
        if above.family.before:
            return added + _of_norm(layer, above.family.before, 1.0)
        if above.family.between:
            return added + _of_norm(layer, RMS, above.share)
    return added


def _of_norm(layer: Layer, kind: str, share: float) -> float:
    """Return the same of the one norm that takes S, or of which S is a share of the square."""
    of = layer.raw
    m = of.s if kind == LN else 0.0
    square = of.ss - m * m
    variance = of.ssss - 4.0 * m * of.sss + 6.0 * m * m * of.ss - 3.0 * m**4 - square * square
    with_slope = of.ssdd - 2.0 * m * of.sdd + m * m * of.dd - square * of.dd
    if layer.family.between and kind == RMS:
        # What S takes has a fixed mean square, and for LN a fixed mean.
        along, of_slope = of.aass - of.ss, of.aadd - of.dd
        variance -= 0.5 * along * along
        with_slope -= 0.5 * along * of_slope
        if layer.family.between == LN:
            variance -= of.ass * of.ass
            with_slope -= of.ass * of.add
    spread = share * share * variance / (square * square) - share * with_slope / (square * of.dd)
    return spread + (1.0 if kind == LN else 0.0)


def _down(layer: Layer, size: float, y: tuple[float, float, float], norms: float) -> Down:
    """Return D', Y' and U/C, each over what the leading order is multiplied by.

    Parameters
    ----------
    layer
        The layer.
    size, y
        D, and Y's three numbers.
    norms
        What norms multiply U by.
    """
    (skip, scale, before, between, behind), n, m = layer.family, layer.width, layer.mean
    of, rho, variance = layer.of, 1.0 if between else layer.share, layer.variance
    square, mean = layer.value
    y11, y12, y22 = y
    if behind == LN:
        size -= (y11 + y22) / n
        y11 = y12 = y22 = 0.0
    elif behind:
        of_f = mean / math.sqrt(square)
        size -= y11 / n
        y11, y12, y22 = 0.0, 0.0, y22 - 2.0 * of_f * y12 + of_f * of_f * y11
    both = np.array([[y11, y12], [y12, y22]])
    inverse, rank = _inverse(square, mean)
    rest = (size - np.sum(inverse * both) / n) / (1.0 - rank / n)
    # Of S and T their means with f and 1.
    t, st = rho * of.ad, rho * of.asd
    tt = rho * rho * of.aadd + variance * (1.0 - rho) * of.dd
    on_s = np.array([skip * m * of.s + scale * of.ss, of.s])
    on_t = np.array([skip * m * t + scale * st, t])
    by_s, by_t = inverse @ on_s, inverse @ on_t
    y_s, y_t = both @ by_s, both @ by_t
    e_ss = by_s @ y_s + rest * (of.ss - on_s @ by_s)
    e_st = by_s @ y_t + rest * (st - on_s @ by_t)
    e_tt = by_t @ y_t + rest * (tt - on_t @ by_t)
    ff = skip * skip * of.dd + 2.0 * scale * skip * m * of.sdd + scale * scale * of.ssdd
    f1 = skip * m * of.dd + scale * of.sdd
    k = np.array([[ff, f1], [f1, of.dd]])
    u = rest * (of.dd - np.sum(inverse * k) / n) + np.sum(inverse @ k @ inverse * both) / n
    u *= norms
    if between:
        # Where a is normed, T = aS' is what the norm takes out of δ.
        u -= e_tt * layer.raw.ss / of.ss / n
    # The square of d·x, and its products with τ and d·1.
    xx = (y11 - 2.0 * scale * y_s[0] + scale * scale * e_ss) if skip else 0.0
    xt = (y_t[0] - scale * e_st) if skip else 0.0
    x1 = skip * (y12 - scale * y_s[1]) if skip else 0.0
    branch = scale * scale * variance
    gain = skip * skip + branch * of.dd
    down = skip * skip * size + branch * u * (1.0 - (2.0 if before == LN else 1.0) / n)
    flat = skip * skip * y22
    if before != LN:
        flat += branch * u * (1.0 - m * m)
    if not (before or between):
        down += (scale * scale * e_tt + 2.0 * scale * xt) / n
        xx += 2.0 * scale * xt + scale * scale * e_tt
        x1 += scale * (skip * y_t[1] + m * (xt + scale * e_tt))
        flat += scale * m * (2.0 * skip * y_t[1] + scale * m * e_tt)
    return Down(down / gain, (xx / gain, x1 / gain, flat / gain), u / of.dd)


def _inverse(square: float, mean: float) -> tuple[FloatArray, int]:
    """Return the inverse of G and its rank; where f is all but constant the pseudo-inverse."""
    spread = square - mean * mean
    if spread > 1e-12 * square:
        return np.array([[1.0, -mean], [-mean, square]]) / spread, 2
    direction = np.array([mean, 1.0])
    return np.outer(direction, direction) / (direction @ direction) ** 2, 1
