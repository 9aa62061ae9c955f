"""Grids: which points there are, in which order, and what is no grid."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import re
import resource
import subprocess
import sys
from dataclasses import fields
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from command import VANISH, check_error, environment, run_in_process
from hypothesis import example, given, settings
from hypothesis import strategies as st

import vanish
from vanish import Network, Rows, Settings
from vanish.cli import ranges
from vanish.errors import UsageError, VanishError
from vanish.render.sweep import ratio
from vanish.sweeps.grid import LARGEST, Grid, shown, written

if TYPE_CHECKING:
    from pathlib import Path

ORDER = [field.name for field in fields(Settings)]


def _several(values: list[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=len(values), unique=True)


# In an order that is not that of Settings; what goes together with everything.
AXES = st.fixed_dictionaries(
    {},
    optional={
        "seed": _several([0, 1, 7, 2**70]),
        "weight_std": _several([0.5, 1.0, 1.75]),
        "layers": _several([1, 2, 30]),
        "act": _several(["tanh", "relu", "sigmoid"]),
        "bias_std": _several([0.0, 0.25]),
        "width": _several([3, 64]),
    },
)


@given(AXES)
def test_a_grid_is_the_product_the_last_axis_fastest(axes: dict[str, list[Any]]) -> None:
    grid = Grid(axes)
    names = [name for name in ORDER if name in axes]
    expected = [
        dict(zip(names, values, strict=True))
        for values in itertools.product(*(axes[name] for name in names))
    ]
    assert [*grid.axes] == names
    assert len(grid) == len(expected)
    for index, place in enumerate(expected):
        found = grid.coordinates(index)
        assert (found, [*found]) == (place, names)
        settings = grid.settings(index)
        default = Settings()
        for name in set(ORDER) - {"engine"}:
            assert getattr(settings, name) == place.get(name, getattr(default, name))
        asked = place.get("engine", "auto")
        assert settings.engine in ({"dense", "sampled"} if asked == "auto" else {asked})
    assert grid.varying == {name: (*axes[name],) for name in names if len(axes[name]) > 1}


def test_a_grid_of_nothing_is_the_default_point() -> None:
    grid = Grid({})
    assert (len(grid), grid.coordinates(0), grid.varying, grid.label(0)) == (1, {}, {}, "")
    assert grid.settings(0).as_dict() == Settings().as_dict() | {"engine": "sampled"}


def test_axes_are_in_the_order_of_settings_whatever_was_given_first() -> None:
    grid = Grid({"seed": [1, 2], "layers": [3], "act": ["tanh", "relu"]})
    assert [*grid.axes] == ["act", "layers", "seed"]
    assert [grid.label(i) for i in range(4)] == [
        "act=tanh seed=1",
        "act=tanh seed=2",
        "act=relu seed=1",
        "act=relu seed=2",
    ]


def test_a_label_has_values_as_an_option_would() -> None:
    rows = Rows(np.ones((2, 3)), "x.txt")
    grid = Grid(
        {
            "widths": [(3, 4), (3, 5, 6)],
            "bias_std": [0.1 + 0.2, 0.5],
            "input": [rows, Rows(np.ones(3), "y.txt")],
        }
    )
    assert grid.label(0) == "widths=3,4 bias_std=0.3 input=x.txt"
    assert grid.label(7) == "widths=3,5,6 bias_std=0.5 input=y.txt"
    assert shown(Network((np.ones((1, 3)),), name="net.npz")) == "net.npz"
    assert shown(12345678) == "12345678"
    by_letters = Grid({"block": ["prenorm"], "weight_std": [{"W": 0.1 + 0.2, "V": 1}, 2.0]})
    assert [by_letters.label(i) for i in (0, 1)] == ["weight_std=W=0.3,V=1", "weight_std=2"]


@pytest.mark.parametrize("std", [1.0, 1.5, 1e6, 1e300, 0.1 + 0.2, 1.23456789, 1 / 3, 1e6 + 1 / 8])
def test_a_cell_has_numbers_that_read_back_as_the_same(std: float) -> None:
    for value in ({"W": std, "V": 1.0}, (("W", std), ("V", 1.0))):
        letter, _, text = written(value).removesuffix(",V=1").partition("=")
        assert (letter, float(text)) == ("W", std)
        assert not text.endswith(".0")
    assert written((3, 4)) == "3,4"
    assert written(("relu", "tanh")) == "relu,tanh"


# --- what tells grids apart ---


def network(entry: float, bias: bool = False) -> Network:
    return Network((np.full((2, 3), entry),), (np.zeros(2) if bias else None,))


def test_the_same_grid_has_the_same_fingerprint() -> None:
    def grid() -> Grid:
        return Grid({"seed": [1, 2], "input": [Rows(np.ones((2, 3)))], "act": ["tanh"]})

    again = Grid({"act": ("tanh",), "input": [Rows(np.ones((2, 3)))], "seed": (1, 2)})
    assert grid().fingerprint() == grid().fingerprint() == again.fingerprint()
    assert (
        Grid({"weights": [network(1.0)]}).fingerprint()
        == Grid({"weights": [network(1.0)]}).fingerprint()
    )


def test_another_value_order_axis_or_content_is_another_fingerprint() -> None:
    ones = np.ones((2, 3))
    grids: list[dict[str, list[Any]]] = [
        {},
        {"seed": [1, 2]},
        {"seed": [2, 1]},
        {"seed": [1, 3]},
        {"seed": [1]},
        {"layers": [1, 2]},
        {"seed": [1, 2], "act": ["tanh"]},
        {"weight_std": [0.5]},
        {"weight_std": [float(np.nextafter(0.5, 1.0))]},
        {"widths": [(3, 4)]},
        {"widths": [(3, 4), (3, 5)]},
        {"input": [Rows(ones)]},
        {"input": [Rows(np.where(np.arange(6).reshape(2, 3) == 5, 1.0 + 1e-15, ones))]},
        {"input": [Rows(np.ones((3, 2)))]},
        {"input": [Rows(np.ones((1, 6)))]},
        {"input": [Rows(np.ones(6))]},
        {"loss": ["mse"], "target": [Rows(np.ones(64))]},
        {"weights": [network(1.0)]},
        {"weights": [network(2.0)]},
        {"weights": [network(1.0, bias=True)]},
        {"weights": [Network((np.ones((2, 3)),), (), x=np.ones((1, 3)))]},
        {"weights": [Network((np.ones((2, 3)),), (), readout=np.ones(2))]},
    ]
    assert len({Grid(axes).fingerprint() for axes in grids}) == len(grids)


def test_the_fingerprint_is_the_same_in_another_process() -> None:
    program = (
        "from vanish.sweeps.grid import Grid;"
        " print(Grid({'act': ['tanh'], 'seed': [1]}).fingerprint())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment({"PYTHONHASHSEED": "77"}),
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode().strip() == Grid({"seed": [1], "act": ["tanh"]}).fingerprint()


# --- what is no grid ---


@pytest.mark.parametrize(
    ("axes", "says"),
    [
        ({"layer": [3]}, r"unknown setting 'layer': did you mean layer_acts or layers\?"),
        ({"wieght_std": [1.0]}, r"unknown setting 'wieght_std': did you mean weight_std"),
        ({"act": []}, r"act: an empty list: give at least one value"),
        ({"layers": [3, 4, 3]}, r"layers: 3 is given twice: leave one out"),
        ({"widths": [(3, 4), (3, 4)]}, r"widths: 3,4 is given twice"),
        ({"act": ["tanh", "relu", "Tanh"]}, r"act: tanh is given twice"),
        ({"init": ["he_normal", "kaiming_normal"]}, r"init: he_normal is given twice"),
        ({"act": ["tanh", "relu", "tanhh"]}, r"unknown activation 'tanhh': did you mean tanh\?"),
        ({"weight_std": [1.0, 2.0, -1.0]}, r"weight_std -1: give a number from"),
        ({"explode_above": [1.0, 0.0]}, r"explode_above 0: give 0 < vanish_below"),
        ({"vanish_below": [1.0, float("nan")]}, r"vanish_below nan and explode_above"),
        ({"weight_std": [1.0, float("nan")]}, r"weight_std nan: give a number from"),
        ({"seed": [1, -1], "act": ["tanh", "relu"]}, r"seed -1: give an integer of at least 0"),
        ({"layers": [1, 2], "width": [4, 0]}, r"width 0: give at least 1"),
        ({"trials": [1, 1.5]}, r"trials 1\.5: give a whole number"),
        ({"engine": ["dense", "denes"]}, r"unknown engine 'denes': did you mean dense\?"),
        ({"layers": [*range(1, 10001)], "seed": [*range(10001)]}, r"100,010,000 points .* at most"),
    ],
)
def test_what_is_wrong_is_told_at_once_in_one_line(axes: dict[str, list[Any]], says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        Grid(axes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("place", range(6))
def test_a_bad_value_is_found_wherever_it_stands_on_its_axis(place: int) -> None:
    values = [0.5, 1.0, 1.5, 2.0, 2.5]
    values.insert(place, -3.0)
    grids: list[dict[str, Any]] = [
        {"act": ["tanh", "relu"], "bias_std": values, "seed": [1, 2, 3]},
        {"bias_std": values},
    ]
    for axes in grids:
        with pytest.raises(UsageError, match=r"bias_std -3: give a number from 0"):
            Grid(axes)


def test_what_does_not_go_together_is_told_at_its_point() -> None:
    grid = Grid({"init": ["auto", "he_normal"], "weight_std": [1.0, 2.0]})
    assert len(grid) == 4
    assert grid.settings(1).weight_std == 2.0
    for index in (2, 3):
        with pytest.raises(VanishError, match="weight_std beside init he_normal"):
            grid.settings(index)


CLASSES, NUMBERS = Rows(np.array([1.0])), Rows(np.zeros((1, 64)))
FOUR_FOR_THREE: dict[str, list[Any]] = {"layers": [3], "layer_acts": [("relu",) * 4]}
TWO_LAYERS = Network((np.ones((3, 4)), np.ones((64, 3))), name="net.npz")
# What is at odds with each other, or with the default of another one, and what is not.
ANY_OLD_AXES = st.fixed_dictionaries(
    {},
    optional={
        "act": _several(["sigmoid", "relu"]),
        "layer_acts": _several([("relu", "tanh"), ("tanh",) * 3]),
        "last_act": _several(["identity"]),
        "layers": _several([2, 3]),
        "width": _several([3, 64]),
        "widths": _several([(3, 4, 64), (4, 64)]),
        "init": _several(["auto", "he_uniform"]),
        "weight_std": _several([1.0, 2.0]),
        "bias_std": _several([0.0, 0.25]),
        "input": _several([Rows(np.ones((2, 3))), Rows(np.ones((1, 4)))]),
        "batch": _several([1, 2]),
        "loss": _several(["readout", "mse", "cross_entropy", "bce"]),
        "target": _several([CLASSES, NUMBERS]),
        "weights": _several([TWO_LAYERS]),
        "engine": _several(["auto", "sampled"]),
        "norm_bound": _several([True]),
        "vanish_below": _several([1e-5, 1e4]),
        "explode_above": _several([1e-4, 1e5]),
    },
)


def accepted(axes: dict[str, list[Any]]) -> list[bool]:
    """Tell for each combination whether a single run accepts it."""
    found = []
    for values in itertools.product(*axes.values()):
        try:
            Settings(**dict(zip(axes, values, strict=True)))
            found.append(True)
        except UsageError:
            found.append(False)
    return found


@pytest.mark.slow
@settings(max_examples=150)
@given(ANY_OLD_AXES)
def test_a_grid_accepts_what_a_single_run_accepts(axes: dict[str, list[Any]]) -> None:
    axes = {name: axes[name] for name in ORDER if name in axes}
    good = accepted(axes)
    if not any(good):
        with contextlib.suppress(UsageError):
            Grid(axes)
        return
    grid = Grid(axes)
    for index, is_good in enumerate(good):
        if is_good:
            grid.settings(index)
        else:
            with pytest.raises(UsageError):
                grid.settings(index)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("axes", "good"),
    [
        # What all points share is at odds with a default that none of them has.
        ({"loss": ["bce"], "act": ["relu", "tanh"]}, 2),
        ({"loss": ["bce"], "act": ["sigmoid", "tanh"], "seed": [*range(4000)]}, 4000),
        ({"loss": ["bce"], "last_act": ["identity", "relu"]}, 2),
        ({"loss": ["mse", "bce"], "act": ["relu", "sigmoid"], "target": [Rows(np.ones(64))]}, 3),
        ({"target": [Rows(np.ones(64))], "loss": ["mse", "readout"]}, 1),
    ],
)
def test_what_goes_together_at_some_points_is_a_grid(axes: dict[str, Any], good: int) -> None:
    grid, found = Grid(axes), 0
    for index in range(len(grid)):
        with contextlib.suppress(UsageError):
            grid.settings(index)
            found += 1
    assert found == good


@pytest.mark.parametrize(
    "axes",
    [
        {"vanish_below": [1e-5], "explode_above": [1e-4]},
        {"vanish_below": [1e4], "explode_above": [1e5]},
        {"vanish_below": [1e-6, 1e-5], "explode_above": [1e-4, 1.0]},
        {"target": [CLASSES], "loss": ["cross_entropy"]},
        {"target": [NUMBERS], "loss": ["mse"], "seed": [1, 2]},
    ],
)
def test_what_is_at_odds_with_a_default_only_is_a_grid(axes: dict[str, list[Any]]) -> None:
    grid = Grid(axes)
    for index in range(len(grid)):
        grid.settings(index)


@pytest.mark.parametrize(
    ("axes", "says"),
    [
        ({"vanish_below": [1e4]}, "vanish_below 10000 and explode_above 1000"),
        ({"vanish_below": [1e4], "seed": [1, 2]}, "vanish_below 10000 and explode_above 1000"),
        ({"vanish_below": [2e3, 1e4], "explode_above": [1.0, 2.0]}, "vanish_below 2000 and"),
        ({"layer_acts": [("relu",) * 4], "layers": [2, 3]}, "layer_acts names 4 activations"),
        ({"widths": [(3, 4)], "width": [3], "seed": [*range(5000)]}, "width beside widths"),
        # The first point is at odds in another way, too.
        (
            {"init": ["he_normal", "auto"], "weight_std": [1.0], **FOUR_FOR_THREE},
            "layer_acts names 4 activations for 3 layers",
        ),
    ],
)
def test_what_is_at_odds_everywhere_is_told_at_once(axes: dict[str, Any], says: str) -> None:
    assert not any(accepted(axes))
    with pytest.raises(UsageError, match=f"^{re.escape(says)}"):
        Grid(axes)


def test_one_way_that_goes_together_is_enough() -> None:
    axes = {"layer_acts": [("relu",) * 700], "layers": [*range(1, 5001)]}
    assert Grid(axes).settings(699).model.depth == 700
    # So many ways are not all tried beforehand: none of them is right here.
    grid = Grid(axes | {"layers": [*range(701, 5001)]})
    with pytest.raises(UsageError, match="layer_acts names 700 activations for 701 layers"):
        grid.settings(0)


@pytest.mark.parametrize(
    "axes",
    [
        {"loss": ["bce"]},
        {"loss": ["bce"], "layers": [2, 3]},
        {"loss": ["bce"], "act": ["sigmoid"], "seed": [*range(4000)]},
        {"target": [Rows(np.ones(64))], "loss": ["sum", "readout"]},
    ],
)
def test_what_goes_together_nowhere_is_told_at_once(axes: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"(loss|target) beside"):
        Grid(axes)


@pytest.mark.slow
def test_as_many_points_as_are_allowed_are_a_grid() -> None:
    axes = {"layers": [*range(1, 10001)], "seed": [*range(10000)]}
    grid = Grid(axes)
    assert len(grid) == LARGEST == 10**8
    assert grid.coordinates(LARGEST - 1) == {"layers": 10000, "seed": 9999}


@pytest.mark.parametrize("count", [9_999, 10_001])
def test_a_value_given_twice_is_found_on_a_long_axis_too(count: int) -> None:
    with pytest.raises(UsageError, match=r"seed: 5 is given twice"):
        Grid({"seed": [*range(count - 1), 5]})


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        "--layers 1:100000:100000 --seed 1:10000:10000",
        "--seed 1:1000:1000 --layers 1:1000:1000 --width 1:1000:1000",
        " ".join(
            f"--{name} 1:1000:1000" for name in ("layers", "width", "seed", "trials", "batch")
        ),
    ],
)
def test_a_grid_of_1e9_points_is_one_line_and_takes_no_memory(options: str) -> None:
    done = subprocess.run(
        [*VANISH, "sweep", *options.split()],
        capture_output=True,
        env=environment(),
        check=False,
        timeout=120,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (2 * 10**9, 2 * 10**9)),
    )
    assert (done.returncode, done.stdout) == (2, b"")
    message = done.stderr.decode()
    assert message.startswith("Error: a grid of 1,000,000,000")
    assert message.count("\n") == 1
    assert "give at most 100,000,000" in message


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--act tanhh,relu", "unknown activation 'tanhh': did you mean tanh?"),
        ("--layers 2,3,2", "layers: 2 is given twice: leave one out"),
        ("--layers 2,2.5", "--layers 2.5: give whole numbers"),
        ("--layers 2,nan", "--layers nan: give whole numbers"),
        ("--seed inf", "--seed inf: give whole numbers"),
        ("--layers 2,x", "'x' is neither a number nor a range"),
        ("--layers 2:5", "'2:5' is neither a number nor a range"),
        ("--weight-std 1:2:0", "'1:2:0' is neither a number nor a range"),
        ("--weight-std 1:2:3:4", "'1:2:3:4' is neither a number nor a range"),
        ("--act tanh,,relu", "--act 'tanh,,relu': an empty name in it"),
        ("--widths 4", "widths 4: give at least two sizes"),
        ("--widths 4,x", "'x' is not a whole number"),
        ("--input /nowhere.txt", "/nowhere.txt: "),
        ("--weights /nowhere.npz", "/nowhere.npz: "),
    ],
)
def test_the_command_says_what_is_wrong_with_an_axis(options: str, says: str) -> None:
    check_error(f"sweep {options}", says)


# --- ranges ---

# Of these, first + (count - 1)·step is not last: 0.30000000000000004, 0.8999999999999999.
INEXACT = ("0.1:0.3:4", "0.2:0.9:2")


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.integers(2, 300))
@example(0.1, 0.3, 4)
def test_a_range_has_both_its_ends_exactly(first: float, last: float, count: int) -> None:
    found = ranges.numbers("--gain", f"{first!r}:{last!r}:{count}")
    assert (len(found), found[0], found[-1]) == (count, first, last)
    size = max(abs(first), abs(last))
    for i, number in enumerate(found):
        exact = Fraction(first) + (Fraction(last) - Fraction(first)) * i / (count - 1)
        assert abs(Fraction(number) - exact) <= 4 * Fraction(2) ** -53 * Fraction(size)


def test_ranges_of_commands_have_their_ends_exactly() -> None:
    for given_range in INEXACT:
        first, last, count = given_range.split(":")
        for command in ("sweep --layers 2 --width 2 -j 1 -q", "theory --act tanh"):
            result = run_in_process(
                *command.split(), "--weight-std", given_range, "--bias-std", given_range, "-fcsv"
            )
            rows = [*csv.DictReader(io.StringIO(result.stdout.decode()))]
            assert len(rows) == int(count) ** 2
            for name in ("weight_std", "bias_std"):
                found = [*dict.fromkeys(float(row[name]) for row in rows)]
                assert (found[0], found[-1]) == (float(first), float(last))
    # Whole numbers have no rounding at all.
    result = run_in_process(
        *("sweep", "--layers", "1:7:3", "--width=2", "-j1", "-q", "-fcsv"),
        *("--seed", f"{2**70 + 1}:{2**70 + 10**20 + 1}:3"),
    )
    rows = [*csv.DictReader(io.StringIO(result.stdout.decode()))]
    assert [*dict.fromkeys(int(row["layers"]) for row in rows)] == [1, 4, 7]
    seeds = [2**70 + 1, 2**70 + 5 * 10**19 + 1, 2**70 + 10**20 + 1]
    assert [*dict.fromkeys(int(row["seed"]) for row in rows)] == seeds


def test_an_activation_beside_a_list_of_them_is_refused_as_by_a_single_run() -> None:
    for command in ("", "sweep "):
        check_error(f"{command}--act tanh --layer-acts relu,relu", "--act beside --layer-acts")


def test_a_large_whole_number_is_not_rounded() -> None:
    done = subprocess.run(
        [*VANISH, "sweep", "--seed", f"{2**53 + 1}", "--layers=2", "--width=2", "-q", "-f", "csv"],
        capture_output=True,
        env=environment(),
        check=True,
    )
    assert f",{2**53 + 1}," in done.stdout.decode()


# --- what is shown ---


@pytest.mark.parametrize(
    ("axes", "signals"),
    [
        ({"act": ["tanh"]}, "a"),
        ({"block": ["S(b+Wx)"], "layers": [3]}, "a"),
        ({"block": ["residual"]}, "f"),
        ({"block": ["residual"], "widths": [(5, 6, 7)]}, "a"),
        ({"block": ["residual"], "widths": [(5, 6, 7), (5, 5, 5)]}, "af"),
        ({"block": ["plain", "prenorm"]}, "af"),
    ],
)
def test_a_heading_names_the_gradients_that_are_compared(
    axes: dict[str, list[Any]], signals: str
) -> None:
    grid = Grid(axes)
    assert grid.signals == set(signals)
    measured = {vanish.simulate(grid.settings(i)).signal for i in range(len(grid))}
    assert measured == grid.signals
    assert ratio(grid).startswith("signal" if len(signals) > 1 else f"‖∂L/∂{signals}₁‖")


def test_a_heading_of_a_file_names_the_gradients_of_its_blocks(tmp_path: Path) -> None:
    path = tmp_path / "net.npz"
    run_in_process(
        *f"--act tanh --block residual --layers 3 --width 4 --save-weights {path}".split()
    )
    assert ratio(Grid({"weights": [vanish.load(str(path))]})).startswith("‖∂L/∂f₁‖")


def test_a_row_says_on_every_axis_where_it_is() -> None:
    found = vanish.sweep(act="tanh", widths=[(5, 5, 5), (6, 6, 6), (5, 6, 7)])
    shown_lines = [line.split()[0] for line in str(found).splitlines() if "stable" in line]
    assert shown_lines == ["5,5,5", "6,6,6", "5,6,7"]
