from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from vanish.errors import UsageError
from vanish.network.arrays import Network, Rows
from vanish.simulation.sample import given_reference
from vanish.simulation.settings import Settings

NETWORK = Network((np.ones((3, 2)), np.ones((4, 3))), (None, np.zeros(4)), name="net.npz")


def rows(*shape: int, name: str = "in.txt") -> Rows:
    return Rows(np.ones(shape), name)


def test_a_size_of_so_many_outputs_keeps_its_digits() -> None:
    for text in ("4x", "0.5x", "1234567x", "1.00000001x"):
        assert Settings(block="bottleneck", hidden=text).hidden == text
    assert Settings(block="bottleneck", hidden="4.0X").hidden == "4x"


# --- every complaint ---


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        # out of range
        ({"layers": 0}, "layers 0: give at least 1"),
        ({"width": -3}, "width -3: give at least 1"),
        ({"batch": 0}, "batch 0: give at least 1"),
        ({"widths": (4, 0, 2)}, "widths 4,0,2: give sizes of at least 1"),
        ({"widths": (4,)}, "widths 4: give at least two sizes, input first"),
        ({"widths": ()}, "widths : give at least two sizes, input first"),
        ({"seed": -1}, "seed -1: give an integer of at least 0"),
        ({"weight_std": 0.0}, "weight_std 0: give a number from 1e-290 to 1e300"),
        ({"weight_std": math.nan}, "weight_std nan: give a number from 1e-290 to 1e300"),
        ({"bias_std": -0.5}, "bias_std -0.5: give a number from 0 to 1e+300"),
        ({"bias_std": math.inf}, "bias_std inf: give a number from 0 to 1e+300"),
        ({"bias_std": math.nan}, "bias_std nan: give a number from 0 to 1e+300"),
        ({"gain": 0.0}, "gain 0: give a finite number above 0"),
        ({"gain": -2.0}, "gain -2: give a finite number above 0"),
        ({"gain": math.inf}, "gain inf: give a finite number above 0"),
        ({"gain": math.nan}, "gain nan: give a finite number above 0"),
        (
            {"vanish_below": 0.0},
            "vanish_below 0 and explode_above 1000: give 0 < vanish_below ≤ explode_above < inf",
        ),
        (
            {"vanish_below": 10.0, "explode_above": 2.0},
            "vanish_below 10 and explode_above 2: give 0 < vanish_below ≤ explode_above < inf",
        ),
        (
            {"explode_above": math.nan},
            "vanish_below 0.001 and explode_above nan: give 0 < vanish_below ≤ explode_above < inf",
        ),
        (
            {"explode_above": math.inf},
            "vanish_below 0.001 and explode_above inf: give 0 < vanish_below ≤ explode_above < inf",
        ),
        # unknown
        ({"act": "sigmiod"}, "unknown activation 'sigmiod': did you mean sigmoid or"),
        ({"layer_acts": ("relu", "rleu")}, "unknown activation 'rleu': did you mean relu"),
        ({"init": "he"}, "unknown initialiser 'he': did you mean he_normal or he_uniform?"),
        ({"init": "xavier"}, "unknown initialiser 'xavier': did you mean xavier_normal"),
        ({"loss": "mae"}, "unknown loss 'mae': did you mean mse?"),
        # at odds with each other
        ({"widths": (4, 4), "width": 4}, "width beside widths: give one of them"),
        (
            {"widths": (4, 4), "layers": 2},
            "layers 2 beside widths of 1 layer: leave out layers",
        ),
        (
            {"weight_std": 1.0, "init": "he_normal"},
            "weight_std beside init he_normal: both set the weights: give one of them",
        ),
        (
            {"layer_acts": ("relu", "tanh"), "layers": 3},
            "layer_acts names 2 activations for 3 layers: give one a layer",
        ),
        (
            {"layer_acts": ("relu", "tanh"), "widths": (4, 4)},
            "layer_acts names 2 activations for 1 layer: give one a layer",
        ),
        (
            {"layer_acts": ("relu",), "weights": NETWORK},
            "layer_acts names 1 activation for 2 layers: give one a layer",
        ),
        ({"layer_acts": ()}, "layer_acts is empty: give one activation a layer"),
        (
            {"layer_acts": ("relu",), "last_act": "tanh"},
            "last_act beside layer_acts, which names the last one, too: give one of them",
        ),
        ({"last_act": "thanh"}, "unknown activation 'thanh': did you mean tanh"),
        *(
            (
                {"weights": NETWORK, name: value},
                f"{name} beside weights: net.npz has sizes and weights of its own: leave out",
            )
            for name, value in {
                "layers": 2,
                "width": 3,
                "widths": (2, 3, 4),
                "weight_std": 1.0,
            }.items()
        ),
        *(
            (
                {"weights": NETWORK, name: value},
                f"{name} beside weights: net.npz holds its parameters: leave out {name}",
            )
            for name, value in {"init": "he_normal", "bias_std": 0.1}.items()
        ),
        # data that does not fit
        (
            {"input": rows(3, 4), "batch": 3},
            "batch beside input: in.txt has 3 rows: leave out batch",
        ),
        (
            {"input": rows(3, 4), "widths": (5, 2)},
            "in.txt: rows of 4 numbers for a chain of 5 inputs: give rows of 5",
        ),
        (
            {"input": rows(3, 4), "weights": NETWORK},
            "in.txt: rows of 4 numbers for a chain of 2 inputs: give rows of 2",
        ),
        (
            {"target": rows(1, 64, name="t.txt")},
            "target beside loss readout: it takes none: leave it out, or give loss mse or"
            " cross_entropy or bce",
        ),
        (
            {"target": rows(1, 5, name="t.txt"), "loss": "mse"},
            "t.txt: rows of 5 numbers for a chain of 64 outputs: give rows of 64",
        ),
        (
            {"target": rows(3, 64, name="t.txt"), "loss": "mse", "batch": 2},
            "t.txt: 3 rows for a batch of 2: give 1 or 2",
        ),
        (
            {"target": rows(3, 1, name="t.txt"), "loss": "cross_entropy", "batch": 2},
            "t.txt: 3 × 1 numbers as the target of 2 rows: give loss cross_entropy one class a"
            " row, 1 or 2 of them",
        ),
        (
            {"target": rows(2, 2, name="t.txt"), "loss": "cross_entropy", "batch": 4},
            "t.txt: 2 × 2 numbers as the target of 4 rows",
        ),
        *(
            (
                {"target": Rows(np.array([[0.0, 1.0], [1.0, wrong]]), "t.txt"), "loss": "bce"}
                | {"batch": 2, "widths": (4, 2), "act": "relu"},
                f"t.txt: entry 2, 2 is {wrong}: give loss bce a target of zeros and ones",
            )
            for wrong in (0.5, -1.0, 2.0, 1.0 - 2.0**-53)
        ),
        (
            {"target": rows(3, 64, name="t.txt"), "loss": "bce", "act": "relu", "batch": 2},
            "t.txt: 3 rows for a batch of 2: give 1 or 2",
        ),
        # a sigmoid that would be applied twice
        *(
            (
                options | {"loss": "bce"},
                "loss beside last activation sigmoid: bce contains the output sigmoid: give"
                " last_act identity",
            )
            for options in (
                *({}, {"act": "Logistic"}, {"act": "relu", "last_act": "sigmoid"}),
                {"weights": NETWORK, "loss": "BCE"},
            )
        ),
        (
            {"loss": "bce", "layer_acts": ("relu", "sigmoid")},
            "loss beside last activation sigmoid: bce contains the output sigmoid: end layer_acts"
            " with identity",
        ),
        *(
            (
                {"target": Rows(np.array([0.0, wrong]), "t.txt"), "loss": "cross_entropy"}
                | {"batch": 2, "widths": (4, 3)},
                f"t.txt: class 2 is {wrong:g}: give whole numbers from 0 to 2, for a chain of 3",
            )
            for wrong in (0.5, -1.0, 3.0)
        ),
    ],
)
def test_a_wrong_setting_is_told_with_its_remedy(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UsageError) as caught:
        Settings(**options)
    message = str(caught.value)
    assert message.startswith(complaint)
    assert "\n" not in message


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"x": np.ones((1, 3))}, "x has rows of 3 numbers, W1 takes 2 inputs"),
        ({"readout": np.ones(3)}, "r has 3 entries, W2 has 4 outputs"),
        ({"weights": ()}, "no weights"),
        ({"biases": (None,)}, "1 biases for 2 weights"),
        ({"weights": (np.ones(3), np.ones((4, 3)))}, r"W1 has shape \(3,\)"),
        ({"weights": (np.full((3, 2), np.nan), np.ones((4, 3)))}, "W1: entry 1, 1 is nan"),
        ({"weights": (np.full((3, 2), "1"), np.ones((4, 3)))}, "W1: entries of type <U1"),
    ],
)
def test_a_network_whose_arrays_do_not_fit_is_refused(
    wrong: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(UsageError, match=rf"net\.npz: {complaint}"):
        replace(NETWORK, **wrong)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"layers": 2.5}, "layers 2.5: give a whole number"),
        ({"seed": 1.5}, "seed 1.5: give a whole number"),
        ({"act": ["relu"]}, r"act \['relu'\]: give one name"),
        ({"last_act": 1}, "last_act 1: give one name"),
    ],
)
def test_another_type_than_the_options_have_is_refused(
    options: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(UsageError, match=complaint):
        Settings(**options)


def test_a_plain_array_is_taken_as_rows() -> None:
    options: dict[str, Any] = {"input": np.ones(5), "target": np.ones(64)}
    settings = Settings(loss="mse", **options)
    assert (settings.rows, settings.model.n_in) == (1, 5)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        (np.ones((2, 2, 2)), "in.txt: an array of shape (2, 2, 2): give one vector, or a batch"),
        (np.ones((0, 2)), "in.txt: an array of shape (0, 2): give one vector, or a batch of rows"),
        (np.array([[1.0, 2.0], [3.0, math.nan]]), "in.txt: entry 2, 2 is nan: give finite"),
        (np.array([1.0, -math.inf]), "in.txt: entry 2 is -inf: give finite numbers only"),
    ],
)
def test_rows_that_are_none_are_refused(values: np.ndarray, complaint: str) -> None:
    with pytest.raises(UsageError) as caught:
        Rows(values, "in.txt")
    assert str(caught.value).startswith(complaint)


def test_one_vector_is_a_batch_of_one_row() -> None:
    batch = Rows(np.array([1, 2, 3]))
    assert batch.values.tolist() == [[1.0, 2.0, 3.0]]
    assert batch.values.dtype == np.float64


# --- what follows from the settings ---


@pytest.mark.parametrize(
    ("options", "sizes"),
    [
        ({}, (64,) * 21),
        ({"layers": 3}, (64,) * 4),
        ({"width": 5}, (5,) * 21),
        ({"layers": 2, "width": 5}, (5, 5, 5)),
        ({"widths": (7, 3, 2)}, (7, 3, 2)),
        ({"widths": (7, 3, 2), "layers": 2}, (7, 3, 2)),
        ({"layer_acts": ("relu", "tanh")}, (64, 64, 64)),
        ({"weights": NETWORK}, (2, 3, 4)),
        ({"input": rows(4, 9), "layers": 2}, (9, 64, 64)),
        ({"input": rows(4, 9), "layers": 2, "width": 5}, (9, 5, 5)),
    ],
)
def test_sizes(options: dict[str, Any], sizes: tuple[int, ...]) -> None:
    settings = Settings(**options)
    assert settings.model.sizes == sizes
    assert (settings.model.n_in, settings.model.n_out) == (sizes[0], sizes[-1])
    assert settings.model.depth == len(sizes) - 1


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, 1),
        ({"batch": 5}, 5),
        ({"input": rows(4, 64)}, 4),
        ({"weights": replace(NETWORK, x=np.ones((3, 2)))}, 3),
        ({"weights": replace(NETWORK, x=np.ones((3, 2))), "batch": 2}, 2),
        ({"weights": replace(NETWORK, x=np.ones((3, 2))), "input": rows(4, 2)}, 4),
    ],
)
def test_rows_of_the_batch(options: dict[str, Any], count: int) -> None:
    assert Settings(**options).rows == count


def test_auto_takes_each_activations_own_initialiser() -> None:
    settings = Settings(layer_acts=("relu", "selu", "tanh"))
    names = [initializer.name for initializer in settings.model.initializers]
    assert names == ["he_normal", "lecun_normal", "xavier_normal"]
    assert (settings.model.act_name, settings.model.init_name) == ("mixed", "mixed")


@pytest.mark.parametrize(
    ("options", "act", "init"),
    [
        ({"act": "Swish"}, "silu", "he_normal"),
        ({"layer_acts": ("swish", "SiLU")}, "silu", "he_normal"),
        ({"layer_acts": ("sigmoid", "tanh")}, "mixed", "xavier_normal"),
        ({"init": "Glorot-Uniform"}, "sigmoid", "xavier_uniform"),
        ({"weight_std": 1.5}, "sigmoid", "weight_std"),
        ({"weights": NETWORK}, "sigmoid", "weights"),
    ],
)
def test_names_are_the_registries_own(options: dict[str, Any], act: str, init: str) -> None:
    settings = Settings(**options)
    assert (settings.model.act_name, settings.model.init_name) == (act, init)


# --- what a result says of its settings ---


def test_as_dict_holds_every_setting_as_it_was_used() -> None:
    assert Settings().as_dict() == {
        "act": "sigmoid",
        "layer_acts": None,
        "layers": 20,
        "width": 64,
        "widths": None,
        "init": "xavier_normal",
        "weight_std": None,
        "bias_std": 0.0,
        "gain": 1.0,
        "input": None,
        "batch": 1,
        "loss": "readout",
        "target": None,
        "weights": None,
        "weights_layout": None,
        "weights_layout_assumed": None,
        "seed": 0,
        "trials": 1,
        "engine": "auto",
        "norm_bound": None,
        "vanish_below": 1e-3,
        "explode_above": 1e3,
        "last_act": None,
        "block": "S(Wx+b)",
        "hidden": None,
        "steps": None,
        "last_gain": None,
        "bias_init": "zeros",
    }


def test_the_last_activation_is_that_of_layer_n_alone() -> None:
    settings = Settings(act="tanh", last_act="Linear", layers=3)
    assert [each.name for each in settings.model.activations] == ["tanh", "tanh", "identity"]
    assert (settings.model.act_name, settings.model.act_label) == ("mixed", "tanh (last identity)")
    used = settings.as_dict()
    assert used["layer_acts"] == ["tanh", "tanh", "identity"]
    assert used["last_act"] == "identity"
    same = Settings(act="tanh", last_act="tanh", layers=3)
    assert (same.model.act_name, same.model.act_label, same.as_dict()["layer_acts"]) == (
        "tanh",
        "tanh",
        None,
    )
    assert [each.name for each in Settings(last_act="relu", layers=1).model.activations] == ["relu"]


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_classes_are_one_a_row_however_they_lie(shape: tuple[int, ...]) -> None:
    classes = Rows(np.array([2, 0, 1]).reshape(shape))
    settings = Settings(loss="cross_entropy", target=classes, batch=3, width=3)
    reference = given_reference(settings)
    assert reference is not None
    assert reference.tolist() == [[2.0], [0.0], [1.0]]
    default = given_reference(Settings(loss="cross_entropy", batch=3))
    assert default is not None
    assert default.tolist() == [[0.0]]


def test_as_dict_resolves_names_and_files() -> None:
    used = Settings(
        layer_acts=("Swish", "RELU"),
        weights=NETWORK,
        input=rows(4, 2),
        loss="MSE",
        target=rows(1, 4, name="t.txt"),
    ).as_dict()
    expected = {
        "act": "mixed",
        "layer_acts": ["silu", "relu"],
        "layers": 2,
        "width": None,
        "widths": [2, 3, 4],
        "init": None,
        "input": "in.txt",
        "batch": 4,
        "loss": "mse",
        "target": "t.txt",
        "weights": "net.npz",
        "weights_layout": "out_in",
        "weights_layout_assumed": False,
    }
    assert {name: used[name] for name in expected} == expected


@pytest.mark.parametrize(
    "options",
    [
        {"weight_std": 1.5, "bias_std": 0.1, "norm_bound": True},
        {"widths": (3, 4, 5), "init": "orthogonal", "gain": 1.1},
        {"layer_acts": ("relu", "tanh"), "input": rows(2, 3)},
        {"weights": NETWORK, "loss": "mse", "target": rows(1, 4)},
    ],
)
def test_as_dict_is_ready_for_json(options: dict[str, Any]) -> None:
    used = Settings(**options).as_dict()
    assert json.loads(json.dumps(used, allow_nan=False)) == used
    assert (used["init"] is None) == ("weight_std" in options or "weights" in options)


def test_what_nothing_is_at_odds_with_is_changed_without_checks() -> None:
    settings = Settings(layers=3, width=4, seed=1)
    assert settings.engine_used == "dense"
    other = settings.but(seed=7, engine="sampled", norm_bound=False)
    expected = Settings(layers=3, width=4, seed=7, engine="sampled", norm_bound=False)
    assert other.as_dict() == expected.as_dict()
    assert other.engine_used == "sampled"
    assert other.model is settings.model
    assert (settings.seed, settings.engine, settings.engine_used) == (1, "auto", "dense")
