"""A tree as LaTeX, of which matplotlib's mathtext takes all: a choice is written [x > 0]."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING

from vanish.network.expressions import functions
from vanish.network.expressions.tree import (
    HALF,
    ONE,
    ZERO,
    Call,
    Comparison,
    Constant,
    Name,
    Number,
    Power,
    Product,
    Sum,
    Where,
    divides,
    divisor,
    negated,
)
from vanish.network.expressions.written import decimal, fraction, is_decimal, is_negative

if TYPE_CHECKING:
    from vanish.network.expressions.tree import Node

_SUM, _PRODUCT, _POWER, _ATOM = range(4)

_OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_SIGNS = {"<=": r"\leq ", ">=": r"\geq "}


# Brackets around what is no higher than a letter need not grow.
_LOW = re.compile(r"\\left([(|])((?:(?!\\left|\\right|\\frac).)*)\\right([)|])")


def latex(node: Node) -> str:
    """Return the LaTeX of a tree."""
    text, before = _latex(node)[0], ""
    while text != before:
        text, before = _LOW.sub(r"\1\2\3", text), text
    return text


def _within(node: Node, least: int) -> str:
    text, binding = _latex(node)
    return text if binding >= least else rf"\left({text}\right)"


def _latex(node: Node) -> tuple[str, int]:
    match node:
        case Number(value):
            return _number(value)
        case Constant("pi"):
            return r"\pi", _ATOM
        case Constant(name) | Name(name):
            return name, _ATOM
        case Sum(terms):
            return _sum(terms), _SUM
        case Product(factors):
            return _product(factors)
        case Power(base, exponent):
            return _power(node, base, exponent)
        case Call(name, arguments, parameters):
            return _call(name, arguments, parameters)
        case Comparison(left, sign, right):
            return f"{latex(left)}{_SIGNS.get(sign, sign)}{latex(right)}", _SUM
        case Where(condition, yes, no):
            return _where(condition, yes, no)
    raise AssertionError(node)


def _number(value: Fraction) -> tuple[str, int]:
    if not is_decimal(value):
        above, below = fraction(abs(value))
        return rf"{'-' if value < 0 else ''}\frac{{{above}}}{{{below}}}", _PRODUCT
    mantissa, e, exponent = decimal(value).partition("e")
    if not e:
        return mantissa, _SUM if value < 0 else _ATOM
    power = f"10^{{{exponent}}}"
    return power if mantissa == "1" else rf"{mantissa}\cdot {power}", _PRODUCT


def _sum(terms: tuple[Node, ...]) -> str:
    text = _within(terms[0], _PRODUCT)
    for term in terms[1:]:
        minus = is_negative(term)
        text += "-" if minus else "+"
        text += _within(negated(term) if minus else term, _PRODUCT)
    return text


def _product(factors: tuple[Node, ...]) -> tuple[str, int]:
    if is_negative(Product(factors)):
        return f"-{_within(negated(Product(factors)), _PRODUCT)}", _PRODUCT
    first = factors[0]
    above = [each for each in factors if not divides(each)]
    below = [divisor(each) for each in factors if divides(each)]
    if isinstance(first, Number) and not is_decimal(first.value):
        above[:1] = (
            [] if first.value.numerator == 1 else [Number(first.value.numerator * ONE.value)]
        )
        below.insert(0, Number(first.value.denominator * ONE.value))
    if below:
        return rf"\frac{{{_times(above)}}}{{{_times(below)}}}", _POWER
    return _times(above), _PRODUCT


def _times(factors: list[Node]) -> str:
    if len(factors) == 1:
        return latex(factors[0])
    text = ""
    for each in factors:
        added = _within(each, _POWER)
        if text:
            # Digits behind each other would be one number.
            text += r"\cdot " if added[0].isdigit() else r"\,"
        text += added
    return text or "1"


def _power(node: Power, base: Node, exponent: Node) -> tuple[str, int]:
    if divides(node):
        return rf"\frac{{1}}{{{latex(divisor(node))}}}", _POWER
    if exponent == HALF:
        return rf"\sqrt{{{latex(base)}}}", _ATOM
    return f"{_within(base, _ATOM)}^{{{latex(exponent)}}}", _POWER


def _call(name: str, arguments: tuple[Node, ...], parameters: tuple[Node, ...]) -> tuple[str, int]:
    function = functions.get(name)
    text = function.latex.format(*map(latex, arguments))
    given = [
        latex(numeral)
        for each, numeral in zip(function.parameters, parameters, strict=True)
        if not isinstance(numeral, Number) or numeral.value != Fraction(repr(each.default))
    ]
    if given:
        text = text.replace(r"\left(", rf"_{{{','.join(given)}}}\left(", 1)
    return text, _ATOM if name != "exp" else _POWER


def _where(condition: Comparison, yes: Node, no: Node) -> tuple[str, int]:
    other = Comparison(condition.left, _OPPOSITE[condition.sign], condition.right)
    terms = []
    for value, case in ((yes, condition), (no, other)):
        if value == ZERO:
            continue
        before = "" if value == ONE else rf"{_within(value, _PRODUCT)}\,"
        terms.append(f"{before}[{latex(case)}]")
    return "+".join(terms).replace("+-", "-") or "0", _SUM if len(terms) > 1 else _PRODUCT
