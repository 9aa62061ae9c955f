"""The floor of any dense simulation: draw the weights with numpy, and keep them.

Arguments: LAYERS WIDTH.
"""

from __future__ import annotations

import sys

import numpy as np


def draw_weights(layers: int, width: int) -> list[np.ndarray]:
    """Return standard normal matrices."""
    generator = np.random.default_rng(0)
    return [generator.standard_normal((width, width)) for _ in range(layers)]


if __name__ == "__main__":
    kept = draw_weights(*map(int, sys.argv[1:]))
