from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import vanish
from vanish.network.arrays import Network, Rows
from vanish.simulation.columns import LAYERS
from vanish.simulation.course import Verdict
from vanish.simulation.run import Simulation

if TYPE_CHECKING:
    from vanish.simulation.profile import Profile

# The output contract, in its order; later columns stand behind these.
CONTRACT = [
    "act",
    "layer",
    "n_in",
    "n_out",
    "grad_w",
    "log10_grad_w",
    "log10_grad_b",
    "log10_grad_f",
    "slope_mean",
    "slope_max",
    "log10_slope_product",
    "log10_slope_bound",
    "log10_norm_bound",
    "log10_predicted",
    "log10_predicted_b",
    "zero_fraction",
    "status",
]


def scalar(*weights: float, act: str = "identity", **options: Any) -> Profile:
    """Return the profile of a chain of width 1, whose ∂L/∂a_1 is the product of W_2, W_3, …"""
    network = Network(tuple(np.array([[weight]]) for weight in weights), (None,) * len(weights))
    x = Rows(np.array([1.0]))
    return vanish.simulate(act=act, weights=network, input=x, loss="sum", **options)


# --- the columns ---


def test_columns_are_the_contracts_in_its_order() -> None:
    names = list(LAYERS.names)
    assert names[: len(CONTRACT)] == CONTRACT
    assert {"log10_rel_grad_w", "engine"} <= set(names[len(CONTRACT) :])
    assert all(list(row) == names for row in vanish.simulate(layers=2, width=3).rows())


def test_rows_are_what_was_measured() -> None:
    settings = vanish.Settings(
        layer_acts=("relu", "sigmoid", "gelu"), widths=(4, 5, 6, 3), batch=2, bias_std=0.5
    )
    simulation = Simulation(settings)
    profile = simulation.profile()
    chain = simulation.chain
    for k, (row, layer) in enumerate(zip(profile.rows(), profile.layers, strict=True), 1):
        slopes = simulation.trace.slopes[k - 1]
        weight = chain.layers[k - 1].weight.multiplied_out()
        assert (row["act"], row["layer"]) == (settings.model.activations[k - 1].name, k)
        assert (row["n_in"], row["n_out"]) == settings.model.sizes[k - 1 : k + 1]
        assert row["grad_w"] == float(layer.grad_w)
        assert row["log10_grad_w"] == pytest.approx(math.log10(float(layer.grad_w)), rel=1e-14)
        assert row["log10_grad_b"] == layer.grad_b.log10
        assert row["log10_grad_f"] == layer.grad_f.log10
        assert row["slope_mean"] == pytest.approx(np.abs(slopes).mean(), rel=1e-14)
        assert row["slope_max"] == np.abs(slopes).max()
        assert row["zero_fraction"] == np.mean(slopes == 0.0)
        above = [np.abs(each).max() for each in simulation.trace.slopes[k - 1 :]]
        assert row["log10_slope_product"] == pytest.approx(math.log10(math.prod(above)), rel=1e-12)
        suprema = [activation.sup_slope for activation in settings.model.activations[k - 1 :]]
        assert row["log10_slope_bound"] == pytest.approx(math.log10(math.prod(suprema)), rel=1e-12)
        relative = float(layer.grad_w) / np.linalg.norm(weight)
        assert row["log10_rel_grad_w"] == pytest.approx(math.log10(relative), rel=1e-12)
        assert (row["status"], row["engine"]) == ("ok", "dense")
        assert row["log10_predicted"] is row["log10_predicted_b"] is None


@pytest.mark.parametrize(
    "options",
    [
        {"act": "relu", "layers": 30, "width": 2},
        {"act": "sigmoid", "layers": 1200, "width": 3},
        {"act": "identity", "layers": 50, "width": 3, "gain": 1e300},
        {"act": "tanh", "layers": 3, "width": 3, "input": Rows(np.zeros(3))},
        {"act": "hard_tanh", "layers": 5, "width": 3, "weight_std": 1e6},
        {"act": "sigmoid", "layers": 3, "width": 3, "weight_std": 1e6},
        {"act": "tanh", "weights": Network((np.zeros((2, 2)), np.eye(2)), (None, None))},
    ],
)
def test_no_cell_is_nan_or_infinite(options: dict[str, Any]) -> None:
    for row in vanish.simulate(**options).rows():
        for name, value in row.items():
            assert not isinstance(value, float) or math.isfinite(value), name


def test_a_gradient_outside_float64_is_given_as_17_decimal_digits() -> None:
    profile = scalar(*[2.0**-100] * 20)
    cells = [row["grad_w"] for row in profile.rows()]
    assert cells == [Decimal("1.1040995641401479E-572")] * 20
    assert [row["log10_grad_w"] for row in profile.rows()] == [
        pytest.approx(-1900 * math.log10(2.0), rel=1e-15)
    ] * 20


def test_the_status_of_a_true_zero() -> None:
    profile = scalar(1.0, -1.0, 1.0, act="relu")
    assert [layer.status for layer in profile.layers] == ["zero"] * 3
    assert [row["log10_grad_w"] for row in profile.rows()] == [None] * 3
    assert [row["grad_w"] for row in profile.rows()] == [0.0] * 3


# --- the ratio and the verdict ---


def test_the_ratio_is_that_of_the_gradients_by_a() -> None:
    profile = scalar(1.0, 0.1, 0.1, 0.1)
    assert profile.log10_ratio == pytest.approx(-3.0, rel=1e-14)
    assert profile.decades_per_layer == pytest.approx(-1.0, rel=1e-14)
    # f_{k-1} shrinks as ∂L/∂a_k grows: the weights' own gradients do not show it.
    assert profile.log10_ratio_w == pytest.approx(-1.0, rel=1e-14)


def test_the_ratio_of_the_weights_gradients_is_blind_where_s_of_0_is_0() -> None:
    profile = vanish.simulate(act="relu", weight_std=0.5, layers=20, width=256)
    assert profile.log10_ratio is not None
    assert profile.log10_ratio_w is not None
    assert profile.log10_ratio < -7.0
    assert abs(profile.log10_ratio_w) < 1.0
    assert profile.verdict is Verdict.VANISHING


def test_the_ratio_at_any_depth() -> None:
    profile = scalar(*[2.0**-50] * 101)
    assert profile.log10_ratio == pytest.approx(-5000 * math.log10(2.0), rel=1e-14)


@pytest.mark.parametrize(
    ("last", "verdict"),
    [
        (2.0**-11, Verdict.VANISHING),
        (2.0**-10 * (1.0 - 1e-12), Verdict.VANISHING),
        (2.0**-10, Verdict.STABLE),
        (1.0, Verdict.STABLE),
        (2.0**7, Verdict.STABLE),
        (2.0**8, Verdict.EXPLODING),
    ],
)
def test_the_verdict_goes_by_the_thresholds(last: float, verdict: Verdict) -> None:
    profile = scalar(1.0, last, vanish_below=2.0**-10, explode_above=2.0**7)
    assert profile.verdict is verdict


@pytest.mark.parametrize(
    ("weights", "act"), [((1.0, -1.0), "relu"), ((-1.0, 1.0), "relu"), ((1.0, 0.0), "tanh")]
)
def test_a_gradient_of_0_at_either_end_is_dead(weights: tuple[float, ...], act: str) -> None:
    profile = scalar(*weights, act=act)
    assert profile.verdict is Verdict.DEAD
    assert profile.ratio is None
    assert profile.log10_ratio is profile.decades_per_layer is None


def test_one_layer_has_no_ratio_and_is_stable() -> None:
    profile = scalar(3.0)
    assert profile.log10_ratio is profile.log10_ratio_w is profile.decades_per_layer is None
    assert profile.verdict is Verdict.STABLE


def test_one_dead_layer_is_dead() -> None:
    assert scalar(-3.0, act="relu").verdict is Verdict.DEAD
