"""How chains of finite width lie about theory: the exact law, or what many trials measure."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import vanish
from vanish import activations, theory
from vanish.errors import VanishError
from vanish.readings import finitewidth
from vanish.settings import Settings
from vanish.simulation import measure
from vanish.spread import MEASURED_CHAINS, Spread, spread

LAWS: dict[str, Any] = {"relu": finitewidth.relu, "identity": finitewidth.linear}


def found(act: str, layers: int, width: int, **at: Any) -> Spread:
    result = spread(theory.point(activations.get(act), **at), layers, width)
    assert result is not None
    return result


@pytest.mark.parametrize("act", LAWS)
@pytest.mark.parametrize(("layers", "width"), [(1, 4), (6, 16), (50, 3)])
@pytest.mark.parametrize("weight_std", [0.3, math.sqrt(2.0)])
def test_relu_and_identity_without_bias_have_the_exact_law(
    act: str, layers: int, width: int, weight_std: float
) -> None:
    result = found(act, layers, width, weight_std=weight_std)
    variances = [vanish.Magnitude.of(weight_std**2)] * layers
    law = LAWS[act]([width] * (layers + 1), variances)
    assert result.source == "exact"
    assert (result.layers, result.width) == (layers, width)
    assert result.log10_typical == pytest.approx(law.mean[0] / math.log(10.0), rel=1e-12, abs=1e-12)
    assert result.log10_std == pytest.approx(law.std[0] / math.log(10.0), rel=1e-12)
    assert result.dead == law.dead


@pytest.mark.parametrize(
    ("act", "layers", "width", "weight_std", "bias_std"),
    [
        ("tanh", 6, 8, 1.5, 0.1),
        ("gelu", 4, 5, 2.0, 0.0),
        ("relu", 5, 6, math.sqrt(2.0), 0.2),
        ("identity", 5, 6, 1.0, 0.2),
        ("leaky_relu", 5, 6, 1.4, 0.0),
    ],
)
def test_others_are_measured_on_many_trials(
    act: str, layers: int, width: int, weight_std: float, bias_std: float
) -> None:
    result = found(act, layers, width, weight_std=weight_std, bias_std=bias_std)
    assert (MEASURED_CHAINS, result.source) == (256, "measured")
    settings = Settings(
        act=act,
        layers=layers,
        width=width,
        weight_std=weight_std,
        bias_std=bias_std,
        trials=400,
        engine="dense",
        norm_bound=False,
        seed=1,
    )
    logs = measure(settings).grad_b.at(0).log10
    alive = logs[np.isfinite(logs)]
    # Four standard errors of the difference of two samples.
    share = alive.size / logs.size
    error = alive.std() * math.sqrt(1 / 256 / share + 1 / alive.size)
    assert result.log10_typical == pytest.approx(alive.mean(), abs=4.0 * error)
    assert result.log10_std == pytest.approx(alive.std(), rel=0.35)
    dead = (result.dead * 256 + (1.0 - share) * 400) / 656
    error = math.sqrt(dead * (1.0 - dead) * (1 / 256 + 1 / 400))
    assert abs(result.dead - (1.0 - share)) <= 4.0 * error


def test_exact_law_is_what_seeds_measure() -> None:
    layers, width, seeds = 6, 16, 100
    result = found("relu", layers, width)
    assert result.log10_typical is not None
    assert result.log10_std is not None
    settings = [
        Settings(act="relu", layers=layers, width=width, weight_std=math.sqrt(2.0), seed=seed)
        for seed in range(seeds)
    ]
    logs = [profile.layers[0].grad_b.log10 for profile in vanish.compare(settings)]
    alive = np.array([log for log in logs if log is not None])
    error = result.log10_std / math.sqrt(len(alive))
    assert abs(alive.mean() - result.log10_typical) < 4.0 * error
    assert alive.std(ddof=1) == pytest.approx(result.log10_std, rel=4.0 / math.sqrt(2.0 * seeds))


@pytest.mark.parametrize(
    ("act", "weight_std", "layers"), [("relu", 1.0, 7), ("relu", 1.7, 3), ("identity", 0.5, 9)]
)
def test_log10_expected_of_homogeneous_chains_is_a_power_of_chi_1(
    act: str, weight_std: float, layers: int
) -> None:
    # ‖∂L/∂b_N‖² is E[S'²] of a readout of norm 1; each layer before multiplies it by χ₁.
    point = theory.point(activations.get(act), weight_std)
    assert point.chi_1 is not None
    last = 0.5 if act == "relu" else 1.0
    expected = 0.5 * math.log10(last * point.chi_1 ** (layers - 1))
    assert found(act, layers, 8, weight_std=weight_std).log10_expected == pytest.approx(
        expected, rel=1e-12
    )


@pytest.mark.parametrize("act", ["tanh", "sigmoid", "sin"])
def test_log10_expected_of_a_deep_chain_has_the_slope_of_chi_1(
    act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vanish.spread.MEASURED_CHAINS", 2)
    at = {"weight_std": 1.5, "bias_std": 0.3}
    point = theory.point(activations.get(act), 1.5, 0.3)
    shallow, deep = found(act, 60, 2, **at), found(act, 61, 2, **at)
    assert shallow.log10_expected is not None
    assert deep.log10_expected is not None
    assert point.chi_1 is not None
    assert deep.log10_expected - shallow.log10_expected == pytest.approx(
        0.5 * math.log10(point.chi_1), abs=1e-9
    )


def test_wide_chain_lies_at_theory() -> None:
    result = found("tanh", 5, 256, weight_std=1.2, bias_std=0.1)
    assert result.log10_typical == pytest.approx(result.log10_expected, abs=0.03)


@pytest.mark.parametrize("act", ["softplus", "log_sigmoid"])
def test_point_without_a_weight_std_has_no_spread(act: str) -> None:
    point = theory.point(activations.get(act))
    assert point.weight_std is None
    assert spread(point, 5, 8) is None


def test_relu_chain_of_width_1_is_almost_surely_dead() -> None:
    result = found("relu", 30, 1)
    assert 1.0 - result.dead == pytest.approx(0.5**30, rel=1e-6)
    assert result.log10_typical is not None
    assert math.isfinite(result.log10_typical)


def test_measured_chains_that_are_all_dead_have_no_mean() -> None:
    result = found("relu", 30, 1, weight_std=1.4, bias_std=0.5)
    assert result.log10_expected is not None
    assert result[3:] == (None, None, 1.0, "measured")


@pytest.mark.parametrize(("layers", "width"), [(0, 3), (3, 0), (-1, 3)])
def test_a_chain_that_is_none_is_an_error(layers: int, width: int) -> None:
    with pytest.raises(VanishError):
        found("tanh", layers, width)
