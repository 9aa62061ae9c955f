"""f + b, a bias that stands alone, in every reading; its slot is b."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.network.chainrule import Reading

if TYPE_CHECKING:
    from vanish.network.graph import Op
    from vanish.readings.names import Called
    from vanish.readings.products import Product
    from vanish.readings.written import Written


def _written(_: None, op: Op, k: int, f: Written) -> tuple[Written, None]:
    return f.shifted(*op.slots, layer=k), None


def _passed_on(_: None, __: Op, ___: int, ____: Called, so_far: Product) -> tuple[Product]:
    return (so_far,)


def _by_symbol(_: None, __: Op, k: int, called: Called, so_far: Product) -> tuple[Product]:
    return (so_far.by("ByBias", k, called.upper, called.letters[0]),)


Reading.called("notation").means("shift", forward=_written, back=_passed_on, by=_by_symbol)
