"""Maps: a phase diagram's line lies where its colours cross 1; what a sweep's signs are."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import drawn
import numpy as np
import pytest
from command import run_in_process
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

import vanish
from vanish import Rows, Settings
from vanish.errors import UsageError
from vanish.network import activations
from vanish.render import style
from vanish.render.figure import phase_figure, sweep_figure
from vanish.sweeps.grid import Grid
from vanish.theories import crossing
from vanish.theories import infinitewidth as theory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from vanish.numbers.scaled import FloatArray

UNSTABLE = "gelu", "gelu_tanh", "silu", "mish", "hard_swish"

CRITICAL, UNBOUNDED, NO_LINE = "critical in theory", "grows without bound", "no line"


def phases(
    acts: Sequence[str], weights: FloatArray, biases: FloatArray, input_rms: float = 1.0
) -> Figure:
    points = [
        theory.point(activations.get(act), float(w), float(b), input_rms)
        for act in acts
        for b in biases
        for w in weights
    ]
    return phase_figure(points, input_rms)


def maps(figure: Figure) -> list[Axes]:
    """Return the maps, without the colour bar."""
    return [axes for axes in figure.axes if axes.get_title()]


def field(axes: Axes, rows: int) -> FloatArray:
    """Return the numbers that a map shows, one row a height."""
    shown: Any = np.ma.asarray(axes.collections[0].get_array())
    return np.asarray(shown.filled(np.nan)).reshape(rows, -1)


def misplaced(axes: Axes, weights: FloatArray, biases: FloatArray) -> list[tuple[float, float]]:
    """Return the places of the lines where the map does not cross 1.

    At a height of the grid log10 χ₁ must be below 0 left of the line and above 0 right of
    it, at the next numbers of the grid that are not on it.
    """
    logs = field(axes, biases.size)
    wrong = []
    for line in drawn.lines(axes):
        stds, heights = (np.array(each) for each in drawn.points(line))
        if len(stds) < 2:
            continue
        for row, bias in enumerate(biases):
            if not heights[0] <= bias <= heights[-1]:
                continue
            at = float(np.interp(bias, heights, stds))
            near = 1e-3 * at
            left = logs[row, weights < at - near]
            right = logs[row, weights > at + near]
            if (left.size and left[-1] >= 0.0) or (right.size and right[0] <= 0.0):
                wrong.append((at, float(bias)))
    return wrong


@pytest.mark.slow
@pytest.mark.parametrize(
    ("act", "input_rms"),
    [*((act, 1.0) for act in activations.names()), *((act, 0.1) for act in ("silu", "mish"))],
)
def test_the_line_lies_where_the_map_crosses_1(act: str, input_rms: float) -> None:
    low, high = (8.0, 13.0) if "sigmoid" in act and act != "log_sigmoid" else (0.5, 3.0)
    weights, biases = np.linspace(low, high, 18), np.linspace(0.0, 1.2, 7)
    figure = phases([act], weights, biases, input_rms)
    (axes,) = maps(figure)
    assert not misplaced(axes, weights, biases)
    assert axes.get_xlim() == (low, high)
    assert axes.get_ylim() == (0.0, 1.2)
    # At every height that has none the map jumps.
    logs = field(axes, biases.size)
    covered = [[min(heights), max(heights)] for _, heights in map(drawn.points, drawn.lines(axes))]
    bare = [b for b in biases if not any(lo - 0.02 <= b <= hi for lo, hi in covered)]
    for bias in bare:
        row = logs[biases.tolist().index(bias)]
        assert (np.diff(row) > 0.03).any()
        assert act in UNSTABLE
    assert any(NO_LINE in text for text in drawn.legend_texts(figure)) == bool(bare)


def test_a_line_through_an_unstable_critical_point_is_noticed() -> None:
    weights, biases = np.linspace(0.5, 3.0, 27), np.linspace(0.0, 1.2, 9)
    (axes,) = maps(phases(["gelu"], weights, biases))
    line = [theory.critical(activations.get("gelu"), float(b)).weight_std or 0.0 for b in biases]
    axes.plot(line, biases)
    wrong = misplaced(axes, weights, biases)
    # The point is stable from bias_std 0.42 on, and near the jump from 0.3 on.
    assert [bias for _, bias in wrong] == pytest.approx([0.0, 0.15])


@pytest.mark.slow
@examples(max_examples=12)
@given(
    act=st.sampled_from(activations.names()),
    span=st.tuples(st.floats(0.3, 2.0), st.floats(0.2, 3.0)),
    bias=st.tuples(st.just(0.0) | st.floats(1e-9, 1.0), st.floats(0.05, 2.0)),
    input_rms=st.floats(0.01, 20.0),
)
def test_the_line_of_any_grid_lies_where_its_map_crosses_1(
    act: str, span: tuple[float, float], bias: tuple[float, float], input_rms: float
) -> None:
    weights = np.linspace(span[0], sum(span), 9)
    biases = np.linspace(bias[0], sum(bias), 5)
    (axes,) = maps(phases([act], weights, biases, input_rms))
    assert not misplaced(axes, weights, biases)


@pytest.mark.slow
@pytest.mark.parametrize("act", ["tanh", "elu", "selu", "softsign"])
def test_a_line_is_the_curve_to_within_less_than_its_own_width(act: str) -> None:
    # It starts as bias_std^(2/3), where a few points on the grid would make a polygon.
    activation = activations.get(act)
    (axes,) = maps(phases([act], np.linspace(0.5, 3.0, 6), np.linspace(0.0, 1.0, 2)))
    (line,) = drawn.labelled(axes, CRITICAL)
    places = [*zip(*drawn.points(line), strict=True)]
    assert (places[0][1], places[-1][1]) == (0.0, 1.0)
    for (std, bias), (next_std, next_bias) in pairwise(places):
        assert std == pytest.approx(theory.critical(activation, bias).weight_std, rel=1e-12)
        between = theory.critical(activation, 0.5 * (bias + next_bias)).weight_std
        assert between is not None
        # The line is 2 points wide, the axes about 280.
        assert abs(0.5 * (std + next_std) - between) < 0.1 * 2.0 / 280.0 * 2.5


def test_relu_is_critical_at_a_point_and_keeps_its_gradient_along_a_line() -> None:
    figure = phases(["relu"], np.linspace(0.5, 3.0, 6), np.linspace(0.0, 1.0, 5))
    (axes,) = maps(figure)
    (point,) = drawn.labelled(axes, CRITICAL)
    assert drawn.points(point)[0] == pytest.approx([math.sqrt(2.0)])
    assert drawn.points(point)[1] == [0.0]
    assert point.get_marker() == "o"
    (line,) = drawn.labelled(axes, UNBOUNDED)
    assert drawn.points(line)[0] == pytest.approx([math.sqrt(2.0)] * len(drawn.points(line)[0]))
    assert line.get_linestyle() == ":"


@pytest.mark.slow
def test_a_phase_diagram_hides_nothing_and_says_what_it_shows() -> None:
    acts = ["tanh", "gelu", "relu", "softplus"]
    figure = phases(acts, np.linspace(0.5, 3.0, 6), np.linspace(0.0, 1.0, 5), 0.5)
    assert [axes.get_title() for axes in maps(figure)] == acts
    assert not drawn.hidden(figure)
    assert not drawn.crowded(figure)
    assert drawn.is_finite(figure)
    texts = drawn.svg_texts(figure)
    shown = "mean-field theory, infinitely wide chains, input of mean square 0.25"
    assert any(text.endswith(shown) for text in texts)
    assert {"χ₁: below 1 vanishing, above exploding", "critical in theory: χ₁ = 1"} <= set(texts)
    # The colours are those of log10 χ₁, the numbers beside them χ₁.
    bar = next(axes for axes in figure.axes if not axes.get_title())
    labels = {
        tick.get_text(): at
        for tick, at in zip(bar.get_yticklabels(), bar.get_yticks(), strict=True)
    }
    assert labels == pytest.approx(
        {f"{chi:g}": math.log10(chi) for chi in (0.1, 0.2, 0.5, 1, 2, 5, 10)}
    )


def test_a_slope_of_0_has_the_colour_of_the_smallest() -> None:
    points = [
        theory.TheoryPoint("tanh", w, b, 0.0, chi, 0.0, 0.0, None, None, None, None, "")
        for b in (0.0, 1.0)
        for w, chi in ((0.5, 0.0), (1.0, 0.5))
    ]
    (axes,) = maps(phase_figure(points))
    found = field(axes, 2)
    assert np.isfinite(found).all()
    assert (found[:, 0] < -1.0).all()


def misnamed(axes: Axes, sides: FloatArray) -> list[str]:
    """Return the words of a map that do not stand on a cell of their side.

    Parameters
    ----------
    axes
        The map.
    sides
        Shape (rows, columns): below 0 vanishing, above 0 exploding.
    """
    mesh: Any = axes.collections[0]
    x, y = mesh.get_coordinates()[0, :, 0], mesh.get_coordinates()[:, 0, 1]
    to_data = (axes.transScale + axes.transLimits).inverted()
    wrong = []
    for text in axes.texts:
        # One on the edge of two cells may stand on either.
        at_x, at_y = to_data.transform(text.get_position())
        columns = {int(np.searchsorted(x, at_x * (1.0 + shift))) - 1 for shift in (-1e-9, 1e-9)}
        row = min(max(int(np.searchsorted(y, at_y)) - 1, 0), len(sides) - 1)
        found = {float(np.sign(sides[row, column])) for column in columns}
        if found != {{"vanishing": -1.0, "exploding": 1.0}[text.get_text()]}:
            wrong.append(text.get_text())
    return wrong


@pytest.mark.slow
def test_words_say_in_a_grey_print_which_side_is_which() -> None:
    acts = activations.names()
    figure = phases(acts, np.linspace(0.5, 3.0, 9), np.linspace(0.0, 1.0, 5))
    named = [text.get_text() for axes in maps(figure) for text in axes.texts]
    assert named.count("vanishing") >= 15
    assert named.count("exploding") >= 15
    for axes in maps(figure):
        assert not misnamed(axes, field(axes, 5))
    assert not drawn.crowded(figure)
    (axes,) = maps(phases(["tanh"], np.linspace(0.5, 3.0, 9), np.linspace(0.0, 1.0, 5)))
    assert misnamed(axes, -field(axes, 5)) == ["vanishing", "exploding"]


# Sweeps.


def swept(axes: dict[str, Any], row: dict[str, Any] | None = None) -> Figure:
    """Return the figure of a grid every point of which has the same result."""
    grid = Grid(axes)
    same = {"decades_per_layer": -0.1, "verdict": "stable", "error": None} | (row or {})
    return sweep_figure(grid, [same] * len(grid))


WEIGHTS = [0.5, 1.0, 2.0, 3.0]


@pytest.mark.slow
def test_over_a_sweep_no_line_leads_through_an_unstable_critical_point() -> None:
    for up in ({"layers": [3, 9]}, {"bias_std": [0.0, 0.3]}, {"gain": [0.5, 2.0]}):
        figure = swept({"act": ["gelu", "tanh"], "weight_std": WEIGHTS, **up})
        gelu, tanh = maps(figure)
        assert not drawn.lines(gelu)
        assert len(drawn.labelled(tanh, CRITICAL)) == 1
        assert any(NO_LINE in text for text in drawn.legend_texts(figure))
        assert not drawn.hidden(figure)


def test_over_a_sweep_of_gains_the_line_is_a_hyperbola() -> None:
    (axes,) = maps(swept({"act": ["tanh"], "weight_std": WEIGHTS, "gain": [0.5, 1.0, 4.0]}))
    (line,) = drawn.labelled(axes, CRITICAL)
    stds, gains = (np.array(each) for each in drawn.points(line))
    assert stds * gains == pytest.approx(np.ones_like(gains), rel=1e-12)
    assert (gains.min(), gains.max()) == pytest.approx((0.5, 4.0))


@pytest.mark.slow
def test_over_a_sweep_the_line_is_that_of_its_input() -> None:
    # From a large input on mish leaves the critical point that attracts it from a small one.
    at = {"act": ["mish"], "weight_std": WEIGHTS, "layers": [3, 9], "bias_std": [0.313]}
    (small,) = maps(swept(at))
    (large,) = maps(swept(at | {"input": [Rows(np.full((1, 5), 0.1))]}))
    for axes, input_rms in ((small, 1.0), (large, 0.1)):
        found = crossing.crossing(activations.get("mish"), 0.313, input_rms)
        assert bool(drawn.lines(axes)) == (found is not None)
    assert bool(drawn.lines(small)) != bool(drawn.lines(large))


def test_chains_of_several_activations_have_no_line() -> None:
    figure = swept(
        {"layer_acts": [("relu", "tanh")], "weight_std": WEIGHTS, "bias_std": [0.0, 1.0]}
    )
    (axes,) = maps(figure)
    assert axes.get_title() == "mixed"
    assert not drawn.lines(axes)


def test_biases_of_another_law_have_no_line() -> None:
    at = {"act": ["tanh"], "weight_std": WEIGHTS, "gain": [0.5, 2.0]}
    for biases, count in (({}, 1), ({"bias_std": [0.1]}, 1), ({"bias_init": ["uniform(-1,1)"]}, 0)):
        (axes,) = maps(swept(at | biases))
        assert len(drawn.lines(axes)) == count


@pytest.mark.parametrize(
    ("row", "sign"),
    [
        ({"decades_per_layer": None, "verdict": "dead"}, "exactly 0"),
        ({"decades_per_layer": None, "verdict": None, "error": "it overflows"}, "failed"),
    ],
)
def test_what_is_dead_or_failed_has_a_sign_and_no_colour(row: dict[str, Any], sign: str) -> None:
    figure = swept({"weight_std": WEIGHTS, "layers": [3, 9]}, row)
    (axes,) = maps(figure)
    assert np.isnan(field(axes, 2)).all()
    (marks,) = drawn.labelled(axes, sign)
    places = {(std, n) for std in WEIGHTS for n in (3.0, 9.0)}
    assert set(zip(*drawn.points(marks), strict=True)) == places
    assert sign in drawn.legend_texts(figure)
    assert axes.get_facecolor()[:3] != (1.0, 1.0, 1.0)


def test_one_layer_has_no_decades_and_is_no_failure() -> None:
    row = {"decades_per_layer": None, "verdict": "stable"}
    (axes,) = maps(swept({"weight_std": WEIGHTS, "layers": [1, 2]}, row))
    assert (field(axes, 2) == 0.0).all()
    assert not drawn.labelled(axes, "failed")


def test_a_sweep_s_figure_has_its_title_and_no_cell_below_0() -> None:
    figure = swept({"weight_std": [0.1, 3.0], "bias_std": [0.0, 1.0], "trials": [7]})
    assert figure.get_suptitle().split("\n") == [
        "Decades that the gradient gains a layer, by weight_std and bias_std",
        "4 points · trials 7",
    ]
    (axes,) = maps(figure)
    assert axes.get_xlim()[0] >= 0.0
    assert axes.get_ylim()[0] == 0.0


@pytest.mark.slow
def test_a_ratio_of_0_is_0_in_the_table_of_a_sweep() -> None:
    options = "sweep --act relu --layers 1,4,40 --width 2 --trials 40 --seed 3 -j 1 -f table -q"
    lines = run_in_process(*options.split()).stdout.decode().splitlines()
    cells = {line.split()[0]: line.split()[1:] for line in lines[-3:]}
    for layers, found in cells.items():
        profile = vanish.simulate(
            Settings(act="relu", layers=int(layers), width=2, trials=40, seed=3)
        )
        ratios = profile.ratios.log10
        if layers == "1":
            assert found[0] in {"stable", "dead"}
            continue
        # By counting: the 2nd, 20th and 38th of 40.
        ordered = np.sort(ratios)[[19, 1, 37]]
        for cell, log10 in zip(found[:3], ordered, strict=True):
            assert (cell == "0") == math.isinf(log10)
        assert (found[3] == "-∞") == math.isinf(ordered[0])
    assert cells["40"][:4] == ["0", "0", "0", "-∞"]


def test_words_over_a_sweep_are_its_verdicts() -> None:
    axes: dict[str, Any] = {"weight_std": WEIGHTS, "layers": [3, 9, 20]}
    verdicts = ["vanishing", "vanishing", "vanishing", "stable", "stable", "dead"]
    verdicts += ["stable", "exploding", "exploding", "exploding", "stable", "stable"]
    values = {"vanishing": -0.4, "exploding": 0.4, "stable": 0.01, "dead": None}
    rows = [{"verdict": v, "decades_per_layer": values[v], "error": None} for v in verdicts]
    grid = Grid(axes)
    figure = sweep_figure(grid, rows)
    (shown,) = maps(figure)
    assert {text.get_text() for text in shown.texts} == {"vanishing", "exploding"}
    signs = {"vanishing": -1.0, "exploding": 1.0}
    at = {
        tuple(grid.coordinates(i)[name] for name in ("layers", "weight_std")): signs.get(v, 0.0)
        for i, v in enumerate(verdicts)
    }
    sides = np.array([[at[n, std] for std in WEIGHTS] for n in (3, 9, 20)])
    assert not misnamed(shown, sides)
    assert set(misnamed(shown, -sides)) == {"vanishing", "exploding"}
    assert not drawn.crowded(figure)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("values", "scale"),
    [([2, 4, 8, 16, 32], "log"), ([2, 3, 4, 6, 8], "linear"), ([1e-300, 1.0, 1e300], "log")],
)
def test_cells_of_numbers_that_go_up_by_factors_are_of_one_size(
    values: list[Any], scale: str
) -> None:
    for name, other in (("width", "layers"), ("layers", "width"), ("gain", "layers")):
        if isinstance(values[0], float) != (name == "gain"):
            continue
        figure = swept({name: values, other: [3, 9]})
        (axes,) = maps(figure)
        across = axes.get_xlabel().startswith(name)
        assert (axes.get_xscale() if across else axes.get_yscale()) == scale
        ticks = axes.get_xticks() if across else axes.get_yticks()
        assert ticks.tolist() == values
        mesh: Any = axes.collections[0]
        corners = np.asarray(mesh.get_coordinates())
        edges = corners[0, :, 0] if across else corners[:, 0, 1]
        assert all(
            low < value < high for low, value, high in zip(edges, values, edges[1:], strict=False)
        )
        if scale == "log" and values[0] > 1e-200:
            assert edges[1:] / edges[:-1] == pytest.approx(np.full(len(values), 2.0))
        assert drawn.figure_bytes(figure, "png")
        assert not drawn.crowded(figure)


@pytest.mark.parametrize("count", range(1, 57))
def test_panels_are_broader_than_high_and_few_places_are_left_out(count: int) -> None:
    rows, columns = style.grid(count)
    assert rows <= columns <= rows + 3
    assert 0 <= rows * columns - count < columns


def test_what_has_no_law_has_no_colour_and_is_on_no_side() -> None:
    points = [
        theory.TheoryPoint("tanh", w, b, None, chi, None, None, None, None, None, None, "")
        for b in (0.0, 1.0)
        for w, chi in ((0.5, None), (1.0, None), (1.5, 2.0), (2.0, 2.0), (2.5, 2.0))
    ]
    (axes,) = maps(phase_figure(points))
    assert np.isnan(field(axes, 2)[:, :2]).all()
    assert [text.get_text() for text in axes.texts] == ["exploding"]


def test_points_whose_settings_are_at_odds_are_drawn_and_told() -> None:
    axes: dict[str, Any] = {"init": ["auto", "he_normal"], "weight_std": [1.0, 2.0], "layers": [3]}
    found = vanish.sweep(axes)
    assert "2 points failed" in str(found)
    assert "vanishing below 0.001, exploding above 1000" in str(found)
    sweep_figure(Grid(axes), found)


@pytest.mark.parametrize("stds", [[1.0, {"W": 1.0, "V": 0.1}], [{"V": 0.2}, {"V": 0.1}]])
def test_a_number_a_letter_is_no_place_on_a_map(stds: list[Any]) -> None:
    options: dict[str, Any] = {"block": "x + V S(Wx+b)", "weight_std": stds, "layers": [2, 3]}
    found = vanish.sweep(**options)
    assert len(found) == 4
    assert "verdict" in str(found)
    with pytest.raises(UsageError, match="a figure has one number across"):
        sweep_figure(Grid(options | {"block": [options["block"]]}), found)
