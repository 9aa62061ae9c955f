"""Reading and writing .safetensors: a JSON header, then the bytes of all arrays.

The format is read here and not by its package: that one has no bfloat16 for numpy, maps the
file, and names what is wrong with it in words of its own. What the header says must be what
lies behind it, byte for byte, so that no array is larger than its part of the file.
"""

from __future__ import annotations

import json
import math
import struct
from itertools import pairwise
from typing import IO, TYPE_CHECKING

import numpy as np

from vanish.errors import InputError
from vanish.files.numbertypes import SAFETENSORS
from vanish.files.stored import Checkpoint, Stored, open_file, pieces_at
from vanish.numbers.words import plural
from vanish.records import Record
from vanish.system.atomic import reason

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import ExitStack
    from typing import Any, BinaryIO, NoReturn

    from numpy.typing import ArrayLike

    from vanish.files.numbertypes import NumberType

NAME = "safetensors"

# Its length, little-endian.
_LENGTH = struct.Struct("<Q")

# As JSON a header takes some thirty times its bytes. One of so many names 60,000 arrays.
_LONGEST_HEADER = 10**7

# No array of numpy has more axes, and none of its axes is longer.
_MOST_AXES, _LONGEST_AXIS = 64, 2**63 - 1

_NOTES = "__metadata__"

# The header ends where an array of any type may begin.
_ALIGNED = 8


class _Place(Record):
    """What the header says of an array."""

    name: str
    kind: NumberType
    shape: tuple[int, ...]
    first: int
    last: int


def checkpoint(path: str, files: ExitStack) -> Checkpoint:
    """Return what a .safetensors file holds.

    Parameters
    ----------
    path
        The file.
    files
        What closes it.

    Raises
    ------
    InputError
        If it cannot be read, is damaged, or its header is longer than 10 MB.
    """
    stream, size = open_file(path, files)
    length, content = _header(path, stream, size)
    try:
        header = json.loads(content, object_pairs_hook=_once, parse_constant=_refuse)
        if not isinstance(header, dict):
            raise TypeError
        notes = header.pop(_NOTES, {})
        if not isinstance(notes, dict) or not all(isinstance(each, str) for each in notes.values()):
            raise TypeError
    except (ValueError, TypeError, RecursionError):  # also of bytes that are no UTF-8
        raise _damaged(path, "its header is no JSON of arrays") from None
    places = [_place(path, name, entry) for name, entry in header.items()]
    start = _LENGTH.size + length
    _require_all_bytes(path, places, size - start)
    arrays = tuple(
        Stored(
            path,
            each.name,
            each.shape,
            each.kind,
            pieces_at(path, stream, start + each.first, math.prod(each.shape), each.kind),
        )
        for each in places
    )
    return Checkpoint(NAME, arrays, notes, size)


def _header(path: str, stream: IO[bytes], size: int) -> tuple[int, bytes]:
    """Return how long the header is, and its bytes."""
    try:
        start = stream.read(_LENGTH.size)
        if len(start) < _LENGTH.size:
            raise _damaged(path, f"it is of {plural(len(start), 'byte')}")
        (length,) = _LENGTH.unpack(start)
        if length > size - _LENGTH.size:
            raise _damaged(path, f"its header is said to have {length:,} bytes, more than it")
        if length > _LONGEST_HEADER:
            raise InputError(
                f"{path}: a header of {length:,} bytes: give a file of at most"
                f" {_LONGEST_HEADER:,}, some 60,000 arrays"
            )
        return length, stream.read(length)
    except OSError as error:
        raise InputError(f"{path}: {reason(error)}: give a file that can be read") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON that names nothing twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError
    return found


def _refuse(_: str) -> NoReturn:
    """Refuse NaN and Infinity, which JSON has not."""
    raise ValueError


def _place(path: str, name: str, entry: Any) -> _Place:
    """Return what the header says of one array."""
    try:
        kind, shape, (first, last) = entry["dtype"], entry["shape"], entry["data_offsets"]
        if not isinstance(kind, str) or not isinstance(shape, list) or len(shape) > _MOST_AXES:
            raise TypeError
        counts = (*shape, first, last)
        if not all(type(each) is int and 0 <= each <= _LONGEST_AXIS for each in counts):
            raise TypeError
    except (TypeError, KeyError, ValueError):
        raise _damaged(path, f"its header says no type, shape and place of {name!r}") from None
    if kind not in SAFETENSORS:
        raise InputError(
            f"{path}: {name} has numbers of type {kind!r}, which is none of the format:"
            f" give one of {', '.join(SAFETENSORS)}"
        )
    known = SAFETENSORS[kind]
    if math.prod(shape) * known.bits != 8 * (last - first):
        raise _damaged(path, f"{name!r} has another shape than its bytes")
    return _Place(name, known, tuple(shape), first, last)


def _require_all_bytes(path: str, places: list[_Place], size: int) -> None:
    """Require arrays one behind the other, from the header to the end of the file."""
    ordered = sorted(places, key=lambda each: (each.first, each.last))
    for before, behind in pairwise(ordered):
        if before.last != behind.first:
            where = "shares bytes with" if behind.first < before.last else "does not follow"
            raise _damaged(path, f"{behind.name!r} {where} {before.name!r}")
    begin, end = (ordered[0].first, ordered[-1].last) if ordered else (0, 0)
    if begin or end != size:
        raise _damaged(path, f"its arrays have {end - begin:,} bytes, the file {size:,} for them")


def _damaged(path: str, why: str) -> InputError:
    return InputError(f"{path}: a damaged .safetensors file: {why}: save it again")


def write(stream: BinaryIO, arrays: Mapping[str, ArrayLike], notes: Mapping[str, str]) -> None:
    """Write arrays of float64, and texts beside them.

    Parameters
    ----------
    stream
        Where to.
    arrays, notes
        What to write, by name.
    """
    header: dict[str, Any] = {_NOTES: dict(notes)} if notes else {}
    content = {name: np.asarray(each, "<f8") for name, each in arrays.items()}
    first = 0
    for name, each in content.items():
        last = first + each.nbytes
        header[name] = {"dtype": "F64", "shape": each.shape, "data_offsets": (first, last)}
        first = last
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNED)
    stream.write(_LENGTH.pack(len(text)) + text)
    for each in content.values():
        stream.write(each.tobytes())
