"""LN, each row less its mean over its deviation; see `normalising`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.network.chainrule import Reading
from vanish.ops.normalising import Norm, register

if TYPE_CHECKING:
    from vanish.network.graph import Op
    from vanish.network.sizes import Unification


register("layernorm", Norm("LN", axis=-1, centred=True))


def _sized(run: Unification, _: Op, __: int, f: int) -> tuple[int, None]:
    run.at_least(f, 2, "LN", "LN of one value is 0 whatever it is: give a layer at least 2 values")
    return f, None


Reading.called("size").means("layernorm", forward=_sized)
