"""Figures for papers and lectures, drawn with matplotlib (the extra ``plot``).

All of them come through this door; that of `vanish train` stands in `training_figure`.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from vanish.render import style
from vanish.render import sweep as sweeps
from vanish.render.acts import about
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
    down, across = style.grid(len(shown))
    figure = style.new_figure(max(4.0, 3.1 * across), 2.5 * down + 0.6)
    for number, activation in enumerate(shown):
        axes = figure.add_subplot(down, across, number + 1)
        axes.axhline(0.0, color="0.6", linewidth=0.6)
        axes.axvline(0.0, color="0.6", linewidth=0.6)
        _draw_pair(axes, activation)
        sup = f"{activation.sup_slope:.4g}" if activation.has_bound else "∞"
        axes.set_title(
            f"{activation.name}: sup|S'| = {sup}{_formula(activation)}", fontsize="medium"
        )
        axes.set_xlim(-_REACH, _REACH)
        axes.set_ylim(*_height(activation))
        if number + across >= len(shown):
            axes.set_xlabel("x")
    style.entitle(figure, "Activations S(x) and their slopes S'(x)", "")
    # One for all, outside: within the axes it would hide a curve somewhere.
    style.key(figure, style.entries(figure.axes))
    return figure


def _formula(activation: Activation) -> str:
    """Return S(x) on a line of its own, for matplotlib's mathematics, if it is known."""
    if not activation.latex[0]:
        return ""
    # A fraction would reach into the line above, and its digits be too small to read.
    text = _FRACTION.sub(_inline, activation.latex[0])
    # The sign of a root is of a font that browsers lack.
    text = re.sub(r"\\sqrt\{([^{}]*)\}", r"(\1)^{1/2}", text)
    # matplotlib sets names without the space that LaTeX has before them.
    text = re.sub(r"(?<=[\w})])\s*(\\(?:max|min|tanh|ln|sin)\b)", r"\,\1", text)
    return f"\n$S(x)={text}$"


_FRACTION = re.compile(r"\\frac\{((?:[^{}]|\{[^{}]*\})*)\}\{((?:[^{}]|\{[^{}]*\})*)\}")


def _inline(fraction: re.Match[str]) -> str:
    """Return a fraction with a slash, in brackets unless it is all there is."""
    above, below = (f"({part})" if re.search(r"[-+]", part) else part for part in fraction.groups())
    is_all = fraction[0] == fraction.string
    return f"{above}/{below}" if is_all else f"({above}/{below})"


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
        beside = about(kink)
        limits = activation.slope(beside)
        dots: dict[str, Any] = {"color": style.COLOURS[1], "markersize": 4, "linestyle": "none"}
        taken = np.isclose(limits, limits[1], rtol=1e-9, atol=1e-12)
        if taken.all():
            # S alone jumps.
            continue
        axes.plot(
            beside[~taken],
            limits[~taken],
            marker="o",
            markerfacecolor="white",
            label="a limit of S' that it does not take",
            **dots,
        )
        axes.plot([kink], [limits[1]], marker="o", label="S' at a kink", **dots)


def _height(activation: Activation) -> tuple[float, float]:
    """Return the part of the axis to show: all of a bounded S and of S', else the middle."""
    low = -2.5 if activation.lower == -np.inf else activation.lower
    high = 3.5 if activation.upper == np.inf else activation.upper
    slope = activation.slope(np.linspace(-_REACH, _REACH, _POINTS))
    low = min(low, float(slope.min()))
    high = max(high, activation.sup_slope if activation.has_bound else _HIGHEST)
    margin = 0.08 * (high - low)
    return low - margin, high + margin
