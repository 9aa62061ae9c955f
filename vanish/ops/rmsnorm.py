"""RMS(f): a value by its root mean square over the units, in every reading."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.network.chainrule import Reading

if TYPE_CHECKING:
    from vanish.network.graph import Op
    from vanish.network.sizes import Unification


def _united(_: Unification, __: Op, ___: int, f: int) -> tuple[int, None]:
    return f, None


Reading.called("size").means("rmsnorm", forward=_united)
