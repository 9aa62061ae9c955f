"""BN(f), the norm over the rows of a batch, in every reading."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.network.chainrule import Reading

if TYPE_CHECKING:
    from vanish.network.graph import Op
    from vanish.readings.names import Called
    from vanish.readings.products import Product
    from vanish.readings.written import Written


def _written(_: None, __: Op, k: int, f: Written) -> tuple[Written, None]:
    return f.within("BN(", ")", k), None


def _symbol(_: None, __: Op, k: int, called: Called, so_far: Product) -> tuple[Product]:
    return (so_far.times("Norm", k, "BN", called.taken[0]),)


Reading.called("notation").means("batchnorm", forward=_written, back=_symbol)
