"""Maps of two settings: theory's phase diagram, and what a sweep measured."""

from __future__ import annotations

import math
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from vanish.errors import UsageError
from vanish.network import activations
from vanish.records import Record
from vanish.render import map_axes, style
from vanish.render import sweep as sweeps
from vanish.render import theory as theories
from vanish.theories import crossing
from vanish.theories import infinitewidth as theory

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from vanish.network.activations import Activation
    from vanish.render.sweep import Map
    from vanish.sweeps.grid import Grid
    from vanish.theories.infinitewidth import TheoryPoint


def phase_figure(points: Sequence[TheoryPoint], input_rms: float = 1.0) -> Figure:
    """Return the phase diagram of each activation, χ₁ over weight_std and bias_std.

    Over it is the line on which the χ₁ that is shown grows through 1.

    Parameters
    ----------
    points
        A grid.
    input_rms
        What they were computed for.

    Raises
    ------
    UsageError
        If the points are no grid of at least two numbers each way.
    """
    names = list(dict.fromkeys(point.act for point in points))
    figure, panels = map_axes.panels(names)
    for name, axes in panels.items():
        of_act = [point for point in points if point.act == name]
        weights = sorted({point.weight_std for point in of_act if point.weight_std is not None})
        biases = sorted({point.bias_std for point in of_act})
        if min(len(weights), len(biases)) < 2 or len(of_act) != len(weights) * len(biases):
            raise UsageError(
                "--plot: a phase diagram has two axes: give ranges, such as --weight-std"
                " 0.5:3:26 --bias-std 0:1:21"
            )
        chi = {(point.weight_std, point.bias_std): _log10(point.chi_1) for point in of_act}
        logs = np.ma.masked_invalid([[chi[w, b] for w in weights] for b in biases])
        mesh = map_axes.cells(axes, weights, biases, logs, 1.0)
        axes.set(xlim=(weights[0], weights[-1]), ylim=(biases[0], biases[-1]))
        sides = np.round(np.nan_to_num(logs.data), _SURE)
        map_axes.say_sides(axes, weights, biases, sides)
        fine = _fine(biases[0], biases[-1])
        line = _crossings(activations.get(name), [(bias, 1.0) for bias in fine], input_rms)
        _draw_crossings(axes, line, fine, weights)
    map_axes.label(figure, "weight_std", "bias_std")
    bar = _colour_bar(figure, mesh, "χ₁: below 1 vanishing, above exploding")
    bar.set_ticks(np.log10(_CHI_TICKS).tolist(), labels=[f"{chi:g}" for chi in _CHI_TICKS])
    style.entitle(figure, "Phase diagram: χ₁ by weight_std and bias_std", theories.title(input_rms))
    style.key(figure, style.entries(figure.axes))
    return figure


def _log10(chi: float | None) -> float:
    """Return where a χ₁ is coloured: 0 and ∞ beyond every colour, what has no law nowhere."""
    if chi is None:
        return math.nan
    return min(math.log10(chi), 99.0) if chi else -99.0


# A χ₁ this near to 1, in digits of its logarithm, is on neither side.
_SURE = 2

_CHI_TICKS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


def map_figure(grid: Grid, found: Map, rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Return the map of a sweep: decades a layer over two settings, one panel an activation.

    Where weight_std is an axis, theory's line is over it. What is dead or has failed has no
    colour, and a sign.

    Parameters
    ----------
    grid, found
        A grid that is a map, and which, see `render.sweep.find_map`.
    rows
        One summary a point, in its order.
    """
    figure, panels = map_axes.panels(found.panels)
    if "layer_acts" in grid.axes:
        figure.axes[0].set_title("mixed", fontsize="medium")
    across, up = (sorted(grid.axes[name]) for name in (found.across, found.up))
    at = sweeps.by_place(grid, found, rows)
    for name, axes in panels.items():
        of_act = [[at[name, x, y] for x in across] for y in up]
        gained = np.ma.masked_invalid([[_decades(row) for row in line] for line in of_act])
        mesh = map_axes.cells(axes, across, up, gained, 0.5)
        sides = [[_SIDES.get(row["verdict"], 0) for row in line] for line in of_act]
        map_axes.say_sides(axes, across, up, sides)
        _put_signs(axes, [(x, y, at[name, x, y]) for y in up for x in across])
        # The line is that of one activation and of normal biases.
        if found.across == "weight_std" and not {"layer_acts", "bias_init"} & grid.axes.keys():
            _draw_critical(axes, grid, found.up, name, across, up)
    map_axes.label(figure, found.across, found.up)
    _colour_bar(figure, mesh, "decades a layer, going back\nbelow 0 vanishing, above exploding")
    what = f"Decades that the gradient gains a layer, by {found.across} and {found.up}"
    style.entitle(figure, what, sweeps.title(grid))
    style.key(figure, style.entries(figure.axes))
    return figure


_SIDES = {"vanishing": -1, "exploding": 1}


def _put_signs(axes: Axes, points: Sequence[tuple[float, float, Mapping[str, Any]]]) -> None:
    """Put a sign on what has no colour."""
    dead = [(x, y) for x, y, row in points if row["verdict"] == "dead"]
    if dead:
        axes.plot(*zip(*dead, strict=True), "x", color="0.4", markersize=4, label="exactly 0")
    failed = [(x, y) for x, y, row in points if row["error"]]
    if failed:
        places = [*zip(*failed, strict=True)]
        axes.plot(*places, linestyle="none", marker="$?$", color="black", label="failed")


def _colour_bar(figure: Figure, mesh: Any, label: str) -> Any:
    """Put a bar beside all maps, as broad as beside one, and return it."""
    bar: dict[str, Any] = {
        "extend": "both",
        "aspect": 5.7 * figure.get_figheight(),
        "fraction": 0.6 / figure.get_figwidth(),
    }
    return figure.colorbar(mesh, ax=figure.axes, label=label, **bar)


def _decades(row: Mapping[str, Any]) -> float:
    """Return decades a layer: 0 for a single layer, and NaN for what is dead or has failed."""
    decades_a_layer = row["decades_per_layer"]
    if decades_a_layer is None:
        return 0.0 if row["verdict"] == "stable" else math.nan
    return float(decades_a_layer)


def _draw_critical(
    axes: Axes, grid: Grid, up: str, name: str, across: Sequence[float], ups: Sequence[float]
) -> None:
    """Draw where theory has gradients neither vanish nor explode, over weight_std."""
    given = grid.axes.get("input", (None,))[0]
    input_rms = 1.0 if given is None else math.sqrt(float(np.mean(given.values**2)))
    low, high = ups[0], ups[-1]
    if up == "bias_std":
        fine = _fine(low, high)
    elif up == "gain":
        # w = w*/gain
        fine = np.geomspace(low, high, _ALONG).tolist()
    else:
        # A line upright.
        fine = list(axes.get_ylim())
    settings = {"bias_std": grid.axes.get("bias_std", (0.0,))[0]}
    settings["gain"] = grid.axes.get("gain", (1.0,))[0]
    along = [settings | {up: each} for each in fine]
    places = [(each["bias_std"], each["gain"]) for each in along]
    _draw_crossings(axes, _crossings(activations.get(name), places, input_rms), fine, across)


# So many points make a line smooth.
_ALONG = 81


def _fine(low: float, high: float) -> list[float]:
    """Return points between two bias_std; near 0, where lines start as bias_std^(2/3), more."""
    return [low + (high - low) * (i / (_ALONG - 1)) ** 3 for i in range(_ALONG)]


class _Place(Record):
    """What theory says of χ₁ at one height of a map.

    Attributes
    ----------
    kind
        ``critical``; ``unbounded``, where χ₁ = 1 as q grows without bound; ``unstable``,
        where it jumps over 1; or ``none``.
    weight_std
        Where it is 1, if it is.
    """

    kind: str
    weight_std: float = math.nan


# How each kind is drawn; relu with biases, say, has χ₁ = 1 though no q*.
_LINES: dict[str, dict[str, Any]] = {
    "critical": {"linestyle": "-", "label": "critical in theory: χ₁ = 1"},
    "unbounded": {"linestyle": ":", "label": "χ₁ = 1 as q grows without bound"},
}
_UNSTABLE = "no line: χ₁ jumps over 1, the critical point is unstable"


def _crossings(
    activation: Activation, places: Sequence[tuple[float, float]], input_rms: float
) -> list[_Place]:
    """Return where theory's χ₁ grows through 1, for each bias_std and gain."""

    @cache
    def at(bias_std: float) -> _Place:
        found = crossing.crossing(activation, bias_std, input_rms)
        if found is not None:
            return _Place("critical" if found.bounded else "unbounded", found.weight_std)
        unstable = theory.critical(activation, bias_std).stable is False
        return _Place("unstable" if unstable else "none")

    # The gain multiplies what weight_std sets.
    return [_Place(at(bias).kind, at(bias).weight_std / gain) for bias, gain in places]


def _draw_crossings(
    axes: Axes, line: Sequence[_Place], heights: Sequence[float], across: Sequence[float]
) -> None:
    """Draw a line in pieces of one kind; beside the axis across nothing of it is drawn."""
    for kind, piece in groupby(zip(line, heights, strict=True), lambda each: each[0].kind):
        places = [(place.weight_std, height) for place, height in piece]
        if kind == "unstable":
            axes.plot([], [], linestyle="none", label=_UNSTABLE)
        if kind not in _LINES or not any(across[0] <= std <= across[-1] for std, _ in places):
            continue
        # relu is critical at one bias_std only, a point.
        is_point = abs(places[-1][1] - places[0][1]) < 0.01 * abs(heights[-1] - heights[0])
        drawn = _LINES[kind] | ({"marker": "o", "clip_on": False} if is_point else {})
        shown = places[:1] if is_point else places
        axes.plot(*zip(*shown, strict=True), color="black", linewidth=2.0, **drawn)
