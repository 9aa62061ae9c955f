"""The figure of a sweep of one number: what is drawn is what the rows say."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import drawn
import numpy as np
import pytest
from command import run_in_process

from vanish.network import activations
from vanish.render.figure import sweep_figure
from vanish.render.sweep import Lines, Map, find_lines, require_drawn
from vanish.sweeps.grid import Grid

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure

ROW: dict[str, Any] = {
    "act": "tanh",
    "init": "xavier_normal",
    "layers": 9,
    "width": 8,
    "seed": 0,
    "trials": 1,
    "verdict": "stable",
    "error": None,
    "vanish_below": 1e-3,
    "explode_above": 1e3,
    "log10_ratio": -0.5,
    "log10_ratio_p05": None,
    "log10_ratio_p95": None,
    "predicted_log10_ratio": None,
}
THEORY, BELOW, ABOVE = "mean-field theory", "vanishing: below", "exploding: above"


def figure_of(axes: dict[str, Any], rows: list[dict[str, Any]]) -> Figure:
    """Return the figure of a grid with what differs from one row in each."""
    return sweep_figure(Grid(axes), [ROW | row for row in rows])


def swept(tmp_path: Path, options: str, **axes: Any) -> tuple[Figure, list[dict[str, Any]]]:
    """Run a sweep; return its rows and their figure."""
    path = tmp_path / "x.jsonl"
    assert run_in_process("sweep", *options.split(), "-o", str(path), "-q").status == 0
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return sweep_figure(Grid(axes), rows), rows


def misdrawn(figure: Figure, rows: list[dict[str, Any]], across: str, name: str) -> list[str]:
    """Return the lines that are not what the rows of one name say, over a number."""
    (axes,) = figure.axes
    of_name = sorted((row for row in rows if row["act"] == name), key=lambda row: row[across])
    (line,) = drawn.called(axes, name)
    found = []
    if drawn.points(line) != (
        [row[across] for row in of_name],
        [row["log10_ratio"] for row in of_name],
    ):
        found.append("median")
    theory = [drawn.points(each) for each in drawn.labelled(axes, THEORY)]
    known = [row for row in of_name if row["predicted_log10_ratio"] is not None]
    expected = [row[across] for row in known], [row["predicted_log10_ratio"] for row in known]
    if expected not in theory:
        found.append("theory")
    ends = {row[f"log10_ratio_{end}"] for row in of_name for end in ("p05", "p95")}
    if not any(set(band.tolist()) == ends for band in drawn.bands(axes)):
        found.append("band")
    return found


def test_lines_bands_and_theory_are_what_the_rows_say(tmp_path: Path) -> None:
    acts, layers = ["tanh", "relu"], [10, 2, 6]
    figure, rows = swept(
        tmp_path,
        "--act tanh,relu --layers 10,2,6 --width 16 --trials 9 -j 1",
        act=acts,
        layers=layers,
        width=[16],
        trials=[9],
    )
    (axes,) = figure.axes
    for act in acts:
        assert not misdrawn(figure, rows, "layers", act)
    assert axes.get_xlabel() == "layers N"
    assert axes.get_ylabel() == "ratio of ‖∂L/∂a₁‖ to ‖∂L/∂a_N‖"
    assert figure.get_suptitle().split("\n") == [
        "Gradient against depth",
        "6 points · width 16 · trials 9 · seed 0",
    ]
    assert {line.get_linestyle() for line in drawn.labelled(axes, THEORY)} == {"--"}
    assert {drawn.called(axes, act)[0].get_linestyle() for act in acts} == {"-"}
    texts = drawn.legend_texts(figure)
    assert texts[:2] == acts
    assert sum("middle 90 % of 9 trials" in text for text in texts) == 1
    assert not drawn.hidden(figure)
    # A planted fault of each kind is noticed.
    for column, what in (
        ("log10_ratio", "median"),
        ("predicted_log10_ratio", "theory"),
        ("log10_ratio_p05", "band"),
        ("log10_ratio_p95", "band"),
    ):
        wrong = [row | {column: row[column] + 0.1 * (i == 1)} for i, row in enumerate(rows)]
        assert misdrawn(figure, wrong, "layers", "tanh") == [what]


def test_the_command_draws_one_number(tmp_path: Path) -> None:
    path = tmp_path / "x.svg"
    options = "sweep --layers 5 --act tanh --block plain,residual --gain 0.5:2:4 -j 1 -f tsv -q"
    result = run_in_process(*options.split(), "--plot", str(path))
    assert (result.status, result.stderr) == (0, b"")
    assert result == run_in_process(*options.split())
    text = path.read_text(encoding="utf-8")
    for words in ("S(Wx+b)", "x + S(Wx+b)", "signal, layer 1 to layer N", "against gain"):
        assert f"{words}<" in text


def test_every_kind_of_number_is_an_axis_and_all_else_names() -> None:
    counts, factors = ("layers", "width", "batch"), ("gain", "weight_std", "bias_std")
    for name in (*counts, *factors):
        values = [2, 3] if name in counts else [0.5, 2.0]
        assert find_lines(Grid({name: values, "act": ["relu", "tanh"], "seed": [1, 2]})) == (name,)
    assert isinstance(require_drawn(Grid({"layers": [2, 3]})), Lines)
    assert isinstance(require_drawn(Grid({"layers": [2, 3], "width": [2, 3]})), Map)
    figure = figure_of({"layers": [2, 3], "seed": [1, 2], "act": ["relu", "tanh"]}, [ROW] * 8)
    assert set(drawn.legend_texts(figure)) >= {"relu, seed 1", "tanh, seed 2"}


def test_zeros_lie_in_the_strip_and_one_layer_has_the_ratio_1() -> None:
    zero = {"log10_ratio": None, "verdict": "dead"}
    rows = [{"log10_ratio": None, "layers": 1}, ROW, {"layers": 30, **zero}]
    (axes,) = figure_of({"layers": [1, 9, 30]}, rows).axes
    (line,) = drawn.called(axes, "measured")
    assert drawn.points(line)[1][:2] == [0.0, -0.5]
    low, high = drawn.strip(axes) or (0.0, 0.0)
    assert low < drawn.points(line)[1][2] < high
    assert low < drawn.tick_labels(axes)["0"] < high


def test_a_band_whose_quantile_is_0_reaches_into_the_strip() -> None:
    rows: list[dict[str, Any]] = [
        {"trials": 9, "log10_ratio_p05": -0.9, "log10_ratio_p95": 0.1},
        {"trials": 9, "log10_ratio_p05": None, "log10_ratio_p95": 0.2},
    ]
    (axes,) = figure_of({"layers": [8, 9]}, rows).axes
    low, high = drawn.strip(axes) or (0.0, 0.0)
    (band,) = [each for each in drawn.bands(axes) if -0.9 in each]
    assert low < band.min() < high
    assert band.max() == 0.2


def test_failed_points_break_the_line_and_lie_in_a_strip_of_their_own() -> None:
    failed = {"error": "it overflows", "log10_ratio": None, "verdict": None}
    figure = figure_of(
        {"act": ["tanh", "relu"], "gain": [1.0, 2.0, 3.0, 4.0]}, [ROW, ROW, failed, ROW, *[ROW] * 4]
    )
    (axes,) = figure.axes
    (marks,) = drawn.labelled(axes, "failed")
    assert drawn.points(marks)[0] == [3.0]
    place, top = drawn.tick_labels(axes)["failed"], axes.get_ylim()[1]
    assert drawn.points(marks)[1] == [pytest.approx(place)]
    assert place < top
    (line,) = drawn.called(axes, "tanh")
    assert drawn.points(line)[0] == [1.0, 2.0]
    assert [4.0] in [drawn.points(each)[0] for each in drawn.lines(axes)]

    assert "failed" in drawn.legend_texts(figure)
    assert drawn.is_finite(figure)
    assert not drawn.hidden(figure)


def test_where_all_has_failed_the_figure_says_so() -> None:
    failed = {"error": "no", "log10_ratio": None, "verdict": None, "trials": None}
    figure = figure_of({"layers": [2, 3]}, [failed] * 2)
    assert "failed" in drawn.tick_labels(figure.axes[0])
    assert drawn.is_finite(figure)
    axes = {"act": ["tanh", "relu"], "layers": [2, 3]}
    texts = drawn.legend_texts(figure_of(axes, [failed, failed, ROW, ROW]))
    assert {"relu", "tanh: failed"} <= set(texts)


def test_thresholds_are_those_of_the_rows_and_leave_where_they_are_far() -> None:
    (axes,) = figure_of({"layers": [2, 3]}, [{"log10_ratio": -1.0}, {"log10_ratio": 1.0}]).axes
    for words, log10 in ((BELOW, -3.0), (ABOVE, 3.0)):
        (line,) = drawn.labelled(axes, words)
        assert drawn.points(line)[1] == pytest.approx([log10, log10])
    far = {"vanish_below": 1e-200, "explode_above": 1e200}
    figure = figure_of({"layers": [2, 3]}, [far, far])
    assert not any("ing:" in text for text in drawn.legend_texts(figure))
    none = {"vanish_below": 0.0, "explode_above": math.inf}
    assert drawn.is_finite(figure_of({"layers": [2, 3]}, [none, none]))


def test_theory_is_silent_where_the_rows_are() -> None:
    rows = [{"predicted_log10_ratio": each} for each in (-0.1, None, -0.3, -0.4)]
    (axes,) = figure_of({"layers": [2, 3, 4, 5]}, rows).axes
    pieces = [drawn.points(line) for line in drawn.labelled(axes, THEORY)]
    assert pieces == [([2.0], [-0.1]), ([4.0, 5.0], [-0.3, -0.4])]
    assert drawn.labelled(axes, THEORY)[0].get_marker() == "x"


def test_nineteen_lines_are_told_apart_beside_their_legend() -> None:
    names = activations.names()
    heights = np.linspace(-30.0, 1.0, 5 * len(names))
    rows = [{"log10_ratio": float(each), "predicted_log10_ratio": 0.0} for each in heights]
    figure = figure_of({"act": names, "layers": [2, 3, 4, 5, 6]}, rows)
    (axes,) = figure.axes
    lines = [drawn.called(axes, name)[0] for name in names]
    looks = {
        (str(line.get_color()), line.get_marker(), str(line.get_linestyle())) for line in lines
    }
    assert len(looks) == len(names) == 19
    # Dashes are those of lines, so that theory is silent.
    assert not drawn.labelled(axes, THEORY)
    # The rows go up from one to the next, and each name stands beside its own end.
    ends = drawn.end_names(axes)
    assert sorted(ends, key=ends.__getitem__) == [*names]
    assert drawn.led_to(axes) == [*names]
    assert not set(drawn.legend_texts(figure)) & set(names)
    assert not drawn.hidden(figure)
    assert not drawn.crowded(figure)


def test_long_names_are_numbers_that_the_legend_explains() -> None:
    blocks = [f"x + {gain} V S(W LN(x)+b)" for gain in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)]
    heights = np.linspace(0.0, -9.0, 2 * len(blocks))
    rows = [{"block": blocks[i // 2], "log10_ratio": float(at)} for i, at in enumerate(heights)]
    figure = figure_of({"block": blocks, "layers": [2, 3]}, rows)
    (axes,) = figure.axes
    ends = drawn.end_names(axes)
    assert sorted(ends, key=ends.__getitem__, reverse=True) == [*"12345678"]
    shown = [f"{number}  {block}" for number, block in enumerate(blocks, 1)]
    assert drawn.legend_texts(figure)[:8] == shown
    assert not drawn.crowded(figure)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "values", "scale"),
    [
        ("width", [2, 32, 62], "linear"),
        ("width", [2, 4, 8, 16, 32], "log"),
        ("gain", [1.0, 1e10, 1e100, 1e300], "log"),
        ("gain", [1e-300, 1.0, 1e300], "log"),
        ("bias_std", [0.0, 1.0, 100.0], "linear"),
        ("batch", [1, 100], "linear"),
    ],
)
def test_numbers_that_go_up_by_factors_have_a_logarithmic_axis(
    name: str, values: list[Any], scale: str
) -> None:
    figure = figure_of({name: values}, [ROW] * len(values))
    (axes,) = figure.axes
    assert axes.get_xscale() == scale
    # Nothing overflows as it is drawn, and all points are within.
    assert drawn.figure_bytes(figure, "png")
    low, high = axes.get_xlim()
    assert low < values[0] < values[-1] < high
    ticks = drawn.shown_layers(axes)
    assert {values[0], values[-1]} <= set(ticks) <= set(values)
    assert not drawn.crowded(figure)


@pytest.mark.parametrize(
    ("low", "high", "count"), [(1, 40, 40), (1, 14, 14), (3, 999, 400), (64, 128, 65)]
)
def test_many_numbers_have_the_first_the_last_and_round_ones(
    low: int, high: int, count: int
) -> None:
    values = np.unique(np.linspace(low, high, count).astype(int)).tolist()
    figure = figure_of({"layers": values}, [ROW] * len(values))
    ticks = drawn.shown_layers(figure.axes[0])
    assert (ticks[0], ticks[-1]) == (low, high)
    assert 3 <= len(ticks) <= 12
    assert not drawn.crowded(figure)
