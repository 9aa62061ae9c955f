"""RMS, each row over its root mean square; see `normalising`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.network.chainrule import Reading
from vanish.ops.normalising import Norm, over_deviation, register
from vanish.readings.meanfield import MEAN_FIELD

if TYPE_CHECKING:
    from vanish.network.graph import Op
    from vanish.network.sizes import Unification
    from vanish.numbers.scaled import Magnitude
    from vanish.readings.meanfield import Ensemble
    from vanish.readings.sources import Unit


register("rmsnorm", Norm("RMS", axis=-1, centred=False))


def _united(_: Unification, __: Op, ___: int, f: int) -> tuple[int, None]:
    return f, None


Reading.called("size").means("rmsnorm", forward=_united)


def _mean_forward(_: Ensemble, __: Op, ___: int, f: Unit) -> tuple[Unit, Magnitude]:
    return f.normed()


MEAN_FIELD.means("rmsnorm", forward=_mean_forward, back=over_deviation)
