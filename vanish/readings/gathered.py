"""The norms of all gradients of many trials, gathered in arrays as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanish.numbers.stack import Magnitudes, Norms, Stack, norms_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vanish.network.graph import Variable
    from vanish.numbers.stack import Exponents

# So many layers wait: objects of all of them would cost the garbage collector more and more.
_WAITING = 64


def gathered(
    gradients: Iterable[tuple[Variable, Stack | Norms]],
    shape: tuple[int, int],
    step: Callable[[], object] = lambda: None,
    watch: Callable[[Variable, Stack | Norms], object] | None = None,
) -> dict[str, Magnitudes]:
    """Return the norms by name and letter, layer 1 first, shape (N, T); zero where there is none.

    Parameters
    ----------
    gradients
        As `sampled.gradients` yields them.
    shape
        N and T.
    step
        Called once a layer.
    watch
        Called with every variable and gradient.
    """
    found: dict[str, _Column] = {}
    for variable, gradient in gradients:
        letter, k = variable
        if letter == "f":
            step()
        if watch is not None:
            watch(variable, gradient)
        if k:
            here = norms_of(gradient) if isinstance(gradient, Stack) else gradient
            if letter not in found:
                found[letter] = _Column(shape)
            found[letter].put(k, here)
    return {letter: column.read() for letter, column in found.items()}


class _Column:
    """The norms of one letter.

    Parameters
    ----------
    shape
        N and T.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self._found = Magnitudes(np.zeros(shape), np.zeros(shape, dtype=np.int64))
        self._layers: list[int] = []
        self._squares: list[object] = []
        self._exponents: list[Exponents] = []

    def put(self, k: int, norms: Norms) -> None:
        """Take those of layer k."""
        self._layers.append(k)
        self._squares.append(norms.squares)
        self._exponents.append(norms.exponents)
        if len(self._layers) == _WAITING:
            self._empty()

    def read(self) -> Magnitudes:
        """Return all of them."""
        self._empty()
        return self._found

    def _empty(self) -> None:
        if not self._layers:
            return
        rows = np.array(self._layers) - 1
        lengths = np.sqrt(np.array(self._squares))
        if all(isinstance(each, int) for each in self._exponents):
            exponents = np.array(self._exponents, dtype=np.int64)[:, None]
        else:
            trials = lengths.shape[1]
            exponents = np.array(
                [np.full(trials, e) if isinstance(e, int) else e for e in self._exponents]
            )
        found = Magnitudes.of(lengths, exponents)
        self._found.mantissas[rows], self._found.exponents[rows] = found
        for waiting in (self._layers, self._squares, self._exponents):
            waiting.clear()
