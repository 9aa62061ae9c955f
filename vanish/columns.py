"""Columns: what machines read, each declared once with what it means and how it is got.

The order of a table's columns is that of its declaration; a new column goes to the end.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Generic, ParamSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from decimal import Decimal

    Cell = str | int | float | Decimal | None

    # The cells of some rows, by column.
    Lot = Mapping[str, Sequence[Cell]]

# So many rows of a long table are made at a time.
PIECE = 1024

# What a row is made of.
Record = ParamSpec("Record")


class Scale(StrEnum):
    """What kind of thing a column's cells are."""

    TEXT = "text"
    COUNT = "whole number"
    NUMBER = "number"
    SHARE = "share, 0 to 1"
    LOG10 = "decimal logarithm"
    EXACT = "number, decimal text beyond float64"
    FLAG = "true or false"
    EITHER = "number or text"


class Column(Generic[Record]):
    """A column.

    Parameters
    ----------
    name
        What its header says.
    scale
        What its cells are.
    meaning
        What they say, and where they are empty.
    get
        What gives a row's cell; None where it is empty.
    gist
        What people read of it under a table, in half a line; without one what its meaning
        begins with.
    """

    def __init__(
        self, name: str, scale: Scale, meaning: str, get: Callable[Record, Cell], gist: str = ""
    ) -> None:
        self.name = name
        self.scale = scale
        self.meaning = meaning
        self.get = get
        # People are shown numbers, not their logarithms.
        of = "of " if scale is Scale.LOG10 else ""
        self.gist = gist or meaning.partition("; ")[0].removeprefix(of)


class Table(Generic[Record]):
    """The columns of a table.

    Parameters
    ----------
    printed_by
        The command lines that print it.
    each
        What one of its rows is about.
    columns
        The columns in their order.
    """

    def __init__(self, printed_by: tuple[str, ...], each: str, *columns: Column[Record]) -> None:
        self.printed_by = printed_by
        self.each = each
        self.columns = columns
        self.names = tuple(column.name for column in columns)

    def gist(self, name: str) -> str:
        """Return what people read of the column of a name."""
        return self.columns[self.names.index(name)].gist

    def row(self, *record: Record.args, **named: Record.kwargs) -> dict[str, Cell]:
        """Return the cells of what a row is made of, by column."""
        return {column.name: column.get(*record, **named) for column in self.columns}
