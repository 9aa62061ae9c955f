"""LSUV against the algorithm as its paper writes it, on arrays that know nothing of graphs."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import vanish
from vanish.errors import UsageError
from vanish.network import activations
from vanish.network.arrays import Network
from vanish.network.graph import Variable
from vanish.network.streams import Streams
from vanish.network.weights import Weight
from vanish.numbers.scaled import Magnitude
from vanish.readings import unitvariance
from vanish.simulation.run import Simulation
from vanish.simulation.settings import Settings
from vanish.training.run import Run
from vanish.training.settings import TrainingSettings

if TYPE_CHECKING:
    from vanish.numbers.scaled import FloatArray

CHAINS: dict[str, dict[str, Any]] = {
    "one row": {"act": "tanh"},
    "sigmoid": {"act": "sigmoid", "batch": 5},
    "biases": {"act": "relu", "batch": 3, "bias_std": 0.4},
    "uniform biases": {"act": "relu", "batch": 3, "bias_init": "uniform(-0.2,0.9)"},
    "rectangular": {"act": "gelu", "widths": (7, 12, 3, 9, 4), "batch": 2},
    "mixed": {"layer_acts": ("tanh", "relu", "sin"), "batch": 4},
    "gain": {"act": "tanh", "gain": 2.5, "batch": 2},
    "gains": {"act": "selu", "gain": (1.0, 0.5, 3.0, 1e-3), "bias_std": 1e-4, "batch": 2},
}


def simulated(**settings: Any) -> Simulation:
    if not {"widths", "layer_acts"} & settings.keys():
        settings["layers"] = 4
    if "widths" not in settings:
        settings["width"] = 6
    return Simulation(Settings(**settings))


def arrays(simulation: Simulation) -> list[tuple[FloatArray, FloatArray]]:
    """Return W and b of each layer of a plain chain."""
    found = []
    parameters = simulation.chain.parameters
    for k in range(1, simulation.settings.model.depth + 1):
        weight, bias = parameters[Variable("W", k)], parameters[Variable("b", k)]
        assert isinstance(weight, Weight)
        assert not isinstance(bias, Weight)
        entries = weight.multiplied_out()
        found.append((entries, np.zeros(len(entries)) if bias is None else bias))
    return found


def as_published(simulation: Simulation, start: Simulation) -> list[FloatArray]:
    """Return the weights of algorithm 1: divided by the standard deviation till that is 1."""
    f, scaled = simulation.x, []
    gains = simulation.settings.model.gains
    depth = simulation.settings.model.depth
    for k, (weight, bias) in enumerate(arrays(start), 1):
        w, wanted = weight, gains.at(k, depth)
        for _ in range(10_000):
            std = float((f @ w.T + bias).std())
            if abs(std / wanted - 1.0) < 1e-14:
                break
            w = w * (wanted / std)
        scaled.append(w)
        f = simulation.settings.model.activations[k - 1].value(f @ w.T + bias)
    return scaled


@pytest.mark.parametrize("name", CHAINS)
def test_weights_are_those_of_the_algorithm(name: str) -> None:
    simulation = simulated(**CHAINS[name], init="lsuv")
    start = simulated(**CHAINS[name], init="orthogonal")
    for (found, _), expected in zip(
        arrays(simulation), as_published(simulation, start), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-11)


def test_dividing_by_the_root_mean_square_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def by_rms(u: FloatArray, *_: object) -> Magnitude:
        return Magnitude.of(1.0 / math.sqrt(float(np.mean(u * u))))

    monkeypatch.setattr(unitvariance, "_factor", by_rms)
    simulation = simulated(**CHAINS["sigmoid"], init="lsuv")
    start = simulated(**CHAINS["sigmoid"], init="orthogonal")
    (_, (found, _), *_), (_, expected, *_) = arrays(simulation), as_published(simulation, start)
    assert np.abs(found / expected - 1.0).max() > 1e-3


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_given_weights_are_scaled_whatever_their_size(scale: float) -> None:
    generator = np.random.default_rng(3)
    weights = [scale * generator.normal(size=(5, 5)) for _ in range(3)]
    biases = [0.1 * generator.normal(size=5) for _ in range(3)]
    x = generator.normal(size=(4, 5))
    run = Simulation(
        Settings(act="tanh", weights=Network(weights, biases), input=x, init="lsuv")  # type: ignore[arg-type] # taken as rows
    )
    f = x
    for (found, bias), weight in zip(arrays(run), weights, strict=True):
        a = f @ found.T + bias
        assert a.std() == pytest.approx(1.0, rel=1e-12)
        quotient = found / weight
        np.testing.assert_allclose(quotient, quotient[0, 0], rtol=1e-12)
        f = np.tanh(a)


@pytest.mark.parametrize("block", ["x + S(Wx+b)", "prenorm", "x + V S(Wx + b)", "S(Wx + Vx)"])
def test_every_matrix_of_a_block_gives_variance_1(block: str) -> None:
    run = Simulation(Settings(act="relu", block=block, layers=3, width=8, batch=6, init="lsuv"))
    chain, f = run.chain, run.x
    relu = activations.get("relu")

    def times(letter: str, k: int, value: FloatArray) -> FloatArray:
        weight = chain.parameters[Variable(letter, k)]
        assert isinstance(weight, Weight)
        found: FloatArray = value @ weight.multiplied_out().T
        assert found.std() == pytest.approx(1.0, rel=1e-12)
        return found

    for k in range(1, 4):
        x = f
        if block == "prenorm":
            x = (f - f.mean(1, keepdims=True)) / f.std(1, keepdims=True)
        a = times("W", k, x)
        if block == "S(Wx + Vx)":
            f = relu.value(a + times("V", k, x))
        elif block == "x + S(Wx+b)":
            f = f + relu.value(a)
        else:
            f = f + times("V", k, relu.value(a))


def test_a_shared_matrix_is_scaled_where_it_is_first_met() -> None:
    run = Simulation(Settings(act="tanh", block="rnn", layers=3, width=8, batch=2, init="lsuv"))
    weight = run.chain.parameters[Variable("W", 0)]
    assert isinstance(weight, Weight)
    assert (run.x @ weight.multiplied_out().T).std() == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"width": 1, "layers": 2}, "the values of layer 1 are all alike"),
        ({"width": 8, "layers": 2, "bias_std": 3.0}, "the biases of layer 1 alone have a"),
        ({"engine": "sampled"}, "engine sampled beside init lsuv"),
        ({"input": np.zeros((1, 64))}, "the values of layer 1 are all alike"),
    ],
)
def test_where_no_factor_does(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as raised:
        vanish.simulate(act="tanh", init="lsuv", **settings)
    assert said in str(raised.value)


@pytest.mark.parametrize("gain", [1e300, 1e-200, 7.0])
def test_a_gain_whose_square_leaves_float64_is_one(gain: float) -> None:
    """Beside it biases as they are: none is small to nothing, and none is too large."""
    bias_std = gain * 1e-3 if gain < 1.0 else 0.1
    settings = Settings(
        act="tanh", init="lsuv", layers=2, width=9, batch=2, bias_std=bias_std, last_gain=gain
    )
    run = Simulation(settings)
    (_, _), (w, b) = arrays(run)
    f = run.trace.outputs[1].values
    values = f @ (w / gain).T + b / gain
    assert values.std() == pytest.approx(1.0, rel=1e-9)


def test_theory_says_nothing_and_auto_is_dense() -> None:
    assert Settings(act="tanh", init="lsuv", trials=30_000).engine_used == "dense"
    run = vanish.simulate(act="tanh", init="lsuv", layers=3, width=4)
    assert run.layers[0].predicted is None


def test_trials_are_scaled_one_by_one() -> None:
    settings = Settings(act="tanh", init="lsuv", layers=3, width=4, trials=3)
    for trial in range(3):
        run = Simulation(replace(settings, trials=3), trial=trial)
        assert run.trace.outputs[1].values.shape == (1, 4)
        a = run.x @ arrays(run)[0][0].T
        assert a.std() == pytest.approx(1.0, rel=1e-12)


def test_a_training_starts_with_them() -> None:
    """Of a network that does not learn yet, its first step shows what it started with."""
    settings = TrainingSettings(act="tanh", init="lsuv", layers=2, width=6, epochs=1)
    split = settings.source.split(Streams(0))
    run = Run(settings, split)
    w = run.parameters.by_address[Variable("W", 1)]
    assert (split.train.x @ w.T).std() == pytest.approx(1.0, rel=1e-12)
