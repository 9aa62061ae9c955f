"""The floor of any sampled simulation: draw its random numbers with numpy, nothing else.

Arguments: LAYERS WIDTH TRIALS.
"""

from __future__ import annotations

import sys

import numpy as np


def draw_normals(layers: int, width: int, trials: int) -> None:
    """Draw a row for every layer and trial on the way forward, and one on the way back."""
    generator = np.random.default_rng(0)
    rows = np.empty((trials, width))
    for _ in range(2 * layers):
        generator.standard_normal(out=rows)


if __name__ == "__main__":
    draw_normals(*map(int, sys.argv[1:]))
