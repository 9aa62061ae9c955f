"""The sum of two values, in every reading: the + of a skip connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from vanish.network.chainrule import Reading
from vanish.readings.bounds import BOUND
from vanish.readings.dense import DENSE
from vanish.readings.meanfield import MEAN_FIELD
from vanish.readings.passing import nothing
from vanish.readings.slopes import SLOPES

if TYPE_CHECKING:
    from vanish.network.graph import Op
    from vanish.network.sizes import Unification
    from vanish.numbers.stack import Stack
    from vanish.readings.inplace import Cell, Passes
    from vanish.readings.sampled import SampledChain
    from vanish.readings.written import Written

Value = TypeVar("Value")


def _sum(_: object, __: Op, ___: int, one: Any, other: Any) -> tuple[Any, None]:
    return one + other, None


def _to_both(_: object, __: Op, ___: int, ____: None, g: Value) -> tuple[Value, Value]:
    return g, g


for _reading in (DENSE, MEAN_FIELD, Reading.called("affine-map")):
    _reading.means("add", forward=_sum, back=_to_both)
for _reading in (BOUND, SLOPES):
    _reading.means("add", forward=nothing, back=_to_both)


def _balanced(_: SampledChain, __: Op, ___: int, one: Stack, other: Stack) -> tuple[Stack, None]:
    return (one + other).balanced(), None


Reading.called("sampled").means("add", forward=_balanced, back=_to_both)


def _inplace_forward(_: Passes, __: Op, ___: int, one: Cell, other: Cell) -> tuple[Cell, None]:
    total = one.with_rows(np.empty_like(one.rows))
    one.then(lambda: np.add(one.rows, other.rows, total.rows))
    return total, None


def _lent_to_both(_: Passes, __: Op, ___: int, ____: None, g: Cell) -> tuple[Cell, Cell]:
    return g.lent(), g.lent()


Reading.called("in-place").means("add", forward=_inplace_forward, back=_lent_to_both)


def _written(_: None, __: Op, k: int, one: Written, other: Written) -> tuple[Written, None]:
    return one.plus(other, k), None


Reading.called("notation").means("add", forward=_written, back=_to_both)


def _united(run: Unification, _: Op, __: int, one: int, other: int) -> tuple[int, None]:
    run.unite(one, other)
    return one, None


Reading.called("size").means("add", forward=_united)
