"""A progress bar on stderr, for whoever waits at a terminal for more than a second."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vanish.cli.output import is_terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress

    from vanish.ensemble import Watch

# Nobody needs a bar for less, in seconds.
_PATIENCE = 1.0

# A person sees no more, in seconds between two pictures.
_BETWEEN = 0.1


class Bar:
    """Shows how far several parts of about the same size have got, one after another.

    Parameters
    ----------
    label
        What is being done.
    parts
        How many parts there are.
    """

    def __init__(self, label: str, parts: int) -> None:
        self._label, self._parts = label, parts
        self._part, self._last = 0, 0
        self._shown: Progress | None = None
        self._next = time.monotonic() + _PATIENCE

    def watch(self, done: int, steps: int) -> None:
        """Note that so many steps of the current part are done; a smaller number: the next."""
        if done <= self._last:
            self._part += 1
        self._last = done
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _BETWEEN
        if self._shown is None:
            self._shown = _start(self._label)
        share = (self._part + done / steps) / self._parts
        self._shown.update(self._shown.task_ids[0], completed=min(share, 1.0))
        self._shown.refresh()

    def close(self) -> None:
        """Take the bar away."""
        if self._shown is not None:
            self._shown.stop()


def _start(label: str) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    shown = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        auto_refresh=False,
    )
    shown.add_task(label, total=1.0)
    shown.start()
    return shown


@contextmanager
def progress(label: str, parts: int, *, quiet: bool) -> Iterator[Watch | None]:
    """Give a function to call with steps done and steps in all; None where nobody watches."""
    if quiet or not is_terminal(sys.stderr):
        yield None
        return
    bar = Bar(label, parts)
    try:
        yield bar.watch
    finally:
        bar.close()
