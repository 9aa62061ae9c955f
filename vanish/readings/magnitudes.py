"""The readings that know every factor as one magnitude: bounds, and theory's mean squares."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.network.chainrule import (
    ByBias,
    ByWeight,
    LossGradient,
    Reading,
    Slope,
    Weight,
    expression,
    gradients,
)
from vanish.numbers.scaled import ONE, Magnitude

if TYPE_CHECKING:
    from collections.abc import Callable


def _one(_: int) -> Magnitude:
    return ONE


def products(
    layers: int,
    slope: Callable[[int], Magnitude],
    loss: Magnitude = ONE,
    weight: Callable[[int], Magnitude] = _one,
    by_weight: Callable[[int], Magnitude] = _one,
) -> list[tuple[Magnitude, Magnitude]]:
    """Multiply up the factors of ∂L/∂W_k and of ∂L/∂b_k, layer 1 first.

    Parameters
    ----------
    layers
        N.
    slope, weight, by_weight
        What ∂S/∂a_k, W_k and ∂a_k/∂W_k are read as, given k.
    loss
        What ∂L/∂f_N is read as.
    """
    reading: Reading[Magnitude, Magnitude] = Reading(
        one=ONE,
        through={
            LossGradient: lambda product, _: product * loss,
            Slope: lambda product, k: product * slope(k),
            Weight: lambda product, k: product * weight(k),
        },
        ends={
            ByWeight: lambda product, k: product * by_weight(k),
            ByBias: lambda product, _: product,
        },
    )
    read = [
        value
        for variable, value in gradients(expression(layers), reading)
        if variable.letter in ("W", "b")
    ]
    return list(zip(read[::2], read[1::2], strict=True))[::-1]
