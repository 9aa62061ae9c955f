"""What is done ahead of whoever waits for it."""

from __future__ import annotations

import os
import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest

from vanish.system import threads
from vanish.system.threads import Ahead, Behind

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


@pytest.fixture
def a_processor_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "processors", lambda: 2)
    monkeypatch.setattr(threads, "linear_algebra_has_one", lambda: True)


@pytest.mark.usefixtures("a_processor_is_free")
def test_calls_are_made_in_their_order_by_one_thread_while_others_go_on() -> None:
    made: list[tuple[int, int, threading.Thread]] = []
    go_on = threading.Event()

    def note(number: int, *, twice: int) -> None:
        go_on.wait(10.0)
        made.append((number, twice, threading.current_thread()))

    with Behind(worth=True) as behind:
        later = behind.making(note)
        later(0, twice=0)
        assert not made
        go_on.set()
        for number in range(1, 40):
            later(number, twice=2 * number)
    assert [(number, twice) for number, twice, _ in made] == [(n, 2 * n) for n in range(40)]
    [thread] = {thread for *_, thread in made}
    assert thread is not threading.current_thread()
    assert not thread.is_alive()


@pytest.mark.usefixtures("a_processor_is_free")
def test_what_a_call_raised_is_raised_at_the_end_and_nothing_is_called_after_it() -> None:
    made: list[int] = []

    def all_of_them() -> None:
        with Behind(worth=True) as behind:
            for text in ("1", "no number", "2"):
                behind.making(lambda text: made.append(int(text)))(text)

    with pytest.raises(ValueError, match="no number"):
        all_of_them()
    assert made == [1]


@pytest.mark.usefixtures("a_processor_is_free")
def test_of_what_is_given_up_nothing_more_is_done() -> None:
    begun, go_on = threading.Event(), threading.Event()
    made: list[int] = []

    def first() -> None:
        begun.set()
        go_on.wait(10.0)

    def give_up() -> None:
        with Behind(worth=True) as behind:
            behind.making(first)()
            behind.making(made.append)(1)
            begun.wait(10.0)
            threading.Timer(0.01, go_on.set).start()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        give_up()
    assert not made


@pytest.mark.parametrize("why", ["one processor", "linear algebra", "no thread", "not worth it"])
@pytest.mark.usefixtures("a_processor_is_free")
def test_where_no_processor_is_free_they_are_made_at_once(
    why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    if why == "one processor":
        monkeypatch.setattr(threads, "processors", lambda: 1)
    elif why == "linear algebra":
        monkeypatch.setattr(threads, "linear_algebra_has_one", lambda: False)
    elif why == "no thread":
        monkeypatch.setattr(threading.Thread, "start", refused)
    made: list[int] = []
    with Behind(worth=why != "not worth it") as behind:
        behind.making(made.append)(1)
        assert made == [1]


def test_linear_algebra_has_one_thread_once_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    assert not threads.linear_algebra_has_one()
    threads.one_for_linear_algebra()
    assert threads.linear_algebra_has_one()
    os.environ["OMP_NUM_THREADS"] = "2"
    assert not threads.linear_algebra_has_one()
