"""LN(f), the norm over the units of a row, in every reading."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.network.chainrule import Reading

if TYPE_CHECKING:
    from vanish.network.graph import Op
    from vanish.readings.names import Called
    from vanish.readings.products import Product
    from vanish.readings.written import Written


def _written(_: None, __: Op, k: int, f: Written) -> tuple[Written, None]:
    return f.within("LN(", ")", k), None


def _symbol(_: None, __: Op, k: int, called: Called, so_far: Product) -> tuple[Product]:
    return (so_far.times("Norm", k, "LN", called.taken[0]),)


Reading.called("notation").means("layernorm", forward=_written, back=_symbol)
