"""The network of a run: its shape and its parameters, drawn by initialisers or given.

Who reads a network reads a `Model`, and need not know whether it is `Drawn` or `Given`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Final

from vanish.network import activations, initializers
from vanish.network.chain import Chain
from vanish.network.described import Gains, Uniform
from vanish.network.shaped import Shaped
from vanish.network.sizes import layer_runs, uniform_runs
from vanish.numbers.scaled import Magnitude

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vanish.network.activations import Activation
    from vanish.network.biases import Biases
    from vanish.network.blocks import Formula
    from vanish.network.chain import Parameter
    from vanish.network.described import Acts
    from vanish.network.graph import Variable
    from vanish.network.initializers import Initializer
    from vanish.network.sizes import Hidden, LayerRun
    from vanish.numbers.scaled import FloatArray


class Model(Shaped):
    """A network by one interface.

    Parameters
    ----------
    acts
        Its activations, as they were named.
    gains
        What the weights of each layer are multiplied by.
    formula, hidden, classifies
        As for its shape.
    """

    def __init__(
        self,
        acts: Acts,
        gains: Gains,
        formula: Formula | None = None,
        hidden: Hidden | None = None,
        *,
        classifies: bool = False,
    ) -> None:
        super().__init__(formula, hidden, classifies=classifies)
        self.acts: Final = acts
        self.gains: Final = gains

    @property
    @abstractmethod
    def initializers(self) -> tuple[Initializer, ...]:
        """The initialiser of each layer; empty for given weights."""

    @property
    @abstractmethod
    def initializer_kinds(self) -> tuple[Initializer, ...]:
        """The initialisers that there are; none for given weights."""

    @property
    def is_scaled_by_data(self) -> bool:
        """Whether the matrices are scaled by what they make of the data."""
        return any(each.by_data for each in self.initializer_kinds)

    @property
    def is_gaussian_chain(self) -> bool:
        """Whether it is the article's, and its matrices have independent normal entries."""
        kinds = self.initializer_kinds
        gaussian = (each.law is initializers.Law.NORMAL and not each.by_data for each in kinds)
        return bool(kinds) and all(gaussian) and self.graph.is_plain

    @property
    @abstractmethod
    def drawn_biases(self) -> Biases | None:
        """How biases are drawn; None for zeros, and for given ones."""

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

    @property
    def variances(self) -> Mapping[Variable, Magnitude]:
        """σ² of each matrix, the gain included: n_in times the mean square of its entries."""
        columns = self.variance_columns
        found = (
            (address, columns[address.letter][address.layer])
            for address, _, shape in self.parameters
            if len(shape) == 2
        )
        return {address: variance for address, variance in found if variance is not None}

    @property
    def variance_columns(self) -> dict[str, list[Magnitude | None]]:
        """The same by letter, that of layer k at place k, of one that all layers share at 0."""
        columns: dict[str, list[Magnitude | None]] = {}
        for section in self.sections:
            matrices = {s: n for s, n in section.sizes.parameters.items() if len(n) == 2}
            for slot, shape in matrices.items():
                column = columns.setdefault(slot.letter, [])
                if slot.tied:
                    column += self._variances(slot.letter, section.first, 1, shape)[len(column) :]
                    continue
                column += [None] * (section.first - len(column))
                column += self._variances(slot.letter, section.first, section.length, shape)
        return columns

    def _variances(
        self, letter: str, first: int, layers: int, shape: tuple[int, ...]
    ) -> list[Magnitude | None]:
        """Return those of a matrix of some layers; one for all layers that are alike."""
        n_out, n_in = shape
        found: list[Magnitude | None] = []
        last: tuple[Initializer, Magnitude] | None = None
        for k in range(first, first + layers):
            initializer, gain = self.initializer(letter, k), self.gain(k)
            if last is None or last[0] is not initializer or last[1] is not gain:
                last = initializer, gain
                std = Magnitude.of(initializer.weight_std(n_in, n_out)) * gain
                variance = std * std
            found.append(variance)
        return found

    def chain(
        self, parameters: Mapping[Variable, Parameter], steps: Mapping[int, FloatArray]
    ) -> Chain:
        """Return the network with its parameters, by their addresses, and its layers' inputs."""
        return Chain(self.graph, parameters, self.activations, steps)

    def gain(self, k: int) -> Magnitude:
        """Return what multiplies the weights of layer k."""
        gains = self.gains
        if gains.last is None and not isinstance(gains.each, tuple):
            return self._one_gain
        return Magnitude.of(gains.at(k, self.depth))

    @cached_property
    def _one_gain(self) -> Magnitude:
        """What multiplies the weights of every layer, where that is one number."""
        return Magnitude.of(self.gains.at(1, self.depth))


class Drawn(Model):
    """A network whose weights are drawn.

    Parameters
    ----------
    acts, gains
        As for any.
    sizes
        N, n_0 and the size of every layer; or all sizes, input first.
    init
        The initialiser's name; ``auto`` takes each activation's conventional one.
    weight_std
        Gaussian entries of variance weight_std²/n_in instead: one number for all matrices, or
        some by their letters.
    bias
        How biases are drawn; None for as the initialiser does it, zeros unless it says so.
    formula, hidden, classifies
        As for any.
    """

    def __init__(
        self,
        acts: Acts,
        sizes: Uniform | tuple[int, ...],
        *,
        gains: Gains | None = None,
        init: str = initializers.AUTO,
        weight_std: float | Mapping[str, float] | None = None,
        bias: Initializer | None = None,
        formula: Formula | None = None,
        hidden: Hidden | None = None,
        classifies: bool = False,
    ) -> None:
        super().__init__(acts, gains or Gains(), formula, hidden, classifies=classifies)
        self._shape: Final = sizes
        self._init: Final = init
        self._weight_std: Final = weight_std
        self._bias: Final = bias

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
            conventional = (initializers.get(each.init) for each in self.activations)
            return tuple(each.at(k) for k, each in enumerate(conventional, 1))
        each = initializers.get(self._init)
        return (each.at(1), *(each,) * (self.depth - 1))

    @cached_property
    def initializer_kinds(self) -> tuple[Initializer, ...]:
        """The initialisers that there are."""
        if isinstance(self._weight_std, float):
            return (initializers.from_weight_std(self._weight_std),)
        if self._init == initializers.AUTO:
            conventional = (activations.get(each).init for each in self.acts.kinds)
            return tuple(map(initializers.get, conventional))
        return (initializers.get(self._init),)

    @cached_property
    def drawn_biases(self) -> Biases | None:
        """How biases are drawn; None for zeros."""
        law = self._bias
        if law is None and self._init != initializers.AUTO:
            law = initializers.get(self._init).bias
        if law is None or not self.biases or not law.weight_std(1, 1):
            return None
        from vanish.network.biases import Biases  # noqa: PLC0415 - start-up

        return Biases(law, None if law.has_fixed_scale else self.bias_inputs)
