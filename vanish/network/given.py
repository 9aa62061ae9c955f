"""The network of a run whose parameters are given."""

from __future__ import annotations

from functools import cached_property
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from vanish.network.described import Gains
from vanish.network.graph import Graph, article_graph
from vanish.network.initializers import LSUV
from vanish.network.model import Model
from vanish.network.sizes import LayerRun, layer_runs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vanish.network.arrays import Network
    from vanish.network.blockarrays import BlockNetwork
    from vanish.network.blocks import Formula
    from vanish.network.described import Acts
    from vanish.network.filegraph import FileNetwork
    from vanish.network.initializers import Initializer
    from vanish.network.sizes import Section


class Given(Model):
    """A network whose weights are given.

    Parameters
    ----------
    acts, gains, formula
        As for any.
    network
        The arrays.
    by_data
        Whether they are scaled by what they make of the data.

    Raises
    ------
    UsageError
        If the arrays are not those of the formula's block, or do not fit each other.
    """

    def __init__(
        self,
        acts: Acts,
        network: Network | BlockNetwork | FileNetwork,
        *,
        gains: Gains | None = None,
        formula: Formula | None = None,
        by_data: bool = False,
    ) -> None:
        super().__init__(acts, gains or Gains(), formula)
        self._by_data: Final = by_data
        self.network: Final = network

    @property
    def depth(self) -> int:
        """N, the number of layers."""
        return self.network.depth

    @property
    def n_in(self) -> int:
        """n_0, the size of the input."""
        return self.network.sizes[0] if self._laid is None else self._laid[0].sizes.places[0]

    @property
    def n_out(self) -> int:
        """n_N, the size of the output."""
        return self.network.sizes[-1] if self._laid is None else self._laid[-1].sizes.places[-1]

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """n_0, n_1, …, n_N."""
        if self._laid is None:
            return self.network.sizes
        return (self.n_in, *(n_out for _, n_out, layers in self._runs for _ in range(layers)))

    @cached_property
    def graph(self) -> Graph:
        """The operations."""
        if self._laid is None:
            return article_graph(self.depth)
        alike = groupby(self._laid, key=attrgetter("block"))
        return Graph(*((block, sum(e.last - e.first + 1 for e in each)) for block, each in alike))

    @property
    def sections(self) -> Iterator[Section]:
        """The layers by their blocks and sizes, layer 1 first."""
        return super().sections if self._laid is None else iter(self._laid)

    @property
    def _runs(self) -> Iterator[LayerRun]:
        """The layers by their shapes, layer 1 first."""
        if self._laid is None:
            return layer_runs(self.sizes)
        shapes = ((each.sizes.places, each.last - each.first + 1) for each in self._laid)
        return (LayerRun(places[0], places[-1], layers) for places, layers in shapes)

    @cached_property
    def _laid(self) -> tuple[Section, ...] | None:
        """The layers of a network of blocks, whose sizes its arrays say with its formula."""
        if self.formula is None and self.network.sizes:
            return None
        from vanish.network.blockfit import laid_out  # noqa: PLC0415 - start-up
        from vanish.network.blocks import formula  # noqa: PLC0415 - start-up

        return laid_out(self.network, self.formula or formula("plain"), self.depth)

    @property
    def initializers(self) -> tuple[Initializer, ...]:
        """None."""
        return ()

    @property
    def initializer_kinds(self) -> tuple[Initializer, ...]:
        """None."""
        return ()

    @property
    def is_scaled_by_data(self) -> bool:
        """Whether the matrices are scaled by what they make of the data."""
        return self._by_data

    @property
    def init_name(self) -> str:
        """Always the same, but of weights that are scaled."""
        return LSUV if self._by_data else "weights"

    @property
    def drawn_biases(self) -> None:
        """None: they are given."""
        return None

    def initializer(self, letter: str, k: int) -> Initializer:
        """Nothing is drawn.

        Raises
        ------
        LookupError
            Always.
        """
        raise LookupError(f"{letter}{k} is given")
