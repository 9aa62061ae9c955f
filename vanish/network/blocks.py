"""Blocks as people give them: formulas in the article's notation, and names of the usual ones."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from vanish.errors import UsageError, unknown_name
from vanish.network.formulas.building import build
from vanish.network.formulas.coefficients import NUMBERS, is_number
from vanish.network.formulas.named import NAMED, PLAIN
from vanish.network.formulas.parser import parse
from vanish.network.formulas.source import Source
from vanish.network.formulas.tree import (
    FUNCTIONS,
    Bias,
    Bracket,
    Call,
    Input,
    Product,
    number,
    written,
)
from vanish.network.graph import Lettered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vanish.network.formulas.tree import Coefficient, Sum, Value
    from vanish.network.graph import Block, Slot

# One name, as far as its characters go.
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*([ _-][A-Za-z0-9]+)*")


class Formula(Lettered):
    """A block's formula. Two that are written alike are equal, whatever they are called.

    Parameters
    ----------
    text
        A block, such as ``"x + S(Wx+b)"``.
    name
        What it is called, if it has a name.

    Raises
    ------
    UsageError
        If it is no formula; the message points at the character.
    """

    __slots__ = ("_tree", "name", "slots", "text", "words")

    def __init__(self, text: str, name: str = "") -> None:
        self._tree = parse(text)
        self.name: Final = name
        # The one form of all spellings: parsed again, it is the same block.
        self.text: Final = written(self._tree)
        leaves = tuple(_leaves(self._tree))
        # Its parameters, in the order in which it has them.
        self.slots: Final[tuple[Slot, ...]] = tuple(
            dict.fromkeys(
                each.matrix if isinstance(each, Product) else each.slot
                for each in leaves
                if isinstance(each, Product | Bias)
            )
        )
        # x, u, S and the norms, as far as it has them.
        self.words: Final = frozenset(
            each.letter if isinstance(each, Input) else each.word
            for each in leaves
            if isinstance(each, Input | Call)
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Formula) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __reduce__(self) -> tuple[type[Formula], tuple[str, str]]:
        return Formula, (self.text, self.name)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Formula({self.text!r})"

    @property
    def is_plain(self) -> bool:
        """Whether it is the article's layer."""
        return self.text == PLAIN.text

    @property
    def letters(self) -> tuple[str, ...]:
        """The letters of its parameters, in the order in which it has them."""
        return tuple(slot.letter for slot in self.slots)

    @property
    def tied(self) -> tuple[str, ...]:
        """The letters of the parameters that all layers share."""
        return tuple(slot.letter for slot in self.slots if slot.tied)

    @property
    def has_bias(self) -> bool:
        """Whether there is a bias in it."""
        return bool(self.biases)

    @property
    def uses_step(self) -> bool:
        """Whether it takes u, a fresh input a layer."""
        return "u" in self.words

    @property
    def norms(self) -> tuple[str, ...]:
        """LN, RMS and BN, as far as it has them."""
        return tuple(word for word in FUNCTIONS if word != "S" and word in self.words)

    def block(self, layers: int) -> Block:
        """Return the block that it means in a network of so many layers.

        Raises
        ------
        UsageError
            If a coefficient is 0 or infinite in float64 with so many layers.
        """
        for coefficient in _coefficients(self._tree):
            value = number(coefficient, layers)
            if not is_number(value):
                raise self.fault(
                    "layers", f"with {layers:,} layers this number leaves float64: give another one"
                )
        return build(self._tree, layers)

    def fault(self, token: str, message: str) -> UsageError:
        """Return the error that something is wrong with what stands at a letter or a word.

        Parameters
        ----------
        token
            W or LN; the caret goes to where it is first. The beginning if it is nowhere.
        message
            What is wrong, and what to do.
        """
        source = Source("block", self.text)
        places = (
            each.start for each in source.tokens((*FUNCTIONS, *NUMBERS)) if each.text == token
        )
        return source.fault(next(places, 0), message)


def formula(given: str | Formula) -> Formula:
    """Return the block that a formula or a name means.

    Parameters
    ----------
    given
        ``"x + S(Wx+b)"``, or ``"residual"`` in any spelling. One that is made is itself.

    Raises
    ------
    UsageError
        If it is neither; the message points at the character, or names the nearest ones.
    """
    if isinstance(given, Formula):
        return given
    own = NAMED.spelled(given)
    if own in NAMED.names():
        record = NAMED.get(own)
        return Formula(record.text, record.name)
    NAMED.require_one(given)
    try:
        return Formula(given)
    except UsageError:
        if _is_misspelled(given):
            raise unknown_name("block", given, NAMED.names()) from None
        raise


def _is_misspelled(given: str) -> bool:
    """Tell whether what is no formula was rather meant for a name."""
    word = given.strip()
    rest = re.sub("|".join((*FUNCTIONS, *NUMBERS)), "", word)
    if not _WORD.fullmatch(word) or not re.search("[LNae-tv-wyz]", rest):
        return False
    near = get_close_matches(word.lower(), NAMED.names())
    return bool(near) or (word.isalnum() and len(word) > 2)


def _leaves(tree: Sum) -> Iterator[Input | Bias | Product | Call]:
    """Yield what a formula has letters and words for, from left to right."""
    for term in tree.terms:
        value: Value | Bias = term.value
        while isinstance(value, Product):
            yield value
            value = value.value
        if isinstance(value, Bracket):
            yield from _leaves(value.inside)
            continue
        yield value
        if isinstance(value, Call):
            yield from _leaves(value.argument)


def _coefficients(tree: Sum) -> Iterator[Coefficient]:
    for term in tree.terms:
        if term.coefficient is not None:
            yield term.coefficient
        value: Value | Bias = term.value
        while isinstance(value, Product):
            value = value.value
        if isinstance(value, Bracket):
            yield from _coefficients(value.inside)
        elif isinstance(value, Call):
            yield from _coefficients(value.argument)
