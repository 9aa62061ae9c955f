"""What functions are to each other, where one way to write it is stable and another is not.

People write 1/(1+exp(-x)), whose S' is ∞/∞ at x = -1000, or 1+tanh(u), of which no digit is left
at u = -20. Each is rewritten as a function that keeps its digits; there are no others.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations
from typing import TYPE_CHECKING

from vanish.network.expressions.tree import (
    HALF,
    MINUS_ONE,
    ONE,
    TWO,
    Call,
    Node,
    Number,
    Power,
    Product,
    Sum,
    coefficient,
    negated,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def applied(node: Node) -> Node:
    """Return a tidy node as the first identity that fits writes it, or itself."""
    for kind, identities in _IDENTITIES:
        if isinstance(node, kind):
            for identity in identities:
                found = identity(node)
                if found is not None:
                    return found
    return node


def _times(*factors: Node) -> Product:
    return Product(factors)


def _minus(node: Node) -> Node:
    """Return -node as a tidy tree has it."""
    return Sum(tuple(map(negated, node.terms))) if isinstance(node, Sum) else negated(node)


# --- a number beside a call ---


def _of(name: str, u: Node) -> Call:
    return Call(name, (u,))


def _sigmoid_of_twice(u: Node) -> Node:
    return _times(TWO, _of("sigmoid", _times(TWO, u)))


def _distribution(u: Node) -> Node:
    return _times(TWO, _of("Phi", _times(u, Power(TWO, HALF))))


# For a call f(u), a power of it and a number n: what f(u)^power + n is.
_WITH_NUMBER: dict[tuple[str, int, Fraction], Callable[[Node], Node]] = {
    ("exp", 1, Fraction(-1)): lambda u: _of("expm1", u),
    ("tanh", 1, Fraction(1)): _sigmoid_of_twice,
    ("tanh", 1, Fraction(-1)): lambda u: _minus(_sigmoid_of_twice(_minus(u))),
    ("tanh", 2, Fraction(-1)): lambda u: _minus(Power(_of("sech", u), TWO)),
    ("sech", 2, Fraction(-1)): lambda u: _minus(Power(_of("tanh", u), TWO)),
    ("sigmoid", 1, Fraction(-1)): lambda u: _minus(_of("sigmoid", _minus(u))),
    ("sigmoid", 1, Fraction(-1, 2)): lambda u: _times(HALF, _of("tanh", _times(HALF, u))),
    ("erf", 1, Fraction(1)): _distribution,
    ("erf", 1, Fraction(-1)): lambda u: _minus(_distribution(_minus(u))),
    ("Phi", 1, Fraction(-1)): lambda u: _minus(_of("Phi", _minus(u))),
}


def _number_beside_call(node: Sum) -> Node | None:
    number = next((each for each in node.terms if isinstance(each, Number)), None)
    if number is None:
        return None
    for term in node.terms:
        times, rest = coefficient(term)
        base, power = (rest.base, rest.exponent) if isinstance(rest, Power) else (rest, ONE)
        if isinstance(base, Call) and power in (ONE, TWO):
            size = 1 if power == ONE else 2
            made = _WITH_NUMBER.get((base.name, size, number.value / times))
            if made is not None:
                one = _times(Number(times), made(base.arguments[0]))
                return _without(node, (number, term), one)
    return None


def _without(node: Sum, gone: tuple[Node, ...], one: Node) -> Node:
    """Return a sum with one node in the place of some of its terms."""
    rest = tuple(each for each in node.terms if each not in gone)
    return Sum((*rest, one)) if rest else one


def _hyperbolic(node: Sum) -> Node | None:
    """e^u + e^-u is 2 cosh u, e^u - e^-u is 2 sinh u."""
    for first, second in permutations(node.terms, 2):
        (times, one), (others, other) = coefficient(first), coefficient(second)
        match one, other:
            case Call("exp", (u,)), Call("exp", (v,)) if v == _minus(u) and abs(times) == abs(
                others
            ):
                name = "cosh" if times == others else "sinh"
                return _without(node, (first, second), _times(TWO, Number(times), _of(name, u)))
    return None


# --- quotients ---


def _one_and_exp(node: Node) -> Node | None:
    """Return u of 1 + e^u."""
    match node:
        case Sum((first, second)):
            for one, other in ((first, second), (second, first)):
                match other:
                    case Call("exp", (u,)) if one == ONE:
                        return u
    return None


def _logistic(node: Power) -> Node | None:
    """1/(1+e^u) is σ(-u), and 1/cosh is sech."""
    if not isinstance(node.exponent, Number) or node.exponent.value >= 0:
        return None
    over = Number(-node.exponent.value)
    u = _one_and_exp(node.base)
    if u is not None:
        return Power(_of("sigmoid", _minus(u)), over)
    match node.base:
        case Call("cosh", (u,)):
            return Power(_of("sech", u), over)
    return None


def _pairs(node: Product, *names: str) -> Iterator[tuple[Call, Node, Node]]:
    """Yield two factors of a product and the base of the second: the first calls one of these."""
    for first in node.factors:
        if isinstance(first, Call) and first.name in names:
            for second in node.factors:
                if second is first:
                    continue
                if not (isinstance(second, Power) and isinstance(second.exponent, Number)):
                    yield first, second, second
                elif second.exponent.value >= 1:
                    yield first, second, second.base


def _meeting(node: Product) -> Node | None:
    """e^u σ(-u) is σ(u), (e^u-1) σ(-u) is tanh(u/2), sinh u sech u is tanh u."""
    for first, second, base in _pairs(node, "exp", "expm1", "sinh"):
        made = _met(first, base)
        if made is not None:
            return _replaced(node, first, second, made, base)
    return None


def _met(first: Node, second: Node) -> Node | None:
    """Return the product of two calls where it is one."""
    match first, second:
        case Call("exp", (u,)), Call("sigmoid", (v,)) if v == _minus(u):
            return _of("sigmoid", u)
        case Call("expm1", (u,)), Call("sigmoid", (v,)) if v == _minus(u):
            return _of("tanh", _times(HALF, u))
        case Call("sinh", (u,)), Call("sech", (v,)) if v == u:
            return _of("tanh", u)
    return None


def _replaced(node: Product, first: Node, second: Node, one: Node, base: Node) -> Node:
    """Return a product with one factor for two: the first, and one of the second's power."""
    rest = [each for each in node.factors if each not in (first, second)]
    less = [] if second == base else [_times(second, Power(base, MINUS_ONE))]
    return _times(*rest, *less, one)


# --- logarithms ---


def _logarithm(node: Call) -> Node | None:
    """ln(1+e^u) is softplus, ln σ(u) is -softplus(-u), ln(1+u) is log1p."""
    match node:
        case Call("ln", (Call("sigmoid", (u,)),)):
            return _minus(_softplus(_minus(u)))
        case Call("log1p", (Call("exp", (u,)),)):
            return _softplus(u)
        case Call("ln", (Sum(terms) as inside,)):
            grown = _one_and_exp(inside)
            if grown is not None:
                return _softplus(grown)
            if ONE in terms:
                rest = tuple(each for each in terms if each != ONE)
                return _of("log1p", Sum(rest) if len(rest) > 1 else rest[0])
    return None


def _softplus(u: Node) -> Call:
    return Call("softplus", (u,), (ONE,))


# --- signs ---


def _sign_squared(node: Power) -> Node | None:
    """sign(u)² is 1: at u = 0, S' of sign(u) f(|u|) is what it is beside it."""
    match node:
        case Power(Call("sign") as sign, Number(power)) if power.denominator == 1 and power > 1:
            return ONE if power % 2 == 0 else sign
    return None


def _signed(node: Product) -> Node | None:
    """The product of u and sign(u) is |u|, and |u| sign(u) is u."""
    for sign, second, base in _pairs(node, "sign"):
        (u,) = sign.arguments
        if base in (u, _of("abs", u)):
            one = _of("abs", u) if base == u else u
            return _replaced(node, sign, second, one, base)
    return None


def _at_zero(node: Call) -> Node | None:
    """e^0 is 1."""
    return ONE if node.name == "exp" and node.arguments[0] == Number(Fraction(0)) else None


# f(-u) is f(u), or -f(u).
_EVEN = ("abs", "cos", "cosh", "sech", "phi")
_ODD = ("sign", "sin", "tan", "tanh", "sinh", "atan", "asinh", "erf")


def _mirrored(node: Call) -> Node | None:
    """cos(-u) is cos u, tanh(-u) is -tanh u: a sign in brackets says nothing, or stands outside."""
    if node.name not in (*_EVEN, *_ODD) or coefficient(node.arguments[0])[0] >= 0:
        return None
    positive = _of(node.name, negated(node.arguments[0]))
    return positive if node.name in _EVEN else negated(positive)


_IDENTITIES: tuple[tuple[type[Node], tuple[Callable[..., Node | None], ...]], ...] = (
    (Sum, (_number_beside_call, _hyperbolic)),
    (Product, (_meeting, _signed)),
    (Power, (_logistic, _sign_squared)),
    (Call, (_logarithm, _at_zero, _mirrored)),
)
