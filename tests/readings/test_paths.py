"""Active paths: how many lead from a layer to the output, and whether one survives."""

from __future__ import annotations

import itertools
import json
import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from command import run_in_process
from hypothesis import given
from hypothesis import strategies as st

from vanish import Settings, Simulation, Verdict, simulate
from vanish.network import activations
from vanish.network.graph import article_graph
from vanish.readings.slopes import log10_active_paths
from vanish.readings.slopesizes import SlopeStatistics, statistics
from vanish.render.profiles import view
from vanish.simulation.columns import LAYERS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vanish.numbers.scaled import FloatArray

    BoolArray = NDArray[np.bool_]

RELU = activations.get("relu")

NEW_COLUMNS = ["active_units", "dead_fraction", "log10_active_paths"]

FLAT = ["relu", "hard_sigmoid", "hard_tanh", "relu6", "hard_swish"]


def inactive(act: str, a: FloatArray) -> BoolArray:
    """Tell by the textbook where S'(a) is 0 for an activation that has flat parts."""
    low, high = {
        "relu": (0.0, math.inf),
        "relu6": (0.0, 6.0),
        "hard_tanh": (-1.0, 1.0),
        "hard_sigmoid": (-3.0, 3.0),
        "hard_swish": (-3.0, math.inf),
    }.get(act, (-math.inf, math.inf))
    return np.asarray((a <= low) | (a >= high), dtype=np.bool_)


def activity(simulation: Simulation) -> list[BoolArray]:
    """Return which units of each layer are active on which row, by a plain forward pass."""
    f, active = simulation.x, []
    for layer in simulation.chain.layers:
        bias = 0.0 if layer.bias is None else layer.bias
        a = f @ layer.weight.multiplied_out().T + bias
        active.append(~inactive(layer.activation.name, a))
        f = layer.activation.value(a)
    return active


def count_paths(active: list[BoolArray]) -> list[float]:
    """Walk every path from layer k to the output, and return the mean count over the rows."""
    counts = []
    for k in range(len(active)):
        paths = itertools.product(*(range(layer.shape[1]) for layer in active[k:]))
        all_active = sum(
            np.all([layer[:, unit] for layer, unit in zip(active[k:], path, strict=True)], axis=0)
            for path in paths
        )
        counts.append(float(np.mean(all_active)))
    return counts


@given(
    acts=st.lists(st.sampled_from([*FLAT, "tanh", "leaky_relu"]), min_size=1, max_size=4),
    width=st.integers(1, 4),
    batch=st.integers(1, 5),
    weight_std=st.sampled_from([1.5, 6.0]),
    seed=st.integers(0, 10**6),
)
def test_the_paths_are_those_that_can_be_walked_one_by_one(
    acts: list[str], width: int, batch: int, weight_std: float, seed: int
) -> None:
    simulation = Simulation(
        Settings(
            layer_acts=tuple(acts),
            width=width,
            batch=batch,
            weight_std=weight_std,
            bias_std=0.5,
            seed=seed,
        )
    )
    active = activity(simulation)
    expected = zip(active, count_paths(active), strict=True)
    for layer, (units, paths) in zip(simulation.profile().layers, expected, strict=True):
        found = layer.active_units, layer.dead_fraction, layer.log10_active_paths
        if layer.act not in FLAT:
            assert found == (None, None, None)
            continue
        mean_units = float(units.sum(axis=1).mean())
        dead = float((~units.any(axis=0)).mean())
        log10 = math.log10(paths) if paths else -math.inf
        assert found == pytest.approx((mean_units, dead, log10), rel=1e-12, abs=1e-12)


def of_one_trial(*slopes: FloatArray) -> tuple[SlopeStatistics, list[float]]:
    """Return the statistics of some layers, and log10 of the paths from each on."""
    found = statistics([each[None] for each in slopes], [RELU] * len(slopes))
    return found, log10_active_paths(article_graph(len(slopes)), found.active)[:, 0].tolist()


def test_the_mean_over_a_batch_is_that_of_the_numbers_not_of_their_logarithms() -> None:
    # Row 1 has 3 · 2 paths through both layers and 2 through the last, row 2 has 1 and 1.
    found, paths = of_one_trial(
        np.array([[1.0, 1.0, 1.0], [1.0, 0.0, 0.0]]), np.array([[1.0, 1.0], [0.5, 0.0]])
    )
    assert paths == pytest.approx([math.log10(3.5), math.log10(1.5)], rel=1e-15)
    assert found.active_units.tolist() == [[2.0], [1.5]]
    assert found.dead_fraction.tolist() == [[0.0], [0.0]]


def test_a_path_that_dies_on_some_rows_only_is_not_lost() -> None:
    dead_on_one = np.array([[0.0, 0.0], [0.0, 1.0]])
    alive = np.ones((2, 2))
    found, paths = of_one_trial(alive, dead_on_one, alive)
    assert paths == pytest.approx([math.log10(n) for n in (2.0, 1.0, 2.0)], rel=1e-15, abs=1e-15)
    assert found.active_units[1] == 0.5
    assert found.dead_fraction[1] == 0.5


def test_slope_statistics_are_of_absolute_values_over_units_and_batch() -> None:
    slopes = np.array([[[-0.5, 0.0], [0.25, 0.0], [0.0, 0.75]]])
    found = statistics([slopes], [RELU])
    assert [each.item() for each in found[:3]] == [0.25, 0.75, 0.5]


def test_layers_are_read_together_or_alone_with_the_same_result() -> None:
    # Of one shape and of several, short and long, with zeros in some of them only.
    generator = np.random.default_rng(0)
    shapes = [(5, 2, 3)] * 4 + [(5, 2, 1000)] * 2 + [(5, 2, 4)]
    slopes = [np.maximum(generator.standard_normal(shape), 0.0) for shape in shapes]
    slopes[1] += 1.0
    together = statistics(slopes, [RELU] * len(slopes))
    for k, layer in enumerate(slopes):
        for one, all_of_them in zip(statistics([layer], [RELU]), together, strict=True):
            assert np.array_equal(one[0], all_of_them[k])


def test_more_paths_than_float64_can_count_are_counted() -> None:
    profile = simulate(act="relu", layers=400, width=64)
    total = 0.0
    for layer in reversed(profile.layers):
        assert layer.active_units is not None
        assert layer.log10_active_paths is not None
        total += math.log10(layer.active_units)
        assert layer.log10_active_paths == pytest.approx(total, rel=1e-12)
    assert total > 400.0


@given(seed=st.integers(0, 10**6), width=st.integers(1, 3), layers=st.integers(1, 6))
def test_a_gradient_arrives_where_a_path_does_and_nowhere_else(
    seed: int, width: int, layers: int
) -> None:
    # The article's section 4: one path whose slopes are all 1 is enough.
    simulation = Simulation(Settings(act="relu", layers=layers, width=width, seed=seed))
    profile = simulation.profile()
    for layer in profile.layers:
        assert bool(layer.grad_b) == (layer.log10_active_paths != -math.inf)


def test_a_dead_chain_has_no_path_up_to_the_dead_layer() -> None:
    profile = simulate(act="relu", layers=8, width=2)
    last_dead = max(layer.layer for layer in profile.layers if layer.slope_max == 0.0)
    assert profile.verdict is Verdict.DEAD
    for layer, row in zip(profile.layers, profile.rows(), strict=True):
        lost = layer.layer <= last_dead
        assert (layer.log10_active_paths == -math.inf) == lost
        assert (row["log10_active_paths"] is None) == lost
    assert profile.layers[last_dead - 1].active_units == 0.0
    assert profile.layers[last_dead - 1].dead_fraction == 1.0


def test_flat_is_said_of_the_activations_whose_slope_is_zero_on_an_interval() -> None:
    x = np.linspace(-9.0, 9.0, 1801)
    for record in activations.registered():
        zero = record.slope(x) == 0.0
        assert record.flat == bool((zero[1:] & zero[:-1]).any())
    assert [record.name for record in activations.registered() if record.flat] == [
        name for name in activations.names() if name in FLAT
    ]


# What is printed.


def rows(options: str) -> list[dict[str, Any]]:
    result = run_in_process(*options.split(), "--format", "jsonl", "--quiet")
    assert (result.status, result.stderr) == (0, b"")
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_the_columns_are_in_every_row_and_empty_where_no_slope_is_zero() -> None:
    assert [name for name in LAYERS.names if name in NEW_COLUMNS] == NEW_COLUMNS
    for row in rows(f"--act {','.join(activations.names())} --layers 2 --width 8"):
        values = [row[name] for name in NEW_COLUMNS]
        assert (None in values) == (row["act"] not in FLAT)
        assert row["act"] in FLAT or values == [None] * 3


def test_a_table_without_numbers_leaves_its_cells_empty() -> None:
    options = ("--layer-acts", "tanh,relu", "--width", "4", "--format", "tsv", "--quiet")
    header, first, second = (
        line.split("\t") for line in run_in_process(*options).stdout.decode().splitlines()
    )
    at = [header.index(name) for name in NEW_COLUMNS]
    assert [first[i] for i in at] == [""] * 3
    assert "" not in [second[i] for i in at]


def note_on_paths(**options: Any) -> str:
    (note,) = (
        each.heading
        for each in view([simulate(**options)], None).notes
        if "at every unit" in each.heading
    )
    return note


def test_the_table_counts_the_surviving_paths() -> None:
    found = simulate(act="relu", layers=3, width=4, seed=5).layers[0].log10_active_paths
    assert found is not None
    note = note_on_paths(act="relu", layers=3, width=4, seed=5)
    assert note.startswith(f"{round(10.0**found)} of 64 paths have a slope other than 0")
    assert note.endswith("one is enough")


def test_paths_are_counted_as_they_are() -> None:
    batch = note_on_paths(act="relu", layers=4, width=2, batch=5, seed=5)
    assert batch.startswith("On the mean over the 5 rows 0.8 of 16 paths have a slope")
    assert note_on_paths(act="relu", layers=1, width=1).startswith("1 of 1 path has a slope")
    # An active unit of it may have any slope.
    assert not note_on_paths(act="hard_swish", gain=0.3).endswith("one is enough")


def test_the_table_writes_a_large_number_as_a_power_of_ten() -> None:
    found = simulate(act="relu", layers=20).layers[0].log10_active_paths
    assert found is not None
    every = 20 * math.log10(64)
    assert note_on_paths(act="relu").startswith(f"10^{found:.1f} of 10^{every:.1f} paths have")


def test_the_table_says_that_no_path_is_left() -> None:
    note = note_on_paths(act="relu", layers=8, width=2)
    assert note == "None of 256 paths has a slope other than 0 at every unit"


def test_the_table_says_nothing_of_paths_where_no_slope_is_zero() -> None:
    notes = view([simulate(act="tanh", layers=8)], None).notes
    assert all("path" not in note.heading for note in notes)


def test_the_table_counts_paths_through_the_layers_that_have_any_to_lose() -> None:
    assert note_on_paths(layer_acts=("tanh", "relu", "relu"), width=3).startswith("None of 27")


def test_the_table_counts_the_paths_through_all_units_that_a_block_has() -> None:
    options: dict[str, Any] = {"act": "relu", "block": "x + V S(Wx+b)", "hidden": "4x", "width": 4}
    found = simulate(**options, layers=2, seed=1).layers[0].log10_active_paths
    assert found is not None
    # 16 units in layer 1, and in layer 2 as many or its skip.
    note = note_on_paths(**options, layers=2, seed=1)
    assert note.startswith(f"{round(10.0**found)} of {16 * 17} paths have a slope other than 0")


def test_the_table_counts_no_paths_where_a_layer_has_several_s() -> None:
    notes = view([simulate(act="relu", block="S(W S(Vx))", layers=2, width=4)], None).notes
    assert all("at every unit" not in note.heading for note in notes)


def test_a_number_of_paths_below_one_is_not_called_none() -> None:
    options: dict[str, Any] = {"act": "relu", "layers": 2, "width": 2, "batch": 8, "seed": 1}
    found = simulate(**options).layers[0].log10_active_paths
    assert found is not None
    assert -math.inf < found < 0.0
    assert re.match(r"On the mean over the 8 rows 0\.\d+ of 4 paths have", note_on_paths(**options))


def test_paths_through_layers_of_several_s_are_not_counted() -> None:
    """A path meets some of their units, and all were counted together."""
    run = simulate(act="relu", block="S(W S(Vx))", layers=3, width=4, hidden=16)
    assert [layer.log10_active_paths for layer in run.layers] == [None] * 3
    assert run.layers[0].active_units is not None
