"""Who takes note of sampled trials while they run, whichever way their layers come by."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from vanish.numbers.stack import Stack
from vanish.readings.watching import watching

if TYPE_CHECKING:
    from collections.abc import Callable

    from vanish.network.chainrule import Passed
    from vanish.network.graph import Variable
    from vanish.numbers.scaled import FloatArray
    from vanish.numbers.stack import Norms
    from vanish.readings.forwardsignal import ForwardTally, LayerRows
    from vanish.readings.sampled import SampledChain
    from vanish.readings.slopesizes import SlopeTally
    from vanish.simulation.census import Census


class Watchers:
    """Takes note of slopes and, where somebody asked, of the signal and the first trial's entries.

    Parameters
    ----------
    slopes, forward, census
        Who does; None for nobody.
    """

    def __init__(
        self, slopes: SlopeTally, forward: ForwardTally | None, census: Census | None
    ) -> None:
        self._slopes, self._forward, self.census = slopes, forward, census

    @property
    def of_layer(self) -> Callable[[Passed], object] | None:
        """What is called with a layer on the way forward."""
        return watching(self._slopes, self._forward, self.census)

    def of_layers(self, first: int, a: LayerRows, f: LayerRows, slopes: FloatArray) -> None:
        """Take layers on the way forward: a_k and f_k, and S'(a_k) of shape (L, T, B, n)."""
        self._slopes.add_layers(slopes, first)
        if self._forward is not None:
            self._forward.add_layers(first, a, f)
        if self.census is not None:
            self.census.take_layers(a, f)

    def of_gradient(
        self, chain: SampledChain
    ) -> Callable[[Variable, Stack | Norms], object] | None:
        """Return what is called with a gradient on the way back."""
        return None if self.census is None else partial(_take_back, self.census, chain)

    @property
    def of_gradients(self) -> Callable[[str, LayerRows], object] | None:
        """What is called with the first trial's gradients of layers on the way back."""
        return None if self.census is None else self.census.take_back_layers


def _take_back(
    census: Census, chain: SampledChain, variable: Variable, rows: Stack | Norms
) -> None:
    """Let the first trial's ∂L/∂f_k, ∂L/∂a_k and Σ_b d_b f_bᵀ be taken note of."""
    if not isinstance(rows, Stack):
        return
    census.take_back(variable, rows)
    if variable.letter != "a" or rows.values.shape[1] == 1:
        return
    met = chain.met(variable.layer)
    powers = rows.exponents + met.exponents
    inputs = (met.frame.span(met.coefficients))[0]
    census.outer(rows.values[0], inputs, powers if isinstance(powers, int) else int(powers[0]))
