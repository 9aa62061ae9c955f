"""RMS, each row over its root mean square; see `normalising`."""

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


register("rmsnorm", Norm("RMS", axis=-1, centred=False))


def _united(_: Unification, __: Op, ___: int, f: int) -> tuple[int, None]:
    return f, None


Reading.called("size").means("rmsnorm", forward=_united)


def _mean_forward(_: Ensemble, __: Op, ___: int, f: Unit) -> tuple[Unit, Magnitude]:
    return f.normed()


def _mean_back(
    _: Ensemble, __: Op, ___: range, inverse: Magnitudes, g: Cotangent
) -> tuple[Cotangent]:
    # To leading order: what the norm takes out is a share 1/n.
    return (g.times(inverse),)


MEAN_FIELD.means("rmsnorm", forward=_mean_forward, back=_mean_back)


def _written(_: None, __: Op, k: int, f: Written) -> tuple[Written, None]:
    return f.within("RMS(", ")", k), None


def _symbol(_: None, __: Op, k: int, called: Called, so_far: Product) -> tuple[Product]:
    return (so_far.times("Norm", k, "RMS", called.taken[0]),)


Reading.called("notation").means("rmsnorm", forward=_written, back=_symbol)
