"""What a cure is: data, and what proposes its changes."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from vanish.cures.workbench import Bench, Change
    from vanish.simulation.settings import Settings

    # What proposes changes; it is sent what their runs gave on the user's seed and on further
    # ones, as far as they got: nothing where one failed or changes nothing.
    Proposals = Generator[Change, tuple[float, ...], None]


class Part(StrEnum):
    """What a cure changes."""

    WEIGHTS = "weights"
    ACTIVATION = "activation"
    ARCHITECTURE = "architecture"


class Cure(Record):
    """A kind of change.

    Attributes
    ----------
    name
        What it is called.
    part
        What it changes.
    size
        How large a change it is: of two that work the smaller one is better.
    proposals
        Given the bench, what proposes the changes, the best one first.
    is_cheap
        Whether the verdict's remedy tries it.
    keeps_for_one
        Whether it leaves enough of what a search may take to try one change more.
    for_given_weights
        Whether it can be done to weights that are there.
    """

    name: str
    part: Part
    size: int
    proposals: Callable[[Bench], Proposals]
    is_cheap: bool = False
    keeps_for_one: bool = False
    for_given_weights: bool = False

    def fits(self, settings: Settings) -> bool:
        """Tell whether it can be done at all: weights that are given are not drawn anew."""
        drawn = settings.weights is None
        return drawn or self.for_given_weights or self.part is not Part.WEIGHTS
