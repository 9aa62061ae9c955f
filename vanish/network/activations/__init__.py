"""Activations S beside their slopes S': one record each, by name, with numbers, or by formula.

One file a family has each formula beside its record: `elementary`, `sigmoids`, `rectifiers`,
`gated`; `catalogue` finds them by name, and what is no name is a formula, which
`vanish.network.expressions` reads. Every built-in one is stable in float64 for every finite
input: with z = e^-|x| in (0, 1] nothing overflows, and where S' is positive it keeps its
relative accuracy down to the smallest normal number (the textbook s·(1-s) is exactly 0 at
x = 40, where the sigmoid's slope is 4.2e-18). Where S' crosses zero (gelu, gelu_tanh, silu,
mish, hard_swish, sin) it is accurate absolutely. At a kink S' is what PyTorch takes; for relu
that is S'(0) = 0, while the article's table has 1 there.
"""

from __future__ import annotations

import copyreg
import re
from functools import lru_cache
from typing import Any

from vanish.errors import UsageError
from vanish.network.activations import catalogue
from vanish.network.activations.catalogue import is_built_in, names, parameters_of, registered
from vanish.network.activations.record import Activation

__all__ = [
    "Activation",
    "get",
    "is_built_in",
    "is_everywhere",
    "names",
    "parameters_of",
    "register",
    "registered",
    "spelled",
    "unregister",
    "verify",
]

# A sign that no name has, or the word x, behind a number also.
_FORMULA = re.compile(r"[()*/^+<>=.,|]|(?<![A-Za-z_])x(?![A-Za-z0-9_])")
_X = re.compile(r"(?<![A-Za-z_])x(?![A-Za-z0-9_])")


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
    catalogue.add(activation)
    _forget_formulas()
    return activation


def unregister(name: str) -> None:
    """Remove the activation called `name` and its aliases from the registry."""
    catalogue.remove(name)
    _forget_formulas()


def _forget_formulas() -> None:
    """Forget formulas, whose words may have come to mean something else."""
    _by_formula.cache_clear()
    _spelled_formula.cache_clear()


def get(name: str | Activation) -> Activation:
    """Return the activation that a text means; one that is given is itself.

    Parameters
    ----------
    name
        A name or an alias, one with numbers in brackets such as leaky_relu(0.2), or a formula
        of x.

    Raises
    ------
    UsageError
        If it means none; the message names the nearest names, or points at the character.
    """
    if isinstance(name, Activation):
        return name
    if not _is_formula(name):
        return catalogue.get(name)
    catalogue.require_one(name)
    if _has_numbers(name):
        return catalogue.called(name)
    return _by_formula(_spelled_formula(name))


def _is_formula(text: str) -> bool:
    """Tell whether a text is no name: the parser is imported for those only."""
    return _FORMULA.search(text) is not None and not catalogue.has(text)


def _has_numbers(text: str) -> bool:
    """Tell whether a text is an activation's name with numbers in brackets."""
    from vanish.network.formulas.calls import is_call, name_of  # noqa: PLC0415 - start-up

    if not is_call(text) or _X.search(text) or not catalogue.has(name_of(text)):
        return False
    return bool(catalogue.parameters_of(catalogue.get(name_of(text))))


@lru_cache(maxsize=4096)
def _by_formula(text: str) -> Activation:
    """Return the activation of a formula in its own spelling: the same one each time."""
    if not _is_formula(text):
        return catalogue.get(text)
    if _has_numbers(text):
        return catalogue.called(text)
    from vanish.network.expressions.record import activation_of  # noqa: PLC0415 - start-up

    return activation_of(text)


@lru_cache(maxsize=4096)
def _spelled_formula(text: str) -> str:
    from vanish.network.expressions.record import spelled  # noqa: PLC0415 - start-up

    return spelled(text)


def spelled(name: str) -> str:
    """Return an activation's own name for any spelling; an unknown one as it is."""
    if not _is_formula(name):
        return catalogue.spelled(name)
    try:
        return catalogue.called(name).name if _has_numbers(name) else _spelled_formula(name)
    except UsageError:
        return name


def is_everywhere(activation: Activation) -> bool:
    """Tell whether every process finds an activation by its name: a formula is made again."""
    if not activation.is_formula:
        return catalogue.is_made(activation)
    from vanish.network.expressions.record import has_guests  # noqa: PLC0415 - start-up

    return not has_guests(activation)


# Of pickles: the one since which every object says itself how it is made again.
_PROTOCOL = 2


def _reduced(activation: Activation) -> str | tuple[Any, ...]:
    # A built-in one is itself wherever it arrives: its closed forms go by its identity.
    if catalogue.is_made(activation):
        return catalogue.made, (activation.family, tuple(activation.parameters.values()))
    if is_everywhere(activation):
        return get, (activation.name,)
    return activation.__reduce_ex__(_PROTOCOL)


copyreg.pickle(Activation, _reduced)


def verify(activation: Activation) -> None:
    """Check a record against its own mathematics.

    On a grid of points away from its kinks, S' is compared with a central difference
    of S, |S'| with `sup_slope`, and S with its range; where it is homogeneous, S(4x) with 4 S(x).

    Raises
    ------
    UsageError
        If they disagree, naming the point and both values; or if `init` is no initialiser.
    """
    from vanish.network.activations.verification import check  # noqa: PLC0415 - start-up

    check(activation)
