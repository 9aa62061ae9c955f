"""Magnitudes on a logarithmic axis that has a place for 0.

What is drawn is log10, since 10^-602 is nothing that float64 holds; the ticks are powers of
ten. A true zero lies on no such axis: below a break there is a strip labelled 0, in which
every line has a lane of its own.
"""

from __future__ import annotations

import math
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.axes import Axes

    from vanish.numbers.scaled import FloatArray, Magnitude

# What changes by less is no news: an axis shows so many decades at least.
_LEAST = 3.0

# So many decades of a bound that leaves the axes are shown, by those of what was measured.
_ROOM = 0.3

_MARGIN = 0.04

# Of the strip for zeros with one lane, with each further one, and at most: shares of the
# decades above it.
_STRIP, _LANE, _WIDEST = 0.09, 0.03, 0.3

_TICKS = 7

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class Curve(Record):
    """A line.

    Attributes
    ----------
    x
        Where the points are.
    log10
        Decimal logarithms, -inf for a true zero.
    style
        matplotlib's keywords.
    lane
        What tells its zeros from those of other lines.
    may_leave
        Whether the axis may end before the line does: a bound far beyond all that was
        measured would press it flat.
    """

    x: FloatArray
    log10: FloatArray
    style: dict[str, Any]
    lane: int = 0
    may_leave: bool = False


class Band(Record):
    """The room between two lines.

    Attributes
    ----------
    x, low, high, lane
        As for `Curve`.
    colour, label
        What it is filled with, and what the legend says of all bands.
    """

    x: FloatArray
    low: FloatArray
    high: FloatArray
    colour: str
    lane: int = 0
    label: str = ""


Panel = tuple["Axes", "Sequence[Curve | Band]"]


def log10s(magnitudes: Iterable[Magnitude | None]) -> FloatArray:
    """Return decimal logarithms, -inf for a true zero."""
    return np.array(
        [-math.inf if each is None or not each else each.log10 for each in magnitudes],
        dtype=np.float64,
    )


def draw(*panels: Panel) -> bool:
    """Draw lines and bands on axes that share their limits.

    Parameters
    ----------
    panels
        Each of them with what it shows.

    Returns
    -------
    bool
        Whether a line leaves the axes, which may.
    """
    shown = [each for _, content in panels for each in content]
    low, high = _limits(shown)
    lanes = sorted({each.lane for each in shown if _has_zeros(each)})
    strip = (high - low) * min(_STRIP + _LANE * (len(lanes) - 1), _WIDEST) if lanes else 0.0
    bottom = low - strip
    # The lower lane for the later line.
    height = {
        lane: low - strip * (number + 1) / (len(lanes) + 1) for number, lane in enumerate(lanes)
    }
    for axes, content in panels:
        for each in content:
            _put(axes, each, height.get(each.lane, bottom))
        ticks = _decades(low, high)
        labels = ["10" + str(tick).translate(_RAISED) for tick in ticks]
        if lanes:
            _break(axes, bottom, low)
            axes.set_yticks([low - 0.5 * strip, *ticks], ["0", *labels])
        else:
            axes.set_yticks(ticks, labels)
        axes.set_ylim(bottom, high)
        axes.grid(visible=True, color="0.9")
        axes.set_axisbelow(True)
    finite = (line[np.isfinite(line)] for each in shown for line in _lines(each))
    return any(((line < low) | (line > high)).any() for line in finite)


def _lines(each: Curve | Band) -> tuple[FloatArray, ...]:
    return (each.log10,) if isinstance(each, Curve) else (each.low, each.high)


def _has_zeros(each: Curve | Band) -> bool:
    return any(np.isneginf(line).any() for line in _lines(each))


def _limits(shown: Sequence[Curve | Band]) -> tuple[float, float]:
    """Return the ends of the axis above the break."""

    def ends(kept: Iterable[Curve | Band]) -> tuple[float, float]:
        finite = [
            float(value)
            for each in kept
            for line in _lines(each)
            for value in line[np.isfinite(line)]
        ]
        return min(finite, default=math.inf), max(finite, default=-math.inf)

    def leaves(each: Curve | Band) -> bool:
        return isinstance(each, Curve) and each.may_leave

    low, high = ends(each for each in shown if not leaves(each))
    farthest = ends(each for each in shown if leaves(each))
    if low > high:
        low, high = farthest if farthest[0] <= farthest[1] else (0.0, 0.0)
    room = max(_LEAST, _ROOM * (high - low))
    low = min(low, max(farthest[0], low - room))
    high = max(high, min(farthest[1], high + room))
    missing = max(0.0, _LEAST - (high - low))
    low, high = low - 0.5 * missing, high + 0.5 * missing
    margin = _MARGIN * (high - low)
    return low - margin, high + margin


def _put(axes: Axes, each: Curve | Band, height: float) -> None:
    """Draw a line or a band, its zeros at their height."""

    def placed(log10: FloatArray) -> FloatArray:
        return np.where(np.isneginf(log10), height, log10)

    if isinstance(each, Curve):
        axes.plot(each.x, placed(each.log10), **each.style)
        return
    drawn: dict[str, Any] = {"color": each.colour, "alpha": 0.18, "linewidth": 0.0}
    axes.fill_between(each.x, placed(each.low), placed(each.high), **drawn, label=each.label)


def _break(axes: Axes, bottom: float, low: float) -> None:
    """Show that the axis goes on below with 0."""
    axes.axhspan(bottom, low, facecolor="0.93", edgecolor="none", zorder=0.0)
    slash = [(-1.0, -0.6), (1.0, 0.6)]
    for shift in (-0.12, 0.12):
        axes.plot(
            [0.0, 1.0],
            [low + shift * (low - bottom)] * 2,
            marker=slash,
            markersize=9,
            color="black",
            clip_on=False,
            linestyle="none",
            transform=axes.get_yaxis_transform(),
            label="_break",
        )


def _decades(low: float, high: float) -> list[int]:
    """Return the exponents of the ticks: multiples of a round number."""
    steps = (digit * 10**power for power in count() for digit in (1, 2, 3, 5))
    step = next(step for step in steps if (high - low) / step <= _TICKS)
    return list(range(math.ceil(low / step) * step, math.floor(high / step) * step + 1, step))
