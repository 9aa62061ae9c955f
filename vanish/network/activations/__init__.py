"""Activations S beside their slopes S': one record each, one registry.

One file a family has each formula beside its record: `elementary`, `sigmoids`, `rectifiers`,
`gated`. Every formula is stable in float64 for every finite input: with z = e^-|x| in (0, 1]
nothing overflows, and where S' is positive it keeps its relative accuracy down to the
smallest normal number (the textbook s·(1-s) is exactly 0 at x = 40, where the sigmoid's
slope is 4.2e-18). Where S' crosses zero (gelu, gelu_tanh, silu, mish, hard_swish, sin) it is
accurate absolutely. At a kink S' is what PyTorch takes; for relu that is S'(0) = 0, while the
article's table has 1 there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.network.activations import elementary, gated, rectifiers, sigmoids
from vanish.network.activations.record import Activation, build_in, is_built_in
from vanish.network.activations.verification import verify
from vanish.network.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "Activation",
    "get",
    "is_built_in",
    "names",
    "register",
    "registered",
    "unregister",
    "verify",
]

_REGISTRY: Registry[Activation] = Registry("activation")


def register(activation: Activation) -> Activation:
    """Add an activation to the registry, so that every command knows it by name.

    Parameters
    ----------
    activation
        The new record; call `verify` on it first when its formulas are your own.

    Raises
    ------
    UsageError
        If its name or one of its aliases is taken.
    """
    _REGISTRY.add(activation.name, activation, activation.aliases)
    return activation


def unregister(name: str) -> None:
    """Remove the activation called `name` and its aliases from the registry."""
    _REGISTRY.remove(name)


def get(name: str | Activation) -> Activation:
    """Return the activation that a name or alias means; one that is given is itself.

    Raises
    ------
    UsageError
        If there is none; the message names the nearest ones.
    """
    return name if isinstance(name, Activation) else _REGISTRY.get(name)


def registered() -> Iterator[Activation]:
    """Iterate over the registered activations, in the order of registration."""
    return iter(_REGISTRY)


def names() -> tuple[str, ...]:
    """Return the names of the registered activations, in the order of registration."""
    return _REGISTRY.names()


# In the order in which all of them are shown.
for _record in (
    elementary.IDENTITY,
    sigmoids.SIGMOID,
    sigmoids.TANH,
    rectifiers.RELU,
    rectifiers.LEAKY_RELU,
    rectifiers.ELU,
    rectifiers.SELU,
    gated.GELU,
    gated.GELU_TANH,
    gated.SILU,
    rectifiers.SOFTPLUS,
    sigmoids.SOFTSIGN,
    gated.MISH,
    sigmoids.HARD_SIGMOID,
    sigmoids.HARD_TANH,
    rectifiers.RELU6,
    gated.HARD_SWISH,
    elementary.SIN,
    rectifiers.LOG_SIGMOID,
):
    register(_record)
build_in(_REGISTRY)
