from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import vanish
from vanish.arrays import Network, Rows
from vanish.profile import Verdict
from vanish.scaled import ZERO, Magnitude
from vanish.verdict import explain, short


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1.0, "1"),
        (0.5, "0.5"),
        (1.0 / 3.0, "0.333"),
        (123.456, "123"),
        (0.001, "0.001"),
        (0.0123456, "0.0123"),
        (999.4, "999"),
        (999.6, "1.00e+03"),
        (1000.0, "1.00e+03"),
        (0.000999999, "1.00e-03"),
        (9.0949470177e-13, "9.09e-13"),
        (9.996e-13, "1.00e-12"),
        (5e-324, "4.94e-324"),
        (1.7e308, "1.70e+308"),
    ],
)
def test_short_numbers_have_three_digits(value: float, text: str) -> None:
    assert short(value) == text
    assert short(Magnitude.of(value)) == text


def test_short_numbers_at_any_size() -> None:
    assert short(Magnitude.of(0.5, -1999)) == "8.71e-603"
    assert short(Magnitude.of(0.5, 33_220)) == "8.23e+9999"
    assert short(ZERO) == "0"


def explained(act: str, **options: Any) -> tuple[Verdict, str]:
    profile = vanish.simulate(act=act, **options)
    return profile.verdict, explain(profile)


def test_a_vanishing_gradient_in_words() -> None:
    profile = vanish.simulate(act="sigmoid")
    text = explain(profile)
    assert profile.verdict is Verdict.VANISHING
    assert profile.ratio is not None
    assert f"at layer 1 ‖∂L/∂a‖ is {short(profile.ratio)} times what it is at layer 20" in text
    assert "the first layers hardly learn" in text
    assert "--act relu" in text


def test_an_exploding_gradient_in_words() -> None:
    verdict, text = explained("identity", gain=100.0)
    assert verdict is Verdict.EXPLODING
    assert "the gradient grows about" in text
    assert "-fold a layer" in text


@pytest.mark.parametrize(
    ("act", "options"),
    [
        ("identity", {"gain": 30.0}),
        ("identity", {"gain": 0.01}),
        ("leaky_relu", {"gain": 0.2}),
        ("leaky_relu", {"weight_std": 7.0}),
        ("tanh", {"weight_std": 0.3}),
    ],
)
def test_the_number_that_is_advised_is_the_remedy(act: str, options: dict[str, Any]) -> None:
    verdict, text = explained(act, **options)
    assert verdict in (Verdict.VANISHING, Verdict.EXPLODING)
    advised = re.search(r"--(gain|weight-std) (\S+),", text)
    assert advised
    remedy = {advised[1].replace("-", "_"): float(advised[2])}
    assert explained(act, **(options | remedy))[0] is Verdict.STABLE


@pytest.mark.parametrize("gain", [1e-308, 1e308])
@pytest.mark.parametrize("weight_std", [1e-10, 1e10])
def test_gradients_of_any_size_can_be_put_in_words(gain: float, weight_std: float) -> None:
    verdict, text = explained("identity", gain=gain, weight_std=weight_std, width=4)
    assert verdict is (Verdict.VANISHING if gain < 1.0 else Verdict.EXPLODING)
    assert re.search(r"about \d\.\d\de\+\d{3}-fold a layer", text)
    assert re.search(r"--gain (?!0,|inf)\S+, which", text)


def test_a_stable_gradient_in_words() -> None:
    verdict, text = explained("identity", init="orthogonal")
    assert verdict is Verdict.STABLE
    assert "‖∂L/∂a‖ is 1 times what it is at layer 20" in text
    assert "--" not in text


def test_one_layer_in_words() -> None:
    verdict, text = explained("tanh", layers=1)
    assert verdict is Verdict.STABLE
    assert "With one layer there is nothing to vanish on the way." in text


EYE = np.eye(2)


@pytest.mark.parametrize(
    ("weights", "where"),
    [
        ((EYE, EYE, -EYE), "In layer 3 every unit has slope 0, so layer 3 and the 2 before it"),
        ((-EYE,), "In layer 1 every unit has slope 0, so layer 1 get"),
    ],
)
def test_a_dead_layer_is_named(weights: tuple[np.ndarray, ...], where: str) -> None:
    network = Network(weights, (None,) * len(weights))
    verdict, text = explained("relu", weights=network, input=Rows(np.ones(2)))
    assert verdict is Verdict.DEAD
    assert where in text
    assert "Give --act leaky_relu" in text
    assert f"No path of active units leads from layer 1 to layer {len(weights)}." in text


def test_the_last_dead_layer_is_the_one_that_stops_the_gradient() -> None:
    # Layer 3 gets zeros, but its biases keep it alive.
    biases = (None, None, np.ones(2))
    network = Network((EYE, -EYE, EYE), biases)
    _, text = explained("relu", weights=network, input=Rows(np.ones(2)))
    assert "In layer 2 every unit has slope 0, so layer 2 and the 1 before it" in text


def test_a_loss_without_a_gradient_is_told_from_a_dead_layer() -> None:
    verdict, text = explained("tanh", loss="mse", input=Rows(np.zeros(64)))
    assert verdict is Verdict.DEAD
    assert "The gradient is exactly 0 from the loss on" in text


def test_weights_of_zeros_are_told_from_a_loss_without_a_gradient() -> None:
    network = Network((EYE, 0.0 * EYE, EYE), (None,) * 3)
    verdict, text = explained("tanh", weights=network, input=Rows(np.ones(2)))
    assert verdict is Verdict.DEAD
    assert "from the loss on" not in text


def test_rows_that_die_in_different_layers_are_told_from_a_loss_without_a_gradient() -> None:
    # The first row dies in layer 1, the second in layer 2: no layer is dead for both.
    network = Network((EYE, np.array([[-1.0, 1.0]] * 2)), (None, np.array([0.5, 0.5])))
    x = Rows(np.array([[-1.0, -1.0], [1.0, -1.0]]))
    profile = vanish.simulate(act="relu", weights=network, input=x)
    assert profile.layers[0].grad_b.log10 is None
    assert profile.layers[1].grad_b.log10 is not None
    assert "from the loss on" not in explain(profile)


def test_paths_of_active_units_are_counted() -> None:
    network = Network((EYE, np.ones((2, 2))), (None, None))
    x = Rows(np.array([1.0, -1.0]))
    _, text = explained("relu", weights=network, input=x)
    # One of two units of layer 1, both of layer 2.
    assert " 2 of its 4 paths through 2 layers have a slope other than 0 at every unit" in text
