"""A tree as text in its own language: what is printed may be given back."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from vanish.network.expressions import functions
from vanish.network.expressions.tree import (
    HALF,
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
    has_x,
    negated,
)

if TYPE_CHECKING:
    from vanish.network.expressions.tree import Node

# How tightly what is outermost in a text binds.
SUM, PRODUCT, SIGN, POWER, ATOM = range(5)

# Exact decimals of more digits are rounded to float64, which is what they are computed in.
_MOST_DIGITS = 40

# What float64 does not hold is cut to as many digits as it has.
_MOST_DECADES, _DIGITS = 300, 17

# Zeros before or behind the digits of a number, beyond which it has an exponent.
_MOST_ZEROS = 5


def written(node: Node) -> str:
    """Return the text of a tree, which reads back as the same tree but for needless brackets."""
    return _written(node)[0]


def _within(node: Node, least: int) -> str:
    """Return a text, in brackets where it binds less tightly than is needed."""
    text, binding = _written(node)
    return text if binding >= least else f"({text})"


def _written(node: Node) -> tuple[str, int]:
    match node:
        case Number(value):
            return _number(value)
        case Constant(name) | Name(name):
            return name, ATOM
        case Sum(terms):
            return _sum(terms), SUM
        case Product(factors):
            return _product(factors)
        case Power(base, exponent):
            return _power(base, exponent)
        case Call():
            return _call(node), ATOM
        case Comparison(left, sign, right):
            return f"{written(left)}{sign}{written(right)}", SUM
        case Where(condition, yes, no):
            return f"where({','.join(map(written, (condition, yes, no)))})", ATOM
    raise AssertionError(node)


def _sum(terms: tuple[Node, ...]) -> str:
    text = _within(terms[0], PRODUCT)
    for term in terms[1:]:
        if is_negative(term):
            text += f"-{_within(negated(term), PRODUCT)}"
        else:
            text += f"+{_within(term, PRODUCT)}"
    return text


def is_negative(node: Node) -> bool:
    """Tell whether a term is written behind a minus sign."""
    match node:
        case Number(value):
            return value < 0
        case Product((Number(value), *_)):
            return value < 0
    return False


def _product(factors: tuple[Node, ...]) -> tuple[str, int]:
    first, *others = factors
    if isinstance(first, Number) and first.value < 0:
        text, binding = _written(negated(Product(factors)))
        # -(a+b) and -(-a) need brackets, -a*b and -a^2 none.
        return f"-{text}" if binding >= PRODUCT and text[0] != "-" else f"-({text})", SIGN
    text, last = _numerator(first)
    if text == "1" and last and not divides(others[0]):
        # A third of u is u/3.
        text, *others = _within(others[0], POWER), *others[1:]
    for each in others:
        if divides(each):
            text += f"/{_within(divisor(each), POWER)}"
        else:
            text += f"*{_within(each, POWER)}"
    return text + last, PRODUCT


def _numerator(first: Node) -> tuple[str, str]:
    """Return what a product begins with, and what it ends with: 2 and /3 of two thirds."""
    if isinstance(first, Number) and not is_decimal(first.value):
        above, below = fraction(first.value)
        return above, f"/{below}"
    return (written(first), "") if divides(first) else (_within(first, POWER), "")


def _power(base: Node, exponent: Node) -> tuple[str, int]:
    if divides(Power(base, exponent)):
        return f"1/{_within(divisor(Power(base, exponent)), POWER)}", PRODUCT
    if exponent == HALF:
        return f"sqrt({written(base)})", ATOM
    return f"{_within(base, ATOM)}^{_within(exponent, ATOM)}", POWER


def _call(node: Call) -> str:
    inside = [written(each) for each in node.arguments]
    # Of a number alone it must be said, for elu(2) is a name with a number.
    all_said = not any(map(has_x, node.arguments))
    for each, given in zip(functions.get(node.name).parameters, node.parameters, strict=True):
        default = isinstance(given, Number) and given.value == Fraction(repr(each.default))
        if all_said or not default:
            inside.append(f"{each.name}={written(given)}")
    return f"{node.name}({','.join(inside)})"


def is_decimal(value: Fraction) -> bool:
    """Tell whether a number has an end when it is written with a point."""
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest == 1


def fraction(value: Fraction) -> tuple[str, str]:
    """Return numerator and denominator of a number that has no end: 3.4318 and 3 for 17159/15000.

    Whichever is the shorter, whole numbers or a point above.
    """
    below = value.denominator
    for prime in (2, 5):
        while below % prime == 0:
            below //= prime
    plain = str(value.numerator), str(value.denominator)
    pointed = decimal(value * below), str(below)
    return min(plain, pointed, key=lambda pair: len(pair[0]) + len(pair[1]))


def _number(value: Fraction) -> tuple[str, int]:
    if not is_decimal(value):
        return "/".join(fraction(value)), SIGN if value < 0 else PRODUCT
    return decimal(value), SIGN if value < 0 else ATOM


def decimal(value: Fraction) -> str:
    """Return a number that has an end, exactly if it is short, with a point or an exponent."""
    sign, size = "-" if value < 0 else "", abs(value)
    shift = 0
    while size.denominator != 1:
        size, shift = size * 10, shift + 1
    digits = str(size.numerator)
    exponent = len(digits) - shift - 1
    if len(digits.strip("0")) > _MOST_DIGITS:
        if -_MOST_DECADES < exponent < _MOST_DECADES:
            return decimal(Fraction(repr(float(value))))
        digits = digits[:_DIGITS]
    if digits == "0":
        return "0"
    digits = digits.rstrip("0")
    if -_MOST_ZEROS <= exponent < len(digits) + _MOST_ZEROS:
        if exponent < 0:
            return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
        whole, rest = digits[: exponent + 1].ljust(exponent + 1, "0"), digits[exponent + 1 :]
        return f"{sign}{whole}.{rest}" if rest else f"{sign}{whole}"
    point = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{point}e{exponent}"
