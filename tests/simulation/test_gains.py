"""One gain a layer, and one of layer N alone."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from command import run as run_vanish

import vanish
from vanish.cli.parse import gains as gains_of
from vanish.cures.catalogue import CHEAP
from vanish.cures.remedy import find
from vanish.errors import UsageError
from vanish.network import activations
from vanish.network.arrays import Network
from vanish.network.weights import Weight
from vanish.simulation.run import Simulation
from vanish.simulation.settings import Settings

if TYPE_CHECKING:
    from vanish.numbers.scaled import FloatArray

GAINS = (1.7, 0.3, 2.5, 0.01)
CHAIN: dict[str, Any] = {"act": "tanh", "layers": 4, "width": 6, "bias_std": 0.2, "batch": 3}


def _arrays(settings: Settings) -> tuple[list[FloatArray], list[FloatArray]]:
    weights, biases = [], []
    for value in Simulation(settings).trace.chain.parameters.values():
        if isinstance(value, Weight):
            weights.append(value.multiplied_out())
        elif value is not None:
            biases.append(value)
    return weights, biases


@pytest.mark.parametrize(
    ("given", "by_hand"),
    [({"gain": GAINS}, GAINS), ({"gain": 1.3, "last_gain": 0.02}, (1.3, 1.3, 1.3, 0.02))],
)
def test_a_gain_of_a_layer_is_a_factor_of_its_weights(
    given: dict[str, Any], by_hand: tuple[float, ...]
) -> None:
    weights, biases = _arrays(Settings(**CHAIN))
    scaled, same = _arrays(Settings(**CHAIN, **given))
    for weight, gain, found in zip(weights, by_hand, scaled, strict=True):
        np.testing.assert_allclose(found, gain * weight, rtol=1e-15)
    for bias, found in zip(biases, same, strict=True):
        np.testing.assert_array_equal(found, bias)
    given_weights = vanish.simulate(act="tanh", weights=Network.of(weights), batch=3, **given)
    multiplied = [gain * each for gain, each in zip(by_hand, weights, strict=True)]
    expected = vanish.simulate(act="tanh", weights=Network.of(multiplied), batch=3)
    for one, other in zip(given_weights.layers, expected.layers, strict=True):
        assert float(one.grad_w) == pytest.approx(float(other.grad_w), rel=1e-12)


@pytest.mark.parametrize("engine", ["dense", "sampled"])
def test_theory_knows_the_gain_of_each_layer(engine: str) -> None:
    """By the chain rule of a relu, which scales, each gain multiplies the ratio."""
    chain: dict[str, Any] = {"act": "relu", "layers": 4, "width": 64, "engine": engine}
    plain, scaled = vanish.simulate(**chain), vanish.simulate(**chain, gain=GAINS)
    factor = math.log10(GAINS[1] * GAINS[2] * GAINS[3])
    for name in ("log10_ratio", "predicted_log10_ratio"):
        apart = getattr(scaled, name) - getattr(plain, name)
        assert apart == pytest.approx(factor, rel=1e-9)


def test_a_remedy_keeps_the_proportions() -> None:
    gains = (3.0, 3.0, 6.0, *(3.0,) * 7)
    settings = Settings(act="tanh", layers=10, width=16, gain=gains, init="orthogonal")
    profile = Simulation(replace(settings, act="relu")).profile()
    search = find(profile, cures=[each for each in CHEAP if each.name == "gain"])
    assert search.remedy is not None
    flag, listed = search.remedy.options
    assert flag == "--gain"
    found = gains_of(listed)
    assert isinstance(found, tuple)
    ratios = [each / gain for each, gain in zip(found, gains, strict=True)]
    assert max(ratios) / min(ratios) < 1.1
    mended = vanish.simulate(replace(profile.settings, gain=found))
    assert mended.log10_ratio == pytest.approx(search.remedy.log10_ratio, rel=1e-12)
    assert mended.verdict == "stable"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"gain": (1.0, 2.0), "layers": 3}, "gain of 2 numbers for 3 layers"),
        ({"gain": (1.0, 2.0), "layers": 2, "last_gain": 1.0}, "last_gain beside a gain for each"),
        ({"gain": (1.0, 0.0), "layers": 2}, "gain 0: give a finite number above 0"),
        ({"last_gain": -1.0}, "last_gain -1: give a finite number above 0"),
        ({"last_gain": 2.0, "block": "rnn"}, "whose layers share W"),
        ({"gain": ()}, "gain of 0 numbers for 20 layers"),
    ],
)
def test_what_is_no_gain(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as raised:
        Settings(**settings)
    assert said in str(raised.value)


def test_a_sweep_has_a_gain_a_point() -> None:
    rows = vanish.sweep(act="relu", layers=3, width=4, gain=[1.0, 2.0], last_gain=[0.1, 0.2])
    assert [(row["gain"], row["last_gain"]) for row in rows] == [
        (gain, last) for gain in (1.0, 2.0) for last in (0.1, 0.2)
    ]
    with pytest.raises(UsageError, match="a sweep has one number a point"):
        vanish.sweep(act="relu", layers=2, width=4, gain=[(1.0, 2.0)])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("widths", "sizes"),
    [("7,3x4,2", (7, 3, 3, 3, 3, 2)), ("5x1,2", (5, 2)), ("4 x 2, 3", (4, 4, 3))],
)
def test_sizes_may_be_repeated(widths: str, sizes: tuple[int, ...]) -> None:
    short = run_vanish("--widths", widths, "--act", "relu").stdout
    assert short == run_vanish("--widths", ",".join(map(str, sizes)), "--act", "relu").stdout
    assert short.count(b"\n") == len(sizes)


@pytest.mark.slow
def test_all_is_every_built_in_activation() -> None:
    for text in ("all", "All"):
        lines = run_vanish("--act", text, "-n", "2", "-w", "3").stdout.decode().splitlines()[1::2]
        assert [line.split("\t")[0] for line in lines] == list(activations.names())
    compared = vanish.compare(act="all", layers=2, width=3)
    assert [each.settings.act for each in compared] == list(activations.names())
