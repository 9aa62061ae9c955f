"""Figures: what is drawn, that it can be told apart, and the files they become."""

from __future__ import annotations

import math
import shlex
import subprocess
import sys
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import drawn
import numpy as np
import pytest
from command import environment, run, run_in_process
from matplotlib.colors import to_rgb

from vanish import Network, Rows, Settings, compare, simulate
from vanish.network import activations
from vanish.network.activations import Activation
from vanish.numbers.scaled import ZERO
from vanish.render import style
from vanish.render.figure import activation_figure, gradient_figure
from vanish.render.profiles import view
from vanish.simulation import run as run_of
from vanish.theories import finitewidth

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from vanish import Profile
    from vanish.numbers.scaled import FloatArray, Magnitude

MAGIC = {
    "png": b"\x89PNG\r\n\x1a\n",
    "svg": b"<?xml version",
    "pdf": b"%PDF-1.",
}
COMMANDS = {
    "simulation": "--act sigmoid,relu --layers 5 --width 8 --format tsv --quiet",
    "acts": "acts sigmoid tanh relu --format tsv",
}

SLOPES, SIGNAL, WEIGHTS = "product of the layers", "the signal going back", "how far layer k"
FORWARD = "the signal going forward"
SLOPE_BOUND, NORM_BOUND = "bound on the slopes", "norm bound"
MEDIAN, ROOT_MEAN_SQUARE = "theory: median", "theory: root mean square"

# Runs of every kind: what a figure must show of each of them is the same.
RUNS: dict[str, dict[str, Any]] = {
    "one": {"act": ["sigmoid"], "layers": 20},
    "two": {"act": ["sigmoid", "relu"], "layers": 20, "width": 16},
    "all": {"act": [*activations.names()], "layers": 6, "width": 4},
    "one layer": {"act": ["relu"], "layers": 1, "width": 8},
    "one layer of several": {"act": ["relu", "tanh"], "layers": 1, "width": 8},
    "two layers": {"act": ["tanh"], "layers": 2, "width": 8},
    "deep": {"act": ["tanh"], "layers": 300, "width": 4},
    "beyond float64": {"act": ["sigmoid"], "layers": 1000, "width": 4},
    "exploding": {"act": ["gelu"], "layers": 30, "width": 16, "weight_std": 30.0},
    "trials": {"act": ["relu", "gelu"], "layers": 9, "width": 8, "trials": 30},
    "dead": {"act": ["relu"], "layers": 20, "width": 2},
    "dead and alive": {"act": ["relu", "leaky_relu"], "layers": 8, "width": 2},
    "dying": {"act": ["relu"], "layers": 30, "width": 3, "trials": 200},
    "some dying": {"act": ["relu"], "layers": 8, "width": 4, "trials": 100},
}


def profiles(acts: Sequence[str], **options: Any) -> list[Profile]:
    return list(compare(Settings(**{"act": act, **options}) for act in acts))


@cache
def figure_of(name: str) -> tuple[list[Profile], Figure]:
    options = RUNS[name]
    found = profiles(**{"acts" if key == "act" else key: each for key, each in options.items()})
    return found, gradient_figure(found)


def logs(magnitudes: Sequence[Magnitude | None]) -> list[float | None]:
    return [None if each is None else each.log10 for each in magnitudes]


def power(exponent: int) -> str:
    """Return a power of ten as people write it."""
    return "10" + "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(c)] if c != "-" else "⁻" for c in str(exponent))


def only(axes: Axes, words: str) -> list[float]:
    """Return the heights of the line that is called so, or whose label has these words."""
    (line,) = drawn.called(axes, words) or drawn.labelled(axes, words)
    assert drawn.points(line)[0] == list(range(1, len(drawn.points(line)[0]) + 1))
    return drawn.points(line)[1]


# Gradients.


def test_slopes_are_beside_their_bound_and_gradients_beside_theirs() -> None:
    (profile,) = profiles(["tanh"], layers=7, width=8)
    figure = gradient_figure([profile])
    slopes, gradients, _ = figure.axes
    layers = profile.layers
    assert only(slopes, SLOPES) == logs([layer.slope_product for layer in layers])
    assert only(slopes, SLOPE_BOUND) == logs([layer.slope_bound for layer in layers])
    assert only(gradients, SIGNAL) == logs([layer.grad_a for layer in layers])
    # The norm bound names what it bounds.
    weights, bound = drawn.labelled(gradients, "∂Wₖ")
    assert drawn.points(weights)[1] == logs([layer.grad_w for layer in layers])
    assert drawn.points(bound)[1] == logs([layer.norm_bound for layer in layers])
    theory = drawn.labelled(gradients, "theory")
    assert [drawn.points(line)[1] for line in theory] == [
        logs([layer.predicted_b for layer in layers]),
        logs([layer.predicted for layer in layers]),
    ]
    assert {line.get_label() for line in theory} == {ROOT_MEAN_SQUARE}
    assert len(drawn.lines(slopes)) == 2
    assert len(drawn.lines(gradients)) == 5


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"act": "sigmoid", "layers": 20},
        {"act": "relu", "layers": 20, "init": "xavier_normal"},
        {"act": "selu", "layers": 12, "weight_std": 3.0, "batch": 3},
        {"act": "hard_swish", "layers": 12, "trials": 20, "norm_bound": True},
        {"layer_acts": ("relu", "tanh", "sigmoid", "gelu"), "width": 5},
    ],
)
def test_no_measured_line_is_above_its_bound(options: dict[str, Any]) -> None:
    slopes, gradients, _ = gradient_figure([simulate(**options)]).axes
    rounding = 1e-9
    for axes, measured, bound in (
        (slopes, SLOPES, SLOPE_BOUND),
        (gradients, WEIGHTS, NORM_BOUND),
    ):
        below, above = (np.array(only(axes, words)) for words in (measured, bound))
        assert (below <= above + rounding).all()


def test_several_runs_have_axes_for_each_measure() -> None:
    found = profiles(["sigmoid", "relu", "tanh"], layers=7, width=8)
    slopes, signal, weights, _ = gradient_figure(found).axes
    for profile in found:
        name = profile.settings.model.act_name
        assert only(slopes, name) == logs([layer.slope_product for layer in profile.layers])
        assert only(signal, name) == logs([layer.grad_a for layer in profile.layers])
        assert only(weights, name) == logs([layer.grad_w for layer in profile.layers])
    assert signal.get_ylim() == weights.get_ylim()
    assert [len(drawn.labelled(axes, "theory")) for axes in (slopes, signal, weights)] == [0, 3, 3]
    assert len(drawn.labelled(weights, NORM_BOUND)) == 3
    assert (signal.get_title(), signal.get_ylabel()) == ("signal going back", "‖∂L/∂aₖ‖")
    assert (weights.get_title(), weights.get_ylabel()) == ("how far layer k moves", "‖∂L/∂Wₖ‖")


def misdrawn_forward(profiles: Sequence[Profile], figure: Figure) -> list[str]:
    """Return what the last axes show else than the root mean squares of a_k that have been."""
    axes = figure.axes[-1]
    found = []
    for profile in profiles:
        name = FORWARD if len(profiles) == 1 else profile.settings.model.act_name
        if only(axes, name) != logs([layer.rms_a for layer in profile.layers]):
            found.append("measured")
        theory = [drawn.points(line)[1] for line in drawn.labelled(axes, ROOT_MEAN_SQUARE)]
        if logs([layer.predicted_rms_a for layer in profile.layers]) not in theory:
            found.append("theory")
    return found


@pytest.mark.slow
@pytest.mark.parametrize("acts", [["tanh"], ["tanh", "relu"]])
def test_the_signal_going_forward_is_beside_theory(acts: list[str]) -> None:
    found = profiles(acts, layers=6, width=8)
    figure = gradient_figure(found)
    assert len(figure.axes) == 2 + len(acts)
    assert not misdrawn_forward(found, figure)
    assert figure.axes[-1].get_ylabel() == "rms of aₖ"
    assert not drawn.hidden(figure)


def test_a_fault_in_the_signal_going_forward_is_noticed() -> None:
    found = profiles(["tanh", "relu"], layers=6, width=8)
    other = profiles(["tanh", "relu"], layers=6, width=9)
    assert misdrawn_forward(found, gradient_figure(other)).count("measured") == 2
    assert misdrawn_forward(found, gradient_figure(found[::-1])) == []
    louder = profiles(["tanh", "relu"], layers=6, width=8, gain=1.1)
    assert misdrawn_forward(found, gradient_figure(louder)).count("theory") == 2


@pytest.mark.slow
def test_a_band_of_the_signal_going_forward_holds_the_quantiles_of_the_trials() -> None:
    (profile,) = profiles(["tanh"], layers=5, width=6, trials=40)
    assert profile.measured.forward is not None
    (band,) = drawn.bands(gradient_figure([profile]).axes[-1])
    ordered = np.sort(profile.measured.forward.rms_a.log10, axis=1)
    ends = np.concatenate((ordered[:, 1], ordered[:, 37]))
    assert np.unique(band) == pytest.approx(np.sort(ends), rel=1e-12)


def test_where_nothing_was_measured_of_the_way_forward_there_are_no_axes_for_it() -> None:
    settings = [Settings(act=act, layers=3, width=4) for act in ("tanh", "relu")]
    found = [*run_of.compare(settings, forward=False)]
    assert [len(gradient_figure(found[:n]).axes) for n in (1, 2)] == [2, 3]


def test_the_command_measures_the_way_forward_for_its_figure(tmp_path: Path) -> None:
    path = tmp_path / "x.svg"
    options = "--act tanh,relu --layers 3 --width 4 --format table --quiet"
    result = run_in_process(*options.split(), "--plot", str(path))
    assert result == run_in_process(*options.split())
    assert "signal going forward<" in path.read_text(encoding="utf-8")


def test_a_block_without_s_has_no_way_forward_to_show() -> None:
    linear, residual = compare(
        Settings(act="tanh", block=block, layers=4, width=4) for block in ("Wx+b", "residual")
    )
    assert len(gradient_figure([linear]).axes) == 2
    axes = gradient_figure([linear, residual]).axes[-1]
    assert [line.get_label() for line in drawn.lines(axes)][:1] == ["x + S(Wx+b), tanh"]
    assert len(drawn.lines(axes)) == 2
    assert not drawn.called(axes, "Wx+b, tanh")


def test_many_runs_have_measured_lines_only_beside_the_bounds_on_their_slopes() -> None:
    _, figure = figure_of("all")
    slopes, *gradients = figure.axes
    count = len(activations.names())
    assert [len(drawn.lines(axes)) for axes in gradients] == [count] * 3
    # Those with one supremum share a bound.
    suprema = {each.sup_slope for each in activations.registered()}
    assert len(drawn.labelled(slopes, SLOPE_BOUND)) == len(suprema)


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_nothing_is_drawn_nowhere_hidden_or_without_a_scale(name: str) -> None:
    found, figure = figure_of(name)
    depth = len(found[0].layers)
    assert drawn.is_finite(figure)
    assert not drawn.hidden(figure)
    assert not drawn.crowded(figure)
    for axes in figure.axes:
        assert drawn.decades(axes) >= 3.0
        ticks = drawn.shown_layers(axes)
        assert {1.0, float(depth)} <= set(ticks)
        assert all(tick.is_integer() for tick in ticks)
        labels = drawn.tick_labels(axes)
        for label, at in labels.items():
            assert label in ("0", power(round(at)))
            assert label == "0" or float(at).is_integer()
        assert len(labels) - ("0" in labels) >= 3
        # Every number is inside, but for bounds that may leave.
        low, high = axes.get_ylim()
        for line in drawn.lines(axes):
            inside = [low <= y <= high for y in drawn.points(line)[1]]
            assert all(inside) or NORM_BOUND in str(line.get_label())


def test_a_legend_within_the_axes_is_noticed() -> None:
    figure = gradient_figure(profiles(["relu"], layers=3, width=4))
    figure.axes[0].legend()
    assert drawn.hidden(figure)


def test_texts_that_run_into_each_other_are_noticed() -> None:
    figure = gradient_figure(profiles(["relu"], layers=3, width=4))
    assert not drawn.crowded(figure)
    slopes = figure.axes[0]
    slopes.set_xticks([1.0, 1.01, 3.0], ["1", "1.01", "3"])
    assert drawn.crowded(figure) == ["'1.01' over '1'"]
    slopes.set_xticks([1.0, 3.0], ["1", "3"])
    assert not drawn.crowded(figure)
    figure.text(1.0, 0.5, "beyond")
    assert drawn.crowded(figure) == ["'beyond' off the page"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", RUNS)
def test_zeros_lie_in_a_strip_labelled_0_and_nothing_else_does(kind: str) -> None:
    found, figure = figure_of(kind)
    zeros = 0
    for place, axes in enumerate(figure.axes):
        strip = drawn.strip(axes)
        labels = drawn.tick_labels(axes)
        assert ("0" in labels) == (strip is not None)
        if strip is not None:
            assert strip[0] < labels["0"] < strip[1]
        for profile in found:
            name = profile.settings.model.act_name
            measured = {
                SLOPES: [layer.slope_product or ZERO for layer in profile.layers],
                SIGNAL: [layer.grad_a for layer in profile.layers],
                WEIGHTS: [layer.grad_w for layer in profile.layers],
                FORWARD: [layer.rms_a or ZERO for layer in profile.layers],
            }
            alone = [[SLOPES], [SIGNAL, WEIGHTS], [FORWARD]]
            shown = alone[place] if len(found) == 1 else [[*measured][place]]
            for each in shown:
                heights = only(axes, each if len(found) == 1 else name)
                for magnitude, height in zip(measured[each], heights, strict=True):
                    if magnitude:
                        assert height == magnitude.log10
                        assert strip is None or height > strip[1]
                    else:
                        zeros += 1
                        assert strip is not None
                        assert strip[0] < height < strip[1]
    assert zeros or kind not in {"dead", "dead and alive", "dying"}


def test_lines_of_zeros_do_not_hide_each_other() -> None:
    _, figure = figure_of("dead")
    heights = [only(figure.axes[1], words)[0] for words in (SIGNAL, WEIGHTS)]
    low, high = drawn.strip(figure.axes[1]) or (0.0, 0.0)
    assert abs(heights[0] - heights[1]) > 0.2 * (high - low)


def test_a_band_reaches_down_to_0() -> None:
    (profile,), figure = figure_of("some dying")
    assert 0.05 < (profile.layers[0].dead_share or 0.0) < 0.5
    # The median is none, the 5 % quantile is.
    assert profile.layers[0].grad_w
    assert not profile.layers[0].grad_w_p05
    for axes, count in zip(figure.axes[:2], (1, 2), strict=True):
        low, high = drawn.strip(axes) or (0.0, 0.0)
        assert len(drawn.bands(axes)) == count
        for heights in drawn.bands(axes):
            assert low < heights.min() < high < heights.max()
    (legend,) = [text for text in drawn.legend_texts(figure) if "band" in text]
    assert "90 % of 100 trials" in legend
    share = 100.0 * (profile.layers[0].dead_share or 0.0)
    assert any(f"0 in {share:.3g} % of the trials" in text for text in drawn.legend_texts(figure))


def test_a_band_holds_the_quantiles_of_the_trials() -> None:
    (profile,) = profiles(["tanh"], layers=5, width=6, trials=40)
    _, gradients, _ = gradient_figure([profile]).axes
    bands = drawn.bands(gradients)
    for band, trials in zip(bands, (profile.measured.grad_a, profile.measured.grad_w), strict=True):
        # By counting: 2 of 40 are at most the lower end, 38 at most the upper one.
        ordered = np.sort(trials.log10, axis=1)
        ends = np.concatenate((ordered[:, 1], ordered[:, 37]))
        assert np.unique(band) == pytest.approx(np.sort(ends), rel=1e-12)


@pytest.mark.slow
def test_with_trials_theory_is_a_median_where_its_law_is_known_or_says_that_it_is_none() -> None:
    options: dict[str, Any] = {"layers": 9, "width": 5, "trials": 60}
    relu, tanh = profiles(["relu", "tanh"], **options)
    _, signal, weights, _ = gradient_figure([relu, tanh]).axes
    for axes in (signal, weights):
        assert len(drawn.labelled(axes, MEDIAN)) == 1
        (root_mean_square,) = drawn.labelled(axes, ROOT_MEAN_SQUARE)
        assert "measured: median" in str(root_mean_square.get_label())
        assert root_mean_square.get_linestyle() != drawn.labelled(axes, MEDIAN)[0].get_linestyle()
    known = finitewidth.medians(
        "relu", relu.settings.model.sizes, relu.settings.model.weight_variances, None, range(1, 10)
    )
    assert only(signal, MEDIAN) == pytest.approx(known.grad_a / math.log(10.0), rel=1e-12)
    assert only(weights, MEDIAN) == pytest.approx(known.grad_w / math.log(10.0), rel=1e-12)
    # Within the middle 90 % of the trials the median's own error is small.
    for axes, words in ((signal, "grad_a"), (weights, "grad_w")):
        trials = getattr(relu.measured, words).log10
        below = (trials < np.array(only(axes, MEDIAN))[:, None]).mean(axis=1)
        assert (np.abs(below - 0.5) < 4.0 * 0.5 / math.sqrt(60)).all()
    # One run alone has both.
    _, gradients, _ = gradient_figure([relu]).axes
    assert [len(drawn.labelled(gradients, words)) for words in (MEDIAN, ROOT_MEAN_SQUARE)] == [2, 2]
    for unknown in ({"init": "orthogonal"}, {"bias_std": 0.1}, {"init": "he_uniform"}):
        found = simulate(act="relu", **options | unknown)
        assert not drawn.labelled(gradient_figure([found]).axes[1], MEDIAN)


def test_theory_of_half_dead_chains_is_0() -> None:
    _, figure = figure_of("dying")
    low, high = drawn.strip(figure.axes[1]) or (0.0, 0.0)
    for line in drawn.labelled(figure.axes[1], MEDIAN):
        assert all(low < height < high for height in drawn.points(line)[1])


def test_a_given_network_has_no_theory() -> None:
    weights = tuple(0.1 * np.eye(3) for _ in range(8))
    figure = gradient_figure([simulate(act="sigmoid", weights=Network(weights, (None,) * 8))])
    assert not any("theory" in text for text in drawn.legend_texts(figure))


def test_a_bound_far_above_leaves_the_axes_and_the_legend_says_so() -> None:
    far, near = (
        gradient_figure(profiles([act], layers=40, width=32)) for act in ("relu", "sigmoid")
    )
    for figure, leaves in ((far, True), (near, False)):
        (bound,) = drawn.labelled(figure.axes[1], NORM_BOUND)
        assert (max(drawn.points(bound)[1]) > figure.axes[1].get_ylim()[1]) == leaves
        (text,) = [text for text in drawn.legend_texts(figure) if NORM_BOUND in text]
        assert text.endswith("leaves the axes") == leaves


def test_the_title_is_that_of_the_table() -> None:
    for name in ("one", "two", "trials"):
        found, figure = figure_of(name)
        what, settings = figure.get_suptitle().split("\n")
        assert what == "How much gradient reaches each layer"
        assert settings == view(found, 3).title
        assert "seed 0" in figure.get_suptitle()


def test_initialisers_are_told_apart_and_share_their_bound() -> None:
    found = [
        simulate(act="tanh", init=init, layers=3, width=4) for init in ("he_normal", "orthogonal")
    ]
    figure = gradient_figure(found)
    assert {"tanh, he_normal", "tanh, orthogonal"} <= set(drawn.legend_texts(figure))
    assert len(drawn.labelled(figure.axes[0], SLOPE_BOUND)) == 1


def test_a_chain_that_is_dead_everywhere_is_drawn_too() -> None:
    zeros = Rows(np.zeros((1, 2)))
    found = simulate(act="identity", layers=3, width=2, loss="mse", input=zeros)
    assert not any(layer.grad_w for layer in found.layers)
    figure = gradient_figure([found])
    assert not drawn.hidden(figure)
    low, high = drawn.strip(figure.axes[1]) or (0.0, 0.0)
    assert all(low < height < high for height in only(figure.axes[1], WEIGHTS))


@pytest.mark.parametrize(
    ("layers", "ticks"),
    [
        (1, [1]),
        (2, [1, 2]),
        (8, [1, 2, 3, 4, 5, 6, 7, 8]),
        (11, [1, 5, 11]),
        (20, [1, 5, 10, 15, 20]),
        (100, [1, 20, 40, 60, 80, 100]),
        (1003, [1, 500, 1003]),
    ],
)
def test_layers_have_round_numbers_between_the_first_and_the_last(
    layers: int, ticks: list[int]
) -> None:
    assert style.layer_ticks(layers) == ticks


@pytest.mark.parametrize("layers", [*range(1, 60), 99, 101, 999, 12345, 10**6])
def test_numbers_of_layers_do_not_run_into_each_other(layers: int) -> None:
    ticks = style.layer_ticks(layers)
    assert (ticks[0], ticks[-1]) == (1, layers)
    assert len(ticks) <= 8
    assert layers <= 8 or min(b - a for a, b in pairwise(ticks)) > 0.08 * layers


def brightness(colour: Any) -> float:
    """Return how light a colour is in a grey print (ITU-R BT.709), from 0 to 1."""
    red, green, blue = to_rgb(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_nineteen_lines_are_told_apart_with_and_without_colour() -> None:
    many, figure = figure_of("all")
    for axes in figure.axes:
        measured = [drawn.called(axes, profile.settings.model.act_name)[0] for profile in many]
        looks = [
            (str(line.get_color()), str(line.get_marker()), str(line.get_linestyle()))
            for line in measured
        ]
        assert len(set(looks)) == len(many) == 19
        # Those of one colour differ in dashes and in marker.
        for one in range(len(looks)):
            for other in range(one):
                same = [a == b for a, b in zip(looks[one], looks[other], strict=True)]
                assert sum(same) <= 1
        # As many as one can follow in one picture have markers of their own.
        assert len({marker for _, marker, _ in looks[:8]}) == 8
        assert "None" not in {marker for _, marker, _ in looks}
        # On white paper every line can be seen.
        assert max(brightness(colour) for colour, _, _ in looks) < 0.75
        # Each has its name at its end, which is one of the axes' sides.
        ends = drawn.end_names(axes)
        assert set(ends) == set(activations.names())
        assert drawn.led_to(axes) == sorted(ends, key=ends.__getitem__)
    assert not set(drawn.legend_texts(figure)) & set(activations.names())


def test_lines_that_coincide_show_all_their_markers() -> None:
    found = profiles(["relu", "leaky_relu", "identity", "tanh", "sin"], layers=20, width=16)
    slopes = gradient_figure(found).axes[0]
    marked = []
    for profile in found:
        (line,) = drawn.called(slopes, profile.settings.model.act_name)
        every = line.get_markevery()
        assert isinstance(every, tuple)
        marked.append(frozenset(range(20)[int(every[0]) :: int(every[1])]))
    assert all(len(each) >= 3 for each in marked)
    assert len(set(marked)) == 5
    assert not marked[0] & marked[1]


@pytest.mark.slow
def test_a_deep_chain_has_few_markers() -> None:
    figure = gradient_figure(profiles(["relu"], layers=500, width=4))
    for axes in figure.axes:
        for line in drawn.lines(axes):
            if (every := line.get_markevery()) is not None:
                assert isinstance(every, tuple)
                assert 10 <= 500 / every[1] <= 40


# Activations.


def pieces(axes: Axes, curve: str) -> list[tuple[FloatArray, FloatArray]]:
    """Return the parts of a curve, S or S', from left to right."""
    name = {"S": "S(x)", "S'": "S'(x)"}[curve]
    found = [line for line in axes.lines if str(line.get_label()).lstrip("_") == name]
    return [(np.asarray(line.get_xdata()), np.asarray(line.get_ydata())) for line in found]


@pytest.mark.parametrize("name", activations.names())
def test_s_and_its_slope_are_drawn_from_kink_to_kink(name: str) -> None:
    record = activations.get(name)
    (axes,) = activation_figure([record]).axes
    assert axes.get_title().startswith(name)
    assert axes.get_xlabel() == "x"
    ends = [-6.0, *(kink for kink in record.kinks if -6.0 < kink < 6.0), 6.0]
    for curve, exact in (("S", record.value), ("S'", record.slope)):
        found = pieces(axes, curve)
        assert len(found) == len(ends) - 1
        for (x, y), (left, right) in zip(found, pairwise(ends), strict=True):
            assert (x[0], x[-1]) == pytest.approx((left, right), abs=1e-12)
            assert left < x[0] < x[-1] < right
            assert np.isfinite(y).all()
            assert (y == exact(x)).all()
            # Halfway between neighbours the curve lies on the line that is drawn.
            middle = 0.5 * (x[1:] + x[:-1])
            assert np.abs(exact(middle) - 0.5 * (y[1:] + y[:-1])).max() < 3e-3
    styles = {
        curve: line.get_linestyle() for curve, line in zip("SD", axes.lines[2:], strict=False)
    }
    assert styles == {"S": "-", "D": "--"}


def test_at_a_kink_a_dot_is_the_slope_and_a_circle_what_it_is_not() -> None:
    (axes,) = activation_figure([activations.get("relu")]).axes
    dots = {
        str(line.get_markerfacecolor()): drawn.points(line)
        for line in axes.lines
        if line.get_marker() == "o"
    }
    # S'(0) = 0, as PyTorch has it.
    assert dots.pop("white") == ([5e-324], [1.0])
    assert [*dots.values()] == [([0.0], [0.0])]


def test_a_jump_of_s_itself_is_no_line() -> None:
    step = Activation(
        name="step",
        pair=lambda x: (np.where(x > 1.0, 1.0, 0.0), np.where(x > 1.0, 0.5, 0.25)),
        sup_slope=0.5,
        sup_at="x > 1",
        lower=0.0,
        upper=1.0,
        kinks=(1.0,),
    )
    (axes,) = activation_figure([step]).axes
    left, right = pieces(axes, "S")
    assert (set(left[1]), set(right[1])) == ({0.0}, {1.0})


def test_where_s_alone_jumps_its_slope_has_no_dot() -> None:
    figure = activation_figure([activations.get("where(x>0,1,0)+x"), activations.get("tanh")])
    assert not [line for axes in figure.axes for line in axes.lines if line.get_marker() == "o"]
    assert "S' at a kink" not in drawn.legend_texts(figure)


@pytest.mark.slow
def test_all_of_a_bounded_activation_and_of_its_slope_is_shown() -> None:
    shown = [*activations.registered()]
    for record, axes in zip(shown, activation_figure(shown).axes, strict=True):
        low, high = axes.get_ylim()
        assert low <= 0.0 <= high
        assert high >= record.sup_slope
        if np.isfinite([record.lower, record.upper]).all():
            assert low <= record.lower
            assert high >= record.upper


@pytest.mark.slow
def test_no_legend_hides_a_curve() -> None:
    figure = activation_figure([*activations.registered()])
    assert not drawn.hidden(figure)
    assert drawn.is_finite(figure)
    assert drawn.legend_texts(figure)[:2] == ["S(x)", "S'(x)"]
    assert {"S' at a kink", "a limit of S' that it does not take"} < {*drawn.legend_texts(figure)}
    assert not drawn.crowded(figure)
    assert drawn.legend_texts(activation_figure([activations.get("tanh")])) == ["S(x)", "S'(x)"]


# Texts.


def test_text_stays_text() -> None:
    texts = drawn.svg_texts(gradient_figure(profiles(["sigmoid", "relu"], layers=3, width=4)))
    assert {"sigmoid", "relu", "theory: root mean square"} <= set(texts)
    shown = "3 layers · width 4 · init auto · loss readout · seed 0"
    assert any(text.endswith(shown) for text in texts)
    assert {"layer k (input side first)", "signal going back", "‖∂L/∂aₖ‖", "10⁻¹"} <= set(texts)
    texts = drawn.svg_texts(activation_figure([activations.get("tanh")]))
    assert {"S(x)", "S'(x)", "tanh: sup|S'| = 1"} <= set(texts)


@pytest.mark.slow
def test_text_in_pdf_has_a_font_that_can_be_searched() -> None:
    content = drawn.figure_bytes(gradient_figure(profiles(["relu"], layers=3, width=4)), "pdf")
    assert b"/Subtype /CIDFontType2" in content
    assert b"/Subtype /Type3" not in content


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("cost $5 or $6.npz", "svg"),
        ("$x.npz", "svg"),
        ("a$^$b_{c.npz", "png"),
        ("数字.npz", "svg"),
        ("数字.npz", "pdf"),
    ],
)
def test_a_file_s_name_is_no_mathematics(
    name: str, suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez(name, W1=np.eye(3), W2=np.eye(3))
    options = ("--act", "tanh", "--weights", name, "-q", "--format", "tsv")
    result = run_in_process(*options, "--plot", f"figure.{suffix}")
    assert (result.status, result.stderr) == (0, b"")
    if suffix == "svg":
        assert name in Path("figure.svg").read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_long_title_is_broken_and_stays_on_the_page() -> None:
    found = simulate(act="tanh", widths=(3, 4, 5, 6, 7, 8, 9, 10), bias_std=0.123456, gain=1.23456)
    weights = Network((np.eye(3),) * 2, (None,) * 2, name="name " * 60)
    for profile in (found, simulate(act="tanh", weights=weights)):
        figure = gradient_figure([profile])
        assert not drawn.hidden(figure)
        title = figure._suptitle  # type: ignore[attr-defined]  # no other way to its extent
        box = title.get_window_extent()
        assert box.x0 >= 0.0
        assert box.x1 <= figure.bbox.x1


# Files.


@pytest.mark.slow
@pytest.mark.parametrize("suffix", MAGIC)
@pytest.mark.parametrize("name", COMMANDS)
def test_a_figure_is_written_beside_the_data(name: str, suffix: str, tmp_path: Path) -> None:
    command = shlex.split(COMMANDS[name])
    path = tmp_path / f"figure.{suffix}"
    result = run_in_process(*command, "--plot", str(path))
    assert result == run_in_process(*command)
    assert [*tmp_path.iterdir()] == [path]
    content = path.read_bytes()
    assert content.startswith(MAGIC[suffix])
    assert len(content) > 5000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "suffix"),
    [
        *((COMMANDS["simulation"], suffix) for suffix in MAGIC),
        ("--act sigmoid,tanh,relu,elu,gelu --layers 3 --width 4 -f tsv -q", "svg"),
        ("theory --act tanh,gelu --weight-std 0.5,1,2 --bias-std 0,1 -f tsv -q", "svg"),
        ("sweep --act tanh --layers 2,4,8 --width 4,8,16 -f tsv -q -j 1", "svg"),
    ],
)
def test_the_same_figure_has_the_same_bytes_in_another_process(
    line: str, suffix: str, tmp_path: Path
) -> None:
    command = shlex.split(line)
    here, there = (tmp_path / f"{name}.{suffix}" for name in ("here", "there"))
    run_in_process(*command, "--plot", str(here))
    result = run(*command, "--plot", str(there), env={"TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7"})
    assert (result.status, result.stderr) == (0, b"")
    assert here.read_bytes() == there.read_bytes()


@pytest.mark.slow
def test_a_figure_takes_the_place_of_an_older_file(tmp_path: Path) -> None:
    path = tmp_path / "figure.svg"
    path.write_bytes(b"old")
    run_in_process(*shlex.split(COMMANDS["acts"]), "--plot", str(path))
    assert path.read_bytes().startswith(MAGIC["svg"])


@pytest.mark.slow
@pytest.mark.parametrize("plot", ["missing/x.png", "directory.png", "x.jpg", "x", "", "-", "."])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_figure_that_cannot_be_written_is_one_error_and_nothing_else(
    name: str, plot: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "directory.png").mkdir()
    result = run_in_process(*shlex.split(COMMANDS[name]), "--plot", plot)
    assert (result.status, result.stdout) == (2, b"")
    assert result.stderr.startswith(b"Error: ")
    assert result.stderr.count(b"\n") == 1
    assert plot.encode() in result.stderr
    assert [path.name for path in tmp_path.rglob("*")] == ["directory.png"]


@pytest.mark.parametrize("name", COMMANDS)
def test_without_matplotlib_one_line_says_how_to_install_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in [*sys.modules]:
        if module.partition(".")[0] == "matplotlib":
            monkeypatch.setitem(sys.modules, module, None)
    result = run_in_process(*shlex.split(COMMANDS[name]), "--plot", str(tmp_path / "x.png"))
    assert (result.status, result.stdout) == (2, b"")
    assert result.stderr.decode() == (
        "Error: plot: matplotlib is not installed: pip install matplotlib\n"
    )
    assert not [*tmp_path.iterdir()]


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_matplotlib_is_imported_for_a_figure_only(name: str) -> None:
    script = (
        "import sys; from vanish.cli.app import main; status = main();"
        " sys.exit(status or ('matplotlib' in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *shlex.split(COMMANDS[name])],
        capture_output=True,
        env=environment(),
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
