"""What `vanish.theory` returns: of activations, and of blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from vanish.api.shown import Shown, as_table
from vanish.numbers.words import plural
from vanish.theories.blocks import BlockPoint
from vanish.theories.infinitewidth import TheoryPoint

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Self

    from vanish.columns import Cell
    from vanish.lessons.spread import Spread
    from vanish.theories.blocks import BlockLayer

Point = TypeVar("Point", TheoryPoint, BlockPoint)


class _Points(Shown, tuple[Point, ...]):  # noqa: SLOT001 - has more than items
    """Points, with what they were asked for by."""

    input_rms: float
    _settings: Mapping[str, Any]

    @classmethod
    def asked(cls, points: Iterable[Point], settings: Mapping[str, Any]) -> Self:
        """Return some points, with what they were asked for by."""
        found = cls(points)
        found.input_rms, found._settings = settings["input_rms"], settings
        return found

    def given(self) -> Mapping[str, Any]:
        """Return what was asked for."""
        return self._settings

    def summary(self) -> str:
        """Return how many points there are."""
        return plural(len(self), "point")


class Theory(_Points[TheoryPoint]):
    """What mean-field theory says, a point each.

    Attributes
    ----------
    spreads
        How the gradient at layer 1 spreads about theory at each; None where no depth and
        width were given.
    input_rms
        The input's root mean square.
    """

    spreads: list[Spread | None] | None

    @classmethod
    def of(
        cls,
        points: Iterable[TheoryPoint],
        spreads: list[Spread | None] | None,
        settings: Mapping[str, Any],
    ) -> Theory:
        """Return some points, with what they were asked for by."""
        found = cls.asked(points, settings)
        found.spreads = spreads
        return found

    def draw(self) -> str:
        """Return the table."""
        from vanish.render.theory import view  # noqa: PLC0415 - only to print

        return as_table(view(self, self.spreads, self.input_rms))

    def rows(self) -> list[dict[str, Cell]]:
        """Return a mapping of column to value a point."""
        from vanish.render.theory import rows  # noqa: PLC0415 - only to print

        return list(rows(self, self.spreads))


class BlockTheory(_Points[BlockPoint]):
    """What mean-field theory says of blocks, a point each.

    Attributes
    ----------
    layers
        All layers of a chain of each, layer 1 first; None where no depth was given.
    input_rms
        The input's root mean square.
    """

    layers: list[list[BlockLayer]] | None

    @classmethod
    def of(
        cls,
        points: Iterable[BlockPoint],
        layers: list[list[BlockLayer]] | None,
        settings: Mapping[str, Any],
    ) -> BlockTheory:
        """Return some points, with what they were asked for by."""
        found = cls.asked(points, settings)
        found.layers = layers
        return found

    def draw(self) -> str:
        """Return the table."""
        from vanish.render.blocktheory import view  # noqa: PLC0415 - only to print

        return as_table(view(self, self.layers, self.input_rms))

    def rows(self) -> list[dict[str, Cell]]:
        """Return a mapping of column to value a point, or a layer."""
        from vanish.render.blocktheory import rows  # noqa: PLC0415 - only to print

        return rows(self, self.layers)
