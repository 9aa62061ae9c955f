"""The options of `vanish` itself, read directly: as typer reads them, without importing it.

Importing typer takes a third of the time that importing numpy takes. Subcommands, help, completion
and whatever is wrong with a line are typer's: where there is any doubt here, it reads the line.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from vanish.simulation import table
from vanish.simulation.option import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vanish.simulation.option import Option

# What reads a value; of all others it stays text.
NUMBERS: dict[Kind, type[int | float]] = {Kind.COUNT: int, Kind.NUMBER: float}


def completing() -> bool:
    """Tell whether a shell asks for names, and no run is wanted."""
    return "_VANISH_COMPLETE" in os.environ


def options(arguments: Iterable[str]) -> dict[str, Any] | None:
    """Return the value of every option, by the names of the table; None where typer is needed.

    Parameters
    ----------
    arguments
        The command line, without the program's name.
    """
    if completing() or os.name == "nt":  # where typer looks for files that * stands for
        return None
    rows = [*table.of("vanish")]
    taking = {flag: row for row in rows if row.kind is not Kind.FLAG for flag in row.flags}
    switches = {flag: value for row in rows for flag, value in _switches(row)}
    found = {row.name: _default(row) for row in rows}
    words = iter(arguments)
    for word in words:
        if word in switches:
            name, found[name] = switches[word]
            continue
        flag, is_joined, text = word.partition("=") if word.startswith("--") else (word, "", "")
        row = taking.get(flag)
        given = text if is_joined else next(words, None)
        if row is None or given is None:
            return None
        try:
            value = _reader(row)(given)
        except ValueError:
            return None
        found[row.name] = [*(found[row.name] or ()), value] if row.several else value
    return found


def _switches(row: Option) -> Iterable[tuple[str, tuple[str, bool]]]:
    """Yield the flags that take no value, with the option's name and what they make of it."""
    if row.kind is Kind.FLAG and row.name != "version":
        for flag in row.flags:
            on, _, off = flag.partition("/")
            yield on, (row.name, True)
            if off:
                yield off, (row.name, False)


def _reader(row: Option) -> Callable[[Any], Any]:
    return str if row.several else NUMBERS.get(row.kind, str)


def _default(row: Option) -> Any:
    """Return what an option is where it is not given: as if its text had been."""
    if row.several or row.default is None or row.kind is Kind.FLAG:
        return None if row.several else row.default
    return _reader(row)(row.default)
