"""Memory for many numbers that are about to be written, fresh from the system.

The system hands out memory when it is first touched, in pages of 4 kB: one costs a third of the
time that it takes to draw the numbers in it. On Linux two things make that less. Pages that are
asked for together cost two thirds. And a huge page of 2 MB costs a fifth of the 512 small ones in
it, where the system has one at hand; but a virtual machine whose host has taken back what was free
waits for one ten times as long, and for all that follow. So they are taken until two were slow.
"""

from __future__ import annotations

import math
import mmap
import sys
from threading import Lock
from time import thread_time
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# What is reserved at a time, a huge page, and what arrays begin at multiples of, in bytes.
_BLOCK, _HUGE_PAGE, _LINE = 2**24, 2**21, 64

# A huge page that takes longer is slow, in seconds: its small ones take half of that. So many in a
# row are enough; a single one says nothing.
_SLOW, _MOST_SLOW = 1.2e-3, 2

# Takes pages at once that are to be written (Linux 5.14); Python has no name for it.
_POPULATE_WRITE = 23


class Room:
    """Gives memory to arrays that are written one after the other; several threads may ask.

    Neighbours lie in one block of 16 MB, which is freed when all of them are.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._block: mmap.mmap | None = None
        # Of the block, in bytes.
        self._size = self._given = self._taken = 0
        # Whether pages are asked for, and huge ones, of which the last so many were slow.
        self._asks = self._huge = True
        self._slow = 0

    def empty(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Return an array with any numbers in it, as `numpy.empty` does.

        Raises
        ------
        MemoryError
            If there is no more memory.
        """
        if sys.platform != "linux":
            return np.empty(shape)
        count = math.prod(shape)
        size = _whole(count * np.dtype(np.float64).itemsize, _LINE)
        with self._lock:
            if self._block is None or self._given + size > self._size:
                self._block = self._reserved(size)
            start = self._given
            self._given += size
            self._take(self._block, self._given)
            return np.frombuffer(self._block, np.float64, count, start).reshape(shape)

    def _reserved(self, size: int) -> mmap.mmap:
        """Return a new block, of which nothing is given yet, for an array and some more."""
        self._size, self._given, self._taken = _whole(max(size, _BLOCK), _HUGE_PAGE), 0, 0
        try:
            block = mmap.mmap(-1, self._size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        except OSError:
            raise MemoryError from None
        if self._huge:
            self._ask(block, mmap.MADV_HUGEPAGE, self._size)
        return block

    def _take(self, block: mmap.mmap, stop: int) -> None:
        """Take the pages of the block up to there."""
        while self._asks and self._taken < stop:
            step = _HUGE_PAGE if self._huge else _whole(stop - self._taken, mmap.PAGESIZE)
            # Of this thread: what others do meanwhile makes no page slow.
            begin = thread_time()
            self._ask(block, _POPULATE_WRITE, step)
            self._taken += step
            self._slow = self._slow + 1 if thread_time() - begin > _SLOW else 0
            if self._huge and self._slow == _MOST_SLOW:
                self._huge = False
                self._ask(block, mmap.MADV_NOHUGEPAGE, self._size - self._taken)

    def _ask(self, block: mmap.mmap, what: int, length: int) -> None:
        """Ask the system for something, from what is taken on; if it does not know it, no more."""
        try:
            if self._asks and length:
                block.madvise(what, self._taken, length)
        except OSError:
            self._asks = False


def _whole(size: int, step: int) -> int:
    """Return the next multiple of a step."""
    return -(-size // step) * step
