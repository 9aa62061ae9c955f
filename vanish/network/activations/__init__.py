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

import copyreg
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from vanish.network.activations.record import Activation
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
    "spelled",
    "unregister",
    "verify",
]

# The family of each that every process has, in the order in which all of them are shown. A
# family is imported when one of it is asked for.
_FAMILIES = {
    "identity": "elementary",
    "sigmoid": "sigmoids",
    "tanh": "sigmoids",
    "relu": "rectifiers",
    "leaky_relu": "rectifiers",
    "elu": "rectifiers",
    "selu": "rectifiers",
    "gelu": "gated",
    "gelu_tanh": "gated",
    "silu": "gated",
    "softplus": "rectifiers",
    "softsign": "sigmoids",
    "mish": "gated",
    "hard_sigmoid": "sigmoids",
    "hard_tanh": "sigmoids",
    "relu6": "rectifiers",
    "hard_swish": "gated",
    "sin": "elementary",
    "log_sigmoid": "rectifiers",
}


def _built_in(name: str) -> Activation:
    family = import_module(f"{__name__}.{_FAMILIES[name]}")
    record: Activation = getattr(family, name.upper())
    return record


def is_built_in(activation: Activation) -> bool:
    """Tell whether an activation is one that every process has."""
    name = activation.name
    return name in _FAMILIES and _built_in(name) is activation


# Of pickles: the one since which every object says itself how it is made again.
_PROTOCOL = 2


def _reduced(activation: Activation) -> str | tuple[Any, ...]:
    # A built-in one is itself wherever it arrives: its closed forms go by its identity.
    if is_built_in(activation):
        return _built_in, (activation.name,)
    return activation.__reduce_ex__(_PROTOCOL)


copyreg.pickle(Activation, _reduced)

_REGISTRY: Registry[Activation] = Registry("activation")
for _name in _FAMILIES:
    _REGISTRY.defer(_name, partial(_built_in, _name))


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
    _REGISTRY.add(activation)
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


def spelled(name: str) -> str:
    """Return an activation's own name for any spelling; an unknown one as it is."""
    return _REGISTRY.spelled(name)


def registered() -> Iterator[Activation]:
    """Iterate over the registered activations, in the order of registration."""
    return iter(_REGISTRY)


def names() -> tuple[str, ...]:
    """Return the names of the registered activations, in the order of registration."""
    return _REGISTRY.names()


def verify(activation: Activation) -> None:
    """Check a record against its own mathematics.

    On a grid of points away from its kinks, S' is compared with a central difference
    of S, |S'| with `sup_slope`, and S with its range.

    Raises
    ------
    UsageError
        If they disagree, naming the point and both values.
    """
    from vanish.network.activations.verification import check  # noqa: PLC0415 - start-up

    check(activation)
