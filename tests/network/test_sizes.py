"""Sizes by unification: against numpy's shapes, and what does not fit."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from formulas import trees
from hypothesis import given
from hypothesis import strategies as st

from vanish.errors import UsageError
from vanish.network.blocks import formula
from vanish.network.formulas.building import build
from vanish.network.formulas.named import NAMED
from vanish.network.graph import LAYER, Block, Slot
from vanish.network.sizes import (
    SIZES,
    Hidden,
    LayerRun,
    graph_of,
    layer_runs,
    least_rows,
    needs_equal,
    sizes,
    uniform_runs,
)

if TYPE_CHECKING:
    from conftest import Plant

    from vanish.network.formulas.tree import Sum
    from vanish.network.sizes import Sizes


def block(text: str) -> Block:
    return formula(text).block(3)


def require_fit(found: Block, given_sizes: Sizes) -> None:
    """Let numpy multiply and add arrays of those sizes; nothing is broadcast."""
    of = {slot: np.zeros(shape) for slot, shape in given_sizes.parameters.items()}
    values = [np.zeros(given_sizes.places[0])]
    for node in found.nodes:
        taken = [values[place] for place in node.inputs]
        parameters = [of[slot] for slot in node.op.slots]
        if node.op.kind == "affine":
            taken = [parameters.pop(0) @ taken[0]]
        if node.op.kind == "step":
            assert given_sizes.step is not None
            taken = [np.zeros(given_sizes.step)]
        assert len({each.shape for each in (*taken, *parameters)}) == 1
        values.append(taken[0])
    assert [value.size for value in values] == given_sizes.places


@pytest.mark.slow
@given(trees(), st.integers(2, 5), st.integers(2, 5), st.integers(6, 9))
def test_sizes_fit_each_other(tree: Sum, n_in: int, n_out: int, hidden: int) -> None:
    found = build(tree, 3)
    if n_in != n_out and needs_equal(found):
        with pytest.raises(UsageError, match=f"takes {n_in} and gives {n_out}"):
            sizes(found, n_in, n_out, hidden)
        n_out = n_in
    given_sizes = sizes(found, n_in, n_out, hidden)
    assert (given_sizes.places[0], given_sizes.places[-1]) == (n_in, n_out)
    require_fit(found, given_sizes)


def test_a_size_that_is_not_passed_on_is_noticed(plant: Plant) -> None:
    found = block("x + S(Wx+b)")
    plant(SIZES, "add", forward=lambda _, __, ___, one, ____: (one, None))
    with pytest.raises(AssertionError):
        require_fit(found, sizes(found, 3, 3, 7))


def test_what_is_free_is_hidden() -> None:
    found = block("V S(Wx+b)+c")
    assert not needs_equal(found)
    for hidden, right in ((None, 4), (7, 7), (Hidden(4), 16), (Hidden(5, per_output=False), 5)):
        assert sizes(found, 3, 4, hidden).parameters == {
            Slot("W"): (right, 3),
            Slot("b"): (right,),
            Slot("V"): (4, right),
            Slot("c"): (4,),
        }
    assert sizes(LAYER, 3, 4, 9).parameters == {Slot("W"): (4, 3), Slot("b"): (4,)}


def test_the_fresh_input_has_a_size() -> None:
    assert sizes(block("S(Wx + u)"), 3, 4, 9).step == 4
    assert sizes(block("S(Wx + Uu)"), 3, 4, 9).step == 9
    assert sizes(block("S(Wx + Uu)"), 3, 4).step == 4
    assert sizes(LAYER, 3, 4).step is None


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("plain", False),
        ("residual", True),
        ("bottleneck", True),
        ("postnorm", True),
        ("layernorm", False),
        ("rnn", False),
        ("x + S(x)", True),
        ("LN(x)", True),
        ("W S(Wx)", True),
        ("W S(V S(Wx))", False),
        ("Vx + V S(Wx)", False),
    ],
)
def test_a_skip_makes_sizes_equal(name: str, right: bool) -> None:
    assert needs_equal(block(name)) is right


def test_a_norm_over_the_rows_needs_two() -> None:
    needs = {record.name: least_rows(block(record.name)) for record in NAMED}
    assert needs.pop("batchnorm") == 2
    assert set(needs.values()) == {1}


def blocks_of(text: str, *runs: tuple[int, int, int], hidden: int | None = None) -> list[str]:
    """Return which layers have the block, and which are S(Wx+b)."""
    found = graph_of(formula(text), [LayerRun(*run) for run in runs], hidden)
    return [
        f"{'plain' if run.block == LAYER else 'block'} {run.first}-{run.last}" for run in found.runs
    ]


def test_a_layer_of_two_sizes_has_no_skip() -> None:
    runs = [(9, 8, 1), (8, 8, 10), (8, 3, 1), (3, 2, 1), (2, 2, 4)]
    assert blocks_of("residual", *runs) == ["plain 1-1", "block 2-11", "plain 12-13", "block 14-17"]
    assert blocks_of("layernorm", *runs) == ["block 1-17"]
    assert blocks_of("V S(Wx+b)", *runs) == ["block 1-17"]
    assert blocks_of("S(Wx+b)", *runs) == ["plain 1-17"]
    # What is tied elsewhere is none of S(Wx+b)'s business.
    assert blocks_of("x + V~ S(x)", *runs[:2]) == ["plain 1-1", "block 2-11"]


@pytest.mark.parametrize(
    ("text", "runs", "right"),
    [
        (
            "rnn",
            [(9, 8, 1), (8, 8, 3)],
            "block 'S(^W~x + U~u + b~)', character 3: all layers share W, but it would be 8 × 9 in"
            " layer 1 and 8 × 8 in layer 2: give all layers as many values, or W without ~",
        ),
        (
            "S(Wx + U~u)",
            [(8, 8, 3), (8, 7, 1)],
            "block 'S(Wx + ^U~u)', character 8: all layers share U, but it would be 8 × 8 in"
            " layer 1 and 7 × 7 in layer 4: give all layers as many values, or U without ~",
        ),
        (
            "x + S(Wx+b~)",
            [(8, 8, 2), (8, 7, 1)],
            "block 'x + S(Wx+^b~)', character 10: all layers share b, but layer 3 takes 8 values"
            " and gives 7, and is S(Wx+b) with its own: give all layers as many",
        ),
        (
            "W S(V Wx)",
            [(9, 8, 1)],
            "",
        ),
        (
            "V W S(V W x)",
            [(9, 8, 1)],
            "block 'V ^W S(V Wx)', character 3: W makes a layer give as many values as it takes,"
            " but this one takes 9 and gives 8: give it as many, or another block",
        ),
        (
            "V S(W S(Wx))",
            [(9, 8, 1)],
            "",
        ),
        (
            "W S(Wx)",
            [(8, 8, 2), (8, 7, 1)],
            "block '^W S(Wx)', character 1: W makes a layer give as many values as it takes, but"
            " this one takes 8 and gives 7: give it as many, or another block",
        ),
        (
            "S(LN(Wx+b))",
            [(9, 1, 1)],
            "block 'S(^LN(Wx+b))', character 3: LN of one value is 0 whatever it is: give a layer"
            " at least 2 values",
        ),
        ("S(RMS(Wx+b))", [(9, 1, 1)], ""),
        ("S(V LN(Wx+b))", [(9, 1, 1)], "block 'S(V ^LN(Wx+b))', character 5: LN of one value is 0"
         " whatever it is: give a layer at least 2 values"),
    ],
)  # fmt: skip
def test_sizes_at_odds_are_told_at_the_letter(
    text: str, runs: list[tuple[int, int, int]], right: str
) -> None:
    said = ""
    try:
        graph_of(formula(text), [LayerRun(*run) for run in runs])
    except UsageError as error:
        said = error.on_command_line
    assert said == right


def test_a_skip_of_two_sizes_is_refused_where_nobody_replaces_it() -> None:
    with pytest.raises(UsageError, match="a skip makes a layer give as many values as it takes"):
        sizes(block("residual"), 3, 4)


@given(st.lists(st.integers(1, 3), min_size=2, max_size=9))
def test_layers_in_a_row_that_are_alike_are_one_run(shape: list[int]) -> None:
    listed = [pair for n_in, n_out, count in layer_runs(shape) for pair in [(n_in, n_out)] * count]
    assert listed == list(pairwise(shape))
    layers, n_in, width = len(shape), shape[0], shape[1]
    uniform = [n_in] + [width] * layers
    assert list(uniform_runs(layers, n_in, width)) == list(layer_runs(uniform))


def test_a_million_layers_are_not_listed() -> None:
    tracemalloc.start()
    graph = graph_of(formula("prenorm"), uniform_runs(1_000_000, 10, 32), Hidden(4))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [(run.first, run.last) for run in graph.runs] == [(1, 1), (2, 1_000_000)]
    assert most < 2**20
