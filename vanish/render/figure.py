"""Figures for papers and lectures, drawn with matplotlib (the extra ``plot``).

Colours are those of Okabe and Ito, told apart by colour-blind readers; every line also
has a marker of its own, so that a grey print can be read.
"""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from vanish import activations, theory
from vanish.errors import UsageError
from vanish.render.sweep import by_place, require_map
from vanish.verdict import subject

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from matplotlib.figure import Figure

    from vanish.activations import Activation
    from vanish.grid import Grid
    from vanish.profile import Profile
    from vanish.scaled import Magnitude
    from vanish.theory import TheoryPoint

# Okabe and Ito 2008, "Color universal design", without yellow, which white paper hides.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

# The quantiles of several trials, a band about the median.
_BAND = ("grad_w_p05", "grad_w_p95")

# More markers than this on one line would run into each other.
_MARKED = 20


def _matplotlib() -> Any:
    """Return matplotlib's Figure class, which needs no display.

    Raises
    ------
    UsageError
        If matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - an extra
    except ImportError:
        raise UsageError("plot: matplotlib is not installed: pip install matplotlib") from None
    return Figure


def _styles() -> Iterator[tuple[str, str]]:
    """Yield colours with markers: 7 and 8 combine to 56 different lines."""
    return zip(cycle(_COLOURS), cycle(_MARKERS), strict=False)


def gradient_figure(profiles: Sequence[Profile]) -> Figure:
    """Return log10 of the gradient by layer, one line a run, its slope bound dashed.

    Layers whose gradient is exactly 0 are crosses on the lower edge.
    """
    figure: Figure = _matplotlib()(figsize=(7.0, 4.5), layout="constrained")
    axes = figure.add_subplot()
    dead: list[tuple[int, str]] = []
    depth = max(len(profile.layers) for profile in profiles)
    bounded = set()
    for profile, (colour, marker) in zip(profiles, _styles(), strict=False):
        layers = np.array([layer.layer for layer in profile.layers])
        logs = np.array([_or_nan(layer.grad_w.log10) for layer in profile.layers])
        dead += [(k, colour) for k in layers[np.isnan(logs)]]
        axes.plot(
            layers,
            logs,
            color=colour,
            marker=marker,
            markersize=5,
            markevery=max(1, depth // _MARKED),
            label=subject(profile, profiles),
        )
        if profile.trials > 1:
            low, high = (
                np.array([_or_nan(_log10(getattr(layer, name))) for layer in profile.layers])
                for name in _BAND
            )
            axes.fill_between(layers, low, high, color=colour, alpha=0.2, linewidth=0.0)
        act = profile.settings.act_label
        if act not in bounded:
            bounded.add(act)
            bound = [_or_nan(layer.slope_bound.log10) for layer in profile.layers]
            axes.plot(layers, bound, color=colour, linestyle="--", linewidth=1.0)
    if dead:
        at, colours = zip(*dead, strict=True)
        axes.scatter(
            at,
            [0.02] * len(at),
            marker="x",
            c=colours,
            transform=axes.get_xaxis_transform(),
            label="exactly 0",
            clip_on=False,
        )
    axes.set_xlabel("layer $k$ (input side first)")
    axes.set_ylabel(r"$\log_{10}\,\|\partial L/\partial W_k\|$")
    axes.set_xlim(0.5, depth + 0.5)
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415 - an extra

    axes.xaxis.set_major_locator(
        MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True, min_n_ticks=1)
    )
    axes.grid(visible=True, color="0.9")
    axes.set_axisbelow(True)
    band = "band: the middle 90 % of the trials\n" if profiles[0].trials > 1 else ""
    axes.legend(
        fontsize="small",
        ncols=2 if len(profiles) > 3 else 1,
        title=band + r"dashed: the bound $\sup|S^{\prime}|^{N-k+1}$ on the slopes",
        title_fontsize="small",
    )
    return figure


def activation_figure(shown: Sequence[Activation]) -> Figure:
    """Return S and S' of each activation, as the article's figures 1 to 3 show them."""
    across = min(len(shown), 4)
    down = -(-len(shown) // across)
    figure: Figure = _matplotlib()(figsize=(3.2 * across, 2.6 * down), layout="constrained")
    x = np.linspace(-6.0, 6.0, 1201)
    for number, activation in enumerate(shown):
        axes = figure.add_subplot(down, across, number + 1)
        value, slope = activation.pair(x)
        for kink in activation.kinks:
            slope[np.isclose(x, kink)] = np.nan  # a jump is no part of the curve
        axes.plot(x, value, color=_COLOURS[0], label="$S(x)$")
        axes.plot(x, slope, color=_COLOURS[1], linestyle="--", label=r"$S^{\prime}(x)$")
        formula = f"\n$S(x)={activation.latex[0]}$" if activation.latex[0] else ""
        axes.set_title(
            f"{activation.name}: sup|S'| = {activation.sup_slope:.4g}{formula}", fontsize="small"
        )
        axes.set_ylim(*_height(activation))
        axes.axhline(0.0, color="0.6", linewidth=0.6)
        axes.axvline(0.0, color="0.6", linewidth=0.6)
        axes.set_xlabel("$x$")
    # One for all, above them: within the axes it would hide a curve somewhere.
    curves, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(curves, labels, loc="outside upper center", ncols=2)
    return figure


def phase_figure(points: Sequence[TheoryPoint]) -> Figure:
    """Return the phase diagram of each activation, χ₁ over weight_std and bias_std.

    Raises
    ------
    UsageError
        If the points are no grid of at least two numbers each way.
    """
    names = list(dict.fromkeys(point.act for point in points))
    across = min(len(names), 3)
    down = -(-len(names) // across)
    figure: Figure = _matplotlib()(figsize=(4.2 * across, 3.6 * down), layout="constrained")
    for number, name in enumerate(names):
        of_act = [point for point in points if point.act == name]
        weights = sorted({point.weight_std for point in of_act if point.weight_std is not None})
        biases = sorted({point.bias_std for point in of_act})
        if min(len(weights), len(biases)) < 2 or len(of_act) != len(weights) * len(biases):
            raise UsageError(
                "--plot: a phase diagram has two axes: give ranges, such as --weight-std"
                " 0.5:3:26 --bias-std 0:1:21"
            )
        known = {(point.weight_std, point.bias_std): point.chi_1 for point in of_act}
        chi = np.array([[known.get((w, b)) or np.nan for w in weights] for b in biases])
        axes = figure.add_subplot(down, across, number + 1)
        mesh = axes.pcolormesh(
            weights, biases, np.log10(chi), cmap="PuOr_r", vmin=-1.0, vmax=1.0, shading="nearest"
        )
        line = {point.bias_std: point.critical_weight_std for point in of_act}
        critical = [_or_nan(line[bias]) for bias in biases]
        if any(weights[0] <= each <= weights[-1] for each in critical):
            axes.plot(critical, biases, color="black", linewidth=2.0, label=r"critical: $\chi_1=1$")
            axes.legend(fontsize="small", loc="upper left")
        axes.set_xlim(weights[0], weights[-1])
        axes.set_title(name, fontsize="medium")
        axes.set_xlabel(r"weight_std $\sigma_w$")
        axes.set_ylabel(r"bias_std $\sigma_b$")
        figure.colorbar(
            mesh,
            ax=axes,
            extend="both",
            label=r"$\log_{10}\chi_1$: below 0 vanishing, above exploding",
        )
    return figure


def sweep_figure(grid: Grid, rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Return the map of a sweep: decades a layer over two settings, one panel an activation.

    Theory's critical line is over it where weight_std is an axis; dead points are crosses.

    Parameters
    ----------
    grid
        A grid that is a map, see `render.sweep.require_map`.
    rows
        One summary a point, in its order.
    """
    found = require_map(grid)
    names = found.panels
    columns = min(len(names), 3)
    lines = -(-len(names) // columns)
    figure: Figure = _matplotlib()(figsize=(4.2 * columns, 3.6 * lines), layout="constrained")
    across, up = (sorted(grid.axes[name]) for name in (found.across, found.up))
    at = by_place(grid, found, rows)
    meshes = []
    for number, name in enumerate(names):
        decades = np.array(
            [[_or_nan(at[name, x, y]["decades_per_layer"]) for x in across] for y in up]
        )
        axes = figure.add_subplot(lines, columns, number + 1)
        mesh = axes.pcolormesh(
            across, up, decades, cmap="PuOr_r", vmin=-0.5, vmax=0.5, shading="nearest"
        )
        dead = [
            (x, y) for (act, x, y), row in at.items() if (act, row["verdict"]) == (name, "dead")
        ]
        if dead:
            axes.plot(*zip(*dead, strict=True), "x", color="0.4", markersize=4, label="exactly 0")
        if found.across == "weight_std":
            _draw_critical(axes, grid, found.up, name, across, up)
        axes.set_title(name, fontsize="medium")
        axes.set_xlabel(_AXIS_LABELS.get(found.across, found.across))
        axes.set_ylabel(_AXIS_LABELS.get(found.up, found.up))
        if len(up) <= _TICKS:
            axes.set_yticks(up, [f"{each:g}" for each in up])
        meshes.append(mesh)
    figure.colorbar(
        meshes[0],
        ax=figure.axes,
        extend="both",
        label="decades a layer\nvanishing below 0, exploding above",
    )
    # One for all, outside, where it hides nothing.
    known = {
        label: handle
        for axes in figure.axes
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    if known:
        figure.legend(known.values(), known.keys(), loc="outside upper center", ncols=2)
    return figure


# More values than this on an axis are not all named.
_TICKS = 8

_AXIS_LABELS = {
    "weight_std": r"weight_std $\sigma_w$",
    "bias_std": r"bias_std $\sigma_b$",
    "layers": "layers $N$",
}


def _draw_critical(
    axes: Any, grid: Grid, up: str, name: str, across: Sequence[float], ups: Sequence[float]
) -> None:
    """Draw where theory has gradients neither vanish nor explode."""
    activation = activations.get(name)
    # The gain multiplies what weight_std sets.
    gain = grid.axes.get("gain", (1.0,))[0]
    style: dict[str, Any] = {"color": "black", "linewidth": 2.0, "label": r"critical: $\chi_1=1$"}
    if up == "bias_std":
        critical = [_or_nan(theory.critical(activation, bias).weight_std) / gain for bias in ups]
        if any(across[0] <= each <= across[-1] for each in critical):
            limits = axes.get_xlim()
            axes.plot(critical, ups, **style)
            axes.set_xlim(limits)
        return
    bias = grid.axes.get("bias_std", (0.0,))[0]
    only = theory.critical(activation, bias).weight_std
    if only is not None and across[0] <= only / gain <= across[-1]:
        axes.axvline(only / gain, **style)


def _height(activation: Activation) -> tuple[float, float]:
    """Return the part of the axis to show: all of a bounded S and of S', else the middle."""
    low = -2.5 if activation.lower == -np.inf else activation.lower
    high = 3.5 if activation.upper == np.inf else activation.upper
    low = min(low, float(activation.slope(np.linspace(-6.0, 6.0, 1201)).min()))
    high = max(high, activation.sup_slope)
    margin = 0.08 * (high - low)
    return low - margin, high + margin


def _log10(magnitude: Magnitude | None) -> float | None:
    return None if magnitude is None else magnitude.log10


def _or_nan(log10: float | None) -> float:
    return float("nan") if log10 is None else log10


def save(figure: Figure, stream: BinaryIO, format_name: str) -> None:
    """Write a figure; the same figure gives the same bytes."""
    import matplotlib as mpl  # noqa: PLC0415 - an extra

    # Without these, SVG has random identifiers and SVG and PDF the time.
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(format_name)
    with mpl.rc_context({"svg.hashsalt": "vanish"}):
        figure.savefig(stream, format=format_name, dpi=160, metadata=metadata)
