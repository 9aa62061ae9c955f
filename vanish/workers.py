"""Who simulates the points of a sweep: this process, processes of this machine, a cluster.

All are executors in the sense of the standard library, so that one loop serves them.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import re
import signal
import socket
import sys
import threading
import time
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, ParamSpec, Protocol, Self, TypeVar

from vanish.errors import InputError, UsageError, VanishError

if TYPE_CHECKING:
    from collections.abc import Callable

Given = ParamSpec("Given")
Result = TypeVar("Result")


class Workers(Protocol):
    """Workers that run functions, some of which may die."""

    @property
    def count(self) -> int:
        """How many tasks they run at a time."""

    @property
    def died(self) -> tuple[type[BaseException], ...]:
        """What the future of a task raises whose worker died."""

    @property
    def deaths(self) -> int:
        """After how many deaths a task is taken for their cause."""

    def submit(
        self, function: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs
    ) -> Future[Result]:
        """Run a function with these arguments as soon as a worker is free."""

    def renew(self) -> None:
        """Replace workers that died."""

    def lost(self) -> VanishError:
        """Return the error for a task that nobody will do any more."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None:
        """Let them go; at once, whatever is under way, if there is an error."""


class Here:
    """Nobody else: a task runs in this process when it is submitted."""

    count = 1
    died: tuple[type[BaseException], ...] = ()
    deaths = 1

    def submit(
        self, function: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs
    ) -> Future[Result]:
        """Run the function now."""
        future: Future[Result] = Future()
        future.set_result(function(*args, **kwargs))
        return future

    def renew(self) -> None:
        """Do nothing: this process lives."""

    def lost(self) -> VanishError:
        """Return an error that cannot be."""
        return VanishError("a task was lost: report it")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Do nothing."""


class Processes:
    """Processes of this machine.

    Parameters
    ----------
    count
        How many.
    """

    died = (BrokenExecutor,)
    deaths = 3

    def __init__(self, count: int) -> None:
        self.count = count
        self._pool = self._start()

    def _start(self) -> ProcessPoolExecutor:
        # A fork starts in milliseconds, and is safe here on Linux: there are no threads yet.
        method = "fork" if sys.platform == "linux" else "spawn"
        context = multiprocessing.get_context(method)
        return ProcessPoolExecutor(self.count, context, initializer=_begin, initargs=(os.getpid(),))

    def submit(
        self, function: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs
    ) -> Future[Result]:
        """Run a function with these arguments as soon as a process is free."""
        try:
            return self._pool.submit(function, *args, **kwargs)
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

    def renew(self) -> None:
        """Start new processes in place of all of them."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._pool = self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Let them go; at once, whatever is under way, if there is an error."""
        if error[0] is not None:
            for process in multiprocessing.active_children():
                process.terminate()
        # Python joins the thread that watches over the processes also if it never started.
        with suppress(RuntimeError):
            self._pool.shutdown(wait=True, cancel_futures=True)


# How long a worker may outlive the process that collects, in seconds.
_WATCH_EVERY = 0.25


def _begin(parent: int) -> None:
    """Prepare a worker process: its life is that of the process that collects."""
    # A terminal sends Ctrl-C to all of them; what it means is for that one to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """End this process when its parent has: nobody would collect what it finds."""
    while os.getppid() == parent:
        time.sleep(_WATCH_EVERY)
    os._exit(1)


class Cluster:
    """The workers of a Dask cluster (the extra ``dask``).

    Parameters
    ----------
    address
        That of its scheduler, such as ``tcp://127.0.0.1:8786``.

    Raises
    ------
    UsageError
        If dask.distributed is not installed, or no scheduler with a worker answers.
    """

    # The scheduler has tried as often as it allows itself.
    deaths = 1

    def __init__(self, address: str) -> None:
        try:
            from distributed import Client, KilledWorker  # noqa: PLC0415 - an extra
        except ImportError:
            raise UsageError(
                "scheduler: dask.distributed is not installed: pip install distributed"
            ) from None
        self.died: tuple[type[BaseException], ...] = (KilledWorker,)
        self._address = address
        # What it has to say about lost connections is said by the errors here.
        for name in ("distributed", "distributed.client"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        _require_listener(address)
        # Made in two steps: one that fails half-way would complain when it is collected.
        self._client = Client.__new__(Client)
        try:
            self._client.__init__(address, timeout=_PATIENCE, set_as_default=False)
        except (OSError, ValueError, TimeoutError):
            self._client.status = "closed"
            raise _no_scheduler(address) from None
        self.count = sum(self._client.nthreads().values())
        if not self.count:
            self._client.close()
            raise UsageError(
                f"scheduler {address}: it has no workers: start some, such as dask worker {address}"
            )
        # The same task submitted twice is to run twice: a point that failed is tried again.
        self._executor: Executor = self._client.get_executor(pure=False)

    def submit(
        self, function: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs
    ) -> Future[Result]:
        """Run a function with these arguments as soon as a worker is free."""
        return self._executor.submit(function, *args, **kwargs)

    def lost(self) -> VanishError:
        """Return the error for a task that the scheduler has forgotten."""
        return InputError(
            f"scheduler {self._address}: it went away: start it again, then go on with --resume"
        )

    def renew(self) -> None:
        """Do nothing: the scheduler gives tasks to the workers that are left."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Take back what is under way, and leave the cluster."""
        self._executor.shutdown(wait=False)
        self._client.close()


# How long to wait for a scheduler to answer, in seconds.
_PATIENCE = 5


def _require_listener(address: str) -> None:
    """Refuse an address at which nobody listens, before Dask tries again and again."""
    found = re.fullmatch(r"(?:(?:tcp|tls)://)?\[?([^\[\]/]+?)\]?:([0-9]{1,5})", address)
    if found is None or int(found[2]) > 65535:
        raise UsageError(f"scheduler {address}: no such address: give one such as tcp://HOST:PORT")
    try:
        socket.create_connection((found[1], int(found[2])), _PATIENCE).close()
    except OSError:
        raise _no_scheduler(address) from None


def _no_scheduler(address: str) -> UsageError:
    return UsageError(
        f"scheduler {address}: no Dask scheduler answers there: start one, such as dask scheduler,"
        " and give the address that it prints"
    )


def choose(jobs: int, scheduler: str | None) -> Workers:
    """Return the workers that a user asks for.

    Parameters
    ----------
    jobs
        How many processes of this machine.
    scheduler
        The address of a Dask scheduler instead.
    """
    if scheduler is not None:
        return Cluster(scheduler)
    return Processes(jobs) if jobs > 1 else Here()
