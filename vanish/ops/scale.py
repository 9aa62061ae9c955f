"""c f, a value times a number, in every reading."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanish.numbers.signed import Signed
from vanish.numbers.stack import Magnitudes
from vanish.readings.meanfield import MEAN_FIELD

if TYPE_CHECKING:
    from vanish.network.graph import Op
    from vanish.readings.meanfield import Ensemble
    from vanish.readings.sources import Cotangent, Unit


def _mean_forward(_: Ensemble, op: Op, __: int, f: Unit) -> tuple[Unit, None]:
    assert op.constant is not None
    return f.times(Signed(op.constant.value)), None


def _mean_back(_: Ensemble, op: Op, __: range, ___: None, g: Cotangent) -> tuple[Cotangent]:
    assert op.constant is not None
    return (g.times(Magnitudes.of(np.array([op.constant.value]))),)


MEAN_FIELD.means("scale", forward=_mean_forward, back=_mean_back)
