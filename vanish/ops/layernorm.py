"""LN(f): a value without its mean over the units, by their standard deviation, in every reading."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.network.chainrule import Reading

if TYPE_CHECKING:
    from vanish.network.graph import Op
    from vanish.network.sizes import Unification


def _united(run: Unification, _: Op, __: int, f: int) -> tuple[int, None]:
    run.at_least(f, 2, "LN", "LN of one value is 0 whatever it is: give a layer at least 2 values")
    return f, None


Reading.called("size").means("layernorm", forward=_united)
