"""BN, each unit less its mean over its deviation, among the rows of a batch; see `normalising`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.network.chainrule import Reading
from vanish.ops.normalising import Norm, register
from vanish.readings.meanfield import MEAN_FIELD

if TYPE_CHECKING:
    from vanish.network.graph import Op
    from vanish.network.sizes import Unification


register("batchnorm", Norm("BN", axis=-2, centred=True))


def _united(run: Unification, _: Op, __: int, f: int) -> tuple[int, None]:
    run.rows = 2
    return f, None


Reading.called("size").means("batchnorm", forward=_united)

MEAN_FIELD.refuses("batchnorm", lambda _: "BN, which mixes the rows of a batch")
