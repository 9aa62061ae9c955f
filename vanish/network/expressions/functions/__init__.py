"""The functions of the language: one record each, and every registered activation.

`elementary` has the functions of calculus, `choices` those that are one of their arguments,
`registered` the activations. Derivatives are written in the language itself.
"""

from __future__ import annotations

from vanish.network.expressions.functions import choices, elementary, registered
from vanish.network.expressions.functions.record import Function

__all__ = ["Function", "find", "get", "names"]

_FUNCTIONS = (*elementary.FUNCTIONS, *choices.FUNCTIONS)
_BY_WORD = {word: each for each in _FUNCTIONS for word in (each.name, *each.aliases)}
# In any case, but for Φ and φ, which differ in nothing else.
_BY_FOLDED = {word.lower(): each for word, each in _BY_WORD.items() if word.lower() != "phi"}


def find(word: str) -> Function | None:
    """Return the function that a word means; None where there is none."""
    return _BY_WORD.get(word) or _BY_FOLDED.get(word.lower()) or registered.find(word)


def get(name: str) -> Function:
    """Return the function that a tree calls by its own name."""
    found = find(name)
    assert found is not None, name
    return found


def names() -> tuple[str, ...]:
    """Return the words that mean functions of calculus, and the names of all activations."""
    return (*_BY_WORD, "where", *registered.names())
