"""Losses L of the chain's output f_N: each record holds ∂L/∂f_N.

Every loss is the mean over the rows of a batch, so its gradient is a row of 1/B times
the row's own.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanish.errors import unknown_name
from vanish.scaled import Magnitude, Scaled

if TYPE_CHECKING:
    from collections.abc import Callable

    from vanish.scaled import FloatArray


class Loss(NamedTuple):
    """A loss and its derivative.

    Attributes
    ----------
    name
        What it is called.
    row_gradient
        Maps the output f_N, shape (…, B, n_N), and the reference to ∂L_b/∂f_N of each row b.
    takes_target
        Whether the reference is a target given by the user, shape (1 or B, n_N), rather than
        the readout r, shape (1, n_N).
    """

    name: str
    row_gradient: Callable[[Scaled, FloatArray], Scaled]
    takes_target: bool = False

    def gradient(self, output: Scaled, reference: FloatArray) -> Scaled:
        """Return ∂L/∂f_N, shape (…, B, n_N), for the mean over the B rows."""
        rows = output.values.shape[-2]
        return self.row_gradient(output, reference).times(Magnitude.of(1.0 / rows))


def draw_readout(generator: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    """Draw readouts r, one along the last axis: random signs over √n_N, so that ‖r‖ = 1.

    The signs make r independent of f_N and symmetric. With all ones a ReLU chain's
    gradient is correlated with its own activations, and mean-field theory is wrong.
    """
    signs = generator.choice((-1.0, 1.0), shape)
    return np.asarray(signs / math.sqrt(shape[-1]))


def _readout(output: Scaled, readout: FloatArray) -> Scaled:
    # L is the inner product of r and f_N
    return Scaled(np.broadcast_to(readout, output.values.shape))


def _sum(output: Scaled, _: FloatArray) -> Scaled:
    # L is the sum of the entries of f_N
    return Scaled(np.ones_like(output.values))


def _mse(output: Scaled, target: FloatArray) -> Scaled:
    # L = ½‖f_N - t‖²
    return output - Scaled(target)


_REGISTRY = {
    loss.name: loss
    for loss in (
        Loss("readout", _readout),
        Loss("sum", _sum),
        Loss("mse", _mse, takes_target=True),
    )
}


def names() -> tuple[str, ...]:
    """Return the names of the losses, the default first."""
    return tuple(_REGISTRY)


def get(name: str) -> Loss:
    """Return the loss called `name`.

    Raises
    ------
    UsageError
        If there is none; the message names the nearest ones.
    """
    try:
        return _REGISTRY[name.strip().lower()]
    except KeyError:
        raise unknown_name("loss", name, names()) from None
