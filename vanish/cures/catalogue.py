"""All cures that are tried, the smallest one first."""

from __future__ import annotations

import copyreg
from typing import Any

from vanish.cures import activations, draws, gains
from vanish.cures.cure import Cure, Part

_WEIGHTS = (
    Cure("gain of faulty layers", Part.WEIGHTS, 1, gains.of_faulty_layers, for_given_weights=True),
    Cure("critical weight_std", Part.WEIGHTS, 2, draws.critical, is_cheap=True),
    Cure("conventional init", Part.WEIGHTS, 3, draws.conventional, is_cheap=True),
    Cure(
        *("gain", Part.WEIGHTS, 4, gains.of_all_layers),
        is_cheap=True,
        keeps_for_one=True,
        for_given_weights=True,
    ),
    Cure("LSUV", Part.WEIGHTS, 5, draws.unit_variance, for_given_weights=True),
    Cure("bias", Part.WEIGHTS, 6, draws.bias),
)

# The two that the verdict's remedy knows, then two that keep a mean near 0 or units alive.
_ACTIVATIONS = tuple(
    Cure(name, Part.ACTIVATION, size, activations.activation(name), is_cheap=cheap)
    for name, size, cheap in (
        ("relu", 7, True),
        ("tanh", 8, True),
        ("selu", 9, False),
        ("leaky_relu", 9, False),
    )
)

# What a search within a budget tries, and what changes numbers and names alone.
PLAIN = (*_WEIGHTS, *_ACTIVATIONS)
CHEAP = tuple(cure for cure in PLAIN if cure.is_cheap)


def everything() -> tuple[Cure, ...]:
    """Return all cures, those that change the layer's formula too."""
    from vanish.cures.blocks import BLOCKS  # noqa: PLC0415 - start-up

    return (*PLAIN, *BLOCKS)


def named(name: str) -> Cure:
    """Return the cure of a name."""
    return next(cure for cure in everything() if cure.name == name)


# Of pickles: the one since which every object says itself how it is made again.
_PROTOCOL = 2


def _reduced(cure: Cure) -> str | tuple[Any, ...]:
    # What proposes changes may be a function that no pickle can name.
    if any(each is cure for each in everything()):
        return named, (cure.name,)
    return cure.__reduce_ex__(_PROTOCOL)


copyreg.pickle(Cure, _reduced)
