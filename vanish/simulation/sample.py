"""The sample of each trial: the input x, and what the loss compares the output with."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from vanish.network import losses
from vanish.network.streams import Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vanish.network.streams import Streams, Trials
    from vanish.numbers.scaled import FloatArray
    from vanish.simulation.settings import Settings


def given_input(settings: Settings) -> FloatArray | None:
    """Return the input batch, shape (B, n_0), where it is not random."""
    if settings.input is not None:
        return settings.input.values
    return settings.weights.x if settings.weights is not None and not settings.batch else None


def given_reference(settings: Settings) -> FloatArray | None:
    """Return the target or readout, shape (1 or B, n_N), where it is not random.

    Of a loss that takes classes, shape (1 or B, 1).
    """
    loss, target = losses.get(settings.loss), settings.target
    if loss.takes_classes:
        first = np.zeros((1, 1))
        return first if target is None else target.values.reshape(-1, 1)
    if loss.takes_target:
        zeros = np.zeros((settings.rows, settings.model.n_out))
        return zeros if target is None else target.values
    readout = settings.weights.readout if settings.weights is not None else None
    return None if readout is None else readout[None]


def given_steps(settings: Settings) -> Mapping[int, FloatArray] | None:
    """Return what goes into each layer k from outside, shape (1 or B, n_u), where it is given."""
    if settings.steps is not None:
        return dict(enumerate(settings.steps.values[:, None], 1))
    network = settings.weights
    if network is None or network.steps is None:
        return None
    # What belongs to the rows of x is drawn where these are.
    drawn = network.x is not None and settings.batch is not None
    return None if drawn and rows_of(network.steps) > 1 else network.steps


def rows_of(steps: Mapping[int, FloatArray]) -> int:
    """Return for how many rows steps are; 1 where they are for any."""
    return max(map(len, steps.values()))


def draw_input(settings: Settings, streams: Streams, trials: Trials) -> FloatArray:
    """Return the input batches, shape (T, B, n_0): a given one, or normal rows."""
    shape = settings.rows, settings.model.n_in
    given = given_input(settings)
    if given is not None:
        return np.broadcast_to(given, (trials.width, *shape))
    return trials.rows(
        lambda block: streams.generator(Role.INPUT, number=block).standard_normal, shape
    )


def draw_reference(settings: Settings, streams: Streams, trials: Trials) -> FloatArray:
    """Return the targets, shape (T, 1 or B, n_N), or the readouts r, shape (T, 1, n_N)."""
    given = given_reference(settings)
    if given is not None:
        return np.broadcast_to(given, (trials.width, *np.atleast_2d(given).shape))
    return trials.rows(
        lambda block: partial(losses.draw_readout, streams.generator(Role.READOUT, number=block)),
        (1, settings.model.n_out),
    )
