"""How a parameter of few numbers meets rows of many: numpy's broadcasting, both ways."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from vanish.numbers.scaled import FloatArray


class Spread:
    """The places of a row at which a parameter's numbers stand.

    Parameters
    ----------
    shape
        The parameter's, of as many axes as `row` at most; each 1 or as long as the row's.
    row
        The shape that a row of the batch has.
    """

    def __init__(self, shape: tuple[int, ...], row: tuple[int, ...]) -> None:
        self._shape: Final = (1,) * (len(row) - len(shape)) + shape
        self._row: Final = row
        # Of each axis over which the same number stands.
        self._over: Final = tuple(
            axis
            for axis, (few, many) in enumerate(zip(self._shape, row, strict=True), 1)
            if few != many
        )

    def __repr__(self) -> str:
        return f"Spread({self._shape}, {self._row})"

    @property
    def copies(self) -> int:
        """At how many places of a row each number stands."""
        return math.prod(self._row) // math.prod(self._shape)

    def out(self, numbers: FloatArray) -> FloatArray:
        """Return a parameter as long as a row, shape (n,)."""
        return np.broadcast_to(numbers.reshape(self._shape), self._row).reshape(-1)

    def back(self, rows: FloatArray) -> FloatArray:
        """Return the sums of what stands at the places of each number, (B, n) to (B, p)."""
        if not self._over:
            return rows
        spread = rows.reshape(len(rows), *self._row).sum(axis=self._over)
        return np.asarray(spread.reshape(len(rows), math.prod(self._shape)))


class Lines(tuple[int, int, int]):
    """Where the lines of an axis lie in a row: those before it, its length, those behind it."""

    __slots__ = ()

    def of(self, rows: FloatArray) -> FloatArray:
        """Return rows (B, n) with the lines along the last axis but one."""
        return rows.reshape(len(rows), *self)
