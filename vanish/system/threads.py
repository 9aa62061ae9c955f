"""Processors and threads."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from vanish.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import ThreadPoolExecutor
    from typing import ParamSpec, Self

    P = ParamSpec("P")

# What the libraries of linear algebra that numpy may be built with are told by.
_LINEAR_ALGEBRA = (
    "OPENBLAS_NUM_THREADS",
    "GOTO_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)

# So many calls wait at most for the thread that makes them.
_WAITING = 4


def one_for_linear_algebra() -> None:
    """Let linear algebra have one thread, whatever the user's environment says.

    Before numpy is imported. A matrix times a vector waits for memory and not for cores, the last
    digit must depend neither on how many cores there are nor on how many somebody else's programs
    may use, and what is worth several threads has its own: drawing the layers, and what is noted
    of a batch.
    """
    for name in _LINEAR_ALGEBRA:
        os.environ[name] = "1"


def linear_algebra_has_one() -> bool:
    """Tell whether linear algebra leaves the other processors to whoever wants them."""
    return all(os.environ.get(name) == "1" for name in _LINEAR_ALGEBRA)


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


class Behind:
    """Calls that a thread makes in their order, behind whoever goes on.

    As a context: at its end all are made, and what one of them raised is raised there. They are
    made at once where no processor is free for it: there is one, or linear algebra has several
    threads, which wait by keeping theirs busy.

    Parameters
    ----------
    worth
        Whether a thread is worth it: to hand a call over costs some ten microseconds.
    """

    def __init__(self, *, worth: bool) -> None:
        self._worth = worth and linear_algebra_has_one() and processors() > 1
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        if self._worth:
            from queue import Queue  # noqa: PLC0415 - start-up

            # What waits holds memory.
            self._calls: Queue[Callable[[], object] | None] = Queue(_WAITING)
            thread = threading.Thread(target=self._work, daemon=True)
            with suppress(RuntimeError):  # the system starts no more
                thread.start()
                self._thread = thread
        return self

    def making(self, function: Callable[P, object]) -> Callable[P, object]:
        """Return what lets a function be called behind."""
        if self._thread is None:
            return function

        def later(*args: P.args, **named: P.kwargs) -> None:
            self._calls.put(partial(function, *args, **named))

        return later

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            if self._error is None:
                try:
                    call()
                except BaseException as error:  # noqa: BLE001 - for who waits
                    self._error = error

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        if self._thread is None:
            return
        if self._error is None:  # of what was given up nothing more is done
            self._error = error
        self._calls.put(None)
        self._thread.join()
        if error is None and self._error is not None:
            raise self._error


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
