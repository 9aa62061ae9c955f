"""The shape of a network: its operations, and the sizes of all that they take and give."""

from __future__ import annotations

from abc import abstractmethod
from functools import cached_property
from itertools import pairwise, repeat
from typing import TYPE_CHECKING, Final

from vanish.network.graph import Lettered, article_graph
from vanish.network.sizes import Section, graph_of, layer_runs, sizes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vanish.network.blocks import Formula
    from vanish.network.graph import Graph, Slot, Variable
    from vanish.network.sizes import Hidden, LayerRun


class Shaped(Lettered):
    """A network without its numbers. Of a deep one nothing is listed before it is asked for.

    Parameters
    ----------
    formula
        Every layer's; None for the article's, S(Wx+b).
    hidden
        The size of what only a layer itself knows; as large as its output without.
    classifies
        Whether layer N is S(Wx+b) whatever the formula is, see `graph_of`.
    """

    def __init__(
        self, formula: Formula | None = None, hidden: Hidden | None = None, *, classifies: bool
    ) -> None:
        self.formula: Final = formula
        self.hidden: Final = hidden
        self._classifies: Final = classifies

    @property
    @abstractmethod
    def depth(self) -> int:
        """N, the number of layers."""

    @property
    @abstractmethod
    def n_in(self) -> int:
        """n_0, the size of the input."""

    @property
    @abstractmethod
    def n_out(self) -> int:
        """n_N, the size of the output."""

    @property
    @abstractmethod
    def sizes(self) -> tuple[int, ...]:
        """n_0, n_1, …, n_N."""

    @property
    def _runs(self) -> Iterator[LayerRun]:
        """The layers by their sizes, layer 1 first."""
        return layer_runs(self.sizes)

    @cached_property
    def widest(self) -> int:
        """The largest of n_0, n_1, …, n_N."""
        return max(self.n_in, *(n_out for _, n_out, _ in self._runs))

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """What each layer takes and gives, (n_in, n_out): layer 1 first."""
        return tuple(pairwise(self.sizes))

    @property
    def units(self) -> Iterator[int]:
        """How many units each layer has, on how many numbers S is applied: n_k of S(Wx+b)."""
        for section in self.sections:
            places = section.block.argument_places
            units = sum(section.sizes.places[place] for place in places)
            yield from repeat(units, section.length)

    @cached_property
    def graph(self) -> Graph:
        """The operations."""
        if self.formula is None:
            return article_graph(self.depth)
        return graph_of(self.formula, self._runs, self.hidden, classifies=self._classifies)

    @property
    def sections(self) -> Iterator[Section]:
        """The layers by their blocks and sizes, layer 1 first."""
        before = 0
        for n_in, n_out, layers in self._runs:
            for block, first, last in self.graph.within(before + 1, before + layers):
                yield Section(block, first, last, sizes(block, n_in, n_out, self.hidden))
            before += layers

    def section(self, k: int) -> Section:
        """Return the one that layer k is in."""
        return next(each for each in self.sections if each.first <= k <= each.last)

    @property
    def parameters(self) -> Iterator[tuple[Variable, int, tuple[int, ...]]]:
        """Address, first layer and shape of every parameter, layer 1 first; a tied one once."""
        tied: set[Slot] = set()
        for section in self.sections:
            shapes = section.sizes.parameters
            for k in range(section.first, section.last + 1):
                for slot, shape in shapes.items():
                    if slot not in tied:
                        yield slot.at(k), k, shape
                tied.update(slot for slot in shapes if slot.tied)

    @property
    def matrix_shapes(self) -> Iterator[tuple[int, ...]]:
        """The shape of every matrix, (n_out, n_in)."""
        return (shape for _, _, shape in self.parameters if len(shape) == 2)

    @cached_property
    def bias_inputs(self) -> Mapping[Variable, int]:
        """How many numbers the matrix beside a bias takes; of one that stands alone its size."""
        found: dict[Variable, int] = {}
        for section in self.sections:
            shapes = section.sizes.parameters
            for node in section.block.nodes:
                of_op = [shapes[slot] for slot in node.op.slots]
                for slot, shape in zip(node.op.slots, of_op, strict=True):
                    if len(shape) == 1:
                        size = max(of_op, key=len)[-1]
                        layers = range(section.first, section.last + 1)
                        for address in dict.fromkeys(map(slot.at, layers)):
                            found.setdefault(address, size)
        return found

    @property
    def weight_count(self) -> int:
        """How many weights there are."""
        count = 0
        tied: set[Slot] = set()
        for section in self.sections:
            for slot, shape in section.sizes.parameters.items():
                if len(shape) == 2 and slot not in tied:
                    count += shape[0] * shape[1] * (1 if slot.tied else section.length)
                    tied.update({slot} if slot.tied else ())
        return count

    @property
    def unit_count(self) -> int:
        """How many entries x and all values of all layers have, a row."""
        return self.n_in + sum(each.length * sum(each.sizes.places[1:]) for each in self.sections)

    def kept_count(self, rows: int) -> Iterator[int]:
        """Yield how many numbers a layer of each shape keeps, its weights drawn in law.

        Of a matrix a frame of so many rows and what it makes of that, of anything else its values.
        """
        for section in self.sections:
            shapes = [shape for shape in section.sizes.parameters.values() if len(shape) == 2]
            matrices = sum(min(rows, b) * (b + max(a, b)) for a, b in shapes)
            others = sum(
                section.sizes.places[place]
                for place, node in section.block.placed
                if node.op.kind != "affine"
            )
            yield matrices + rows * others

    @property
    def step_sizes(self) -> Mapping[int, int]:
        """The size of each layer's own input u_k, by k."""
        return {
            k: section.sizes.step
            for section in self.sections
            if section.sizes.step is not None
            for k in range(section.first, section.last + 1)
        }

    @cached_property
    def letters(self) -> tuple[str, ...]:
        """The letters of all parameters, matrices first."""
        slots = (slot for run in self.graph.runs for slot in run.block.slots)
        return tuple(sorted({slot.letter for slot in slots}))
