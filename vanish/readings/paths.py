"""The path reading: every slope is the number of its active units.

Multiplied out, the chain-rule product is a sum over the paths through the network, one
unit a layer. A path counts if S' is not 0 at any of its units; for ReLU the slopes along
such a path are all 1, and the article's section 4 needs only one of them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from vanish.chainrule import (
    ByBias,
    ByWeight,
    LossGradient,
    Reading,
    Slope,
    Weight,
    expression,
    gradients,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vanish.scaled import FloatArray


def log10_active_paths(slopes: Sequence[FloatArray]) -> list[float]:
    """Return log10 of the number of all-active paths from layer k to N, layer 1 first.

    Parameters
    ----------
    slopes
        S'(a_k) for k = 1..N, each of shape (B, n_k).

    Returns
    -------
    list of float
        For a batch the log10 of the mean number over its rows; -inf where there is none.
    """

    def slope(log_counts: FloatArray, k: int) -> FloatArray:
        active = np.count_nonzero(slopes[k - 1], axis=1)
        with np.errstate(divide="ignore"):
            return np.asarray(log_counts + np.log10(active))

    reading: Reading[FloatArray, FloatArray] = Reading(
        one=np.zeros(len(slopes[0])),
        through={LossGradient: lambda one, _: one, Slope: slope, Weight: lambda found, _: found},
        ends={ByWeight: lambda found, _: found, ByBias: lambda found, _: found},
    )
    paths = [
        _log10_mean(log_counts)
        for variable, log_counts in gradients(expression(len(slopes)), reading)
        if variable.letter == "W"
    ]
    return paths[::-1]


def _log10_mean(logs: FloatArray) -> float:
    """Return log10 of the mean of 10^logs, which may be far outside float64."""
    largest = float(logs.max())
    if largest == -math.inf:
        return largest
    return largest + math.log10(float(np.mean(10.0 ** (logs - largest))))


def active_units(slopes: FloatArray) -> tuple[float, float]:
    """Return how many units of a layer are active, and the share that is dead.

    Parameters
    ----------
    slopes
        S'(a_k), shape (B, n_k).

    Returns
    -------
    active, dead
        The mean number a row of units with S'(a_k) ≠ 0, and the share of units with
        S'(a_k) = 0 on every row.
    """
    active = slopes != 0.0
    dead = int(np.count_nonzero(~active.any(axis=0)))
    return int(np.count_nonzero(active)) / len(slopes), dead / slopes.shape[1]
