"""The workers of a Dask cluster that do shares of a sweep, and what each of them does."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import threading
import time
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from vanish import __version__
from vanish.errors import InputError, UsageError, VanishError
from vanish.sweeps import sending

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Executor, Future

Result = TypeVar("Result")


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
        sent = sending.packed(work, cloudpickle.dumps)
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
                self._packed = self._client.submit(bytes, sent, pure=False)
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

    def look(self) -> None:
        """Do nothing: the scheduler tells of workers that died."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Take back what is under way, and leave the cluster."""
        self._executor.shutdown(wait=False)
        self._client.close()


# What a worker is asked is text: neither it nor the scheduler need know this vanish for it.
_VERSIONS = "{name: __import__(name).__version__ for name in ('vanish', 'numpy')}"
_ATTEND = (
    "__import__('vanish.sweeps.cluster', fromlist=['attend'])"
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
    return sending.unpacked(packed)(share)


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
