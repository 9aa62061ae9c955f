"""A progress bar on stderr, for whoever waits at a terminal for more than a second."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vanish.cli.streams import is_terminal, say
from vanish.system.signals import last_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.progress import Progress

    from vanish.simulation.trials import Watch
    from vanish.sweeps.grid import Grid
    from vanish.sweeps.run import Outcome

# Takes a bar away at once: the cursor is shown, its line is empty.
_AWAY = "\x1b[?25h\r\x1b[2K"

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
            self._shown = _bar(self._label)
            self._shown.start()
        share = (self._part + done / steps) / self._parts
        self._shown.update(self._shown.task_ids[0], completed=min(share, 1.0))
        self._shown.refresh()

    def close(self) -> None:
        """Take the bar away."""
        if self._shown is not None:
            self._shown.stop()

    def away(self) -> str:
        """Return what takes the bar away where a signal ends the program."""
        return "" if self._shown is None else _AWAY


def _bar(label: str) -> Progress:
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
    return shown


# How often a log is told, in seconds.
_LOG_EVERY = 60.0


class Points:
    """Tells how far a sweep has got: a bar at a terminal, a line a minute elsewhere.

    Parameters
    ----------
    grid
        The grid.
    done
        How many of its points were done before.
    """

    def __init__(self, grid: Grid, done: int) -> None:
        self._grid, self._done, self._before = grid, done, done
        self._begun = time.monotonic()
        self._at_terminal = is_terminal(sys.stderr)
        self._next = self._begun + (_PATIENCE if self._at_terminal else _LOG_EVERY)
        self._shown: Progress | None = None

    def note(self, outcomes: Sequence[Outcome]) -> None:
        """Note that these points are done."""
        self._done += len(outcomes)
        now = time.monotonic()
        if now < self._next:
            return
        points = len(self._grid)
        rate = (self._done - self._before) / (now - self._begun)
        left = _clock((points - self._done) / rate)
        place = self._grid.label(outcomes[-1].point)
        text = f"{self._done:,} of {points:,} points, {rate:.3g} a second, {left} to go: {place}"
        if not self._at_terminal:
            self._next = now + _LOG_EVERY
            say(f"vanish sweep: {text}")
            return
        self._next = now + _BETWEEN
        if self._shown is None:
            self._shown = _bar("")
            self._shown.start()
        self._shown.update(self._shown.task_ids[0], completed=self._done / points, description=text)
        self._shown.refresh()

    def close(self) -> None:
        """Take the bar away."""
        if self._shown is not None:
            self._shown.stop()

    def away(self) -> str:
        """Return what takes the bar away where a signal ends the program."""
        return "" if self._shown is None else _AWAY


def _clock(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


@contextmanager
def points(grid: Grid, done: int, *, quiet: bool) -> Iterator[Callable[[Sequence[Outcome]], None]]:
    """Give a function to call with each lot of outcomes of a sweep."""
    if quiet:
        yield lambda _: None
        return
    told = Points(grid, done)
    try:
        with last_words(told.away):
            yield told.note
    finally:
        told.close()


@contextmanager
def progress(label: str, parts: int, *, quiet: bool) -> Iterator[Watch | None]:
    """Give a function to call with steps done and steps in all; None where nobody watches."""
    if quiet or not is_terminal(sys.stderr):
        yield None
        return
    bar = Bar(label, parts)
    try:
        with last_words(bar.away):
            yield bar.watch
    finally:
        bar.close()
