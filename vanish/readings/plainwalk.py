"""Mean field's way forward through many layers S(Wx+b), in plain numbers.

To the last bit what `ops.affine` and `ops.activate` say layer by layer with an object for every
number: within float64 products and sums of magnitudes are those of floats.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from vanish.gauss import moments
from vanish.network.graph import LAYER
from vanish.numbers.stack import Magnitudes
from vanish.readings.sources import Source, Unit
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vanish.network.activations import Activation
    from vanish.network.graph import Block
    from vanish.readings.meanfield import Ensemble

# Of numbers within 2^±so much products are floats, too.
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


def walk(block: Block, ensemble: Ensemble, x: Unit, first: int, last: int) -> Piece | None:
    """Walk through layers, not further than they repeat themselves or another way is to be taken.

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
    layers = range(first, last + 1)
    return _near(block, ensemble, x, layers) or _far(block, ensemble, x, layers)


def _near(block: Block, ensemble: Ensemble, x: Unit, layers: range) -> Piece | None:
    """Walk as long as all numbers are floats, and `moments.at` knows V and C."""
    if abs(x.square.exponent) > _PLAIN:
        return None
    w, b = block.slots
    square = float(x.square)
    squares, arguments, slopes = [square], [], []
    kind, repeats = None, False
    for k in layers:
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
    columns = (Magnitudes.of(np.array(each)[:, None]) for each in (squares, arguments, slopes))
    return _piece(ensemble.activation(layers[len(arguments) - 1]), *columns, repeats=repeats)


def _far(block: Block, ensemble: Ensemble, x: Unit, layers: range) -> Piece | None:
    """Walk as long as V is q times a number: far from 1, where S is homogeneous, and its tangents.

    There is no smallest number: each is a mantissa and an exponent.
    """
    w, b = block.slots
    mantissa, exponent = x.square.mantissa, x.square.exponent
    squares, arguments, slopes = [(mantissa, exponent)], [], []
    kind, repeats = None, False
    for k in layers:
        here = ensemble.activation(k), ensemble.variance(w, k), ensemble.bias(b, k)
        if here != kind:
            kind, (activation, variance, bias) = here, here
            straight = moments.straight(activation)
        if bias or straight is None:
            break
        mantissa, shift = math.frexp(variance.mantissa * mantissa)
        exponent += variance.exponent + shift
        is_far = abs(exponent) if activation.homogeneous else -exponent
        if is_far <= moments.LAST_EXPONENT or not mantissa:
            break
        arguments.append((mantissa, exponent))
        factor, slope = straight
        mantissa, shift = math.frexp(mantissa * factor.mantissa)
        exponent += factor.exponent + shift
        slopes.append((slope.mantissa, slope.exponent))
        squares.append((mantissa, exponent))
        repeats = squares[-3:-2] == squares[-2:-1] == squares[-1:]
        if repeats or not mantissa:
            break
    if not arguments:
        return None
    columns = (_column(each) for each in (squares, arguments, slopes))
    return _piece(ensemble.activation(layers[len(arguments) - 1]), *columns, repeats=repeats)


def _column(pairs: Sequence[tuple[float, int]]) -> Magnitudes:
    """Return mantissas and exponents, one a layer, shape (L, 1)."""
    mantissas, exponents = zip(*pairs, strict=True)
    return Magnitudes(np.array(mantissas)[:, None], np.array(exponents, dtype=np.int64)[:, None])


def _piece(
    activation: Activation,
    squares: Magnitudes,
    arguments: Magnitudes,
    slopes: Magnitudes,
    *,
    repeats: bool,
) -> Piece:
    """Return what is known of layers.

    Parameters
    ----------
    activation
        S of the last one.
    squares
        The mean squares of what the first one is given, and of f_k.
    arguments, slopes
        Those of a_k, and C.
    repeats
        As for a piece.
    """
    q, square = (each.at((slice(-1, None), 0)).listed()[0] for each in (arguments, squares))
    end = Unit.of(
        Source(lambda: moments.variance(activation, q)),
        square,
        lambda: moments.mean(activation, q),
    )
    given, values = squares.at(slice(None, -1)), squares.at(slice(1, None))
    return Piece([given, arguments, values], [None, given, slopes], end, repeats)
