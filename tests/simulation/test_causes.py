"""What a chain died of, and whose fault it is: sentences that hold of the run they are told of."""

from __future__ import annotations

from typing import Any

import pytest
from command import run_in_process

import vanish
from vanish.simulation.course import Verdict
from vanish.simulation.verdict import explain


def told(**options: Any) -> str:
    """Return the sentences on a run."""
    return explain(vanish.simulate(**options)).sentence


DEAD: list[dict[str, Any]] = [
    {"act": "x^2", "layers": 12, "weight_std": 0.3},
    {"act": "x^2", "layers": 3, "width": 3, "gain": 1e-300},
    {"act": "tanh", "layers": 3, "weight_std": 1e6},
    {"act": "tanh", "layers": 4, "bias_std": 1e5, "trials": 3},
]


def table(**options: Any) -> str:
    """Return the table of a run without its line breaks."""
    given = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    found = run_in_process(*given, "--format", "table")
    assert found.status == 0
    return " ".join(found.stdout.decode().split())


@pytest.mark.parametrize("options", DEAD)
def test_a_table_tells_the_death_that_python_tells(options: dict[str, Any]) -> None:
    assert vanish.simulate(**options).verdict is Verdict.DEAD
    assert told(**options) in table(**options)


TOO_LARGE: list[tuple[dict[str, Any], str, dict[str, Any]]] = [
    ({"bias_init": "constant(800)", "gain": 1e-6}, "biases", {"gain": 1e-6}),
    ({"bias_std": 1e6, "gain": 1e-6}, "biases", {"gain": 1e-6}),
    ({"weight_std": 1e6}, "weights", {}),
    ({"weight_std": 1e6, "bias_std": 1.0}, "weights", {"bias_std": 1.0}),
    ({"weight_std": 1e6, "bias_std": 1e6}, "weights and biases", {}),
    ({"weight_std": 1e7, "bias_std": 1e6}, "weights and biases", {}),
]


@pytest.mark.parametrize(("options", "what", "smaller"), TOO_LARGE)
def test_what_is_too_large_is_what_without_which_there_would_be_slopes(
    options: dict[str, Any], what: str, smaller: dict[str, Any]
) -> None:
    common: dict[str, Any] = {"act": "tanh", "layers": 4, "width": 8}
    assert f"Smaller {what} would give them slopes again" in told(**common, **options)
    assert vanish.simulate(**common, **smaller).verdict is not Verdict.DEAD


def test_layers_that_stand_out_by_chance_are_told_in_brief_and_a_remedy_is_looked_for() -> None:
    text = table(act="leaky_relu", layers=50, width=4)
    assert text.lower().count("the slopes of layer") == 3
    assert "; 3 other layers stand out, too;" in " ".join(text.split())
    assert "Look at the weights" not in text
    assert "remedy" in text


def test_a_layer_that_a_setting_tells_from_the_others_is_to_be_looked_at() -> None:
    options: dict[str, Any] = {"act": "tanh", "layers": 6, "width": 16}
    assert vanish.simulate(**options).is_drawn_alike
    gains = (1.0, 1.0, 1e-5, 1.0, 1.0, 1.0)
    assert not vanish.simulate(**options, gain=gains).is_drawn_alike
    assert not vanish.simulate(**options, last_gain=2.0).is_drawn_alike
    assert not vanish.simulate(**options, last_act="relu").is_drawn_alike
    assert "Rescale W3." in told(**options, gain=gains)


def test_slopes_above_1_are_said_to_multiply() -> None:
    story = told(act="x^3", layers=6)
    assert "The slopes of layer 5 multiply it by" in story
    assert "keep" not in story


def test_what_is_to_be_left_out_is_told_where_nothing_works_too() -> None:
    text = table(act="sigmoid", width=2, layers=30, weight_std=40)
    assert "--act tanh --init auto in place of --weight-std" in text


def test_lines_that_rms_leaves_are_0() -> None:
    options: dict[str, Any] = {"act": "relu", "width": 2, "layers": 10, "trials": 9}
    story = told(block="S(W RMS(x)+b)", **options)
    assert "a norm gets lines that are 0: it leaves them so" in story


@pytest.mark.parametrize(
    ("layers", "options"),
    [
        (11, {"act": "max(0,x)^2", "gain": 0.5}),
        (8, {"act": "x*tanh(x)", "width": 2, "gain": 0.01, "last_act": "relu", "seed": 762}),
    ],
)
def test_what_float64_has_lost_is_not_said_to_be_dead_for_good(
    layers: int, options: dict[str, Any]
) -> None:
    sentence = told(layers=layers, **options)
    assert f"The values of layer {layers - 1} are so small that float64 rounds them" in sentence
    assert "never" not in sentence
    larger = vanish.simulate(layers=layers, **options | {"gain": 1.0})
    assert larger.verdict is not Verdict.DEAD


@pytest.mark.parametrize("act", ["cos(x)", "exp(-x^2)"])
def test_layers_without_a_slope_never_learn_whatever_stands_behind(act: str) -> None:
    dead = {"act": act, "last_act": "identity", "init": "zeros", "layers": 4, "width": 4}
    assert "layers 1-3 never will: every unit of layers 1-3 has slope 0" in told(**dead)
    assert "those before it learn in their turn" in told(**dead | {"act": "sigmoid"})


def test_what_adds_up_to_0_gives_equal_weights_no_signal() -> None:
    """Of a softmax's gradient, which adds up to 0, a W of one number makes exactly 0."""
    equal: dict[str, Any] = {
        "init": "constant(0.1)",
        "loss": "cross_entropy",
        "last_act": "identity",
    }
    for act, layers, batch in (("tanh", 4, 1), ("relu", 20, 5), ("abs(x)", 2, 3)):
        found = vanish.simulate(act=act, layers=layers, batch=batch, **equal)
        assert found.verdict is Verdict.DEAD
        assert [bool(layer.grad_a) for layer in found.layers] == [False] * (layers - 1) + [True]
    # Nothing of what does not add up to 0 is lost.
    found = vanish.simulate(act="tanh", layers=4, **equal | {"loss": "readout"})
    assert all(layer.grad_a for layer in found.layers)


@pytest.mark.parametrize("block", ["b + BN(S(x))", "LN(S(x)+b)"])
def test_a_block_without_a_matrix_has_no_weights_that_are_zero(block: str) -> None:
    sentence = told(block=block, act="tanh", loss="sum", batch=8, layers=5, width=6)
    assert "what norms and slopes leave of the gradient there is 0" in sentence
