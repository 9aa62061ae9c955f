"""A network that a file holds with its graph: operations, parameters, activations and sizes."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final

from vanish.errors import ConflictError
from vanish.network.chain import Chain
from vanish.network.described import Acts, Gains
from vanish.network.given import Given
from vanish.network.layout import OUT_IN
from vanish.network.origin import Origin
from vanish.network.sizes import Section, Sizes
from vanish.network.stages import StagedGraph, address
from vanish.network.weights import Weight

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vanish.network.activations import Activation
    from vanish.network.arrays import Rows
    from vanish.network.chain import Parameter
    from vanish.network.graph import Graph, Op, Variable
    from vanish.network.losses import Loss
    from vanish.network.model import Model
    from vanish.numbers.scaled import FloatArray


class FileNetwork:
    """A network that a file holds with its graph.

    Parameters
    ----------
    name
        What messages and results call it: a file's path.
    graph
        Its operations: the article's chain, or one block with its stages.
    arrays
        Every parameter by its address: W_k of shape (n_out, n_in), and vectors.
    activations
        S of each row of the table; the identity where a stage has none.
    names
        What the file calls the matrix of each row.
    places
        How many values a row of the batch has at each place of the block, its input first; of
        the article's chain n_0, n_1, …, n_N.
    called
        What the file calls the vectors that are neither W nor b, by their addresses.

    Attributes
    ----------
    origin
        The names of the matrices, as those of any file.
    closing
        The activation or operation that ends it: a loss that contains that one acts before it.
        Empty for any other end.
    """

    # A file's graph says all this itself.
    x: ClassVar[None] = None
    readout: ClassVar[None] = None
    steps: ClassVar[None] = None
    block: ClassVar[None] = None
    layout: ClassVar[str] = OUT_IN
    assumed: ClassVar[bool] = False
    knows_depth: ClassVar[bool] = True
    said_depth: ClassVar[None] = None

    def __init__(
        self,
        name: str,
        graph: Graph,
        arrays: Mapping[Variable, FloatArray],
        activations: tuple[Activation, ...],
        names: tuple[str, ...],
        places: tuple[int, ...],
        called: Mapping[Variable, str] | None = None,
    ) -> None:
        self.name: Final = name
        self.graph: Final = graph
        self.arrays: Final = arrays
        self.activations: Final = activations
        self.origin: Final = Origin(weights=names)
        self.places: Final = places
        self.called: Final = called or {}
        self.closing = ""
        self._whole, self._opened = self, self

    def ending(self, closing: str, opened: FileNetwork) -> FileNetwork:
        """Say what ends it, and what it is without: returns itself."""
        self.closing = opened.closing = closing
        self._opened, opened._whole, opened._opened = opened, self, opened
        return self

    def before(self, loss: Loss) -> FileNetwork:
        """Return the network as a loss takes it: without an end that the loss contains.

        Raises
        ------
        ConflictError
            If the loss contains an end that this one has not.
        """
        ends = loss.contains
        if not ends:
            return self.whole
        if self.closing not in ends:
            its = (
                f"its graph ends in {self.closing}" if self.closing else "its graph has none of all"
            )
            raise ConflictError(
                f"loss {loss.name} beside {self.name}: it acts before a final"
                f" {' or '.join(ends)}, and {its}: give --loss readout, or --until the node of one",
                *("loss", "weights"),
            )
        return self.opened

    @property
    def whole(self) -> FileNetwork:
        """The network with what ends it."""
        return self._whole

    @property
    def opened(self) -> FileNetwork:
        """The network without it."""
        return self._opened

    @property
    def is_plain(self) -> bool:
        """Whether it is the article's chain."""
        return self.graph.is_plain

    @property
    def depth(self) -> int:
        """N, the number of its matrices' uses: of the rows of its table."""
        return self.graph.rows

    @property
    def sizes(self) -> tuple[int, ...]:
        """n_0, and how many values f_1, …, f_N have."""
        if isinstance(self.graph, StagedGraph):
            return (self.places[0], *(self.places[stage.f] for stage in self.graph.stages))
        return self.places

    @property
    def label(self) -> str:
        """What people are shown: the name."""
        return self.name

    def of_depth(self, _: int | None) -> FileNetwork:
        """Return itself: its graph says how many layers there are."""
        return self

    def settled(self, *_: Rows | None) -> FileNetwork:
        """Return itself: its graph says how it is read."""
        return self

    def model(self, gains: Gains) -> Model:
        """Return the network of a run."""
        if isinstance(self.graph, StagedGraph):
            return StagedModel(self, gains)
        return Given(Acts("identity", None, self.activations), self, gains=gains)


class StagedModel(Given):
    """The network of a run whose graph is one block, a row a stage.

    Parameters
    ----------
    network
        What the file holds.
    gains
        As for any.
    """

    def __init__(self, network: FileNetwork, gains: Gains) -> None:
        super().__init__(Acts("identity", None, network.activations), network, gains=gains)
        assert isinstance(network.graph, StagedGraph)
        self.file: Final = network
        self.staged: Final = network.graph

    @cached_property
    def graph(self) -> Graph:
        """The operations."""
        return self.staged

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """What each matrix takes and gives."""
        return tuple([stage.shape[::-1] for stage in self.staged.stages])

    @property
    def units(self) -> Iterator[int]:
        """On how many numbers of a row the S of each stage are applied together."""
        places = self.file.places
        return (sum(places[p] for p in each.argument_places) for each in self.staged.stages)

    @property
    def sections(self) -> Iterator[Section]:
        """The whole block, once."""
        shapes = {
            slot: self.file.arrays[address(slot.letter)].shape for slot in self.staged.whole.slots
        }
        yield Section(self.staged.whole, 1, 1, Sizes(shapes, None, list(self.file.places)))

    @property
    def parameters(self) -> Iterator[tuple[Variable, int, tuple[int, ...]]]:
        """Address, number and shape of every parameter."""
        for variable, array in self.file.arrays.items():
            yield variable, max(1, variable.layer), array.shape

    @property
    def matrix_shapes(self) -> Iterator[tuple[int, ...]]:
        """The shape of every matrix, (n_out, n_in)."""
        return (shape for variable, _, shape in self.parameters if variable.letter == "W")

    @cached_property
    def letters(self) -> tuple[str, ...]:
        """W, and b where any stage has one."""
        return ("W", "b") if any(stage.bias for stage in self.staged.stages) else ("W",)

    def chain(
        self, parameters: Mapping[Variable, Parameter], steps: Mapping[int, FloatArray]
    ) -> StagedChain:
        """Return the network with its parameters, by their addresses."""
        return StagedChain(self.graph, parameters, self.activations, steps)


class StagedChain(Chain):
    """A file's graph with its parameters at hand."""

    def of(self, op: Op, _: int) -> list[Any]:
        """Return the parameters of an operation."""
        return [self.parameters[address(slot.letter)] for slot in op.slots]

    def matrices(self, k: int) -> list[Weight]:
        """Return the matrix of stage k, alone."""
        assert isinstance(self.graph, StagedGraph)
        weight = self.parameters[address(self.graph.stage(k).weight)]
        assert isinstance(weight, Weight)
        return [weight]
