"""Processors and threads."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vanish.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
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
