"""The blocks that have names, as rows and as a table for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.network.formulas.named import LETTERS
from vanish.render.columns import BLOCKS
from vanish.render.view import Notes, View

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vanish.columns import Cell
    from vanish.network.formulas.named import NamedBlock


def rows(shown: Sequence[NamedBlock]) -> list[dict[str, Cell]]:
    """Return one mapping a block."""
    return [BLOCKS.row(each) for each in shown]


def view(shown: Sequence[NamedBlock]) -> View:
    """Return the blocks as a table for people."""
    growth = "times E‖∂L/∂f‖²\na block"
    return View(
        title="blocks: --block NAME, or any formula like these",
        columns=("block", "formula", growth, "what it is", "source"),
        rows=tuple(
            (each.name, each.text, each.growth, each.meaning, each.source) for each in shown
        ),
        notes=(
            Notes("In the formulas", tuple(_NOTATION.items())),
            Notes("In the growth, at infinite width", tuple(LETTERS.items())),
        ),
        findings=(),
        left=frozenset({"block", "formula", growth, "what it is", "source"}),
        dispensable=("source", "what it is", growth),
    )


_NOTATION = {
    "x, u": "the block's input, and a fresh input of the layer",
    "S": "the layer's activation, --act",
    "LN, RMS, BN": "norms: over the units of a row, over them without the mean, over the batch",
    "W, V, U, …": "matrices; b, c, d biases",
    "W~": "one W that all layers share",
    "layers": "N, the number of layers",
}
