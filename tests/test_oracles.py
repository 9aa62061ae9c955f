"""The judges are judged: each must notice every wrong derivative that is planted here."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import oracles
import pytest
from oracles import Problem, relative_error

from vanish.network import activations
from vanish.network.chain import Chain
from vanish.network.weights import Matrix, Weight
from vanish.numbers.scaled import Scaled
from vanish.simulation.run import Simulation
from vanish.simulation.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Differentiate
    from oracles import Gradients

    from vanish.network.chain import Layer
    from vanish.numbers.scaled import FloatArray

TOLERANCE = 1e-10


def change_layer_2(simulation: Simulation, **parts: Any) -> None:
    first, second, *others = simulation.chain.layers
    simulation.chain = Chain.of_layers((first, second._replace(**parts), *others))


def with_slope(layer: Layer, wrong: Callable[[FloatArray], FloatArray]) -> Any:
    pair = layer.activation.pair
    return dataclasses.replace(layer.activation, pair=lambda a: (pair(a)[0], wrong(pair(a)[1])))


def slope_off_by_a_millionth(simulation: Simulation) -> None:
    layer = simulation.chain.layers[1]
    change_layer_2(simulation, activation=with_slope(layer, lambda slope: slope * (1 + 1e-6)))


def slope_left_out(simulation: Simulation) -> None:
    layer = simulation.chain.layers[1]
    change_layer_2(simulation, activation=with_slope(layer, lambda slope: slope * 0 + 1))


def bias_forgotten(simulation: Simulation) -> None:
    change_layer_2(simulation, bias=None)


def weight_left_out_on_the_way_back(simulation: Simulation) -> None:
    class Ignored(Weight):
        def backward(self, rows: Scaled) -> Scaled:
            return rows

    change_layer_2(simulation, weight=Ignored(*simulation.chain.layers[1].weight))


def weight_transposed_on_the_way_back(simulation: Simulation) -> None:
    class Transposed(Weight):
        def backward(self, rows: Scaled) -> Scaled:
            return Weight(Matrix(self.matrix.entries.T), self.scale).backward(rows)

    change_layer_2(simulation, weight=Transposed(*simulation.chain.layers[1].weight))


def batch_summed_where_it_is_averaged(simulation: Simulation) -> None:
    row_gradient = simulation.loss.row_gradient

    def sums(output: Scaled, reference: FloatArray) -> Scaled:
        mean = row_gradient(output, reference)
        return Scaled(mean.values * len(mean.values), mean.exponent)

    simulation.loss = simulation.loss._replace(row_gradient=sums)


FAULTS = (
    slope_off_by_a_millionth,
    slope_left_out,
    bias_forgotten,
    weight_left_out_on_the_way_back,
)
FAULTS_OF_MATRICES = (weight_transposed_on_the_way_back, batch_summed_where_it_is_averaged)

SCALAR: dict[str, Any] = {"act": "tanh", "layers": 4, "width": 1, "bias_std": 0.5}
BATCH: dict[str, Any] = {"act": "tanh", "layers": 3, "width": 3, "bias_std": 0.5, "batch": 2}

JUDGES = {
    "symbolic": (oracles.symbolic, SCALAR, FAULTS),
    "scalar_product": (oracles.scalar_product, SCALAR, FAULTS),
    "differences": (oracles.differences, BATCH, FAULTS + FAULTS_OF_MATRICES),
    "autograd": (oracles.autograd, BATCH, FAULTS + FAULTS_OF_MATRICES),
}


def trial(judge: str, **options: Any) -> tuple[Simulation, Gradients]:
    """Return a simulation and what a judge says of its gradients."""
    oracle, usual, _ = JUDGES[judge]
    simulation = Simulation(Settings(**usual, **options))
    return simulation, oracle(Problem.of(simulation))


def test_every_built_in_activation_has_a_formula() -> None:
    assert set(oracles.FORMULAS) == set(activations.names())


@pytest.mark.parametrize("judge", JUDGES)
def test_judge_passes_what_is_right(judge: str, differentiate: Differentiate) -> None:
    simulation, expected = trial(judge)
    assert relative_error(differentiate(simulation), expected) <= TOLERANCE


@pytest.mark.parametrize(
    ("judge", "plant"),
    [(judge, plant) for judge, (*_, faults) in JUDGES.items() for plant in faults],
)
def test_judge_rejects_a_planted_fault(
    judge: str, plant: Callable[[Simulation], None], differentiate: Differentiate
) -> None:
    simulation, expected = trial(judge)
    plant(simulation)
    assert relative_error(differentiate(simulation), expected) > TOLERANCE


@pytest.mark.parametrize("judge", JUDGES)
def test_judge_rejects_a_vanished_gradient_that_is_wrong_by_a_factor_2(
    judge: str, differentiate: Differentiate
) -> None:
    simulation, expected = trial(judge, gain=1e-5)
    gradients = differentiate(simulation)
    assert relative_error(gradients, expected) <= TOLERANCE

    vanished = gradients["W1"]
    assert float(vanished.norm()) < 1e-9
    gradients["W1"] = Scaled(vanished.values, vanished.exponent + 1)
    assert relative_error(gradients, expected) == pytest.approx(1.0)


@pytest.mark.parametrize("judge", JUDGES)
def test_judge_rejects_a_false_zero(judge: str, differentiate: Differentiate) -> None:
    simulation, expected = trial(judge, gain=1e-5)
    gradients = differentiate(simulation)
    gradients["W1"] = Scaled(gradients["W1"].values * 0.0)
    assert relative_error(gradients, expected) == pytest.approx(1.0)


@pytest.mark.parametrize("wrong", [5e-324, math.nan, math.inf])
def test_what_should_be_zero_must_be_zero(wrong: float) -> None:
    expected = {"W1": np.zeros((1, 2))}
    assert relative_error({"W1": Scaled(np.zeros((1, 2)))}, expected) == 0.0
    assert relative_error({"W1": Scaled(np.array([[0.0, wrong]]))}, expected) == math.inf


def test_a_gradient_of_another_shape_is_wrong() -> None:
    assert relative_error({"b1": Scaled(np.ones(2))}, {"b1": np.ones((1, 2))}) == math.inf
