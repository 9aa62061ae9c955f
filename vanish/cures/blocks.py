"""Cures of what a layer is: a skip, a norm, both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.cures.cure import Cure, Part
from vanish.network.blocks import formula
from vanish.network.formulas import changing
from vanish.network.formulas.named import NAMED
from vanish.network.formulas.parser import parse
from vanish.network.formulas.tree import written

if TYPE_CHECKING:
    from collections.abc import Callable

    from vanish.cures.cure import Proposals
    from vanish.cures.workbench import Bench
    from vanish.network.formulas.changing import Changing


def _block(changed: Changing) -> Callable[[Bench], Proposals]:
    """Return what proposes a layer whose formula is changed, where it can be."""

    def proposals(bench: Bench) -> Proposals:
        found = changed(parse(formula(bench.settings.block).text))
        if found is not None:
            yield {"block": _shorter(written(found))}

    return proposals


def _shorter(text: str) -> str:
    """Return a long formula by its name, if it has one."""
    if len(text) <= _LONG:
        return text
    return next((block.name for block in NAMED if block.text == text), text)


# A longer formula is no easier to read than its name.
_LONG = 20

_NORMS = ("LN", "RMS")

_CHANGES: tuple[tuple[str, int, Changing], ...] = (
    ("skip", 10, changing.skip),
    ("scaled skip", 10, changing.scaled_skip),
    *((f"{word} before S", 11, changing.norm_before_s(word)) for word in (*_NORMS, "BN")),
    *((f"{word} after S", 11, changing.norm_after(word)) for word in (*_NORMS, "BN")),
    *((f"{word} before W", 11, changing.norm_before_matrices(word)) for word in _NORMS),
    *((f"skip, {word} before W", 12, changing.skip_and_norm_within(word)) for word in _NORMS),
    *((f"skip, {word} after it", 12, changing.skip_and_norm_after(word)) for word in _NORMS),
)

BLOCKS = tuple(
    Cure(name, Part.ARCHITECTURE, size, _block(changed)) for name, size, changed in _CHANGES
)
