"""Where results go: the terminal, the pipe, files beside it, whole or not at all."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vanish.cli.formats import (
    DELIMITERS,
    FEWEST_ROWS,
    FOR_PEOPLE,
    TABLES,
    Formats,
    check_beside,
    choose_format,
)
from vanish.cli.streams import (
    ReaderGoneError,
    in_colour,
    require_stdout,
    say,
    window,
    write_stdout,
)
from vanish.errors import UsageError
from vanish.system.atomic import STANDARD_STREAM, Files, check_outputs, is_stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import BinaryIO

    from matplotlib.figure import Figure

    from vanish.columns import Cell
    from vanish.render.view import View

    # What writes a file, by the file's name.
    Writers = Mapping[str, Callable[[BinaryIO], object]]


class Destination(NamedTuple):
    """Where a command's result goes, and in what form.

    Attributes
    ----------
    format
        The format's name.
    output
        The file to write; None for stdout.
    header
        Whether tsv and csv start with a header line.
    rows
        Most rows of a table, 0 for all; None where the user did not say.
    quiet
        Whether to keep verdicts and notes to oneself.
    """

    format: str
    output: str | None
    header: bool
    rows: int | None
    quiet: bool

    @classmethod
    def choose(
        cls,
        format_name: str,
        output: str | None,
        *,
        formats: Formats = TABLES,
        header: bool = True,
        rows: int | None = None,
        quiet: bool = False,
        plot: str | None = None,
        beside: Iterable[str | None] = (),
    ) -> Destination:
        """Return the destination that a command's options describe, having checked it.

        All that can be known of a command's outputs before its work is checked here.

        Parameters
        ----------
        format_name, output, formats, header, rows, quiet
            The options of these names.
        plot
            The file of the command's figure, if one is asked for.
        beside
            Further files that it will write.

        Raises
        ------
        UsageError
            If the format or a file's suffix is unknown, or an option means nothing in this
            format, or there is no matplotlib for a figure.
        OutputError
            If one of the outputs cannot be written, or two are the same file.
        """
        if output == STANDARD_STREAM:
            output = None
        chosen = choose_format(format_name, output, formats)
        check_beside(chosen, header=header, rows=rows)
        if plot is not None:
            _check_figure(plot)
        if output is None:
            require_stdout()
        check_outputs(output, plot, *beside)
        return cls(chosen, output, header, rows, quiet)

    @property
    def is_for_people(self) -> bool:
        """Whether the format is one that people read, not programs."""
        return self.format in FOR_PEOPLE

    def draw_fitting(self, view: Callable[[int | None], View]) -> str:
        """Return a view with as many rows as asked for, or as a terminal has room for.

        Parameters
        ----------
        view
            Makes the view with at most so many rows, None for all.
        """
        if self.rows is not None:
            return self.draw(view(self.rows or None))
        size = window()
        if self.output is not None or self.format != "table" or size is None:
            return self.draw(view(None))
        shortest = self.draw(view(FEWEST_ROWS))
        # One line for the prompt.
        spare = size[1] - 1 - shortest.count("\n")
        return self.draw(view(FEWEST_ROWS + spare)) if spare > 0 else shortest

    @property
    def window(self) -> int | None:
        """How wide the terminal is that lines are to fit; None where they go elsewhere."""
        size = window() if self.output is None else None
        return None if size is None else size[0]

    @property
    def columns(self) -> int:
        """How wide a table may be."""
        return self.window or 80

    def draw(self, view: View) -> str:
        """Return a view in this format, fit for the terminal if that is where it goes."""
        if self.format == "markdown":
            from vanish.render.markdown import markdown

            return markdown(view)
        from vanish.render.table import Canvas, table

        canvas = Canvas(self.columns, self.output is None and in_colour())
        return table(view, canvas, story=not self.quiet)

    def list_rows(self, rows: Iterable[Mapping[str, Cell]]) -> str:
        """Return rows as tsv, csv or jsonl."""
        if self.format == "jsonl":
            from vanish.render.json import lines

            return lines(rows)
        from vanish.render.delimited import delimited

        return delimited(rows, DELIMITERS[self.format], self.header)

    def part(self, rows: Iterable[Mapping[str, Cell]], *, first: bool) -> str:
        """Return some rows of a longer table, the header line before the first ones."""
        return self._replace(header=self.header and first).list_rows(rows)

    def write_table(
        self,
        view: View,
        rows: Iterable[Mapping[str, Cell]],
        settings: Mapping[str, Any],
        beside: Writers | None = None,
    ) -> None:
        """Write the result of a command whose output is one table.

        Parameters
        ----------
        view
            What people see; its verdicts go to stderr where programs read the rows.
        rows
            What programs read.
        settings
            What the JSON document says of the run.
        beside
            The files to write with it, as for `stream`.
        """
        if self.is_for_people:
            self.write(self.draw(view), beside=beside)
            return
        if self.format == "json":
            from vanish.render.json import table

            self.write(table(rows, settings), beside=beside)
        else:
            self.write(self.list_rows(rows), beside=beside)
        if not self.quiet:
            for finding in view.findings:
                say(f"{finding.about}: {finding.text}")

    def write(self, *parts: str, beside: Writers | None = None) -> None:
        """Write a result to the file, whole or not at all, or to stdout."""
        self.stream(parts, beside)

    def stream(self, parts: Iterable[str], beside: Writers | None = None) -> None:
        """Write a result part by part, as `write` does.

        Parameters
        ----------
        parts
            The result.
        beside
            What writes the other files of the command: all are written or none, and none
            either if stdout cannot be.

        Raises
        ------
        OutputError
            If it cannot be written.
        ReaderGoneError
            If stdout's reader went away; the other files are there.
        """
        writers = dict(beside or {})
        if self.output is not None:
            writers[self.output] = lambda stream: stream.writelines(
                part.encode(errors="replace") for part in parts
            )
        gone = None
        with _written(writers):
            if self.output is None:
                try:
                    write_stdout(parts)
                except ReaderGoneError as error:
                    gone = error
        if gone is not None:
            raise gone


@contextmanager
def _written(writers: Writers) -> Iterator[None]:
    """Write files before the block, to be there only if nothing goes wrong in it."""
    with Files() as files:
        # What cannot be taken back comes last.
        for path in sorted(writers, key=is_stream):
            with files.open(path) as stream:
                writers[path](stream)
        yield


def write_together(writers: Writers) -> None:
    """Write files, all of them or none.

    Raises
    ------
    OutputError
        If one cannot be written.
    """
    with _written(writers):
        pass


FIGURES = (".png", ".svg", ".pdf")


def _check_figure(path: str) -> None:
    """Refuse a figure that nobody can draw before the work for it is done."""
    if Path(path).suffix not in FIGURES:
        raise UsageError(f"--plot {path}: give a name that ends in {', '.join(FIGURES)}")
    from vanish.render.style import import_matplotlib

    import_matplotlib()


def figure_writer(
    path: str | None, draw: Callable[[], Figure]
) -> dict[str, Callable[[BinaryIO], object]]:
    """Return what writes a figure, in the format of the file's suffix; {} for no file.

    Parameters
    ----------
    path
        The file, if a figure is asked for.
    draw
        Draws it.
    """
    if path is None:
        return {}

    def write(stream: BinaryIO) -> None:
        from vanish.render.figure import save

        save(draw(), stream, Path(path).suffix.removeprefix("."))

    return {path: write}
