"""Checking a record against its own mathematics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanish.errors import UsageError
from vanish.network import initializers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vanish.network.activations.record import Activation
    from vanish.numbers.scaled import FloatArray


def check(activation: Activation) -> None:
    """Raise what is wrong with a record, as `activations.verify` says.

    Raises
    ------
    UsageError
        If anything is.
    """
    if activation.init != initializers.AUTO:
        initializers.get(activation.init)
    step = 2.0**-17  # truncation step² and rounding 2^-52/step are both about 1e-10
    x = np.linspace(-9.0, 9.0, 721) + 2.0**-9
    for kink in activation.kinks:
        x = x[np.abs(x - kink) > 2 * step]
    coarse, difference = (_quotient(activation, x, size) for size in (step, step / 2.0))
    value, slope = activation.pair(x)
    tolerance = 1e-8 * (1.0 + np.abs(value))
    # Where S bends within the step, as sin(1000x) does, truncation is what halving it changes.
    truncation = np.abs(coarse - difference)
    checks: Mapping[str, FloatArray] = {
        "S' differs from the difference quotient of S": np.abs(slope - difference)
        - tolerance
        - truncation,
        "|S'| exceeds sup_slope": np.abs(slope) - activation.sup_slope * (1.0 + 1e-12),
        "S leaves its range": np.maximum(activation.lower - value, value - activation.upper)
        - tolerance,
    }
    for complaint, excess in checks.items():
        worst = int(np.argmax(np.where(np.isnan(excess), np.inf, excess)))
        if not excess[worst] <= 0.0:
            raise UsageError(
                f"activation {activation.name}: {complaint} at x = {x[worst]:.6g}"
                f" (S = {value[worst]:.6g}, S' = {slope[worst]:.6g},"
                f" difference quotient {difference[worst]:.6g}): correct the record"
            )
    if activation.homogeneous and not np.allclose(
        activation.value(4.0 * x), 4.0 * value, rtol=1e-12, atol=0.0
    ):
        raise UsageError(
            f"activation {activation.name}: S(4x) is not 4 S(x): it is not homogeneous"
        )


def _quotient(activation: Activation, x: FloatArray, step: float) -> FloatArray:
    return (activation.value(x + step) - activation.value(x - step)) / (2.0 * step)
