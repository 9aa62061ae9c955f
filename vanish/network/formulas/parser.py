"""From the text of a block to its tree, by recursive descent.

    sum      = [sign] term {sign [sign] term}
    term     = [number ["*"]] (value | bias)
    value    = "x" | "u" | MATRIX ["*"] value | ["S" | "LN" | "RMS" | "BN"] "(" sum ")"
    number   = factor {["*" | "/"] factor}
    factor   = NUMBER | "layers" | ["sqrt"] "(" number ")"
    MATRIX   = an upper-case letter but L, N and S ["~"]
    bias     = ("b" | "c" | "d") ["~"]

A number binds like * and /, left to right: 1/sqrt(layers) V x is (1/sqrt(layers)) V x.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, NoReturn

from vanish.errors import plain
from vanish.network.formulas.source import Source
from vanish.network.formulas.tree import (
    FUNCTIONS,
    Bias,
    Bracket,
    Call,
    Factor,
    Input,
    Product,
    Sum,
    Term,
    number,
)
from vanish.network.graph import Slot

if TYPE_CHECKING:
    from vanish.errors import UsageError
    from vanish.network.formulas.source import Token
    from vanish.network.formulas.tree import Coefficient, Value

BIASES = "bcd"
_MATRICES = "ABCDEFGHIJKMOPQRTUVWXYZ"
_NUMBERS = ("layers", "sqrt")

# Brackets, functions and matrices in each other: Python's own stack must hold them.
_DEEPEST = 50

_PRIMES = "'’‘′´`"
_LIKE = {"·": "*", "×": "*", "⋅": "*", "−": "-", "–": "-", "—": "-", "÷": "/", "√": "sqrt(...)"}
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
    return Parser(Source("block", text)).block()


class Parser:
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
        self._source = source
        self._tokens = source.tokens((*FUNCTIONS, *_NUMBERS))
        for token in self._tokens:
            if why := _no_token_of_blocks(source, token):
                raise self._fault(token, why)
        self._at = 0
        self._depth = 0
        self._tied: dict[str, bool] = {}

    def block(self) -> Sum:
        """Return the tree of the whole text."""
        if not self._token.text:
            raise self._fault(self._token, "there is nothing: give a block such as S(Wx+b)")
        found = self._sum()
        if self._token.text:
            raise self._fault(self._token, "this bracket closes none: leave it out, or open one")
        if not any(token.text == "x" for token in self._tokens):
            raise self._fault(self._tokens[0], "x, the block's input, is nowhere: make use of it")
        if found == Sum((Term(negative=False, coefficient=None, value=Input("x")),)):
            raise self._fault(
                self._tokens[0], "x alone is what is given: give a block such as x + S(Wx+b)"
            )
        return found

    @property
    def _token(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._token
        self._at += 1
        return token

    def _fault(self, token: Token, message: str) -> UsageError:
        return self._source.fault(token.start, message)

    def _sum(self) -> Sum:
        self._enter()
        start, terms = self._token, [self._term(signs=1)]
        while self._token.text in ("+", "-"):
            terms.append(self._term(signs=2))
        if all(isinstance(term.value, Bias) for term in terms):
            raise self._fault(start, "a bias has nothing here that it is added to: write Wx+b")
        self._depth -= 1
        alone = terms[0]
        if len(terms) == 1 and alone.is_plain and isinstance(alone.value, Bracket):
            return alone.value.inside
        return Sum(tuple(terms))

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._fault(
                self._token,
                f"brackets and matrices are more than {_DEEPEST} deep in each other: give fewer",
            )

    def _term(self, signs: int) -> Term:
        negative = False
        while signs and self._token.text in ("+", "-"):
            negative ^= self._take().text == "-"
            signs -= 1
        start, coefficient = self._token, None
        if self._starts_number():
            coefficient = self._number()
            if self._token.text == "*":
                self._take()
            elif self._token.text in ("+", "-", ")", ""):
                raise self._fault(
                    start, "a number alone is no term: give what it multiplies, as in 0.5 x"
                )
        is_bias = self._token.text in (*BIASES,)
        value = Bias(self._slot()) if is_bias else self._value()
        self._require_end_of_term(value)
        return Term(negative, coefficient, value)

    def _value(self) -> Value:
        token = self._token
        if token.text in ("x", "u"):
            return Input(self._take().text)
        if token.text in FUNCTIONS:
            return self._call()
        if token.text in (*_MATRICES,):
            return self._product()
        if token.text == "(":
            inside = self._bracketed()
            alone = inside.terms[0]
            if len(inside.terms) == 1 and alone.is_plain and not isinstance(alone.value, Bias):
                return alone.value
            return Bracket(inside)
        if token.text == "~":
            raise self._fault(token, _no_parameter("what stands before it"))
        if token.text in ("*", "/", ")"):
            raise self._fault(token, f"something is missing before {token.text}: {_MEANINGS}")
        raise self._fault(token, f"something is missing here: {_MEANINGS}")

    def _call(self) -> Call:
        word = self._take()
        if self._token.text == "~":
            raise self._fault(self._token, _no_parameter(word.text))
        if self._token.text != "(":
            raise self._fault(word, f"{word.text} takes brackets: write {word.text}(Wx)")
        return Call(word.text, self._bracketed())

    def _bracketed(self) -> Sum:
        opening = self._take()
        inside = self._sum()
        self._close(opening)
        return inside

    def _close(self, opening: Token) -> None:
        if self._token.text != ")":
            raise self._fault(opening, "this bracket is never closed: add )")
        self._take()

    def _product(self) -> Product:
        self._enter()
        letter, matrix = self._token, self._slot()
        if self._token.text == "*":
            self._take()
        behind = self._token
        if behind.text in (*BIASES,):
            raise self._fault(
                behind, f"{behind.text} is a bias, which is added: write {letter.text}x+b"
            )
        if self._starts_number():
            raise self._fault(behind, _coefficient_first(f"0.5 {letter.text}x"))
        if behind.text in ("+", "-", "/", ")", ""):
            raise self._fault(
                letter,
                f"{letter.text} is a matrix with nothing behind it: write {letter.text}x, or x for"
                " the input, b for a bias",
            )
        value = self._value()
        self._depth -= 1
        return Product(matrix, value)

    def _slot(self) -> Slot:
        letter, tied = self._take(), False
        if self._token.text == "~":
            self._take()
            tied = True
        if self._tied.setdefault(letter.text, tied) != tied:
            raise self._fault(
                letter,
                f"{letter.text} is shared by all layers in one place and not in another: write"
                f" {letter.text}~ everywhere, or nowhere",
            )
        return Slot(letter.text, tied)

    def _starts_number(self) -> bool:
        """Tell whether a coefficient begins here, or goes on."""
        token = self._token
        if token.kind == "number" or token.text in _NUMBERS:
            return True
        if token.text != "(":
            return False
        # A bracket is a coefficient's if there is a number and no letter in it.
        depth, numbers = 0, False
        for each in self._tokens[self._at :]:
            depth += {"(": 1, ")": -1}.get(each.text, 0)
            if depth == 0:
                break
            if each.kind == "letter" or each.text in FUNCTIONS:
                return False
            numbers = numbers or each.kind == "number" or each.text == "layers"
        return numbers

    def _number(self) -> Coefficient:
        self._enter()
        start, factors = self._token, [self._factor("")]
        while True:
            token = self._token
            if self._starts_number():
                factors.append(self._factor(" "))
            elif token.text == "/":
                self._take()
                if not self._starts_number():
                    raise self._fault(
                        self._token,
                        "a term is divided by numbers, layers and sqrt(...) only, before its"
                        " first letter: write 1/2 x",
                    )
                factors.append(self._factor("/"))
            elif token.text == "*" and self._continues_behind_times():
                self._take()
                factors.append(self._factor("*"))
            else:
                break
        found = tuple(factors)
        # With more layers it may leave float64 later: the block of so many says so.
        if not _is_number(number(found, 1)):
            raise self._fault(
                start, "this number leaves float64: give one between 1e-300 and 1e300"
            )
        self._depth -= 1
        return found

    def _continues_behind_times(self) -> bool:
        self._at += 1
        found = self._starts_number()
        self._at -= 1
        return found

    def _factor(self, joint: str) -> Factor:
        token = self._token
        if token.text == "layers":
            return Factor(joint, self._take().text)
        if token.kind == "number":
            if float(token.text) == 0.0:
                raise self._fault(token, f"{token.text} leaves nothing of a term: leave it out")
            return Factor(joint, self._take().text)
        if token.text == "sqrt":
            self._take()
            if self._token.text != "(":
                raise self._fault(token, "sqrt takes brackets: write sqrt(layers)")
        opening = self._take()
        if not self._starts_number():
            self._no_number_in_brackets()
        inside = self._number()
        if self._token.text not in (")", ""):
            self._no_number_in_brackets()
        self._close(opening)
        return Factor(joint, "sqrt" if token.text == "sqrt" else "", inside)

    def _no_number_in_brackets(self) -> NoReturn:
        token = self._token
        if token.text in ("+", "-"):
            raise self._fault(
                token,
                f"no {token.text} stands in a number's brackets: work it out, as 0.5 for (1-.5)",
            )
        raise self._fault(
            token,
            "a number is missing here: coefficients are of numbers, layers, sqrt(...), * and /",
        )

    def _require_end_of_term(self, value: Value | Bias) -> None:
        token = self._token
        if token.text in ("+", "-", ")", ""):
            return
        if token.text == "~":
            raise self._fault(token, _no_parameter("what stands before it"))
        behind = self._tokens[self._at + 1] if token.text == "*" else token
        if token.text == "/" or behind.kind == "number" or behind.text in _NUMBERS:
            raise self._fault(token, _coefficient_first("1/2 x"))
        if isinstance(value, Bias):
            letter = value.slot.letter
            raise self._fault(
                token,
                f"{letter} is a bias, which multiplies nothing: write + {letter}, or a matrix",
            )
        if behind.text in (*BIASES,):
            raise self._fault(
                token, f"{behind.text} is a bias, which is added: write + {behind.text}"
            )
        if behind.text in (*_MATRICES,):
            raise self._fault(
                token,
                f"{behind.text} stands behind a value: put a matrix before what it multiplies, as"
                f" {behind.text}x",
            )
        raise self._fault(
            token,
            "two values are not multiplied with each other: add them, or put a matrix between",
        )


def _is_number(value: float) -> bool:
    return value != 0.0 and math.isfinite(value)


def _no_parameter(what: str) -> str:
    return f"{what} is no parameter that layers could share: put ~ behind a matrix or a bias, as W~"


def _coefficient_first(example: str) -> str:
    return f"numbers, * and / stand before the first letter of a term: write {example}"


def _no_token_of_blocks(source: Source, token: Token) -> str:
    """Return why no block has this token, or an empty text."""
    text = token.text
    if token.kind == "letter" and text not in (*_MATRICES, *BIASES, "x", "u"):
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
    if text in _LIKE:
        return f"{text} is no sign that keyboards have: write {_LIKE[text]}"
    if text in "[]{}":
        return f"{text} is no bracket of blocks: write ( and )"
    return f"{plain(text)} means nothing here: write letters, numbers and + - * / ( ) ~"
