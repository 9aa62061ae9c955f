"""Memory for numbers that are about to be written, and what is asked of the system for it."""

from __future__ import annotations

import mmap
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np
import pytest

from vanish.system import pages
from vanish.system.pages import Room

if TYPE_CHECKING:
    from collections.abc import Callable

    # What was asked for, from where on and how much of it, in bytes.
    Asked = list[tuple[int, int, int]]

linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is asked for")

# Odd ones, one of more than a block, and so many that there are several blocks.
SHAPES = [(3, 5), (1, 1), (100, 101), (1500, 1500), (2,), *[(511, 257)] * 30]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Take note of all that the system is asked for."""
    calls: Asked = []

    class Noted(mmap.mmap):
        def madvise(self, option: int, start: int = 0, length: int | None = None) -> None:
            calls.append((option, start, length or 0))

    monkeypatch.setattr(mmap, "mmap", Noted)
    return calls


def a_clock(step: float) -> Callable[[], float]:
    """Return one that goes on by so much whenever it is looked at."""
    ticks = count()
    return lambda: step * next(ticks)


def test_every_array_keeps_what_is_written_into_it() -> None:
    room = Room()

    def written(number: int) -> np.ndarray[Any, Any]:
        array = room.empty(SHAPES[number])
        array[...] = number
        return array

    with ThreadPoolExecutor(4) as pool:
        arrays = list(pool.map(written, range(len(SHAPES))))
    for number, (array, shape) in enumerate(zip(arrays, SHAPES, strict=True)):
        assert array.shape == shape
        assert array.dtype == np.float64
        assert array.flags.c_contiguous
        assert (array == number).all()


@linux
def test_neighbours_lie_in_one_block_which_goes_with_the_last_of_them() -> None:
    room = Room()
    one, other = room.empty((10, 3)), room.empty((4,))
    start, following = (each.__array_interface__["data"][0] for each in (one, other))
    assert following - start == 256  # 240 bytes, and then the next line of the cache
    block = ref(room._block)
    other[...] = 7.0
    del one, room
    assert block() is not None
    assert (other == 7.0).all()
    del other
    assert block() is None


@linux
def test_huge_pages_are_taken_one_by_one_as_far_as_they_are_needed(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "thread_time", a_clock(1e-4))
    room = Room()
    page = 2**21
    room.empty((page // 8 + 1,))
    assert asked == [
        (mmap.MADV_HUGEPAGE, 0, 2**24),
        (pages._POPULATE_WRITE, 0, page),
        (pages._POPULATE_WRITE, page, page),
    ]
    room.empty((page // 16,))  # of a page that is there
    assert len(asked) == 3


@linux
def test_after_two_slow_ones_all_are_small_and_just_those_that_are_needed(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "thread_time", a_clock(1e-2))
    room = Room()
    page = 2**21
    room.empty((2 * page // 8,))
    assert [option for option, *_ in asked] == [
        mmap.MADV_HUGEPAGE,
        *[pages._POPULATE_WRITE] * 2,
        mmap.MADV_NOHUGEPAGE,
    ]
    assert asked[-1][1:] == (2 * page, 2**24 - 2 * page)
    asked.clear()
    room.empty((1000,))
    room.empty((2**21,))  # too large for what is left: a block of its own
    assert asked == [
        (pages._POPULATE_WRITE, 2 * page, -(-8000 // mmap.PAGESIZE) * mmap.PAGESIZE),
        (pages._POPULATE_WRITE, 0, 2**24),
    ]


@linux
def test_a_slow_one_now_and_then_changes_nothing(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The clock is looked at before and after each: every other one is slow.
    times = iter([each for page in range(8) for each in (page, page + (page % 2) * 0.01)])
    monkeypatch.setattr(pages, "thread_time", lambda: next(times))
    Room().empty((2**21,))
    assert [option for option, *_ in asked] == [mmap.MADV_HUGEPAGE, *[pages._POPULATE_WRITE] * 8]


@linux
def test_a_system_that_knows_nothing_of_it_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    class Older(mmap.mmap):
        def madvise(self, option: int, *_: int) -> None:
            calls.append(option)
            raise OSError(22, "Invalid argument")

    monkeypatch.setattr(mmap, "mmap", Older)
    room = Room()
    arrays = [room.empty((500, 500)) for _ in range(20)]
    for number, array in enumerate(arrays):
        array[...] = number
    assert [float(array.mean()) for array in arrays] == [*map(float, range(20))]
    assert calls == [mmap.MADV_HUGEPAGE]


@linux
def test_no_memory_is_an_error_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(mmap, "mmap", full)
    with pytest.raises(MemoryError):
        Room().empty((3, 3))


def test_elsewhere_numpy_finds_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(mmap, "mmap", None)
    array = Room().empty((3, 4))
    assert array.shape == (3, 4)
    assert array.flags.owndata
