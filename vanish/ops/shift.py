"""f + b, for a bias that stands alone, in every reading."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.network.chainrule import Reading

if TYPE_CHECKING:
    from vanish.network.graph import Op
    from vanish.network.sizes import Unification


def _united(run: Unification, op: Op, _: int, f: int) -> tuple[int, None]:
    run.unite(f, *run.parameter(op.slots[0], 1))
    return f, None


Reading.called("size").means("shift", forward=_united)
