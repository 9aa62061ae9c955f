"""What a formula says: a tree of frozen nodes, equal where they differ in the order of terms only.

Division is a power of -1 and subtraction a factor of -1, so that each rule about products and
sums is needed once. Numbers are exact: 0.1 is one tenth, and rounded when S is evaluated.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

# Python writes no whole number of more than 4300 digits in decimal.
DECIMAL_BITS = 10_000


@dataclass(frozen=True, eq=False, slots=True)
class Node:
    """A part of a formula.

    Attributes
    ----------
    key
        The same text for nodes that are equal whatever the order of their terms and factors.
    """

    key: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", self._key())

    def _key(self) -> str:
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Node) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


@dataclass(frozen=True, eq=False, slots=True)
class Number(Node):
    """An exact number."""

    value: Fraction

    def _key(self) -> str:
        above, below = self.value.numerator, self.value.denominator
        if max(above.bit_length(), below.bit_length()) > DECIMAL_BITS:
            return f"{above:#x}/{below:#x}"
        return str(self.value)


@dataclass(frozen=True, eq=False, slots=True)
class Constant(Node):
    """A number that has a name: pi or e."""

    name: str

    def _key(self) -> str:
        return self.name


@dataclass(frozen=True, eq=False, slots=True)
class Name(Node):
    """What a formula is of: x, or in a function's own text one of its parameters."""

    name: str

    def _key(self) -> str:
        return self.name


@dataclass(frozen=True, eq=False, slots=True)
class Sum(Node):
    """Two terms or more."""

    terms: tuple[Node, ...]

    def _key(self) -> str:
        return f"({'+'.join(sorted(each.key for each in self.terms))})"


@dataclass(frozen=True, eq=False, slots=True)
class Product(Node):
    """Two factors or more; those that divide are powers of a negative number."""

    factors: tuple[Node, ...]

    def _key(self) -> str:
        return f"({'*'.join(sorted(each.key for each in self.factors))})"


@dataclass(frozen=True, eq=False, slots=True)
class Power(Node):
    """base^exponent."""

    base: Node
    exponent: Node

    def _key(self) -> str:
        return f"({self.base.key}^{self.exponent.key})"


@dataclass(frozen=True, eq=False, slots=True)
class Call(Node):
    """A function of its arguments, with parameters that have no x in them."""

    name: str
    arguments: tuple[Node, ...]
    parameters: tuple[Node, ...] = ()

    def _key(self) -> str:
        inside = ",".join(each.key for each in self.arguments)
        numbers = "".join(f";{each.key}" for each in self.parameters)
        return f"{self.name}({inside}{numbers})"


@dataclass(frozen=True, eq=False, slots=True)
class Comparison(Node):
    """A condition: left < right, or with <=, > or >=."""

    left: Node
    sign: str
    right: Node

    def _key(self) -> str:
        return f"({self.left.key}{self.sign}{self.right.key})"


@dataclass(frozen=True, eq=False, slots=True)
class Where(Node):
    """One of two, as a condition says."""

    condition: Comparison
    yes: Node
    no: Node

    def _key(self) -> str:
        return f"where({self.condition.key},{self.yes.key},{self.no.key})"


X = Name("x")


def number(value: int | str | Fraction) -> Number:
    """Return an exact number; of a text the one that it spells."""
    return Number(Fraction(value))


ZERO, ONE, TWO, MINUS_ONE = number(0), number(1), number(2), number(-1)
HALF = number("1/2")


def parts(node: Node) -> tuple[Node, ...]:
    """Return what a node is made of, in the order in which `rebuilt` takes it."""
    match node:
        case Sum(each) | Product(each):
            return each
        case Power(base, exponent):
            return base, exponent
        case Call(_, arguments, parameters):
            return (*arguments, *parameters)
        case Comparison(left, _, right):
            return left, right
        case Where(condition, yes, no):
            return condition, yes, no
    return ()


def rebuilt(node: Node, made_of: Iterable[Node]) -> Node:
    """Return a node of the same kind made of other parts."""
    others = tuple(made_of)
    match node:
        case Sum():
            return Sum(others)
        case Product():
            return Product(others)
        case Power():
            return Power(*others)
        case Call(name, arguments, _):
            return Call(name, others[: len(arguments)], others[len(arguments) :])
        case Comparison(_, sign, _):
            return Comparison(others[0], sign, others[1])
        case Where():
            condition, yes, no = others
            assert isinstance(condition, Comparison)
            return Where(condition, yes, no)
    return node


def everywhere(node: Node) -> Iterator[Node]:
    """Yield a node and all that is in it."""
    yield node
    for each in parts(node):
        yield from everywhere(each)


def distinct(node: Node) -> Iterable[Node]:
    """Return every node of a tree once, however often it is in it."""
    found: dict[Node, None] = {}
    waiting = [node]
    while waiting:
        each = waiting.pop()
        if each not in found:
            found[each] = None
            waiting += reversed(parts(each))
    return found


def replaced(node: Node, others: Mapping[Node, Node]) -> Node:
    """Return a node with other ones in the place of some of its parts."""
    if node in others:
        return others[node]
    inside = parts(node)
    return rebuilt(node, [replaced(each, others) for each in inside]) if inside else node


def has_x(node: Node) -> bool:
    """Tell whether a node depends on x."""
    return X in everywhere(node)


def negated(node: Node) -> Node:
    """Return -node, without two signs in front of each other."""
    match node:
        case Number(value):
            return Number(-value)
        case Product((Number(value), *others)) if others:
            rest = Product(tuple(others)) if len(others) > 1 else others[0]
            return rest if value == -1 else Product((Number(-value), *others))
        case Product(factors):
            return Product((MINUS_ONE, *factors))
    return Product((MINUS_ONE, node))


def product(factors: Sequence[Node]) -> Node:
    """Return a product of some nodes, those that are products themselves taken in."""
    flat = [
        inner
        for factor in factors
        for inner in (factor.factors if isinstance(factor, Product) else (factor,))
    ]
    # A sign within goes to the front: -x*y is (-1)*x*y, however it was put in brackets.
    signs = [each for each in flat[1:] if each == MINUS_ONE]
    if signs:
        rest = [flat[0], *(each for each in flat[1:] if each != MINUS_ONE)]
        found = product(rest)
        return negated(found) if len(signs) % 2 else found
    if len(flat) > 1 and flat[0] == MINUS_ONE and isinstance(flat[1], Number):
        return product([Number(-flat[1].value), *flat[2:]])
    return Product(tuple(flat)) if len(flat) > 1 else flat[0]


def added(*terms: Node) -> Node:
    """Return the sum of one node or more."""
    return Sum(terms) if len(terms) > 1 else terms[0]


def inverse(divisor: Node) -> Node:
    """Return 1/divisor."""
    if isinstance(divisor, Power) and isinstance(divisor.exponent, Number) and not divides(divisor):
        return Power(divisor.base, Number(-divisor.exponent.value))
    return Power(divisor, MINUS_ONE)


def divides(node: Node) -> bool:
    """Tell whether a factor is written behind a stroke."""
    return isinstance(node, Power) and isinstance(node.exponent, Number) and node.exponent.value < 0


def coefficient(term: Node) -> tuple[Fraction, Node | None]:
    """Return the number that a term begins with, and what it multiplies."""
    match term:
        case Number(value):
            return value, None
        case Product((Number(value), *rest)) if rest:
            return value, rest[0] if len(rest) == 1 else Product(tuple(rest))
    return Fraction(1), term


def divisor(node: Node) -> Node:
    """Return what a factor divides by."""
    assert isinstance(node, Power)
    assert isinstance(node.exponent, Number)
    exponent = -node.exponent.value
    return node.base if exponent == 1 else Power(node.base, Number(exponent))
