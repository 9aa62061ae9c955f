"""u, a layer's own input, in every reading; it takes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.network.chainrule import Reading
from vanish.readings.written import Written

if TYPE_CHECKING:
    from vanish.network.graph import Op


def _written(_: None, __: Op, k: int) -> tuple[Written, None]:
    return Written(("u{k}",), k), None


Reading.called("notation").means("step", forward=_written, back=lambda *_: ())
