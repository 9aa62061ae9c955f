"""u, a fresh input of the layer, in every reading."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.readings.meanfield import MEAN_FIELD

if TYPE_CHECKING:
    from vanish.network.graph import Op
    from vanish.readings.meanfield import Ensemble
    from vanish.readings.sources import Unit


def _mean_forward(run: Ensemble, _: Op, k: int) -> tuple[Unit, None]:
    return run.step(k), None


MEAN_FIELD.means("step", forward=_mean_forward, back=lambda *_: ())
