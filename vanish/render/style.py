"""What all figures share: how lines look, titles and legends beside the axes, their files.

What is written is plain text, which stays text in a file; matplotlib's mathematics would
become a text a letter. Only formulas are mathematics.
"""

from __future__ import annotations

import logging
import math
import os
import sys
import textwrap
import warnings
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from vanish.errors import UsageError
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Literal

    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

    # Where a legend stands, of what `Figure.legend` takes.
    _Place = Literal["outside lower center", "outside right center"]

# Okabe and Ito 2008, "Color universal design", without yellow, which white paper hides.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_LINES = ("-", "--", "-.", (0, (1, 1)))

# More markers than this on one line would run into each other; more lines are thinner.
MARKED, _FEW = 20, 4

# Lines of more points than this zigzag, and are thin.
_MANY = 200

# In inches: a character of a title and one of a legend, and the line before its text.
_CHARACTER, _SMALL, _HANDLE = 0.1, 0.07, 0.65

# In points, of the title: a slide that a figure fills enlarges it by about a fifth.
_TITLE = 11.0
_LEGEND_ROW = 0.2

# In inches, of a number at a tick.
_DIGIT = 0.09


# How settings are called on an axis, where their names do not say what they are.
AXIS_LABELS = {"layers": "layers N", "batch": "batch: rows of the input", "width": "width n"}


class Look(Record):
    """How a line is told from others: by colour, by marker in a grey print, by its dashes.

    Attributes
    ----------
    colour, marker, line
        As matplotlib has them.
    shift
        Which of a few neighbouring points is marked, so that lines that coincide show all
        their markers.
    """

    colour: str
    marker: str
    line: str | tuple[int, tuple[int, int]]
    shift: int = 0

    def style(self, points: int, lines: int) -> dict[str, Any]:
        """Return it for one of so many lines of so many points."""
        step = max(1, points // MARKED, min(lines, points // 4))
        thick = 1.5 if lines <= _FEW and points <= _MANY else 1.1
        return {
            "color": self.colour,
            "marker": self.marker,
            "linestyle": self.line,
            "markersize": 5,
            "linewidth": thick,
            "markevery": (self.shift * max(1, step // lines) % step, step),
        }

    @property
    def shade(self) -> str:
        """A darker shade of the colour, seen on a line of that colour."""
        channels = (int(self.colour[i : i + 2], 16) for i in (1, 3, 5))
        return "#" + "".join(f"{channel // 2:02X}" for channel in channels)


def looks() -> Iterator[Look]:
    """Yield 7 · 8 · 4 looks; the first seven differ in colour and marker, and are solid."""
    for i in count():
        line = _LINES[(i // 7 + i // 56) % 4]
        yield Look(COLOURS[i % 7], _MARKERS[i % 8], line, i)


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches, which needs no display.

    Raises
    ------
    UsageError
        If matplotlib is not installed, or cannot be imported.
    """
    import_matplotlib()
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra

    return Figure(figsize=(width, height), layout="constrained")


def import_matplotlib() -> None:
    """Import matplotlib as it comes, so that a figure is the same for every user.

    A program that has imported it already has its own wishes, which are kept. The user's
    matplotlibrc and MPLBACKEND are meant for windows and papers of their own: LaTeX that is
    not there, or a backend that does not exist, would end the import or the drawing.

    Raises
    ------
    UsageError
        If it is not installed, or cannot be imported.
    """
    if sys.modules.get("matplotlib") is not None:
        return
    backend = os.environ.pop("MPLBACKEND", None)
    try:
        with _quiet("matplotlib"), warnings.catch_warnings(action="ignore"):
            import matplotlib as mpl  # noqa: PLC0415 - an extra

            mpl.rcdefaults()
    except ImportError:
        raise UsageError("plot: matplotlib is not installed: pip install matplotlib") from None
    except Exception as error:  # noqa: BLE001 - a matplotlibrc can be wrong in many ways
        raise UsageError(
            f"plot: matplotlib cannot be imported: {error}: see to the file matplotlibrc"
        ) from None
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend


def plain(text: str) -> str:
    """Return a text of the user's, such as the name of a file, that is no mathematics."""
    return text.replace("$", r"\$")


def entitle(figure: Figure, what: str, text: str) -> None:
    """Write above all axes what a figure shows, and below that what was run.

    Lines end between the parts of the latter, which · parts, and only a part that is longer
    than a line is broken.
    """
    across = int(figure.get_figwidth() / _CHARACTER)
    # With spaces that do not break.
    parts = [
        part.replace(" ", "\xa0") if len(part) <= across else part for part in text.split(" · ")
    ]
    wrapped = textwrap.wrap(" · ".join(parts), across, break_on_hyphens=False)
    lines = [line.replace("\xa0", " ") for line in wrapped]
    figure.suptitle("\n".join([what, *lines]).rstrip(), fontsize=_TITLE, parse_math=False)


def key(figure: Figure, entries: Mapping[str, Any]) -> None:
    """Put a legend below all axes, where it hides nothing, and make room for it.

    Parameters
    ----------
    figure
        The figure.
    entries
        The line or patch of each text.
    """
    if not entries:
        return
    columns = _columns([*map(len, entries)], figure.get_figwidth())
    rows = -(-len(entries) // columns)
    figure.set_figheight(figure.get_figheight() + _LEGEND_ROW * rows + 0.15)
    _legend(figure, entries, "outside lower center", columns)


def key_beside(figure: Figure, entries: Mapping[str, Any]) -> None:
    """Put a legend right of all axes, and make room for it.

    Parameters
    ----------
    figure
        The figure.
    entries
        The line or patch of each text.
    """
    lengths = [max(map(len, text.split("\n"))) for text in entries]
    lines = sum(text.count("\n") + 1 for text in entries)
    columns = -(-lines // _BESIDE)
    width = columns * (_HANDLE + _SMALL * max(lengths)) + 0.2
    height = _LEGEND_ROW * -(-lines // columns) + 0.8
    figure.set_size_inches(
        figure.get_figwidth() + width, max(figure.get_figheight(), height), forward=False
    )
    _legend(figure, entries, "outside right center", columns)


def _legend(figure: Figure, entries: Mapping[str, Any], place: _Place, columns: int) -> None:
    handles, texts = list(entries.values()), list(entries)
    figure.legend(handles, texts, loc=place, ncols=columns, fontsize="small", frameon=False)


# So many rows of a legend stand beside axes before it takes another column.
_BESIDE = 30


def _columns(lengths: Sequence[int], width: float) -> int:
    """Return in how many columns texts fit, filled one column after the other."""
    for most in range(min(len(lengths), 8), 1, -1):
        # No column with less than the others have, where that takes no further row.
        columns = -(-len(lengths) // -(-len(lengths) // most))
        parts = np.array_split(np.array(lengths), columns)
        if sum(_HANDLE + _SMALL * float(part.max()) for part in parts) <= width:
            return columns
    return 1


def grid(count: int) -> tuple[int, int]:
    """Return in how many rows and columns so many axes stand, broader than high, few left out."""
    least = math.ceil(math.sqrt(count))
    columns = min((least, least + 1), key=lambda each: (-count % each, each)) if count > 1 else 1
    return -(-count // columns), columns


def entries(axes: Sequence[Axes]) -> dict[str, Any]:
    """Return what is labelled on some axes, each text once: grey where colours differ.

    The lines with markers come first: they are the measured ones.
    """
    found: dict[str, list[Any]] = {}
    for each in axes:
        for handle, label in zip(*each.get_legend_handles_labels(), strict=True):
            found.setdefault(label, []).append(handle)
    ordered = sorted(found, key=lambda label: not _is_marked(found[label][0]))
    return {label: _example(found[label]) for label in ordered}


def _is_marked(handle: Any) -> bool:
    from matplotlib.lines import Line2D  # noqa: PLC0415 - an extra

    return isinstance(handle, Line2D) and handle.get_markevery() is not None


def _example(handles: Sequence[Any]) -> Any:
    from matplotlib.lines import Line2D  # noqa: PLC0415 - an extra
    from matplotlib.patches import Patch  # noqa: PLC0415 - an extra

    first = handles[0]
    if not isinstance(first, Line2D):
        return first if len(handles) == 1 else Patch(facecolor="0.3", alpha=0.25)
    if len({str(each.get_color()) for each in handles}) == 1:
        return first
    return Line2D(
        [],
        [],
        color="0.3",
        linestyle=first.get_linestyle(),
        linewidth=first.get_linewidth(),
        marker=first.get_marker(),
    )


def number_layers(axes: Axes, depth: int) -> None:
    """Put the layers on the axis across, the first and the last one among its ticks."""
    axes.set_xlabel("layer k (input side first)")
    margin = max(0.5, 0.02 * depth)
    axes.set_xlim(1.0 - margin, depth + margin)
    ticks = layer_ticks(depth)
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])


def layer_ticks(depth: int) -> list[int]:
    """Return 1, N and round numbers between them, none too near to these."""
    if depth <= 8:
        return list(range(1, depth + 1))
    steps = (digit * 10**power for power in count() for digit in (1, 2, 5))
    step = next(step for step in steps if depth <= 5 * step)
    inner = range(step, depth, step)
    return [1, *(k for k in inner if k - 1 >= 0.6 * step and depth - k >= 0.6 * step), depth]


def goes_by_factors(values: Sequence[float]) -> bool:
    """Whether ascending values want a logarithmic axis: far, in steps that grow with them."""
    x = np.asarray(values)
    if x[0] <= 0.0 or x[-1] < _FAR * x[0] or x.size < 3:
        return False
    steps, factors = np.diff(x), np.diff(np.log(x))
    return bool(factors.max() / factors.min() < steps.max() / steps.min())


# A logarithmic axis goes up by such a factor at least.
_FAR = 16.0


def name_values(
    axis: Axis, values: Sequence[float], scaled: Sequence[float], inches: float
) -> None:
    """Put ascending values on an axis as ticks, but for those that would run into others.

    Parameters
    ----------
    axis
        The axis.
    values, scaled
        The values, and where they lie on it: the same, or their logarithms.
    inches
        The length of the axis, at least.
    """
    texts = [f"{value:g}" for value in values]
    is_across = axis is axis.axes.xaxis
    wide = _DIGIT * max(map(len, texts)) if is_across else _DIGIT
    gap = (wide + _DIGIT) / inches * (scaled[-1] - scaled[0])
    kept = [len(scaled) - 1]
    for i in reversed(range(len(scaled) - 1)):
        if scaled[kept[-1]] - scaled[i] >= gap:
            kept.append(i)
    # The first one has a place, if need be its neighbour's.
    if kept[-1] and len(kept) > 1:
        kept.pop()
    kept = sorted({*kept, 0})
    axis.set_ticks([values[i] for i in kept], [texts[i] for i in kept])


# The dots an inch of a PNG: a figure of 10 inches is sharp on a screen of 1920 pixels.
_DPI = 192


def save(figure: Figure, stream: BinaryIO, format_name: str) -> None:
    """Write a figure; the same figure gives the same bytes, and text stays text."""
    import matplotlib as mpl  # noqa: PLC0415 - an extra

    # Without these, SVG has random identifiers and SVG and PDF the time; and what is
    # written would be curves.
    fixed: dict[Any, Any] = {"svg.hashsalt": "vanish", "svg.fonttype": "none", "pdf.fonttype": 42}
    metadata: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(
        format_name, {}
    )
    # What a reader of screens, or a list of files, has of a figure.
    metadata = metadata | {"Title": figure.get_suptitle()}
    with mpl.rc_context(fixed), warnings.catch_warnings(), _quiet("fontTools"):
        # The name of a file may have letters that the font lacks; a box stands for them.
        warnings.filterwarnings("ignore", message="Glyph ")
        _settle(figure)
        figure.savefig(stream, format=format_name, dpi=_DPI, metadata=metadata)


def _settle(figure: Figure) -> None:
    """Lay the axes out once, at round places.

    The solver of the layout goes by addresses in memory, so that the last digits of its places
    differ from run to run; and SVG's identifiers are made of all of their digits.
    """
    engine = figure.get_layout_engine()
    if engine is None:
        return
    engine.execute(figure)
    figure.set_layout_engine("none")
    for axes in figure.axes:
        left, bottom, width, height = (round(place, 6) for place in axes.get_position().bounds)
        axes.set_position((left, bottom, width, height))


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Keep from stderr what a library has to say of its fonts, its settings, its directories."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
