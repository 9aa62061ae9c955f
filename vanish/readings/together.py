"""Arrays are read in the order in which they come, short ones together: calls cost more."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from vanish.numbers.scaled import FloatArray

Note = TypeVar("Note")

# Measured: of so many numbers calls cost little, and more would leave the cache.
_MOST = 2**16


class Together(Generic[Note]):
    """Lets arrays of one shape wait until there are enough of them to be read.

    Parameters
    ----------
    read
        Is given some arrays as one, with a first axis of its own, and the note on each.
    """

    def __init__(self, read: Callable[[FloatArray, list[Note]], Any]) -> None:
        self._read = read
        # Arrays of them, with a first axis of its own.
        self._waiting: list[FloatArray] = []
        self._notes: list[Note] = []
        self._shape: tuple[int, ...] = ()
        self._enough = 1
        self._scratch = np.empty(0)

    def add(self, values: FloatArray, note: Note) -> None:
        """Take an array; it is not to be changed."""
        self.add_all(values[None], [note])

    def add_all(self, values: FloatArray, notes: Sequence[Note]) -> None:
        """Take several arrays at once; they are not to be changed.

        Parameters
        ----------
        values
            With a first axis of them.
        notes
            One on each.
        """
        if values.shape[1:] != self._shape:
            self.empty()
            self._shape = values.shape[1:]
            self._enough = _MOST // max(1, math.prod(self._shape))
        self._waiting.append(values)
        self._notes += notes
        if len(self._notes) >= self._enough:
            self.empty()

    def empty(self) -> None:
        """Read what still waits."""
        if self._waiting:
            waiting, notes, self._waiting, self._notes = self._waiting, self._notes, [], []
            self._read(np.concatenate(waiting) if len(waiting) > 1 else waiting[0], notes)

    def sizes_of(self, values: FloatArray) -> FloatArray:
        """Return |values|, in memory that the next ones will take: it is still in the cache."""
        if self._scratch.shape != values.shape:
            self._scratch = np.empty(values.shape)
        return np.abs(values, out=self._scratch)


def sums_of(rows: FloatArray) -> FloatArray:
    """Return the sum of each row, shape (…, n) to (…)."""
    # As a product with ones: numpy's own loops along short rows take twice as long.
    return np.asarray(np.vecdot(rows, _ones(rows.shape[-1])))


@lru_cache(maxsize=16)
def _ones(size: int) -> FloatArray:
    return np.ones(size)


def largest_of(rows: FloatArray) -> FloatArray:
    """Return the maximum of each row, shape (L, n) to (L,)."""
    is_long = rows.shape[1] > _LONG
    return np.maximum.reduce(rows, axis=1) if is_long else _picked(rows, rows.argmax(axis=1))


def largest_sizes_of(rows: FloatArray) -> FloatArray:
    """Return the largest |entry| of each row, shape (L, n) to (L,)."""
    if rows.shape[1] <= _LONG:
        return largest_of(np.abs(rows))
    ends: FloatArray = np.maximum(np.maximum.reduce(rows, axis=1), -np.minimum.reduce(rows, axis=1))
    return np.abs(ends)


def smallest_of(rows: FloatArray) -> FloatArray:
    """Return the minimum of each row, shape (L, n) to (L,)."""
    is_long = rows.shape[1] > _LONG
    return np.minimum.reduce(rows, axis=1) if is_long else _picked(rows, rows.argmin(axis=1))


# Along shorter rows numpy's own maximum takes twice as long as to look for its place.
_LONG = 512


def _picked(rows: FloatArray, places: NDArray[np.intp]) -> FloatArray:
    places += np.arange(0, rows.size, rows.shape[1])
    return np.asarray(rows.ravel().take(places))
