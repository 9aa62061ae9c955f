"""Where a formula bends: the choices in it, and what is left of it where they are made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanish.network.activations import catalogue
from vanish.network.expressions import functions
from vanish.network.expressions.crossing import crossings
from vanish.network.expressions.evaluate import Program, constant
from vanish.network.expressions.parser import parse
from vanish.network.expressions.tidy import tidy
from vanish.network.expressions.tree import (
    MINUS_ONE,
    ONE,
    ZERO,
    Call,
    Comparison,
    Name,
    Node,
    Where,
    X,
    added,
    distinct,
    everywhere,
    negated,
    number,
    parts,
    rebuilt,
    replaced,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vanish.numbers.scaled import FloatArray

# Of so many ways to choose at once no more are looked at.
_MOST_WAYS = 200


class Switch:
    """A function of x whose sign tells what a formula chooses: it may bend where that changes.

    Parameters
    ----------
    node
        Its tree.
    """

    def __init__(self, node: Node) -> None:
        self._program = Program(node)

    def __call__(self, x: FloatArray) -> FloatArray:
        """Return its values, elementwise."""
        return self._program(x)[0]


def switches(node: Node) -> tuple[Switch, ...]:
    """Return what decides about the choices in a tree."""
    return tuple(Switch(tidy(each)) for each in dict.fromkeys(_differences(node)))


def roots(function: Callable[[FloatArray], FloatArray], points: FloatArray) -> list[float]:
    """Return where a function changes its sign, the least in size first.

    Parameters
    ----------
    function
        It is asked at the points, and then between two of them that differ in sign.
    points
        In ascending order, shape (n,).
    """
    sign = np.sign(function(points))
    found = points[sign == 0.0].tolist()
    places = np.flatnonzero(sign[1:] * sign[:-1] < 0.0)
    found += crossings(function, points[places], points[places + 1])[1].tolist()
    return sorted(found, key=abs)


def _differences(node: Node) -> Iterator[Node]:
    for each in distinct(node):
        if isinstance(each, Comparison):
            yield added(each.left, negated(each.right))
        elif isinstance(each, Call):
            function = functions.get(each.name)
            if function.chosen is not None:
                # What it compares, of its arguments by name: their own are met by themselves.
                names = [Name(f"_{place}") for place in range(len(each.arguments))]
                given: dict[Node, Node] = dict(zip(names, each.arguments, strict=True))
                compared = _differences(function.chosen(*names))
                yield from (replaced(difference, given) for difference in compared)
            for bend in function.bends(*map(constant, each.parameters)):
                yield added(each.arguments[0], number(repr(-bend)))


def parts_written_out(node: Node) -> int:
    """Return how many parts a tree has once its choices are written out, copies counted."""
    known: dict[Node, int] = {}

    def count(node: Node) -> int:
        if node not in known:
            inside = [count(each) for each in parts(node)]
            chosen = functions.get(node.name).chosen if isinstance(node, Call) else None
            if chosen is not None:
                names = [Name(f"_{place}") for place in range(len(inside))]
                copies = [*everywhere(chosen(*names))]
                inside = [copies.count(name) * own for name, own in zip(names, inside, strict=True)]
            known[node] = 1 + sum(inside)
        return known[node]

    return count(node)


def is_zero_somewhere(node: Node, x: FloatArray) -> bool:
    """Tell whether a tree is 0 on an interval by its own rules.

    Where it is too small for float64 only it is not.

    Parameters
    ----------
    node
        The tree, of a slope.
    x
        Where to look, shape (n,): one point at least of every interval that counts.
    """
    plain = _defined(node)
    asked = [*dict.fromkeys(_conditions(plain))]
    program = Program(*asked)
    truths = np.transpose(program(x)) if asked else np.zeros((1, 0))
    ways = np.unique(truths, axis=0)[:_MOST_WAYS]
    zeros = [
        tidy(_settled(plain, dict(zip(asked, map(bool, way), strict=True)))) == ZERO
        for way in ways.tolist()
    ]
    return any(zeros)


def _defined(node: Node) -> Node:
    """Return a tree with what bends written out by its definition: relu(u) as max(u, 0)."""
    inside = [_defined(each) for each in parts(node)]
    found = rebuilt(node, inside) if inside else node
    if not isinstance(found, Call):
        return found
    function = functions.get(found.name)
    if function.chosen is not None:
        return function.chosen(*found.arguments)
    if function.activation is None or not function.bends(*map(constant, found.parameters)):
        return found
    names = tuple(each.name for each in function.parameters)
    text = catalogue.get(found.name).definition[0]
    given: dict[Node, Node] = dict(zip(map(Name, names), found.parameters, strict=True))
    return _defined(replaced(parse(text, (*names, "x")), given | {X: found.arguments[0]}))


def _conditions(node: Node) -> Iterator[Comparison]:
    for each in everywhere(node):
        if isinstance(each, Comparison):
            yield each
        elif isinstance(each, Call) and each.name in ("abs", "sign"):
            yield _positive(each)


def _positive(node: Call) -> Comparison:
    return Comparison(node.arguments[0], ">", ZERO)


def _settled(node: Node, truths: dict[Comparison, bool]) -> Node:
    """Return a tree in which its choices are made."""
    match node:
        case Where(condition, yes, no):
            return _settled(yes if truths[condition] else no, truths)
        case Call("abs", (inside,)):
            settled = _settled(inside, truths)
            return settled if truths[_positive(node)] else negated(settled)
        case Call("sign"):
            return ONE if truths[_positive(node)] else MINUS_ONE
    made_of = [_settled(each, truths) for each in parts(node)]
    return rebuilt(node, made_of) if made_of else node
