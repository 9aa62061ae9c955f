"""RMS(f), a row over its root mean square, in every reading."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.network.chainrule import Reading

if TYPE_CHECKING:
    from vanish.network.graph import Op
    from vanish.readings.names import Called
    from vanish.readings.products import Product
    from vanish.readings.written import Written


def _written(_: None, __: Op, k: int, f: Written) -> tuple[Written, None]:
    return f.within("RMS(", ")", k), None


def _symbol(_: None, __: Op, k: int, called: Called, so_far: Product) -> tuple[Product]:
    return (so_far.times("Norm", k, "RMS", called.taken[0]),)


Reading.called("notation").means("rmsnorm", forward=_written, back=_symbol)
