"""From trees to numbers: each part is evaluated once, for S and S' together.

A tree becomes a list of steps on arrays, done in order; what no step needs any more is let go.
"""

from __future__ import annotations

import math
import operator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from vanish.network.expressions import functions
from vanish.network.expressions.tree import (
    Call,
    Comparison,
    Constant,
    Node,
    Number,
    Power,
    Product,
    Sum,
    Where,
    X,
    divides,
    divisor,
    has_x,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from fractions import Fraction

    from vanish.numbers.scaled import FloatArray

_CONSTANTS = {"pi": math.pi, "e": math.e}

_COMPARED = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


class Program:
    """Some trees, ready to be evaluated together at any x.

    Parameters
    ----------
    trees
        What is wanted.
    """

    def __init__(self, *trees: Node) -> None:
        # What stands at each place before the first step: numbers; x comes to place 0.
        self._start: list[float | None] = [None]
        # What is done with the values at which places, and where its result goes.
        self._steps: list[tuple[Callable[..., Any], tuple[int, ...], int]] = []
        places: dict[Node, int] = {X: 0}
        self._results = tuple(self._place(tree, places) for tree in trees)
        self._let_go = self._unneeded()

    def __call__(self, x: FloatArray) -> tuple[FloatArray, ...]:
        """Return the value of each tree, elementwise, as arrays of the shape of x."""
        values: list[Any] = [x, *self._start[1:]]
        # What a choice does not choose may be anything.
        with np.errstate(all="ignore"):
            for (function, taken, place), unneeded in zip(self._steps, self._let_go, strict=True):
                values[place] = function(*[values[each] for each in taken])
                for each in unneeded:
                    values[each] = None
        found = [values[place] for place in self._results]
        return tuple(
            each if np.shape(each) == x.shape else np.full(x.shape, each, np.float64)
            for each in found
        )

    def _place(self, node: Node, places: dict[Node, int]) -> int:
        """Return where a node's value stands, and add the steps that bring it there."""
        if node not in places:
            if has_x(node):
                function, inside = _step(node)
                taken = tuple(self._place(each, places) for each in inside)
                self._start.append(None)
                self._steps.append((function, taken, len(self._start) - 1))
            else:
                # Divided by 0 it is infinite, where Python's own number would raise.
                self._start.append(np.float64(constant(node)))
            places[node] = len(self._start) - 1
        return places[node]

    def _unneeded(self) -> list[tuple[int, ...]]:
        """Return the places that no later step needs, for each step."""
        kept = {*self._results, *(at for at, each in enumerate(self._start) if each is not None)}
        found: list[tuple[int, ...]] = []
        for _, taken, _ in reversed(self._steps):
            found.append(tuple(set(taken) - kept))
            kept |= set(taken)
        return found[::-1]


def constant(node: Node) -> float:
    """Return the value of a node without x; infinite or no number where it has none."""
    match node:
        case Number(value):
            return rounded(value)
        case Constant(name):
            return _CONSTANTS[name]
    function, inside = _step(node)
    with np.errstate(all="ignore"):
        return float(function(*(np.array([constant(each)]) for each in inside))[0])


def rounded(value: Fraction) -> float:
    """Return the nearest float64: infinity beyond its range."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _step(node: Node) -> tuple[Callable[..., Any], tuple[Node, ...]]:
    """Return what gives a node's value, and the nodes whose values it takes."""
    match node:
        case Sum(terms):
            return _added, terms
        case Product(factors):
            over = tuple(map(divides, factors))
            return partial(_multiplied, over), tuple(map(_undivided, factors))
        case Power() if divides(node):
            return partial(_multiplied, (True,)), (_undivided(node),)
        case Power(base, Number(exponent)):
            power = rounded(exponent)
            return _POWERS.get(power) or partial(_raised, power), (base,)
        case Power(base, exponent):
            return np.power, (base, exponent)
        case Comparison(left, sign, right):
            return _COMPARED[sign], (left, right)
        case Where(condition, yes, no):
            return np.where, (condition, yes, no)
        case Call(name, arguments, parameters):
            value = functions.get(name).value
            assert value is not None
            numbers = tuple(map(constant, parameters))
            return (partial(_called, value, numbers) if numbers else value), arguments
    raise AssertionError(node)


def _undivided(factor: Node) -> Node:
    """Return what a factor divides by, or itself where it does not."""
    return divisor(factor) if divides(factor) else factor


def _added(first: Any, *others: Any) -> Any:
    for each in others:
        first = first + each
    return first


def _multiplied(over: tuple[bool, ...], first: Any, *others: Any) -> Any:
    found = 1.0 / first if over[0] else first
    for divided, each in zip(over[1:], others, strict=True):
        found = found / each if divided else found * each
    return found


def _cube(x: Any) -> Any:
    return x * x * x


def _fourth(x: Any) -> Any:
    return np.square(np.square(x))


# Faster than the general power, and as exact.
_POWERS: dict[float, Callable[..., Any]] = {
    0.5: np.sqrt,
    2.0: np.square,
    3.0: _cube,
    4.0: _fourth,
}


def _raised(power: float, x: Any) -> Any:
    return np.power(x, power)


def _called(value: Callable[..., Any], numbers: tuple[float, ...], *arrays: Any) -> Any:
    return value(*arrays, *numbers)
