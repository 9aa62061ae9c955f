"""f + b, for a bias that stands alone, in every reading."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.readings.meanfield import MEAN_FIELD
from vanish.readings.sources import normal

if TYPE_CHECKING:
    from vanish.network.graph import Op
    from vanish.readings.meanfield import Ensemble
    from vanish.readings.sources import Cotangent, Unit


def _mean_forward(run: Ensemble, _: Op, __: int, f: Unit) -> tuple[Unit, None]:
    return f + normal(run.bias), None


def _mean_passed_on(_: Ensemble, __: Op, ___: range, ____: None, g: Cotangent) -> tuple[Cotangent]:
    return (g,)


MEAN_FIELD.means("shift", forward=_mean_forward, back=_mean_passed_on, by=_mean_passed_on)
