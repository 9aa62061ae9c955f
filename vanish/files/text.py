"""Numbers by text: rows of them, separated by commas or blanks."""

from __future__ import annotations

import io
import re
from array import array
from typing import TYPE_CHECKING

import numpy as np

from vanish.errors import InputError
from vanish.files.content import PIECE, room, too_large

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vanish.numbers.scaled import FloatArray

# No number has so many digits.
_LONGEST_NUMBER = 1_000_000


def parse_text(name: str, content: bytes) -> FloatArray:
    """Return the rows of a text; of one number a line, an array of one axis.

    Parameters
    ----------
    name
        What messages call it.
    content
        Its bytes.

    Raises
    ------
    InputError
        If it is anything but numbers in equal rows, or too large.
    """
    # Not lists of lists: a number of two characters would take a hundred bytes.
    numbers = array("d")
    most = room() // numbers.itemsize
    count = width = 0
    header: InputError | None = None
    try:
        for number, line in enumerate(text_lines(content), 1):
            row, words = array("d"), []
            for field in _fields(line):
                try:
                    row.append(float(field) if len(field) < _LONGEST_NUMBER else float(""))
                except ValueError:
                    words.append(field[:40])
                    break
            if words:
                error = InputError(
                    f"{name}: line {number}: {words[0]!r} is not a number: give numbers"
                    " separated by commas or blanks"
                )
                # The first line may be a header, if it is of words alone and numbers follow.
                if row or count or header or any(map(_is_number, _fields(line))):
                    raise error
                header = error
            elif count and row and len(row) != width:
                raise InputError(
                    f"{name}: line {number} has {len(row)} numbers, the first row {width}:"
                    " give rows of equal length"
                )
            elif row:
                count, width = count + 1, len(row)
                numbers += row
                if len(numbers) > most:
                    raise too_large(name)
    except UnicodeDecodeError:
        raise InputError(f"{name}: neither .npy nor text: give one of them") from None
    except MemoryError:
        raise too_large(name) from None
    if not count:
        raise header or InputError(f"{name}: no numbers in it: give one row a line")
    values = np.frombuffer(numbers)
    return values if width == 1 else values.reshape(count, width)


def text_lines(content: bytes) -> Iterator[str]:
    """Yield the lines of a text, without making a list of them.

    Raises
    ------
    UnicodeDecodeError
        If it is none.
    """
    with io.TextIOWrapper(io.BytesIO(content), "utf-8-sig") as text:
        for line in text:
            yield from line.splitlines()


def _fields(line: str) -> Iterable[str]:
    """Return what stands between commas and blanks, up to a comment."""
    line = line.partition("#")[0]
    if len(line) < PIECE:
        return line.replace(",", " ").split()
    return (found[0] for found in re.finditer(r"[^\s,]+", line))


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True
