"""S' of S: the chain rule, once.

Whatever u_1, u_2, … a node is made of, its slope is the sum of ∂node/∂u_i · u_i', as in the
article's section 2. What ∂node/∂u_i is, each kind of node says for itself; of a function its
record does, in the language.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from vanish.network.expressions import functions
from vanish.network.expressions.parser import parse
from vanish.network.expressions.tree import (
    MINUS_ONE,
    ONE,
    ZERO,
    Call,
    Name,
    Node,
    Power,
    Product,
    Sum,
    Where,
    X,
    has_x,
    replaced,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


def slope(node: Node) -> Node:
    """Return the derivative by x, as the chain rule leaves it."""
    if node == X:
        return ONE
    chosen = _chosen(node)
    if chosen is not None:
        # A choice has the slope of what it chooses; multiplied with 0 or 1 instead, what is
        # infinite and not chosen would be no number.
        return Where(chosen.condition, slope(chosen.yes), slope(chosen.no))
    return _sum(Product((outer, slope(inner))) for outer, inner in _outer_slopes(node))


def _chosen(node: Node) -> Where | None:
    """Return a choice as `where`, also one that is called max, min or clip."""
    if isinstance(node, Where):
        return node
    chosen = functions.get(node.name).chosen if isinstance(node, Call) else None
    if chosen is None:
        return None
    assert isinstance(node, Call)
    found = chosen(*node.arguments)
    assert isinstance(found, Where)
    return found


def _outer_slopes(node: Node) -> Iterator[tuple[Node, Node]]:
    """Yield ∂node/∂u and u, for each u that it is made of and that depends on x."""
    match node:
        case Sum(terms):
            yield from ((ONE, each) for each in terms if has_x(each))
        case Product(factors):
            for place, each in enumerate(factors):
                if has_x(each):
                    yield Product((*factors[:place], ONE, *factors[place + 1 :])), each
        case Power(base, exponent):
            if has_x(base):
                lower = Sum((exponent, MINUS_ONE))
                yield Product((exponent, Power(base, lower))), base
            if has_x(exponent):
                yield Product((node, Call("ln", (base,)))), exponent
        case Call(_, (inner,)) if has_x(inner):
            yield _slope_of_call(node), inner


def _slope_of_call(node: Call) -> Node:
    """Return f'(u) of f(u)."""
    function = functions.get(node.name)
    names = tuple(each.name for each in function.parameters)
    given: dict[Node, Node] = dict(zip(map(Name, names), node.parameters, strict=True))
    return replaced(_slope_text(function.slope, names), given | {X: node.arguments[0]})


@cache
def _slope_text(text: str, parameters: tuple[str, ...]) -> Node:
    return parse(text, (*parameters, "x"))


def _sum(terms: Iterator[Node]) -> Node:
    found = tuple(terms)
    return Sum(found) if len(found) > 1 else found[0] if found else ZERO
