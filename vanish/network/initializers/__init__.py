"""Initialisers by their names, which may have numbers in brackets: `normal(0.02)`.

Weights are drawn with unit scale and carried beside one factor, so that activations
that differ only in that factor share a draw, and no matrix is ever multiplied by it.
"""

from __future__ import annotations

from functools import lru_cache, partial
from importlib import import_module
from typing import TYPE_CHECKING

from vanish.errors import UsageError
from vanish.network.initializers import scaling
from vanish.network.initializers.laws import Law, draw
from vanish.network.initializers.record import LARGEST, SMALLEST, Family, Initializer, fan_in, one
from vanish.network.initializers.scaling import LSUV
from vanish.network.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "AUTO",
    "LSUV",
    "Initializer",
    "Law",
    "draw",
    "families",
    "from_bias_std",
    "from_weight_std",
    "get",
    "get_of_biases",
    "names",
    "spelled",
]

AUTO = "auto"

# Other words for families.
SYNONYMS = {"glorot": "xavier", "kaiming": "he"}

_KIND = "initialiser"
_REGISTRY = Registry(
    _KIND,
    scaling.families(),
    synonyms=SYNONYMS,
    beside=(AUTO,),
)

# Start-up: these are imported when somebody asks for one of them.
_LATER = {
    "fixed": ("normal", "uniform", "truncated_normal", "constant", "zeros", "identity"),
    "frameworks": ("torch", "keras", "flax", "siren"),
}


def _imported(module: str, name: str) -> Family:
    found: Iterator[Family] = import_module(f"{__name__}.{module}").families()
    return next(each for each in found if each.name == name)


for _module, _names in _LATER.items():
    for _name in _names:
        _REGISTRY.defer(_name, partial(_imported, _module, _name))


def from_weight_std(weight_std: float) -> Initializer:
    """Return Gaussian entries of variance weight_std²/n_in, as theory parametrises them.

    Raises
    ------
    UsageError
        If `weight_std` is out of range.
    """
    if not SMALLEST <= weight_std <= LARGEST:
        raise UsageError(f"weight_std {weight_std:g}: give a number from 1e-290 to 1e300")
    return Initializer("weight_std", Law.NORMAL, weight_std, fan_in)


def from_bias_std(bias_std: float) -> Initializer:
    """Return normal biases of a standard deviation that is in range."""
    return Initializer("bias_std", Law.NORMAL, bias_std, one)


def names() -> tuple[str, ...]:
    """Return the names of the initialisers, `auto` first, without their numbers."""
    return _REGISTRY.names()


def families() -> Iterator[Family]:
    """Yield what there is, in the order in which it is listed."""
    return iter(_REGISTRY)


def spelled(name: str) -> str:
    """Return an initialiser's own name, or `auto`, for any spelling; an unknown one as it is."""
    if "(" not in name:
        return _REGISTRY.spelled(name)
    try:
        return get(name).name
    except UsageError:
        return name


@lru_cache(maxsize=256)
def get(name: str) -> Initializer:
    """Return the initialiser called `name`, with its numbers.

    Raises
    ------
    UsageError
        If there is none, or its numbers are none that it takes; the message names what is near.
    """
    return _made(*_read(name))


def get_of_biases(name: str) -> Initializer:
    """Return how biases are drawn that are called so.

    Raises
    ------
    UsageError
        If there is no such initialiser, or it is one of matrices alone.
    """
    known = ", ".join(each.example for each in _REGISTRY if each.of_biases)
    word = _REGISTRY.spelled(name.partition("(")[0])
    if word == AUTO or word not in _REGISTRY.names():
        raise UsageError(f"bias_init {name!r}: it draws no biases: give one of {known}")
    family, numbers = _read(name)
    if not family.of_biases:
        raise UsageError(f"bias_init {name}: it draws matrices: give one of {known}")
    made = _made(family, numbers)
    return made.bias or made


def _read(name: str) -> tuple[Family, tuple[float, ...]]:
    """Return what a name with its numbers means."""
    _REGISTRY.require_one(name)
    if _REGISTRY.spelled(name.partition("(")[0]) == AUTO:
        raise UsageError(f"{_KIND} {name!r}: auto takes no numbers and draws no biases: write auto")
    before, opening, behind = name.partition("(")
    family = _REGISTRY.get(before)
    if opening or any(each.default is None for each in family.takes):
        from vanish.network.initializers.numbers import read  # noqa: PLC0415 - start-up

        return family, read(_KIND, f"{family.name}{opening}{behind}", family)
    return family, tuple(each.default for each in family.takes if each.default is not None)


def _made(family: Family, numbers: tuple[float, ...]) -> Initializer:
    name = family.name
    if numbers != tuple(each.default for each in family.takes):
        from vanish.network.initializers.numbers import written  # noqa: PLC0415 - start-up

        name = written(family, numbers)
    made = family.make(*numbers)
    first = None if made.first is None else made.first._replace(name=name)
    return made._replace(name=name, first=first)
