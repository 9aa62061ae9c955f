"""Who simulates the points of a sweep: this process, processes of this machine, a cluster.

All take shares of points and return futures in the sense of the standard library, so that one
loop serves them. What is to be done with a share goes to each of them once.
"""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING, Generic, Protocol, Self, TypeVar

from vanish.errors import VanishError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Result = TypeVar("Result")


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

    def look(self) -> None:
        """Let futures know of workers that died, where nothing else does."""

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

    def look(self) -> None:
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
        If they cannot be had, see `processes` and `cluster`.
    """
    if scheduler is not None:
        from vanish.sweeps.cluster import Cluster  # noqa: PLC0415 - start-up

        return Cluster(work, scheduler)
    if jobs > 1:
        from vanish.sweeps.processes import Processes  # noqa: PLC0415 - start-up

        return Processes(work, jobs)
    return Here(work)
