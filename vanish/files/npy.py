"""The array of a .npy file."""

from __future__ import annotations

import io
import math
import struct
import warnings
from typing import IO, Any

import numpy as np

from vanish.errors import InputError
from vanish.files.content import PIECE, too_large

# What numpy itself takes for a header, in bytes.
_LONGEST_HEADER = 10_000


def load_npy(name: str, stream: IO[bytes], room: int) -> np.ndarray:
    """Return the array of a .npy file.

    Parameters
    ----------
    name
        What messages call it.
    stream
        Its bytes, of which no more are read than its shape asks for.
    room
        How many bytes its entries may take. Those are counted which are there, since a
        header may say anything.

    Raises
    ------
    InputError
        If it is damaged, too large, or no array of numbers.
    """
    shape, is_fortran, dtype = read_header(name, stream)
    size = math.prod(shape) * dtype.itemsize
    content = io.BytesIO()
    while piece := stream.read(min(PIECE, size - content.tell())):
        content.write(piece)
        if content.tell() > room:
            raise too_large(name)
    if content.tell() != size:
        raise damaged(name)
    flat = np.frombuffer(content.getbuffer(), dtype) if size else np.empty(0, dtype)
    try:
        return flat.reshape(shape, order="F" if is_fortran else "C")
    except ValueError:  # no entries, and an axis beyond any array
        raise damaged(name) from None


def read_header(name: str, stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return shape, whether the first axis is the fastest, and type of a .npy file's array.

    Parameters
    ----------
    name, stream
        As for `load_npy`; the stream stands at the array's first byte then.

    Raises
    ------
    InputError
        If it is damaged, or no array of numbers.
    """
    try:
        shape, is_fortran, dtype = _header(stream)
    except Exception:  # noqa: BLE001 - numpy's header parser raises half a dozen kinds
        raise damaged(name) from None
    if dtype.hasobject:
        raise pickled(name)
    if dtype.names is not None or dtype.subdtype is not None or not dtype.itemsize:
        what = "no size" if dtype.names is None and not dtype.itemsize else "a type of several"
        raise InputError(f"{name}: entries of {what}: save an array of numbers")
    return shape, is_fortran, dtype


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return shape, whether the first axis is the fastest, and type; see numpy.lib.format."""
    major, minor = stream.read(2)
    kind = "<H" if major == 1 else "<I"
    start = stream.read(struct.calcsize(kind))
    (length,) = struct.unpack(kind, start)
    if (major, minor) not in ((1, 0), (2, 0), (3, 0)) or length > _LONGEST_HEADER:
        raise ValueError
    header = io.BytesIO(start + stream.read(length))
    # It is a Python literal, about whose spelling the parser may have something to say.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Version 3 is version 2 with other names of fields, of which there must be none.
        parse = (np.lib.format.read_array_header_1_0, np.lib.format.read_array_header_2_0)
        shape, is_fortran, dtype = parse[major > 1](header)
    if any(axis < 0 for axis in shape):
        raise ValueError
    return shape, is_fortran, dtype


def damaged(name: str) -> InputError:
    """Return the error for what is no such file."""
    return InputError(f"{name}: a damaged .npy file: save it again")


def pickled(name: str) -> InputError:
    """Return the error for objects in place of numbers."""
    return InputError(f"{name}: pickled objects, which can run code: save an array of numbers")
