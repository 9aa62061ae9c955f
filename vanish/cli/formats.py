"""The formats of results: their names, and which of them a command writes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from vanish.cli.streams import is_terminal
from vanish.errors import UsageError
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

AUTO = "auto"


class Formats(Record):
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
# Of `vanish` itself, which writes a page, too.
WITH_PAGE = TABLES._replace(by_suffix={**TABLES.by_suffix, ".html": "html"})
TEXTS = Formats(
    {".txt": "text", ".tex": "latex", ".md": "markdown", ".json": "json"},
    terminal="text",
    piped="text",
)
DELIMITERS = {"tsv": "\t", "csv": ","}
FOR_PEOPLE = ("table", "markdown")

# However low the window: the first row, the last one, and a sign for those between.
FEWEST_ROWS = 3


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

        chosen = choice("format", given, [AUTO, *known])
        if chosen != AUTO:
            return chosen
    if output is None:
        return formats.terminal if is_terminal(sys.stdout) else formats.piped
    from pathlib import Path

    suffix = Path(output).suffix
    if suffix not in formats.by_suffix:
        raise UsageError(
            f"output {output}: no format is known by the suffix {suffix!r}: give --format,"
            f" or one of {' '.join(formats.by_suffix)}"
        )
    return formats.by_suffix[suffix]


def check_beside(chosen: str, *, header: bool, rows: int | None, columns: bool) -> None:
    """Refuse options that mean nothing in a format.

    Parameters
    ----------
    chosen
        The format's name.
    header
        Whether tsv and csv are to start with a header line.
    rows
        Most rows of a table, 0 for all; None where the user did not say.
    columns
        Whether some columns were chosen.

    Raises
    ------
    UsageError
        If one of them does not go together with it.
    """
    if not header and chosen not in DELIMITERS:
        raise UsageError(
            f"--no-header beside format {chosen}: only tsv and csv have a header line: leave it out"
        )
    if columns and chosen == "json":
        raise UsageError(
            "--columns beside format json, which keeps all its fields: leave it out, or give"
            " --format jsonl"
        )
    if rows is None:
        return
    if chosen not in FOR_PEOPLE:
        raise UsageError(f"--rows beside format {chosen}: only a table is shortened: leave it out")
    if rows != 0 and rows < FEWEST_ROWS:
        raise UsageError(
            f"--rows {rows}: give at least {FEWEST_ROWS}, the first, the last and a sign for those"
            " between, or 0 for all"
        )
