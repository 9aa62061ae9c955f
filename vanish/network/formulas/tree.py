"""The expression tree of a block's formula, and how it is written.

A block is a sum; a term is a coefficient times a value, or times a bias. What is written is one
form of all spellings, which reads as the same tree: a matrix, its argument and its bias close
up, as in Wx+b, other sums and products have blanks.
"""

from __future__ import annotations

import math
from typing import TypeAlias, Union

from vanish.network.graph import Constant, Slot
from vanish.records import Record

# The operations that are written as functions, by their words.
FUNCTIONS = {"S": "activate", "LN": "layernorm", "RMS": "rmsnorm", "BN": "batchnorm"}


class Factor(Record):
    """A factor of a coefficient.

    Attributes
    ----------
    joint
        What stands before it: * or / or a blank, nothing before the first one.
    word
        A number as it was written, layers, sqrt, or nothing before mere brackets.
    inside
        What stands in its brackets.
    """

    joint: str
    word: str
    inside: tuple[Factor, ...] = ()


Coefficient: TypeAlias = tuple[Factor, ...]
Value: TypeAlias = Union["Input", "Product", "Call", "Bracket"]


class Input(Record):
    """x, what the block is given, or u, a fresh input of the layer."""

    letter: str


class Bias(Record):
    """A bias, which stands in a sum only."""

    slot: Slot


class Product(Record):
    """A matrix times a value."""

    matrix: Slot
    value: Value


class Call(Record):
    """S, LN, RMS or BN of a sum."""

    word: str
    argument: Sum


class Bracket(Record):
    """A sum in brackets."""

    inside: Sum


class Term(Record):
    """A value or a bias, with its sign and its coefficient, None for 1."""

    negative: bool
    coefficient: Coefficient | None
    value: Value | Bias

    @property
    def is_plain(self) -> bool:
        """Whether it is its value alone."""
        return not self.negative and self.coefficient is None

    def constant(self, layers: int) -> Constant | None:
        """Return what the value is multiplied by in a network of so many layers; None for 1."""
        size, text = 1.0, "1"
        if self.coefficient is not None:
            size, text = number(self.coefficient, layers), _coefficient(self.coefficient)
        if self.negative:
            return Constant(-size, f"-{text}")
        return None if size == 1.0 else Constant(size, text)


class Sum(Record):
    """Terms, at least one of which is no bias."""

    terms: tuple[Term, ...]


def number(coefficient: Coefficient, layers: int) -> float:
    """Return a coefficient's value: 0 or infinity where a step on the way leaves float64."""
    total = 1.0
    for joint, word, inside in coefficient:
        if word == "layers":
            value = float(layers)
        elif inside:
            value = number(inside, layers)
            value = math.sqrt(value) if word == "sqrt" else value
        else:
            value = float(word)
        if value and math.isfinite(value):
            value = total / value if joint == "/" else total * value
        if not value or not math.isfinite(value):
            return value
        total = value
    return total


def written(tree: Sum) -> str:
    """Return a formula's text."""
    first = tree.terms[0]
    if len(tree.terms) == 2 and isinstance(first.value, Product) and first.is_plain:
        second = tree.terms[1]
        if isinstance(second.value, Bias) and second.is_plain:
            return f"{_value(first.value)}+{_value(second.value)}"
    text = "-" if first.negative else ""
    text += _term(first)
    for term in tree.terms[1:]:
        text += f" {'-' if term.negative else '+'} {_term(term)}"
    return text


def _term(term: Term) -> str:
    before = "" if term.coefficient is None else f"{_coefficient(term.coefficient)} "
    return before + _value(term.value)


def _coefficient(coefficient: Coefficient) -> str:
    return "".join(
        f"{joint}{word}{f'({_coefficient(inside)})' if inside else ''}"
        for joint, word, inside in coefficient
    )


def _value(value: Value | Bias) -> str:
    if isinstance(value, Input):
        return value.letter
    if isinstance(value, Bias):
        return letter_of(value.slot)
    if isinstance(value, Product):
        # R M S(x) is no RMS(x).
        blank = "" if isinstance(value.value, Input | Bracket) else " "
        return f"{letter_of(value.matrix)}{blank}{_value(value.value)}"
    if isinstance(value, Call):
        return f"{value.word}({written(value.argument)})"
    return f"({written(value.inside)})"


def letter_of(slot: Slot) -> str:
    """Return how a formula has a parameter: W, or W~ where all layers share it."""
    return f"{slot.letter}~" if slot.tied else slot.letter
