"""Settings that are names, written as their registries write them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from vanish.network import activations, initializers, losses
from vanish.network.registry import spelled
from vanish.simulation.names import ENGINE_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable

# What returns a name as its registry writes it.
_SPELLINGS: dict[str, Callable[[str], str]] = {
    "act": activations.spelled,
    "layer_acts": activations.spelled,
    "last_act": activations.spelled,
    "init": initializers.spelled,
    "bias_init": initializers.spelled,
    "loss": losses.spelled,
    "engine": partial(spelled, known=ENGINE_NAMES),
}


def spell_all(record: object) -> None:
    """Write every name of a frozen record as its registry does; an unknown one is left alone."""
    for name in _SPELLINGS:
        if hasattr(record, name):
            object.__setattr__(record, name, in_own_spelling(name, getattr(record, name)))


def in_own_spelling(setting: str, value: Any) -> Any:
    """Return a value of a setting, with every name that is known as its registry writes it."""
    if setting not in _SPELLINGS:
        return value
    if isinstance(value, tuple | list):
        return tuple(in_own_spelling(setting, each) for each in value)
    return _SPELLINGS[setting](value) if isinstance(value, str) else value
