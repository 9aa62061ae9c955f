"""The sample of each trial: the input x, and what the loss compares the output with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanish.network import losses
from vanish.network.streams import Role

if TYPE_CHECKING:
    from vanish.network.streams import Streams, Trials
    from vanish.numbers.scaled import FloatArray
    from vanish.simulation.settings import Settings


def draw_input(settings: Settings, streams: Streams, trials: Trials) -> FloatArray:
    """Return the input batches, shape (T, B, n_0): a given one, or normal rows."""
    shape = settings.rows, settings.model.n_in
    given = settings.given_input
    if given is not None:
        return np.broadcast_to(given, (trials.width, *shape))
    generator = streams.generator(Role.INPUT, trial=trials.block)
    return trials.rows(generator.standard_normal, shape)


def draw_reference(settings: Settings, streams: Streams, trials: Trials) -> FloatArray:
    """Return the targets, shape (T, 1 or B, n_N), or the readouts r, shape (T, 1, n_N)."""
    given = settings.given_reference
    if given is not None:
        return np.broadcast_to(given, (trials.width, *np.atleast_2d(given).shape))
    generator = streams.generator(Role.READOUT, trial=trials.block)
    return trials.rows(
        lambda shape: losses.draw_readout(generator, shape), (1, settings.model.n_out)
    )
