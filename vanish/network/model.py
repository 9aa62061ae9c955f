"""The network of a run: its shape and its parameters, drawn by initialisers or given.

Who reads a network reads a `Model`, and need not know which of the two it is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from vanish.network import activations, initializers
from vanish.network.graph import article_graph
from vanish.numbers.scaled import Magnitude

if TYPE_CHECKING:
    from vanish.network.activations import Activation
    from vanish.network.arrays import Network
    from vanish.network.graph import Graph
    from vanish.network.initializers import Initializer

    Act = str | Activation


class Acts:
    """The activations of a network, as they were named.

    Parameters
    ----------
    each
        That of every layer.
    last
        That of layer N alone, where it is another one.
    listed
        One a layer, layer 1 first, instead of both.
    """

    def __init__(
        self, each: Act, last: Act | None = None, listed: tuple[Act, ...] | None = None
    ) -> None:
        self.each: Final = each
        self.last: Final = last
        self.listed: Final = listed

    @property
    def kinds(self) -> tuple[Act, ...]:
        """Those that there are; a list as long as the network only where that was given."""
        return self.listed or (self.each, *(() if self.last is None else (self.last,)))

    def of(self, depth: int) -> tuple[Activation, ...]:
        """Return the activation of each layer of a network of that many."""
        if self.listed is not None:
            return tuple(map(activations.get, self.listed))
        each = activations.get(self.each)
        last = each if self.last is None else activations.get(self.last)
        return (*(each,) * (depth - 1), last)


class Uniform:
    """The shape of N layers of one width.

    Parameters
    ----------
    layers, inputs, width
        N, n_0 and the size of every layer.
    """

    def __init__(self, layers: int, inputs: int, width: int) -> None:
        self.layers: Final = layers
        self.inputs: Final = inputs
        self.width: Final = width

    @property
    def listed(self) -> tuple[int, ...]:
        """n_0, n_1, …, n_N."""
        return (self.inputs, *(self.width,) * self.layers)


class Model(ABC):
    """A network by one interface. Of a deep one nothing is listed before it is asked for.

    Parameters
    ----------
    acts
        Its activations, as they were named.
    gain
        What all weights are multiplied by.
    """

    def __init__(self, acts: Acts, gain: float) -> None:
        self.acts: Final = acts
        self.gain: Final = gain

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
    def graph(self) -> Graph:
        """The operations."""
        return article_graph(self.depth)

    @property
    def weight_count(self) -> int:
        """How many weights there are."""
        return sum(n_in * n_out for n_in, n_out in pairwise(self.sizes))

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

    @cached_property
    def weight_variances(self) -> tuple[Magnitude, ...]:
        """σ_w² of each layer, the gain included: n_in times the variance of W's entries."""
        gain = Magnitude.of(self.gain)
        stds = [
            Magnitude.of(each.weight_std(n_in, n_out)) * gain
            for each, (n_in, n_out) in zip(self.initializers, pairwise(self.sizes), strict=True)
        ]
        return tuple(std * std for std in stds)


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
        Gaussian entries of variance weight_std²/n_in instead.
    """

    def __init__(
        self,
        acts: Acts,
        sizes: Uniform | tuple[int, ...],
        *,
        gain: float = 1.0,
        init: str = initializers.AUTO,
        weight_std: float | None = None,
    ) -> None:
        super().__init__(acts, gain)
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
    def weight_count(self) -> int:
        """How many weights there are."""
        shape = self._shape
        if not isinstance(shape, Uniform):
            return super().weight_count
        # Not by the sizes: a list of them may not fit into memory.
        return shape.inputs * shape.width + (shape.layers - 1) * shape.width**2

    @cached_property
    def initializers(self) -> tuple[Initializer, ...]:
        """The initialiser of each layer."""
        if self._weight_std is not None:
            return (initializers.from_weight_std(self._weight_std),) * self.depth
        if self._init == initializers.AUTO:
            return tuple(initializers.get(each.init) for each in self.activations)
        return (initializers.get(self._init),) * self.depth

    @cached_property
    def initializer_kinds(self) -> tuple[Initializer, ...]:
        """The initialisers that there are."""
        if self._weight_std is not None:
            return (initializers.from_weight_std(self._weight_std),)
        if self._init == initializers.AUTO:
            conventional = (activations.get(each).init for each in self.acts.kinds)
            return tuple(map(initializers.get, conventional))
        return (initializers.get(self._init),)


class Given(Model):
    """A network whose weights are given.

    Parameters
    ----------
    acts, gain
        As for any.
    network
        The arrays.
    """

    def __init__(self, acts: Acts, network: Network, *, gain: float = 1.0) -> None:
        super().__init__(acts, gain)
        self.network: Final = network

    @property
    def depth(self) -> int:
        """N, the number of layers."""
        return len(self.network.weights)

    @property
    def n_in(self) -> int:
        """n_0, the size of the input."""
        return self.network.sizes[0]

    @property
    def n_out(self) -> int:
        """n_N, the size of the output."""
        return self.network.sizes[-1]

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """n_0, n_1, …, n_N."""
        return self.network.sizes

    @property
    def initializers(self) -> tuple[Initializer, ...]:
        """None."""
        return ()

    @property
    def initializer_kinds(self) -> tuple[Initializer, ...]:
        """None."""
        return ()
