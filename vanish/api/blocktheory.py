"""What `vanish.theory` returns of blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.api.results import Shown, as_table
from vanish.numbers.words import plural
from vanish.theories.blocks import BlockPoint

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vanish.columns import Cell
    from vanish.theories.blocks import BlockLayer


class BlockTheory(Shown, tuple[BlockPoint, ...]):  # noqa: SLOT001 - has more than items
    """What mean-field theory says of blocks, a point each.

    Attributes
    ----------
    layers
        All layers of a chain of each, layer 1 first; None where no depth was given.
    input_rms
        The input's root mean square.
    """

    layers: list[list[BlockLayer]] | None
    input_rms: float

    @classmethod
    def of(
        cls,
        points: Iterable[BlockPoint],
        layers: list[list[BlockLayer]] | None,
        input_rms: float,
    ) -> BlockTheory:
        """Return some points."""
        found = cls(points)
        found.layers, found.input_rms = layers, input_rms
        return found

    def draw(self) -> str:
        """Return the table."""
        from vanish.render.blocktheory import view  # noqa: PLC0415 - only to print

        return as_table(view(self, self.layers, self.input_rms))

    def rows(self) -> list[dict[str, Cell]]:
        """Return a mapping of column to value a point, or a layer."""
        from vanish.render.blocktheory import rows  # noqa: PLC0415 - only to print

        return rows(self, self.layers)

    def summary(self) -> str:
        """Return how many points there are."""
        return plural(len(self), "point")
