"""f = S(a), elementwise, in every reading; S is the layer's activation, or the operation's own."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from vanish.errors import ForwardOverflowError
from vanish.gauss import moments
from vanish.gauss.quadrature import NoLawError
from vanish.network.activations.record import tangents
from vanish.network.chainrule import Reading
from vanish.numbers.scaled import SAFE_EXPONENT, Magnitude, Scaled
from vanish.numbers.stack import Stack, times_power
from vanish.readings.bounds import BOUND
from vanish.readings.dense import DENSE
from vanish.readings.meanfield import MEAN_FIELD
from vanish.readings.passing import by_size
from vanish.readings.slopes import SLOPES
from vanish.readings.sources import Cotangent, Source, Unit

if TYPE_CHECKING:
    from vanish.network.activations import Activation
    from vanish.network.chain import Chain
    from vanish.network.graph import Op
    from vanish.network.sizes import Unification
    from vanish.numbers.scaled import FloatArray
    from vanish.numbers.stack import Exponents, Magnitudes
    from vanish.readings.affinemap import AffineMap
    from vanish.readings.bounds import TraceNorms
    from vanish.readings.inplace import Cell, Passes
    from vanish.readings.meanfield import Ensemble
    from vanish.readings.names import Called
    from vanish.readings.products import Product
    from vanish.readings.sampled import SampledChain
    from vanish.readings.written import Written


# Slopes that make a gradient so much smaller, as a power of two, may have rounded it.
_SMALL = -900


def activate(activation: Activation, a: Scaled, layer: int) -> tuple[Scaled, FloatArray]:
    """Return f = S(a) and S'(a), for an a that float64 may not be able to hold.

    A homogeneous S commutes with the power of two in front of a. Any other S is its own
    tangent at 0 where |a| < 2^-500, if S(0) = 0 and S' is not: S(a) = S'(0±)·a to the last
    digit.

    Raises
    ------
    ForwardOverflowError
        If a or S(a) is too large and S is not homogeneous; `layer` is named.
    """
    if activation.homogeneous:
        if activation.sup_slope > 1.0:
            a = a.normalized()
        value, slope = activation.pair(a.values)
        return Scaled(value, a.exponent), slope
    if a.exponent < 0:
        at_zero, (left, zero, right) = activation.around_zero()
        if at_zero == 0.0 and (left or right):
            slope = tangents(a.values, left, zero, right)
            return Scaled(slope * a.values, a.exponent), slope
    with np.errstate(over="ignore", invalid="ignore"):
        a = a.with_exponent(0)
        value, slope = activation.pair(a.values)
    f = Scaled(value)
    if not (math.isfinite(a.largest) and math.isfinite(f.largest)):
        raise overflow(activation, layer)
    # A formula's slope may have a part that overflows where S itself does not.
    if activation.is_formula and not np.isfinite(slope).all():
        raise overflow(activation, layer)
    return f, slope


def overflow(activation: Activation, layer: int) -> ForwardOverflowError:
    """Return the error for values that float64 cannot hold."""
    # A formula may give a number that float64 holds, and have a part that it does not.
    part = ", or of a part of it," if activation.is_formula else ""
    return ForwardOverflowError(
        f"layer {layer}: the values of {activation.name}{part} grow past 1.8e308, the largest"
        " float64",
        "give a smaller --weight-std or --gain, or fewer layers",
    )


def _dense_forward(run: Chain, op: Op, k: int, a: Scaled) -> tuple[Scaled, FloatArray]:
    return activate(op.own or run.activation(k), a, k)


def _dense_back(_: Chain, __: Op, ___: int, slope: FloatArray, g: Scaled) -> tuple[Scaled]:
    d = Scaled(g.values * slope, g.exponent)
    norm = d.norm()
    if norm.exponent - d.exponent < _SMALL or not norm:
        # By its own power of two the largest slope is near 1: a product below 2^-1022 loses digits.
        slopes = Scaled(slope).normalized()
        g = g.normalized()
        d = Scaled(g.values * slopes.values, g.exponent + slopes.exponent)
    return (d,)


DENSE.means("activate", forward=_dense_forward, back=_dense_back)


def _sampled_forward(run: SampledChain, _: Op, k: int, a: Stack) -> tuple[Stack, FloatArray]:
    activation = run.activation(k)
    if activation.homogeneous:
        f, slopes = activation.pair(a.values)
        return Stack(f, a.exponents).balanced(), slopes
    if isinstance(a.exponents, int) and a.exponents == 0:
        # Balanced inputs and plain scales: float64 holds the values.
        f, slopes = activation.pair(a.values)
        done = Stack(f)
        if done.is_balanced:
            return done, slopes
    a = a.normalized()
    powers = np.broadcast_to(a.exponents, len(a.values))
    # As `Scaled.settled`: float64 holds them, or they are so small that S is its tangent.
    at_zero, (left, zero, right) = activation.around_zero()
    on_tangent = (powers < -SAFE_EXPONENT) & (at_zero == 0.0 and bool(left or right))
    if on_tangent.all():
        slopes = tangents(a.values, left, zero, right)
        return Stack(slopes * a.values, powers).balanced(), slopes
    values = times_power(a.values, np.where(on_tangent, 0, powers))
    f, slopes = activation.pair(values)
    shifts: Exponents = 0
    if on_tangent.any():
        f, slopes = np.array(f), np.array(slopes)
        tiny = values[on_tangent]
        slopes[on_tangent] = tangents(tiny, left, zero, right)
        f[on_tangent] = slopes[on_tangent] * tiny
        shifts = np.where(on_tangent, powers, 0)
    if not (np.isfinite(values).all() and np.isfinite(f).all()):
        raise overflow(activation, k)
    return Stack(f, shifts).balanced(), slopes


def _sampled_back(_: SampledChain, __: Op, ___: int, slopes: FloatArray, g: Stack) -> tuple[Stack]:
    d = Stack(g.values * slopes, g.exponents)
    if d.is_balanced:
        return (d,)
    # As `_dense_back`.
    g, by_one = g.normalized(), Stack(slopes).normalized()
    return (Stack(g.values * by_one.values, g.exponents + by_one.exponents).balanced(),)


Reading.called("sampled").means("activate", forward=_sampled_forward, back=_sampled_back)


def _inplace_forward(run: Passes, _: Op, k: int, a: Cell) -> tuple[Cell, Cell]:
    pair = run.activation(k).pair
    # S may return its own argument, and returns new arrays otherwise: nobody writes into them.
    f, slope = a.with_rows(np.empty_like(a.rows)), a.with_rows(np.empty_like(a.rows))

    def apply() -> None:
        f.rows, slope.rows = pair(a.rows)

    a.then(apply)
    return f, slope


def _inplace_back(_: Passes, __: Op, ___: int, slope: Cell, g: Cell) -> tuple[Cell]:
    d = g.with_rows(np.empty_like(g.rows)) if g.shared else g
    g.then(lambda: np.multiply(g.rows, slope.rows, d.rows))
    return (d,)


Reading.called("in-place").means("activate", forward=_inplace_forward, back=_inplace_back)


def _largest_slope(run: TraceNorms, op: Op, k: int, _: FloatArray) -> tuple[None, Magnitude]:
    activation = op.own or run.activation(k)
    return None, Magnitude.of(activation.sup_slope)


# By sup|S'|; by whatever size of the slopes is asked for.
BOUND.means("activate", forward=_largest_slope, back=by_size)
SLOPES.means("activate", back=by_size)


def _mean_forward(run: Ensemble, _: Op, k: int, a: Unit) -> tuple[Unit, Magnitude]:
    if not a.normal:
        raise NoLawError("S of a value that is not normal: give S a sum of W f + b alone")
    activation, q = run.activation(k), a.square
    v, c = moments.mean_squares(activation, q)
    made_of = tuple([source for source, _ in a.terms])
    source = Source(lambda: moments.variance(activation, q), made_of)
    return Unit.of(source, v, lambda: moments.mean(activation, q)), c


def _mean_back(
    _: Ensemble, __: Op, ___: range, slope: Magnitudes, g: Cotangent
) -> tuple[Cotangent]:
    return (Cotangent.of(g.square * slope),)


MEAN_FIELD.means("activate", forward=_mean_forward, back=_mean_back)


def _written(_: None, __: Op, k: int, a: Written) -> tuple[Written, None]:
    return a.within("S(", ")", k), None


def _symbol(_: None, __: Op, k: int, called: Called, so_far: Product) -> tuple[Product]:
    return (so_far.times("Slope", k, "S", called.taken[0]),)


Reading.called("notation").means("activate", forward=_written, back=_symbol)


def _left_out(_: Chain, __: Op, ___: int, a: AffineMap) -> tuple[AffineMap, None]:
    return a, None


Reading.called("affine-map").means("activate", forward=_left_out)


def _united(_: Unification, __: Op, ___: int, a: int) -> tuple[int, None]:
    return a, None


Reading.called("size").means("activate", forward=_united)
