"""From the text of a block to its tree, by recursive descent.

    sum      = [sign] term {sign [sign] term}
    term     = [number ["*"]] (value | bias)
    value    = "x" | "u" | MATRIX ["*"] value | ["S" | "LN" | "RMS" | "BN"] "(" sum ")"
    MATRIX   = an upper-case letter but L, N and S ["~"]
    bias     = ("b" | "c" | "d") ["~"]
    number   as in vanish/network/formulas/coefficients.py

A number binds like * and /, left to right: 1/sqrt(layers) V x is (1/sqrt(layers)) V x.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vanish.errors import plain
from vanish.network.formulas.coefficients import NUMBERS, read_number, starts_number
from vanish.network.formulas.source import IN_PRINT, Cursor, Source
from vanish.network.formulas.tree import (
    FUNCTIONS,
    Bias,
    Bracket,
    Call,
    Input,
    Product,
    Sum,
    Term,
)
from vanish.network.graph import Slot

if TYPE_CHECKING:
    from vanish.network.formulas.source import Token
    from vanish.network.formulas.tree import Value

BIASES = "bcd"
MATRICES = "ABCDEFGHIJKMOPQRTUVWXYZ"
_PRIMES = "'’‘′´`"
_MEANINGS = (
    "x is the input, u a fresh input of the layer, S the activation, upper-case letters are"
    " matrices, b, c and d biases"
)


def parse(text: str) -> Sum:
    """Return the tree of a block's text.

    Raises
    ------
    UsageError
        If it is none; the message points at the character.
    """
    return _Parser(Source("block", text)).block()


class _Parser:
    """Reads one block.

    Parameters
    ----------
    source
        Its text.

    Raises
    ------
    UsageError
        If there is a token that no block has.
    """

    def __init__(self, source: Source) -> None:
        cursor = self._cursor = Cursor(source, source.tokens((*FUNCTIONS, *NUMBERS)))
        for token in cursor.tokens:
            if why := _no_token_of_blocks(source, token):
                raise cursor.fault(token, why)
        self._tied: dict[str, bool] = {}

    def block(self) -> Sum:
        """Return the tree of the whole text."""
        cursor = self._cursor
        if not cursor.token.text:
            raise cursor.fault(cursor.token, "there is nothing: give a block such as S(Wx+b)")
        found = self._sum()
        if cursor.token.text:
            raise cursor.fault(cursor.token, "this bracket closes none: leave it out, or open one")
        if not any(token.text == "x" for token in cursor.tokens):
            raise cursor.fault(cursor.tokens[0], "x, the block's input, is nowhere: make use of it")
        if found == Sum((Term(negative=False, coefficient=None, value=Input("x")),)):
            raise cursor.fault(
                cursor.tokens[0], "x alone is what is given: give a block such as x + S(Wx+b)"
            )
        return found

    def _sum(self) -> Sum:
        cursor = self._cursor
        with cursor.deeper("brackets"):
            start, terms = cursor.token, [self._term(signs=1)]
            while cursor.token.text in ("+", "-"):
                terms.append(self._term(signs=2))
        if all(isinstance(term.value, Bias) for term in terms):
            raise cursor.fault(start, "a bias has nothing here that it is added to: write Wx+b")
        alone = terms[0]
        if len(terms) == 1 and alone.is_plain and isinstance(alone.value, Bracket):
            return alone.value.inside
        return Sum(tuple(terms))

    def _term(self, signs: int) -> Term:
        cursor = self._cursor
        negative = False
        while signs and cursor.token.text in ("+", "-"):
            negative ^= cursor.take().text == "-"
            signs -= 1
        start, coefficient = cursor.token, None
        if starts_number(cursor):
            coefficient = read_number(cursor)
            if not cursor.takes("*") and cursor.token.text in ("+", "-", ")", ""):
                raise cursor.fault(
                    start, "a number alone is no term: give what it multiplies, as in 0.5 x"
                )
        is_bias = cursor.token.text in (*BIASES,)
        value = Bias(self._slot()) if is_bias else self._value()
        self._require_end_of_term(value)
        return Term(negative, coefficient, value)

    def _value(self) -> Value:
        cursor = self._cursor
        token = cursor.token
        if token.text in ("x", "u"):
            return Input(cursor.take().text)
        if token.text in FUNCTIONS:
            return self._call()
        if token.text in (*MATRICES,):
            return self._product()
        if token.text == "(":
            inside = self._bracketed()
            alone = inside.terms[0]
            if len(inside.terms) == 1 and alone.is_plain and not isinstance(alone.value, Bias):
                return alone.value
            return Bracket(inside)
        if token.text == "~":
            raise cursor.fault(token, _no_parameter("what stands before it"))
        if token.text in ("*", "/", ")"):
            raise cursor.fault(token, f"something is missing before {token.text}: {_MEANINGS}")
        raise cursor.fault(token, f"something is missing here: {_MEANINGS}")

    def _call(self) -> Call:
        cursor = self._cursor
        word = cursor.take()
        if cursor.token.text == "~":
            raise cursor.fault(cursor.token, _no_parameter(word.text))
        if cursor.token.text != "(":
            raise cursor.fault(word, f"{word.text} takes brackets: write {word.text}(Wx)")
        return Call(word.text, self._bracketed())

    def _bracketed(self) -> Sum:
        cursor = self._cursor
        opening = cursor.take()
        inside = self._sum()
        cursor.close(opening)
        return inside

    def _product(self) -> Product:
        cursor = self._cursor
        letter, matrix = cursor.token, self._slot()
        cursor.takes("*")
        behind = cursor.token
        if behind.text in (*BIASES,):
            raise cursor.fault(
                behind, f"{behind.text} is a bias, which is added: write {letter.text}x+b"
            )
        if starts_number(cursor):
            raise cursor.fault(behind, _coefficient_first(f"0.5 {letter.text}x"))
        if behind.text in ("+", "-", "/", ")", ""):
            raise cursor.fault(
                letter,
                f"{letter.text} is a matrix with nothing behind it: write {letter.text}x, or x for"
                " the input, b for a bias",
            )
        with cursor.deeper("matrices"):
            return Product(matrix, self._value())

    def _slot(self) -> Slot:
        cursor = self._cursor
        letter, tied = cursor.take(), cursor.takes("~")
        if self._tied.setdefault(letter.text, tied) != tied:
            raise cursor.fault(
                letter,
                f"{letter.text} is shared by all layers in one place and not in another: write"
                f" {letter.text}~ everywhere, or nowhere",
            )
        return Slot(letter.text, tied)

    def _require_end_of_term(self, value: Value | Bias) -> None:
        cursor = self._cursor
        token = cursor.token
        if token.text in ("+", "-", ")", ""):
            return
        if token.text == "~":
            raise cursor.fault(token, _no_parameter("what stands before it"))
        behind = cursor.rest[1] if token.text == "*" else token
        if token.text == "/" or behind.kind == "number" or behind.text in NUMBERS:
            raise cursor.fault(token, _coefficient_first("1/2 x"))
        if isinstance(value, Bias):
            letter = value.slot.letter
            raise cursor.fault(
                token,
                f"{letter} is a bias, which multiplies nothing: write + {letter}, or a matrix",
            )
        if behind.text in (*BIASES,):
            raise cursor.fault(
                token, f"{behind.text} is a bias, which is added: write + {behind.text}"
            )
        if behind.text in (*MATRICES,):
            raise cursor.fault(
                token,
                f"{behind.text} stands behind a value: put a matrix before what it multiplies, as"
                f" {behind.text}x",
            )
        raise cursor.fault(
            token,
            "two values are not multiplied with each other: add them, or put a matrix between",
        )


def _no_parameter(what: str) -> str:
    return f"{what} is no parameter that layers could share: put ~ behind a matrix or a bias, as W~"


def _coefficient_first(example: str) -> str:
    return f"numbers, * and / stand before the first letter of a term: write {example}"


def _no_token_of_blocks(source: Source, token: Token) -> str:
    """Return why no block has this token, or an empty text."""
    text = token.text
    if token.kind == "letter" and text not in (*MATRICES, *BIASES, "x", "u"):
        if text in ("L", "N"):
            return f"{text} is kept for norms, LN(x): call a matrix by another letter"
        word = re.compile("[A-Za-z]+").match(source.text, token.start)
        if word and len(word[0]) > 1:
            return (
                f"{word[0]} means nothing here: S is the activation, which --act names; LN, RMS and"
                " BN are norms"
            )
        return f"{text} means nothing here: {_MEANINGS}"
    if text in ("^", "**"):
        return "there are no powers in a block: write sqrt(...) or the number itself"
    if text == ",":
        return "no comma stands in a block: write 0.5 with a point"
    if token.kind != "strange":
        return ""
    if text in _PRIMES:
        return (
            "a prime is lost in a shell's quotes, and S' is the slope: write W~ for a parameter"
            " that all layers share"
        )
    if text in IN_PRINT:
        return f"{text} is no sign that keyboards have: write {IN_PRINT[text]}"
    if text in "[]{}":
        return f"{text} is no bracket of blocks: write ( and )"
    return f"{plain(text)} means nothing here: write letters, numbers and + - * / ( ) ~"
