"""c f, a value times a number of the formula, in every reading."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from vanish.network.chainrule import Reading
from vanish.numbers.scaled import Magnitude, Scaled
from vanish.numbers.signed import Signed
from vanish.numbers.stack import Magnitudes, Stack
from vanish.readings.bounds import BOUND
from vanish.readings.dense import DENSE
from vanish.readings.meanfield import MEAN_FIELD
from vanish.readings.passing import by_size
from vanish.readings.slopes import SLOPES

if TYPE_CHECKING:
    from vanish.network.chain import Chain
    from vanish.network.graph import Op
    from vanish.network.sizes import Unification
    from vanish.readings.affinemap import AffineMap
    from vanish.readings.bounds import TraceNorms
    from vanish.readings.inplace import Cell, Passes
    from vanish.readings.meanfield import Ensemble
    from vanish.readings.names import Called
    from vanish.readings.products import Product
    from vanish.readings.sampled import SampledChain
    from vanish.readings.slopes import Counting
    from vanish.readings.sources import Cotangent, Unit
    from vanish.readings.written import Written


def _coefficient(op: Op) -> float:
    assert op.constant is not None
    return op.constant.value


def _size(op: Op) -> Magnitude:
    return Magnitude.of(abs(_coefficient(op)))


def _split(op: Op) -> tuple[float, int]:
    """Return c = factor · 2^shift, see `Magnitude.split`."""
    factor, shift = _size(op).split()
    return math.copysign(factor, _coefficient(op)), shift


def _times(op: Op, f: Scaled) -> Scaled:
    factor, shift = _split(op)
    f = f.safe()
    return Scaled(f.values * factor, f.exponent + shift)


def _dense_forward(_: Chain, op: Op, __: int, f: Scaled) -> tuple[Scaled, None]:
    return _times(op, f).settled(), None


def _dense_back(_: Chain, op: Op, __: int, ___: None, g: Scaled) -> tuple[Scaled]:
    return (_times(op, g),)


DENSE.means("scale", forward=_dense_forward, back=_dense_back)


def _stack_times(op: Op, f: Stack) -> Stack:
    factor, shift = _split(op)
    return Stack(f.values * factor, f.exponents + shift if shift else f.exponents).balanced()


def _sampled_forward(_: SampledChain, op: Op, __: int, f: Stack) -> tuple[Stack, None]:
    return _stack_times(op, f), None


def _sampled_back(_: SampledChain, op: Op, __: int, ___: None, g: Stack) -> tuple[Stack]:
    return (_stack_times(op, g),)


Reading.called("sampled").means("scale", forward=_sampled_forward, back=_sampled_back)


def _inplace_forward(_: Passes, op: Op, __: int, f: Cell) -> tuple[Cell, None]:
    c, scaled = _coefficient(op), f.with_rows(np.empty_like(f.rows))
    f.then(lambda: np.multiply(f.rows, c, scaled.rows))
    return scaled, None


def _inplace_back(_: Passes, op: Op, __: int, ___: None, g: Cell) -> tuple[Cell]:
    c, scaled = _coefficient(op), g.with_rows(np.empty_like(g.rows)) if g.shared else g
    g.then(lambda: np.multiply(g.rows, c, scaled.rows))
    return (scaled,)


Reading.called("in-place").means("scale", forward=_inplace_forward, back=_inplace_back)


def _known_size(_: TraceNorms, op: Op, __: int, ___: None) -> tuple[None, Magnitude]:
    return None, _size(op)


BOUND.means("scale", forward=_known_size, back=by_size)


def _counted(run: Counting, op: Op, _: range, __: None, g: Magnitudes) -> tuple[Magnitudes]:
    c = _coefficient(op)
    return (g * Magnitudes.of(np.array(abs(c) if run.coefficients else float(c != 0.0))),)


SLOPES.means("scale", back=_counted)


def _composed(_: Chain, op: Op, __: int, f: AffineMap) -> tuple[AffineMap, None]:
    return f._replace(weight=_times(op, f.weight), bias=_times(op, f.bias)), None


Reading.called("affine-map").means("scale", forward=_composed)


def _united(_: Unification, __: Op, ___: int, f: int) -> tuple[int, None]:
    return f, None


Reading.called("size").means("scale", forward=_united)


def _mean_forward(_: Ensemble, op: Op, __: int, f: Unit) -> tuple[Unit, None]:
    assert op.constant is not None
    return f.times(Signed(op.constant.value)), None


def _mean_back(_: Ensemble, op: Op, __: range, ___: None, g: Cotangent) -> tuple[Cotangent]:
    assert op.constant is not None
    return (g.times(Magnitudes.of(np.array([op.constant.value]))),)


MEAN_FIELD.means("scale", forward=_mean_forward, back=_mean_back)


def _written(_: None, op: Op, k: int, f: Written) -> tuple[Written, None]:
    return f.scaled(_text(op), k), None


def _symbol(_: None, op: Op, k: int, __: Called, so_far: Product) -> tuple[Product]:
    return (so_far.times("Scale", k, _text(op)),)


def _text(op: Op) -> str:
    assert op.constant is not None
    return op.constant.text


Reading.called("notation").means("scale", forward=_written, back=_symbol)
