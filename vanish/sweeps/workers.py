"""Who simulates the points of a sweep: this process, processes of this machine, a cluster.

All take shares of points and return futures in the sense of the standard library, so that one
loop serves them. What is to be done with a share goes to each of them once.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import multiprocessing
import os
import pickle
import re
import socket
import sys
import threading
import time
import warnings
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

from vanish import __version__
from vanish.errors import InputError, UsageError, VanishError
from vanish.system.atomic import reason
from vanish.system.signals import follow, held

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Result = TypeVar("Result")


class UnsendableError(UsageError):
    """Work that cannot be sent to the processes that are to do it.

    Parameters
    ----------
    why
        What is wrong with it.
    dumps
        What turns what can be sent into bytes, to find the part that cannot.
    """

    def __init__(self, why: Exception, dumps: Callable[[object], bytes]) -> None:
        super().__init__(f"other processes cannot be sent what to do: {why}: give jobs=1")
        self.dumps = dumps


class Workers(Protocol[Result]):
    """Workers that do shares of some work, some of whom may die."""

    @property
    def count(self) -> int:
        """How many shares they do at a time."""

    @property
    def died(self) -> tuple[type[BaseException], ...]:
        """What the future of a share raises whose worker died."""

    @property
    def deaths(self) -> int:
        """After how many deaths a share is taken for their cause."""

    def submit(self, share: Sequence[int]) -> Future[Result]:
        """Do a share of the work as soon as a worker is free."""

    def renew(self) -> None:
        """Replace workers that died."""

    def lost(self) -> VanishError:
        """Return the error for a share that nobody will do any more."""

    def explained(self, error: Exception) -> Exception:
        """Return the error for what a worker raised that no share does by itself."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None:
        """Let them go; at once, whatever is under way, if there is an error."""


class Here(Generic[Result]):
    """Nobody else: a share is done in this process when it is submitted.

    Parameters
    ----------
    work
        What to do with a share.
    """

    count = 1
    died: tuple[type[BaseException], ...] = ()
    deaths = 1

    def __init__(self, work: Callable[[Sequence[int]], Result]) -> None:
        self._work = work

    def submit(self, share: Sequence[int]) -> Future[Result]:
        """Do a share now."""
        future: Future[Result] = Future()
        future.set_result(self._work(share))
        return future

    def renew(self) -> None:
        """Do nothing: this process lives."""

    def lost(self) -> VanishError:
        """Return an error that cannot be."""
        return VanishError("a task was lost: report it")

    def explained(self, error: Exception) -> Exception:
        """Return the error itself: it is a fault of ours."""
        return error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Do nothing."""


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
        self._work = work if self._method == "fork" else _packed(work, pickle.dumps)
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
        """Do a share as soon as a process is free."""
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


def _packed(work: Callable[[Sequence[int]], Result], dumps: Callable[[object], bytes]) -> bytes:
    """Return work as bytes, for a process that does not share this one's memory."""
    try:
        return dumps(work)
    except Exception as error:  # noqa: BLE001 - whatever an object has to say against it
        raise UnsendableError(error, dumps) from None


@functools.lru_cache(maxsize=4)
def _unpacked(work: bytes) -> Callable[[Sequence[int]], Any]:
    """Return the work that bytes stand for.

    Raises
    ------
    InputError
        If this process lacks something that it needs.
    """
    try:
        found: Callable[[Sequence[int]], Any] = pickle.loads(work)  # noqa: S301 - of the same user
    except Exception as error:
        raise InputError(
            f"a worker lacks what the sweep needs: {error}: let it import the same modules"
        ) from error
    return found


# Of a worker process: what it does with a share, as bytes where it is no fork.
_given: list[Callable[[Sequence[int]], Any] | bytes] = []

# How long a worker may outlive the process that collects, in seconds.
_WATCH_EVERY = 0.25


def _begin(parent: int, work: Callable[[Sequence[int]], Any] | bytes) -> None:
    """Prepare a worker process: its life is that of the process that collects."""
    # A terminal sends Ctrl-C to all of them; what it means is for that one to say.
    follow()
    _given[:] = [work]
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """End this process when its parent has: nobody would collect what it finds."""
    while os.getppid() == parent:
        time.sleep(_WATCH_EVERY)
    os._exit(1)


def _fetch() -> None:
    """Have the work at hand."""
    work = _given[0]
    if isinstance(work, bytes):
        _given[0] = _unpacked(work)


def _do(share: Sequence[int]) -> Any:
    """Do a share in a worker process."""
    _fetch()
    work = _given[0]
    assert not isinstance(work, bytes)
    return work(share)


class Cluster(Generic[Result]):
    """The workers of a Dask cluster (the extra ``dask``).

    Parameters
    ----------
    work
        What to do with a share.
    address
        That of its scheduler, such as ``tcp://127.0.0.1:8786``. It must be one to trust: Dask
        unpickles what it sends.

    Raises
    ------
    UnsendableError
        If the work cannot be sent.
    UsageError
        If dask.distributed is not installed, no scheduler with a worker answers, or a worker
        has no vanish, or another version of it or of numpy.
    """

    # The scheduler has tried as often as it allows itself.
    deaths = 1

    def __init__(self, work: Callable[[Sequence[int]], Result], address: str) -> None:
        try:
            import cloudpickle  # noqa: PLC0415 - an extra
            from distributed import Client, KilledWorker  # noqa: PLC0415 - an extra
        except ImportError:
            raise UsageError(
                "scheduler: dask.distributed is not installed: pip install distributed"
            ) from None
        self.died: tuple[type[BaseException], ...] = (KilledWorker,)
        self._address = address
        # What it has to say about lost connections is said by the errors here.
        for name in ("distributed", "distributed.client", "tornado.application", "asyncio"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        packed = _packed(work, cloudpickle.dumps)
        _require_scheduler(address)
        # What it has to say about versions and about the size of the work, too.
        with warnings.catch_warnings(action="ignore"):
            # Made in two steps: one that fails half-way would complain when it is collected.
            self._client = Client.__new__(Client)
            try:
                self._client.__init__(address, timeout=_PATIENCE, set_as_default=False)
            except BaseException as error:
                self._client.status = "closed"
                if isinstance(error, OSError | ValueError):
                    raise _no_scheduler(address) from None
                raise
            try:
                self._require_workers()
                self.count = sum(self._client.nthreads().values())
                # It is held by a worker that gives it to the others, and sent again if lost.
                self._packed = self._client.submit(bytes, packed, pure=False)
            except BaseException:
                self._client.close()
                raise
        # The same task submitted twice is to run twice: a point that failed is tried again.
        self._executor: Executor = self._client.get_executor(pure=False)

    def _require_workers(self) -> None:
        """Refuse workers whose results would not be those of this process."""
        if not self._client.nthreads():
            raise UsageError(
                f"scheduler {self._address}: it has no workers: start some, such as dask worker"
                f" {self._address}"
            )
        answers: Mapping[str, object] = {}
        # One that is too busy to answer is asked again when it takes a share.
        with suppress(TimeoutError):
            answers = self._client.sync(
                lambda: self._client.run(eval, _VERSIONS, on_error="return"),
                callback_timeout=_PATIENCE / 2,
            )
        for worker, answer in answers.items():
            if isinstance(answer, dict):
                wrong = _difference(answer)
            elif isinstance(answer, ImportError):
                wrong = _missing(answer)
            else:
                continue
            if wrong:
                raise UsageError(f"scheduler {self._address}: worker {worker} {wrong}")

    def submit(self, share: Sequence[int]) -> Future[Result]:
        """Do a share as soon as a worker is free."""
        given = {"versions": _versions(), "packed": self._packed, "share": list(share)}
        return self._executor.submit(eval, _ATTEND, given)

    def lost(self) -> VanishError:
        """Return the error for a share that the scheduler has forgotten."""
        return InputError(
            f"scheduler {self._address}: it went away: start it again, then go on with --resume"
        )

    def explained(self, error: Exception) -> Exception:
        """Return the error for what Dask, or a worker unlike this process, has raised."""
        if isinstance(error, VanishError):
            return InputError(f"scheduler {self._address}: {error}")
        if isinstance(error, ImportError):
            return InputError(f"scheduler {self._address}: a worker {_missing(error)}")
        return InputError(
            f"scheduler {self._address}: a worker failed ({type(error).__name__}: {error}): see its"
            " log, then go on with --resume"
        )

    def renew(self) -> None:
        """Do nothing: the scheduler gives tasks to the workers that are left."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Take back what is under way, and leave the cluster."""
        self._executor.shutdown(wait=False)
        self._client.close()


# What a worker is asked is text: neither it nor the scheduler need know this vanish for it.
_VERSIONS = "{name: __import__(name).__version__ for name in ('vanish', 'numpy')}"
_ATTEND = (
    "__import__('vanish.sweeps.workers', fromlist=['attend'])"
    ".attend(versions, packed, tuple(share))"
)


def _versions() -> dict[str, str]:
    """Return the versions of what results depend on, as `_VERSIONS` does elsewhere."""
    import numpy as np  # noqa: PLC0415 - start-up

    return {"vanish": __version__, "numpy": np.__version__}


def _difference(theirs: Mapping[str, str]) -> str:
    """Return in which version a worker differs from this process, as part of a sentence."""
    for name, version in _versions().items():
        if theirs.get(name) != version:
            return f"has {name} {theirs.get(name)}, and {version} is here: install the same there"
    return ""


def _missing(error: ImportError) -> str:
    return f"cannot import vanish ({error}): install vanish-grad {__version__} there"


def attend(versions: Mapping[str, str], packed: bytes, share: Sequence[int]) -> Any:
    """Do a share of another machine's work: what a worker of a cluster does.

    Parameters
    ----------
    versions
        What the other machine has, as `_versions`.
    packed
        Its work.
    share
        What to do of it.

    Raises
    ------
    VanishError
        If this machine has other versions, or lacks what the work needs.
    """
    wrong = [
        f"{name} {here} and not {versions.get(name)}"
        for name, here in _versions().items()
        if here != versions.get(name)
    ]
    if wrong:
        raise UsageError(f"a worker has {wrong[0]}: install the same there")
    return _unpacked(packed)(share)


# How long to wait for a scheduler to answer, in seconds.
_PATIENCE = 6.0


def _require_scheduler(address: str) -> None:
    """Refuse an address at which no scheduler answers, before Dask tries again and again."""
    found = re.fullmatch(r"(?:(?:tcp|tls)://)?\[?([^\[\]/]+?)\]?:([0-9]{1,5})", address)
    if found is None or int(found[2]) > 65535:
        raise UsageError(f"scheduler {address}: no such address: give one such as tcp://HOST:PORT")
    until = time.monotonic() + _PATIENCE
    try:
        socket.create_connection((found[1], int(found[2])), _PATIENCE).close()
    except OSError:
        raise _no_scheduler(address) from None
    kind = _kind(address, until - time.monotonic())
    if kind != "Scheduler":
        raise _no_scheduler(address, f"a Dask {kind.lower()}" if kind else "")


def _kind(address: str, seconds: float) -> str:
    """Return what a server says that it is, such as ``"Scheduler"``; nothing if it does not."""
    from distributed.core import rpc  # noqa: PLC0415 - an extra

    async def ask() -> str:
        async with rpc(address, timeout=seconds) as server:
            return str((await server.identity())["type"])

    found = [""]

    def run() -> None:
        # Whatever another program's bytes make of Dask: a MemoryError, for one.
        with suppress(Exception):
            found[0] = asyncio.run(asyncio.wait_for(ask(), seconds))

    # A thread of its own: the caller's may have a loop, as in a notebook.
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds + 1.0)
    return found[0]


def _no_scheduler(address: str, instead: str = "") -> UsageError:
    answers = (
        f"{instead} answers there, and no scheduler"
        if instead
        else "no Dask scheduler answers there"
    )
    return UsageError(
        f"scheduler {address}: {answers}: start one, such as dask scheduler, and give the address"
        " that it prints"
    )


def choose(
    work: Callable[[Sequence[int]], Result], jobs: int, scheduler: str | None
) -> Workers[Result]:
    """Return the workers that a user asks for.

    Parameters
    ----------
    work
        What they do with a share.
    jobs
        How many processes of this machine.
    scheduler
        The address of a Dask scheduler instead.

    Raises
    ------
    VanishError
        If they cannot be had, see `Processes` and `Cluster`.
    """
    if scheduler is not None:
        return Cluster(work, scheduler)
    return Processes(work, jobs) if jobs > 1 else Here(work)
