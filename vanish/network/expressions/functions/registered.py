"""The registered activations as functions of the language, evaluated by their own pairs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from vanish.network.activations import catalogue
from vanish.network.expressions.functions.record import Function

if TYPE_CHECKING:
    from vanish.network.activations.record import Activation
    from vanish.numbers.scaled import FloatArray

# Those that mathematics writes by a letter.
_LATEX = {"sigmoid": r"\sigma\left({}\right)"}


def find(word: str) -> Function | None:
    """Return the function that a name or an alias of an activation means, if there is one."""
    name = catalogue.spelled(word)
    return _function(catalogue.get(name)) if name in catalogue.names() else None


def _function(activation: Activation) -> Function:
    name = activation.name
    latex = _LATEX.get(name, rf"\mathrm{{{{{name}}}}}\left({{}}\right)".replace("_", r"\_"))
    made = partial(catalogue.with_parameters, activation)
    return Function(
        name=name,
        value=partial(_value, activation),
        slope=activation.definition[1],
        latex=latex,
        parameters=catalogue.parameters_of(activation),
        bends=lambda *numbers: made(*numbers).kinks,
        activation=made,
    )


def _value(activation: Activation, x: FloatArray, *numbers: float) -> Any:
    return catalogue.with_parameters(activation, *numbers).pair(x)[0]


def names() -> tuple[str, ...]:
    """Return the names of the activations."""
    return catalogue.names()
