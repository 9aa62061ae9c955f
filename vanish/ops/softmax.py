"""p = e^f/Σe^f along an axis of a row; it knows the axis by itself.

Going back g ↦ p (g - Σ p g) (Bridle 1990, "Probabilistic interpretation of feedforward
classification network outputs"). Of g only differences count: from its value where p is largest
on, nothing cancels where one p is nearly 1, and equal ones give exactly 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanish.errors import ForwardOverflowError
from vanish.numbers.scaled import Magnitude, Scaled
from vanish.readings.bounds import BOUND
from vanish.readings.dense import DENSE
from vanish.readings.passing import by_size, passed_on
from vanish.readings.slopes import SLOPES

if TYPE_CHECKING:
    from vanish.network.chain import Chain
    from vanish.network.graph import Op
    from vanish.numbers.scaled import FloatArray

# The largest singular value of diag(p) - ppᵀ: at most 1/2, of two p that are 1/2 each.
_STEEPEST = Magnitude.of(0.5)


def from_top(op: Op, f: Scaled) -> tuple[FloatArray, FloatArray]:
    """Return what is added to each line's largest value, at most 0, and the logarithm of Σe^.

    Raises
    ------
    ForwardOverflowError
        If float64 cannot hold a value.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        lines = op.own.of(f.with_exponent(0).values)
        if not np.isfinite(lines).all():
            raise ForwardOverflowError(
                "the values before a softmax grow past 1.8e308, the largest float64",
                "give a smaller --gain",
            )
    down = lines - lines.max(axis=2, keepdims=True)
    return down, np.log(np.exp(down).sum(axis=2, keepdims=True))


def _dense_forward(_: Chain, op: Op, __: int, f: Scaled) -> tuple[Scaled, FloatArray]:
    down, _log_sum = from_top(op, f)
    sizes = np.exp(down)
    p = sizes / sizes.sum(axis=2, keepdims=True)
    return Scaled(p.reshape(f.values.shape)), p


def _dense_back(_: Chain, op: Op, __: int, p: FloatArray, g: Scaled) -> tuple[Scaled]:
    lines = op.own.of(g.values)
    top = p.argmax(axis=2, keepdims=True)
    apart = lines - np.take_along_axis(lines, top, axis=2)
    found = p * (apart - (p * apart).sum(axis=2, keepdims=True))
    return (Scaled(found.reshape(g.values.shape), g.exponent),)


DENSE.means("softmax", forward=_dense_forward, back=_dense_back)


def _steepest(*_: object) -> tuple[None, Magnitude]:
    return None, _STEEPEST


BOUND.means("softmax", forward=_steepest, back=by_size)
SLOPES.means("softmax", back=passed_on)
