"""Processes of this machine that do shares of a sweep, and what each of them does."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import sys
import threading
import time
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from vanish.errors import InputError, UsageError, VanishError
from vanish.sweeps.sending import packed, unpacked
from vanish.system.atomic import reason
from vanish.system.signals import follow, held

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Result = TypeVar("Result")


class Processes(Generic[Result]):
    """Processes of this machine.

    Parameters
    ----------
    work
        What to do with a share.
    count
        How many.

    Raises
    ------
    UnsendableError
        If new processes cannot be told the work.
    VanishError
        If no process can be started.
    """

    died = (BrokenExecutor,)
    deaths = 3

    def __init__(self, work: Callable[[Sequence[int]], Result], count: int) -> None:
        self.count = count
        self._method = _start_method()
        # A fork has what this process has; any other process begins with nothing.
        self._work = work if self._method == "fork" else packed(work, pickle.dumps)
        ready = self._start()
        try:
            # Whatever keeps all of them from working is told before any work is done.
            ready.result()
        except BrokenExecutor:
            raise InputError(
                f"{count} processes end before they begin: give fewer --jobs; in a script, call"
                " vanish below if __name__ == '__main__'"
            ) from None
        except BaseException:
            self._end()
            raise

    def _start(self) -> Future[None]:
        """Start the processes, and have one of them fetch the work."""
        self._pool = ProcessPoolExecutor(
            self.count,
            multiprocessing.get_context(self._method),
            initializer=_begin,
            initargs=(os.getpid(), self._work),
        )
        if self._method == "spawn":
            # It would let the signals through that are held back below.
            from multiprocessing import resource_tracker  # noqa: PLC0415 - start-up

            resource_tracker.ensure_running()
        # Forks start now, and have no file that is opened from here on.
        try:
            with held():  # a process may be forked
                return self._pool.submit(_fetch)
        except (OSError, RuntimeError) as error:
            self._end()
            why = reason(error) if isinstance(error, OSError) else str(error)
            raise InputError(
                f"{self.count} processes cannot be started: {why}: give fewer --jobs"
            ) from None

    def submit(self, share: Sequence[int]) -> Future[Result]:
        """Do a share as soon as a process is free.

        Raises
        ------
        UsageError
            If the system starts no process.
        """
        try:
            with held():  # a process may be forked
                return self._pool.submit(_do, share)
        except BrokenExecutor as error:
            future: Future[Result] = Future()
            future.set_exception(error)
            return future
        except (OSError, RuntimeError) as error:
            # RuntimeError: a thread that watches over the processes; an OSError: one of them.
            if isinstance(error, RuntimeError) and "start new thread" not in str(error):
                raise
            raise UsageError(
                "no process can be started, the limits of this system forbid it: give fewer"
                " --jobs, or allow more (ulimit -u, ulimit -v)"
            ) from None

    def lost(self) -> VanishError:
        """Return an error that cannot be: a process that died breaks its pool."""
        return VanishError("a task was lost: report it")

    def explained(self, error: Exception) -> Exception:
        """Return the error itself: it is a fault of ours."""
        return error

    def renew(self) -> None:
        """Start new processes in place of all of them."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._start()

    def look(self) -> None:
        """End all processes if one has ended: the pool waits for the rest of what that one sent.

        It notices a death by itself, but for one in the midst of a result, of which others hold
        the pipe open.
        """
        pool = self._pool
        processes = list((pool._processes or {}).values())  # noqa: SLF001 - as in `_end`
        if all(process.is_alive() for process in processes):
            return
        self._end()
        # This process holds it open, too.
        writer = getattr(pool._result_queue, "_writer", None)  # noqa: SLF001 - no public way closes its end
        if writer is not None and not writer.closed:
            writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Let them go; at once, whatever is under way, if there is an error."""
        if error[0] is not None:
            self._end()
        # Python joins the thread that watches over the processes also if it never started,
        # and closes pipes that may have gone with the processes.
        with suppress(RuntimeError, OSError):
            self._pool.shutdown(wait=True, cancel_futures=True)

    def _end(self) -> None:
        """End all processes, whatever is under way."""
        processes = self._pool._processes or {}  # noqa: SLF001 - terminate_workers() is of 3.14
        for process in list(processes.values()):
            process.terminate()


def _start_method() -> str:
    """Return how a process starts: as the user chose, where that is fork or spawn."""
    chosen = multiprocessing.get_start_method(allow_none=True)
    if chosen in ("fork", "spawn"):
        return chosen
    # A fork starts in milliseconds, and is safe here on Linux: there are no threads yet.
    return "fork" if sys.platform == "linux" else "spawn"


# Of a worker process: what it does with a share, as bytes where it is no fork.
_given: list[Callable[[Sequence[int]], Any] | bytes] = []

# How long a worker may outlive the process that collects, in seconds.
_WATCH_EVERY = 0.25


def _begin(parent: int, work: Callable[[Sequence[int]], Any] | bytes) -> None:
    """Prepare a worker process: its life is that of the process that collects."""
    # A terminal sends Ctrl-C to all of them; what it means is for that one to say.
    follow()
    _given[:] = [work]
    try:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    except RuntimeError:  # the system starts no more, which the parent says
        os._exit(1)


def _end_with(parent: int) -> None:
    """End this process when its parent has: nobody would collect what it finds."""
    while os.getppid() == parent:
        time.sleep(_WATCH_EVERY)
    os._exit(1)


def _fetch() -> None:
    """Have the work at hand."""
    work = _given[0]
    if isinstance(work, bytes):
        _given[0] = unpacked(work)


def _do(share: Sequence[int]) -> Any:
    """Do a share in a worker process."""
    _fetch()
    work = _given[0]
    assert not isinstance(work, bytes)
    return work(share)
