"""What is known of blocks reproduces: each number has a source that knows nothing of `vanish`.

Squares of norms are averaged over trials, since theory speaks of mean squares.
"""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from mpmath import mp

import vanish
from vanish.network.graph import Variable
from vanish.network.weights import Weight
from vanish.simulation.run import Simulation, measure
from vanish.simulation.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from vanish.numbers.scaled import FloatArray


def mean_squares(**options: Any) -> FloatArray:
    """Return the mean squares over the trials of ‖∂L/∂f_k‖, layer 1 first."""
    measured = measure(Settings(engine="sampled", norm_bound=False, **options))
    return np.asarray(np.mean(10.0 ** (2.0 * measured.grad_f.log10), axis=1))


def factors(**options: Any) -> FloatArray:
    """Return what each layer from the second on multiplies the mean square by, going back."""
    squares = mean_squares(**options)
    return np.array([below / above for below, above in pairwise(squares)])


# --- a norm before S, and behind it ---


@cache
def moments() -> tuple[float, float, float]:
    """Return E S, E S² and E S'² of the sigmoid of a standard normal number."""

    def mean(f: Callable[[Any], Any]) -> float:
        return float(mp.quad(lambda z: f(z) * mp.npdf(z), [-12, -4, 0, 4, 12]))

    def s(z: Any) -> Any:
        return 1 / (1 + mp.exp(-z))

    return mean(s), mean(lambda z: s(z) ** 2), mean(lambda z: (s(z) * s(-z)) ** 2)


def test_the_numbers_that_are_known() -> None:
    m, v, c = moments()
    assert c / v == pytest.approx(0.153, abs=5e-4)
    assert c / (v - m**2) == pytest.approx(1.034, abs=5e-4)
    assert math.pi / (math.pi - 1) == pytest.approx(1.467, abs=5e-4)


WIDE: dict[str, Any] = {"act": "sigmoid", "width": 1024, "layers": 12, "trials": 100}


@pytest.mark.slow
@pytest.mark.parametrize("weight_std", [0.5, 1.0, 3.0])
def test_a_norm_before_the_sigmoid_does_not_rescue_it_whatever_the_weights(
    weight_std: float,
) -> None:
    _, v, c = moments()
    found = factors(block="layernorm", weight_std=weight_std, **WIDE)
    assert np.exp(np.log(found).mean()) == pytest.approx(c / v, rel=0.005)
    assert found == pytest.approx(np.full(11, c / v), rel=0.03)


@pytest.mark.slow
def test_a_norm_behind_the_sigmoid_rescues_it() -> None:
    m, v, c = moments()
    found = factors(block="layernorm_after", weight_std=1.0, **WIDE)
    assert np.exp(np.log(found).mean()) == pytest.approx(c / (v - m**2), rel=0.005)
    assert found == pytest.approx(np.full(11, c / (v - m**2)), rel=0.03)


# --- a norm over the batch ---


@pytest.mark.slow
@pytest.mark.parametrize(("batch", "factor"), [(8, 1.785), (32, 1.521), (128, 1.476)])
def test_gradients_of_batchnorm_relu_grow_by_pi_over_pi_minus_1(batch: int, factor: float) -> None:
    # Yang et al. 2019, "A mean field theory of batch normalization". The factors of so small
    # batches are those of networks of 512 units and 24 layers drawn in full with PyTorch.
    squares = mean_squares(
        block="batchnorm", act="relu", width=256, layers=16, batch=batch, trials=512 // batch
    )
    found = (squares[2] / squares[12]) ** (1 / 10)
    assert found == pytest.approx(factor, rel=0.015)
    assert found > math.pi / (math.pi - 1) - 0.02


# --- skips ---

SKIP: dict[str, Any] = {"act": "relu", "width": 1024, "layers": 20, "trials": 200}


@pytest.mark.slow
def test_gradients_of_relu_skips_grow_faster_than_to_leading_order() -> None:
    squares = mean_squares(block="residual", weight_std=1.5, **SKIP)
    leading = 19 * math.log10(1 + 1.5**2 / 2) / 2
    assert leading == pytest.approx(3.110, abs=1e-3)
    # A part along f_k and along 1, of relative size 1/n, grows with the stream.
    assert math.log10(squares[0]) / 2 == pytest.approx(3.431, abs=0.05)


@pytest.mark.slow
def test_a_second_matrix_leaves_the_leading_order() -> None:
    squares = mean_squares(
        block="bottleneck", weight_std=(("W", 1.5), ("V", 0.8)), hidden=1024, **SKIP
    )
    leading = 19 * math.log10(1 + 0.8**2 * 1.5**2 / 2) / 2
    assert math.log10(squares[0]) / 2 == pytest.approx(leading, abs=0.03)


@pytest.mark.slow
def test_one_over_the_root_of_the_layers_keeps_gradients_bounded() -> None:
    weight_std = 1.5
    shared: dict[str, Any] = {"act": "tanh", "width": 256, "weight_std": weight_std, "trials": 40}
    found = [
        float(mean_squares(block="residual_scaled", layers=layers, **shared)[0])
        for layers in (10, 40, 160, 640)
    ]
    # (1 + σ_w² C/N)^N < e^(σ_w² C), C ≤ 1; and it does not fall either.
    assert all(1.0 < each < math.exp(weight_std**2) for each in found)
    assert found[-1] == pytest.approx(found[-2], rel=0.15)
    without = [
        float(mean_squares(block="residual", layers=layers, **shared)[0])
        for layers in (10, 40, 160)
    ]
    assert without[0] < without[1] < without[2]
    assert without[2] > 30 * without[0]


# --- through time ---


class Recurrent:
    """A recurrent network of N steps.

    Attributes
    ----------
    ratio
        ‖∂L/∂f_1‖/‖∂L/∂f_N‖.
    spectral
        σ_max(W).
    """

    def __init__(self, **options: Any) -> None:
        simulation = Simulation(Settings(block="rnn", **options))
        norms = simulation.norms
        depth = simulation.settings.model.depth
        self.log10_ratio = (
            (norms[Variable("f", 1)] / norms[Variable("f", depth)]).log10
            if norms[Variable("f", 1)]
            else -math.inf
        )
        w = simulation.chain.parameters[Variable("W", 0)]
        assert isinstance(w, Weight)
        self.spectral = float(np.linalg.norm(w.multiplied_out(), 2))


SUP = {"tanh": 1.0, "sigmoid": 0.25, "relu": 1.0, "hard_sigmoid": 1 / 6}


@pytest.mark.parametrize("act", SUP)
@pytest.mark.parametrize("weight_std", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("batch", [1, 3])
def test_pascanus_condition_bounds_what_goes_back_through_time(
    act: str, weight_std: float, batch: int
) -> None:
    # Pascanu, Mikolov and Bengio 2013, section 2.1: σ_max(W) < 1/sup|S'| is sufficient for
    # vanishing, so that the contrary is necessary for exploding.
    steps = 30
    for seed in range(4):
        found = Recurrent(
            act=act,
            weight_std=(("W", weight_std),),
            bias_std=0.2,
            layers=steps,
            width=12,
            seed=seed,
            batch=batch,
        )
        assert found.log10_ratio is not None
        most = (steps - 1) * math.log10(SUP[act] * found.spectral)
        assert found.log10_ratio <= most + 1e-9
        if found.spectral < 1 / SUP[act]:
            assert found.log10_ratio < 0.0


def test_pascanus_bound_is_nearly_attained() -> None:
    # By a linear network the signal follows the largest singular vector, where W is symmetric
    # enough; here by an orthogonal W all directions are equal.
    found = Recurrent(act="identity", init="orthogonal", gain=1.3, layers=30, width=8)
    assert found.spectral == pytest.approx(1.3)
    assert found.log10_ratio == pytest.approx(29 * math.log10(1.3), rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(("weight_std", "vanishes"), [(0.5, True), (3.0, False)])
def test_a_hundred_steps_tied_and_untied(weight_std: float, *, vanishes: bool) -> None:
    shared: dict[str, Any] = {"act": "tanh", "layers": 100, "width": 64, "weight_std": weight_std}
    for block in ("rnn", "rnn_untied"):
        ratios = [
            Simulation(Settings(block=block, seed=seed, **shared)).ratio.log10 for seed in range(3)
        ]
        assert all((each is None or each < -3.0) is vanishes for each in ratios), block


def test_tied_layers_that_are_told_the_same_have_no_law() -> None:
    same = vanish.simulate(act="tanh", block="rnn", layers=6, width=4, steps=np.ones((6, 4)))
    other = np.random.default_rng(0).standard_normal((6, 4))
    told = vanish.simulate(act="tanh", block="rnn", layers=6, width=4, steps=other)
    assert same.layers[0].predicted_f is None
    assert same.to_dict()["runs"][0]["no_prediction"] == (
        "W shared by all layers, whose inputs u are all the same"
    )
    assert told.layers[0].predicted_f is not None
