"""γ f, each value times a number of its own: the scale of a norm; its slot is γ.

What it knows by itself is how γ spreads over a row, see `network.spread`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.numbers.scaled import Magnitude, Scaled
from vanish.readings.bounds import BOUND
from vanish.readings.dense import DENSE, Total
from vanish.readings.passing import passed_on
from vanish.readings.slopes import SLOPES

if TYPE_CHECKING:
    from vanish.network.chain import Chain
    from vanish.network.graph import Op
    from vanish.numbers.stack import Magnitudes
    from vanish.readings.bounds import TraceNorms


def _gamma(run: Chain, op: Op, k: int) -> Scaled:
    [gamma] = run.of(op, k)
    return Scaled(op.own.out(gamma)).normalized()


def _times(one: Scaled, other: Scaled) -> Scaled:
    one = one.safe()
    return Scaled(one.values * other.values, one.exponent + other.exponent)


def _dense_forward(run: Chain, op: Op, k: int, f: Scaled) -> tuple[Scaled, tuple[Scaled, Scaled]]:
    gamma = _gamma(run, op, k)
    return _times(f, gamma).settled(), (f, gamma)


def _dense_back(
    _: Chain, __: Op, ___: int, kept: tuple[Scaled, Scaled], g: Scaled
) -> tuple[Scaled]:
    return (_times(g, kept[1]),)


def _dense_by(_: Chain, op: Op, __: int, kept: tuple[Scaled, Scaled], g: Scaled) -> tuple[Total]:
    parts = _times(g, kept[0].normalized())
    return (Total(Scaled(op.own.back(parts.values), parts.exponent)),)


DENSE.means("times", forward=_dense_forward, back=_dense_back, by=_dense_by)


def _input_norm(
    _: TraceNorms, __: Op, ___: int, kept: tuple[Scaled, Scaled]
) -> tuple[None, Magnitude]:
    return None, kept[0].norm()


def _by_largest(
    run: TraceNorms, op: Op, layers: range, _: Magnitudes, g: Magnitudes
) -> tuple[Magnitudes]:
    return (g * run.largest(op, layers),)


def _by_input_norm(
    _: TraceNorms, __: Op, ___: range, f: Magnitudes, g: Magnitudes
) -> tuple[Magnitudes]:
    # |Σ g f| ≤ ‖g‖‖f‖ over the places of each number in all rows.
    return (g * f,)


BOUND.means("times", forward=_input_norm, back=_by_largest, by=_by_input_norm)


SLOPES.means("times", back=passed_on, by=passed_on)
