"""u_k, a fresh input of layer k, in every reading.

It takes nothing and has no parameters, so nothing flows further back from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanish.network.chainrule import Reading
from vanish.numbers.scaled import Scaled
from vanish.readings.affinemap import AffineMap
from vanish.readings.bounds import BOUND
from vanish.readings.dense import DENSE
from vanish.readings.meanfield import MEAN_FIELD
from vanish.readings.passing import nothing
from vanish.readings.slopes import SLOPES
from vanish.readings.written import Written

if TYPE_CHECKING:
    from vanish.network.chain import Chain
    from vanish.network.graph import Op
    from vanish.network.sizes import Unification
    from vanish.numbers.stack import Stack
    from vanish.readings.inplace import Cell, Passes
    from vanish.readings.meanfield import Ensemble
    from vanish.readings.sampled import SampledChain
    from vanish.readings.sources import Unit


def _ends(*_: object) -> tuple[()]:
    return ()


def _dense_forward(run: Chain, _: Op, k: int) -> tuple[Scaled, None]:
    return Scaled(run.step(k)), None


DENSE.means("step", forward=_dense_forward, back=_ends)


def _given(run: SampledChain | Passes, _: Op, k: int) -> tuple[Stack | Cell, None]:
    return run.step(k), None


Reading.called("sampled").means("step", forward=_given, back=_ends)
Reading.called("in-place").means("step", forward=_given, back=_ends)

BOUND.means("step", forward=nothing, back=_ends)
SLOPES.means("step", back=_ends)


def _constant(run: Chain, _: Op, k: int) -> tuple[AffineMap, None]:
    u = run.step(k)
    # It does not depend on x: one column of zeros, which stands for as many as there are.
    return AffineMap(Scaled(np.zeros((u.shape[1], 1))), Scaled(u)), None


Reading.called("affine-map").means("step", forward=_constant)


def _united(run: Unification, _: Op, __: int) -> tuple[int, None]:
    return run.step, None


Reading.called("size").means("step", forward=_united)


def _mean_forward(run: Ensemble, _: Op, k: int) -> tuple[Unit, None]:
    return run.step(k), None


MEAN_FIELD.means("step", forward=_mean_forward, back=lambda *_: ())


def _written(_: None, __: Op, k: int) -> tuple[Written, None]:
    return Written(("u{k}",), k), None


Reading.called("notation").means("step", forward=_written, back=lambda *_: ())
