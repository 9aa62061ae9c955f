"""From which ratio on the signal is said to vanish or to explode."""

from __future__ import annotations

import math

from vanish.errors import ConflictError, UsageError
from vanish.records import Record


class Thresholds(Record):
    """What ratio of the first layer's signal to the last one's is called what.

    Attributes
    ----------
    vanish_below, explode_above
        Below the one it vanishes, above the other it explodes; 0 < vanish_below ≤ explode_above.

    Raises
    ------
    UsageError
        If they are others than that.
    """

    vanish_below: float
    explode_above: float

    def __post_init__(self) -> None:
        below, above = self
        wrong = (
            f"vanish_below {below:g} and explode_above {above:g}:"
            " give 0 < vanish_below ≤ explode_above < inf"
        )
        if not all(0.0 < each < math.inf for each in self):
            raise UsageError(wrong)
        if below > above:
            raise ConflictError(wrong, *self._fields)
