"""f + β, a number of its own added to each value: the shift of a norm; its slot is β.

What it knows by itself is how β spreads over a row, see `network.spread`; a bias as long as a row
is `shift`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from vanish.numbers.scaled import Scaled
from vanish.readings.bounds import BOUND
from vanish.readings.dense import DENSE, Total
from vanish.readings.slopes import SLOPES

if TYPE_CHECKING:
    from vanish.network.chain import Chain
    from vanish.network.graph import Op

Value = TypeVar("Value")


def _passed_on(_: object, __: Op, ___: object, ____: None, g: Value) -> tuple[Value]:
    return (g,)


def _dense_forward(run: Chain, op: Op, k: int, f: Scaled) -> tuple[Scaled, None]:
    [beta] = run.of(op, k)
    return f + Scaled(op.own.out(beta)), None


def _dense_by(_: Chain, op: Op, __: int, ___: None, g: Scaled) -> tuple[Total]:
    return (Total(Scaled(op.own.back(g.values), g.exponent)),)


DENSE.means("plus", forward=_dense_forward, back=_passed_on, by=_dense_by)
BOUND.means("plus", forward=lambda *_: (None, None), back=_passed_on, by=_passed_on)
SLOPES.means("plus", back=_passed_on, by=_passed_on)
