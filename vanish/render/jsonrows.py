"""Rows as JSON, many at a time: the same text as `json` writes of each, made column by column."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import TYPE_CHECKING

from vanish.numbers.scaled import decimal_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vanish.columns import Cell, Lot


def lines(lot: Lot) -> str:
    """Return one JSON object a row, one row a line."""
    return "".join(objects(lot, "{", ", ", "}\n"))


def objects(lot: Lot, begin: str, between: str, end: str) -> list[str]:
    """Return one JSON object a row.

    Parameters
    ----------
    lot
        The cells by column.
    begin, between, end
        What stands before, between and behind the members.
    """
    members = between.join(f"{json.dumps(name)}: %s" for name in lot)
    row = f"{begin}{members}{end}"
    return [row % cells for cells in zip(*map(texts, lot.values()), strict=True)]


def texts(column: Sequence[Cell]) -> list[str]:
    """Return what JSON says of each cell of a column."""
    kinds = {*map(type, column)}
    if kinds == {float} and not {math.inf, -math.inf} & {*column}:
        return list(map(float.__repr__, column))
    if len(kinds) == 1 and column.count(column[0]) == len(column):
        return [_text(column[0])] * len(column)
    return list(map(_text, column))


def _text(cell: Cell) -> str:
    if type(cell) is float:
        return float.__repr__(cell) if math.isfinite(cell) else f'"{cell}"'
    return f'"{decimal_text(cell)}"' if isinstance(cell, Decimal) else json.dumps(cell)
