"""Every reading on networks of any blocks: against autograd, counting, simulation, each other."""

from __future__ import annotations

import dataclasses
import itertools
import math
import pickle
import tracemalloc
from typing import TYPE_CHECKING, Any

import numpy as np
import oracles
import pytest
from graphs import addresses
from hypothesis import given, settings
from hypothesis import strategies as st

from vanish.errors import UsageError
from vanish.gauss.quadrature import NoLawError
from vanish.network import activations
from vanish.network.biases import Biases
from vanish.network.chain import Chain
from vanish.network.chainrule import back
from vanish.network.graph import (
    LAYER,
    Block,
    Constant,
    Graph,
    Node,
    Op,
    Slot,
    Variable,
    X,
    article_graph,
)
from vanish.network.initializers import Law, from_bias_std
from vanish.network.streams import Role, Streams, Trials, draw_step, role_of
from vanish.network.weights import Weight
from vanish.numbers.scaled import Magnitude, Scaled
from vanish.numbers.stack import Stack, norms_of
from vanish.ops.normalising import Norm
from vanish.readings import dense, sampled
from vanish.readings.affinemap import affine_maps
from vanish.readings.bounds import BOUND, TraceNorms, norm_bounds
from vanish.readings.drawable import SAMPLED
from vanish.readings.inplace import IN_PLACE, Cell, Passes
from vanish.readings.meanfield import Ensemble, expected
from vanish.readings.notation import TEXT, product
from vanish.readings.products import Factor, Sum
from vanish.readings.sampledweight import SampledWeight
from vanish.readings.slopes import (
    bound_factors,
    log10_active_paths,
    slope_bound,
    slope_products,
)

if TYPE_CHECKING:
    from conftest import Plant

    from vanish.readings.normalised import Normalised

AFFINE, ADD, S = Op("affine", (Slot("W"), Slot("b"))), Op("add"), Op("activate")
SECOND = Op("affine", (Slot("V"), Slot("c")))
HALF, STEP = Op("scale", constant=Constant(-0.5, "-0.5")), Op("step")
LN, RMS, BN = Op("layernorm"), Op("rmsnorm"), Op("batchnorm")

SKIP = Block(Node(AFFINE, (0,), "a"), Node(S, (1,)), Node(ADD, (0, 2), "f"))
PRENORM = Block(
    Node(LN, (0,)),
    Node(Op("affine", (Slot("W"),)), (1,)),
    Node(Op("shift", (Slot("b"),)), (2,), "a"),
    Node(S, (3,)),
    Node(HALF, (4,)),
    Node(ADD, (0, 5), "f"),
)
BEHIND, LN_BEHIND = (
    Block(Node(AFFINE, (0,), "a"), Node(S, (1,)), Node(norm, (2,), "f")) for norm in (RMS, LN)
)
# Without a bias: a norm of the batch takes away what it adds.
OVER_THE_BATCH = Block(
    Node(Op("affine", (Slot("W"),)), (0,)), Node(BN, (1,), "a"), Node(S, (2,), "f")
)
RECURRENT = Block(
    Node(STEP, (), "u"),
    Node(AFFINE, (0,)),
    Node(Op("affine", (Slot("U"),)), (1,)),
    Node(ADD, (2, 3), "a"),
    Node(S, (4,), "f"),
)
BRANCH = Block(Node(AFFINE, (0,), "a"), Node(S, (1,)), Node(SECOND, (2,)), Node(ADD, (0, 3), "f"))

ACTS = ("sigmoid", "tanh", "relu", "identity", "softplus", "gelu", "selu")


@st.composite
def graphs(draw: st.DrawFn, norms: tuple[str, ...] = ()) -> Graph:
    """Return a few runs of blocks in which anything takes anything, maybe with norms."""
    tied = {letter: draw(st.booleans()) for letter in "WV"}
    runs = []
    for _ in range(draw(st.integers(1, 2))):
        nodes = [Node(AFFINE._replace(slots=slots(draw, tied)), (0,), "a")]
        for place in range(2, draw(st.integers(2, 6)) + 1):
            kinds = ["affine", "activate", "add", "scale", "shift", "step", *norms]
            kind = draw(st.sampled_from(kinds))
            op = Op(kind)
            if kind == "affine":
                op = Op(kind, slots(draw, tied)[: draw(st.integers(1, 2))])
            elif kind == "shift":
                op = Op(kind, slots(draw, tied)[1:])
            elif kind == "scale":
                value = draw(st.sampled_from([-0.7, 0.5, 3.0]))
                op = Op(kind, constant=Constant(value, str(value)))
            count = {"add": 2, "step": 0}.get(kind, 1)
            nodes.append(Node(op, tuple(draw(st.integers(0, place - 1)) for _ in range(count))))
        # What nobody takes is added to what is last.
        taken = {place for node in nodes for place in node.inputs}
        for place in [each for each in range(1, len(nodes)) if each not in taken]:
            nodes.append(Node(ADD, (place, len(nodes))))
        nodes[-1] = nodes[-1]._replace(name="f")
        if len(nodes) == 1:
            nodes = [*LAYER.nodes]
        runs.append((Block(*nodes), draw(st.integers(1, 3))))
    return Graph(*runs)


def slots(draw: st.DrawFn, tied: dict[str, bool]) -> tuple[Slot, Slot]:
    letter = draw(st.sampled_from("WV"))
    return Slot(letter, tied[letter]), Slot({"W": "b", "V": "c"}[letter], tied[letter])


def network(
    graph: Graph, act: str, width: int, seed: int, weight_std: float = 1.0, count: int = 1
) -> Chain:
    """Return a network with Gaussian parameters, and fresh inputs for so many rows."""
    generator = np.random.default_rng(seed)
    scale = weight_std / math.sqrt(width)
    parameters: dict[Variable, Any] = {}
    for address in addresses(graph):
        if address.letter.isupper():
            entries = scale * generator.standard_normal((width, width))
            parameters[address] = Weight.of(entries)
        else:
            parameters[address] = 0.1 * generator.standard_normal(width)
    steps = {k: generator.standard_normal((count, width)) for k in range(1, graph.depth + 1)}
    return Chain(graph, parameters, [activations.get(act)] * graph.depth, steps)


def rows(width: int, count: int, seed: int) -> np.ndarray:
    return np.random.default_rng((seed, 1)).standard_normal((count, width))


def plain_array(parameter: Any) -> np.ndarray:
    return parameter.multiplied_out() if isinstance(parameter, Weight) else parameter


# --- arrays ---


def torch_activation(act: str) -> Any:
    """Return S with a slope that is right to all digits, also where it saturates."""
    torch = pytest.importorskip("torch")
    accurate = {
        "sigmoid": lambda a: 1.0 / (1.0 + torch.exp(-a)),
        "tanh": lambda a: torch.where(
            a.abs() < 1.0, torch.tanh(a), 2.0 / (1.0 + torch.exp(-2.0 * a)) - 1.0
        ),
        "softplus": lambda a: torch.logaddexp(a, torch.zeros_like(a)),
        "gelu": lambda a: 0.5 * a * torch.erfc(-a / math.sqrt(2.0)),
    }
    return accurate.get(act) or oracles.torch_activation(act)


def torch_norm(y: Any, axis: int, *, centred: bool) -> Any:
    """Return LN, RMS or BN as its formula has it; 0 of what is constant."""
    torch = pytest.importorskip("torch")
    rest = y - y.mean(axis, keepdim=True) if centred else y
    square = (rest * rest).mean(axis, keepdim=True)
    constant = square.detach().sqrt() <= 1e-13 * y.detach().abs().amax(axis, keepdim=True)
    sigma = torch.where(constant, torch.ones_like(square), square).sqrt()
    return torch.where(constant, torch.zeros_like(y), rest / sigma)


TORCH_NORMS = {
    "layernorm": lambda y: torch_norm(y, 1, centred=True),
    "rmsnorm": lambda y: torch_norm(y, 1, centred=False),
    "batchnorm": lambda y: torch_norm(y, 0, centred=True),
}


def autograd(chain: Chain, x: np.ndarray, loss_gradient: np.ndarray) -> dict[Variable, np.ndarray]:
    """Return every gradient as PyTorch has it, node for node."""
    torch = pytest.importorskip("torch")
    leaves = {
        address: torch.tensor(plain_array(each), requires_grad=True)
        for address, each in chain.parameters.items()
    }
    f = start = torch.tensor(x, requires_grad=True)
    for block, first, last in chain.graph.runs:
        for k in range(first, last + 1):
            values = [f]
            for node in block.nodes:
                taken = [values[place] for place in node.inputs]
                held = [leaves[slot.at(k)] for slot in node.op.slots]
                if node.op.kind == "affine":
                    values.append(sum(held[1:], taken[0] @ held[0].T))
                elif node.op.kind == "activate":
                    values.append(torch_activation(chain.activation(k).name)(taken[0]))
                elif node.op.kind == "scale":
                    assert node.op.constant is not None
                    values.append(taken[0] * node.op.constant.value)
                elif node.op.kind == "step":
                    values.append(torch.tensor(chain.step(k)))
                elif node.op.kind in TORCH_NORMS:
                    values.append(TORCH_NORMS[node.op.kind](taken[0]))
                else:
                    values.append(sum(taken + held))
            f = values[-1]
    (f * torch.tensor(loss_gradient)).sum().backward()
    found = {address: leaf.grad for address, leaf in leaves.items()} | {X: start.grad}
    # What a norm cuts off from the loss has none.
    arrays = {address: plain_array(each) for address, each in chain.parameters.items()} | {X: x}
    return {
        address: np.zeros_like(arrays[address]) if grad is None else grad.numpy()
        for address, grad in found.items()
    }


def of_parameter(gradient: Any) -> np.ndarray:
    """Return the array of a parameter's gradient, as far as float64 holds it."""
    return np.asarray(gradient.array().with_exponent(0).values)


def worst(found: dict[Variable, np.ndarray], right: dict[Variable, np.ndarray]) -> float:
    """Return the largest relative error, but of what is nothing beside the rest of all."""
    most = max(float(np.abs(each).max()) for each in right.values())
    noise = 1e-3 * most  # of which 1e-11 is 50 roundings
    sizes = {each: max(float(np.abs(array).max()), noise) for each, array in right.items()}
    errors = {each: np.abs(found[each] - array).max() for each, array in right.items()}
    return max(float(errors[each]) / sizes[each] if sizes[each] else errors[each] for each in right)


def relative_error(actual: np.ndarray, right: np.ndarray) -> float:
    size = float(np.abs(right).max())
    return float(np.abs(actual - right).max()) / size if size else float(np.abs(actual).max())


@pytest.mark.slow
@given(graphs(), st.sampled_from(ACTS), st.integers(1, 4), st.integers(1, 3), st.integers(0, 99))
def test_any_networks_gradients_are_autograds(
    graph: Graph, act: str, width: int, count: int, seed: int
) -> None:
    chain, x = network(graph, act, width, seed, count=count), rows(width, count, seed)
    r = rows(width, count, seed + 1)
    trace = dense.trace(chain, x)
    right = autograd(chain, x, r)
    found = dict(dense.gradients(trace, Scaled(r)))
    for variable, expected_array in right.items():
        gradient = found[variable]
        array = gradient if isinstance(gradient, Scaled) else gradient.array()
        assert relative_error(array.with_exponent(0).values, expected_array) < 1e-11
        norm = float(np.linalg.norm(expected_array))
        assert float(gradient.norm()) == pytest.approx(norm, rel=1e-10, abs=1e-300)


NORMS = tuple(TORCH_NORMS)


@pytest.mark.slow
@given(
    graphs(NORMS), st.sampled_from(ACTS), st.integers(3, 5), st.integers(3, 4), st.integers(0, 99)
)
def test_any_networks_gradients_through_norms_are_autograds(
    graph: Graph, act: str, width: int, count: int, seed: int
) -> None:
    chain, x = network(graph, act, width, seed, count=count), rows(width, count, seed)
    r = rows(width, count, seed + 1)
    gradients = dict(dense.gradients(dense.trace(chain, x), Scaled(r)))
    right = autograd(chain, x, r)
    found = {
        each: plain(gradients[each]) if each == X else of_parameter(gradients[each])
        for each in right
    }
    assert worst(found, right) < 1e-9


def plain(rows: Any) -> np.ndarray:
    return np.asarray(rows.with_exponent(0).values)


BACK = Norm.back


def without_mean(norm: Norm, kept: Normalised, g: np.ndarray) -> Any:
    """Return a norm's way back without 11ᵀ/n."""
    return BACK(norm._replace(centred=False), kept, g)


def without_projection(norm: Norm, kept: Normalised, g: np.ndarray) -> Any:
    """Return a norm's way back without ŷŷᵀ/n."""
    return BACK(norm, kept._replace(output=np.zeros_like(g)), g)


def test_a_skip_that_is_forgotten_going_back_is_noticed(plant: Plant) -> None:
    chain, x = network(Graph((SKIP, 3)), "tanh", 4, 0), rows(4, 2, 0)
    right = autograd(chain, x, x)[Variable("W", 1)]

    def found() -> np.ndarray:
        trace = dense.trace(chain, x)
        return of_parameter(dict(dense.gradients(trace, Scaled(x)))[Variable("W", 1)])

    assert relative_error(found(), right) < 1e-13
    plant(dense.DENSE, "add", back=lambda _, __, ___, ____, g: (g.times(Magnitude.of(0.0)), g))
    assert relative_error(found(), right) > 0.1


@pytest.mark.parametrize("wrong", [without_mean, without_projection])
@pytest.mark.parametrize("block", [PRENORM, BEHIND, LN_BEHIND, OVER_THE_BATCH])
def test_what_a_norm_forgets_going_back_is_noticed(
    monkeypatch: pytest.MonkeyPatch, block: Block, wrong: Any
) -> None:
    errors = errors_of(block)
    assert max(errors) < 1e-12
    monkeypatch.setattr(Norm, "back", wrong)
    # RMS has no mean to forget.
    if wrong is without_mean and block is BEHIND:
        assert errors_of(block) == errors
    else:
        assert min(errors_of(block)) > 0.01


def errors_of(block: Block) -> tuple[float, float]:
    """Return how far off ∂L/∂W_1 is, by the dense and the in-place reading."""
    chain, x, r = network(Graph((block, 3)), "tanh", 4, 0), rows(4, 4, 0), readout(4, 4)
    right = autograd(chain, x, r)[Variable("W", 1)]
    gradients = dict(dense.gradients(dense.trace(chain, x), Scaled(r)))
    in_place = trained(chain, x, r)[Variable("W", 1)]
    found = of_parameter(gradients[Variable("W", 1)])
    return relative_error(found, right), relative_error(in_place, right)


@pytest.mark.parametrize("reading", [dense.DENSE, IN_PLACE], ids=["dense", "in place"])
def test_a_coefficient_that_is_dropped_going_back_is_noticed(plant: Plant, reading: Any) -> None:
    assert max(errors_of(PRENORM)) < 1e-12
    plant(reading, "scale", back=lambda _, __, ___, ____, g: (g,))
    assert max(errors_of(PRENORM)) > 0.01


def test_a_tied_gradient_far_below_float64_is_a_sum_of_parts_of_any_size() -> None:
    tied = Block(
        Node(Op("affine", (Slot("W", tied=True), Slot("b"))), (0,), "a"), Node(S, (1,), "f")
    )
    chain = network(Graph((tied, 900)), "sigmoid", 3, 0)
    trace = dense.trace(chain, rows(3, 1, 0))
    found = dict(dense.gradients(trace, Scaled(np.ones((1, 3)))))
    smallest, largest = found[Variable("W", 1)].norm(), found[Variable("W", 900)].norm()
    assert smallest.log10 is not None
    assert smallest.log10 < -400.0
    parts = [of_parameter(found[Variable("W", k)]) for k in range(800, 901)]
    assert relative_error(of_parameter(found[Variable("W", 0)]), np.sum(parts, axis=0)) < 1e-13
    assert float(largest) > 0.0


# --- training ---


def trained(chain: Chain, x: np.ndarray, r: np.ndarray) -> dict[Variable, np.ndarray]:
    """Return every parameter's gradient by the in-place reading."""
    parameters = {address: plain_array(each) for address, each in chain.parameters.items()}
    found = {address: np.full_like(each, np.nan) for address, each in parameters.items()}
    acts = [chain.activation(k) for k in range(1, chain.graph.depth + 1)]
    count, width = x.shape
    steps = {k: chain.step(k) for k in range(1, chain.graph.depth + 1)}
    passes = Passes(chain.graph, acts, parameters, found, width, width, count, steps)
    for _ in range(2):  # the second time over what the first one left
        passes.forward(x)
        passes.loss_gradient[...] = r
        passes.backward()
    return found


def worst_of_training(graph: Graph, act: str, width: int, seed: int) -> float:
    chain = network(graph, act, width, seed, count=3)
    x, r = rows(width, 3, seed), rows(width, 3, seed + 1)
    right = dict(dense.gradients(dense.trace(chain, x), Scaled(r)))
    found = trained(chain, x, r)
    return worst(found, {address: of_parameter(right[address]) for address in found})


@pytest.mark.slow
@given(graphs(NORMS), st.sampled_from(ACTS), st.integers(3, 5), st.integers(0, 99))
def test_training_has_the_dense_readings_gradients(
    graph: Graph, act: str, width: int, seed: int
) -> None:
    assert worst_of_training(graph, act, width, seed) < 1e-9


def test_a_slope_that_is_written_over_what_a_skip_needs_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    graph = Graph((SKIP, 3), (PRENORM, 3))
    assert worst_of_training(graph, "tanh", 4, 0) < 1e-13
    monkeypatch.setattr(Cell, "lent", lambda cell: cell)
    assert worst_of_training(graph, "tanh", 4, 0) > 0.1


@pytest.mark.parametrize("repeated", [(), ((LAYER, 0),), ((LAYER, 2), (LAYER, -1))])
def test_a_graph_of_no_layers_is_none(repeated: Any) -> None:
    with pytest.raises(ValueError, match="at least one block, and each at least once"):
        Graph(*repeated)


# --- bounds, products and paths ---


@pytest.mark.slow
@given(graphs(NORMS), st.sampled_from(ACTS), st.integers(1, 4), st.integers(0, 99))
def test_no_gradient_of_any_network_exceeds_its_norm_bound(
    graph: Graph, act: str, width: int, seed: int
) -> None:
    chain = network(graph, act, width, seed, weight_std=2.0, count=3)
    trace = dense.trace(chain, rows(width, 3, seed))
    seeds = Scaled(rows(width, 3, seed + 1))
    norms = TraceNorms(trace)
    bounds = dict(back(graph, BOUND, norms, norms.kept_at, seeds.norm()))
    for variable, gradient in dense.gradients(trace, seeds):
        norm, bound = gradient.norm(), bounds[variable]
        assert not norm or float(norm / bound) <= 1.0 + 1e-11


@given(graphs(NORMS), st.sampled_from(ACTS), st.integers(0, 99))
def test_all_layers_at_once_are_what_one_after_the_other_is(
    graph: Graph, act: str, seed: int
) -> None:
    chain = network(graph, act, 3, seed, count=3)
    trace = dense.trace(chain, rows(3, 3, seed))
    norms, loss = TraceNorms(trace), Magnitude.of(7.0)
    one_by_one = dict(back(graph, BOUND, norms, norms.kept_at, loss))
    for letter, column in norm_bounds(trace, loss).items():
        for k, value in enumerate(column.at((..., 0)).listed(), 1):
            right = one_by_one.get(Variable(letter, k))
            # Of a tied parameter every layer has its part; some layers lack a letter.
            if right:
                assert float(value / right) == pytest.approx(1.0, rel=1e-12)
            else:
                assert not value
        assert len(column.mantissas) == graph.depth


def with_sup_slope(sup_slope: float) -> activations.Activation:
    """Return the identity with another bound on its slope."""
    return dataclasses.replace(activations.get("identity"), sup_slope=sup_slope)


def test_bounds_of_letters_that_some_layers_lack_are_zero_there() -> None:
    graph = Graph((LAYER, 2), (BRANCH, 3), (LAYER, 1))
    trace, loss = dense.trace(network(graph, "tanh", 3, 0), rows(3, 1, 0)), Magnitude.of(7.0)
    norms = TraceNorms(trace)
    right = dict(back(graph, BOUND, norms, norms.kept_at, loss))
    for letter, column in norm_bounds(trace, loss).items():
        values = [float(each) for each in column.at((..., 0)).listed()]
        ones = [float(right.get(Variable(letter, k), Magnitude.of(0.0))) for k in range(1, 7)]
        assert values == pytest.approx(ones, rel=1e-13)
    assert [bool(each) for each in norm_bounds(trace, loss)["V"].mantissas[:, 0]] == [
        *(False, False, True, True, True, False)
    ]


def equal_layers(activation: activations.Activation, layers: int, block: Block) -> Magnitude:
    """Return what so many equal blocks multiply a bound by."""
    factors = bound_factors(activation, Graph((block, layers)))
    assert factors is not None
    return factors[1] ** layers


def test_a_coefficient_counts_in_the_slopes_product_but_not_among_paths() -> None:
    block = Block(Node(AFFINE, (0,), "a"), Node(S, (1,)), Node(HALF, (2,)), Node(ADD, (0, 3), "f"))
    # (1 + |-0.5| · 0.25)^N
    assert float(equal_layers(activations.get("sigmoid"), 20, block)) == pytest.approx(
        1.125**20, rel=1e-14
    )
    products = slope_products(Graph((block, 3)), np.full(3, 0.25)).listed()
    assert [float(each) for each in products] == pytest.approx(
        [0.125 * 1.125**j for j in (2, 1, 0)]
    )
    active = np.full((3, 1, 1), 2.0)
    paths, right = (log10_active_paths(Graph((each, 3)), active) for each in (block, SKIP))
    assert np.array_equal(paths, right)


@pytest.mark.parametrize("block", [PRENORM, BEHIND, OVER_THE_BATCH], ids=["pre", "behind", "batch"])
def test_norms_count_1_among_slopes(block: Block) -> None:
    without = Block(Node(AFFINE, (0,), "a"), Node(S, (1,), "f"))
    if block is PRENORM:
        without = Block(
            Node(AFFINE, (0,), "a"), Node(S, (1,)), Node(HALF, (2,)), Node(ADD, (0, 3), "f")
        )
    found, right = (equal_layers(activations.get("sigmoid"), 9, each) for each in (block, without))
    assert float(found) == float(right)


@pytest.mark.parametrize(("sup", "factor"), [(0.25, 1.25), (1.0, 2.0), (0.5, 1.5)])
def test_with_skips_the_articles_bound_is_a_power_of_one_more(sup: float, factor: float) -> None:
    assert equal_layers(with_sup_slope(sup), 20, SKIP).log10 == pytest.approx(
        20 * math.log10(factor), rel=1e-14
    )
    assert float(slope_bound(with_sup_slope(sup), 20)) == sup**20
    products = slope_products(Graph((SKIP, 3)), np.full(3, sup)).listed()
    assert [float(each) for each in products] == pytest.approx([sup * factor**j for j in (2, 1, 0)])


def count_paths(active: list[np.ndarray]) -> list[int]:
    """Walk every path of a network of skips from each a_k to the output, unit by unit.

    At f_k a path goes on through the skip to the same unit of f_{k+1}, or through any active
    unit of layer k+1 to that unit of f_{k+1}.
    """
    units = range(len(active[0]))
    counts = []
    for k, own in enumerate(active):
        count = 0
        for _unit in (each for each in units if own[each]):
            # Each way is a choice a layer: the skip (None), or a unit.
            for choices in itertools.product([None, *units], repeat=len(active) - k - 1):
                later = zip(choices, active[k + 1 :], strict=True)
                count += all(each is None or layer[each] for each, layer in later)
        counts.append(count)
    return counts


@pytest.mark.parametrize("seed", range(5))
def test_active_paths_through_skips_are_those_that_can_be_walked(seed: int) -> None:
    active = list(np.random.default_rng(seed).random((3, 3)) < 0.6)
    numbers = np.array([each.sum() for each in active], dtype=np.float64)[:, None, None]
    found = log10_active_paths(Graph((SKIP, 3)), numbers)[:, 0]
    right = [math.log10(each) if each else -math.inf for each in count_paths(active)]
    assert found.tolist() == pytest.approx(right, rel=1e-12, abs=1e-12)


# --- the sampled reading ---


def ks(first: np.ndarray, second: np.ndarray) -> float:
    """Return the two-sample Kolmogorov-Smirnov distance over its value at a level of 0.1 %."""
    both = np.sort(np.concatenate([first, second]))
    shares = [
        np.searchsorted(np.sort(each), both, side="right") / len(each) for each in (first, second)
    ]
    limit = 1.95 * math.sqrt((len(first) + len(second)) / (len(first) * len(second)))
    return float(np.abs(shares[0] - shares[1]).max()) / limit


# The standard deviation of `network`'s biases.
BIAS_STD = 0.1


def sampled_chain(
    graph: Graph, act: str, width: int, trials: int, count: int = 1, segment: int | None = None
) -> sampled.SampledChain:
    """Return sampled networks, all of one batch of inputs, after their way forward."""
    streams, x = Streams(3), np.broadcast_to(rows(width, count, 0), (trials, count, width))
    weights = {
        address: SampledWeight(Law.NORMAL, width, width, Magnitude.of(1 / math.sqrt(width)), count)
        for address in addresses(graph)
        if address.letter.isupper()
    }
    acts = [activations.get(act)] * graph.depth
    block = Trials(0, 0, trials, trials)
    steps = dict.fromkeys(range(1, graph.depth + 1), width)
    chain = sampled.SampledChain(
        *(graph, weights, acts, Biases(from_bias_std(BIAS_STD)), x, streams, block, segment),
        steps=steps,
    )
    chain.forward()
    return chain


def readout(width: int, count: int) -> np.ndarray:
    """Return one ∂L/∂f_N for everybody; its rows differ, since a norm of the batch needs that."""
    return np.outer(1.0 + np.arange(count), np.where(np.arange(width) % 3, 1.0, -1.0))


def drawn(
    graph: Graph, act: str, width: int, trials: int, count: int = 1, segment: int | None = None
) -> dict[str, np.ndarray]:
    """Return log‖∂L/∂W_1‖ and log‖∂L/∂x‖ of sampled networks."""
    chain = sampled_chain(graph, act, width, trials, count, segment)
    r = np.broadcast_to(readout(width, count), (trials, count, width))
    found = dict(sampled.gradients(chain, Stack(r)))
    found = {
        each: norms_of(part) if isinstance(part, Stack) else part for each, part in found.items()
    }
    return {
        name: 0.5 * np.log(found[variable].squares)
        + math.log(2.0) * np.asarray(found[variable].exponents)
        for name, variable in READ.items()
        if variable in found
    }


# What is compared in law; of what a graph has of it.
READ = {letter: Variable(letter, 1) for letter in "WbVcU"} | {"x": X}


def simulated(
    graph: Graph, act: str, width: int, trials: int, count: int = 1
) -> dict[str, np.ndarray]:
    """Return the same with matrices."""
    logs: dict[str, list[float]] = {name: [] for name in READ}
    x, r = rows(width, count, 0), readout(width, count)
    for seed in range(trials):
        chain = network(graph, act, width, seed + 1000, count=count)
        found = dict(dense.gradients(dense.trace(chain, x), Scaled(r)))
        for name, variable in READ.items():
            if variable in found:
                logs[name].append(math.log(float(found[variable].norm())))
    return {name: np.array(each) for name, each in logs.items() if each}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("block", "count"),
    [(SKIP, 1), (BRANCH, 1), (PRENORM, 1), (BEHIND, 2), (RECURRENT, 2), (OVER_THE_BATCH, 4)],
    ids=["skip", "branch", "prenorm", "rms behind", "recurrent", "batchnorm"],
)
def test_sampled_networks_of_blocks_have_the_law_of_dense_ones(block: Block, count: int) -> None:
    graph = Graph((block, 3))
    right = simulated(graph, "tanh", 6, 2000, count)
    found = drawn(graph, "tanh", 6, 2000, count)
    assert found.keys() == right.keys()
    for name in found:
        assert ks(found[name], right[name]) < 1.0, name


@pytest.mark.slow
def test_a_skip_that_the_sampled_reading_forgets_is_noticed(plant: Plant) -> None:
    graph = Graph((SKIP, 3))
    right = simulated(graph, "tanh", 6, 1000)
    plant(SAMPLED, "add", back=lambda _, __, ___, ____, g: (Stack(0.0 * g.values), g))
    assert ks(drawn(graph, "tanh", 6, 1000)["x"], right["x"]) > 1.0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("block", "wrong"), [(LN_BEHIND, without_mean), (BEHIND, without_projection)]
)
def test_what_a_sampled_norm_forgets_is_noticed(
    monkeypatch: pytest.MonkeyPatch, block: Block, wrong: Any
) -> None:
    graph = Graph((block, 3))
    right = simulated(graph, "tanh", 3, 1000)
    assert ks(drawn(graph, "tanh", 3, 1000)["x"], right["x"]) < 1.0
    monkeypatch.setattr(Norm, "back", wrong)
    assert ks(drawn(graph, "tanh", 3, 1000)["x"], right["x"]) > 1.0


@pytest.mark.slow
def test_a_coefficient_that_the_sampled_reading_drops_is_noticed(plant: Plant) -> None:
    graph = Graph((PRENORM, 3))
    right = simulated(graph, "tanh", 6, 1000)
    plant(SAMPLED, "scale", back=lambda _, __, ___, ____, g: (g,))
    assert ks(drawn(graph, "tanh", 6, 1000)["x"], right["x"]) > 1.0


@pytest.mark.parametrize("block", [RECURRENT, PRENORM], ids=["recurrent", "prenorm"])
def test_segments_of_a_sampled_network_are_the_whole(block: Block) -> None:
    graph = Graph((block, 5))
    whole, parts = (drawn(graph, "tanh", 4, 3, segment=segment) for segment in (None, 2))
    assert whole.keys() == parts.keys()
    for name in whole:
        assert np.array_equal(whole[name], parts[name])


def test_a_step_that_is_drawn_anew_on_the_way_back_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    graph, generator = Graph((RECURRENT, 5)), np.random.default_rng(0)
    whole = drawn(graph, "tanh", 4, 3)
    monkeypatch.setattr(
        sampled.SampledChain, "step", lambda *_: Stack(generator.standard_normal((3, 1, 4)))
    )
    anew, again = (drawn(graph, "tanh", 4, 3, segment=segment) for segment in (2, None))
    for found in (anew, again):
        assert not np.allclose(found["U"], whole["U"], rtol=1e-3)


def test_sampled_steps_are_drawn_or_given() -> None:
    given_rows = np.arange(6.0).reshape(2, 3)
    streams, block = Streams(1), Trials(0, 0, 4, 4)
    chain = sampled.SampledChain(
        Graph((RECURRENT, 2)),
        {},
        [activations.get("tanh")] * 2,
        None,
        np.ones((4, 2, 5)),
        *(streams, block),
        steps={1: 3, 2: given_rows},
    )
    first = chain.step(1).values
    assert first.shape == (4, 2, 3)
    assert np.array_equal(first, draw_step(streams, block, 1, (2, 3)))
    assert np.array_equal(chain.step(2).values, np.broadcast_to(given_rows, (4, 2, 3)))
    # A trial's numbers do not depend on how many others there are, nor on the layers.
    assert np.array_equal(draw_step(streams, Trials(0, 2, 3, 4), 1, (2, 3)), first[2:3])
    assert not np.isclose(draw_step(streams, block, 2, (2, 3)), first).any()


def test_norms_of_letters_that_some_layers_lack_are_zero_there() -> None:
    graph = Graph((LAYER, 2), (BRANCH, 3))
    chain = sampled_chain(graph, "tanh", 4, 7)
    found = sampled.norms(chain, Stack(np.ones((7, 1, 4))))
    assert found.keys() == set("fabWVc")
    for letter in "WVbc":
        assert found[letter].mantissas.shape == (5, 7)
        assert (found[letter].mantissas[2:] > 0.0).all()
        assert (found[letter].mantissas[:2] > 0.0).all() == (letter in "Wb")
    weight_norms = chain.weight_norms("V")
    assert not weight_norms.mantissas[:2].any()
    # Sixteen entries of variance 1/4.
    assert 2.0 ** weight_norms.log2[2:].mean() == pytest.approx(2.0, rel=0.15)


def test_the_sampled_reading_refuses_what_is_met_twice() -> None:
    tied = Op("affine", (Slot("W", tied=True), Slot("b")))
    block = Block(Node(tied, (0,), "a"), Node(S, (1,), "f"))
    assert SAMPLED.refusal(Graph((block, 2))) == "W shared by all layers"
    assert SAMPLED.refusal(Graph((SKIP, 2))) == ""
    twice = Block(Node(AFFINE, (0,), "a"), Node(S, (1,)), Node(AFFINE, (2,)), Node(S, (3,), "f"))
    assert SAMPLED.refusal(Graph((twice, 2))) == "W used twice in a layer"


def test_a_letters_numbers_do_not_depend_on_what_else_there_is() -> None:
    roles = [role_of(letter, role) for letter in "WVUbcdu" for role in Role]
    for letter in "WVUbcdu":
        own = {role_of(letter, role) for role in Role}
        assert len(own) == len(Role)
    assert role_of("W", Role.WEIGHTS) == Role.WEIGHTS
    assert role_of("b", Role.BIAS) == Role.BIAS
    # W and b share today's roles; everything else is apart.
    assert len(set(roles)) == len(roles) - len(Role)
    # V is the 22nd capital letter, c the third small one.
    assert role_of("V", Role.WEIGHTS) == 2 + 16 * (26 + 22)
    assert role_of("c", Role.BIAS) == 3 + 16 * 3


# --- mean field ---


@pytest.mark.slow
@pytest.mark.parametrize("act", ["tanh", "sigmoid"])
def test_theory_expects_of_skips_what_wide_networks_do(act: str) -> None:
    width, depth, weight_std = 300, 8, 1.3
    graph = Graph((SKIP, depth))
    squares = []
    for seed in range(12):
        chain = network(graph, act, width, seed, weight_std)
        for address in chain.parameters:
            if not address.letter.isupper():
                chain.parameters[address][...] = 0.0  # type: ignore[index]  # an array
        x = rows(width, 1, seed)
        signs = np.random.default_rng((seed, 2)).choice((-1.0, 1.0), (1, width))
        trace = dense.trace(chain, x)
        found = dict(dense.gradients(trace, Scaled(signs / math.sqrt(width))))
        squares.append([float(found[Variable("b", k)].norm()) ** 2 for k in range(1, depth + 1)])
    measured = np.sqrt(np.mean(squares, axis=0))
    ensemble = Ensemble.plain(
        [activations.get(act)] * depth,
        [width] * (depth + 1),
        [Magnitude.of(weight_std**2)] * depth,
        0.0,
    )
    theory = expected(ensemble, Magnitude.of(math.sqrt(width)), graph)
    found_b = [float(each.grad_b) for each in theory if each.grad_b is not None]
    assert found_b == pytest.approx(measured, rel=0.05)


def theory_of(block: Block) -> Any:
    ones = [Magnitude.of(1.0)] * 2
    acts = [activations.get("tanh")] * 2
    ensemble = Ensemble.plain(acts, [9, 9, 9], ones, 0.0)
    return expected(ensemble, Magnitude.of(3.0), Graph((block, 2)))


def test_theory_refuses_what_it_has_no_law_for() -> None:
    beside = Block(Node(AFFINE, (0,), "a"), Node(S, (1,)), Node(ADD, (1, 2), "f"))
    with pytest.raises(NoLawError, match="a sum of values that depend on each other"):
        theory_of(beside)
    with pytest.raises(NoLawError, match="no law for S of a value that is not normal"):
        theory_of(Block(Node(AFFINE, (0,), "a"), Node(S, (1,)), Node(S, (2,), "f")))


# --- symbols ---


def test_a_product_with_skips_is_written_with_its_sums() -> None:
    graph = Graph((SKIP, 3))
    found = product(graph, Variable("W", 1)).factors()
    assert TEXT.joined([TEXT.symbol(each) for each in found]) == (
        "∂L/∂f₃ · (1 + ∂S/∂a₃ · W₃) · (1 + ∂S/∂a₂ · W₂) · ∂S/∂a₁ · ∂a₁/∂W₁"
    )


@pytest.mark.slow
def test_the_written_product_of_skips_is_sympys_derivative() -> None:
    sympy = pytest.importorskip("sympy")
    graph = Graph((SKIP, 3))
    f, a = [sympy.Symbol("x")], [None]
    for k in (1, 2, 3):
        a.append(sympy.Symbol(f"W{k}") * f[-1] + sympy.Symbol(f"b{k}"))
        f.append(f[-1] + sympy.tanh(a[-1]))
    loss = sympy.exp(f[-1])

    def value(factor: Factor | Sum) -> Any:
        if isinstance(factor, Sum):
            return sympy.Add(*(sympy.Mul(*map(value, term)) for term in factor.terms))
        k = factor.layer
        t = sympy.Dummy("t")
        return {
            "LossGradient": lambda: sympy.exp(f[3]),
            "Slope": lambda: sympy.diff(sympy.tanh(t), t).subs(t, a[k]),
            "Weight": lambda: sympy.Symbol(f"W{k}"),
            "ByWeight": lambda: f[k - 1],
            "ByBias": lambda: sympy.Integer(1),
        }[factor.kind]()

    for by in (Variable("W", 1), Variable("b", 2), Variable("W", 3), Variable("x", 0)):
        found = sympy.Mul(*map(value, product(graph, by).factors()))
        assert sympy.expand(found - sympy.diff(loss, sympy.Symbol(str(by)))) == 0


# --- the one map, and the record ---


@given(graphs(), st.integers(1, 4), st.integers(0, 99))
def test_without_activations_any_network_is_its_one_map(
    graph: Graph, width: int, seed: int
) -> None:
    chain, x = network(graph, "identity", width, seed, count=3), rows(width, 3, seed)
    outputs = dense.trace(chain, x).outputs[1:]
    for affine, output in zip(affine_maps(chain, width), outputs, strict=True):
        right = output.with_exponent(0).values
        size = max(np.abs(right).max(), np.abs(affine.bias.with_exponent(0).values).max())
        assert np.abs(affine(x).with_exponent(0).values - right).max() <= 1e-10 * size


@pytest.mark.parametrize(
    ("block", "name"), [(PRENORM, "LN"), (BEHIND, "RMS"), (OVER_THE_BATCH, "BN")]
)
def test_no_affine_map_stands_for_a_norm(block: Block, name: str) -> None:
    with pytest.raises(UsageError, match=f"no affine map stands for {name}, which divides"):
        affine_maps(network(Graph((block, 2)), "identity", 3, 0, count=2), 3)


@settings(max_examples=20)
@given(graphs(NORMS))
def test_a_graph_is_the_same_after_its_pickle(graph: Graph) -> None:
    again = pickle.loads(pickle.dumps(graph))
    assert again.runs == graph.runs
    assert again.depth == graph.depth


@pytest.mark.slow
def test_a_million_layers_cost_their_arrays_only() -> None:
    slopes = np.full(1_000_000, 0.25)
    tracemalloc.start()
    found = slope_products(article_graph(1_000_000), slopes)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # 0.25^N = 1/2 · 2^(1-2N)
    assert found.exponents[0] == 1 - 2 * 1_000_000
    assert slope_bound(with_sup_slope(0.25), 1_000_000).exponent == found.exponents[0]
    # A dozen arrays of 8 bytes a layer; nodes unrolled would take 900 each.
    assert most < 200 * 1_000_000
