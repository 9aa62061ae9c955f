"""Processors and threads."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from vanish.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import ThreadPoolExecutor


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """Let so many threads take part.

    Raises
    ------
    UsageError
        If the system starts no more.
    """
    import concurrent.futures  # noqa: PLC0415 - start-up

    try:
        with concurrent.futures.ThreadPoolExecutor(count) as pool:
            yield pool
    except RuntimeError as error:
        if "start new thread" not in str(error):
            raise
        raise UsageError(
            "no thread can be started, the limits of this system forbid it: allow more (ulimit"
            " -u, ulimit -v)"
        ) from None


class Ahead:
    """Tasks that threads do in their order, ahead of whoever needs one of them done.

    Who waits for one does meanwhile what nobody has begun. So nothing is lost where no other
    thread can be started, and none is on one processor.

    Parameters
    ----------
    tasks
        What is to be done, in the order in which it will be needed.
    helpers
        The most threads that take part beside whoever waits. They end together with the tasks, or
        after the one that they are at if nobody keeps this object.
    """

    def __init__(self, tasks: Sequence[Callable[[], object]], helpers: int) -> None:
        self._work = _Work(tasks)
        for _ in range(min(helpers, len(tasks) - 1)):
            try:
                threading.Thread(target=self._work.help).start()
            except RuntimeError:  # the system starts no more
                break

    def wait(self, number: int) -> None:
        """Return once a task is done; what any of them raised is raised here."""
        work = self._work
        while not work.done[number].is_set():
            if work.error is not None or not work.do_one():
                break
        if work.error is None:
            work.done[number].wait()
        if work.error is not None:
            raise work.error

    def __del__(self) -> None:
        self._work.left = iter(())


class _Work:
    """Tasks, and how far they are."""

    def __init__(self, tasks: Sequence[Callable[[], object]]) -> None:
        self.left: Iterator[tuple[int, Callable[[], object]]] = iter(enumerate(tasks))
        self.done = [threading.Event() for _ in tasks]
        self.error: BaseException | None = None

    def help(self) -> None:
        """Do what is left; errors are for those who wait."""
        with suppress(BaseException):
            while self.do_one():
                pass

    def do_one(self) -> bool:
        """Do the next task, if there is one left, and tell whether there was."""
        number, task = next(self.left, (-1, None))
        if task is None:
            return False
        try:
            task()
        except BaseException as error:
            self.error = error
            self.left = iter(())
            raise
        finally:
            self.done[number].set()
        return True
