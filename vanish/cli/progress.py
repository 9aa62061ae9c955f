"""A progress bar on stderr, for whoever waits at a terminal for more than a second."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vanish.cli.streams import as_written, erases, say
from vanish.system.signals import last_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.console import Console
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


# Of a bar, in columns: a shorter one shows nothing, a longer one no more.
_SHORTEST, _LONGEST = 10, 40

# What follows it, with the gaps before both.
_PERCENTAGE = len("  100 %")


def fitted(width: int, texts: Sequence[str]) -> tuple[str, int]:
    """Return what stands before a bar, and how long the bar is.

    Parameters
    ----------
    width
        The columns of the window.
    texts
        What there is to say, in ever fewer words: the first is taken that leaves room for
        the bar and its percentage.
    """
    from rich.cells import cell_len

    # The last column stays free: some terminals begin a new line behind it.
    rest = width - 1 - _PERCENTAGE
    text = next((each for each in texts if rest - cell_len(each) >= _SHORTEST), "")
    return text, max(1, min(rest - cell_len(text), _LONGEST))


class Line:
    """A line with a bar, from the first time that it is shown until it is closed.

    Parameters
    ----------
    console
        Where it is drawn; None for stderr.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console
        self._shown: Progress | None = None

    def show(self, share: float, *texts: str) -> None:
        """Show a share of the work, behind the longest of some texts that fits."""
        from rich.progress import BarColumn

        found = self._shown or _progress(self._console)
        text, length = fitted(found.console.width, [as_written(each, sys.stderr) for each in texts])
        for column in found.columns:
            if isinstance(column, BarColumn):
                column.bar_width = length
        done = round(min(share, 1.0) * length)
        signs = f"[bar.complete]{'#' * done}[/][bar.back]{'-' * (length - done)}[/]"
        found.update(found.task_ids[0], completed=min(share, 1.0), description=text, signs=signs)
        if self._shown is None:
            # Only now, for it draws what there is.
            self._shown = found
            found.start()
        found.refresh()

    def close(self) -> None:
        """Take the line away."""
        if self._shown is not None:
            self._shown.stop()

    def away(self) -> str:
        """Return what takes the line away where a signal ends the program."""
        return "" if self._shown is None else _AWAY


def _progress(console: Console | None) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    console = console or Console(stderr=True)
    # Of ASCII, a bar of rich's has one sign for what is done and for what is not.
    plain = console.options.ascii_only
    shown = Progress(
        TextColumn("{task.description}", markup=False),
        TextColumn("{task.fields[signs]}") if plain else BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        console=console,
        transient=True,
        auto_refresh=False,
    )
    shown.add_task("", total=1.0, signs="")
    return shown


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
        self._begun = time.monotonic()
        self._next = self._begun + _PATIENCE
        self.line = Line()

    def watch(self, done: int, steps: int) -> None:
        """Note that so many steps of the current part are done; a smaller number: the next."""
        if done <= self._last:
            self._part += 1
        self._last = done
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _BETWEEN
        share = (self._part + done / steps) / self._parts
        texts = [self._label]
        if share > 0.0:
            left = _clock((now - self._begun) * max(1.0 / share - 1.0, 0.0))
            texts.insert(0, f"{self._label}, {left} to go")
        self.line.show(share, *texts)


# How often a log is told, in seconds.
_LOG_EVERY = 60.0


class Points:
    """Tells how far a sweep has got: a bar where it can be taken away, else a line a minute.

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
        self._has_bar = erases(sys.stderr)
        self._next = self._begun + (_PATIENCE if self._has_bar else _LOG_EVERY)
        self.line = Line()

    def note(self, outcomes: Sequence[Outcome]) -> None:
        """Note that these points are done."""
        self._done += len(outcomes)
        now = time.monotonic()
        if now < self._next:
            return
        points = len(self._grid)
        rate = (self._done - self._before) / (now - self._begun)
        left = f"{_clock((points - self._done) / rate)} to go"
        count = f"{self._done:,} of {points:,}"
        place = self._grid.label(outcomes[-1].point)
        speed = f"{count} points, {rate:.3g} a second, {left}"
        if not self._has_bar:
            self._next = now + _LOG_EVERY
            say(f"vanish sweep: {speed}: {place}")
            return
        self._next = now + _BETWEEN
        shorter = f"{count} points, {left}"
        texts = (f"{speed}: {place}", f"{shorter}: {place}", speed, shorter, count)
        self.line.show(self._done / points, *texts)


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
        with last_words(told.line.away):
            yield told.note
    finally:
        told.line.close()


@contextmanager
def progress(label: str, parts: int, *, quiet: bool) -> Iterator[Watch | None]:
    """Give a function to call with steps done and steps in all; None where nobody watches."""
    if quiet or not erases(sys.stderr):
        yield None
        return
    bar = Bar(label, parts)
    try:
        with last_words(bar.line.away):
            yield bar.watch
    finally:
        bar.line.close()
