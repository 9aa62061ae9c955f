"""What a norm made of its lines, as the readings of arrays keep it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vanish.numbers.scaled import FloatArray
    from vanish.numbers.stack import Magnitudes


class Normalised(Record):
    """What a norm made of its lines, and keeps for the way back.

    Attributes
    ----------
    output
        ŷ, of the shape of what came in: (B, n), or (T, B, n) for T trials; 0 on constant lines.
    deviations
        σ of each line, 0 for a constant one. Of the output's shape, but with 1 in place of the
        length of a line: (…, B, 1) for LN and RMS, (…, 1, n) for BN.
    """

    output: FloatArray
    deviations: Magnitudes

    @property
    def constant(self) -> NDArray[np.bool_]:
        """Which lines were constant, of the shape of the deviations."""
        return np.asarray(self.deviations.mantissas == 0.0)


def has_norm(kept: Sequence[Any]) -> bool:
    """Tell whether a norm is among the places of a layer, of what they keep."""
    return any(isinstance(each, Normalised) for each in kept)


def constant_share(kept: Sequence[Any]) -> FloatArray:
    """Return the share of constant lines among those of all norms of a layer, shape (…).

    Parameters
    ----------
    kept
        What the places of the layer keep.

    Returns
    -------
    array
        One number, or one a trial; 0 where there is no norm.
    """
    lines = [each.constant for each in kept if isinstance(each, Normalised)]
    if not any(map(np.count_nonzero, lines)):  # numpy's mean takes ten times as long
        return np.zeros(lines[0].shape[:-2] if lines else ())
    return np.asarray(np.mean([here.mean(axis=(-2, -1)) for here in lines], axis=0))
