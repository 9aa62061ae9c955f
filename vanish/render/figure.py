"""Figures for papers and lectures, drawn with matplotlib (the extra ``plot``).

All of them come through this door; that of `vanish train` stands in `training_figure`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from vanish.render import style
from vanish.render import sweep as sweeps
from vanish.render.gradient_figure import gradient_figure
from vanish.render.maps import map_figure, phase_figure
from vanish.render.style import save
from vanish.render.swept_figure import lines_figure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from vanish.network.activations import Activation
    from vanish.sweeps.grid import Grid

__all__ = ["activation_figure", "gradient_figure", "phase_figure", "save", "sweep_figure"]


def sweep_figure(grid: Grid, rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Return the figure of a sweep: a map of two numbers, or lines over one.

    Parameters
    ----------
    grid
        A grid that is one of them.
    rows
        One summary a point, in its order.

    Raises
    ------
    UsageError
        If the grid is none of them.
    """
    found = sweeps.require_drawn(grid)
    if isinstance(found, sweeps.Map):
        return map_figure(grid, found, rows)
    return lines_figure(grid, found, rows)


def activation_figure(shown: Sequence[Activation]) -> Figure:
    """Return S and S' of each activation, as the article's figures 1 to 3 show them.

    At a kink S' jumps: a dot is its value there, a circle a limit that it does not take.
    """
    across = min(len(shown), 4)
    down = -(-len(shown) // across)
    figure = style.new_figure(3.3 * across, 2.7 * down)
    for number, activation in enumerate(shown):
        axes = figure.add_subplot(down, across, number + 1)
        axes.axhline(0.0, color="0.6", linewidth=0.6)
        axes.axvline(0.0, color="0.6", linewidth=0.6)
        _draw_pair(axes, activation)
        sup = f"{activation.sup_slope:.4g}" if activation.has_bound else "∞"
        formula = f"\n$S(x)={activation.latex[0]}$" if activation.latex[0] else ""
        axes.set_title(f"{activation.name}: sup|S'| = {sup}{formula}", fontsize="small")
        axes.set_xlim(-_REACH, _REACH)
        axes.set_ylim(*_height(activation))
        axes.set_xlabel("x")
    # One for all, outside: within the axes it would hide a curve somewhere.
    style.key(figure, style.entries(figure.axes[:1]))
    return figure


# The article's figures show about this part of the axis, either way from 0.
_REACH = 6.0
_POINTS = 2401
# Of slopes without a supremum so much is shown.
_HIGHEST = 3.5


def _draw_pair(axes: Axes, activation: Activation) -> None:
    """Draw S and S' piece by piece, from kink to kink."""
    kinks = [kink for kink in activation.kinks if -_REACH < kink < _REACH]
    x = np.linspace(-_REACH, _REACH, _POINTS)
    for number, (left, right) in enumerate(pairwise((-_REACH, *kinks, _REACH))):
        # S' has its one-sided limits as near to a kink as float64 comes.
        ends = np.nextafter(left, right), np.nextafter(right, left)
        inner = np.concatenate(([ends[0]], x[(x > left) & (x < right)], [ends[1]]))
        for curve, colour, line, label in zip(
            activation.pair(inner), style.COLOURS, ("-", "--"), ("S", "S'"), strict=False
        ):
            hidden = "_" * (number > 0)
            axes.plot(inner, curve, color=colour, linestyle=line, label=f"{hidden}{label}(x)")
    for kink in kinks:
        beside = np.array([np.nextafter(kink, -np.inf), kink, np.nextafter(kink, np.inf)])
        limits = activation.slope(beside)
        dots: dict[str, Any] = {"color": style.COLOURS[1], "markersize": 4, "linestyle": "none"}
        taken = np.isclose(limits, limits[1], rtol=1e-9, atol=1e-12)
        axes.plot(beside[~taken], limits[~taken], marker="o", markerfacecolor="white", **dots)
        axes.plot([kink], [limits[1]], marker="o", **dots)


def _height(activation: Activation) -> tuple[float, float]:
    """Return the part of the axis to show: all of a bounded S and of S', else the middle."""
    low = -2.5 if activation.lower == -np.inf else activation.lower
    high = 3.5 if activation.upper == np.inf else activation.upper
    slope = activation.slope(np.linspace(-_REACH, _REACH, _POINTS))
    low = min(low, float(slope.min()))
    high = max(high, activation.sup_slope if activation.has_bound else _HIGHEST)
    margin = 0.08 * (high - low)
    return low - margin, high + margin
