"""The points of a phase diagram, as every peer is asked for them."""

from __future__ import annotations

import numpy as np

LOW, HIGH = (0.5, 0.02), (3.0, 1.0)


def grid(steps: int) -> tuple[list[float], list[float]]:
    """Return so many standard deviations of weights, and as many of biases."""
    weight_stds, bias_stds = (
        np.linspace(*ends, steps).tolist() for ends in zip(LOW, HIGH, strict=True)
    )
    return weight_stds, bias_stds
