"""What runs take, counted and not timed, so that what can be afforded is the same anywhere.

The unit is about a nanosecond of a processor of 2024. The factors were measured, and are right
within a factor of two or three: they decide what is tried, never what it gives.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vanish.network.initializers import Law
from vanish.readings import bounds
from vanish.simulation.names import SAMPLED
from vanish.simulation.needs import bounded

if TYPE_CHECKING:
    from vanish.simulation.settings import Settings

# A layer: a stream and an array; a product each way and the slopes between; the same where
# weights are drawn in law; every norm and what the slopes say.
_DRAWING, _PASSING, _SAMPLING, _MEASURING = 40_000, 70_000, 80_000, 130_000

# A drawn number by its law, and one of an orthogonal matrix for each of its lesser size, too.
_NUMBER = {
    Law.NORMAL: 11,
    Law.UNIFORM: 6,
    Law.ORTHOGONAL: 11,
    Law.TRUNCATED: 17,
    Law.CONSTANT: 1,
    Law.IDENTITY: 1,
}
_ORTHOGONAL = 1
# A weight that is met both ways, by the first row and by each; a value and its slope.
_WEIGHT, _ROW, _VALUE = 1, 0.1, 40
# A singular value decomposition, for each weight and its lesser size.
_SINGULAR = 1.5
# A frame of several rows, for each of its numbers and its size.
_FRAME = 3


def drawing(settings: Settings) -> float:
    """Return what it takes to draw the weights of one trial."""
    if settings.weights is not None:
        return 0.0
    total = 0.0
    for address, k, shape in settings.model.parameters:
        if len(shape) == 2:
            law = settings.model.initializer(address.letter, k).law
            number = _NUMBER[law]
            if law is Law.ORTHOGONAL:
                number += _ORTHOGONAL * min(shape)
            total += _DRAWING + number * math.prod(shape)
    return total


def passing(settings: Settings) -> float:
    """Return what it takes to go forward and back once, with weights that are there."""
    rows = settings.rows
    values = _VALUE * rows * settings.model.unit_count / 2
    once = (
        _PASSING * settings.model.depth
        + (_WEIGHT + _ROW * rows) * settings.model.weight_count
        + values
    )
    # Weights that the data scale take another way forward.
    return 1.5 * once if settings.model.is_scaled_by_data else once


def sampling(settings: Settings, trials: int) -> float:
    """Return what it takes to go forward and back with weights drawn in law."""
    rows = settings.rows
    number = _VALUE + (_FRAME * min(rows, settings.model.widest) if rows > 1 else 0)
    return _SAMPLING * settings.model.depth + number * rows * trials * settings.model.unit_count / 2


def running(settings: Settings) -> float:
    """Return what the run itself takes, from drawing to the last norm."""
    measuring = _MEASURING * settings.model.depth
    if settings.engine_used == SAMPLED:
        return 1.5 * sampling(settings, settings.trials) + measuring
    each = drawing(settings) + passing(settings) + measuring
    if bounded(settings):
        each += _SINGULAR * bounds.operations(settings.model.matrix_shapes)
    return each * settings.trials
