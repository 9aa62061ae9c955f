"""RMS, each row over its root mean square; see `normalising`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.network.chainrule import Reading
from vanish.ops.normalising import Norm, register

if TYPE_CHECKING:
    from vanish.network.graph import Op
    from vanish.network.sizes import Unification


register("rmsnorm", Norm("RMS", axis=-1, centred=False))


def _sized(_: Unification, __: Op, ___: int, f: int) -> tuple[int, None]:
    return f, None


Reading.called("size").means("rmsnorm", forward=_sized)
