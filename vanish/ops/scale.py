"""c f, a value times a number, in every reading."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.network.chainrule import Reading

if TYPE_CHECKING:
    from vanish.network.graph import Op
    from vanish.readings.names import Called
    from vanish.readings.products import Product
    from vanish.readings.written import Written


def _written(_: None, op: Op, k: int, f: Written) -> tuple[Written, None]:
    return f.scaled(_text(op), k), None


def _symbol(_: None, op: Op, k: int, __: Called, so_far: Product) -> tuple[Product]:
    return (so_far.times("Scale", k, _text(op)),)


def _text(op: Op) -> str:
    assert op.constant is not None
    return op.constant.text


Reading.called("notation").means("scale", forward=_written, back=_symbol)
