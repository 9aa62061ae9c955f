"""What becomes of the memory of arrays that are freed."""

from __future__ import annotations

from contextlib import suppress

import numpy as np

# Of an array that the C library still gives back by itself when it is freed: it counts those up
# to 32 MiB. In bytes.
_PIECE = 31 * 2**20

# Numbers of an array from which on the C library gives back each.
LARGE = 2**14


def keep() -> None:
    """Let the process keep what arrays are freed for those to come, up to 64 MB.

    By itself the C library of Linux gives memory back to the system each time, an array of more
    than 128 kB at once, and the next ones wait for fresh pages: a fifth of a run. Once it has
    seen a large one freed, it keeps twice as much from then on (mallopt(3), M_MMAP_THRESHOLD and
    M_TRIM_THRESHOLD). Elsewhere this does nothing.
    """
    np.empty(_PIECE, dtype=np.uint8)


def give_back() -> None:
    """Give the system what the process keeps of freed arrays: it counts that as taken.

    By malloc_trim(3) of Linux' C library; elsewhere this does nothing.
    """
    with suppress(ImportError, OSError, AttributeError):
        import ctypes  # noqa: PLC0415 - start-up, and not every Python has it

        ctypes.CDLL(None).malloc_trim(0)
