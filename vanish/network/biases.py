"""How the biases of a network are drawn: one law for all, from a stream for each."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Final

from vanish.network.streams import Role, role_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vanish.network.graph import Variable
    from vanish.network.initializers import Initializer
    from vanish.network.streams import Streams, Trials
    from vanish.numbers.scaled import FloatArray


class Biases:
    """Random biases.

    Parameters
    ----------
    law
        How they are drawn.
    n_in
        By address how many numbers the matrix beside a bias takes; of a law that does not
        depend on it nothing.
    """

    def __init__(self, law: Initializer, n_in: Mapping[Variable, int] | None = None) -> None:
        self.law: Final = law
        self._n_in: Final = n_in or {}

    def scale(self, address: Variable) -> float:
        """Return the factor between what is drawn and b."""
        n_in = self._n_in.get(address, 1)
        return self.law.scale(n_in, n_in)

    def rms(self, address: Variable) -> float:
        """Return the root mean square of a bias's entries; of mean 0 their standard deviation."""
        n_in = self._n_in.get(address, 1)
        return self.law.weight_std(n_in, n_in) / math.sqrt(n_in)

    def draw(
        self, streams: Streams, trials: Trials, address: Variable, shape: tuple[int, ...]
    ) -> FloatArray:
        """Draw a bias, shape (T, *shape)."""
        letter, k = address
        role = role_of(letter, Role.BIAS)
        entries = trials.rows(
            lambda block: partial(self.law.entries, streams.generator(role, k, block)), shape
        )
        return self.scale(address) * entries
