from __future__ import annotations

import dataclasses
from itertools import pairwise, repeat
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from known import known

import vanish
from vanish.network import activations, losses
from vanish.network.arrays import Network, Rows
from vanish.network.chain import Chain, Layer
from vanish.network.graph import article_graph
from vanish.network.weights import Weight
from vanish.numbers.scaled import ONE, Magnitude
from vanish.readings import dense
from vanish.readings.bounds import CHEAP_OPERATIONS, are_cheap, norm_bounds, operations
from vanish.readings.slopes import slope_products
from vanish.simulation.settings import Settings

if TYPE_CHECKING:
    from vanish.simulation.profile import Profile

# A bound may be attained; then only rounding, of some operations a layer, tells the two apart.
ROUNDING = 1e-12


def with_sup_slope(sup_slope: float) -> activations.Activation:
    """Return the identity with another bound on its slope."""
    return dataclasses.replace(activations.get("identity"), sup_slope=sup_slope)


def never_exceeds(value: Magnitude, bound: Magnitude) -> bool:
    return not value or bool(bound and float(value / bound) <= 1.0 + ROUNDING)


# --- the article's numbers ---


@pytest.mark.parametrize(
    ("act", "layers", "bound"),
    [("sigmoid", 3, 0.015625), ("sigmoid", 20, 9.094947017729282e-13), ("relu", 20, 1.0)],
)
def test_the_articles_bounds(act: str, layers: int, bound: float) -> None:
    profile = vanish.simulate(act=act, layers=layers, width=4)
    assert float(profile.bounds[act]) == bound
    assert float(known(profile.layers[0].slope_bound)) == bound


def test_a_bound_below_float64_is_no_zero() -> None:
    bounds = slope_products(article_graph(1000), np.full(1000, 0.25)).listed()
    assert bounds[0].log10 == pytest.approx(-602.05999132796239, rel=1e-15)
    assert bounds[-1].log10 == pytest.approx(-0.60205999132796239, rel=1e-15)


def test_slope_products_run_from_their_layer_to_the_last() -> None:
    found = [
        float(each)
        for each in slope_products(article_graph(3), np.array([0.5, 3.0, 0.25])).listed()
    ]
    assert found == [0.375, 0.75, 0.25]


def test_a_slope_of_0_makes_the_products_before_it_true_zeros() -> None:
    found = slope_products(article_graph(3), np.array([0.5, 0.0, 0.25])).listed()
    assert [bool(each) for each in found] == [False, False, True]


def test_the_slope_product_has_the_digits_of_one_multiplied_slope_by_slope() -> None:
    # More layers than one run of mantissas, and slopes that leave float64 either way.
    slopes = np.exp(np.random.default_rng(0).normal(-1.0, 2.0, (1300, 3)))
    slopes[7, 1] = 0.0
    found = slope_products(article_graph(len(slopes)), slopes)
    for trial in range(3):
        product = ONE
        layers = zip(slopes[::-1, trial], found.at((..., trial)).listed()[::-1], strict=True)
        for slope, one in layers:
            product *= Magnitude.of(slope)
            assert (one.mantissa, one.exponent) == (product.mantissa, product.exponent)


def test_the_norm_bound_multiplies_the_norms_along_the_chain() -> None:
    slopes = (2.0, 3.0, 5.0)
    layers = [
        Layer(Weight.of(np.array([[entry]])), None, with_sup_slope(sup))
        for entry, sup in zip((11.0, 13.0, 17.0), slopes, strict=True)
    ]
    trace = dense.trace(Chain.of_layers(layers), np.array([[19.0]]))
    bounds = norm_bounds(trace, Magnitude.of(7.0))
    # ‖∂L/∂f_3‖ · sup|S'_3| · ‖W_3‖ · sup|S'_2| · ‖W_2‖ · sup|S'_1| · ‖f_0‖, and so on; W_1
    # is in none of them. S is the identity: f_1 = 11·19, f_2 = 13·f_1.
    assert [float(each) for each in bounds["W"].at((..., 0)).listed()] == [
        7 * 5 * 17 * 3 * 13 * 2 * 19,
        7 * 5 * 17 * 3 * (11 * 19),
        7 * 5 * (13 * 11 * 19),
    ]
    assert [float(each) for each in bounds["b"].at((..., 0)).listed()] == [
        7 * 5 * 17 * 3 * 13 * 2,
        7 * 5 * 17 * 3,
        7 * 5,
    ]


def test_an_input_of_zeros_makes_the_norm_bound_a_true_zero() -> None:
    layer = Layer(Weight.of(np.ones((1, 1))), np.zeros(1), activations.get("sigmoid"))
    trace = dense.trace(Chain.of_layers([layer, layer]), np.zeros((1, 1)))
    found = norm_bounds(trace, ONE)["W"].at((..., 0)).listed()
    assert [bool(each) for each in found] == [False, True]


# --- bounds bound ---

widths = st.lists(st.integers(1, 6), min_size=2, max_size=7).map(tuple)


@st.composite
def chains(draw: st.DrawFn) -> Profile:
    """Return the profile of any random chain."""
    sizes = draw(widths)
    options: dict[str, Any] = {
        "widths": sizes,
        "layer_acts": tuple(draw(st.sampled_from(activations.names())) for _ in sizes[1:]),
        "weight_std": draw(st.sampled_from([1e-3, 0.5, 1.0, 1.5, 3.0, 1e3])),
        "bias_std": draw(st.sampled_from([0.0, 0.3, 10.0])),
        "batch": draw(st.integers(1, 8)),
        "loss": draw(st.sampled_from(losses.names())),
        "seed": draw(st.integers(0, 1000)),
    }
    if options["layer_acts"][-1] in losses.get(options["loss"]).contains:
        options["loss"] = "readout"
    return vanish.simulate(Settings(**options))


@given(chains())
def test_no_slope_product_exceeds_the_slope_bound(profile: Profile) -> None:
    for layer in profile.layers:
        assert never_exceeds(known(layer.slope_product), known(layer.slope_bound))


@given(chains())
def test_no_gradient_exceeds_the_norm_bound(profile: Profile) -> None:
    for layer in profile.layers:
        assert layer.norm_bound is not None
        assert never_exceeds(layer.grad_w, layer.norm_bound)


entries = st.one_of(st.sampled_from([0.0, 1.0, -1.0]), st.floats(-1e6, 1e6))


@st.composite
def networks(draw: st.DrawFn) -> tuple[Network, Rows]:
    """Return matrices and an input of any entries: zeros, equal ones, of any size."""
    sizes = draw(st.lists(st.integers(1, 3), min_size=2, max_size=4))

    def array(*shape: int) -> np.ndarray:
        count = int(np.prod(shape))
        return np.reshape(draw(st.lists(entries, min_size=count, max_size=count)), shape)

    weights = tuple(array(n_out, n_in) for n_in, n_out in pairwise(sizes))
    return Network(weights, (None,) * len(weights)), Rows(array(draw(st.integers(1, 4)), sizes[0]))


@given(st.sampled_from(activations.names()), networks())
def test_no_gradient_of_any_network_exceeds_the_norm_bound(
    act: str, problem: tuple[Network, Rows]
) -> None:
    network, x = problem
    profile = vanish.simulate(act=act, weights=network, input=x, loss="sum")
    for layer in profile.layers:
        assert layer.norm_bound is not None
        assert never_exceeds(layer.grad_w, layer.norm_bound)
        assert never_exceeds(known(layer.slope_product), known(layer.slope_bound))


def test_the_norm_bound_is_attained_by_a_linear_chain_of_width_1() -> None:
    profile = vanish.simulate(act="identity", layers=300, width=1, weight_std=0.1)
    for layer in profile.layers:
        assert layer.norm_bound is not None
        assert float(layer.grad_w / layer.norm_bound) == pytest.approx(1.0, rel=ROUNDING)


def test_a_sigmoid_chain_can_explode_beyond_its_slope_bound() -> None:
    # Every a_k is 100·½ - 50 = 0, every factor ¼·100: the article's bound is one on slopes.
    network = Network((np.array([[100.0]]),) * 8, (np.array([-50.0]),) * 8)
    x = Rows(np.array([0.5]))
    profile = vanish.simulate(act="sigmoid", weights=network, input=x, loss="sum")
    first = profile.layers[0]
    assert float(known(first.slope_bound)) == 0.25**8
    assert float(first.grad_w) == pytest.approx(0.25 * 25.0**7 * 0.5)
    assert first.norm_bound is not None
    assert float(first.norm_bound) == pytest.approx(float(first.grad_w))


# --- when it is computed ---


@pytest.mark.parametrize(
    ("sizes", "cheap"), [((64,) * 21, True), ((784, 30, 30, 10), True), ((256,) * 3, False)]
)
def test_the_norm_bound_is_computed_where_it_is_cheap(sizes: tuple[int, ...], cheap: bool) -> None:
    profile = vanish.simulate(widths=sizes)
    assert all((layer.norm_bound is not None) is cheap for layer in profile.layers)


@pytest.mark.slow
@pytest.mark.parametrize("wanted", [False, True])
def test_the_norm_bound_is_computed_where_it_is_asked_for(wanted: bool) -> None:
    for sizes in ((4, 4), (256, 256, 256)):
        profile = vanish.simulate(widths=sizes, norm_bound=wanted)
        assert all((layer.norm_bound is not None) is wanted for layer in profile.layers)
        assert all((row["log10_norm_bound"] is not None) is wanted for row in profile.rows())


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("shape", [(64, 64), (30, 500), (70, 20)])
def test_few_operations_are_cheap_and_of_more_not_all_are_looked_at(
    shape: tuple[int, int], times: int
) -> None:
    most = CHEAP_OPERATIONS // times // operations([shape])
    assert times * operations([shape] * most) <= CHEAP_OPERATIONS
    assert are_cheap([shape] * most, times)
    assert not are_cheap([shape] * (most + 1), times)
    assert not are_cheap(repeat(shape), times)
    assert are_cheap([], times)
