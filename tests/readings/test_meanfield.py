"""The mean-field reading: against a plain recursion, exact cases, and measured gradients."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from vanish.gauss import moments
from vanish.gauss.quadrature import Joint
from vanish.network import activations
from vanish.network.graph import Variable
from vanish.network.streams import Streams
from vanish.numbers.scaled import ZERO, Magnitude, Scaled
from vanish.readings import meanfield, secondmode
from vanish.readings.modelayers import Layer
from vanish.readings.onematrix import OneMatrix
from vanish.simulation.drawing import Draws
from vanish.simulation.expected import expected_of
from vanish.simulation.run import Simulation
from vanish.simulation.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vanish.network.activations import Activation
    from vanish.readings.expectations import Expectations


def uniform(
    act: str, layers: int, weight_std: float, input_norm: Magnitude, width: int = 64
) -> Expectations:
    """The expectation of a chain of one activation and width without biases."""
    ensemble = meanfield.Ensemble.plain(
        [activations.get(act)] * layers,
        [width] * (layers + 1),
        [Magnitude.of(weight_std * weight_std)] * layers,
        0.0,
    )
    return meanfield.expected(ensemble, input_norm)


def number(magnitude: Magnitude | None) -> float:
    assert magnitude is not None
    return float(magnitude)


def log10(magnitude: Magnitude | None) -> float:
    assert magnitude is not None
    assert magnitude.log10 is not None
    return magnitude.log10


def test_expectation_of_a_mixed_rectangular_chain_is_the_plain_recursion() -> None:
    acts = [activations.get(name) for name in ("tanh", "softplus", "gelu", "selu")]
    sizes, variances = [7, 50, 20, 30, 5], [1.7, 0.4, 2.1, 0.9]
    bias_std, norm = 0.3, 4.2
    ensemble = meanfield.Ensemble.plain(acts, sizes, list(map(Magnitude.of, variances)), bias_std)
    found = meanfield.expected(ensemble, Magnitude.of(norm))
    lengths, slopes = [norm**2], []
    for act, n_in, n_out, variance in zip(acts, sizes, sizes[1:], variances, strict=False):
        v, c, _ = moments.at(act, variance * lengths[-1] / n_in + bias_std**2)
        lengths.append(n_out * v)
        slopes.append(c)
    d = 1.0
    for k in (4, 3, 2, 1):
        d *= slopes[k - 1] if k == 4 else slopes[k - 1] * variances[k]
        layer = found[k - 1]
        assert number(layer.grad_b) == pytest.approx(math.sqrt(d), rel=1e-13)
        assert number(layer.grad_w) == pytest.approx(math.sqrt(d * lengths[k - 1]), rel=1e-13)
        assert number(layer.value) == pytest.approx(math.sqrt(lengths[k] / sizes[k]), rel=1e-13)
        assert number(layer.grad_f) == pytest.approx(math.sqrt(d / slopes[k - 1]), rel=1e-13)


def test_relu_chain_with_he_weights_keeps_the_gradient_and_half_the_length() -> None:
    # q_1 = 2‖x‖²/n, every V is q/2, so ‖f_k‖ stays ‖x‖ and ‖d_k‖ stays √(1/2).
    for layer in uniform("relu", 30, math.sqrt(2.0), Magnitude.of(8.0)):
        assert number(layer.grad_b) == pytest.approx(math.sqrt(0.5), rel=1e-14)
        assert number(layer.grad_w) == pytest.approx(8.0 * math.sqrt(0.5), rel=1e-14)


@pytest.mark.slow
def test_exploding_relu_chain_leaves_float64_in_both_passes_without_loss() -> None:
    layers = 10_000
    found = uniform("relu", layers, 3.0, Magnitude.of(8.0))
    right = 0.5 * ((layers - 1) * math.log10(4.5) + math.log10(0.5))
    assert log10(found[0].grad_b) == pytest.approx(right, rel=1e-12)
    assert log10(found[0].grad_w) == pytest.approx(right + math.log10(8.0), rel=1e-12)
    # What the gradient gains on its way back, ‖f‖ has gained on its way to the last layer.
    assert log10(found[-1].grad_w) == pytest.approx(right + math.log10(8.0), rel=1e-12)


def test_vanished_values_are_followed_by_the_tangent() -> None:
    # q falls to 1e-1200, where silu is x/2: every layer halves the gradient, and ‖f‖.
    found = uniform("silu", 2000, 1.0, Magnitude.of(8.0))
    for k in (100, 600, 1998):
        step = log10(found[k - 1].grad_b) - log10(found[k].grad_b)
        assert step == pytest.approx(-math.log10(2.0), rel=1e-9)
        assert log10(found[k].grad_w) == pytest.approx(log10(found[0].grad_w), rel=1e-2)


@pytest.mark.slow
@pytest.mark.parametrize("act", ["softplus", "elu", "mish"])
def test_exploding_values_are_followed_by_the_asymptote(act: str) -> None:
    # q grows to 1e1200, where S is max(x, 0): V is q/2, and C is 1/2.
    found = uniform(act, 2000, 2.0 * math.sqrt(2.0), Magnitude.of(8.0))
    for k in (1000, 1998):
        step = log10(found[k - 1].grad_b) - log10(found[k].grad_b)
        assert step == pytest.approx(math.log10(2.0), rel=1e-9)


def test_zero_input_is_a_true_zero_for_relu_and_not_for_tanh() -> None:
    relu, tanh = (uniform(act, 3, 1.0, ZERO) for act in ("relu", "tanh"))
    assert not any(layer.grad_w or layer.grad_b for layer in relu)
    assert not any(layer.grad_w for layer in tanh)
    assert [number(layer.grad_b) for layer in tanh] == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("larger", "smaller"),
    [((0.75, 300), (0.5, -300)), ((0.75, 30), (0.5, 27)), ((0.5, 0), (0.5, 0))],
)
def test_bias_is_added_to_the_variance_at_any_scale(
    larger: tuple[float, int], smaller: tuple[float, int]
) -> None:
    # For the identity q is σ_w²‖x‖²/n_0 + σ_b², and V(q) = q.
    for x, b in ((larger, smaller), (smaller, larger)):
        bias_std = float(Magnitude(*b))
        one = Magnitude.of(1.0)
        ensemble = meanfield.Ensemble.plain([activations.get("identity")], [1, 1], [one], bias_std)
        [layer] = meanfield.expected(ensemble, Magnitude(*x).root())
        right = math.ldexp(*x) + bias_std**2
        assert number(layer.q) == pytest.approx(right, rel=1e-15)


SEEDS = 16

CASES: dict[str, dict[str, Any]] = {
    "sigmoid": {"act": "sigmoid", "init": "xavier_uniform", "widths": (300, *(150, 250) * 4)},
    "tanh": {"act": "tanh", "weight_std": 1.6, "bias_std": 0.3, "layers": 8, "width": 256},
    "relu": {"act": "relu", "layers": 8, "width": 256},
    "softplus": {"act": "softplus", "widths": (100, *(300, 150) * 4), "bias_std": 0.2},
    "orthogonal": {
        "act": "sin",
        "init": "orthogonal",
        "gain": 1.2,
        "widths": (90, *(50, 80) * 4),
    },
    "mixed": {"layer_acts": ("gelu", "tanh", "relu6", "elu") * 2, "init": "he_normal"},
}


def log_ratios(case: dict[str, Any], variance: slice = slice(None)) -> np.ndarray[Any, Any]:
    """ln of measured over expected ‖∂L/∂W_k‖ and ‖∂L/∂b_k‖: shape (seeds, layers, 2)."""
    rows = []
    for seed in range(SEEDS):
        settings = Settings(**case, seed=seed)
        simulation = Simulation(settings, Draws(Streams(seed)))
        ensemble = meanfield.Ensemble.plain(
            settings.model.activations,
            settings.model.sizes,
            settings.model.weight_variances[variance],
            settings.bias_std,
        )
        found = meanfield.expected(ensemble, Scaled(simulation.x).norm())
        size = simulation.loss_gradient.norm()
        rows.append(
            [
                [
                    _log(simulation.norms[Variable(letter, k)] / (expected * size))
                    for letter, expected in (("W", layer.grad_w), ("b", layer.grad_b))
                    if expected is not None
                ]
                for k, layer in enumerate(found, 1)
            ]
        )
    return np.array(rows)


def _log(magnitude: Magnitude) -> float:
    return math.log(float(magnitude))


def disagree(ratios: np.ndarray[Any, Any]) -> Sequence[int]:
    """The layers whose median is more than 3 standard errors and 2 % off the expectation."""
    median = np.median(ratios, axis=0)
    # That of a normal law's median is √(π/2) times that of its mean.
    error = math.sqrt(math.pi / 2.0 / SEEDS) * ratios.std(axis=0, ddof=1)
    off = np.abs(np.expm1(median)) > 3.0 * error * np.exp(median) + 0.02
    return [int(k) for k in np.flatnonzero(off.any(axis=1)) + 1]


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_measured_gradients_agree_with_the_expectation_at_every_layer(name: str) -> None:
    assert disagree(log_ratios(CASES[name])) == []


def test_readout_of_ones_disagrees_for_relu() -> None:
    # It knows of f_N, whose entries are all positive.
    ones = CASES["relu"] | {"loss": "sum"}
    assert len(disagree(log_ratios(ones))) > 5


def test_reading_the_weights_of_the_wrong_layer_disagrees() -> None:
    assert len(disagree(log_ratios(CASES["sigmoid"], slice(None, None, -1)))) > 3


@pytest.mark.parametrize(
    "options",
    [
        {"act": "sigmoid", "layers": 90},
        {"act": "tanh", "layers": 90, "weight_std": 2.5, "last_act": "relu"},
        {"act": "sigmoid", "layers": 90, "gain": (*(1.0,) * 70, *(1.5,) * 20)},
        {"layer_acts": (*("sigmoid",) * 70, *("tanh",) * 20)},
        {"act": "sigmoid", "layers": 90, "block": "1/2 x+S(Wx+b)"},
        {"act": "sigmoid", "layers": 90, "block": "LN(S(Wx+b))"},
    ],
)
def test_what_repeats_itself_is_what_a_walk_through_all_layers_gives(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meanfield, "_PIECE", 16)
    settings = Settings(width=8, engine="sampled", **options)
    found, _ = expected_of(settings)
    monkeypatch.setattr(meanfield.Ensemble, "alike", lambda *_: 0)
    walked, _ = expected_of(settings)
    assert found is not None
    assert walked is not None
    assert list(found) == list(walked)
    assert len(found) == settings.model.depth


@pytest.mark.parametrize(
    "options",
    [
        {"act": "tanh", "layers": 600},
        {"act": "tanh", "layers": 40, "weight_std": 2.5, "bias_std": 0.3, "last_act": "relu"},
        {"act": "gelu", "layers": 90, "gain": (*(1.0,) * 50, *(1.5,) * 40), "init": "lecun_normal"},
        {"layer_acts": (*("sigmoid",) * 70, *("softplus",) * 20, "tanh")},
        {"act": "gelu", "layers": 300, "init": "lecun_normal"},
        # Out of the range of quadrature, and of float64, in both directions.
        {"act": "relu", "layers": 40, "weight_std": 1e-20},
        {"act": "tanh", "layers": 40, "weight_std": 1e-20},
        {"act": "softplus", "layers": 40, "weight_std": 1e20},
        {"act": "relu", "layers": 40, "weight_std": 1e150},
        {"act": "tanh", "layers": 9, "weight_std": 1e150, "bias_std": 1e-150},
        pytest.param({"act": "cos(x)", "layers": 30}, marks=pytest.mark.slow),
    ],
)
def test_plain_numbers_are_those_of_magnitudes_to_the_last_bit(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(width=8, engine="sampled", **options)
    found, why = expected_of(settings)
    monkeypatch.setattr(meanfield, "walk", lambda *_: None)
    by_objects, why_not = expected_of(settings)
    assert why == why_not
    assert (found and list(found)) == (by_objects and list(by_objects))


def test_values_that_end_at_a_true_zero_have_no_second_mode() -> None:
    # V is of the order q², so that no exponent is left after some layers.
    settings = Settings(act="x^2/(1+x^2)", layers=90, width=64, engine="sampled")
    found, why = expected_of(settings)
    assert not why
    assert found is not None
    assert not found[-1].value
    assert found[0].value


def test_what_the_second_mode_takes_of_a_layer_hangs_on_no_other_layer() -> None:
    rng = np.random.default_rng(2)
    kinds = [
        OneMatrix(0.0, 1.0, "", "", ""),
        OneMatrix(0.7, 1.3, "", "", ""),
        OneMatrix(1.0, 1.0, "layernorm", "", ""),
    ]
    for kind in kinds:
        layers = []
        for _ in range(40):
            of = Joint._make(rng.uniform(0.5, 2.0, 13).tolist())
            m, variance, share = rng.uniform(0.1, 0.9, 3).tolist()
            layers.append(Layer(kind, 64, m, variance, share, of, of))
        together = [means._numbers for means in secondmode._means(layers)]
        for layer, numbers in zip(layers, together, strict=True):
            [alone] = secondmode._means([layer])
            for mine, yours in zip(numbers, alone._numbers, strict=True):
                assert list(mine) == list(yours)


def test_theory_walks_no_further_where_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    walked: list[int] = []
    reader = moments.reader

    def counting(activation: Activation) -> Callable[[float], tuple[float, float]]:
        read = reader(activation)

        def counted(q: float) -> tuple[float, float]:
            walked.append(1)
            return read(q)

        return counted

    monkeypatch.setattr(moments, "reader", counting)
    expected_of(Settings(act="sigmoid", layers=5000, width=8, engine="sampled"))
    assert 1 < len(walked) < 100
