"""The output contract as TSV and CSV: one header line, full precision, empty for none.

An infinity is left empty, too: sqlite takes inf for text, and duckdb a column of nothing else
for dates.
"""

from __future__ import annotations

import io
import math
from itertools import chain
from typing import TYPE_CHECKING

from vanish.numbers.scaled import decimal_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vanish.columns import Cell, Lot


def delimited(
    rows: Iterable[Mapping[str, Cell]],
    delimiter: str,
    header: bool = True,
    names: Iterable[str] = (),
) -> str:
    """Return rows as delimited text.

    Parameters
    ----------
    rows
        One mapping of column to value a row, all with the same columns.
    delimiter
        What stands between two cells.
    header
        Whether the first line names the columns.
    names
        Those that it names where there may be no row.
    """
    texts: list[Iterable[str]] = []
    for row in rows:
        names = names if texts else row
        texts.append(map(cell, row.values()))
    return _quoted([names, *texts] if header and names else texts, delimiter)


def lines(lot: Lot, delimiter: str, header: bool = True) -> str:
    """Return some rows as `delimited` does.

    Parameters
    ----------
    lot
        Their cells by column.
    delimiter, header
        As there.
    """
    plain = "\n".join([*map(delimiter.join, _rows(lot, header)), ""])
    ends = header + len(next(iter(lot.values()), ()))
    as_many = plain.count("\n") == ends and plain.count(delimiter) == ends * (len(lot) - 1)
    # A cell with one of these in it has quotes, and so has one that is empty and alone.
    if as_many and '"' not in plain and "\r" not in plain and len(lot) > 1:
        return plain
    return _quoted(_rows(lot, header), delimiter)


def _rows(lot: Lot, header: bool) -> Iterable[Iterable[str]]:
    """Return the rows of some columns as texts, below their names if there is to be a header."""
    rows = zip(*map(_written, lot.values()), strict=True)
    return chain([lot], rows) if header else rows


def _quoted(texts: Iterable[Iterable[str]], delimiter: str) -> str:
    """Return rows of texts as lines, with quotes around those that need them."""
    import csv  # noqa: PLC0415 - start-up: few do

    stream = io.StringIO()
    csv.writer(stream, delimiter=delimiter, lineterminator="\n").writerows(texts)
    return stream.getvalue()


def _written(column: Sequence[Cell]) -> Iterable[str]:
    """Return the cells of a column as text."""
    kinds = {*map(type, column)}
    if kinds == {float} and not {math.inf, -math.inf} & {*column}:
        return map(repr, column)
    return map(cell, column)


def cell(value: Cell) -> str:
    """Return a value as text that reads back as the same number; nothing for none or infinity."""
    if value is None or (isinstance(value, float) and math.isinf(value)):
        return ""
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | str) else decimal_text(value)
