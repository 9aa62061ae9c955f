"""The figure of a sweep of one number: the gradient against depth, width, weight_std, …"""

from __future__ import annotations

import math
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from vanish.records import Record
from vanish.render import decades, line_names, style
from vanish.render import sweep as sweeps
from vanish.render.decades import Band, Curve
from vanish.sweeps.grid import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from vanish.numbers.scaled import FloatArray
    from vanish.render.style import Look
    from vanish.render.sweep import Lines
    from vanish.sweeps.grid import Grid

# So many looks are solid, so that dashes mean theory; of more lines theory and bands would
# hide what was measured.
_FEW = 7

# The strip of the failed points, one lane a line and at most: shares of the axis.
_LANE, _WIDEST = 0.05, 0.25

# The powers of ten that matplotlib can draw.
_REACH = (-305.0, 305.0)

# The axes are about so wide, in inches.
_WIDTH = 5.5

# So many values of the number across are its ticks.
_TICKS = 12

# Settings that the title names though nobody gave them.
_NAMED = ("act", "init", "layers", "width", "seed")

_SHORT = {"layers": "depth"}

_SAYS = {"explode_above": "exploding: above", "vanish_below": "vanishing: below"}

_DASHES = {"explode_above": (0, (6, 1, 1, 1)), "vanish_below": (0, (1, 1.5))}

# Of a point without neighbours.
_MARK = {"marker": "x", "markersize": 6}


class _Line(Record):
    """What was measured along one line, the number ascending; NaN where there is nothing.

    Attributes
    ----------
    name
        What tells it from the others; empty if it is alone.
    x
        The number.
    median, low, high, predicted
        log10 of the ratio, of its quantiles over several trials, and what theory expects.
    failed
        Whether the point has an error instead.
    trials
        The largest number of trials.
    """

    name: str
    x: FloatArray
    median: FloatArray
    low: FloatArray
    high: FloatArray
    predicted: FloatArray
    failed: FloatArray
    trials: int


def lines_figure(grid: Grid, found: Lines, rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Return the signal's ratio, of layer 1 to layer N, against the one number that varies.

    One line a combination of the other settings that vary: the median, of up to seven lines
    in a band from the 5 % to the 95 % quantile over several trials and beside what mean-field
    theory expects. Ratios of 0 lie in a strip below the axis, failed points in one above it;
    thin lines are the verdict's thresholds.

    Parameters
    ----------
    grid, found
        A grid in which one number varies, and which, see `render.sweep.find_lines`.
    rows
        One summary a point, in its order.
    """
    across = found.across
    lines = [*_lines(grid, across, rows)]
    called = line_names.names([_label(line) for line in lines], _FEW)
    height = max(3.3, line_names.height(len(called.ends)))
    figure = style.new_figure(7.0, height + 1.1)
    axes = figure.add_subplot()
    drawn: list[Curve | Band] = [*_thresholds(lines, rows)]
    for number, (line, look) in enumerate(zip(lines, style.looks(), strict=False)):
        drawn += _drawn(line, look, number, len(lines))
    decades.draw((axes, drawn))
    _draw_failed(axes, lines)
    _hide_beyond(axes)
    _scale(axes, lines[0].x)
    axes.set_xlabel(style.AXIS_LABELS.get(across, across))
    axes.set_ylabel("ratio of " + sweeps.ratio(grid).replace("\n", " "))
    named = {str(line.get_label()): line for line in axes.lines}
    ends = {called.ends[label]: named[label] for label in called.ends if label in named}
    line_names.name(axes, ends, height)
    put = style.key if ends else style.key_beside
    put(figure, called.entries(style.entries([axes])))
    style.entitle(figure, f"Gradient against {_SHORT.get(across, across)}", _title(grid, rows))
    return figure


def _title(grid: Grid, rows: Sequence[Mapping[str, Any]]) -> str:
    """Return what all points have in common, what nobody gave included."""
    common = []
    for name in _NAMED:
        values = {row.get(name) for row in rows if not row["error"]}
        if name not in grid.axes and len(values) == 1 and (value := values.pop()) is not None:
            common.append(f"{name} {shown(value)}")
    return " · ".join([sweeps.title(grid), *common])


def _lines(grid: Grid, across: str, rows: Sequence[Mapping[str, Any]]) -> Iterator[_Line]:
    """Yield the lines in the order of the grid."""
    others = [name for name in grid.varying if name != across]
    found: dict[tuple[Any, ...], list[tuple[float, Mapping[str, Any]]]] = {}
    for index, row in enumerate(rows):
        at = grid.coordinates(index)
        found.setdefault(tuple(at[name] for name in others), []).append((float(at[across]), row))
    for values, places in found.items():
        places.sort(key=lambda place: place[0])
        of_line = [row for _, row in places]
        yield _Line(
            ", ".join(map(sweeps.called, others, values)),
            np.array([x for x, _ in places]),
            np.array([_log10(row, "log10_ratio") for row in of_line]),
            np.array([_quantile(row, "log10_ratio_p05") for row in of_line]),
            np.array([_quantile(row, "log10_ratio_p95") for row in of_line]),
            np.array([_number(row["predicted_log10_ratio"]) for row in of_line]),
            np.array([bool(row["error"]) for row in of_line]),
            max(row["trials"] or 1 for row in of_line),
        )


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _log10(row: Mapping[str, Any], name: str) -> float:
    """Return the logarithm of a ratio: of one layer to itself 0, and of a true zero -inf."""
    if row["error"]:
        return math.nan
    if row[name] is not None:
        return float(row[name])
    return 0.0 if row["layers"] == 1 and row["verdict"] != "dead" else -math.inf


def _quantile(row: Mapping[str, Any], name: str) -> float:
    return _log10(row, name) if (row["trials"] or 1) > 1 else math.nan


def _label(line: _Line) -> str:
    return style.plain(line.name) or "measured"


def _drawn(line: _Line, look: Look, number: int, among: int) -> Iterator[Curve | Band]:
    """Yield what is drawn of a line, in pieces where points have failed."""
    measured = look.style(line.x.size, among) | {"label": _label(line)}
    for count, piece in enumerate(_pieces(line.median)):
        label = {"label": "_"} if count else {}
        every = {"markevery": (0, 1)} if piece.size == 1 else {}
        yield Curve(line.x[piece], line.median[piece], measured | label | every, number)
    if among > _FEW:
        return
    told = f"band: middle 90 % of {line.trials:,} trials,\nline: median"
    for piece in _pieces(line.low):
        ends = line.low[piece], line.high[piece]
        yield Band(line.x[piece], *ends, look.colour, number, told)
    for piece in _pieces(line.predicted):
        drawn: dict[str, Any] = {
            "color": look.shade,
            "linestyle": "--",
            "linewidth": 1.1,
            "zorder": 3,
            "label": "mean-field theory\n(root mean square)",
        }
        mark = _MARK if piece.size == 1 else {}
        yield Curve(line.x[piece], line.predicted[piece], drawn | mark, number)


def _pieces(values: FloatArray) -> Iterator[FloatArray]:
    """Yield the indices of neighbours that are numbers."""
    for known, piece in groupby(range(values.size), lambda i: not math.isnan(values[i])):
        if known:
            yield np.array([*piece])


def _thresholds(lines: Sequence[_Line], rows: Sequence[Mapping[str, Any]]) -> Iterator[Curve]:
    """Yield what is below which vanishing, and above which exploding."""
    ends = np.array([lines[0].x[0], lines[0].x[-1]])
    for name, says in _SAYS.items():
        # None of a point whose settings are at odds.
        for value in sorted({row[name] for row in rows} - {None}):
            if not 0.0 < value < math.inf:
                continue
            drawn: dict[str, Any] = {
                "color": "0.35",
                "linewidth": 1.0,
                "linestyle": _DASHES[name],
                "label": f"{says} {value:g}",
            }
            yield Curve(ends, np.full(2, math.log10(value)), drawn, may_leave=True)


def _hide_beyond(axes: Axes) -> None:
    """Keep thresholds that are not within the axes from the legend."""
    low, high = axes.get_ylim()
    for line in axes.lines:
        label = str(line.get_label())
        beyond = not low < float(np.asarray(line.get_ydata())[0]) < high
        if beyond and label.startswith(tuple(_SAYS.values())):
            line.remove()


def _draw_failed(axes: Axes, lines: Sequence[_Line]) -> None:
    """Show above the axis which points have failed, one lane a line."""
    failed = [
        (line, look) for line, look in zip(lines, style.looks(), strict=False) if line.failed.any()
    ]
    if not failed:
        return
    bottom, low = axes.get_ylim()
    strip = (low - bottom) * min(_LANE * (len(failed) + 1), _WIDEST)
    axes.axhspan(low, low + strip, facecolor="0.93", edgecolor="none", zorder=0.0)
    for number, (line, look) in enumerate(failed):
        height = low + strip * (1.0 - (number + 1) / (len(failed) + 1))
        x = line.x[line.failed]
        mark: dict[str, Any] = {"marker": "$?$", "color": look.colour, "linestyle": "none"}
        # What has failed everywhere has no other entry in the legend.
        named = f"{style.plain(line.name)}: failed" if line.name and line.failed.all() else "failed"
        axes.plot(x, np.full(x.size, height), **mark, label=named)
    labels = [tick.get_text() for tick in axes.get_yticklabels()]
    axes.set_yticks([*axes.get_yticks(), low + 0.5 * strip], [*labels, "failed"])
    axes.set_ylim(bottom, low + strip)


def _scale(axes: Axes, x: FloatArray) -> None:
    """Let the axis across be logarithmic where the numbers go up by factors.

    Ticks are the numbers themselves, or the first, the last and round ones between them: there
    is none at 0 layers.
    """
    values = x.tolist()
    if style.goes_by_factors(values):
        logs = np.log10(x)
        ends = logs[[0, -1]] + 0.04 * (logs[-1] - logs[0]) * np.array([-1.0, 1.0])
        axes.set_xlim(*10.0 ** np.clip(ends, *_REACH))
        axes.set_xscale("log")
        axes.minorticks_off()
        style.name_values(axes.xaxis, values, logs.tolist(), _WIDTH)
        return
    if len(values) > _TICKS:
        low, high = values[0], values[-1]
        round_ones = axes.get_xticks().tolist()
        near = 0.6 * (round_ones[1] - round_ones[0])
        values = [low, *(tick for tick in round_ones if low + near <= tick <= high - near), high]
    style.name_values(axes.xaxis, values, values, _WIDTH)
