"""What the tables of layers have in their cells: magnitudes, factors, dead units, bars."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vanish.numbers.words import short, short_power
from vanish.records import Record
from vanish.simulation.verdict import dead_units

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vanish.numbers.scaled import Magnitude
    from vanish.simulation.verdict import Units


class Decades(Record):
    """The axis of a table's bars, in decades: its lowest and its highest."""

    low: int
    high: int

    @classmethod
    def holding(cls, logs: Iterable[float | None]) -> Decades:
        """Return the whole decades that hold some log10, None being that of 0; one at least."""
        known = [each for each in logs if each is not None]
        low, high = math.floor(min(known, default=0.0)), math.ceil(max(known, default=0.0))
        return cls(low, max(high, low + 1))

    @property
    def name(self) -> str:
        """From where to where the axis goes."""
        return f"1e{self.low:+03d} … 1e{self.high:+03d}"

    def share(self, log10: float | None) -> float | None:
        """Return how far along the axis a log10 is, from 0 to 1; None for that of 0."""
        return None if log10 is None else (log10 - self.low) / (self.high - self.low)


def number(magnitude: Magnitude | None) -> str:
    """Return a magnitude with three digits, and nothing where there is none."""
    return "" if magnitude is None else short(magnitude)


def factor(magnitude: Magnitude | None) -> str:
    """Return a factor from layer to layer, and nothing where there is none or it is 0."""
    return "" if magnitude is None else times(magnitude.log10)


def times(log10: float | None) -> str:
    """Return a factor by its log10, as a division where it is below 1; nothing for none or 0."""
    if log10 is None:
        return ""
    return f"{'×' if log10 >= 0.0 else '÷'}{short_power(abs(log10))}"


def dead(layer: Units) -> str:
    """Return how many of a layer's units have slope 0 on every row, where those are many."""
    count = dead_units(layer)
    return f"{count:,} of {layer.units:,}" if count else ""
