"""LN f, a row less its mean over its standard deviation, in every reading."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.readings.meanfield import MEAN_FIELD

if TYPE_CHECKING:
    from vanish.network.graph import Op
    from vanish.numbers.scaled import Magnitude
    from vanish.numbers.stack import Magnitudes
    from vanish.readings.meanfield import Ensemble
    from vanish.readings.sources import Cotangent, Unit


def _mean_forward(_: Ensemble, __: Op, ___: int, f: Unit) -> tuple[Unit, Magnitude]:
    return f.centred().normed()


def _mean_back(
    _: Ensemble, __: Op, ___: range, inverse: Magnitudes, g: Cotangent
) -> tuple[Cotangent]:
    # To leading order: what the norm takes out is a share 1/n.
    return (g.times(inverse),)


MEAN_FIELD.means("layernorm", forward=_mean_forward, back=_mean_back)
