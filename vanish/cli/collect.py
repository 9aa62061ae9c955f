"""Collecting the outcomes of a sweep: in order for a pipe, by a journal for a file."""

from __future__ import annotations

from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

from vanish.cli import output as out
from vanish.cli import streams
from vanish.cli.finished import points_of, silent, tells_its_grid
from vanish.cli.formats import DELIMITERS
from vanish.cli.progress import points
from vanish.errors import OutputError, VanishError
from vanish.system.signals import held, last_words

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
    from typing import BinaryIO

    from vanish.sweeps.run import Outcome, Rows, Task
    from vanish.sweeps.workers import Workers


class Seen:
    """What has come by: the failures, the verdicts, and the rows if they are wanted."""

    def __init__(self, names: Sequence[str], *, keep: bool) -> None:
        self.rows: list[dict[str, Any]] = []
        self.verdicts: set[str] = set()
        self.failed = 0
        self.first_error = ""
        self._names, self.keep = names, keep

    def note(self, result: tuple[bool, Rows]) -> list[dict[str, Any]]:
        """Return a point's rows by column, having counted them."""
        failed, cells = result
        rows = [dict(zip(self._names, row, strict=True)) for row in cells]
        self.take(rows, failed=failed)
        return rows

    def take(self, rows: list[dict[str, Any]], *, failed: bool) -> None:
        """Count a point's rows, and keep them if they are wanted."""
        if failed:
            self.first_error = self.first_error or rows[0]["error"]
            self.failed += 1
        self.verdicts |= {row["verdict"] for row in rows if row.get("verdict")}
        if self.keep:
            self.rows += rows


def to_stream(
    task: Task,
    crew: Callable[[], Workers[list[Outcome]]],
    destination: out.Destination,
    seen: Seen,
    figure: out.Writers,
) -> None:
    """Run all points, and write them in the grid's order as soon as that allows.

    A figure of them is written when all are there: rows that a pipe has taken stay.
    """
    from vanish.sweeps.run import in_order, run

    grid = task.grid

    def lots() -> Generator[list[dict[str, Any]]]:
        with crew() as workers, points(grid, 0, quiet=destination.quiet) as note:
            came = run(task, range(len(grid)), workers, len(grid))
            for outcomes in in_order(_noted(came, note)):
                yield [row for each in outcomes for row in seen.note((each.failed, each.rows))]
                if destination.output is None:
                    streams.pass_on()

    # A reader that goes away ends the workers here, and not when Python cleans up.
    with closing(lots()) as found:
        if not destination.is_for_people:
            destination.stream(destination.parts(found, grid.as_dict()))
            out.write_together(figure)
            return
        for _ in found:
            pass
    destination.write(_drawn(task, destination, seen), beside=figure)


def _noted(
    lots: Iterable[list[Outcome]], note: Callable[[list[Outcome]], None]
) -> Iterator[list[Outcome]]:
    """Yield outcomes, telling of each lot as it comes."""
    for outcomes in lots:
        note(outcomes)
        yield outcomes


def _drawn(task: Task, destination: out.Destination, seen: Seen) -> str:
    """Return the rows that were kept as people read them."""
    from vanish.render import sweep

    if destination.chosen:
        alone = sweep.title_alone(task.grid)
        return destination.draw_fitting(
            lambda rows: destination.narrowed(alone, seen.rows, rows, sweep.ALL_ROWS)
        )
    # What is drawn of a map has no place in Markdown.
    of = sweep.points if destination.format == "markdown" else sweep.view
    return destination.draw_fitting(lambda rows: of(task.grid, seen.rows, rows))


def part_of(path: str) -> str:
    """Return the name of the journal of a sweep whose results are for this file."""
    return f"{path}.part"


def to_file(
    task: Task,
    crew: Callable[[], Workers[list[Outcome]]],
    destination: out.Destination,
    seen: Seen,
    figure: out.Writers,
    *,
    resume: bool,
    force: bool,
) -> None:
    """Run all points that a journal does not hold yet, then write the files from it.

    A file of the same grid is written anew, with the same results; one that holds anything
    else only by force.
    """
    from pathlib import Path

    from vanish.sweeps.journal import Journal
    from vanish.sweeps.run import run
    from vanish.sweeps.shares import heaviest_first

    path = destination.output
    assert path is not None
    part = part_of(path)
    if resume and not Path(part).exists() and Path(path).exists():
        try:
            found = [*points_of(task, destination)]
        except VanishError:
            if not force:
                raise
        else:
            for rows in found:
                seen.take(rows, failed=rows[0]["error"] is not None)
            out.write_together(figure)
            if not destination.quiet:
                streams.say(f"{path} is complete: nothing is left to do")
            return
    if not force:
        _keep_other_results(task, destination)

    def write_rows(stream: BinaryIO) -> None:
        found = _lots(map(seen.note, journal.results()))
        if destination.is_for_people:
            for _ in found:
                pass
            parts: Iterable[str] = [_drawn(task, destination, seen)]
        else:
            parts = destination.parts(found, task.grid.as_dict())
        stream.writelines(part.encode(errors="replace") for part in parts)

    def stopped() -> str:
        return (
            f"stopped: {journal.done:,} of {len(task.grid):,} points are in {part}: give --resume"
            f"{' --force' if force else ''} to go on"
        )

    with crew() as workers, Journal(part, task.header, len(task.grid), resume=resume) as journal:
        if not force:
            # Another sweep may have had the journal, and have ended and written the file.
            try:
                _keep_other_results(task, destination)
            except OutputError:
                if not journal.done:
                    journal.remove()
                raise
        if journal.damaged and not destination.quiet:
            lines = "line is" if journal.damaged == 1 else "lines are"
            streams.say(
                f"{part}: {journal.damaged:,} damaged {lines} left out: other points are kept"
            )
        left, order = len(task.grid) - journal.done, journal.missing()
        if workers.count > 1:
            order = heaviest_first(task.grid, order)
        try:
            with (
                last_words(lambda: "" if destination.quiet else f"{stopped()}\n"),
                points(task.grid, journal.done, quiet=destination.quiet) as note,
            ):
                for outcomes in run(task, order, workers, left):
                    with held():
                        journal.append((each.point, (each.failed, each.rows)) for each in outcomes)
                    note(outcomes)
        except KeyboardInterrupt:
            if not destination.quiet:
                streams.say(stopped())
            raise
        try:
            out.write_together({path: write_rows, **figure})
        except OutputError as error:
            raise OutputError(
                f"{error.on_command_line}; all results are safe in {part}: make room, then give"
                f" --resume to write {path}"
            ) from None
        journal.remove()
    if seen.keep and streams.window() is not None and not destination.quiet:
        shown = destination._replace(format="table", output=None)
        shown.write(_drawn(task, shown, seen))


# At least so many rows are made text at a time: of single points that takes as long again.
_LOT = 500


def _lots(of_points: Iterable[list[dict[str, Any]]]) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows of some points together."""
    rows: list[dict[str, Any]] = []
    for each in of_points:
        rows += each
        if len(rows) >= _LOT:
            yield rows
            rows = []
    if rows:
        yield rows


def _keep_other_results(task: Task, destination: out.Destination) -> None:
    """Refuse to write over a file that holds anything but the results of this grid.

    Raises
    ------
    OutputError
        If that is what is there.
    """
    from pathlib import Path

    path = destination.output
    assert path is not None
    if not Path(path).exists() or not Path(path).stat().st_size:
        return
    if not tells_its_grid(destination):
        raise silent(destination)
    # The same results in another form are no loss.
    for name in dict.fromkeys((destination.format, *DELIMITERS, "jsonl", "json")):
        for header in (destination.header, not destination.header):
            with suppress(VanishError):
                for _ in points_of(task, destination._replace(format=name, header=header)):
                    pass
                return
    raise OutputError(
        f"{path}: it holds something else than the results of this grid: give another name, or"
        " --force to write over it"
    )
