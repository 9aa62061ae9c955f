"""Looking at a figure as a reader does: what is drawn where, and what hides what."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg

from vanish.render.figure import save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from vanish.numbers.scaled import FloatArray

SVG = "{http://www.w3.org/2000/svg}"


def lines(axes: Axes) -> list[Line2D]:
    """Return what is drawn as a line, but for the break of the axis."""
    found = [line for line in axes.lines if line.get_label() != "_break"]
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
