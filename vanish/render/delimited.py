"""The output contract as TSV and CSV: one header line, full precision, empty for none.

An infinity is left empty, too: sqlite takes inf for text, and duckdb a column of nothing else
for dates.
"""

from __future__ import annotations

import csv
import io
import math
from types import NoneType
from typing import TYPE_CHECKING

from vanish.numbers.scaled import decimal_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vanish.columns import Cell, Lot


def delimited(rows: Iterable[Mapping[str, Cell]], delimiter: str, header: bool = True) -> str:
    """Return rows as delimited text.

    Parameters
    ----------
    rows
        One mapping of column to value a row, all with the same columns.
    delimiter
        What stands between two cells.
    header
        Whether the first line names the columns.
    """
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    for number, row in enumerate(rows):
        if header and not number:
            writer.writerow(row)
        writer.writerow(map(cell, row.values()))
    return text.getvalue()


def lines(lot: Lot, delimiter: str, header: bool = True) -> str:
    """Return some rows as `delimited` does.

    Parameters
    ----------
    lot
        Their cells by column.
    delimiter, header
        As there.
    """
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    if header:
        writer.writerow(lot)
    writer.writerows(zip(*map(_written, lot.values()), strict=True))
    return text.getvalue()


def _written(column: Sequence[Cell]) -> Sequence[Cell]:
    """Return the cells of a column as a csv writer takes them: it writes floats and none itself."""
    kinds = {*map(type, column)}
    plain = kinds <= {str, int, NoneType} or (
        kinds == {float} and not {math.inf, -math.inf} & {*column}
    )
    return column if plain else list(map(cell, column))


def cell(value: Cell) -> str:
    """Return a value as text that reads back as the same number; nothing for none or infinity."""
    if value is None or (isinstance(value, float) and math.isinf(value)):
        return ""
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | str) else decimal_text(value)
