"""A tree made shorter and stable, by a fixed list of rewrites and nothing else.

Arithmetic is here: numbers are worked out exactly, terms and factors that are alike are
collected, choices that are already made are not made again. What functions are to each other is
in `identities`. Each rewrite keeps the value at every x where the tree has one, but for sign(x)² at
0; none expands a product.
"""

from __future__ import annotations

from fractions import Fraction
from math import isqrt
from typing import TYPE_CHECKING

from vanish.network.expressions import functions, identities
from vanish.network.expressions.tree import (
    HALF,
    ONE,
    ZERO,
    Call,
    Comparison,
    Node,
    Number,
    Power,
    Product,
    Sum,
    Where,
    coefficient,
    divides,
    everywhere,
    negated,
    parts,
    rebuilt,
    replaced,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Powers of numbers that have more bits than float64's range are left as they are written.
_MOST_BITS = 1000


def tidy(node: Node) -> Node:
    """Return a tree with the same values, made shorter."""
    return _Tidying().of(node)


class _Tidying:
    """One run of `tidy`, which does the same part once."""

    def __init__(self) -> None:
        self._done: dict[Node, Node] = {}

    def of(self, node: Node) -> Node:
        """Return a tree that no rewrite changes any more."""
        if node not in self._done:
            inside = parts(node)
            found = rebuilt(node, map(self.of, inside)) if inside else node
            other = self._step(found)
            self._done[node] = other if other == found else self.of(other)
            self._done.setdefault(self._done[node], self._done[node])
        return self._done[node]

    def _step(self, node: Node) -> Node:
        """Return what one rewrite makes of a node whose parts are tidy."""
        match node:
            case Sum(terms):
                found = _collected_terms(terms)
                if found == node:
                    found = _over_one(terms) or found
            case Product(factors):
                found = _collected_factors(factors)
            case Power(base, exponent):
                found = _power(base, exponent)
            case Where(condition, yes, no):
                found = _choice(condition, yes, no)
            case _:
                found = node
        return identities.applied(found) if found == node else found


# --- sums ---


def _collected_terms(terms: Iterable[Node]) -> Node:
    """Terms that are alike are one: 2*x + 3*x is 5*x, and 1 + 2 is 3."""
    found: dict[Node | None, Fraction] = {}
    for term in _flat(terms, Sum):
        times, rest = coefficient(term)
        found[rest] = found.get(rest, Fraction(0)) + times
    return sum_of((times, rest) for rest, times in found.items())


def _over_one(terms: tuple[Node, ...]) -> Node | None:
    """R/D^n + Q/D^(n+1) is (R·D + Q)/D^(n+1), where that is shorter.

    The quotient rule leaves such terms, and they cancel: 1/(1+|x|) - |x|/(1+|x|)^2 is
    1/(1+|x|)^2, of which far out no digit would be left.
    """
    parted = [_parted(term) for term in terms]
    for one, (first, divisor, power) in enumerate(parted):
        for other, (second, same, next_power) in enumerate(parted):
            if divisor is None or divisor != same or next_power != power + 1:
                continue
            multiplied = [Product((first, each)) for each in divisor.terms]
            above = tidy(Sum((*multiplied, second)))
            if len(above.terms if isinstance(above, Sum) else (above,)) > len(divisor.terms):
                continue
            found = Product((above, Power(divisor, Number(-next_power))))
            rest = [each for place, each in enumerate(terms) if place not in (one, other)]
            return Sum((*rest, found)) if rest else found
    return None


def _parted(term: Node) -> tuple[Node, Sum | None, Fraction]:
    """Return R, D and n of a term R/D^n that is over a sum."""
    factors = term.factors if isinstance(term, Product) else (term,)
    for each in factors:
        match each:
            case Power(Sum() as divisor, Number(power)) if power < 0:
                rest = tuple(other for other in factors if other is not each)
                above = Product(rest) if len(rest) > 1 else rest[0] if rest else ONE
                return above, divisor, -power
    return term, None, Fraction(0)


def sum_of(terms: Iterable[tuple[Fraction, Node | None]]) -> Node:
    """Return a sum of numbers times nodes, without those that are 0 times."""
    made = [_times(times, rest) for times, rest in terms if times]
    return Sum(tuple(made)) if len(made) > 1 else made[0] if made else ZERO


def _times(times: Fraction, rest: Node | None) -> Node:
    if rest is None:
        return Number(times)
    if times == 1:
        return rest
    inner = rest.factors if isinstance(rest, Product) else (rest,)
    return Product((Number(times), *inner))


# --- products ---


def _collected_factors(factors: Iterable[Node]) -> Node:
    """Factors that are alike are one: 2*x*3*x is 6*x^2; those that divide stand last."""
    flat = _flat(factors, Product)
    for place, each in enumerate(flat):
        if isinstance(each, Where) and ZERO in (each.yes, each.no):
            return _taken_in(each, [*flat[:place], *flat[place + 1 :]])
    times = Fraction(1)
    powers: dict[Node, list[Node]] = {}
    grown: list[Node] = []
    for each in flat:
        match each:
            case Number(value):
                times *= value
            case Call("exp", (inside,)):
                grown.append(inside)
                powers.setdefault(_E, [])
            case Power(base, exponent):
                powers.setdefault(base, []).append(exponent)
            case _:
                powers.setdefault(each, []).append(ONE)
    if not times:
        return ZERO
    if len(flat) == 2 and times == -1 and isinstance(flat[1], Sum):
        # -(a-b) is b-a, so that a sum and its negative are seen to be that.
        return Sum(tuple(map(negated, flat[1].terms)))
    if grown:
        powers[_E] = grown
    made = [_raised(base, exponents) for base, exponents in powers.items()]
    over = [each for each in made if divides(each)]
    rest = [each for each in made if not divides(each) and each != ONE]
    number = [Number(times)] if times != 1 or not (rest or over) else []
    found = (*number, *rest, *over)
    return Product(found) if len(found) > 1 else found[0]


# Stands for the base of exp among the bases of a product.
_E = Call("exp", (ONE,))


def _raised(base: Node, exponents: list[Node]) -> Node:
    total = exponents[0] if len(exponents) == 1 else Sum(tuple(exponents))
    if base == _E:
        return Call("exp", (total,))
    return base if total == ONE else Power(base, total)


def _taken_in(choice: Where, others: list[Node]) -> Node:
    """A choice of 0 takes its factors in: 0 times what is infinite elsewhere would be no number."""
    yes, no = (
        ZERO if each == ZERO else Product((*others, each)) for each in (choice.yes, choice.no)
    )
    return Where(choice.condition, yes, no)


def _flat(nodes: Iterable[Node], kind: type[Sum | Product]) -> list[Node]:
    return [
        inner for each in nodes for inner in (parts(each) if isinstance(each, kind) else (each,))
    ]


# --- powers ---


def _power(base: Node, exponent: Node) -> Node:
    """Powers of numbers are numbers, u^0 is 1, (u^a)^n is u^(a*n) for a whole n."""
    if ONE in (exponent, base):
        return base
    if not isinstance(exponent, Number):
        return Power(base, exponent)
    power = exponent.value
    if power == 0:
        return ONE
    match base:
        case Number(value):
            return _of_number(value, power) or Power(base, exponent)
        case Call("exp", (inside,)):
            return Call("exp", (Product((exponent, inside)),))
        case Power(inner, Number(first)) if power.denominator == 1:
            return Power(inner, Number(first * power))
        case Product(factors) if power.denominator == 1:
            return Product(tuple(Power(each, exponent) for each in factors))
    return Power(base, exponent)


def _of_number(value: Fraction, power: Fraction) -> Node | None:
    """Return value^power where that is a fraction of bearable length."""
    if value == 0:
        return ZERO if power > 0 else None
    bits = max(value.numerator.bit_length(), value.denominator.bit_length())
    if power.denominator == 1 and abs(power) * bits <= _MOST_BITS:
        return Number(value ** int(power))
    if abs(power) == HALF.value and value > 0:
        roots = isqrt(value.numerator), isqrt(value.denominator)
        if roots[0] ** 2 == value.numerator and roots[1] ** 2 == value.denominator:
            return Number(Fraction(*roots) ** (1 if power > 0 else -1))
    return None


# --- choices ---


def _choice(condition: Comparison, yes: Node, no: Node) -> Node:
    """A choice between equals is none; what a condition settles is not asked again in it."""
    if yes == no:
        return yes
    left, right = condition.left, condition.right
    if isinstance(left, Number) and isinstance(right, Number):
        return yes if holds(left.value, condition.sign, right.value) else no
    return Where(
        condition, _settled(yes, condition, true=True), _settled(no, condition, true=False)
    )


def holds(left: Fraction, sign: str, right: Fraction) -> bool:
    """Tell whether a comparison of two numbers is true."""
    return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[sign]


def _settled(branch: Node, condition: Comparison, *, true: bool) -> Node:
    """Return a branch in which the choices by its own condition are made."""
    made = {
        each: choice.yes if true else choice.no
        for each in everywhere(branch)
        for choice in _choices(each)
        if choice.condition == condition
    }
    return replaced(branch, made) if made else branch


def _choices(node: Node) -> Iterator[Where]:
    """Yield the choices that a node is, as `where`."""
    match node:
        case Where():
            yield node
        case Call("abs", (inside,)):
            for sign in (">", ">="):
                yield Where(Comparison(inside, sign, ZERO), inside, negated(inside))
            for sign in ("<", "<="):
                yield Where(Comparison(inside, sign, ZERO), negated(inside), inside)
        case Call(name, arguments):
            chosen = functions.get(name).chosen
            if chosen is not None:
                found = chosen(*arguments)
                assert isinstance(found, Where)
                yield found
