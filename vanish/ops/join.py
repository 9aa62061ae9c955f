"""Values one beside the other along an axis of a row: it knows where each one's part lies.

Its own are the lines of each value, see `network.spread.Lines`, that differ in their lengths alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

from vanish.numbers.scaled import Scaled
from vanish.readings.bounds import BOUND
from vanish.readings.dense import DENSE
from vanish.readings.passing import nothing
from vanish.readings.slopes import SLOPES

if TYPE_CHECKING:
    from vanish.network.chain import Chain
    from vanish.network.graph import Op

Value = TypeVar("Value")


def _dense_forward(_: Chain, op: Op, __: int, *parts: Scaled) -> tuple[Scaled, None]:
    exponent = max((each.top for each in parts if each.values.any()), default=0)
    lines = [
        own.of(each.with_exponent(exponent).values) for own, each in zip(op.own, parts, strict=True)
    ]
    joined = np.concatenate(lines, axis=2)
    return Scaled(joined.reshape(len(joined), -1), exponent).settled(), None


def _dense_back(_: Chain, op: Op, __: int, ___: None, g: Scaled) -> tuple[Scaled, ...]:
    before, _length, behind = op.own[0]
    ends = np.cumsum([length for _, length, _ in op.own])
    lines = g.values.reshape(len(g.values), before, int(ends[-1]), behind)
    parts = np.split(lines, ends[:-1], axis=2)
    return tuple([Scaled(each.reshape(len(each), -1), g.exponent) for each in parts])


DENSE.means("join", forward=_dense_forward, back=_dense_back)


def _to_all(_: object, op: Op, __: object, ___: None, g: Value) -> tuple[Value, ...]:
    return (g,) * len(op.own)


BOUND.means("join", forward=nothing, back=_to_all)
SLOPES.means("join", back=_to_all)
