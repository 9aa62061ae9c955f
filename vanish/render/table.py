"""A view as a table for the terminal."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from rich import box
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from vanish.render.people import Bar, Spark

if TYPE_CHECKING:
    from rich.console import RenderableType

    from vanish.render.people import Finding, View

# Readable on light and on dark backgrounds, and told apart by the word as well.
_COLOURS = {"vanishing": "red", "exploding": "magenta", "dead": "red", "stable": "green"}
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_LEVELS = "▁▂▃▄▅▆▇█"
# Between two columns; the box draws one of them.
_GAP = 2

T = TypeVar("T")


class Canvas(NamedTuple):
    """What a table is drawn on: its width in columns, and whether in colour."""

    width: int = 80
    colour: bool = False


def table(view: View, canvas: Canvas, story: bool = True) -> str:
    """Return the view as text.

    Parameters
    ----------
    view
        What to show.
    canvas
        What to show it on. Nothing is cut off: where the columns do not fit, bars go
        first, and then lines are longer than the canvas.
    story
        Whether the notes and the verdicts stand under the table.
    """
    graphic = _graphic_width(view, canvas.width)
    drawn = Table(
        *(
            Column(
                heading,
                justify="left" if heading in view.left else "right",
                no_wrap=True,
                header_style="bold",
                vertical="bottom",
            )
            for heading in _kept(view.columns, view, graphic)
        ),
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=(0, _GAP - 1, 0, 0),
        pad_edge=False,
    )
    for row in view.rows:
        cells = row or ("⋮",) * len(view.columns)
        drawn.add_row(*(_cell(each, graphic) for each in _kept(cells, view, graphic)))
    parts: list[RenderableType] = [Text(view.title, style="bold"), Text(), drawn]
    if story:
        parts += _story(view)
    natural = max(canvas.width, _width(view, graphic))
    output = io.StringIO()
    console = Console(
        file=output,
        width=natural,
        color_system="standard" if canvas.colour else None,
        force_terminal=canvas.colour,
        legacy_windows=False,
        _environ={},
    )
    for part in parts:
        console.print(part, highlight=False, markup=False, emoji=False, soft_wrap=False)
    return "\n".join(line.rstrip() for line in output.getvalue().splitlines()) + "\n"


def _story(view: View) -> list[RenderableType]:
    parts: list[RenderableType] = []
    if view.notes:
        wide = max(len(label) for label, _ in view.notes)
        parts += [Text(), Text("The slopes multiply to at most")]
        parts += [Text(f"  {label:<{wide}}  {text}") for label, text in view.notes]
    for finding in view.findings:
        parts += [Text(), _finding(finding, several=len(view.findings) > 1)]
    return parts


def _finding(finding: Finding, several: bool) -> Text:
    text = Text()
    if several:
        text.append(f"{finding.about} ")
    text.append(finding.word.upper(), style=f"bold {_COLOURS[finding.word]}")
    return text.append(f". {finding.sentence}")


def _graphic_index(view: View) -> int:
    first = next(row for row in view.rows if row is not None)
    return next(i for i, each in enumerate(first) if isinstance(each, Bar | Spark))


def _width(view: View, graphic: int) -> int:
    """Return how many columns the table takes with a graphic of that width."""
    at = _graphic_index(view)
    total = 0
    for i, heading in enumerate(view.columns):
        if i != at:
            lines = heading.split("\n")
            cells = [row[i] for row in view.rows if row is not None]
            texts = [*lines, *(each for each in cells if isinstance(each, str))]
            total += max(map(len, texts)) + _GAP
    return total + (graphic + _GAP if graphic else 0)


def _graphic_width(view: View, width: int) -> int:
    """Return the width that is left for bars; 0 where they and their axis do not fit."""
    least = max(map(len, view.columns[_graphic_index(view)].split("\n")))
    room = width - _width(view, 0) - _GAP
    spark = next(row for row in view.rows if row is not None)[_graphic_index(view)]
    most = max(least, len(spark.shares)) if isinstance(spark, Spark) else 60
    return min(room, most) if room >= least else 0


def _kept(cells: tuple[T, ...], view: View, graphic: int) -> list[T]:
    at = _graphic_index(view)
    return [each for i, each in enumerate(cells) if graphic or i != at]


def _cell(cell: str | Bar | Spark, width: int) -> Text:
    if isinstance(cell, Bar):
        return Text("" if cell.share is None else _bar(cell.share, width), style="cyan")
    if isinstance(cell, Spark):
        return Text(_spark(cell.shares, width), style="cyan")
    return Text(cell, style=_COLOURS.get(cell, ""))


def _bar(share: float, width: int) -> str:
    eighths = max(1, round(share * width * 8))
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _spark(shares: tuple[float | None, ...], width: int) -> str:
    """Return one character a layer, or evenly chosen layers where there are too many."""
    if len(shares) > width:
        last = len(shares) - 1
        shares = tuple(shares[round(i * last / (width - 1))] for i in range(width))
    top = len(_LEVELS) - 1
    return "".join(" " if share is None else _LEVELS[round(share * top)] for share in shares)
