"""The arrays of an ONNX file by their names, without its graph."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from vanish.files.content import read_bytes
from vanish.files.numbertypes import NumberType
from vanish.files.onnx.load import parsed
from vanish.files.stored import PIECE, Checkpoint, Stored

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import ExitStack

    from vanish.files.numbertypes import Array

NAME = "onnx"


def checkpoint(path: str, _: ExitStack) -> Checkpoint:
    """Return the initialisers of an ONNX file.

    Parameters
    ----------
    path
        The file; it is read as a whole.

    Raises
    ------
    InputError
        If it is none, or onnx is not installed to read it.
    """
    content = read_bytes(path, binary=True)
    arrays = parsed(path, content).arrays
    found = tuple(_stored(path, name, array) for name, array in arrays.items())
    return Checkpoint(NAME, found, {}, len(content))


def _stored(path: str, name: str, array: Array) -> Stored:
    kind = NumberType(array.dtype.name, 8 * array.dtype.itemsize, array.dtype.str)
    if array.dtype.kind == "V":
        # bfloat16, whose numbers float32 holds.
        kind = NumberType(array.dtype.name, 16, "<f4")
        array = array.astype(np.float32)
    return Stored(path, name, array.shape, kind, partial(_pieces, array.reshape(-1)))


def _pieces(flat: Array) -> Iterator[Array]:
    for start in range(0, len(flat), PIECE):
        yield flat[start : start + PIECE]
