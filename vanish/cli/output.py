"""Where results go: the terminal, the pipe, files beside it, whole or not at all."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from vanish.cli.form import Form
from vanish.cli.formats import TABLES, Formats, check_beside, choose_format
from vanish.cli.streams import ReaderGoneError, require_stdout, say, write_stdout
from vanish.errors import UsageError
from vanish.system.atomic import STANDARD_STREAM, Files, check_outputs, is_stream, require_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import BinaryIO

    from matplotlib.figure import Figure

    from vanish.columns import Cell, Column
    from vanish.render.view import View

    # What writes a file, by the file's name.
    Writers = Mapping[str, Callable[[BinaryIO], object]]


class Destination(Form):
    """Where a command's result goes, and in what form."""

    __slots__ = ()

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
        inputs: Iterable[str | None] = (),
        columns: tuple[Column[Any], ...] = (),
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
        inputs
            The files that it reads, None for what was not given.
        columns
            Those that --columns names, see `cli.choice.columns`.

        Raises
        ------
        UsageError
            If the format or a file's suffix is unknown, or an option means nothing in this
            format, or there is no matplotlib for a figure.
        OutputError
            If one of the outputs cannot be written, two are the same file, or one is read.
        """
        if output == STANDARD_STREAM:
            output = None
        for name in (output, plot):
            if name is not None:
                require_name(name)
        chosen = choose_format(format_name, output, formats)
        check_beside(chosen, header=header, rows=rows, columns=bool(columns))
        if plot is not None:
            _check_figure(plot)
        if output is None:
            require_stdout()
        check_outputs(output, plot, *beside, inputs=inputs, stdout=output is None)
        return cls(chosen, output, header, rows, quiet, columns)

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
            self.write(self.draw(self.narrowed(view, rows)), beside=beside)
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
    from pathlib import Path

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
        from pathlib import Path

        from vanish.render.figure import save

        save(draw(), stream, Path(path).suffix.removeprefix("."))

    return {path: write}
