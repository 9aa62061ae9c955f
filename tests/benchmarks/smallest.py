"""Ask a peer for a chain of factors 1/4, and print where their product reads as zero.

Arguments: PEER [BITS]. Prints the least N at which ‖∂L/∂a‖ = 0.25^N is 0.
"""

from __future__ import annotations

import importlib
import sys

import numpy as np

_LAYERS, _WIDTH = 700, 4


def smallest(peer: str, *bits: int) -> int | None:
    """Return that N; None where no gradient reads as zero.

    tanh(0) has slope 1, so that each matrix I/4 is a factor 1/4, without a rounding.
    """
    weights = [np.eye(_WIDTH) / 4] * _LAYERS
    x, readout = np.zeros(_WIDTH), np.resize((1.0, -1.0), _WIDTH) / _WIDTH**0.5
    rows = importlib.import_module(peer).answer_for("tanh", weights, x, readout, *bits)
    return next((n for n, (signal, _) in enumerate(reversed(rows)) if signal == 0), None)


if __name__ == "__main__":
    sys.stdout.write(f"{smallest(sys.argv[1], *map(int, sys.argv[2:]))}\n")
