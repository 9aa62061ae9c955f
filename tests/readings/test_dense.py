"""The gradients themselves, against the judges that `oracles.py` names."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mp
from oracles import Problem, relative_error

import vanish
from vanish.network import activations, losses
from vanish.network.arrays import Network, Rows
from vanish.network.graph import Op
from vanish.numbers.scaled import Magnitude, Scaled
from vanish.readings import dense
from vanish.readings.dense import DENSE, Outer, Terms, Total
from vanish.simulation.course import Verdict
from vanish.simulation.run import Simulation
from vanish.simulation.settings import Settings

if TYPE_CHECKING:
    from conftest import Differentiate

TOLERANCE = 1e-10

NAMES = activations.names()
HOMOGENEOUS = [record.name for record in activations.registered() if record.homogeneous]

# Enough bias and weight that kinks lie between the units, and all |a| stay below 10.
RECTANGULAR: dict[str, Any] = {
    "widths": (6, 5, 8, 3, 4),
    "weight_std": 1.2,
    "bias_std": 0.5,
}


def with_target(options: dict[str, Any], loss: str, rows: int) -> Settings:
    """Return settings with that loss; if it takes a target, with a random one."""
    if options["act"] in losses.get(loss).contains:
        options = options | {"last_act": "identity"}
    if not losses.get(loss).takes_target:
        return Settings(**options, loss=loss, batch=rows)
    generator, n_out = np.random.default_rng(rows), options["widths"][-1]
    if losses.get(loss).takes_classes:
        target = generator.integers(n_out, size=(rows, 1)).astype(np.float64)
    elif losses.get(loss).takes_bits:
        target = generator.integers(2, size=(rows, n_out)).astype(np.float64)
    else:
        target = generator.standard_normal((rows, n_out))
    return Settings(**options, loss=loss, batch=rows, target=Rows(target))


# --- every entry of every gradient ---


@pytest.mark.slow
@pytest.mark.parametrize(
    ("act", "layers", "loss"),
    [(act, n, "mse") for act in ("sigmoid", "tanh", "softplus") for n in (1, 2, 3, 5)]
    + [(act, 2, "readout") for act in oracles.SMOOTH],
)
def test_sympy_differentiates_the_whole_scalar_chain(
    act: str, layers: int, loss: str, differentiate: Differentiate
) -> None:
    options: dict[str, Any] = {"layers": layers, "width": 1, "weight_std": 1.5, "bias_std": 0.5}
    simulation = Simulation(Settings(act=act, **options, loss=loss))
    expected = oracles.symbolic(Problem.of(simulation))
    assert relative_error(differentiate(simulation), expected) <= TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize(
    "act", ["sigmoid", "tanh", "relu", "selu", "gelu", "softplus", "hard_swish", "sin"]
)
def test_mpmath_multiplies_out_a_chain_1000_layers_deep(
    act: str, differentiate: Differentiate
) -> None:
    weights = np.random.default_rng(1).uniform(0.3, 1.0, (1000, 1, 1))
    network = Network(tuple(weights), (np.array([0.1]),) * 1000)
    simulation = Simulation(
        Settings(act=act, weights=network, input=Rows(np.array([0.7])), loss="sum")
    )
    expected = oracles.scalar_product(Problem.of(simulation))
    assert relative_error(differentiate(simulation), expected) <= TOLERANCE
    # What is printed: every layer's log10, itself to 1e-10.
    for layer in simulation.profile().layers:
        log10 = mp.log10(abs(expected[f"W{layer.layer}"].item()))
        assert layer.grad_w.log10 == pytest.approx(float(log10), rel=TOLERANCE)


@pytest.mark.slow
@pytest.mark.parametrize("act", NAMES)
def test_differences_of_the_loss(act: str, differentiate: Differentiate) -> None:
    options: dict[str, Any] = {"widths": (3, 2, 4, 2), "weight_std": 1.5, "bias_std": 0.5}
    for loss, rows in (("readout", 2), ("mse", 5), ("cross_entropy", 3), ("bce", 2)):
        simulation = Simulation(with_target({"act": act} | options, loss, rows))
        expected = oracles.differences(Problem.of(simulation))
        assert relative_error(differentiate(simulation), expected) <= TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("act", NAMES)
@pytest.mark.parametrize("loss", losses.names())
@pytest.mark.parametrize("rows", [1, 3, 11])
def test_pytorchs_autograd(act: str, loss: str, rows: int, differentiate: Differentiate) -> None:
    simulation = Simulation(with_target({"act": act} | RECTANGULAR, loss, rows))
    expected = oracles.autograd(Problem.of(simulation))
    assert relative_error(differentiate(simulation), expected) <= TOLERANCE

    # What is printed: the norms, from a computation that forms no gradient of a weight.
    profile = simulation.profile()
    for layer in profile.layers:
        for found, name in ((layer.grad_w, "W"), (layer.grad_b, "b"), (layer.grad_f, "f")):
            norm = np.linalg.norm(expected[f"{name}{layer.layer}"])
            assert float(found) == pytest.approx(norm, rel=TOLERANCE, abs=0.0)
    ends = [np.linalg.norm(expected[name]) for name in ("a1", "a4")]
    assert profile.ratio is not None
    assert float(profile.ratio) == pytest.approx(ends[0] / ends[1], rel=TOLERANCE, abs=0.0)


def test_pytorchs_autograd_where_every_layer_has_its_own_activation(
    differentiate: Differentiate,
) -> None:
    sizes = np.random.default_rng(5).integers(3, 9, len(NAMES) + 1)
    simulation = Simulation(
        Settings(layer_acts=NAMES, widths=tuple(sizes.tolist()), batch=4, bias_std=0.3)
    )
    expected = oracles.autograd(Problem.of(simulation))
    assert relative_error(differentiate(simulation), expected) <= TOLERANCE


def test_bce_is_pytorchs_bceloss_behind_the_sigmoid(differentiate: Differentiate) -> None:
    # Whoever has a final sigmoid and BCELoss leaves out the sigmoid and finds the same.
    torch = oracles.pytorch()
    target = np.array([[1.0, 0.0, 1.0, 1.0]])
    options = RECTANGULAR | {"batch": 3, "loss": "bce", "target": Rows(target)}
    simulation = Simulation(Settings(act="sigmoid", last_act="identity", **options))
    weights = [torch.tensor(w, requires_grad=True) for w in Problem.of(simulation).weights]
    f = torch.tensor(simulation.x)
    for weight, bias in zip(weights, Problem.of(simulation).biases, strict=True):
        f = torch.sigmoid(f @ weight.T + torch.tensor(bias))
    loss = torch.nn.BCELoss(reduction="sum")(f, torch.tensor(target).expand(3, 4)) / 3
    expected = torch.autograd.grad(loss, weights)
    found = differentiate(simulation)
    named = {f"W{k}": each.numpy() for k, each in enumerate(expected, 1)}
    assert relative_error(found, named) <= TOLERANCE


@pytest.mark.parametrize("t", [0.0, 1.0])
@pytest.mark.parametrize("power", [-1500, -20, 3, 8, 12, 30, 58])
def test_bce_of_a_logit_of_any_size_at_the_end_of_a_chain(t: float, power: int) -> None:
    # Both answers, the right one and the wrong one, with certainty 2^power.
    halves = math.ldexp(1.0, power // 2), math.ldexp(0.625, power - power // 2)
    for sign in (-1.0, 1.0):
        network = Network(tuple(np.array([[each]]) for each in (0.5, halves[0], halves[1], sign)))
        simulation = Simulation(
            Settings(
                act="leaky_relu",
                last_act="identity",
                weights=network,
                loss="bce",
                input=Rows(np.ones(1)),
                target=Rows(np.array([t])),
            )
        )
        expected = oracles.scalar_product(Problem.of(simulation))
        with mp.workdps(oracles.DIGITS):
            for layer in simulation.profile().layers:
                log10 = float(mp.log10(abs(expected[f"W{layer.layer}"].item())))
                assert layer.grad_w.log10 == pytest.approx(log10, rel=1e-14, abs=1e-14)


def test_pytorchs_autograd_where_the_gradient_has_vanished(differentiate: Differentiate) -> None:
    simulation = Simulation(Settings(act="sigmoid", layers=40, width=8, batch=3))
    expected = oracles.autograd(Problem.of(simulation))
    assert np.linalg.norm(expected["W1"]) < 1e-20
    assert relative_error(differentiate(simulation), expected) <= TOLERANCE


# --- norms ---


@given(st.integers(1, 5), st.integers(1, 4), st.integers(1, 7), st.integers(0, 100))
def test_norms_are_those_of_the_arrays(n_out: int, n_in: int, rows: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    d, f = generator.standard_normal((rows, n_out)), generator.standard_normal((rows, n_in))
    norm = Outer((Scaled(d, 3000), Scaled(f, -2990))).norm()
    assert float(norm) == pytest.approx(1024.0 * np.linalg.norm(d.T @ f), rel=1e-12, abs=1e-12)
    norm = Total(Scaled(d, 3)).norm()
    assert float(norm) == pytest.approx(8.0 * np.linalg.norm(d.sum(axis=0)), rel=1e-12)


@pytest.mark.parametrize("power", [-4000, 0, 4000])
@pytest.mark.parametrize("silent", ["rows", "inputs"])
def test_a_part_of_zeros_leaves_the_others_of_a_shared_weight_as_they_are(
    power: int, silent: str
) -> None:
    # As of a layer whose units are all dead, or whose input is 0, among layers of 10^±1200.
    d, f, zero = Scaled(np.array([[3.0]])), Scaled(np.array([[4.0]])), Scaled(np.zeros((1, 1)))
    here = Scaled(d.values, power), f
    nothing = (zero, f) if silent == "rows" else (d, zero)
    found = Outer(here, nothing, here)
    assert found.norm().log10 == pytest.approx(Magnitude.of(24.0, power).log10, rel=1e-14)
    assert found.array().norm().log10 == pytest.approx(found.norm().log10, rel=1e-14)
    assert not Outer(nothing, nothing).norm()


@pytest.mark.slow
@pytest.mark.parametrize(("n_out", "n_in"), [(7, 5), (300, 200), (40, 2000)])
@pytest.mark.parametrize("rows", [2, 9, 150])
@pytest.mark.parametrize("factored", [False, True])
def test_a_norm_is_that_of_the_matrix_whether_it_is_formed_or_not(
    n_out: int, n_in: int, rows: int, *, factored: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dense, "_SMALL", 0 if factored else 2**40)
    monkeypatch.setattr(dense, "_FACTORED", 0)
    generator = np.random.default_rng(rows)
    d, f = generator.standard_normal((rows, n_out)), generator.standard_normal((rows, n_in))
    found = Outer((Scaled(d, 3000), Scaled(f, -2990)))
    matrix = 1024.0 * d.T @ f
    assert float(found.norm()) == pytest.approx(np.linalg.norm(matrix), rel=1e-13, abs=0.0)
    largest = found.largest()
    assert (largest is None) == factored
    assert largest is None or float(largest) == pytest.approx(np.abs(matrix).max(), rel=1e-12)


def test_sums_that_go_on_from_one_do_not_change_it_nor_each_other() -> None:
    one, two, three = (Terms([each]) for each in (1, 2, 3))
    both = one + two
    other, twice = one + three, both + both
    assert [[*each] for each in (one, both, other, twice)] == [[1], [1, 2], [1, 3], [1, 2, 1, 2]]
    assert [len(each) for each in (one, both, other, twice)] == [1, 2, 2, 4]


@pytest.mark.parametrize("power", [-1022, -1010, -960, -100])
def test_slopes_of_any_size_lead_back_to_their_last_digit(power: int) -> None:
    # Of a gradient that is not 1 but is left as it is, see `Scaled.tidy`.
    small = math.ldexp(1.0, power)
    chain, op = None, Op("activate")
    slope, g = np.array([[small, 0.0]]), Scaled(np.array([[2.0**-15 / 3.0, 1.0e-5]]), 7)
    [d] = DENSE.rule(op).back(chain, op, 1, slope, g)
    expected = Fraction(2.0**-15 / 3.0) * Fraction(2) ** (power + 7)
    found = Fraction(float(d.values[0, 0])) * Fraction(2) ** d.exponent
    assert abs(found / expected - 1) <= Fraction(1, 2**52)
    assert d.values[0, 1] == 0.0


@pytest.mark.parametrize("factored", [False, True])
def test_a_norm_does_not_cancel_where_the_rows_of_a_batch_do(
    *, factored: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if factored:
        monkeypatch.setattr(dense, "_SMALL", 0)
        monkeypatch.setattr(dense, "_FACTORED", 0)
    # Σ d_b f_bᵀ = 1e-10 d gᵀ. Summing over pairs of rows would square the cancellation:
    # 1e-20 beside 1 is nothing.
    d, g = np.array([1.0, 2.0, -1.0]), np.array([3.0, 1.0])
    f = np.array([0.25, -0.5])
    rows, inputs = Scaled(np.array([-d, d])), Scaled(np.array([f, f + 1e-10 * g]))
    exact = np.linalg.norm(d) * np.linalg.norm(inputs.values[1] - inputs.values[0])
    assert float(Outer((rows, inputs)).norm()) == pytest.approx(exact, rel=1e-5)


# --- true zeros and small numbers ---


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["readout", "mse"])
@pytest.mark.parametrize("zeros", [False, True])
def test_a_small_gradient_is_never_a_zero(loss: str, zeros: bool) -> None:
    # silu halves small values: at layer 1500 they are below 2^-1500. The biases of a
    # network, and the target, may be written out as zeros or left out.
    generator = np.random.default_rng(0)
    weights = tuple(generator.standard_normal((1500, 8, 8)) / math.sqrt(8))
    network = Network(weights, ((np.zeros(8) if zeros else None),) * 1500)
    target = Rows(np.zeros(8)) if zeros and loss == "mse" else None
    profile = vanish.simulate(act="silu", weights=network, loss=loss, target=target)
    assert [layer.layer for layer in profile.layers if layer.status != "ok"] == []
    assert float(profile.layers[-1].grad_w) == 0.0
    assert profile.verdict is Verdict.VANISHING


def test_silu_at_weight_std_1_has_no_zero_in_1000_layers() -> None:
    profile = vanish.simulate(act="silu", weight_std=1.0, layers=1000, width=16)
    assert all(layer.status == "ok" and layer.grad_w for layer in profile.layers)


def test_a_dead_relu_layer_gives_true_zeros_below_it() -> None:
    # Layer 2 is dead: from it down all gradients are 0, layer 3 gets inputs of 0.
    eye, bias = np.eye(2), np.array([0.5, 0.5])
    network = Network((eye, -eye, eye, eye), (None, None, bias, None))
    profile = vanish.simulate(act="relu", weights=network, input=Rows(np.ones(2)), loss="sum")
    assert [layer.status for layer in profile.layers] == ["zero", "zero", "zero", "ok"]
    assert [layer.grad_b.log10 is None for layer in profile.layers] == [True, True, False, False]
    assert [layer.grad_f.log10 is None for layer in profile.layers] == [True, False, False, False]
    assert [layer.zero_fraction for layer in profile.layers] == [0.0, 1.0, 0.0, 0.0]
    assert [row["log10_grad_w"] for row in profile.rows()[:3]] == [None] * 3
    assert profile.verdict is Verdict.DEAD


# --- doubling ---


def is_exactly(found: Magnitude, expected: Magnitude, doublings: int) -> bool:
    """Tell whether one is 2^doublings times the other, to the last bit."""
    exponent = expected.exponent + doublings if expected else 0
    return (found.mantissa, found.exponent) == (expected.mantissa, exponent)


sizes = st.lists(st.integers(1, 6), min_size=2, max_size=6).map(tuple)
powers = st.sampled_from([-400, -3, -1, 1, 2, 400])


@given(st.sampled_from(HOMOGENEOUS), sizes, powers, st.integers(1, 3), st.integers(0, 50))
def test_doubling_every_weight_of_a_homogeneous_chain(
    act: str, widths: tuple[int, ...], power: int, rows: int, seed: int
) -> None:
    # f_k doubles k times and ∂L/∂a_k N-k times, exactly: ‖∂L/∂W_k‖ N-1 times in all.
    depth = len(widths) - 1
    options: dict[str, Any] = {"act": act, "widths": widths, "batch": rows, "seed": seed}
    plain = vanish.simulate(**options)
    doubled = vanish.simulate(**options, gain=2.0**power)
    for layer, found in zip(plain.layers, doubled.layers, strict=True):
        above = depth - layer.layer
        assert is_exactly(found.grad_f, layer.grad_f, above * power)
        assert is_exactly(found.grad_b, layer.grad_b, above * power)
        assert is_exactly(found.grad_w, layer.grad_w, (depth - 1) * power)
        assert found.slope_max == layer.slope_max


@given(st.sampled_from(NAMES), sizes, powers, st.integers(0, 50))
def test_doubling_the_loss_doubles_every_gradient(
    act: str, widths: tuple[int, ...], power: int, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    weights = tuple(generator.standard_normal((n_out, n_in)) for n_in, n_out in pairwise(widths))
    readout = generator.standard_normal(widths[-1])
    once, twice = (
        vanish.simulate(
            act=act, weights=Network(weights, (None,) * len(weights), readout=r), seed=seed
        )
        for r in (readout, readout * 2.0**power)
    )
    for layer, found in zip(once.layers, twice.layers, strict=True):
        assert is_exactly(found.grad_b, layer.grad_b, power)
        assert is_exactly(found.grad_f, layer.grad_f, power)
        assert is_exactly(found.grad_w, layer.grad_w, power)


@given(st.sampled_from(HOMOGENEOUS), sizes, st.sampled_from([-900, -1, 1, 900]))
def test_doubling_the_input_of_a_homogeneous_chain(
    act: str, widths: tuple[int, ...], power: int
) -> None:
    x = np.random.default_rng(0).standard_normal(widths[0])
    once, twice = (
        vanish.simulate(act=act, widths=widths, input=Rows(values))
        for values in (x, x * 2.0**power)
    )
    for layer, found in zip(once.layers, twice.layers, strict=True):
        assert is_exactly(found.grad_b, layer.grad_b, 0)
        assert is_exactly(found.grad_w, layer.grad_w, power)
