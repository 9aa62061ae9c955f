"""Who takes note of a run while it lasts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from vanish.network.chainrule import Passed
    from vanish.network.graph import Variable
    from vanish.numbers.scaled import FloatArray
    from vanish.numbers.stack import Norms, Stack
    from vanish.readings.forwardsignal import LayerRows
    from vanish.readings.sampled import SampledChain


class Taker(Protocol):
    """Who takes note of every layer on the way forward."""

    def take(self, passed: Passed) -> None:
        """Take a layer, layer 1 first."""


class Watching(Protocol):
    """Who takes note of sampled trials: each a function, or None where nobody asks."""

    @property
    def of_layer(self) -> Callable[[Passed], object] | None:
        """Is called with every layer on the way forward."""

    def of_layers(self, first: int, a: LayerRows, f: LayerRows, slopes: FloatArray) -> None:
        """Take layers from k = `first` on: a_k, f_k, and S'(a_k) of shape (L, T, B, n)."""

    def of_gradient(
        self, chain: SampledChain
    ) -> Callable[[Variable, Stack | Norms], object] | None:
        """Return what is called with every gradient."""

    @property
    def of_gradients(self) -> Callable[[str, LayerRows], object] | None:
        """Is called with the first trial's gradients by f or a of some layers, layer N first."""


def watching(*takers: Taker | None) -> Callable[[Passed], object] | None:
    """Return what is called with every layer on the way forward; None for nobody."""
    takes = [each.take for each in takers if each is not None]
    if len(takes) < 2:
        return takes[0] if takes else None

    def take(passed: Passed) -> None:
        for each in takes:
            each(passed)

    return take
