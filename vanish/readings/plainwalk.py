"""Mean field's way forward through many layers S(Wx+b), in plain numbers.

To the last bit what `ops.affine` and `ops.activate` say layer by layer with an object for every
number: within float64 products and sums of magnitudes are those of floats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanish.gauss import moments
from vanish.network.graph import LAYER
from vanish.numbers.scaled import Magnitude
from vanish.numbers.stack import Magnitudes
from vanish.readings.sources import Source, Unit
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vanish.network.graph import Block
    from vanish.readings.meanfield import Ensemble

# Of variances within 2^±so much, products with what is within `moments`' range are plain, too.
_PLAIN = 400

# From where on, and up to where, `moments.at` knows V and C.
_LEAST, _END = 2.0 ** (-moments.LAST_EXPONENT - 1), 2.0**moments.LAST_EXPONENT


class Piece(Record):
    """What is known of some layers, one after the other.

    Attributes
    ----------
    squares, kept
        By place the mean squares, and what is kept, shape (L, 1) each; None for nothing.
    end
        f_k of the last one, as the next one takes it.
    repeats
        Whether the last one does what the one before it did.
    """

    squares: list[Magnitudes]
    kept: list[Magnitudes | None]
    end: Unit
    repeats: bool

    @property
    def layers(self) -> int:
        """How many they are."""
        return len(self.squares[-1].mantissas)


def _column(numbers: Sequence[float]) -> Magnitudes:
    return Magnitudes.of(np.array(numbers)[:, None])


def walk(block: Block, ensemble: Ensemble, x: Unit, first: int, last: int) -> Piece | None:
    """Walk through layers, not further than they repeat themselves or leave plain numbers.

    Parameters
    ----------
    block, ensemble
        What they are, and what is known of their parameters.
    x
        What the first one is given.
    first, last
        Which ones.

    Returns
    -------
    Piece
        None where not even the first one can be passed.
    """
    if block != LAYER:
        return None
    w, b = block.slots
    square = float(x.square)
    squares, arguments, slopes = [square], [], []
    kind, repeats = None, False
    for k in range(first, last + 1):
        here = ensemble.activation(k), ensemble.variance(w, k), ensemble.bias(b, k)
        if here != kind:
            if any(abs(each.exponent) > _PLAIN for each in here[1:]):
                break
            kind, read = here, moments.reader(here[0])
            variance, bias = map(float, here[1:])
        q = variance * square + bias
        if not _LEAST <= q < _END:
            break
        square, slope = read(q)
        arguments.append(q)
        slopes.append(slope)
        squares.append(square)
        repeats = squares[-3:-2] == squares[-2:-1] == [square]
        if repeats:
            break
    if not arguments:
        return None
    activation, of_last = (
        ensemble.activation(first + len(arguments) - 1),
        Magnitude.of(arguments[-1]),
    )
    end = Unit.of(
        Source(lambda: moments.variance(activation, of_last)),
        Magnitude.of(squares[-1]),
        lambda: moments.mean(activation, of_last),
    )
    given, values = _column(squares[:-1]), _column(squares[1:])
    return Piece([given, _column(arguments), values], [None, given, _column(slopes)], end, repeats)
