"""How chains of finite width lie about theory: the exact law, or what many trials measure."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import vanish
from vanish.errors import VanishError
from vanish.lessons.spread import MEASURED_CHAINS, Spread, medians, spread
from vanish.network import activations
from vanish.simulation.run import measure
from vanish.simulation.settings import Settings
from vanish.theories import finitewidth
from vanish.theories import infinitewidth as theory

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


@pytest.mark.slow
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


@pytest.mark.slow
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
    monkeypatch.setattr("vanish.lessons.spread.MEASURED_CHAINS", 2)
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
    assert result.log10_typical is result.log10_std is None
    assert (result.dead, result.source) == (1.0, "measured")
    # All of 256 are dead: how near to 1 the probability is they cannot tell.
    assert result.dead_se is result.log10_typical_se is result.log10_std_se is None


@pytest.mark.parametrize(("layers", "width"), [(0, 3), (3, 0), (-1, 3)])
def test_a_chain_that_is_none_is_an_error(layers: int, width: int) -> None:
    with pytest.raises(VanishError):
        found("tanh", layers, width)


@pytest.mark.parametrize(
    ("act", "layers", "width", "at"),
    [
        ("relu", 5, 4, {"weight_std": 1.4, "bias_std": 0.2}),
        ("tanh", 8, 6, {"weight_std": 1.5, "bias_std": 0.1}),
    ],
)
def test_standard_errors_are_those_of_many_such_samples(
    act: str, layers: int, width: int, at: dict[str, float]
) -> None:
    # The spread between 24 samples of 256 chains, by 24 seeds, to about 1/√46 of itself.
    samples, chains = 24, 256
    options: dict[str, Any] = {"act": act, "layers": layers, "width": width, **at}
    measured = [
        measure(Settings(trials=chains, engine="sampled", seed=seed, **options)).grad_b.at(0).log10
        for seed in range(1, samples + 1)
    ]
    alive = [logs[np.isfinite(logs)] for logs in measured]
    between = {
        "log10_typical_se": np.std([each.mean() for each in alive], ddof=1),
        "log10_std_se": np.std([each.std(ddof=1) for each in alive], ddof=1),
        "dead_se": np.std([each.size / chains for each in alive], ddof=1),
    }
    result = found(act, layers, width, **at)
    for name, expected in between.items():
        error = getattr(result, name)
        if expected == 0.0:
            assert error is None
        else:
            assert error == pytest.approx(expected, rel=4.0 / math.sqrt(2.0 * (samples - 1)))


def test_an_exact_law_has_no_standard_errors() -> None:
    assert found("relu", 5, 4)[-3:] == (None, None, None)


def test_an_input_of_another_size_is_measured_and_expected_alike() -> None:
    point = theory.point(activations.get("tanh"), 1.5, 0.3, input_rms=6.0)
    small, large = spread(point, 4, 128), spread(point, 4, 128, 6.0)
    assert small is not None
    assert large is not None
    # In a wide chain theory and measurement agree, for either input.
    for result in (small, large):
        assert result.log10_typical == pytest.approx(result.log10_expected, abs=0.05)
    assert small.log10_expected is not None
    assert abs(small.log10_expected - (large.log10_expected or 0.0)) > 0.1


def test_medians_are_those_of_the_trials_of_these_settings() -> None:
    settings = Settings(act="relu", layers=6, width=8, trials=2000, engine="sampled", seed=4)
    known = medians(settings, range(1, 7))
    assert known is not None
    measured = measure(settings)
    for found_logs, trials in ((known.grad_a, measured.grad_a), (known.grad_w, measured.grad_w)):
        below = (trials.log10 < found_logs[:, None] / math.log(10.0)).mean(axis=1)
        # The readout's own factor has few values.
        kept = slice(0, 5) if trials is measured.grad_a else slice(None)
        assert (np.abs(below[kept] - 0.5) < 4.0 * 0.5 / math.sqrt(2000)).all()


@pytest.mark.parametrize(
    "options",
    [
        {"act": "tanh"},
        {"act": "relu", "init": "orthogonal"},
        {"act": "relu", "init": "he_uniform"},
        {"act": "relu", "bias_std": 0.1},
        {"act": "relu", "batch": 2},
        {"act": "relu", "loss": "mse"},
        {"layer_acts": ("relu", "identity")},
        {"act": "relu", "last_act": "identity"},
    ],
)
def test_medians_of_other_chains_are_not_known(options: dict[str, Any]) -> None:
    assert medians(Settings(trials=3, **options), [1]) is None
