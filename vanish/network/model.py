"""The network of a run: its shape and its parameters, drawn by initialisers or given.

Who reads a network reads a `Model`, and need not know whether it is `Drawn` or `Given`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Final

from vanish.network import activations, initializers
from vanish.network.described import Uniform
from vanish.network.graph import Variable, article_graph
from vanish.network.sizes import Laid, graph_of, layer_runs, sizes, uniform_runs
from vanish.numbers.scaled import Magnitude

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vanish.network.activations import Activation
    from vanish.network.blocks import Formula
    from vanish.network.described import Acts
    from vanish.network.graph import Graph, Slot
    from vanish.network.initializers import Initializer
    from vanish.network.sizes import Hidden, LayerRun


class Model(ABC):
    """A network by one interface. Of a deep one nothing is listed before it is asked for.

    Parameters
    ----------
    acts
        Its activations, as they were named.
    gain
        What all weights are multiplied by.
    formula
        Every layer's; None for the article's, S(Wx+b).
    hidden
        The size of what only a layer itself knows; as large as its output without.
    classifies
        Whether layer N is S(Wx+b) whatever the formula is, see `graph_of`.
    """

    def __init__(
        self,
        acts: Acts,
        gain: float,
        formula: Formula | None = None,
        hidden: Hidden | None = None,
        *,
        classifies: bool = False,
    ) -> None:
        self.acts: Final = acts
        self.gain: Final = gain
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
    @abstractmethod
    def initializers(self) -> tuple[Initializer, ...]:
        """The initialiser of each layer; empty for given weights."""

    @property
    @abstractmethod
    def initializer_kinds(self) -> tuple[Initializer, ...]:
        """The initialisers that there are; none for given weights."""

    @property
    def _runs(self) -> Iterator[LayerRun]:
        """The layers by their shapes, layer 1 first."""
        return layer_runs(self.sizes)

    @cached_property
    def graph(self) -> Graph:
        """The operations."""
        if self.formula is None:
            return article_graph(self.depth)
        return graph_of(self.formula, self._runs, self.hidden, classifies=self._classifies)

    @property
    def layouts(self) -> Iterator[Laid]:
        """The layers by their blocks and sizes, layer 1 first."""
        first = 1
        for n_in, n_out, layers in self._runs:
            for block, start, stop in self.graph.within(first, first + layers - 1):
                yield Laid(block, start, stop, sizes(block, n_in, n_out, self.hidden))
            first += layers

    @property
    def parameters(self) -> Iterator[tuple[Variable, int, tuple[int, ...]]]:
        """Address, first layer and shape of every parameter, layer 1 first; a tied one once."""
        tied: set[Slot] = set()
        for _, first, last, found in self.layouts:
            for k in range(first, last + 1):
                for slot, shape in found.parameters.items():
                    if slot not in tied:
                        yield slot.at(k), k, shape
                    tied |= {slot} if slot.tied else set()

    @property
    def matrix_shapes(self) -> Iterator[tuple[int, ...]]:
        """The shape of every matrix, (n_out, n_in)."""
        return (shape for _, _, shape in self.parameters if len(shape) == 2)

    @property
    def weight_count(self) -> int:
        """How many weights there are."""
        counts: dict[object, int] = {}
        for _, first, last, found in self.layouts:
            for slot, shape in found.parameters.items():
                times, key = (1, slot) if slot.tied else (last - first + 1, (first, slot))
                counts[key] = times * math.prod(shape) if len(shape) == 2 else 0
        return sum(counts.values())

    @property
    def unit_count(self) -> int:
        """How many entries x and all values of all layers have, a row."""
        return self.n_in + sum(
            (last - first + 1) * sum(found.places[1:]) for _, first, last, found in self.layouts
        )

    def kept_count(self, rows: int) -> Iterator[int]:
        """Yield how many numbers a layer of each shape keeps, its weights drawn in law.

        Of a matrix a frame of so many rows and what it makes of that, of anything else its values.
        """
        for block, _, _, found in self.layouts:
            shapes = [shape for shape in found.parameters.values() if len(shape) == 2]
            matrices = sum(min(rows, b) * (b + max(a, b)) for a, b in shapes)
            others = (found.places[p] for p, node in block.placed if node.op.kind != "affine")
            yield matrices + rows * sum(others)

    @property
    def step_sizes(self) -> Mapping[int, int]:
        """The size of each layer's own input u_k, by k."""
        return {
            k: found.step
            for _, first, last, found in self.layouts
            if found.step is not None
            for k in range(first, last + 1)
        }

    @cached_property
    def letters(self) -> tuple[str, ...]:
        """The letters of all parameters, matrices first."""
        runs = self.graph.runs
        return tuple(sorted({slot.letter for run in runs for slot in run.block.slots}))

    @property
    def matrices(self) -> tuple[str, ...]:
        """The letters of the matrices."""
        return tuple(letter for letter in self.letters if letter.isupper())

    @property
    def biases(self) -> tuple[str, ...]:
        """The letters of the biases."""
        return tuple(letter for letter in self.letters if letter.islower())

    @cached_property
    def activations(self) -> tuple[Activation, ...]:
        """The activation of each layer."""
        return self.acts.of(self.depth)

    @cached_property
    def act_name(self) -> str:
        """The activation's name, ``mixed`` where the layers differ."""
        kinds = {activation.name for activation in self.activations}
        return kinds.pop() if len(kinds) == 1 else "mixed"

    @property
    def act_label(self) -> str:
        """What people are shown: the name, of layer N too where it is set apart."""
        if self.acts.last is None or self.act_name != "mixed":
            return self.act_name
        return f"{self.activations[0].name} (last {self.activations[-1].name})"

    @cached_property
    def init_name(self) -> str:
        """The initialiser's name, ``mixed`` where the layers differ, else ``weights``."""
        kinds = {initializer.name for initializer in self.initializers}
        return "weights" if not kinds else kinds.pop() if len(kinds) == 1 else "mixed"

    @abstractmethod
    def initializer(self, letter: str, k: int) -> Initializer:
        """Return how a matrix of layer k is drawn; of given weights nobody asks."""

    @cached_property
    def weight_variances(self) -> tuple[Magnitude, ...]:
        """σ_w² of each W_k, see `variances`; of a network whose layers all have one."""
        return tuple(
            variance for address, variance in self.variances.items() if address.letter == "W"
        )

    @cached_property
    def variances(self) -> Mapping[Variable, Magnitude]:
        """σ² of each matrix, the gain included: n_in times the variance of its entries."""
        gain = Magnitude.of(self.gain)
        found = {}
        for address, k, shape in self.parameters:
            if len(shape) == 2:
                n_out, n_in = shape
                std = Magnitude.of(self.initializer(address.letter, k).weight_std(n_in, n_out))
                found[address] = std * gain * (std * gain)
        return found


class Drawn(Model):
    """A network whose weights are drawn.

    Parameters
    ----------
    acts, gain
        As for any.
    sizes
        N, n_0 and the size of every layer; or all sizes, input first.
    init
        The initialiser's name; ``auto`` takes each activation's conventional one.
    weight_std
        Gaussian entries of variance weight_std²/n_in instead: one number for all matrices, or
        some by their letters.
    formula, hidden, classifies
        As for any.
    """

    def __init__(
        self,
        acts: Acts,
        sizes: Uniform | tuple[int, ...],
        *,
        gain: float = 1.0,
        init: str = initializers.AUTO,
        weight_std: float | Mapping[str, float] | None = None,
        formula: Formula | None = None,
        hidden: Hidden | None = None,
        classifies: bool = False,
    ) -> None:
        super().__init__(acts, gain, formula, hidden, classifies=classifies)
        self._shape: Final = sizes
        self._init: Final = init
        self._weight_std: Final = weight_std

    @property
    def depth(self) -> int:
        """N, the number of layers."""
        shape = self._shape
        return shape.layers if isinstance(shape, Uniform) else len(shape) - 1

    @property
    def n_in(self) -> int:
        """n_0, the size of the input."""
        return self._shape.inputs if isinstance(self._shape, Uniform) else self._shape[0]

    @property
    def n_out(self) -> int:
        """n_N, the size of the output."""
        return self._shape.width if isinstance(self._shape, Uniform) else self._shape[-1]

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """n_0, n_1, …, n_N."""
        return self._shape.listed if isinstance(self._shape, Uniform) else self._shape

    @property
    def _runs(self) -> Iterator[LayerRun]:
        """The layers by their shapes, layer 1 first."""
        # Not by the sizes: a list of them may not fit into memory.
        shape = self._shape
        if not isinstance(shape, Uniform):
            return layer_runs(shape)
        return uniform_runs(shape.layers, shape.inputs, shape.width)

    def initializer(self, letter: str, k: int) -> Initializer:
        """Return how a matrix of layer k is drawn."""
        stds = self._weight_std
        if isinstance(stds, Mapping) and letter in stds:
            return initializers.from_weight_std(stds[letter])
        return self.initializers[k - 1]

    @cached_property
    def initializers(self) -> tuple[Initializer, ...]:
        """The initialiser of each layer, of the matrices whose letters are not set apart."""
        if isinstance(self._weight_std, float):
            return (initializers.from_weight_std(self._weight_std),) * self.depth
        if self._init == initializers.AUTO:
            return tuple(initializers.get(each.init) for each in self.activations)
        return (initializers.get(self._init),) * self.depth

    @cached_property
    def initializer_kinds(self) -> tuple[Initializer, ...]:
        """The initialisers that there are."""
        if isinstance(self._weight_std, float):
            return (initializers.from_weight_std(self._weight_std),)
        if self._init == initializers.AUTO:
            conventional = (activations.get(each).init for each in self.acts.kinds)
            return tuple(map(initializers.get, conventional))
        return (initializers.get(self._init),)
