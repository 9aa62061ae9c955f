"""What is said of a network's activations, gains and sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vanish.network import activations

if TYPE_CHECKING:
    from vanish.network.activations import Activation

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


class Gains:
    """The factors of a network's weights, as they were given.

    Parameters
    ----------
    each
        That of every layer, or one a layer, layer 1 first.
    last
        That of layer N alone, where it is another one.
    """

    def __init__(self, each: float | tuple[float, ...] = 1.0, last: float | None = None) -> None:
        self.each: Final = each
        self.last: Final = last
        self._listed = dict(enumerate(each, 1)) if isinstance(each, tuple) else {}

    def at(self, k: int, depth: int) -> float:
        """Return the factor of W_k in a network of so many layers."""
        if k == depth and self.last is not None:
            return self.last
        return self._listed[k] if isinstance(self.each, tuple) else self.each


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
