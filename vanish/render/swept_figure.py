"""The figure of a sweep of one number: the gradient against depth, width, weight_std, …"""

from __future__ import annotations

import math
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vanish.render import decades, style
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

# An axis is logarithmic where it goes up by such a factor in even steps.
_FAR = 16.0

# The powers of ten that matplotlib can draw.
_REACH = (-305.0, 305.0)

# Settings that the title names though nobody gave them.
_NAMED = ("act", "init", "layers", "width", "seed")

_LABELS = {"layers": "layers N", "batch": "batch: rows of the input", "width": "width n"}

_SHORT = {"layers": "depth"}

_SAYS = {"explode_above": "exploding: above", "vanish_below": "vanishing: below"}

# Of a point without neighbours.
_MARK = {"marker": "x", "markersize": 6}


class _Line(NamedTuple):
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
    figure = style.new_figure(7.0, 4.6)
    axes = figure.add_subplot()
    drawn: list[Curve | Band] = [*_thresholds(lines, rows)]
    for number, (line, look) in enumerate(zip(lines, style.looks(), strict=False)):
        drawn += _drawn(line, look, number, len(lines))
    decades.draw((axes, drawn))
    _draw_failed(axes, lines)
    _hide_beyond(axes)
    _scale(axes, lines[0].x)
    label = _LABELS.get(across, across)
    axes.set_xlabel(label)
    axes.set_ylabel(sweeps.ratio(grid).replace("\n", " "))
    axes.set_title(f"gradient against {_SHORT.get(across, across)}", fontsize="medium")
    style.key_beside(figure, style.entries([axes]))
    style.entitle(figure, _title(grid, rows))
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


def _drawn(line: _Line, look: Look, number: int, among: int) -> Iterator[Curve | Band]:
    """Yield what is drawn of a line, in pieces where points have failed."""
    measured = look.style(line.x.size, among) | {"label": style.plain(line.name) or "measured"}
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
            "label": "mean-field theory",
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
        for value in sorted({row[name] for row in rows}):
            if not 0.0 < value < math.inf:
                continue
            drawn: dict[str, Any] = {
                "color": "0.35",
                "linewidth": 0.8,
                "linestyle": (0, (5, 1, 1, 1)),
            }
            drawn["label"] = f"{says} {value:g}"
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
    """Let the axis across be logarithmic where the numbers go up by factors."""
    if x[0] <= 0.0 or x[-1] < _FAR * x[0] or x.size < 3:
        return
    steps, factors = np.diff(x), np.diff(np.log(x))
    if factors.max() / factors.min() < steps.max() / steps.min():
        logs = np.log10(x)
        ends = logs[[0, -1]] + 0.04 * (logs[-1] - logs[0]) * np.array([-1.0, 1.0])
        axes.set_xlim(*10.0 ** np.clip(ends, *_REACH))
        axes.set_xscale("log")
        kept = style.apart(logs.tolist())
        ticks = [float(each) for each, log in zip(x, logs.tolist(), strict=True) if log in kept]
        # The first one has a place, if need be its neighbour's.
        ticks[0] = float(x[0])
        axes.set_xticks(ticks, [f"{each:g}" for each in ticks])
        axes.minorticks_off()
