"""The parameters of a graph while it is built: each array once, however often a file uses it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from vanish.files.onnx.values import Known, RefusedError
from vanish.network.graph import Slot, Variable

if TYPE_CHECKING:
    from vanish.numbers.scaled import FloatArray


class Parameters:
    """All parameters so far.

    Attributes
    ----------
    arrays
        Each by its address: W1, b1 and so on for matrices and biases, g1 and c1 for what else
        multiplies values and is added to them.
    """

    def __init__(self) -> None:
        self.arrays: dict[Variable, FloatArray] = {}
        self._names: dict[Variable, str] = {}
        self._letters: dict[tuple[str, str, bool], Variable] = {}

    def is_turned(self, weight: Known) -> bool:
        """Tell whether a matrix is one that was used before, but the other way round."""
        other = self._letters.get(("W", weight.name, not weight.turned)) if weight.name else None
        return (
            other is not None
            and ("W", weight.name, weight.turned) not in self._letters
            and np.array_equal(self.arrays[other], weight.array.T)
        )

    def slot(self, letter: str, known: Known) -> Slot:
        """Return the slot of an array: of one that the file uses twice, the same both times."""
        # A vector meets rows by its `Spread`, which knows its shape.
        array = known.array if letter == "W" else known.array.reshape(-1)
        key = letter, known.name, known.turned
        address = self._letters.get(key) if known.name else None
        # With its sign changed a zero is equal, and goes another way.
        if address is None or self.arrays[address].tobytes() != array.tobytes():
            address = Variable(letter, 1 + sum(each.letter == letter for each in self.arrays))
            self.arrays[address] = array
            self._letters[key] = address
        if known.name:
            self._names[address] = known.name
        return Slot(str(address))

    @property
    def called(self) -> dict[Variable, str]:
        """What the file calls those that are no W and no b.

        One that it uses in several ways has its address behind the name: each has a gradient.
        """
        uses = Counter(self._names.values())
        return {
            address: name if uses[name] == 1 else f"{name} ({address})"
            for address, name in self._names.items()
            if address.letter in "gc"
        }


def fitting(known: Known, row: tuple[int, ...]) -> Known:
    """Return a constant as it meets every row, without the axis of the batch.

    Raises
    ------
    RefusedError
        If it differs from row to row, or does not fit, or is no finite number.
    """
    array = np.asarray(known.array, dtype=np.float64)
    if not np.isfinite(array).all():
        raise RefusedError("a constant with an entry that is no finite number")
    if array.ndim > len(row) and array.shape[0] == 1:
        array = array[0]
    if array.ndim > len(row):
        raise RefusedError("a constant that differs from row to row")
    meets = zip(array.shape[::-1], row[::-1], strict=False)
    if not all(few in (1, many) for few, many in meets):
        raise RefusedError(f"a constant of shape {known.array.shape} beside rows of {row}")
    return known._replace(array=array)
