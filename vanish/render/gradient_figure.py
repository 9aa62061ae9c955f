"""The figure of `vanish` itself: slopes, gradients and the way forward, with bounds and theory."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from vanish.lessons import spread
from vanish.records import Record
from vanish.render import decades, line_names, style, titles
from vanish.render.decades import Band, Curve, log10s
from vanish.simulation.measured import HIGH, LOW, magnitude_quantiles

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from vanish.numbers.scaled import FloatArray, Magnitude
    from vanish.numbers.stack import Magnitudes
    from vanish.render.style import Look
    from vanish.simulation.profile import Profile

    # What to draw of each measure, by the fields of `_Run`.
    _Shown = Mapping[str, Sequence[Curve | Band]]

# With more runs than this beside each other, theory, norm bounds and bands would hide what
# was measured.
_FEW = 4

# Of theory's medians so many layers are found at most, and the line drawn through them.
_SHOWN = 101

_TITLE = "How much gradient reaches each layer"

_SIGNAL = "‖∂L/∂{}ₖ‖"
_WEIGHTS = "‖∂L/∂Wₖ‖"
_SLOPES = "product of the layers' largest slopes"
_FORWARD = "rms of aₖ"
_SLOPE_BOUND = "bound on the slopes, ∏ sup|S'|"
_NORM_BOUND = "norm bound on " + _WEIGHTS
_BOUND = {"linestyle": ":"}


def gradient_figure(profiles: Sequence[Profile]) -> Figure:
    """Return the slopes beside their bound, and the gradients beside theory, by layer.

    Left is the measured product of slopes under ∏ sup|S'|, the article's bound. Right are
    ‖∂L/∂a_k‖, the signal going back, and ‖∂L/∂W_k‖, by which layer k moves, with what theory
    expects of them and the norm bound of the latter: of one run together, of several ones on
    axes beside each other. Of more than four runs there are the measured lines and the
    slopes' bounds only. Several trials are shown by their median, in a band from the 5 % to
    the 95 % quantile. What is exactly 0 lies in a strip below the axis. Where the signal going
    forward was measured, the last axes show the root mean square of a_k, and theory's √q_k.
    """
    depth = max(len(profile.layers) for profile in profiles)
    runs = [*_runs(profiles)]
    shown = {name: [each for run in runs for each in getattr(run, name)] for name in _Run._fields}
    called = line_names.names([] if len(runs) == 1 else [_label(run.slopes) for run in runs])
    signals = " or ".join(sorted({_signal(profile) for profile in profiles}))
    if len(runs) == 1:
        figure, height, is_cut = _together(shown, signals)
    else:
        figure, height, is_cut = _beside_each_other(shown, signals, len(called.ends))
    for axes in figure.axes:
        style.number_layers(axes, depth)
        named = {str(line.get_label()): line for line in axes.lines}
        ends = {called.ends[label]: named[label] for label in called.ends if label in named}
        line_names.name(axes, ends, height)
    style.entitle(figure, _TITLE, titles.title(profiles))
    entries = called.entries(style.entries(figure.axes))
    if is_cut:
        entries[f"{_NORM_BOUND}, which leaves the axes"] = entries.pop(_NORM_BOUND)
    style.key(figure, entries)
    return figure


def _together(shown: _Shown, signals: str) -> tuple[Figure, float, bool]:
    """Draw one run, all gradients on the same axes.

    Parameters
    ----------
    shown
        What to draw of each measure, by the fields of `_Run`.
    signals
        How the signal going back is written.

    Returns
    -------
    figure, height, is_cut
        The figure, the height of its axes in inches at least, and whether a bound leaves them.
    """
    height = 3.0
    figure = style.new_figure(11.5 if shown["forward"] else 9.0, height + 1.1)
    ratios = (1.0, 1.4, 1.0)[: 3 if shown["forward"] else 2]
    left, middle, *rest = figure.subplots(1, len(ratios), width_ratios=ratios)
    decades.draw((left, shown["slopes"]))
    is_cut = decades.draw((middle, [*shown["signal"], *shown["weights"]]))
    _label_axes(left, "slopes, from layer N to k", "product")
    _label_axes(middle, "gradients", f"{signals}, {_WEIGHTS}")
    for axes in rest:
        decades.draw((axes, shown["forward"]))
        _label_axes(axes, "signal going forward", _FORWARD)
    return figure, height, is_cut


def _beside_each_other(shown: _Shown, signals: str, names: int) -> tuple[Figure, float, bool]:
    """Draw several runs, as `_together` does one, each measure on axes of its own.

    So many lines have their names at their ends.
    """
    rows, columns = (2, 2) if shown["forward"] else (1, 3)
    height = max(2.3, line_names.height(names))
    figure = style.new_figure(10.5 if rows == 2 else 12.0, rows * (height + 0.75) + 0.5)
    panels = [figure.add_subplot(rows, columns, i + 1) for i in range(3 + bool(shown["forward"]))]
    left, back, moves, *rest = panels
    decades.draw((left, shown["slopes"]))
    is_cut = decades.draw((back, shown["signal"]), (moves, shown["weights"]))
    _label_axes(left, "slopes, from layer N to k", "product")
    _label_axes(back, "signal going back", signals)
    _label_axes(moves, "how far layer k moves", _WEIGHTS)
    for axes in rest:
        decades.draw((axes, shown["forward"]))
        _label_axes(axes, "signal going forward", _FORWARD)
    return figure, height, is_cut


def _label_axes(axes: Axes, what: str, quantity: str) -> None:
    axes.set_title(what, fontsize="medium")
    axes.set_ylabel(quantity)


def _label(lines: Sequence[Curve | Band]) -> str:
    """Return what the legend says of the measured line among others."""
    measured = next(each for each in lines if isinstance(each, Curve))
    return str(measured.style["label"])


class _Run(Record):
    """The lines of one run.

    Attributes
    ----------
    slopes, signal, weights
        Of the slope product, of ‖∂L/∂a_k‖ and of ‖∂L/∂W_k‖, each with what stands beside it.
    forward
        Of the root mean square of a_k; nothing where it was not measured.
    """

    slopes: list[Curve | Band]
    signal: list[Curve | Band]
    weights: list[Curve | Band]
    forward: Sequence[Curve | Band] = ()


def _runs(profiles: Sequence[Profile]) -> Iterator[_Run]:
    """Yield the lines of each run; a bound on the slopes that several share comes once."""
    bounds = set()
    looks = style.looks()
    for number, (profile, name) in enumerate(zip(profiles, titles.names(profiles), strict=True)):
        if len(profiles) == 1:
            each = dict(zip(("signal", "weights", "slopes", "forward"), looks, strict=False))
            names = {
                "slopes": _SLOPES,
                "signal": f"{_signal(profile)}, the signal going back",
                "weights": f"{_WEIGHTS}, how far layer k moves",
                "forward": f"{_FORWARD}, the signal going forward",
            }
        else:
            each = dict.fromkeys(("slopes", "signal", "weights", "forward"), next(looks))
            names = dict.fromkeys(each, style.plain(name))
        run = _run(profile, each, names, number, len(profiles))
        there = _of_slopes(profile)
        bound = tuple(log10s(profile.layers[k].slope_bound for k in there))
        if bound not in bounds and profile.layers[there[0]].slope_bound is not None:
            bounds.add(bound)
            drawn = _beside(
                profile, _BOUND | {"color": "black", "label": _SLOPE_BOUND, "zorder": 3}
            )
            run.slopes.append(Curve(_layers(profile)[there], np.array(bound), drawn, number))
        yield run


def _run(
    profile: Profile,
    looks: Mapping[str, Look],
    names: Mapping[str, str],
    number: int,
    among: int,
) -> _Run:
    """Return the lines of a run but for the bound on its slopes.

    Parameters
    ----------
    profile
        The run.
    looks, names
        How the lines look, and what the legend calls them.
    number, among
        The place of the run among so many.
    """
    beside, lines = among <= _FEW, 3 if among == 1 else among
    all_layers, measured = _layers(profile), profile.measured
    of_layers: dict[str, tuple[FloatArray, Sequence[Magnitude | None], Magnitudes]] = {
        name: (all_layers, [getattr(layer, of) for layer in profile.layers], getattr(measured, of))
        for name, of in (("signal", "signal"), ("weights", "grad_w"))
    }
    sloped = _of_slopes(profile)
    products = [profile.layers[k].slope_product for k in sloped]
    of_layers["slopes"] = all_layers[sloped], products, measured.slope_product.at(sloped)
    # A layer without S has no argument of it.
    there = [k for k, layer in enumerate(profile.layers) if layer.rms_a is not None]
    if there and measured.forward is not None:
        arguments = [profile.layers[k].rms_a for k in there]
        of_layers["forward"] = all_layers[there], arguments, measured.forward.rms_a.at(there)
    found: dict[str, list[Curve | Band]] = {}
    for place, (name, (layers, medians, trials)) in enumerate(of_layers.items()):
        look, lane = looks[name], 3 * number + place % 3
        # One name for all three lines of one of several runs.
        zeros = _zeros(trials if among == 1 else measured.signal)
        found[name] = [
            Curve(
                layers,
                log10s(medians),
                look.style(layers.size, lines) | {"label": names[name] + zeros},
                lane,
            )
        ]
        if beside and profile.trials > 1:
            low, high = (log10s(each.listed()) for each in magnitude_quantiles(trials, LOW, HIGH))
            label = f"band: middle 90 % of {profile.trials:,} trials, line: median"
            found[name].insert(0, Band(layers, low, high, look.colour, lane, label))
    if among == 1:
        if len(profile.layers) <= style.MARKED:
            for each in (curve for curves in found.values() for curve in curves):
                if isinstance(each, Curve):
                    each.style["markevery"] = (0, 1)
        # The one shows behind the other, where they coincide.
        (curve,) = (each for each in found["weights"] if isinstance(each, Curve))
        curve.style.update(linewidth=2.6, markersize=7.5, markerfacecolor="white", zorder=1.9)
    if beside:
        for place, name, curve in _theory(profile, there, alone=among == 1):
            drawn = curve.style | {"color": looks[name].shade, "zorder": 3}
            found[name].append(
                curve._replace(style=_beside(profile, drawn, "x"), lane=3 * number + place)
            )
        bound = log10s(layer.norm_bound for layer in profile.layers)
        if profile.layers[0].norm_bound is not None:
            drawn = _BOUND | {"color": looks["weights"].colour, "label": _NORM_BOUND}
            found["weights"].append(
                Curve(all_layers, bound, _beside(profile, drawn), 3 * number + 2, may_leave=True)
            )
    return _Run(**found)


def _of_slopes(profile: Profile) -> list[int]:
    """Return which layers have an argument of S; all where none has, as zeros."""
    has_arguments = profile.measured.graph.has_arguments
    return [k for k, has in enumerate(has_arguments) if has] or [*range(len(has_arguments))]


def _zeros(trials: Magnitudes) -> str:
    """Return in how many of several trials layer 1 has exactly 0, if in any."""
    share = float(np.mean(trials.mantissas[0] == 0.0))
    return (
        f": 0 in {100.0 * share:.3g} % of the trials"
        if share and trials.mantissas[0].size > 1
        else ""
    )


def _theory(
    profile: Profile, there: Sequence[int], *, alone: bool
) -> Iterator[tuple[int, str, Curve]]:
    """Yield what theory expects of the signal and of the weights' gradients, if it speaks.

    Of several trials the median, as it is measured, where its law is known; else, and of a
    run that is alone besides, the root mean square. Of the signal going forward the latter, in
    those layers, from 0, that have S.
    """
    if not profile.expected:
        return
    depth, several = len(profile.layers), profile.trials > 1
    shown = np.unique(np.linspace(1.0, depth, min(depth, _SHOWN)).round().astype(int))
    known = spread.medians(profile.settings, shown.tolist()) if several else None
    if known is not None:
        exact = {"linestyle": "--", "label": "theory: median, by the exact law"}
        yield 1, "signal", Curve(shown, known.grad_a / math.log(10.0), exact)
        yield 2, "weights", Curve(shown, known.grad_w / math.log(10.0), exact)
    label = "theory: root mean square" + " (measured: median)" * several
    drawn, layers = {"linestyle": "-.", "label": label}, _layers(profile)
    if there:
        forward = log10s(profile.layers[k].predicted_rms_a for k in there)
        yield 0, "forward", Curve(layers[there], forward, drawn)
    if known is None or alone:
        signal = log10s(layer.predicted_signal for layer in profile.layers)
        yield 1, "signal", Curve(layers, signal, drawn)
        yield 2, "weights", Curve(layers, log10s(each.grad_w for each in profile.expected), drawn)


def _signal(profile: Profile) -> str:
    return _SIGNAL.format(profile.signal)


def _layers(profile: Profile) -> FloatArray:
    return np.arange(1.0, len(profile.layers) + 1.0)


def _beside(profile: Profile, drawn: dict[str, Any], mark: str = "_") -> dict[str, Any]:
    """Return the style of a thin line; of a single layer it is a point, which needs a mark."""
    marker = {"marker": mark, "markersize": 14} if len(profile.layers) == 1 else {}
    return {"linewidth": 1.2} | drawn | marker
