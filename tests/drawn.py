"""Looking at a figure as a reader does: what is drawn where, and what hides what."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from vanish.render.figure import save

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from vanish.numbers.scaled import FloatArray

SVG = "{http://www.w3.org/2000/svg}"


def lines(axes: Axes) -> list[Line2D]:
    """Return what is drawn as a line, but for the break of the axis and what leads to names."""
    found = [line for line in axes.lines if line.get_label() not in ("_break", "_name")]
    return [line for line in found if np.size(line.get_path().vertices)]


def labelled(axes: Axes, words: str) -> list[Line2D]:
    """Return the lines whose label has some words."""
    return [line for line in lines(axes) if words in str(line.get_label())]


def called(axes: Axes, name: str) -> list[Line2D]:
    """Return the lines of a run, behind whose name there may be how often it is 0."""
    return [line for line in lines(axes) if str(line.get_label()).partition(":")[0] == name]


def points(line: Line2D) -> tuple[list[float], list[float]]:
    """Return the places of a line, across and up."""
    x, y = (np.asarray(each, dtype=float).tolist() for each in line.get_data())
    return x, y


def bands(axes: Axes) -> list[FloatArray]:
    """Return the heights of the corners of each band."""
    paths = [path for each in axes.collections for path in each.get_paths()]
    return [np.asarray(path.vertices, dtype=float)[:, 1] for path in paths]


def strip(axes: Axes) -> tuple[float, float] | None:
    """Return the ends of the strip for zeros, by the axis's break; None where there is none."""
    marks = [line for line in axes.lines if line.get_label() == "_break"]
    if not marks:
        return None
    break_at = float(np.mean([np.asarray(line.get_ydata(), dtype=float) for line in marks]))
    return axes.get_ylim()[0], break_at


def decades(axes: Axes) -> float:
    """Return how many decades an axis of log10 shows."""
    low, high = axes.get_ylim()
    found = strip(axes)
    return high - (low if found is None else found[1])


def tick_labels(axes: Axes) -> dict[str, float]:
    """Return the ticks of the axis up, by their labels."""
    return dict(
        zip((tick.get_text() for tick in axes.get_yticklabels()), axes.get_yticks(), strict=True)
    )


def shown_layers(axes: Axes) -> list[float]:
    """Return the ticks across that are within the axes."""
    low, high = axes.get_xlim()
    return [float(tick) for tick in axes.get_xticks() if low <= tick <= high]


def is_finite(figure: Figure) -> bool:
    """Whether no line and no band has a point that is nowhere."""
    heights: list[Any] = []
    for axes in figure.axes:
        heights += [np.asarray(line.get_xydata(), dtype=float) for line in axes.lines]
        heights += bands(axes)
    return all(np.isfinite(each).all() for each in heights)


def hidden(figure: Figure) -> list[str]:
    """Return the labels of axes that a legend lies over, or that another text leaves."""
    FigureCanvasAgg(figure)
    figure.draw_without_rendering()
    legends = [*figure.legends, *(axes.get_legend() for axes in figure.axes)]
    boxes = [legend.get_window_extent() for legend in legends if legend is not None]
    found = [axes.get_title() for axes in figure.axes if any(axes.bbox.overlaps(b) for b in boxes)]
    page = figure.bbox.padded(1.0)
    ends = [end for box in boxes for end in (box.min, box.max)]
    return found + ["off the page"] * any(not page.contains(*end) for end in ends)


def texts(figure: Figure) -> list[Text]:
    """Return the texts that a reader sees; of the ticks those within the axes."""
    shown, of_ticks = [], set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            margin = 1e-9 * (high - low)
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                of_ticks |= {id(tick.label1), id(tick.label2)}
                if low - margin <= tick.get_loc() <= high + margin:
                    shown += [tick.label1, tick.label2]
    shown += [each for each in figure.findobj(Text) if id(each) not in of_ticks]
    return [each for each in shown if each.get_visible() and each.get_text().strip()]


def crowded(figure: Figure) -> list[str]:
    """Return the texts that run into another text, or off the page."""
    FigureCanvasAgg(figure)
    figure.draw_without_rendering()
    boxes = [(each.get_text(), each.get_window_extent()) for each in texts(figure)]
    # Less than a point is no overlap that anybody sees.
    shrunk = [(text, box.padded(-0.7 * figure.dpi / 72.0)) for text, box in boxes]
    found = [
        f"{one!r} over {other!r}"
        for i, (one, box) in enumerate(shrunk)
        for other, beside in shrunk[:i]
        if box.overlaps(beside)
    ]
    page = figure.bbox.padded(1.0)
    for text, box in boxes:
        if not (page.contains(*box.min) and page.contains(*box.max)):
            found.append(f"{text!r} off the page")
    return found


def end_names(axes: Axes) -> dict[str, float]:
    """Return the names at the ends of lines, with their heights as shares of the axes."""
    return {
        each.get_text(): float(each.get_position()[1])
        for each in axes.texts
        if each.get_horizontalalignment() in ("left", "right")
    }


def led_to(axes: Axes, known: Mapping[str, Line2D] | None = None) -> list[str]:
    """Return the names of the lines in whose ends the lines to names begin, from below.

    One that begins elsewhere, or in another colour, has none.

    Parameters
    ----------
    axes
        Where they are.
    known
        The line of each name; those that are labelled so where it is left out.
    """
    to_axes = axes.transScale + axes.transLimits
    if known is None:
        known = {str(line.get_label()).partition(":")[0]: line for line in lines(axes)}
    ends = {
        name: (
            str(line.get_color()),
            to_axes.transform(np.asarray(line.get_xydata(), dtype=float)[[0, -1]]),
        )
        for name, line in known.items()
    }
    found = []
    for lead in axes.lines:
        if lead.get_label() != "_name":
            continue
        start, stop = np.asarray(lead.get_xydata(), dtype=float)
        (name,) = (each for each, at in end_names(axes).items() if at == stop[1])
        colour, places = ends.get(name, ("", np.empty((0, 2))))
        is_right = colour == str(lead.get_color()) and np.isclose(places, start).all(axis=1).any()
        found.append((float(stop[1]), name if is_right else ""))
    return [name for _, name in sorted(found)]


def legend_texts(figure: Figure) -> list[str]:
    """Return what the legends say."""
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def svg_texts(figure: Figure) -> list[str]:
    """Return the texts of a figure's SVG that a reader can select."""
    stream = io.BytesIO()
    save(figure, stream, "svg")
    content = stream.getvalue()
    # A glyph drawn as a curve would be used from here.
    assert not re.search(rb'xlink:href="#(DejaVu|Glyph|Cmr)', content)
    root = ET.fromstring(content)  # noqa: S314 - no XML from outside: save() wrote it
    return ["".join(each.itertext()) for each in root.iter(f"{SVG}text")]


def figure_bytes(figure: Any, format_name: str) -> bytes:
    """Return a figure as a file."""
    stream = io.BytesIO()
    save(figure, stream, format_name)
    return stream.getvalue()
