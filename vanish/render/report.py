"""A report: runs as one page that needs nothing else, neither a script nor the network."""

from __future__ import annotations

import io
import re
from html import escape
from typing import TYPE_CHECKING

from vanish import __version__
from vanish.errors import UsageError, plain
from vanish.lessons.derivation import Derivation, first_matrix, parse_variable
from vanish.network.graph import LAYER, Graph
from vanish.numbers.words import plural
from vanish.records import Record
from vanish.render import derivation
from vanish.render.delimited import cell
from vanish.render.profiles import view
from vanish.render.titles import names, title
from vanish.render.view import Elided

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vanish.columns import Cell
    from vanish.cures.remedy import Search
    from vanish.render.view import View
    from vanish.simulation.profile import Profile

# A derivation of more layers says the same again.
_DERIVED_LAYERS = 3

# What fits beside each other on paper, with all digits.
_COLUMNS_ACROSS = 6

# So many layers of a deep network are shown at a glance.
_GLANCED = 24

_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.45 system-ui, sans-serif; color: #1a1a1a; background: #fff;
  max-width: 70rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.35rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
h3 { font-size: 1rem; margin-bottom: .3rem; }
pre { background: #f3f3f3; padding: .6rem .8rem; white-space: pre-wrap; }
.verdict { border-left: .3rem solid #777; padding-left: .8rem; }
.vanishing { border-color: #0072b2; } .exploding { border-color: #d55e00; }
.dead { border-color: #000; } .stable { border-color: #009e73; }
.wide { overflow-x: auto; margin-bottom: 1rem; }
.wide:focus-visible, summary:focus-visible { outline: 2px solid #0072b2; outline-offset: 2px; }
table { border-collapse: collapse; font-size: .8rem; font-variant-numeric: tabular-nums; }
th, td { padding: .15rem .6rem; text-align: right; white-space: nowrap;
  border-bottom: 1px solid #ddd; }
thead th { border-bottom: 1px solid #555; vertical-align: bottom; }
tbody th { font-weight: normal; } td.text { text-align: left; }
table.glance { font-size: .9rem; } summary { font-weight: bold; margin: .8rem 0; }
dl { columns: 3 16rem; font-size: .85rem; } dl div { break-inside: avoid; }
dt { display: inline; color: #555; } dt::after { content: ": "; } dd { display: inline; margin: 0; }
figure { margin: 1rem 0; } figcaption { color: #555; font-size: .85rem; }
svg { max-width: 100%; min-width: 52rem; height: auto; }
table.derivation { font-size: 1rem; } .derivation td { border: 0; padding: 0 .25rem;
  text-align: left; vertical-align: baseline; white-space: normal; overflow-wrap: normal;
  line-height: 2.7; }
.derivation td + td { padding-left: 1.75rem; text-indent: -1.5rem; }
footer { margin-top: 2rem; color: #555; font-size: .85rem; }
@page { margin: 15mm; }
@media print { body { font-size: 10pt; max-width: none; margin: 0; padding: 0; }
  table { font-size: 6.5pt; } th, td { padding: .1rem .3rem; } svg { min-width: 0; }
  table.glance { font-size: 8pt; } table.derivation { font-size: 9pt; }
  .wide { overflow: visible; } tr, figure, .verdict { break-inside: avoid; }
  thead { display: table-header-group; } h2, h3, summary { break-after: avoid; } }
"""


class Asked(Record):
    """What a page was asked for with.

    Attributes
    ----------
    command
        The command line that makes it.
    columns
        The columns to show of the layers; none for all there are.
    told
        Whether to say what the numbers mean.
    """

    command: str
    columns: Sequence[str] = ()
    told: bool = True


def page(profiles: Sequence[Profile], searches: Sequence[Search | None], asked: Asked) -> str:
    """Return runs as one HTML document.

    It has the verdicts, all settings, the numbers of the JSON document, a figure where matplotlib
    is installed, and the derivation that they follow from.

    Parameters
    ----------
    profiles
        The runs.
    searches
        What was found to help each of them, None where nothing was tried.
    asked
        What it was asked for with.
    """
    heading = _text(title(profiles))
    sections = "".join(
        "".join(_run(profile, name, search, asked))
        for profile, name, search in zip(profiles, names(profiles), searches, strict=True)
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{heading}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{heading}</h1>\n<pre><code>{_text(asked.command)}</code></pre>\n"
        f"{_figure(profiles)}{sections}{''.join(_derivations(profiles))}"
        "</main>\n<footer>vanish "
        f"{_text(__version__)}. What the words and columns mean:"
        " <code>vanish help columns</code>.</footer>\n</body>\n</html>\n"
    )


def _text(text: str) -> str:
    """Return text as a page may hold it, whatever is in it."""
    return escape(plain(text))


def _run(profile: Profile, name: str, search: Search | None, asked: Asked) -> Iterator[str]:
    """Yield the section of one run."""
    shown = view([profile], _GLANCED, [search])
    yield f"<section>\n<h2>{_text(name)}</h2>\n"
    if asked.told:
        yield from _told(shown)
    if not asked.columns:
        yield from _glance(shown, name)
    yield "<h3>Settings</h3>\n<dl>\n"
    for setting, value in profile.settings.as_dict().items():
        if value is not None:
            written = _text(cell(value) if isinstance(value, float | bool) else str(value))
            yield f"<div><dt>{_text(setting)}</dt><dd>{written}</dd></div>\n"
    yield "</dl>\n<details open>\n<summary>The numbers, with all their digits</summary>\n"
    yield from _layers(profile.rows(), asked.columns, name)
    yield "</details>\n</section>\n"


def _glance(shown: View, name: str) -> Iterator[str]:
    """Yield the table of a view, which is rounded; the figure stands for its bars."""
    kept = [i for i, heading in enumerate(shown.columns) if not _is_drawn(shown, i)]
    heads = [shown.columns[i] for i in kept]
    yield "<h3>Layer by layer, rounded</h3>\n"
    yield from _table_head(heads, f"{name}, rounded", "glance")
    for row in shown.rows:
        if isinstance(row, Elided):
            count = row.text.partition(":")[0]
            yield f'<tr><td class="text" colspan="{len(kept)}">⋮ {_text(count)}</td></tr>\n'
        else:
            yield _table_row([(heads[0] == "layer" and i == 0, str(row[i])) for i in kept])
    yield "</tbody>\n</table></div>\n"


def _is_drawn(shown: View, i: int) -> bool:
    """Whether a column of a view is drawn, not written."""
    return any(not isinstance(row, Elided) and not isinstance(row[i], str) for row in shown.rows)


def _told(shown: View) -> Iterator[str]:
    """Yield what a view says around its table."""
    for word, _, sentence, qualifier in shown.findings:
        head = _text(word.upper() + qualifier)
        yield f'<p class="verdict {_text(word)}"><strong>{head}.</strong> {_text(sentence)}</p>\n'
    if shown.equation:
        yield f"<p><code>{_text(shown.equation)}</code></p>\n"
    for heading, lines, _ in shown.notes:
        if not lines:
            yield f"<p>{_text(heading)}</p>\n"
            continue
        yield f"<h3>{_text(heading)}</h3>\n<ul>\n"
        yield from (f"<li>{_text(label)}: {_text(text)}</li>\n" for label, text in lines)
        yield "</ul>\n"


def _layers(rows: Sequence[Mapping[str, Cell]], columns: Sequence[str], name: str) -> Iterator[str]:
    """Yield the rows as tables, each with as many columns as fit, the layer in front."""
    empty = [] if columns else [n for n in rows[0] if all(row[n] is None for row in rows)]
    names = [name for name in columns or rows[0] if name not in empty]
    leading = "layer" in names
    others = [name for name in names if name != "layer"] if leading else names
    for start in range(0, len(others) or 1, _COLUMNS_ACROSS):
        some = others[start : start + _COLUMNS_ACROSS]
        shown = ["layer", *some] if leading else some
        yield from _table_head(shown, f"{name}: {', '.join(some) or 'layers'}")
        for row in rows:
            yield _table_row([(each == "layer", row[each]) for each in shown])
        yield "</tbody>\n</table></div>\n"
    if empty:
        yield f"<p>Without a value in any layer: {_text(', '.join(empty))}.</p>\n"


def _table_head(heads: Sequence[str], label: str, kind: str = "") -> Iterator[str]:
    """Yield a table up to its first row, in a frame that a keyboard can scroll."""
    lines = ("<br>".join(map(_text, head.split("\n"))) for head in heads)
    cells = "".join(f'<th scope="col">{head}</th>' for head in lines)
    of_kind = f' class="{kind}"' if kind else ""
    yield f'<div class="wide" role="region" tabindex="0" aria-label="{_text(label)}">'
    yield f"<table{of_kind}>\n<thead><tr>{cells}</tr></thead>\n<tbody>\n"


def _table_row(cells: Sequence[tuple[bool, Cell]]) -> str:
    """Return a row: of each cell whether it is the row's name, and what is in it."""
    return f"<tr>{''.join(_cell(value, is_name=is_name) for is_name, value in cells)}</tr>\n"


def _cell(value: Cell, *, is_name: bool) -> str:
    if is_name:
        return f'<th scope="row">{_text(cell(value))}</th>'
    words = ' class="text"' if isinstance(value, str) and not _NUMBER.match(value) else ""
    return f"<td{words}>{_text(cell(value))}</td>"


# What is written as text since float64 does not hold it, and what is rounded.
_NUMBER = re.compile(r"[-+×÷~≤]?\d")


_CAPTION = (
    "What was measured, beside its bounds and what theory expects; the numbers are in the tables."
)


def _figure(profiles: Sequence[Profile]) -> str:
    """Return the figure as SVG, or how to get one."""
    from vanish.render.style import save  # noqa: PLC0415 - only with figures

    try:
        from vanish.render.gradient_figure import gradient_figure  # noqa: PLC0415 - the same

        figure = gradient_figure(profiles)
    except UsageError as error:
        why = _text(error.on_command_line)
        return f"<p>No figure: {why}. The extra 'plot' has what it takes.</p>\n"
    stream = io.BytesIO()
    save(figure, stream, "svg")
    drawn = stream.getvalue().decode()
    # What stands before the element is for a file of its own, and the metadata name addresses.
    drawn = drawn[drawn.index("<svg") :]
    drawn = re.sub(r"<(metadata|title)>.*?</\1>\s*", "", drawn, flags=re.DOTALL)
    label = _text(" · ".join(figure.get_suptitle().split("\n")))
    drawn = drawn.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
    return (
        '<figure>\n<div class="wide" role="region" tabindex="0" aria-label="Figure">\n'
        f"{drawn}</div>\n<figcaption>{_CAPTION}</figcaption>\n</figure>\n"
    )


def _derivations(profiles: Sequence[Profile]) -> Iterator[str]:
    """Yield the derivation of each block that was run."""
    found: dict[tuple[object, int], tuple[Graph, str]] = {}
    for profile in profiles:
        graph = profile.measured.graph
        if graph.stages:
            continue  # a file's graph is no layer written out
        blocks = list(dict.fromkeys(run.block for run in graph.runs))
        # Layers whose sizes differ have the article's in place of a skip.
        for block in [each for each in blocks if each != LAYER] or blocks:
            depth = min(graph.depth, _DERIVED_LAYERS)
            text = str(profile.settings.as_dict()["block"])
            found.setdefault((block, depth), (Graph((block, depth)), text))
    for graph, text in found.values():
        by = parse_variable(first_matrix(graph), graph)
        layers = plural(graph.depth, "layer")
        of_block = f": {_text(text)}" if len(found) > 1 else ""
        yield f"<section>\n<h2>The derivation, of {layers}{of_block}</h2>\n"
        yield '<div class="wide" role="region" tabindex="0" aria-label="Derivation">\n'
        yield from derivation.mathml(Derivation(graph, by))
        yield "</div>\n</section>\n"
