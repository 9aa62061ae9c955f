"""f + b, in every reading, for a bias that stands alone; its slot is b."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from vanish.network.chainrule import Reading
from vanish.numbers.scaled import Scaled
from vanish.numbers.stack import norms_of_sum
from vanish.readings.bounds import BOUND
from vanish.readings.dense import DENSE, Total
from vanish.readings.meanfield import MEAN_FIELD
from vanish.readings.passing import nothing, passed_on
from vanish.readings.slopes import SLOPES
from vanish.readings.sources import normal

if TYPE_CHECKING:
    from vanish.network.chain import Chain
    from vanish.network.graph import Op
    from vanish.network.sizes import Unification
    from vanish.numbers.stack import Magnitudes, Norms, Stack
    from vanish.readings.affinemap import AffineMap
    from vanish.readings.bounds import TraceNorms
    from vanish.readings.inplace import Cell, Passes
    from vanish.readings.meanfield import Ensemble
    from vanish.readings.names import Called
    from vanish.readings.products import Product
    from vanish.readings.sampled import SampledChain
    from vanish.readings.sources import Unit
    from vanish.readings.written import Written


def _dense_forward(run: Chain, op: Op, k: int, f: Scaled) -> tuple[Scaled, None]:
    [bias] = run.of(op, k)
    return (f if bias is None else f + Scaled(bias)), None


def _dense_by(_: Chain, __: Op, ___: int, ____: None, g: Scaled) -> tuple[Total]:
    return (Total(g),)


DENSE.means("shift", forward=_dense_forward, back=passed_on, by=_dense_by)


def _sampled_forward(run: SampledChain, op: Op, k: int, f: Stack) -> tuple[Stack, None]:
    bias = run.bias(op.slots[0], k, f.values.shape[-1])
    return (f if bias is None else (f + bias).balanced()), None


def _sampled_by(_: SampledChain, __: Op, ___: int, ____: None, g: Stack) -> tuple[Norms]:
    return (norms_of_sum(g),)


Reading.called("sampled").means("shift", forward=_sampled_forward, back=passed_on, by=_sampled_by)


def _inplace_forward(run: Passes, op: Op, k: int, f: Cell) -> tuple[Cell, None]:
    [bias] = run.of(op, k)
    total = f.with_rows(np.empty_like(f.rows))
    f.then(lambda: np.add(f.rows, bias, total.rows))
    return total, None


def _inplace_by(run: Passes, op: Op, k: int, _: None, g: Cell) -> tuple[Cell]:
    by_bias = run.gradient(op.slots[0], k)
    g.then(partial(np.add.reduce, g.rows, axis=0, out=by_bias.rows))
    return (by_bias,)


Reading.called("in-place").means("shift", forward=_inplace_forward, back=passed_on, by=_inplace_by)


def _bound_by(run: TraceNorms, _: Op, layers: range, __: None, g: Magnitudes) -> tuple[Magnitudes]:
    # ‖Σ_b g_b‖ ≤ √B ‖G‖_F.
    return (g * run.root_of_rows(layers),)


BOUND.means("shift", forward=nothing, back=passed_on, by=_bound_by)
SLOPES.means("shift", back=passed_on, by=passed_on)


def _composed(run: Chain, op: Op, k: int, f: AffineMap) -> tuple[AffineMap, None]:
    [bias] = run.of(op, k)
    return (f if bias is None else f._replace(bias=f.bias + Scaled(bias))), None


Reading.called("affine-map").means("shift", forward=_composed)


def _united(run: Unification, op: Op, _: int, f: int) -> tuple[int, None]:
    run.unite(f, *run.parameter(op.slots[0], 1))
    return f, None


Reading.called("size").means("shift", forward=_united)


def _mean_forward(run: Ensemble, op: Op, k: int, f: Unit) -> tuple[Unit, None]:
    return f + normal(run.bias(op.slots[0], k)), None


MEAN_FIELD.means("shift", forward=_mean_forward, back=passed_on, by=passed_on)


def _written(_: None, op: Op, k: int, f: Written) -> tuple[Written, None]:
    return f.shifted(*op.slots, layer=k), None


def _by_symbol(_: None, __: Op, k: int, called: Called, so_far: Product) -> tuple[Product]:
    return (so_far.by("ByBias", k, called.upper, called.letters[0]),)


Reading.called("notation").means("shift", forward=_written, back=passed_on, by=_by_symbol)
