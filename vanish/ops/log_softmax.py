"""ln p with p = e^f/Σe^f along an axis of a row; it knows the axis by itself. See `softmax`.

Going back g ↦ g - p Σg, whose norm is at most √n ‖g‖: it is an oblique projection, and as large as
I minus it, 1pᵀ turned round, ‖1‖‖p‖.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from vanish.numbers.scaled import Magnitude, Scaled
from vanish.ops.softmax import from_top
from vanish.readings.bounds import BOUND
from vanish.readings.dense import DENSE
from vanish.readings.passing import by_size, passed_on
from vanish.readings.slopes import SLOPES

if TYPE_CHECKING:
    from vanish.network.chain import Chain
    from vanish.network.graph import Op
    from vanish.numbers.scaled import FloatArray
    from vanish.readings.bounds import TraceNorms


def _dense_forward(_: Chain, op: Op, __: int, f: Scaled) -> tuple[Scaled, FloatArray]:
    down, log_sum = from_top(op, f)
    found = down - log_sum
    return Scaled(found.reshape(f.values.shape)), np.exp(found)


def _dense_back(_: Chain, op: Op, __: int, p: FloatArray, g: Scaled) -> tuple[Scaled]:
    lines = op.own.of(g.values)
    found = lines - p * lines.sum(axis=2, keepdims=True)
    return (Scaled(found.reshape(g.values.shape), g.exponent),)


DENSE.means("log_softmax", forward=_dense_forward, back=_dense_back)


def _largest(_: TraceNorms, op: Op, __: int, ___: FloatArray) -> tuple[None, Magnitude]:
    return None, Magnitude.of(math.sqrt(op.own[1]))


BOUND.means("log_softmax", forward=_largest, back=by_size)
SLOPES.means("log_softmax", back=passed_on)
