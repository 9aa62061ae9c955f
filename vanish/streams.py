"""Independent random streams, addressed by what they are for."""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Role(IntEnum):
    """What a stream draws. The numbers are part of what a seed means: never reuse one."""

    INPUT = 0
    READOUT = 1
    WEIGHTS = 2
    BIAS = 3


class Streams:
    """The random streams of one seed: one for each trial, layer and role.

    Philox is a counter-based generator (Salmon et al. 2011, "Parallel random numbers:
    as easy as 1, 2, 3"): the seed is hashed to its key and the address is put into the
    upper three words of its counter, so any stream is reached at once, none overlap
    (2^64 blocks each), and no stream depends on which others are drawn.

    Parameters
    ----------
    seed
        Any integer that is at least 0.
    """

    def __init__(self, seed: int) -> None:
        self._key = np.random.SeedSequence(seed).generate_state(2, np.uint64)

    def generator(self, role: Role, layer: int = 0, trial: int = 0) -> np.random.Generator:
        """Return a new generator at the start of the stream at that address."""
        counter = np.array([0, layer, role, trial], dtype=np.uint64)
        return np.random.Generator(np.random.Philox(key=self._key, counter=counter))
