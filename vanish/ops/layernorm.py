"""LN, each row less its mean over its deviation; see `normalising`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.network.chainrule import Reading
from vanish.ops.normalising import Norm, register
from vanish.readings.meanfield import MEAN_FIELD

if TYPE_CHECKING:
    from vanish.network.graph import Op
    from vanish.network.sizes import Unification
    from vanish.numbers.scaled import Magnitude
    from vanish.numbers.stack import Magnitudes
    from vanish.readings.meanfield import Ensemble
    from vanish.readings.names import Called
    from vanish.readings.products import Product
    from vanish.readings.sources import Cotangent, Unit
    from vanish.readings.written import Written


register("layernorm", Norm("LN", axis=-1, centred=True))


def _united(run: Unification, _: Op, __: int, f: int) -> tuple[int, None]:
    run.at_least(f, 2, "LN", "LN of one value is 0 whatever it is: give a layer at least 2 values")
    return f, None


Reading.called("size").means("layernorm", forward=_united)


def _mean_forward(_: Ensemble, __: Op, ___: int, f: Unit) -> tuple[Unit, Magnitude]:
    return f.centred().normed()


def _mean_back(
    _: Ensemble, __: Op, ___: range, inverse: Magnitudes, g: Cotangent
) -> tuple[Cotangent]:
    # To leading order: what the norm takes out is a share 1/n.
    return (g.times(inverse),)


MEAN_FIELD.means("layernorm", forward=_mean_forward, back=_mean_back)


def _written(_: None, __: Op, k: int, f: Written) -> tuple[Written, None]:
    return f.within("LN(", ")", k), None


def _symbol(_: None, __: Op, k: int, called: Called, so_far: Product) -> tuple[Product]:
    return (so_far.times("Norm", k, "LN", called.taken[0]),)


Reading.called("notation").means("layernorm", forward=_written, back=_symbol)
