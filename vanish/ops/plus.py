"""f + β, a number of its own added to each value: the shift of a norm; its slot is β.

What it knows by itself is how β spreads over a row, see `network.spread`; a bias as long as a row
is `shift`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.numbers.scaled import Scaled
from vanish.readings.bounds import BOUND
from vanish.readings.dense import DENSE, Total
from vanish.readings.passing import nothing, passed_on
from vanish.readings.slopes import SLOPES

if TYPE_CHECKING:
    from vanish.network.chain import Chain
    from vanish.network.graph import Op
    from vanish.numbers.stack import Magnitudes
    from vanish.readings.bounds import TraceNorms


def _dense_forward(run: Chain, op: Op, k: int, f: Scaled) -> tuple[Scaled, None]:
    [beta] = run.of(op, k)
    return f + Scaled(op.own.out(beta)), None


def _dense_by(_: Chain, op: Op, __: int, ___: None, g: Scaled) -> tuple[Total]:
    return (Total(Scaled(op.own.back(g.values), g.exponent)),)


DENSE.means("plus", forward=_dense_forward, back=passed_on, by=_dense_by)


def _bound_by(run: TraceNorms, op: Op, layers: range, _: None, g: Magnitudes) -> tuple[Magnitudes]:
    # ‖Σ g‖ ≤ √(B c) ‖G‖_F over the c places of each number in B rows.
    return (g * run.root_of_rows(layers, op.own.copies),)


BOUND.means("plus", forward=nothing, back=passed_on, by=_bound_by)
SLOPES.means("plus", back=passed_on, by=passed_on)
