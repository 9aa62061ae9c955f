"""What a network is: blocks of operations, one after the other.

A block is a small graph: nodes, each after those whose values it takes. A network is a few
runs of equal blocks, one a layer, each taking what the one before it gives. Nothing here
says what an operation computes: that is for its meanings in `vanish.ops` to say, one a
reading.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vanish.network.stages import Stage


class Variable(Record):
    """Something to differentiate by: W_k, b_k, a_k, f_k or, with layer 0, the input x.

    A parameter that all layers share has its own part of each layer k, and with layer 0 the
    sum of them all.
    """

    letter: str
    layer: int

    def __str__(self) -> str:
        return f"{self.letter}{self.layer}" if self.layer else self.letter


X = Variable("x", 0)


class Slot(Record):
    """A parameter. Operations that hold the same one are tied: its gradient is a sum over its uses.

    Attributes
    ----------
    letter
        What it is called: W, b or another letter; in a file's graph with a number, as W3.
    tied
        Whether it is one and the same in every layer.
    """

    letter: str
    tied: bool = False

    def at(self, k: int) -> Variable:
        """Return what layer k finds in it."""
        return Variable(self.letter, 0 if self.tied else k)


class Lettered(ABC):
    """What has parameters, called by letters: matrices by capitals, biases by small ones."""

    __slots__ = ()

    @property
    @abstractmethod
    def letters(self) -> tuple[str, ...]:
        """The letters of its parameters, each once."""

    @property
    def matrices(self) -> tuple[str, ...]:
        """The letters of its matrices."""
        return tuple(letter for letter in self.letters if letter.isupper())

    @property
    def biases(self) -> tuple[str, ...]:
        """The letters of its biases."""
        return tuple(letter for letter in self.letters if letter.islower())


class Constant(Record):
    """A number that a formula holds.

    Attributes
    ----------
    value
        Itself.
    text
        How the formula has it: 0.5, 1/sqrt(layers).
    """

    value: float
    text: str


class Op(Record):
    """What a node computes.

    Attributes
    ----------
    kind
        The module of `vanish.ops` that holds its meanings.
    slots
        Its parameters.
    constant
        The number that it multiplies by, if it does.
    own
        What it alone knows, where its kind says so: of an operation of a file's graph its S, its
        axes or its ε.
    """

    kind: str
    slots: tuple[Slot, ...] = ()
    constant: Constant | None = None
    own: Any = None


class Node(Record):
    """A place in a block.

    Attributes
    ----------
    op
        What it computes.
    inputs
        The places of the values that it takes; 0 is what the block is given, 1 the first node.
        Of a layer's own input, which comes from outside, none.
    name
        The letter by which its value is called: a the argument of S, f what the block gives;
        empty for none.
    """

    op: Op
    inputs: tuple[int, ...]
    name: str = ""


# The operations that divide by a size.
NORMS = ("layernorm", "rmsnorm", "batchnorm", "normalise")


class Block:
    """The graph of one layer.

    Parameters
    ----------
    nodes
        Each after those whose values it takes. The last one's value is what the block gives,
        f_k.

    Raises
    ------
    ValueError
        If a node takes a value that is not there yet, or one's value is taken by nobody, or
        two have the same name.
    """

    __slots__ = ("_named", "_of_kind", "nodes")

    def __init__(self, *nodes: Node) -> None:
        taken = {place for node in nodes for place in node.inputs}
        for place, node in enumerate(nodes, 1):
            if not all(0 <= each < place for each in node.inputs):
                raise ValueError(f"node {place} takes {node.inputs}: give places before it")
            if place not in taken and place < len(nodes):
                raise ValueError(f"node {place} is taken by no other: leave it out")
        if 0 not in taken:
            raise ValueError("no node takes what the block is given: give one the place 0")
        if nodes[-1].name != "f":
            raise ValueError(f"the last node is called {nodes[-1].name!r}: call it f")
        names = [node.name for node in nodes if node.name]
        if len(set(names)) < len(names):
            raise ValueError(f"the names {', '.join(names)}: give every node another one")
        self.nodes: Final = nodes
        self._of_kind = {
            kind: tuple(place for place, node in enumerate(nodes, 1) if node.op.kind == kind)
            for kind in {node.op.kind for node in nodes}
        }
        self._named = {node.name: place for place, node in enumerate(nodes, 1) if node.name}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Block) and self.nodes == other.nodes

    def __hash__(self) -> int:
        return hash(self.nodes)

    def __reduce__(self) -> tuple[type[Block], tuple[Node, ...]]:
        return Block, self.nodes

    def place(self, name: str) -> int:
        """Return the place of the value that is called a, or f."""
        return self._named[name]

    @property
    def placed(self) -> Iterator[tuple[int, Node]]:
        """Every node with its place."""
        return enumerate(self.nodes, 1)

    def places(self, kind: str) -> tuple[int, ...]:
        """Return the places of all operations of a kind."""
        return self._of_kind.get(kind, ())

    @property
    def has_norm(self) -> bool:
        """Whether a norm is in it, so that something does not depend on the size of what it was."""
        return any(self.places(kind) for kind in NORMS)

    @property
    def argument_places(self) -> tuple[int, ...]:
        """The place of what each S is applied to; 0 for what the block is given."""
        return tuple([self.nodes[place - 1].inputs[0] for place in self.places("activate")])

    @property
    def slots(self) -> tuple[Slot, ...]:
        """Its parameters, each once, in the order in which they are met."""
        return tuple(dict.fromkeys(slot for node in self.nodes for slot in node.op.slots))

    @property
    def has_sum(self) -> bool:
        """Whether paths from what it is given meet: a skip, or several branches."""
        reached = {0}
        met = False
        for place, node in self.placed:
            taken = [each for each in node.inputs if each in reached]
            if taken:
                reached.add(place)
            met |= len(taken) > 1
        return met

    @property
    def arguments(self) -> tuple[str, ...]:
        """The names of what S is applied to, but for what the block is given: x and u."""
        made = (self.nodes[place - 1] for place in self.argument_places if place)
        return tuple(dict.fromkeys(node.name for node in made if node.op.kind != "step"))


# The article's layer, f_k = S(W_k f_{k-1} + b_k).
LAYER = Block(
    Node(Op("affine", (Slot("W"), Slot("b"))), (0,), "a"),
    Node(Op("activate"), (1,), "f"),
)


class Run(Record):
    """Layers first to last, whose blocks are equal."""

    block: Block
    first: int
    last: int


class Graph:
    """The blocks of all layers.

    Parameters
    ----------
    repeated
        Each block with how often it is repeated, at the input first.

    Raises
    ------
    ValueError
        If there is none, or one is not repeated at least once.
    """

    __slots__ = ("depth", "runs")

    def __init__(self, *repeated: tuple[Block, int]) -> None:
        if not repeated or any(times < 1 for _, times in repeated):
            raise ValueError("a graph has at least one block, and each at least once")
        runs: list[Run] = []
        last = 0
        for block, times in repeated:
            runs.append(Run(block, last + 1, last + times))
            last += times
        self.runs: Final = tuple(runs)
        # N, the number of layers.
        self.depth: Final = last

    def __reduce__(self) -> tuple[type[Graph], tuple[Any, ...]]:
        return Graph, tuple((run.block, run.last - run.first + 1) for run in self.runs)

    @property
    def is_plain(self) -> bool:
        """Whether every layer is the article's."""
        return all(run.block == LAYER for run in self.runs)

    @property
    def has_sum(self) -> bool:
        """Whether paths from what a layer is given meet in it: a skip, or several branches."""
        return any(run.block.has_sum for run in self.runs)

    @property
    def shared_matrices(self) -> tuple[str, ...]:
        """The letters of the matrices that all layers share."""
        slots = (slot for run in self.runs for slot in run.block.slots)
        return tuple(slot.letter for slot in slots if slot.tied and slot.letter.isupper())

    @property
    def signal(self) -> str:
        """What is compared from layer to layer: ∂L/∂a in the article's chain, else ∂L/∂f.

        With a skip ∂L/∂a is only what one branch gets.
        """
        return "a" if self.is_plain else "f"

    @property
    def stages(self) -> tuple[Stage, ...]:
        """What its table has a row for where that is no layer: none, see `StagedGraph`."""
        return ()

    @property
    def is_chain(self) -> bool:
        """Whether each row takes what the one before it gives, so that steps have a meaning."""
        return True

    @property
    def rows(self) -> int:
        """How many rows its table has: one a layer."""
        return self.depth

    @property
    def has_s(self) -> tuple[bool, ...]:
        """Whether there is an S in each of them."""
        return self._in_each(lambda block: bool(block.places("activate")))

    @property
    def has_arguments(self) -> tuple[bool, ...]:
        """Whether S is applied in each of them to what is made there, not to the input alone."""
        return self._in_each(lambda block: bool(block.arguments))

    def _in_each(self, holds: Callable[[Block], bool]) -> tuple[bool, ...]:
        """Return whether something holds of the block of each layer."""
        of_runs = ([holds(block)] * (last - first + 1) for block, first, last in self.runs)
        return tuple(chain.from_iterable(of_runs))

    @property
    def ends(self) -> tuple[Variable, Variable]:
        """What is compared of the first and the last of them, see `signal`."""
        return Variable(self.signal, 1), Variable(self.signal, self.depth)

    @property
    def arguments(self) -> tuple[str, ...]:
        """The names of what S is applied to, in any block."""
        return tuple(dict.fromkeys(name for run in self.runs for name in run.block.arguments))

    def block(self, k: int) -> Block:
        """Return the block of layer k."""
        return next(run.block for run in self.runs if run.first <= k <= run.last)

    def within(self, first: int, last: int) -> Iterator[Run]:
        """Yield the runs of layers first to last, cut to them."""
        for run in self.runs:
            if run.first <= last and run.last >= first:
                yield Run(run.block, max(first, run.first), min(last, run.last))


def article_graph(layers: int) -> Graph:
    """Return the article's chain of so many layers."""
    return Graph((LAYER, layers))
