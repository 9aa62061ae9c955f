"""LN, each row less its mean over its deviation; see `normalising`."""

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


register("layernorm", Norm("LN", axis=-1, centred=True))


def _united(run: Unification, _: Op, __: int, f: int) -> tuple[int, None]:
    run.at_least(f, 2, "LN", "LN of one value is 0 whatever it is: give a layer at least 2 values")
    return f, None


Reading.called("size").means("layernorm", forward=_united)


def _mean_forward(_: Ensemble, __: Op, ___: int, f: Unit) -> tuple[Unit, Magnitude]:
    return f.centred().normed()


MEAN_FIELD.means("layernorm", forward=_mean_forward, back=over_deviation)
