"""Where results go: the format, the terminal, the pipe, the file."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from vanish.errors import OutputError, UsageError
from vanish.system.atomic import STANDARD_STREAM, Files, check_outputs, is_stream, reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import BinaryIO

    from matplotlib.figure import Figure

    from vanish.render.people import View
    from vanish.simulation.profile import Cell

    # What writes a file, by the file's name.
    Writers = Mapping[str, Callable[[BinaryIO], object]]

AUTO = "auto"


class Formats(NamedTuple):
    """The formats of a command.

    Attributes
    ----------
    by_suffix
        Their names, by the suffix of a file in each.
    terminal, piped
        Which of them ``auto`` is on a terminal, and which elsewhere.
    """

    by_suffix: Mapping[str, str]
    terminal: str
    piped: str


TABLES = Formats(
    {
        ".txt": "table",
        ".tsv": "tsv",
        ".csv": "csv",
        ".json": "json",
        ".jsonl": "jsonl",
        ".md": "markdown",
    },
    terminal="table",
    piped="tsv",
)
TEXTS = Formats(
    {".txt": "text", ".tex": "latex", ".md": "markdown", ".json": "json"},
    terminal="text",
    piped="text",
)
DELIMITERS = {"tsv": "\t", "csv": ","}
FOR_PEOPLE = ("table", "markdown")

# However low the window: the first row, the last one, and a sign for those between.
FEWEST_ROWS = 3

# Each stands in the same place with the same width, where an encoding lacks the first.
_ASCII = str.maketrans(
    {
        "‖": "|",
        "∂": "d",
        "₁": "1",
        "·": ".",
        "…": ".",
        "⋮": ":",
        "→": ">",
        "─": "-",
        "½": " ",
        "×": "x",
        "÷": "/",
    }
    | dict(zip("₀₂₃₄₅₆₇₈₉", "023456789", strict=True))
    | {"≤": "<", "≥": ">", "²": "2"}
    | {"│": "|", "└": "+", "∞": "i", "σ": "s", "Φ": "P", "φ": "p", "λ": "l", "α": "a"}
    | {"√": "V", "π": "p", "³": "3", "⁻": "-"}
    | dict.fromkeys("█▉▊▋▌▍▎▏", "#")
    | {chr(pattern): "*" if pattern > 0x2800 else " " for pattern in range(0x2800, 0x2900)}
    | dict(zip("▁▂▃▄▅▆▇", "._-=+*%", strict=True))
    | dict(zip("▓▒░", "%=-", strict=True))
)


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
        if not header and chosen not in DELIMITERS:
            raise UsageError(
                f"--no-header beside format {chosen}: only tsv and csv have a header line:"
                " leave it out"
            )
        if rows is not None and chosen not in FOR_PEOPLE:
            raise UsageError(
                f"--rows beside format {chosen}: only a table is shortened: leave it out"
            )
        if rows is not None and rows != 0 and rows < 3:
            raise UsageError(
                f"--rows {rows}: give at least 3, the first, the last and a sign for those"
                " between, or 0 for all"
            )
        if plot is not None:
            _check_figure(plot)
        if output is None:
            _require_stdout()
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
    def columns(self) -> int:
        """How wide a table may be."""
        size = window() if self.output is None else None
        return 80 if size is None else size[0]

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
                    _write_stdout(parts)
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


def choose_format(given: str, output: str | None, formats: Formats) -> str:
    """Return the format's name: as given, by the file's suffix, or by the terminal.

    Raises
    ------
    UsageError
        If the format or the suffix is unknown.
    """
    known = list(formats.by_suffix.values())
    if given != AUTO:
        from vanish.network.registry import choice

        given = choice("format", given, [AUTO, *known])
    if given != AUTO:
        return given
    if output is None:
        return formats.terminal if is_terminal(sys.stdout) else formats.piped
    suffix = Path(output).suffix
    if suffix not in formats.by_suffix:
        raise UsageError(
            f"output {output}: no format is known by the suffix {suffix!r}: give --format,"
            f" or one of {' '.join(formats.by_suffix)}"
        )
    return formats.by_suffix[suffix]


def is_terminal(stream: TextIO | None) -> bool:
    """Tell whether a person looks at the stream."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


def window() -> tuple[int, int] | None:
    """Return the columns and lines of the terminal on stdout; None where it is none."""
    if not is_terminal(sys.stdout):
        return None
    size = os.get_terminal_size(sys.stdout.fileno())
    # A terminal that does not know its size says 0.
    return size.columns or 80, size.lines or 24


def in_colour() -> bool:
    """Tell whether to colour: on a terminal that can, unless NO_COLOR is set."""
    dumb = os.environ.get("TERM") in (None, "dumb")
    return is_terminal(sys.stdout) and not dumb and not os.environ.get("NO_COLOR")


class ReaderGoneError(Exception):
    """Whoever read standard output has gone away, which is no error.

    No OSError, since Typer has an opinion of its own on a closed pipe.
    """


def _require_stdout() -> None:
    if sys.stdout is None:
        raise OutputError("standard output is closed: give --output FILE")


def _write_stdout(parts: Iterable[str]) -> None:
    _require_stdout()
    try:
        for part in parts:
            _write_all(sys.stdout, _encode(part, sys.stdout))
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise ReaderGoneError from None
    except OSError as error:
        # What is still buffered must not be tried again when Python exits.
        discard(sys.stdout)
        raise OutputError(
            f"standard output: {reason(error)}: make room, or give --output FILE"
        ) from None


def _write_all(stream: TextIO, data: bytes) -> None:
    """Write all bytes: with PYTHONUNBUFFERED one call may write a part of them."""
    rest = memoryview(data)
    while rest:
        rest = rest[stream.buffer.write(rest) :]


def pass_on() -> None:
    """Let the reader of standard output have what was written so far."""
    if sys.stdout is not None:
        sys.stdout.buffer.flush()


def discard(stream: TextIO) -> None:
    """Let all that a stream still gets go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def say(line: str) -> None:
    """Print a message for a person on stderr; if nobody can hear it, that is no error."""
    if sys.stderr is None:
        return
    try:
        _write_all(sys.stderr, _encode(f"{line}\n", sys.stderr))
        sys.stderr.flush()
    except OSError:
        discard(sys.stderr)


def _encode(text: str, stream: TextIO) -> bytes:
    """Encode for a terminal as it asks; everything else gets UTF-8, whatever the locale."""
    encoding = (stream.encoding if is_terminal(stream) else None) or "utf-8"
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:
        # ASCII, or a file name that is not UTF-8.
        plain = text if encoding.lower() == "utf-8" else text.translate(_ASCII)
        return plain.encode(encoding, errors="replace")
