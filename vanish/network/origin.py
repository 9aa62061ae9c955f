"""Where the arrays of a network come from: what a file calls them, and what else it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vanish.errors import plain
from vanish.network.numbered import drawn_together
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

# So many names of each are shown.
_NAMED = 3

# So many are listed for programs.
_LISTED = 20


class Origin(Record):
    """The names of a network's arrays in their file.

    Attributes
    ----------
    weights
        Of W_1, …, W_N.
    biases
        Of those b_k that there are.
    left_out
        Of all arrays that are no part of the network, in natural order.
    is_numbered
        Whether the names of the weights number the layers and say nothing else.
    asked
        The globs that they were asked for by; nothing where all that fit were taken.
    orders
        Where nothing says how groups of layers follow each other, their globs as they were taken
        and in another order that fits.
    """

    weights: tuple[str, ...]
    biases: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    is_numbered: bool = False
    asked: tuple[str, ...] = ()
    orders: tuple[tuple[str, ...], ...] = ()

    @property
    def taken(self) -> int:
        """How many arrays are part of the network."""
        return len(self.weights) + len(self.biases)

    @property
    def told(self) -> str:
        """How many arrays of the file were taken, and which were not; empty where all were."""
        if not self.left_out:
            return ""
        all_arrays = self.taken + len(self.left_out)
        return (
            f"{self.taken:,} of {all_arrays:,} arrays: {_first(self.weights)} without"
            f" {_first(self.left_out)}"
        )

    def name(self, k: int) -> str | None:
        """Return what the file calls W_k; None where that only numbers it."""
        return None if self.is_numbered else plain(self.weights[k - 1])

    def as_dict(self) -> dict[str, Any]:
        """Return what was taken and what was left out, ready for JSON."""
        return {
            "taken": [plain(name) for name in (*self.weights, *self.biases)],
            "left_out": len(self.left_out),
            "first_left_out": [plain(name) for name in self.left_out[:_LISTED]],
        }


def _first(names: Sequence[str]) -> str:
    """Return the first of some names, those that differ in numbers only drawn together."""
    drawn = [plain(each.name) for each in drawn_together((name, None) for name in names)]
    return ", ".join(drawn[:_NAMED]) + ", …" * (len(drawn) > _NAMED)
