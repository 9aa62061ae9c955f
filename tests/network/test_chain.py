from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from oracles import Problem, relative_error, scalar_product

from vanish.errors import ForwardOverflowError, UsageError
from vanish.network import activations
from vanish.network.arrays import Network, Rows
from vanish.network.chain import Chain, Layer
from vanish.network.chainrule import forward
from vanish.network.weights import Matrix, Weight
from vanish.numbers.scaled import ONE, Magnitude, Scaled
from vanish.ops.activate import activate
from vanish.readings import dense
from vanish.simulation.run import Simulation
from vanish.simulation.settings import Settings

if TYPE_CHECKING:
    from conftest import Differentiate

    from vanish.numbers.scaled import FloatArray

TOLERANCE = 1e-10

HOMOGENEOUS = [record.name for record in activations.registered() if record.homogeneous]
# Those that float64's smallest number would stop: S(0) = 0, yet no power of two in front of
# a may be taken out.
TANGENT_AT_ZERO = [
    record.name
    for record in activations.registered()
    if record.around_zero()[0] == 0.0 and not record.homogeneous
]


def layer(weight: Any, bias: Any = None, act: str = "tanh") -> Layer:
    entries = np.array(weight, dtype=np.float64)
    return Layer(Weight.of(entries), None if bias is None else np.array(bias), activations.get(act))


def scalar(act: str, weights: list[float], bias: float | None = None, x: float = 1.0) -> Simulation:
    """Return a chain of width 1."""
    network = Network(
        weights=tuple(np.array([[weight]]) for weight in weights),
        biases=(None if bias is None else np.array([bias]),) * len(weights),
    )
    return Simulation(Settings(act=act, weights=network, input=Rows(np.array([x])), loss="sum"))


# --- shapes ---


@pytest.mark.parametrize(
    ("layers", "complaint"),
    [
        ((), "a chain of 0 layers: give at least 1"),
        (
            (layer(np.ones((3, 2))), layer(np.ones((4, 2)))),
            "W2 is 4 × 2, but layer 2 gets 3 inputs: give W2 3 columns",
        ),
        (
            (layer(np.ones((3, 2))), layer(np.ones((4, 3)), np.ones(3))),
            "b2 has shape (3,), but W2 has 4 rows: give b2 4 entries",
        ),
        (
            (layer(np.ones((3, 2)), np.ones((3, 1))),),
            "b1 has shape (3, 1), but W1 has 3 rows: give b1 3 entries",
        ),
    ],
)
def test_layers_that_do_not_fit_are_refused(layers: tuple[Layer, ...], complaint: str) -> None:
    with pytest.raises(UsageError) as caught:
        Chain.of_layers(layers)
    assert str(caught.value) == complaint


def test_a_trace_holds_what_the_backward_pass_needs() -> None:
    chain = Chain.of_layers((layer(np.ones((3, 2)), np.ones(3)), layer(np.ones((4, 3)))))
    x = np.arange(10.0).reshape(5, 2) / 10.0
    trace = dense.trace(chain, x)
    assert np.array_equal(trace.inputs[0].with_exponent(0).values, x)
    assert [inputs.values.shape for inputs in trace.inputs] == [(5, 2), (5, 3)]
    assert [slopes.shape for slopes in trace.slopes] == [(5, 3), (5, 4)]
    assert trace.output.values.shape == (5, 4)


def test_one_layer_applied_alone_is_that_of_the_forward_pass() -> None:
    simulation = Simulation(Settings(act="silu", layers=3, width=4, batch=2, bias_std=1.0))
    chain = simulation.chain
    trace = dense.trace(chain, simulation.x)
    for k, (inputs, outputs) in enumerate(zip(trace.inputs, trace.outputs[1:], strict=True), 1):
        [passed] = forward(chain.graph, dense.DENSE, chain, inputs, k, k)
        found = passed.named("f").with_exponent(0).values
        assert found == pytest.approx(outputs.with_exponent(0).values, rel=1e-14)


# --- weights ---


@pytest.mark.parametrize("size", [5e-324, 1e-300, 1.0, 1e300])
def test_a_weight_multiplies_exactly_whatever_its_size(size: float) -> None:
    entries = np.array([[2.0, -1.0], [4.0, 0.0], [0.0, 1.0]]) * size
    weight = Weight.of(entries)
    assert weight.shape == (3, 2)
    assert np.array_equal(weight.multiplied_out(), entries)

    for product, small in (
        (weight.forward(Scaled(np.array([[1.0, 4.0]]))), [-2, 4, 4]),
        (weight.backward(Scaled(np.array([[1.0, 0.5, 2.0]]))), [4, 1]),
    ):
        found = [Fraction(each) * Fraction(2) ** product.exponent for each in product.values[0]]
        assert found == [each * Fraction(size) for each in small]


def test_a_weight_is_its_matrix_times_its_scale() -> None:
    matrix = Matrix(np.array([[3.0, 0.0], [0.0, -4.0]]))
    weight = Weight(matrix, Magnitude.of(0.5, 2000))
    assert weight.frobenius_norm().log10 == pytest.approx(Magnitude.of(2.5, 2000).log10, rel=1e-15)
    assert weight.spectral_norm().log10 == pytest.approx(Magnitude.of(2.0, 2000).log10, rel=1e-15)
    assert weight.multiplied_out().tolist() == [[np.inf, 0.0], [0.0, -np.inf]]


def test_norms_of_a_weight_are_numpys() -> None:
    entries = np.random.default_rng(0).standard_normal((5, 3))
    weight = Weight.of(entries)
    assert float(weight.frobenius_norm()) == pytest.approx(np.linalg.norm(entries), rel=1e-14)
    assert float(weight.spectral_norm()) == pytest.approx(np.linalg.norm(entries, 2), rel=1e-14)


def test_a_weight_of_zeros_has_norm_zero() -> None:
    weight = Weight.of(np.zeros((2, 3)))
    assert not weight.frobenius_norm()
    assert not weight.spectral_norm()


# --- the range of the forward pass ---


@pytest.mark.slow
@pytest.mark.parametrize("act", HOMOGENEOUS)
def test_a_power_of_two_in_every_weight_is_exact_over_2000_layers(act: str) -> None:
    options: dict[str, Any] = {"act": act, "layers": 2000, "width": 12}
    plain = Simulation(Settings(**options)).trace
    for power in (-900, 900):
        scaled = Simulation(Settings(**options, gain=2.0**power)).trace
        for k, (without, with_it) in enumerate(zip(plain.inputs, scaled.inputs, strict=True)):
            expected, found = without.normalized(), with_it.normalized()
            assert expected.values.any()
            assert found.exponent == expected.exponent + k * power
            assert np.array_equal(found.values, expected.values)
        for slopes, same in zip(plain.slopes, scaled.slopes, strict=True):
            assert np.array_equal(same, slopes)


@pytest.mark.slow
@pytest.mark.parametrize("act", HOMOGENEOUS)
@pytest.mark.parametrize("size", [1e-300, 1e300])
def test_homogeneous_chains_neither_underflow_nor_overflow(
    act: str, size: float, differentiate: Differentiate
) -> None:
    simulation = scalar(act, [size, 0.7 * size] * 300)
    expected = scalar_product(Problem.of(simulation))
    assert relative_error(differentiate(simulation), expected) <= TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("act", TANGENT_AT_ZERO)
def test_other_chains_do_not_underflow_where_they_are_their_own_tangent(
    act: str, differentiate: Differentiate
) -> None:
    # a passes 2^-500 = 3e-151 at layer 38 and float64's smallest number at layer 81.
    simulation = scalar(act, [1e-4, 0.9e-4] * 60)
    assert simulation.trace.inputs[100].top < -1074
    # e^x-1 cancels as many digits as a is small.
    expected = scalar_product(Problem.of(simulation), digits=550)
    assert relative_error(differentiate(simulation), expected) <= TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("act", ["silu", "tanh", "hard_swish", "relu", "sigmoid"])
@pytest.mark.parametrize("bias", [0.0, 1e-320, 1e-300, 1e-150])
def test_a_small_bias_is_added_to_values_of_any_size(
    act: str, bias: float, differentiate: Differentiate
) -> None:
    simulation = scalar(act, [1e-30] * 40, bias)
    expected = scalar_product(Problem.of(simulation), digits=1300)
    assert relative_error(differentiate(simulation), expected) <= TOLERANCE


@pytest.mark.parametrize("act", ["identity", "relu", "leaky_relu"])
@pytest.mark.parametrize("weight", [1e-250, 1.0, 1e250])
def test_a_large_bias_is_added_to_values_of_any_size(
    act: str, weight: float, differentiate: Differentiate
) -> None:
    simulation = scalar(act, [weight] * 20, bias=1e300, x=-1e-300)
    expected = scalar_product(Problem.of(simulation))
    assert relative_error(differentiate(simulation), expected) <= TOLERANCE


@pytest.mark.parametrize("x", [5e-324, 1e-308, 1.7e308])
@pytest.mark.parametrize("act", ["identity", "tanh", "softplus", "silu"])
def test_inputs_at_the_ends_of_float64(act: str, x: float, differentiate: Differentiate) -> None:
    simulation = scalar(act, [1.5 / max(x, 1.0), 0.5, 0.5], x=x)
    expected = scalar_product(Problem.of(simulation), digits=400)
    assert relative_error(differentiate(simulation), expected) <= TOLERANCE


@pytest.mark.parametrize("act", ["softplus", "silu", "elu", "mish"])
def test_an_overflow_is_an_error_that_names_the_layer_and_the_remedy(act: str) -> None:
    # 1e100, 1e200, 1e300, and then too much. Weights that are given have a gain alone.
    simulation = scalar(act, [1e100] * 6)
    with pytest.raises(ForwardOverflowError) as caught:
        _ = simulation.trace
    assert caught.value.on_command_line == (
        f"layer 4: the values of {act} grow past 1.8e308, the largest float64: give a smaller"
        " --gain"
    )


@pytest.mark.parametrize("act", ["softplus", "silu"])
def test_a_random_chain_that_overflows_is_an_error(act: str) -> None:
    simulation = Simulation(Settings(act=act, layers=400, width=32, weight_std=50.0))
    with pytest.raises(ForwardOverflowError, match=rf"layer \d+: the values of {act}"):
        _ = simulation.trace


def test_values_up_to_the_largest_float64_are_no_overflow() -> None:
    f, slope = activate(activations.get("softplus"), Scaled(np.array([[0.75]]), 1024), 1)
    assert f.with_exponent(0).values.item() == 0.75 * 2.0**1023 * 2.0
    assert slope.item() == 1.0


def test_where_s_of_0_is_not_0_tiny_values_are_0() -> None:
    f, slope = activate(activations.get("sigmoid"), Scaled(np.array([[0.75]]), -5000), 1)
    assert (f.with_exponent(0).values.item(), slope.item()) == (0.5, 0.25)


def test_at_a_kink_each_side_has_its_own_tangent() -> None:
    a: FloatArray = np.array([[0.75, -0.75, 0.0]])
    f, slope = activate(activations.get("selu"), Scaled(a, -5000), 1)
    scale, scale_alpha = 1.0507009873554805, 1.7580993408473768
    assert slope.tolist() == [pytest.approx([scale, scale_alpha, scale_alpha], rel=1e-15)]
    found = f.with_exponent(-5000).values.tolist()
    assert found == [pytest.approx([0.75 * scale, -0.75 * scale_alpha, 0.0], rel=1e-15)]


def test_the_scale_of_a_weight_is_in_the_forward_and_the_backward_pass() -> None:
    matrix = Matrix(np.array([[2.0]]))
    rows = Scaled(np.array([[1.0]]))
    for scale in (ONE, Magnitude.of(0.75, 3000)):
        weight = Weight(matrix, scale)
        for product in (weight.forward(rows), weight.backward(rows)):
            found = Fraction(product.values.item()) * Fraction(2) ** product.exponent
            assert found == 2 * Fraction(scale.mantissa) * Fraction(2) ** scale.exponent
