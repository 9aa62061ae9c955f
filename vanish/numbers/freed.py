"""What becomes of the memory of arrays that are freed."""

from __future__ import annotations

import numpy as np

# Numbers of an array that the C library still gives back by itself when it is freed, 32 MB less
# some; and those of one from which on it gives back each.
_MOST, _LEAST = 2**22 - 2**18, 2**14


def keep(numbers: int) -> None:
    """Let the process keep what arrays of so many numbers are freed for those to come, up to 64 MB.

    By itself the C library of Linux gives back arrays of more than 128 kB at once, so that the
    next ones cost new pages, more time than what is computed in them. Once it has seen a large
    one freed, it keeps twice as much from then on (mallopt(3), M_MMAP_THRESHOLD). Elsewhere this
    does nothing.
    """
    if numbers >= _LEAST:
        np.empty(_MOST)
