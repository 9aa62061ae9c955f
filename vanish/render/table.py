"""A view as a table for the terminal."""

from __future__ import annotations

import io
import re
import textwrap
from bisect import bisect_right
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from vanish.records import Record
from vanish.render.spoken import SEPARATOR, SIGNS, in_words
from vanish.render.view import WHAT_COLUMNS_SAY, Bar, Elided, Heat, Legend, Spark

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from vanish.render.view import Finding, Said, View

# Readable on light and on dark backgrounds, and told apart by the word as well.
_COLOURS = {"vanishing": "red", "exploding": "magenta", "dead": "red", "stable": "green"}
# Of what came of a training.
_COLOURS |= {"learned": "green", "partly": "yellow", "chance": "red", "unchanged": "red"}
_COLOURS |= {"diverged": "magenta"}
_BEWARE = "yellow"
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_LEVELS = "▁▂▃▄▅▆▇█"
# The levels of a map, in decades a layer.
_STEPS = (0.01, 0.03, 0.1, 0.3)
_VANISHING, _EXPLODING = "░▒▓█", "+x*@"
_WIDEST_POINT = 3
# Between two columns; the box draws one of them.
_GAP = 2

# Narrower lines of a text beside its label are hard to read.
_NARROWEST = 30

# A blank line, and one of text.
_ONE_LINE = 2

_TYPED = re.compile("[a-z][a-z ]*")

# Longer ones are no easier to compare.
_LONGEST_BAR = 60


class Canvas(Record):
    """What a table is drawn on.

    Attributes
    ----------
    width
        In columns.
    colour
        Whether it has colours.
    in_words
        Whether words stand for symbols, since it shows ASCII alone.
    """

    width: int = 80
    colour: bool = False
    in_words: bool = False


def table(view: View, canvas: Canvas, story: bool = True, legend: Legend = Legend.FULL) -> str:
    """Return the view as text.

    Parameters
    ----------
    view
        What to show.
    canvas
        What to show it on. No number is cut off: where the window is narrow, the columns
        that the view can do without are left out.
    story
        Whether the legend, the notes and the verdicts stand under the table.
    legend
        How much of the legend.
    """
    if canvas.in_words:
        view = in_words(view)
    kept, graphic = _fit(view, canvas.width)
    drawn = Table(
        *(
            Column(
                view.columns[i],
                justify="left" if view.columns[i] in view.left else "right",
                no_wrap=True,
                header_style="bold",
                vertical="bottom",
            )
            for i in kept
        ),
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=(0, _GAP - 1, 0, 0),
        pad_edge=False,
    )

    def cell(content: str | Bar | Spark | Heat) -> Text:
        text = _cell(content, graphic)
        if canvas.in_words:
            text.plain = text.plain.translate(SIGNS)
        return text

    for row in view.rows:
        drawn.add_row(*(Text() if isinstance(row, Elided) else cell(row[i]) for i in kept))
    width = max(canvas.width, sum(_widths(view, kept)) + graphic)
    separator = SEPARATOR if canvas.in_words else " · "
    title = Text(_folded(view.title, canvas.width, separator), style="bold")
    equation = [Text(view.equation)] if view.equation else []
    lead = [] if view.lead is None or not story else [_finding(view.lead, several=False)]
    lines = _print([title, *equation, *lead], canvas, canvas.width)
    body = _print([Text(), drawn], canvas, width) if view.rows else []
    for number, row in enumerate(view.rows, len(body) - len(view.rows)):
        if isinstance(row, Elided):
            # A table has no cells that span columns.
            sign = f"{'⋮':>{_widths(view, kept)[0] - _GAP}}  "
            body[number] = row.text if row.is_heading else f"{sign}{row.text}"
    lines += body
    if story:
        view = _about(view, {view.columns[i] for i in kept})
        told = _legend(view.legend, legend, canvas.width)
        lines += _print([*told, *_story(view, canvas.width, len(told))], canvas, canvas.width)
    return "".join(f"{line}\n" for line in lines)


def _about(view: View, heads: set[str]) -> View:
    """Return the view without what it says of columns that are not shown."""
    return view._replace(
        legend=tuple(each for each in view.legend if not each.heads or heads & {*each.heads}),
        notes=tuple(each for each in view.notes if not each.heads or heads & {*each.heads}),
    )


def _folded(title: str, width: int, separator: str) -> str:
    """Return a title broken between its parts where it is too long for a line."""
    lines = [""]
    for part in title.split(separator):
        longer = f"{lines[-1]}{separator}{part}" if lines[-1] else part
        if lines[-1] and len(longer) > width:
            lines.append(part)
        else:
            lines[-1] = longer
    return "\n".join(lines)


def _print(parts: list[RenderableType], canvas: Canvas, width: int) -> list[str]:
    output = io.StringIO()
    console = Console(
        file=output,
        width=width,
        color_system="standard" if canvas.colour else None,
        force_terminal=canvas.colour,
        legacy_windows=False,
        highlight=False,
        markup=False,
        emoji=False,
        _environ={},
    )
    for part in parts:
        console.print(part)
    return [line.rstrip() for line in output.getvalue().splitlines()]


def _legend(shown: Sequence[Said], legend: Legend, width: int) -> list[RenderableType]:
    """Return what columns say, or where to ask for it."""
    if legend is Legend.NONE or not shown:
        return []
    if legend is Legend.FULL:
        lines = [(each.label, each.text) for each in shown]
        return [Text(), Text(WHAT_COLUMNS_SAY), *_labelled(lines, width)]
    # One that can be typed as it stands.
    example = next((each.label for each in shown if _TYPED.fullmatch(each.label)), None)
    if example is None:
        return []
    ask = f"vanish help and a head, as in: vanish help {example}"
    return [Text(), Text(f"{WHAT_COLUMNS_SAY}: {ask}")]


def _labelled(lines: Sequence[tuple[str, str]], width: int) -> Iterator[Text]:
    """Yield labels with their texts, which go on below themselves."""
    indent = max((len(label) for label, _ in lines), default=0) + 4
    for label, text in lines:
        if width - indent < _NARROWEST:
            yield Text(f"  {label:<{indent - 4}}  {text}")
            continue
        first, *others = textwrap.wrap(text, width - indent, break_on_hyphens=False) or [""]
        yield Text(f"  {label:<{indent - 4}}  {first}")
        yield from (Text(" " * indent + other) for other in others)


def _story(view: View, width: int, told: int) -> list[RenderableType]:
    """Return notes and verdicts, behind a legend of so many lines, the first one blank."""
    parts: list[RenderableType] = []
    # Notes of one line each need no space between them, nor behind a legend of one.
    apart = told != _ONE_LINE
    for notes in view.notes:
        parts += [Text()] * (apart or bool(notes.lines)) + [Text(notes.heading)]
        apart = False
        parts += _labelled(notes.lines, width)
    for finding in view.findings:
        parts += [Text(), _finding(finding, several=len(view.findings) > 1)]
    return parts


def _finding(finding: Finding, several: bool) -> Text:
    text = Text()
    if several:
        text.append(f"{finding.about} ")
    # What is stable only as far as the word goes is no good news.
    tone = _COLOURS.get(finding.word, "") if not finding.qualifier else _BEWARE
    start = len(finding.word) + len(finding.qualifier)
    text.append(finding.text[:start], style=f"bold {tone}")
    return text.append(finding.text[start:])


def _fit(view: View, width: int) -> tuple[list[int], int]:
    """Return the columns to show and how wide the bars may be."""
    kept = list(range(len(view.columns)))
    gone: list[list[int]] = []
    for group in view.dispensable:
        if _fits(view, kept, width):
            break
        heads = (group,) if isinstance(group, str) else group
        gone.append([i for i in kept if view.columns[i] in heads])
        kept = [i for i in kept if i not in gone[-1]]
    # What gave way before a bar did may have its room.
    if any(_ends(view, [i for columns in gone for i in columns])):
        for columns in reversed(gone):
            more = sorted([*kept, *columns])
            kept = more if _fits(view, more, width) else kept
    least, most = _ends(view, kept)
    return kept, min(max(width - sum(_widths(view, kept)), least), most)


def _fits(view: View, kept: list[int], width: int) -> bool:
    return sum(_widths(view, kept)) + _ends(view, kept)[0] <= width


def _ends(view: View, kept: list[int]) -> tuple[int, int]:
    """Return how narrow and how wide the bars of some columns may be; zeros where none has any."""
    first: Sequence[str | Bar | Spark | Heat] = next(
        (row for row in view.rows if not isinstance(row, Elided)), [""] * len(view.columns)
    )
    least, most = 0, 0
    for heading, cell in ((view.columns[i], first[i]) for i in kept):
        if isinstance(cell, Bar | Spark):
            least = max(map(len, heading.split("\n")))
            most = max(least, len(cell.shares)) if isinstance(cell, Spark) else _LONGEST_BAR
        elif isinstance(cell, Heat):
            # No point of a map is left out.
            least = max(len(heading), len(cell.cells))
            most = max(least, _WIDEST_POINT * len(cell.cells))
    return least, most


def _widths(view: View, kept: list[int]) -> list[int]:
    """Return the width of each column, the gap after it included, without the bars."""
    return [
        max(
            0 if isinstance(cell, Bar | Spark | Heat) else max(map(len, cell.split("\n")))
            for cell in _column(view, i)
        )
        + (_GAP if i != kept[-1] else 0)
        for i in kept
    ]


def _column(view: View, i: int) -> list[str | Bar | Spark | Heat]:
    cells = [row[i] for row in view.rows if not isinstance(row, Elided)]
    is_graphic = bool(cells) and isinstance(cells[0], Bar | Spark | Heat)
    return cells if is_graphic else [view.columns[i], *cells]


def _cell(cell: str | Bar | Spark | Heat, width: int) -> Text:
    if isinstance(cell, Bar):
        return Text("" if cell.share is None else _bar(cell.share, width), style="cyan")
    if isinstance(cell, Spark):
        return Text(_spark(cell.shares, width), style="cyan")
    if isinstance(cell, Heat):
        wide = max(1, min(_WIDEST_POINT, width // len(cell.cells)))
        return Text.assemble(*(_point(each, wide) for each in cell.cells))
    # A verdict may have a qualifier and its share of the trials behind it.
    word, comma, _ = cell.split(" ")[0].partition(",")
    return Text(cell, style=_BEWARE if comma and word in _COLOURS else _COLOURS.get(word, ""))


def _point(decades: float | str, wide: int) -> tuple[str, str]:
    """Return a point of a map, and its colour."""
    if isinstance(decades, str):
        return decades * wide, {"·": _COLOURS["stable"]}.get(decades, "")
    level = bisect_right(_STEPS, abs(decades))
    if not level:
        return "·" * wide, _COLOURS["stable"]
    if decades < 0.0:
        return _VANISHING[level - 1] * wide, _COLOURS["vanishing"]
    return _EXPLODING[level - 1] * wide, _COLOURS["exploding"]


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
