"""Room for arrays that are large together, on few and large pages."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vanish.numbers.scaled import FloatArray

# Numbers to a piece of memory: 32 MB. Smaller ones may be carved out of what the process holds,
# and go back to the system later than the arrays in them.
_PIECE = 2**22

# Numbers to a large page, 2 MB, and to a line of the processor's cache.
_PAGE, _LINE = 2**18, 8


def room(shapes: Sequence[tuple[int, ...]]) -> list[FloatArray]:
    """Return arrays of these shapes with nothing in them yet, neighbours side by side.

    The system hands out memory page by page, when it is first written to. By pages of 4 kB, which
    is what an array of its own gets below 4 MB, that takes a third of the time of drawing normal
    numbers into it; by those of 2 MB, which numpy asks for above, a tenth of that third.
    """
    found: list[FloatArray] = []
    sizes = [-(-math.prod(shape) // _LINE) * _LINE for shape in shapes]
    first = 0
    while first < len(shapes):
        last, taken = first, 0
        while last < len(shapes) and taken < _PIECE:
            taken += sizes[last]
            last += 1
        piece = _on_a_page(taken)
        start = 0
        for shape, size in zip(shapes[first:last], sizes[first:last], strict=True):
            found.append(piece[start : start + math.prod(shape)].reshape(shape))
            start += size
        first = last
    return found


def keep_freed() -> None:
    """Let the process keep what arrays are freed for those to come, up to some 64 MB.

    By itself the C library of Linux gives arrays of more than 128 kB back at once, so that the
    next ones cost new pages, more time than what is computed in them. Once it has seen a large
    one freed, it keeps twice as much from then on (mallopt(3), M_MMAP_THRESHOLD). Elsewhere this
    does nothing.
    """
    np.empty(_PIECE - _PAGE)


def _on_a_page(size: int) -> FloatArray:
    """Return an array that begins where a large page does."""
    piece = np.empty(size + _PAGE)
    address = piece.__array_interface__["data"][0]
    start = -(address // piece.itemsize) % _PAGE
    return piece[start : start + size]
