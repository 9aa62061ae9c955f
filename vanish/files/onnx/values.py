"""What the names in an ONNX file stand for while its nodes are read, one after the other."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from vanish.errors import InputError, plain
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import NDArray

    from vanish.files.onnx.load import FileNode

# What stands for the number of rows where a file computes with shapes: no size that one has.
BATCH = 2**31 - 1


class Value(Record):
    """A value that depends on the input.

    Attributes
    ----------
    place
        Where it is computed, 0 being the input.
    shape
        Of a row of it: without the batch's axis.
    sole
        Whether one node alone takes it, so that what follows may be put into one with it.
    """

    place: int
    shape: tuple[int, ...]
    sole: bool = False

    @property
    def size(self) -> int:
        """How many numbers a row has."""
        return math.prod(self.shape)


class Known(Record):
    """What does not depend on the input.

    Attributes
    ----------
    array
        Itself: float64, or whole numbers.
    name
        What the file calls the array that it was made of; empty for one that has no name.
    turned
        Whether it is that one transposed.
    of_rows
        Whether it was worked out of the number of rows, which a file leaves open.
    """

    array: NDArray[Any]
    name: str = ""
    turned: bool = False
    of_rows: bool = False

    @property
    def counts_rows(self) -> bool:
        """Whether the number of rows is in it, or it was worked out of that."""
        return self.of_rows or bool((np.abs(self.array) == BATCH).any())

    @property
    def scalar(self) -> float | None:
        """The one number that it is; None where it has several."""
        return float(self.array.reshape(-1)[0]) if self.array.size == 1 else None


class Pending(Record):
    """A part of a norm that is written out: it is read with the others, or not at all.

    Attributes
    ----------
    node
        What computes it.
    first
        The node that messages are about: the mean that begins it.
    """

    node: FileNode
    first: FileNode


class Condition(Record):
    """A value compared with a number, entry by entry: what chooses between two others."""

    value: Value
    text: str


Read = Value | Known | Pending | Condition


def real(array: NDArray[Any]) -> NDArray[Any]:
    """Return numbers as they are computed with: real ones in float64."""
    kind = array.dtype.kind
    if kind == "b":
        return array
    return array.astype(np.int64 if kind in "iu" else np.float64)


READABLE = (
    "Gemm, MatMul, Add, Sub, Mul and Div by constants, sums, activations, norms, Softmax, Flatten"
    " and Reshape"
)


class RefusedError(ValueError):
    """Why a node is not read; its text says so."""


class UnreadError(InputError):
    """A node that is not read.

    Parameters
    ----------
    source, node
        The file, and the node.
    why
        What of it is not read; the whole of it where nothing is said.
    """

    def __init__(self, source: str, node: FileNode, why: str = "") -> None:
        kind = f"{node.domain}.{node.type}" if node.domain else node.type
        fact = f": {why}" if why else ""
        super().__init__(
            f"{source}: node {node.name!r}, {plain(kind)}, is not read{fact}; read are {READABLE}:"
            " give --until a node before it"
        )


def value_of(inputs: Sequence[Read]) -> Value:
    """Return a first input that depends on the network's.

    Raises
    ------
    RefusedError
        If it does not.
    """
    found = inputs[0]
    if not isinstance(found, Value):
        raise RefusedError("a first input that does not depend on the network's")
    return found


def known_at(inputs: Sequence[Read], place: int) -> Known | None:
    """Return an input that is a constant; None where it is left out.

    Raises
    ------
    RefusedError
        If it is none.
    """
    if place >= len(inputs):
        return None
    found = inputs[place]
    if not isinstance(found, Known):
        raise RefusedError("a second input that is no constant")
    return found if found.array.size else None
