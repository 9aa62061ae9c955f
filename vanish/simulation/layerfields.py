"""Fields of the records of layers that are computed when they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanish.numbers.fields import Listed, Sizes
from vanish.numbers.stack import Magnitudes
from vanish.simulation.measured import MEDIAN, magnitude_quantiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vanish.network.activations import Activation
    from vanish.numbers.fields import Field

# One true zero.
_ZERO = Magnitudes.of(np.zeros(1))


def middle(magnitudes: Magnitudes) -> Magnitudes:
    """Return the medians over the trials, shape (N, T) to (N,)."""
    return magnitude_quantiles(magnitudes, MEDIAN)[0]


def names(activations: Sequence[Activation], rows: slice) -> Field:
    """Return the name of S of each layer."""
    return Listed([each.name for each in activations[rows]])


def gains(signal: Magnitudes, rows: slice) -> Field:
    """Return by how much the signal grows from each layer to the one below; None for layer N."""
    here = signal.at(slice(rows.start, rows.stop + 1))
    gains = middle(here.at(slice(None, -1)).over(here.at(slice(1, None))))
    known = gains.mantissas != 0.0
    if rows.stop >= len(signal.mantissas):
        gains, known = Magnitudes.layers([gains, _ZERO]), np.append(known, np.False_)
    return Sizes(gains, known)


def values(norms: Magnitudes, counts: NDArray[np.int64], rows: slice) -> Field:
    """Return the root mean squares of f_k, k = 1..N, of the norms and counts of k = 0..N."""
    behind = slice(rows.start + 1, rows.stop + 1)
    return Sizes(norms.at(behind).over(Magnitudes.of(np.sqrt(counts[behind]))))


def relative(gradients: Magnitudes, weights: Magnitudes, rows: slice) -> Field:
    """Return ‖∂L/∂W_k‖/‖W_k‖; None where the median of ‖W_k‖ is 0."""
    weight = weights.at(rows)
    return Sizes(middle(gradients.at(rows).over(weight)), middle(weight).mantissas != 0.0)
