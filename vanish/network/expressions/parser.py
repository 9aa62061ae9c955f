"""From the text of a formula to its tree, by recursive descent.

sum       = term {("+" | "-") term}
term      = factor {("*" | "/") factor}
factor    = ("+" | "-") factor | power
power     = atom [("^" | "**") factor]
atom      = NUMBER | "x" | "pi" | "e" | call | "(" sum ")"
call      = NAME "(" argument {"," argument} ")"
          | "where" "(" condition "," sum "," sum ")"
argument  = [WORD "="] sum
condition = sum ("<" | "<=" | ">" | ">=") sum

So -x^2 is -(x^2), 2^-x is 2^(-x) and x^2^3 is x^(2^3). Nothing is evaluated as Python.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from fractions import Fraction
from typing import TYPE_CHECKING

from vanish.network.expressions import functions, misreadings
from vanish.network.expressions.tree import (
    ONE,
    ZERO,
    Call,
    Comparison,
    Constant,
    Name,
    Number,
    Power,
    Sum,
    Where,
    divides,
    has_x,
    inverse,
    negated,
    product,
)
from vanish.network.expressions.written import written
from vanish.network.formulas.source import Cursor, Source
from vanish.network.registry import folded

if TYPE_CHECKING:
    from collections.abc import Collection

    from vanish.network.expressions.functions import Function
    from vanish.network.expressions.tree import Node
    from vanish.network.formulas.source import Token

# Trees are walked by functions that call themselves: Python's own stack must hold them.
_DEEPEST = 25

# ^ is a sign of formulas.
_CARET = "‸"

_COMPARED = ("<", "<=", ">", ">=")
_SIGNS = (*_COMPARED, "==", "!=", "=")

_CONSTANTS = {"pi": Constant("pi"), "e": Constant("e")}


def parse(text: str, parameters: Collection[str] = ()) -> Node:
    """Return the tree of a formula of x, as it is written.

    Parameters
    ----------
    text
        Itself.
    parameters
        Names beside x that it may be of, as a function's own text has them.

    Raises
    ------
    UsageError
        If it is none; the message points at the character.
    """
    return _Parser(Source("activation", text, _CARET), parameters).formula()


class _Arithmetic(ABC):
    """Reads numbers, x, signs and brackets.

    Parameters
    ----------
    source
        Its text.
    parameters
        As of `parse`.
    """

    def __init__(self, source: Source, parameters: Collection[str]) -> None:
        self._cursor = Cursor(source, source.tokens(names=True, signs=_SIGNS), deepest=_DEEPEST)
        self._parameters = parameters

    def formula(self) -> Node:
        """Return the tree of the whole text."""
        cursor = self._cursor
        first = cursor.token
        if not first.text:
            raise cursor.fault(first, "there is nothing: give a formula such as x*sigmoid(x)")
        found = self._sum()
        if cursor.token.text:
            raise cursor.fault(cursor.token, misreadings.unexpected(cursor.token))
        if not self._parameters and not has_x(found):
            raise cursor.fault(first, misreadings.without_x(cursor.tokens))
        return found

    def _sum(self) -> Node:
        cursor = self._cursor
        with cursor.deeper("brackets"):
            terms = [self._term()]
            while cursor.token.text in ("+", "-"):
                minus = cursor.take().text == "-"
                term = self._term()
                terms.append(negated(term) if minus else term)
        # Brackets around a sum in a sum say nothing.
        flat = [
            inner for term in terms for inner in (term.terms if isinstance(term, Sum) else (term,))
        ]
        return Sum(tuple(flat)) if len(flat) > 1 else flat[0]

    def _term(self) -> Node:
        cursor = self._cursor
        factors = [self._factor()]
        while cursor.token.text in ("*", "/"):
            over, behind = cursor.take().text == "/", cursor.token
            factor = self._factor()
            if over and factor == ZERO:
                raise cursor.fault(behind, "nothing is divided by 0: give another number")
            factors.append(inverse(factor) if over else factor)
        if len(factors) > 1 and factors[0] == ONE and divides(factors[1]):
            # 1/u is a power of u by itself.
            del factors[0]
        return product(factors)

    def _factor(self) -> Node:
        cursor = self._cursor
        minus = False
        while cursor.token.text in ("+", "-"):
            minus ^= cursor.take().text == "-"
        found = self._power()
        return negated(found) if minus else found

    def _power(self) -> Node:
        cursor = self._cursor
        base = self._atom()
        if not cursor.takes("^", "**"):
            self._require_sign()
            return base
        with cursor.deeper("powers"):
            exponent = self._factor()
        if base == _CONSTANTS["e"]:
            return Call("exp", (exponent,))
        return Power(base, exponent)

    def _atom(self) -> Node:
        cursor = self._cursor
        token = cursor.token
        if token.kind == "number":
            return self._number(cursor.take())
        if token.text == "(":
            cursor.take()
            found = self._sum()
            self._close(token)
            return found
        if token.kind == "word":
            return self._word(cursor.take())
        if token.kind == "strange":
            raise cursor.fault(token, misreadings.unexpected(token))
        what = f"before {token.text}" if token.text else "at the end"
        raise cursor.fault(
            token, f"something is missing {what}: x, a number, a function or a bracket"
        )

    def _number(self, token: Token) -> Node:
        # First as float64: what an exponent of nine digits means is no fraction to hold.
        rounded, digits = float(token.text), token.text.lower().partition("e")[0]
        if math.isinf(rounded) or (rounded == 0.0 and digits.strip("0.")):
            raise self._cursor.fault(
                token, "this number leaves float64: give one between 1e-300 and 1e300"
            )
        return Number(Fraction(token.text)) if rounded else ZERO

    @abstractmethod
    def _word(self, token: Token) -> Node:
        """Return what a word that was taken means, with what stands in its brackets."""

    def _close(self, opening: Token) -> None:
        token = self._cursor.token
        if token.text not in (")", ""):
            raise self._cursor.fault(token, misreadings.unexpected(token))
        self._cursor.close(opening)

    def _require_sign(self) -> None:
        """Require that what comes behind a value is no other value."""
        token = self._cursor.token
        is_word = token.kind == "word" and token.text not in misreadings.CHOOSING
        if is_word or token.kind == "number" or token.text == "(":
            raise self._cursor.fault(token, "a sign is missing here: write 2*x for 2x")


class _Parser(_Arithmetic):
    """Reads one formula, with the functions in it."""

    def _word(self, token: Token) -> Node:
        cursor = self._cursor
        called = cursor.token.text == "("
        if token.text == "x" or token.text in self._parameters or token.text in _CONSTANTS:
            if called:
                raise cursor.fault(token, f"{token.text} is no function: write {token.text}*(...)")
            return _CONSTANTS.get(token.text) or Name(token.text)
        if folded(token.text) == "where":
            return self._where(token)
        function = functions.find(token.text)
        if function is None:
            raise cursor.fault(token, misreadings.unknown(token.text))
        if not called:
            if cursor.token.text in ("^", "**"):
                raise cursor.fault(
                    token, f"powers stand behind the brackets: write {token.text}(x)^2"
                )
            raise cursor.fault(token, f"{token.text} takes brackets: write {function.usage}")
        return self._call(token, function)

    def _call(self, name: Token, function: Function) -> Node:
        cursor = self._cursor
        opening = cursor.take()
        wanted = [*function.arguments, *(each.name for each in function.parameters)]
        found: dict[int, Node] = {}
        while cursor.token.text not in (")", ""):
            start = cursor.token
            place = self._place(function, start, found)
            if place >= len(wanted):
                raise cursor.fault(start, f"one too many: write {function.usage}")
            if place in found:
                raise cursor.fault(start, f"{wanted[place]} is said twice: leave one out")
            found[place] = self._sum()
            if place >= len(function.arguments) and has_x(found[place]):
                raise cursor.fault(start, f"{wanted[place]} is a number: leave x out of it")
            if not cursor.takes(","):
                break
        self._close(opening)
        return self._made(name, function, found)

    def _place(self, function: Function, start: Token, found: Collection[int]) -> int:
        """Return which argument or parameter comes."""
        cursor = self._cursor
        if start.kind != "word" or cursor.rest[1].text != "=":
            return next(place for place in range(len(found) + 1) if place not in found)
        for place, each in enumerate(function.parameters, len(function.arguments)):
            if folded(start.text) in map(folded, (each.name, *each.aliases)):
                cursor.take()
                cursor.take()
                return place
        raise cursor.fault(start, f"{function.name} has no {start.text}: write {function.usage}")

    def _made(self, name: Token, function: Function, found: dict[int, Node]) -> Node:
        count = len(function.arguments)
        if any(place not in found for place in range(count)):
            raise self._cursor.fault(
                name, f"{name.text} needs {_counted(count)} in its brackets: write {function.usage}"
            )
        arguments = tuple(found[place] for place in range(count))
        if function.means is not None:
            return function.means(*arguments)
        numbers = []
        for place, each in enumerate(function.parameters, count):
            assert each.default is not None
            numbers.append(found.get(place) or Number(Fraction(repr(each.default))))
        if numbers and len(found) == 1 and not self._parameters and not has_x(arguments[0]):
            first = function.parameters[0].name
            raise self._cursor.fault(
                name,
                f"{name.text} is of a number here: write"
                f" {name.text}(x, {first}={written(arguments[0])})",
            )
        if function.activation is not None and not function.slope:
            raise self._cursor.fault(
                name,
                f"{name.text} has no S' in the language of formulas: register it with definition",
            )
        return Call(function.name, arguments, tuple(numbers))

    def _where(self, name: Token) -> Where:
        cursor = self._cursor
        opening = cursor.token
        usage = "write where(x>0, x, 0.1*x)"
        if opening.text != "(":
            raise cursor.fault(name, f"where takes brackets: {usage}")
        cursor.take()
        left = self._sum()
        sign = cursor.take()
        if sign.text in ("==", "!=", "="):
            raise cursor.fault(sign, f"conditions have <, <=, > or >=: {usage}")
        if sign.text not in _COMPARED:
            raise cursor.fault(sign, f"a condition with <, <=, > or >= is missing: {usage}")
        condition = Comparison(left, sign.text, self._sum())
        if cursor.token.text in _SIGNS:
            raise cursor.fault(
                cursor.token,
                "a condition has one comparison: write where(x>0, where(x<1, x, 1), 0)",
            )
        chosen = []
        for _ in range(2):
            if not cursor.takes(","):
                raise cursor.fault(cursor.token, f"where takes a condition and two values: {usage}")
            chosen.append(self._sum())
        if cursor.token.text == ",":
            raise cursor.fault(cursor.token, f"one too many: {usage}")
        self._close(opening)
        return Where(condition, chosen[0], chosen[1])


def _counted(count: int) -> str:
    return {1: "one value", 2: "two values", 3: "three values"}[count]
