"""What is known of a matrix that is never drawn: its law, and its norm as its products say it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vanish.network.streams import Role, role_of
from vanish.numbers.stack import Magnitudes
from vanish.readings.conditioning import MATRICES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vanish.network.initializers import Law
    from vanish.network.streams import Streams, Trials
    from vanish.numbers.scaled import FloatArray, Magnitude
    from vanish.readings.conditioning import RandomMatrix


class SampledWeight:
    """A weight that is known by its law.

    Parameters
    ----------
    law, n_in, n_out, scale
        W is `scale` times an (n_out, n_in) matrix of that law.
    rows
        B, the number of rows that it will meet.
    """

    def __init__(self, law: Law, n_in: int, n_out: int, scale: Magnitude, rows: int) -> None:
        self.n_out = n_out
        self.matrix: RandomMatrix = MATRICES[law](n_in, n_out, rows)
        self.scale = scale
        self.factor, self.shift = scale.split()


def frobenius_norms(
    letter: str,
    weights: Sequence[SampledWeight],
    squares: FloatArray,
    streams: Streams,
    trials: Trials,
) -> Magnitudes:
    """Return ‖W_k‖_F of some layers as it goes with both products, shape (L, T).

    Parameters
    ----------
    letter
        What the matrices are called.
    weights
        What is known of each.
    squares
        ‖W_k‖² without its scale, as far as the products say it, shape (L, T). The rest is drawn;
        this array is overwritten.
    streams, trials
        Where that comes from.
    """
    freedom = np.array([weight.matrix.remainder for weight in weights], dtype=np.float64)
    if (drawn := freedom > 0.0).any():
        role = role_of(letter, Role.REMAINDER)
        degrees: Any = freedom[drawn]
        if (degrees == degrees[0]).all():
            # numpy draws the same in half the time where it is one number.
            degrees = degrees[0]

        def draw(block: int) -> Callable[[tuple[int, ...]], FloatArray]:
            generator = streams.generator(role, number=block)
            return lambda shape: generator.chisquare(degrees, shape)

        rest = trials.rows(draw, (int(drawn.sum()),))
        squares[drawn] += rest.T
    scales = Magnitudes.column([weight.scale for weight in weights])
    return Magnitudes.of(np.sqrt(squares, out=squares)) * scales
