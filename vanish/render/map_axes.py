"""What maps share: panels of one size, cells, a colour bar, and words for its two sides."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from vanish.render import style

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

    from vanish.numbers.scaled import FloatArray

# Of a panel's axes, in inches: of up to so many. Around them all are their labels.
_SIZES = {3: (3.8, 2.7), 9: (2.7, 2.0)}
_SMALL = (2.2, 1.7)
_AROUND = (0.6, 0.8)

# More values than this on an axis are not its ticks.
_TICKS = 8

# matplotlib draws no power of ten beyond.
_REACH = 305.0 * math.log(10.0)

# A word on a map takes such a share of its breadth, and half its height such a share.
_LEAST, _HALF = 0.3, 0.07


def panels(names: Sequence[str]) -> tuple[Figure, dict[str, Axes]]:
    """Return a figure with axes for each name, which stands above them.

    Labels are at the left and at the bottom of all, since all have the same axes.
    """
    rows, columns = style.grid(len(names))
    width, height = next((size for most, size in _SIZES.items() if len(names) <= most), _SMALL)
    figure = style.new_figure(
        columns * (width + 0.25) + _AROUND[0] + 1.0, rows * (height + 0.35) + _AROUND[1]
    )
    found = {}
    for number, name in enumerate(names):
        found[name] = figure.add_subplot(rows, columns, number + 1)
        found[name].set_title(name, fontsize="medium")
    return figure, found


def label(figure: Figure, across: str, up: str) -> None:
    """Name the axes of all panels, with numbers at those of the outer ones alone."""
    _, columns = style.grid(len(figure.axes))
    for number, axes in enumerate(figure.axes):
        if number % columns:
            axes.tick_params(labelleft=False)
        else:
            axes.set_ylabel(style.AXIS_LABELS.get(up, up))
        if number + columns < len(figure.axes):
            axes.tick_params(labelbottom=False)
        else:
            axes.set_xlabel(style.AXIS_LABELS.get(across, across))


def cells(
    axes: Axes, across: Sequence[float], up: Sequence[float], values: Any, most: float
) -> Any:
    """Draw values as colours about their places, and return what the colour bar is of.

    Parameters
    ----------
    axes
        Where to draw.
    across, up
        The places, ascending.
    values
        Shape (len(up), len(across)); what is masked has no colour.
    most
        The value of the last colour; minus it has the first one.
    """
    if style.goes_by_factors(across):
        axes.set_xscale("log")
    if style.goes_by_factors(up):
        axes.set_yscale("log")
    _name_places(axes.xaxis, across, _SMALL[0])
    _name_places(axes.yaxis, up, _SMALL[1])
    axes.set_facecolor("0.85")
    x, y = edges(across), edges(up)
    # Before anything is drawn, since margins of what matplotlib would choose can overflow.
    axes.set(xlim=x[[0, -1]], ylim=y[[0, -1]])
    return axes.pcolormesh(x, y, values, cmap="PuOr_r", vmin=-most, vmax=most)


def _name_places(axis: Axis, places: Sequence[float], inches: float) -> None:
    """Let the ticks be the places, but for many on an axis that is linear."""
    from matplotlib.ticker import NullLocator  # noqa: PLC0415 - an extra

    if style.goes_by_factors(places):
        axis.set_minor_locator(NullLocator())
        style.name_values(axis, places, np.log(places).tolist(), inches)
    elif len(places) <= _TICKS:
        style.name_values(axis, places, places, inches)


def edges(values: Sequence[float]) -> FloatArray:
    """Return where the cells about ascending values end, none below 0.

    Returns
    -------
    edges
        Shape (n + 1,): halfway between neighbours, as their axis goes.
    """
    by_factors = style.goes_by_factors(values)
    x = np.log(values) if by_factors else np.asarray(values, dtype=np.float64)
    between = 0.5 * (x[1:] + x[:-1])
    found = np.concatenate(([2.0 * x[0] - between[0]], between, [2.0 * x[-1] - between[-1]]))
    if by_factors:
        found = np.exp(np.clip(found, -_REACH, _REACH))
    return np.maximum(found, 0.0) if values[0] >= 0.0 else found


def say_sides(axes: Axes, across: Sequence[float], up: Sequence[float], sides: Any) -> None:
    """Write on a map where it is vanishing and where exploding, for prints without colour.

    Parameters
    ----------
    axes
        The map, its limits set.
    across, up
        The places of its cells.
    sides
        Shape (len(up), len(across)): below 0 vanishing, above 0 exploding.
    """
    to_axes = axes.transScale + axes.transLimits
    x, y = edges(across), edges(up)
    x = np.clip(to_axes.transform(np.column_stack((x, np.full(x.size, y[0]))))[:, 0], 0.0, 1.0)
    y = np.clip(to_axes.transform(np.column_stack((np.full(y.size, across[0]), y)))[:, 1], 0.0, 1.0)
    for side, word in ((-1, "vanishing"), (1, "exploding")):
        found = _widest(np.sign(sides) == side, x, y)
        if found is None:
            continue
        axes.text(
            *found,
            word,
            fontsize="small",
            ha="center",
            va="center",
            transform=axes.transAxes,
            bbox={"facecolor": "white", "alpha": 0.75, "linewidth": 0.0, "pad": 1.5},
        )


def _widest(mask: Any, x: FloatArray, y: FloatArray) -> tuple[float, float] | None:
    """Return the middle of the widest run of cells in one row that are all of a mask.

    Runs far from the middle of the map count as narrower. None where a word has no room.
    """
    best: tuple[float, float] | None = None
    score = 0.0
    for row, line in enumerate(mask):
        middle = min(max(0.5 * (y[row] + y[row + 1]), _HALF), 1.0 - _HALF)
        changes = np.flatnonzero(np.diff(np.concatenate(([0], line.astype(int), [0]))))
        for start, end in changes.reshape(-1, 2):
            width = float(x[end] - x[start])
            worth = width - 0.2 * abs(middle - 0.5)
            if width >= _LEAST and worth > score:
                best, score = (0.5 * float(x[start] + x[end]), float(middle)), worth
    return best
