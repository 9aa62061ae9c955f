"""A file's graph: one block, once, and the stages that its table has a row for.

Such a graph need be no chain: values branch, meet and skip. A stage is one matrix and what follows
on it up to the next: so the signal can be compared from matrix to matrix all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from vanish.network.graph import Graph, Variable, X
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vanish.network.graph import Block, Node


class Stage(Record):
    """One matrix of a graph with what is computed behind it, up to the next one.

    It answers what is asked of a layer's block, with places of the whole graph.

    Attributes
    ----------
    name
        What its file calls the matrix.
    weight, bias
        The letters of W and b; no b is an empty one.
    a, f
        The places of W f + b, and of what the next stage's matrix takes; of the last one that of
        what the graph gives.
    shape
        Of W: (n_out, n_in).
    nodes
        The places that are the stage's, and the kind of what is there.
    argument_places
        The place of what each S is applied to.
    """

    name: str
    weight: str
    bias: str
    a: int
    f: int
    shape: tuple[int, int]
    nodes: tuple[tuple[int, str], ...]
    argument_places: tuple[int, ...]

    def places(self, kind: str) -> tuple[int, ...]:
        """Return the places of all operations of a kind."""
        return tuple([place for place, each in self.nodes if each == kind])


class StagedGraph(Graph):
    """One block, whose rows are stages.

    Parameters
    ----------
    block
        All operations.
    stages
        In their order.
    """

    __slots__ = ("_by_row", "_is_chain", "_stages", "whole")

    def __init__(self, block: Block, stages: tuple[Stage, ...]) -> None:
        super().__init__((block, 1))
        self.whole: Final = block
        self._stages: Final = stages
        self._by_row: Final = dict(enumerate(stages, 1))
        self._is_chain: Final = _follow_each_other(block, stages)

    def __reduce__(self) -> tuple[type[Graph], tuple[Any, ...]]:
        return StagedGraph, (self.whole, self.stages)

    def stage(self, k: int) -> Stage:
        """Return the stage that is row k of the table."""
        return self._by_row[k]

    @property
    def stages(self) -> tuple[Stage, ...]:
        """What its table has a row for."""
        return self._stages

    @property
    def is_plain(self) -> bool:
        """Whether every layer is the article's: it would be another graph."""
        return False

    @property
    def signal(self) -> str:
        """What is compared from stage to stage: ∂L/∂a, right behind each matrix."""
        return "a"

    @property
    def is_chain(self) -> bool:
        """Whether each matrix takes what is made of the one before it, and of no other."""
        return self._is_chain

    @property
    def rows(self) -> int:
        """How many stages there are."""
        return len(self.stages)

    @property
    def has_s(self) -> tuple[bool, ...]:
        """Whether there is an S in each of them."""
        return tuple([bool(stage.argument_places) for stage in self.stages])

    @property
    def has_arguments(self) -> tuple[bool, ...]:
        """Whether S is applied in each of them to what is made there, not to the input alone."""
        return tuple([any(stage.argument_places) for stage in self.stages])

    @property
    def ends(self) -> tuple[Variable, Variable]:
        """What is compared of the first and the last stage."""
        return self.at(self.stages[0].a), self.at(self.stages[-1].a)

    def at(self, place: int) -> Variable:
        """Return the value at a place as the chain rule calls it."""
        return Variable(self.whole.nodes[place - 1].name, 1) if place else X

    def node(self, place: int) -> Node:
        """Return what computes the value at a place."""
        return self.whole.nodes[place - 1]


def _follow_each_other(block: Block, stages: Sequence[Stage]) -> bool:
    """Tell whether what each stage gives is made of its own matrix, and of no other."""
    begun = {stage.a: k for k, stage in enumerate(stages)}
    # Of each place the matrices whose values it is made of, without another one between.
    made_of: list[set[int]] = [set()]
    for place, node in block.placed:
        own = {begun[place]} if place in begun else set()
        made_of.append(own or set().union(*(made_of[each] for each in node.inputs)))
    return all(made_of[stage.f] == {k} for k, stage in enumerate(stages))


def address(letter: str) -> Variable:
    """Return where the parameter of a slot is found: W of stage 3 for W3."""
    return Variable(letter[0], int(letter[1:]))
