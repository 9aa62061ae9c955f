"""The blocks that have names, as rows and as a table for people, and one of them in full."""

from __future__ import annotations

import re
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
    """Return the blocks as a table for people; one alone line by line, in full."""
    if len(shown) == 1:
        return _portrait(shown[0])
    growth = "times E‖∂L/∂f‖²\na block"
    return View(
        title="blocks: --block NAME, or any formula like these",
        columns=("block", "formula", growth, "what it is", "source"),
        rows=tuple(
            (each.name, each.text, each.growth, each.meaning, each.source) for each in shown
        ),
        notes=(
            Notes("In the formulas", tuple(_NOTATION.items())),
            Notes(_IN_GROWTH, tuple(LETTERS.items()), (growth,)),
        ),
        findings=(),
        left=frozenset({"block", "formula", growth, "what it is", "source"}),
        dispensable=("source", "what it is", growth),
    )


def _portrait(block: NamedBlock) -> View:
    """Return one block in full, without a table: nothing of it gives way."""
    aliases = f" ({', '.join(block.aliases)})" if block.aliases else ""
    facts = (
        ("formula", block.text),
        ("growth", f"a block multiplies E‖∂L/∂f‖² by {block.growth}"),
        ("source", block.source),
        ("use", f"--block {block.name}"),
    )
    signs = tuple(
        (names, text)
        for names, text in _NOTATION.items()
        if any(name in block.text for name in names.split(", "))
    )
    letters = tuple(each for each in LETTERS.items() if _has(block.growth, each[0]))
    return View(
        title=f"{block.name}{aliases}",
        columns=(),
        rows=(),
        notes=(
            Notes(f"{block.meaning[0].upper()}{block.meaning[1:]}", facts),
            Notes("In the formula", signs),
            *((Notes(_IN_GROWTH, letters),) if letters else ()),
        ),
        findings=(),
        left=frozenset(),
        dispensable=(),
    )


def _has(growth: str, names: str) -> bool:
    """Whether one of some letters, such as ``p, m``, stands in a growth; C(1) is C(q), too."""
    letters = (re.escape(name.partition("(")[0]) for name in names.split(", "))
    return re.search(rf"(?<![A-Za-z])(?:{'|'.join(letters)})(?![A-Za-z])", growth) is not None


_IN_GROWTH = "In the growth, at infinite width"

_NOTATION = {
    "x, u": "the block's input, and a fresh input of the layer",
    "S": "the layer's activation, --act",
    "LN, RMS, BN": "norms: over the units of a row, over them without the mean, over the batch",
    "W, V, U, …": "matrices; b, c, d biases",
    "W~": "one W that all layers share",
    "layers": "N, the number of layers",
}
