"""The norm bound: every factor is one number that its norm cannot exceed.

It reads ∂S/∂a_k as sup|S'|, W_k as ‖W_k‖₂ and ∂a_k/∂W_k as ‖f_{k-1}‖, and ‖∂L/∂W_k‖ never
exceeds it. (The article's bound, of sup|S'| alone, is in `slopes`: it bounds the product
of the slopes, not the gradient, and with large weights a sigmoid chain can even explode.)
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from vanish.numbers.scaled import Magnitude
from vanish.readings.magnitudes import products

if TYPE_CHECKING:
    from collections.abc import Sequence


def norm_bounds(
    slopes: Sequence[float],
    loss_gradient: Magnitude,
    spectral_norms: Sequence[Magnitude],
    input_norms: Sequence[Magnitude],
) -> list[Magnitude]:
    """Return the bound on ‖∂L/∂W_k‖_F that always holds, layer 1 first.

    ‖∂L/∂f_N‖ · ∏_{j>k} sup|S'_j|·‖W_j‖₂ · sup|S'_k| · ‖f_{k-1}‖, by ‖AB‖_F ≤ ‖A‖_F‖B‖₂
    a factor; for a batch the Frobenius norms run over its rows (Cauchy-Schwarz).

    Parameters
    ----------
    slopes
        sup|S'| of each layer.
    loss_gradient
        ‖∂L/∂f_N‖_F.
    spectral_norms
        ‖W_k‖₂ of each layer.
    input_norms
        ‖f_{k-1}‖_F of each layer.
    """
    read = products(
        len(slopes),
        lambda k: Magnitude.of(slopes[k - 1]),
        loss_gradient,
        lambda k: spectral_norms[k - 1],
        lambda k: input_norms[k - 1],
    )
    return [by_weight for by_weight, _ in read]


# Singular values cost about max·min² operations a matrix. Up to this many in all they
# take some milliseconds, little beside starting Python; the default run has 5.2 million.
CHEAP_OPERATIONS = 10_000_000


def is_cheap(sizes: Sequence[int], trials: int = 1) -> bool:
    """Tell whether the spectral norms of chains n_0, …, n_N cost little beside the run."""
    operations = trials * sum(n_in * n_out * min(n_in, n_out) for n_in, n_out in pairwise(sizes))
    return operations <= CHEAP_OPERATIONS
