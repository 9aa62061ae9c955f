"""γ f, each value times a number of its own: the scale of a norm; its slot is γ.

What it knows by itself is how γ spreads over a row, see `network.spread`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanish.numbers.scaled import Magnitude, Scaled
from vanish.readings.bounds import BOUND
from vanish.readings.dense import DENSE, Total
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


def _largest(
    _: TraceNorms, __: Op, ___: int, kept: tuple[Scaled, Scaled]
) -> tuple[None, Magnitude]:
    gamma = kept[1]
    return None, Magnitude.of(float(np.abs(gamma.values).max()), gamma.exponent)


def _by_largest(
    _: object, __: Op, ___: range, size: Magnitudes, g: Magnitudes
) -> tuple[Magnitudes]:
    return (g * size,)


# No column shows a bound on ∂L/∂γ: g only fills its place.
BOUND.means("times", forward=_largest, back=_by_largest, by=lambda *found: (found[-1],))


def _passed_on(_: object, __: Op, ___: range, ____: None, g: Magnitudes) -> tuple[Magnitudes]:
    return (g,)


SLOPES.means("times", back=_passed_on, by=_passed_on)
