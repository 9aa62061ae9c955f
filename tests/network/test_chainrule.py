"""The chain rule on any block, against sympy: chains, skips, parameters that are used again."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
import sympy

from vanish.errors import UsageError
from vanish.network import chainrule
from vanish.network.chainrule import Reading, back, forward
from vanish.network.graph import LAYER, Block, Graph, Node, Op, Slot, Variable, article_graph
from vanish.readings.notation import product
from vanish.readings.products import Factor, Sum

DEPTHS = [1, 2, 3, 5]

AFFINE, TIED = Op("affine", (Slot("W"), Slot("b"))), Op("affine", (Slot("W", tied=True), Slot("b")))
ADD, S = Op("add"), Op("activate")

# x + S(Wx+b), S(Wx+b) + S(Wx+b) with one W and b, S(W(S(Wx+b))+b), W the same in every layer,
# x + S(Wx+b) with two skips, and a second matrix.
BLOCKS = {
    "plain": LAYER,
    "skip": Block(Node(AFFINE, (0,), "a"), Node(S, (1,)), Node(ADD, (0, 2), "f")),
    "twice": Block(Node(AFFINE, (0,), "a"), Node(S, (1,)), Node(AFFINE, (2,)), Node(S, (3,), "f")),
    "both": Block(
        *(Node(AFFINE, (0,), "a"), Node(S, (1,)), Node(AFFINE, (0,)), Node(S, (3,))),
        Node(ADD, (2, 4), "f"),
    ),
    "tied": Block(Node(TIED, (0,), "a"), Node(S, (1,), "f")),
    "two skips": Block(
        *(Node(AFFINE, (0,), "a"), Node(S, (1,)), Node(ADD, (2, 0)), Node(ADD, (3, 0), "f")),
    ),
    "branch": Block(
        *(Node(AFFINE, (0,), "a"), Node(S, (1,))),
        *(Node(Op("affine", (Slot("V"), Slot("c"))), (2,)), Node(ADD, (0, 3), "f")),
    ),
    "tied skip": Block(Node(TIED, (0,), "a"), Node(S, (1,)), Node(ADD, (2, 0), "f")),
}

slope_of_s, slope_of_loss = sympy.Function("slope_of_s"), sympy.Function("slope_of_loss")


class s(sympy.Function):  # type: ignore[misc]  # noqa: N801 - untyped; a symbol, no class
    """S, of which nothing is known but what its derivative is called."""

    def fdiff(self, _: int = 1) -> Any:
        return slope_of_s(*self.args)


class loss(sympy.Function):  # type: ignore[misc]  # noqa: N801 - as above
    """L, likewise."""

    def fdiff(self, _: int = 1) -> Any:
        return slope_of_loss(*self.args)


def symbol(letter: str, layer: int) -> Any:
    return sympy.Symbol(str(Variable(letter, layer)))


def of(op: Op, k: int) -> list[Any]:
    return [symbol(*slot.at(k)) for slot in op.slots]


# A reading of a test's own: sympy's expressions of scalars.
SCALARS = Reading("sympy")
SCALARS.means(
    "affine",
    forward=lambda _, op, k, f: (of(op, k)[0] * f + of(op, k)[1], f),
    back=lambda _, op, k, __, g: (g * of(op, k)[0],),
    by=lambda _, __, ___, f, g: (g * f, g),
)
SCALARS.means(
    "activate",
    forward=lambda _, __, ___, a: (s(a), a),
    back=lambda _, __, ___, a, g: (g * slope_of_s(a),),
)
SCALARS.means(
    "add",
    forward=lambda _, __, ___, one, other: (one + other, None),
    back=lambda _, __, ___, ____, g: (g, g),
)


class Walked(NamedTuple):
    """L as sympy sees it, and what the walk back found."""

    whole: Any
    found: dict[Variable, Any]


def walked(graph: Graph, reading: Reading = SCALARS) -> Walked:
    kept, f = {}, symbol("x", 0)
    for passed in forward(graph, reading, None, f):
        kept[passed.layer], f = passed.kept, passed.named("f")
    found = dict(back(graph, reading, None, kept.__getitem__, slope_of_loss(f)))
    return Walked(loss(f), found)


def wrong(graph: Graph, reading: Reading = SCALARS) -> list[str]:
    """Return the variables whose gradient is not sympy's."""
    whole, found = walked(graph, reading)
    symbols = {each.name: each for each in whole.free_symbols}
    by_name = {str(variable): value for variable, value in found.items()}
    return [
        name
        for name, each in symbols.items()
        if sympy.expand(by_name[name] - sympy.diff(whole, each)) != 0
    ]


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("name", BLOCKS)
def test_sympy_finds_the_same_gradient_by_everything(name: str, depth: int) -> None:
    assert wrong(Graph((BLOCKS[name], depth))) == []


def test_runs_of_different_blocks_follow_each_other() -> None:
    assert wrong(Graph((LAYER, 1), (BLOCKS["skip"], 2), (BLOCKS["twice"], 1))) == []


@pytest.mark.parametrize("name", ["skip", "both", "two skips", "tied skip"])
def test_a_plus_that_forgets_one_is_noticed(name: str) -> None:
    forgetful = Reading("forgetful", plus=lambda one, _: one)
    forgetful._rules = SCALARS._rules
    assert wrong(Graph((BLOCKS[name], 2)), forgetful)


def test_a_second_use_that_is_forgotten_is_noticed() -> None:
    forgetful = Reading("forgetful", plus=lambda one, _: one)
    forgetful._rules = SCALARS._rules
    assert "W1" in wrong(Graph((BLOCKS["twice"], 1)), forgetful)
    assert wrong(Graph((BLOCKS["tied"], 2)), forgetful) == ["W"]


def test_a_tied_parameters_parts_are_yielded_layer_by_layer_and_their_sum_last() -> None:
    graph = Graph((BLOCKS["tied"], 3))
    _, found = walked(graph)
    assert list(map(str, found)) == [
        *("f3", "a3", "W3", "b3", "f2", "a2", "W2", "b2", "f1", "a1", "W1", "b1", "x", "W")
    ]
    parts = [found[Variable("W", k)] for k in (1, 2, 3)]
    assert sympy.expand(sum(parts) - found[Variable("W", 0)]) == 0


def test_the_walk_goes_from_the_loss_to_the_input() -> None:
    names = [str(variable) for variable in walked(article_graph(2)).found]
    assert names == ["f2", "a2", "W2", "b2", "f1", "a1", "W1", "b1", "x"]


def named(factor: Factor | Sum) -> str:
    assert isinstance(factor, Factor)
    return f"{factor.kind} {factor.layer}"


def test_the_articles_product() -> None:
    assert [named(factor) for factor in product(article_graph(3), Variable("W", 1)).factors()] == [
        "LossGradient 3",
        "Slope 3",
        "Weight 3",
        "Slope 2",
        "Weight 2",
        "Slope 1",
        "ByWeight 1",
    ]


@pytest.mark.parametrize("name", [("W", 0), ("W", 4), ("b", 4), ("w", 1), ("x", 1), ("q", 2)])
def test_an_unknown_variable_is_refused(name: tuple[str, int]) -> None:
    with pytest.raises(UsageError) as caught:
        product(article_graph(3), Variable(*name))
    assert str(caught.value) == (
        f"the chain has no {Variable(*name)} to differentiate by: give x, or W or b and a"
        " layer's number"
    )


def test_a_deep_network_needs_no_deep_recursion() -> None:
    assert product(article_graph(20_000), Variable("W", 1)).length == 2 * 20_000 + 1


# --- what a block may be ---


@pytest.mark.parametrize(
    ("nodes", "complaint"),
    [
        ([Node(S, (1,), "f")], r"node 1 takes \(1,\)"),
        ([Node(S, (), "f")], "no node takes what the block is given"),
        ([Node(S, (0,), "f"), Node(S, (1,), "f")], "the names f, f"),
        ([Node(S, (0,)), Node(S, (0,), "f")], "node 1 is taken by no other"),
        ([Node(S, (0,))], "the last node is called ''"),
    ],
)
def test_a_block_that_is_no_graph_is_refused(nodes: list[Node], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Block(*nodes)


def test_layers_are_numbered_over_the_runs() -> None:
    graph = Graph((LAYER, 2), (BLOCKS["skip"], 3))
    assert graph.depth == 5
    assert [(run.first, run.last) for run in graph.runs] == [(1, 2), (3, 5)]
    assert [(run.first, run.last) for run in graph.within(2, 4)] == [(2, 2), (3, 4)]
    assert graph.block(2) is LAYER
    assert graph.block(3) is BLOCKS["skip"]


def test_a_block_is_compiled_once_for_each_reading() -> None:
    chainrule._compiled.cache_clear()
    walked(Graph((LAYER, 4)))
    walked(article_graph(7))
    assert chainrule._compiled.cache_info().misses == 1


def test_what_a_reading_cannot_do_is_data() -> None:
    assert SCALARS.refusal(article_graph(2)) == ""
    choosy = Reading("choosy")
    choosy.means("affine")
    choosy.refuses("affine", lambda op: "one is tied" if op.slots[0].tied else "")
    assert choosy.refusal(article_graph(2)) == "activate has no meaning for the choosy reading"
    choosy.means("activate")
    assert choosy.refusal(article_graph(2)) == ""
    assert choosy.refusal(Graph((LAYER, 1), (BLOCKS["tied"], 1))) == "one is tied"
