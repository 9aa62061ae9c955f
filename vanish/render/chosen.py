"""Columns that were chosen: a plain table of them, and what there is to choose from."""

from __future__ import annotations

import math
import textwrap
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from vanish.columns import Scale
from vanish.numbers.words import plural, short
from vanish.render.view import Elided, View, elide

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from vanish.columns import Cell, Column

# Narrower lines of a meaning are hard to read.
_NARROWEST = 30


def narrowed(
    view: View,
    columns: Sequence[Column[Any]],
    rows: Iterable[Mapping[str, Cell]],
    most: int | None = None,
    more: str = "",
) -> View:
    """Return a plain table of some columns, with the title and the verdicts of a view.

    Parameters
    ----------
    view
        What people see else.
    columns
        The columns, in their order.
    rows
        What programs read.
    most, more
        How many rows to show at most, None for all, and how to see the others.
    """
    found = list(rows)
    kept = elide(len(found), most)
    hidden = Elided(f"{plural(len(found) - len(kept) + 1, 'more row')}: {more}")
    return view._replace(
        columns=tuple(column.name for column in columns),
        rows=tuple(
            hidden
            if i is None
            else tuple(_shown(column.scale, found[i][column.name]) for column in columns)
            for i in kept
        ),
        notes=(),
        legend=(),
        left=frozenset(column.name for column in columns if column.scale is Scale.TEXT),
        dispensable=(),
    )


def _shown(scale: Scale, cell: Cell) -> str:
    """Return a cell as people read it: numbers with three digits, logarithms with decimals."""
    if cell is None:
        return ""
    if scale is Scale.FLAG:
        return "yes" if cell else "no"
    if scale is Scale.TEXT or isinstance(cell, int):
        return str(cell)
    if isinstance(cell, Decimal) or (isinstance(cell, str) and scale is Scale.EXACT):
        # Beyond float64.
        return f"{Decimal(cell):.2e}"
    if isinstance(cell, str):
        return cell
    if math.isinf(cell):
        return "∞" if cell > 0.0 else "-∞"
    if scale is Scale.LOG10:
        return f"{cell:.3f}"
    return f"-{short(-cell)}" if cell < 0.0 else short(cell)


def described(columns: Iterable[Column[Any]], width: int, say: Callable[[str], str] = str) -> str:
    """Return a list of columns with what they say, a name and its meaning a line.

    Parameters
    ----------
    columns
        The columns.
    width
        How wide lines may be; a meaning goes on below itself.
    say
        Returns text as it is shown.
    """
    meanings = {column.name: say(_meaning(column)) for column in columns}
    label = max(map(len, meanings)) + 2
    room = max(width - label, _NARROWEST)
    lines = []
    for name, meaning in meanings.items():
        first, *others = textwrap.wrap(meaning, room, break_on_hyphens=False)
        lines += [f"{name:<{label}}{first}", *(" " * label + line for line in others)]
    return "".join(f"{line}\n" for line in lines)


def _meaning(column: Column[Any]) -> str:
    is_log10 = column.scale is Scale.LOG10 and column.meaning.startswith("of ")
    return f"log10 {column.meaning}" if is_log10 else column.meaning
