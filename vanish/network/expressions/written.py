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

# Numbers of more digits are rounded to float64, which is what they are computed in.
_MOST_DIGITS = 40

# What float64 does not hold is rounded to as many digits as it has.
_LEAST, _LARGEST, _DIGITS = 1e-300, 1e300, 17

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
    """Tell whether a number is written with a point: it has an end, or is rounded to float64."""
    return _without_end(value) == 1 or _is_rounded(value)


def fraction(value: Fraction) -> tuple[str, str]:
    """Return numerator and denominator of a number that has no end: 3.4318 and 3 for 17159/15000.

    Whichever is the shorter, whole numbers or a point above.
    """
    below = _without_end(value)
    plain = str(value.numerator), str(value.denominator)
    if _is_long(value * below):
        return plain
    pointed = decimal(value * below), str(below)
    return min(plain, pointed, key=lambda pair: len(pair[0]) + len(pair[1]))


def _without_end(value: Fraction) -> int:
    """Return the factor of a denominator that no power of ten is a multiple of."""
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest


def _is_rounded(value: Fraction) -> bool:
    """Tell whether a number is written as the nearest one of float64: it is too long otherwise."""
    below = _without_end(value)
    return (
        _LEAST < abs(value) < _LARGEST
        and _is_long(value * below)
        and (below == 1 or any(map(_is_long, map(Fraction, value.as_integer_ratio()))))
    )


def _is_long(ending: Fraction) -> bool:
    """Tell whether a number that has an end has too many digits for its text."""
    return len(_whole(ending)[0].strip("0")) > _MOST_DIGITS


def _whole(ending: Fraction) -> tuple[str, int]:
    """Return the digits of a number that has an end, and how many of them are behind its point."""
    size, shift = abs(ending), 0
    while size.denominator != 1:
        size, shift = size * 10, shift + 1
    return str(size.numerator), shift


def _number(value: Fraction) -> tuple[str, int]:
    if not is_decimal(value):
        return "/".join(fraction(value)), SIGN if value < 0 else PRODUCT
    return decimal(value), SIGN if value < 0 else ATOM


def decimal(value: Fraction) -> str:
    """Return a number with a point or an exponent, exactly if it is short."""
    if _is_rounded(value):
        return decimal(Fraction(repr(float(value))))
    sign = "-" if value < 0 else ""
    digits, shift = _whole(value)
    if len(digits.strip("0")) > _MOST_DIGITS:
        digits = str(round(int(digits), _DIGITS - len(digits)))
    exponent = len(digits) - shift - 1
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
