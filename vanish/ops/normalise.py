"""A norm of rows as files have it: (y - m)/√(σ² + ε), or y/√(mean y² + ε) without the mean.

It knows by itself how long a line is, its ε and whether the mean is subtracted; scale and shift are
operations of their own. Going back with r = 1/√(σ² + ε) and ŷ = r(y - m) (Ba, Kiros and Hinton
2016, "Layer normalization")

    g  ↦  r (g - mean g - ŷ mean(ŷ g)),      without mean g where no mean is subtracted.

By ε it depends on the size of what comes in, unlike `layernorm`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanish.numbers.scaled import Magnitude, Scaled
from vanish.readings.bounds import BOUND
from vanish.readings.dense import DENSE
from vanish.readings.passing import by_size, passed_on
from vanish.readings.slopes import SLOPES
from vanish.records import Record

if TYPE_CHECKING:
    from vanish.network.chain import Chain
    from vanish.network.graph import Op
    from vanish.numbers.scaled import FloatArray
    from vanish.readings.bounds import TraceNorms

# Values below two to this power are divided by √ε alone: their squares are nothing beside any ε.
_TINY = -400


class RowNorm(Record):
    """What tells one norm from another.

    Attributes
    ----------
    length
        How many values of a row are normalised together, one after the other.
    epsilon
        What is added to σ².
    centred
        Whether the mean is subtracted.
    """

    length: int
    epsilon: float
    centred: bool


class _Kept(Record):
    """ŷ by lines, and r of each line with an exponent for all."""

    output: FloatArray
    inverse: FloatArray
    exponent: int


def _dense_forward(_: Chain, op: Op, __: int, f: Scaled) -> tuple[Scaled, _Kept]:
    norm: RowNorm = op.own
    f = f.normalized()
    lines = f.values.reshape(-1, norm.length)
    if norm.centred:
        lines = lines - lines.mean(axis=1, keepdims=True)
        # As in `normalising`: what is left of equal numbers is rounding.
        lines -= lines.mean(axis=1, keepdims=True)
    shape = f.values.shape
    if f.exponent < _TINY and norm.epsilon > 0.0:
        inverse = np.full((len(lines), 1), 1.0 / np.sqrt(norm.epsilon))
        output = lines * inverse
        value = Scaled(output.reshape(shape), f.exponent).settled()
        return value, _Kept(np.ldexp(output, max(f.exponent, -5000)), inverse, 0)
    squares = np.mean(lines * lines, axis=1, keepdims=True)
    # In the lines' own power of two.
    squares += np.ldexp(norm.epsilon, min(-2 * f.exponent, 1000)) if norm.epsilon else 0.0
    inverse = 1.0 / np.sqrt(np.where(squares > 0.0, squares, np.inf))
    output = lines * inverse
    return Scaled(output.reshape(shape)), _Kept(output, inverse, -f.exponent)


def _dense_back(_: Chain, op: Op, __: int, kept: _Kept, g: Scaled) -> tuple[Scaled]:
    norm: RowNorm = op.own
    lines = g.values.reshape(-1, norm.length)
    rest = lines - kept.output * np.mean(kept.output * lines, axis=1, keepdims=True)
    if norm.centred:
        rest -= lines.mean(axis=1, keepdims=True)
    rest *= kept.inverse
    return (Scaled(rest.reshape(g.values.shape), g.exponent + kept.exponent),)


DENSE.means("normalise", forward=_dense_forward, back=_dense_back)


def _largest(_: TraceNorms, __: Op, ___: int, kept: _Kept) -> tuple[None, Magnitude]:
    # r times a map that takes nothing apart but along 1 and ŷ, of which ‖ŷ‖² is at most n.
    return None, Magnitude.of(float(kept.inverse.max()), kept.exponent)


BOUND.means("normalise", forward=_largest, back=by_size)
SLOPES.means("normalise", back=passed_on)
