"""What is done ahead of whoever waits for it."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest

from vanish.system.threads import Ahead

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("helpers", [0, 1, 3, 50])
def test_every_task_is_done_once_before_who_waits_goes_on(helpers: int) -> None:
    done: list[int] = []
    ahead = Ahead([partial(done.append, number) for number in range(40)], helpers)
    for number in (0, 7, 3, 39, 20):
        ahead.wait(number)
        assert number in done
    for number in range(40):
        ahead.wait(number)
    assert sorted(done) == [*range(40)]


def test_who_waits_does_what_is_left_in_its_order() -> None:
    done: list[int] = []
    ahead = Ahead([partial(done.append, number) for number in range(5)], 0)
    ahead.wait(2)
    assert done == [0, 1, 2]


def test_a_thread_goes_on_while_nobody_waits() -> None:
    last = threading.Event()
    tasks: list[Callable[[], object]] = [lambda: None, lambda: None, last.set]
    ahead = Ahead(tasks, 1)
    assert last.wait(10.0)
    ahead.wait(2)


@pytest.mark.parametrize("helpers", [0, 1])
def test_an_error_is_raised_to_who_waits_however_often(helpers: int) -> None:
    ahead = Ahead([int, partial(int, "no number"), int, int], helpers)
    for _ in range(2):
        with pytest.raises(ValueError, match="no number"):
            ahead.wait(3)


def test_nothing_more_is_begun_once_nobody_can_wait() -> None:
    begun, go_on = threading.Event(), threading.Event()
    done: list[int] = []

    def first() -> None:
        begun.set()
        go_on.wait(10.0)
        done.append(0)

    before = threading.active_count()
    ahead = Ahead([first, *(partial(done.append, number) for number in range(1, 9))], 1)
    begun.wait(10.0)
    del ahead
    go_on.set()
    for thread in threading.enumerate()[before:]:
        thread.join(10.0)
    assert done == [0]
