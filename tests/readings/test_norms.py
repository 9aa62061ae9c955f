"""Norms: rows of any size, rows that are constant, and what a norm can pass back at most."""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np
import pytest

from vanish.network import activations
from vanish.network.chain import Chain
from vanish.network.graph import Block, Graph, Node, Op, Slot, Variable, X
from vanish.network.initializers import Law
from vanish.network.streams import Streams, Trials
from vanish.network.weights import Weight
from vanish.numbers.scaled import Magnitude, Scaled
from vanish.numbers.stack import Stack
from vanish.ops.normalising import Norm
from vanish.readings import dense
from vanish.readings.bounds import TraceNorms
from vanish.readings.dense import DENSE
from vanish.readings.drawable import SAMPLED
from vanish.readings.inplace import Parameters, Passes
from vanish.readings.sampled import SampledChain, norms
from vanish.readings.sampledweight import SampledWeight

if TYPE_CHECKING:
    from vanish.numbers.scaled import FloatArray
    from vanish.readings.normalised import Normalised

NORMS = {
    "layernorm": Norm("LN", axis=-1, centred=True),
    "rmsnorm": Norm("RMS", axis=-1, centred=False),
    "batchnorm": Norm("BN", axis=-2, centred=True),
}


def normals(*shape: int, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).standard_normal(shape)


def alone(kind: str) -> Graph:
    """Return a network that is nothing but a norm, and the identity behind it."""
    return Graph((Block(Node(Op(kind), (0,), "a"), Node(Op("activate"), (1,), "f")), 1))


def dense_pair(kind: str, f: Scaled, g: Scaled) -> tuple[Scaled, Scaled, Normalised]:
    """Return what the dense reading makes of f and of g behind it, and what it keeps."""
    rule, op = DENSE.rule(Op(kind)), Op(kind)
    output, kept = rule.forward(None, op, 1, f)
    [back] = rule.back(None, op, 1, kept, g)
    return output, back, kept


# --- digits ---


def exact_line(line: list[Any], g: list[Any], *, centred: bool) -> tuple[list[Any], list[Any]]:
    """Return ŷ and (1/σ)(I - 11ᵀ/n - ŷŷᵀ/n) g to 60 digits, entry by entry of the Jacobian."""
    n = len(line)
    mean = mpmath.fsum(line) / n if centred else 0
    sigma = mpmath.sqrt(mpmath.fsum((each - mean) ** 2 for each in line) / n)
    y = [(each - mean) / sigma for each in line]
    back = [
        mpmath.fsum(((i == j) - mpmath.mpf(centred) / n - y[i] * y[j] / n) * g[j] for j in range(n))
        / sigma
        for i in range(n)
    ]
    return y, back


def exact(values: FloatArray, powers: FloatArray, g: FloatArray, norm: Norm) -> tuple[Any, Any]:
    """Return the same of every line of values · 2^powers, which broadcast."""
    found, back = np.empty(values.shape, object), np.empty(values.shape, object)
    entries = np.empty(values.shape, object)
    for entry in product(*map(range, values.shape)):
        power = int(np.broadcast_to(powers, values.shape)[entry])
        entries[entry] = mpmath.ldexp(mpmath.mpf(values[entry]), power)
    lines = range(values.shape[0 if norm.axis == -1 else 1])
    for each in lines:
        at: Any = (each, slice(None)) if norm.axis == -1 else (slice(None), each)
        y, gradient = exact_line(
            list(entries[at]), list(map(mpmath.mpf, g[at])), centred=norm.centred
        )
        found[at], back[at] = y, gradient
    return found, back


def worst(found: FloatArray, right: Any, exponent: int = 0) -> float:
    """Return the largest error of an entry, over the largest entry."""
    most = max(abs(each) for each in right.flat)
    errors = (
        abs(mpmath.ldexp(mpmath.mpf(value), exponent) - each)
        for value, each in zip(found.flat, right.flat, strict=True)
    )
    return float(max(errors) / most)


@pytest.mark.parametrize("kind", NORMS)
@pytest.mark.parametrize("exponent", [0, 5000, -70_000])
def test_a_norm_and_its_way_back_have_all_digits(kind: str, exponent: int) -> None:
    norm, f, g = NORMS[kind], 3.0 + normals(4, 5), normals(4, 5, seed=1)
    with mpmath.workdps(60):
        y, back = exact(f, np.array(exponent), g, norm)
        output, found, _ = dense_pair(kind, Scaled(f, exponent), Scaled(g, -300))
        assert output.exponent == 0
        assert worst(output.values, y) < 1e-14
        assert worst(found.values, back, found.exponent + 300) < 1e-13


@pytest.mark.parametrize("kind", NORMS)
def test_lines_of_very_different_sizes_have_all_digits_each(kind: str) -> None:
    norm, f, g = NORMS[kind], normals(5, 5), normals(5, 5, seed=1)
    powers = np.array([0, 900, -900, 37, -400])
    powers = powers[:, None] if norm.axis == -1 else powers[None]
    with mpmath.workdps(60):
        y, back = exact(f, powers, g, norm)
        output, found, _ = dense_pair(kind, Scaled(np.ldexp(f, powers)), Scaled(g))
        assert worst(output.values, y) < 1e-14
        # ∂L/∂f is largest where σ is smallest; next to it lines 2^500 and 2^900 smaller.
        for each in np.flatnonzero(powers.ravel() < 100):
            at = (each,) if norm.axis == -1 else (slice(None), each)
            assert worst(found.values[at], back[at], found.exponent) < 1e-13


@pytest.mark.parametrize("kind", ["layernorm", "rmsnorm"])
def test_a_row_beside_others_is_what_it_is_alone(kind: str) -> None:
    # However the rows' sizes differ: to the last bit, until float64 ends.
    f, g = normals(3, 6), normals(3, 6, seed=1)
    powers = np.array([300, 0, -500])
    rows = np.ldexp(f, powers[:, None])
    output, back, _ = dense_pair(kind, Scaled(rows), Scaled(g))
    for b in range(3):
        own_output, own_back, _ = dense_pair(kind, Scaled(f[b : b + 1]), Scaled(g[b : b + 1]))
        assert np.array_equal(output.values[b : b + 1], own_output.values)
        expected = own_back.with_exponent(back.exponent + int(powers[b]))
        assert np.array_equal(back.values[b : b + 1], expected.values)


@pytest.mark.parametrize("kind", NORMS)
def test_a_norm_commutes_with_powers_of_two_in_trials_too(kind: str) -> None:
    f, g, op = normals(3, 4, 5), normals(3, 4, 5, seed=1), Op(kind)
    rule = SAMPLED.rule(op)
    powers = np.array([0, -90_000, 2_000_000])
    outputs, backs = [], []
    for exponents in (0, powers):
        output, kept = rule.forward(None, op, 1, Stack(f, exponents))
        assert output.exponents == 0
        [back] = rule.back(None, op, 1, kept, Stack(g))
        outputs.append(output.values)
        backs.append(back.normalized())
    assert np.array_equal(*outputs)
    assert np.array_equal(backs[0].values, backs[1].values)
    assert np.array_equal(backs[0].exponents - powers, backs[1].exponents)


@pytest.mark.parametrize("kind", NORMS)
def test_trials_are_what_each_of_them_is_alone(kind: str) -> None:
    f, g, op = normals(3, 4, 5), normals(3, 4, 5, seed=1), Op(kind)
    powers = np.array([0, 700, -2000])
    rule = SAMPLED.rule(op)
    output, kept = rule.forward(None, op, 1, Stack(f, powers))
    [back] = rule.back(None, op, 1, kept, Stack(g, 2 * powers))
    for t, power in enumerate(powers.tolist()):
        own_output, own_back, own = dense_pair(kind, Scaled(f[t], power), Scaled(g[t], 2 * power))
        assert np.array_equal(output.values[t], own_output.values)
        assert np.array_equal(kept.constant[t], own.constant)
        exponent = int(np.broadcast_to(back.exponents, 3)[t])
        found = Scaled(back.values[t], exponent).with_exponent(own_back.exponent)
        assert np.allclose(found.values, own_back.values, rtol=1e-15, atol=0.0)


@pytest.mark.parametrize("kind", NORMS)
def test_weights_far_below_float64_before_a_norm_change_nothing_but_their_own_gradient(
    kind: str,
) -> None:
    # Six layers without S, then a norm: the scales 2^-700 leave its output to the last bit.
    plain = Block(Node(Op("affine", (Slot("W"),)), (0,), "f"))
    graph = Graph((plain, 6), (alone(kind).block(1), 1), (plain, 1))
    entries = {Variable("W", k): normals(4, 4, seed=k) for k in (1, 2, 3, 4, 5, 6, 8)}
    x, r = normals(3, 4), Scaled(normals(3, 4, seed=9))
    outputs, gradients = [], []
    for power in (0, -700):
        weights = {
            address: Weight.of(each if address.layer == 8 else np.ldexp(each, power))
            for address, each in entries.items()
        }
        chain = Chain(graph, weights, [activations.get("identity")] * graph.depth)
        trace = dense.trace(chain, x)
        found = dict(dense.arrays(trace, r))
        outputs.append(trace.output.with_exponent(0).values)
        gradients.append((found[Variable("W", 1)], found[X]))
    assert np.array_equal(outputs[0], outputs[1])
    # W_1 has five others behind it that shrink by 2^-700, and the norm that undoes six.
    (by_w, by_x), (by_small, by_x_of_small) = gradients
    assert np.array_equal(by_w.with_exponent(by_small.exponent - 700).values, by_small.values)
    assert np.array_equal(by_x.with_exponent(by_x_of_small.exponent).values, by_x_of_small.values)


def before_a_norm(kind: str) -> Graph:
    """Return LN(Wx), W behind it once more so that the rows of the gradient differ."""
    nodes = (Node(Op("affine", (Slot("W"),)), (0,)), Node(Op(kind), (1,), "a"))
    return Graph((Block(*nodes, Node(Op("activate"), (2,), "f")), 2))


@pytest.mark.parametrize("kind", ["layernorm", "rmsnorm"])
def test_the_size_of_a_row_of_x_leaves_the_gradient_of_a_matrix_before_a_norm_as_it_is(
    kind: str,
) -> None:
    # σ_b grows with f_b, so that d_b f_bᵀ stays: a row counts as much as any other.
    graph, x, r = before_a_norm(kind), normals(3, 4), normals(3, 4, seed=9)
    entries = {Variable("W", k): normals(4, 4, seed=k) for k in (1, 2)}
    acts = [activations.get("tanh")] * 2
    chain = Chain(graph, {each: Weight.of(array) for each, array in entries.items()}, acts)
    law = SampledWeight(Law.NORMAL, 4, 4, Magnitude.of(0.5), 3)
    rows = x, np.ldexp(x, np.array([[400], [0], [-500]]))
    found: list[list[Any]] = []
    for each in rows:
        gradient = dict(dense.gradients(dense.trace(chain, each), Scaled(r)))[Variable("W", 1)]
        assert isinstance(gradient, dense.Outer)
        parameters = {address: array.copy() for address, array in entries.items()}
        by = {address: np.empty((4, 4)) for address in entries}
        passes = Passes(graph, acts, parameters, by, 4, 4, 3)
        passes.forward(each)
        passes.loss_gradient[...] = r
        passes.backward()
        trials = Trials(0, 0, 5, 5)
        drawn = SampledChain(
            graph, dict.fromkeys(entries, law), acts, None, np.broadcast_to(each, (5, 3, 4)),
            *(Streams(0), trials),
        )  # fmt: skip
        drawn.forward()
        by_name = norms(drawn, Stack(np.broadcast_to(r, (5, 3, 4))))
        array, norm = gradient.array().with_exponent(0).values, float(gradient.norm())
        found.append([array, norm, by[Variable("W", 1)], by_name["W"].log2])
        assert norm == pytest.approx(np.linalg.norm(array), rel=1e-13)
        assert np.allclose(by[Variable("W", 1)], array, rtol=1e-12, atol=0.0)
    for one, other in zip(*found, strict=True):
        assert np.allclose(one, other, rtol=1e-12, atol=0.0)


# --- constant lines ---


def with_constant_lines(kind: str) -> tuple[FloatArray, FloatArray, tuple[Any, ...]]:
    """Return a batch with a constant line, a gradient, and where the line is."""
    f, g = normals(4, 5), normals(4, 5, seed=1)
    at = (slice(None), 2) if kind == "batchnorm" else (2,)
    # In binary 0.1 is no round number: the mean of several is not 0.1.
    f[at] = 0.0 if kind == "rmsnorm" else 0.1
    return f, g, at


@pytest.mark.parametrize("kind", NORMS)
@pytest.mark.parametrize("power", [0, -1000, 600])
def test_a_constant_line_gives_zero_and_passes_a_true_zero_back(kind: str, power: int) -> None:
    f, g, at = with_constant_lines(kind)
    others = np.ones(f.shape, bool)
    others[at] = False
    f = np.ldexp(f, power)
    output, back, kept = dense_pair(kind, Scaled(f), Scaled(g))
    assert not output.values[at].any()
    assert not back.values[at].any()
    assert output.values[others].all()
    assert back.values[others].all()
    assert kept.constant.ravel().tolist() == [each == 2 for each in range(kept.constant.size)]
    # The same of trials, and of training.
    op = Op(kind)
    rule = SAMPLED.rule(op)
    stack, kept = rule.forward(None, op, 1, Stack(f[None]))
    [stack_back] = rule.back(None, op, 1, kept, Stack(g[None]))
    assert np.array_equal(stack.values[0], output.values)
    assert not stack_back.values[0][at].any()
    assert kept.constant.sum() == 1
    passes, by_shift = training(kind, f)
    assert np.array_equal(passes.forward(f), output.values)
    passes.loss_gradient[...] = g
    passes.backward()
    right = back.values.sum(axis=0)
    assert np.allclose(by_shift, np.ldexp(right, back.exponent), rtol=1e-12, atol=0.0)


def training(kind: str, x: FloatArray) -> tuple[Passes, FloatArray]:
    """Return training passes of a norm of x + b, where b is 0, and ∂L/∂b."""
    shift = Node(Op("shift", (Slot("b"),)), (0,))
    graph = Graph((Block(shift, Node(Op(kind), (1,), "f")), 1))
    b = Variable("b", 1)
    parameters, found = Parameters({b: x.shape[1:]}), Parameters({b: x.shape[1:]})
    sizes = x.shape[1], x.shape[1], x.shape[0]
    passes = Passes(graph, [], parameters.by_address, found.by_address, *sizes)
    return passes, found.by_address[b]


@pytest.mark.parametrize("kind", NORMS)
def test_all_constant_is_all_zero(kind: str) -> None:
    f = np.zeros((3, 4))
    output, back, kept = dense_pair(kind, Scaled(f, 12), Scaled(normals(3, 4)))
    assert kept.constant.all()
    assert not output.values.any()
    assert not back.norm()
    op = Op(kind)
    rule = SAMPLED.rule(op)
    stack, kept = rule.forward(None, op, 1, Stack(f[None], np.array([12])))
    [stack_back] = rule.back(None, op, 1, kept, Stack(normals(1, 3, 4)))
    assert not stack.values.any()
    assert not stack_back.values.any()


@pytest.mark.parametrize(("kind", "n"), [("layernorm", 4), ("layernorm", 64), ("batchnorm", 16)])
def test_a_line_is_constant_below_16_n_roundings_of_its_largest_value(kind: str, n: int) -> None:
    # ±d about 1: σ = d, and the largest is 1 + d.
    for factor, constant in ((0.9, True), (1.1, False)):
        d = factor * 16.0 * n * 2.0**-52
        line = 1.0 + d * np.where(np.arange(n) % 2, 1.0, -1.0)
        rows = line[None] if kind == "layernorm" else line[:, None]
        _, _, kept = dense_pair(kind, Scaled(rows, -40), Scaled(np.ones(rows.shape)))
        assert kept.constant.all() == constant


def test_a_row_that_is_not_zero_is_no_constant_for_rms() -> None:
    row = np.zeros((1, 1000))
    row[0, 3] = 1e-300
    output, _, kept = dense_pair("rmsnorm", Scaled(row), Scaled(np.ones(row.shape)))
    assert not kept.constant.any()
    assert output.values[0, 3] == pytest.approx(math.sqrt(1000.0), rel=1e-14)


@pytest.mark.parametrize(("kind", "shape"), [
    ("layernorm", (3, 2)), ("rmsnorm", (3, 1)), ("batchnorm", (2, 4)),
])  # fmt: skip
def test_lines_that_are_always_plus_or_minus_1_pass_a_true_zero_back(
    kind: str, shape: tuple[int, int]
) -> None:
    output, back, kept = dense_pair(kind, Scaled(normals(*shape)), Scaled(normals(*shape, seed=1)))
    assert np.allclose(np.abs(output.values), 1.0, rtol=1e-14, atol=0.0)
    assert not kept.constant.any()
    assert not back.norm()
    trace = dense.trace(Chain(alone(kind), {}, [activations.get("identity")]), normals(*shape))
    bound = TraceNorms(trace).kept_at(1)[1]
    assert bound is not None
    assert not bound


# --- the norm bound ---


@pytest.mark.parametrize("kind", NORMS)
def test_the_bound_is_the_norm_of_the_jacobian(kind: str) -> None:
    f, _, _ = with_constant_lines(kind)
    f *= np.array([[1.0], [50.0], [1.0], [0.02]]) if kind != "batchnorm" else 1.0
    trace = dense.trace(Chain(alone(kind), {}, [activations.get("identity")]), f)
    bound = TraceNorms(trace).kept_at(1)[1]
    assert bound is not None
    columns = []
    for each in np.eye(f.size):
        found = dict(dense.gradients(trace, Scaled(each.reshape(f.shape))))[X]
        columns.append(found.with_exponent(0).values.ravel())  # type: ignore[union-attr]  # rows
    assert np.linalg.norm(columns, 2) == pytest.approx(float(bound), rel=1e-12)


def test_the_bound_of_what_is_constant_is_zero() -> None:
    trace = dense.trace(
        Chain(alone("layernorm"), {}, [activations.get("identity")]), np.full((2, 3), 7.0)
    )
    bound = TraceNorms(trace).kept_at(1)[1]
    assert bound is not None
    assert not bound
