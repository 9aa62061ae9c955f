"""The derivation's numbers: measured factors, the largest possible ones, their products."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from known import known

from vanish import Settings, Simulation, VanishError
from vanish.lessons.derivation import measured_factors, parse_variable
from vanish.network.graph import Variable, article_graph
from vanish.numbers.scaled import ONE, Magnitude
from vanish.readings.notation import product
from vanish.readings.products import Factor

CHAINS: dict[str, dict[str, Any]] = {
    "sigmoid": {"layers": 3},
    "one layer": {"layers": 1, "act": "tanh"},
    "relu": {"layers": 20, "act": "relu", "width": 16},
    "rectangular": {"widths": (7, 3, 9, 4), "act": "gelu", "bias_std": 0.3},
    "mixed": {"layer_acts": ("relu", "tanh", "sin", "selu"), "width": 6, "seed": 3},
    "exploding": {"layers": 12, "act": "identity", "gain": 1e60, "width": 5},
    "beyond float64": {"layers": 700, "act": "sigmoid", "width": 4},
}


@pytest.fixture(params=CHAINS)
def simulation(request: pytest.FixtureRequest) -> Simulation:
    return Simulation(Settings(**CHAINS[request.param]))


def some_variables(simulation: Simulation) -> list[Variable]:
    depth = simulation.settings.model.depth
    layers = sorted({1, (depth + 1) // 2, depth})
    return [Variable("x", 0), *(Variable(letter, k) for k in layers for letter in "Wb")]


def relative_error(actual: Magnitude, expected: Magnitude) -> float:
    return abs(float(actual / expected) - 1.0)


@pytest.mark.slow
def test_the_measured_factors_multiply_to_the_gradients_norm(simulation: Simulation) -> None:
    for by in some_variables(simulation):
        running = ONE
        for each in measured_factors(simulation, by):
            assert each.measured is not None
            running *= each.measured
            assert relative_error(each.product, running) < 1e-12
        assert relative_error(running, simulation.norms[by]) < 1e-12


def test_no_factor_exceeds_its_largest_and_no_product_its_bound(simulation: Simulation) -> None:
    for by in some_variables(simulation):
        bound = ONE
        for each in measured_factors(simulation, by):
            assert each.measured is not None
            assert float(each.measured / known(each.largest)) <= 1.0 + 1e-12
            assert float(each.product / known(each.bound)) <= 1.0 + 1e-12
            bound *= known(each.largest)
            assert relative_error(known(each.bound), bound) < 1e-12


@pytest.mark.slow
def test_the_last_bound_is_the_profiles_norm_bound() -> None:
    for options in CHAINS.values():
        simulation = Simulation(Settings(norm_bound=True, **options))
        layers = simulation.profile().layers
        for k in {1, len(layers)}:
            expected = layers[k - 1].norm_bound
            assert expected is not None
            actual = measured_factors(simulation, Variable("W", k))[-1].bound
            assert relative_error(known(actual), expected) < 1e-12


@pytest.mark.slow
def test_the_factors_are_those_of_the_product_in_its_order(simulation: Simulation) -> None:
    for by in some_variables(simulation):
        expected = product(simulation.chain.graph, by).factors()
        assert tuple(each.factor for each in measured_factors(simulation, by)) == expected


@given(seed=st.integers(0, 10**6), act=st.sampled_from(["sigmoid", "tanh", "gelu", "leaky_relu"]))
def test_every_number_is_that_of_plain_matrices(seed: int, act: str) -> None:
    simulation = Simulation(Settings(act=act, widths=(4, 3, 5), bias_std=0.5, seed=seed))
    (w1, b1), (w2, b2) = (
        (layer.weight.multiplied_out(), layer.bias) for layer in simulation.chain.layers
    )
    assert b1 is not None
    assert b2 is not None
    activation = simulation.chain.layers[0].activation
    x, r = simulation.x[0], simulation.reference
    f1, slope1 = activation.pair(w1 @ x + b1)
    slope2 = activation.slope(w2 @ f1 + b2)
    rows = [r, r * slope2, r * slope2 @ w2, r * slope2 @ w2 * slope1]
    norms = [float(np.linalg.norm(row)) for row in rows]
    norms.append(float(np.linalg.norm(np.outer(rows[-1], x))))
    sup, spectral = activation.sup_slope, float(np.linalg.norm(w2, 2))
    largest = [1.0, sup, spectral, sup, float(np.linalg.norm(x))]

    factors = measured_factors(simulation, Variable("W", 1))
    ratios = [after / before for before, after in zip([1.0, *norms], norms, strict=False)]
    assert [float(each.product) for each in factors] == pytest.approx(norms, rel=1e-12)
    assert [float(known(each.largest)) for each in factors] == pytest.approx(largest, rel=1e-12)
    measured = [float(each.measured or 0.0) for each in factors]
    assert measured == pytest.approx(ratios, rel=1e-12)
    assert float(known(factors[-1].bound)) == pytest.approx(math.prod(largest), rel=1e-12)


def test_after_a_zero_nothing_is_measured_any_more() -> None:
    simulation = Simulation(Settings(act="relu", layers=8, width=2))
    factors = measured_factors(simulation, Variable("W", 1))
    first = next(i for i, each in enumerate(factors) if not each.product)
    factor = factors[first].factor
    assert isinstance(factor, Factor)
    assert factor.kind == "Slope"
    assert factors[first].measured is not None
    assert not factors[first].measured
    assert [each.measured for each in factors[first + 1 :]] == [None] * (len(factors) - first - 1)
    assert not any(each.product for each in factors[first:])
    assert all(each.bound for each in factors)


# Names.


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("x", Variable("x", 0)),
        ("W1", Variable("W", 1)),
        ("a3", Variable("a", 3)),
        ("f12", Variable("f", 12)),
        ("b1", Variable("b", 1)),
        (" W12 ", Variable("W", 12)),
    ],
)
def test_a_name_means_a_variable(name: str, expected: Variable) -> None:
    assert parse_variable(name, article_graph(12)) == expected


@pytest.mark.parametrize(
    "name",
    [
        *("", "q", "W", "a0", "f13", "L", "w1", "B1", "x1", "x0"),
        *("W0", "W01", "W13", "b13", "W-1", "W1.0", "W1 b1", "W1\n2", "W" + "9" * 40),
        *("W²", "W₁", "W١", "W1٢"),
    ],
)
def test_another_name_is_refused_and_the_right_ones_are_named(name: str) -> None:
    with pytest.raises(VanishError) as raised:
        parse_variable(name, article_graph(12))
    message = str(raised.value)
    assert repr(name) in message
    for each in ("x", "W1", "W12", "b1", "b12"):
        assert each in message


def test_a_variable_that_the_chain_lacks_is_refused() -> None:
    with pytest.raises(VanishError, match="W4"):
        measured_factors(Simulation(Settings(layers=3, width=2)), Variable("W", 4))
