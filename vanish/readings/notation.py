"""The notation reading: every factor is its symbol, and the product is the derivation.

A derivation is what a person would write: one application of the chain rule a line, the
factors found so far in front of what is still to be differentiated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from vanish.network.chainrule import (
    Activated,
    Affine,
    ByBias,
    ByWeight,
    Factor,
    Input,
    Loss,
    LossGradient,
    Slope,
    Weight,
    differentiate,
    product,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from vanish.network.chainrule import Expression, Variable


Item = TypeVar("Item")


class Notation(NamedTuple):
    """A way of writing formulas.

    Attributes
    ----------
    factors
        The symbol of each kind of factor, ``{k}`` standing for the layer's index.
    indexed
        Writes a layer's number as an index.
    variable
        Writes a variable, given its letter and its index.
    partial
        Writes ∂u/∂v, given u and v.
    times, elided
        What stands between two factors, and for factors left out.
    """

    factors: Mapping[type[Factor], str]
    indexed: Callable[[int], str]
    variable: Callable[[str, str], str]
    partial: Callable[[str, str], str]
    times: str
    elided: str

    def symbol(self, factor: Factor) -> str:
        """Return a factor's symbol."""
        return self.factors[type(factor)].format(k=self.indexed(factor.layer))

    def named(self, variable: Variable) -> str:
        """Return a variable's symbol."""
        return self.variable(
            variable.letter, self.indexed(variable.layer) if variable.layer else ""
        )

    def joined(self, factors: Sequence[str]) -> str:
        """Return a product."""
        return self.times.join(factors)


def _subscript(k: int) -> str:
    return str(k).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))


TEXT = Notation(
    factors={
        LossGradient: "∂L/∂f{k}",
        Slope: "∂S/∂a{k}",
        Weight: "W{k}",
        ByWeight: "∂a{k}/∂W{k}",
        ByBias: "∂a{k}/∂b{k}",
    },
    indexed=_subscript,
    variable=lambda letter, index: letter + index,
    partial=lambda upper, lower: f"∂{upper}/∂{lower}",
    times=" · ",
    elided="…",
)

LATEX = Notation(
    factors={
        LossGradient: r"\frac{{\partial L}}{{\partial f{k}}}",
        Slope: r"\frac{{\partial S}}{{\partial a{k}}}",
        Weight: "W{k}",
        ByWeight: r"\frac{{\partial a{k}}}{{\partial W{k}}}",
        ByBias: r"\frac{{\partial a{k}}}{{\partial b{k}}}",
    },
    indexed=lambda k: f"_{{{k}}}",
    variable=lambda letter, index: letter + index,
    partial=lambda upper, lower: rf"\frac{{\partial {upper}}}{{\partial {lower}}}",
    times=r" \cdot ",
    elided=r"\cdots ",
)

# Up to four layers a derivation is written out. A longer one keeps this many steps, and a
# product or a nest this many of its parts, at the outer and at the inner end.
LONGEST = 9
_OUTER, _INNER = 4, 3
_NEST_OUTER, _NEST_INNER = 2, 1


class Nest:
    """The expression S(W_N S(… S(W_1 x + b_1) …) + b_N) as text, and that of each of its nodes.

    Every node's text is a slice of the whole, so a derivation of N layers takes memory for
    one line, not for N nested texts.
    """

    def __init__(self, expression: Expression, notation: Notation) -> None:
        opening, closing = [], []
        node = expression
        while not isinstance(node, Input):
            first, last = _brackets(node, notation)
            opening.append(first)
            closing.append(last)
            node = node.inner
        self._elided = notation.elided
        self._opening, self._closing = opening, closing
        self._center = notation.named(node.variable)
        self._full = "".join(opening) + self._center + "".join(reversed(closing))
        self._starts = _running_lengths(opening)
        self._ends = _running_lengths(closing)

    def full(self, depth: int) -> str:
        """Return the node that lies `depth` steps inside the whole expression."""
        return self._full[self._starts[depth] : len(self._full) - self._ends[depth]]

    def elided(self, depth: int) -> str:
        """Return the same with its middle layers left out, if there are many."""
        layers = (len(self._opening) - depth) // 2
        if layers <= _NEST_OUTER + _NEST_INNER:
            return self.full(depth)
        # A layer is two nodes, S(…) and W…+b; the node itself may be half of one.
        outer = slice(depth, len(self._opening) - 2 * (layers - _NEST_OUTER))
        inner = slice(len(self._opening) - 2 * _NEST_INNER, None)
        return "".join(
            [
                *self._opening[outer],
                self._elided,
                *self._opening[inner],
                self._center,
                *reversed(self._closing[inner]),
                self._elided,
                *reversed(self._closing[outer]),
            ]
        )


def _brackets(node: Expression, notation: Notation) -> tuple[str, str]:
    """Return what a node's text has before and after that of the node inside."""
    if isinstance(node, Affine):
        index = notation.indexed(node.layer)
        return notation.variable("W", index), "+" + notation.variable("b", index)
    return ("S(" if isinstance(node, Activated) else "L("), ")"


def _running_lengths(parts: Sequence[str]) -> list[int]:
    lengths = [0]
    for part in parts:
        lengths.append(lengths[-1] + len(part))
    return lengths


def nested_loss(expression: Loss, notation: Notation, full: bool = False) -> str:
    """Return the nested expression itself, L(S(W_N … x … + b_N))."""
    nest = Nest(expression, notation)
    return nest.full(0) if full or _is_short(expression) else nest.elided(0)


def _is_short(expression: Loss) -> bool:
    """Tell whether all nodes of an expression can be written out: two a layer, and L."""
    return 2 * expression.layer + 1 <= LONGEST


def derivation(
    expression: Loss, by: Variable, notation: Notation, full: bool = False
) -> Iterator[str]:
    """Yield the right-hand sides of a derivation, one application of the chain rule each.

    Parameters
    ----------
    expression
        The loss as an expression of its variables.
    by
        The variable to differentiate by.
    notation
        How to write it.
    full
        Whether to write out everything; otherwise a long derivation is elided, a line of
        the elision sign alone standing for the lines left out.

    Raises
    ------
    UsageError
        If the expression has no such variable; before anything is yielded.
    """
    symbols = [notation.symbol(factor) for factor in product(expression, by)]
    return _lines(expression, symbols, notation.named(by), notation, full)


def _lines(
    expression: Loss, symbols: Sequence[str], by: str, notation: Notation, full: bool
) -> Iterator[str]:
    nest = Nest(expression, notation)
    last = len(symbols)
    every_factor = full or last <= LONGEST
    every_layer = full or _is_short(expression)
    skipped = range(0) if every_factor else range(_OUTER, last - _INNER)
    prefix = ""
    for found, step in enumerate(differentiate(expression), 1):
        prefix += (notation.times if prefix else "") + symbols[found - 1]
        if found - 1 in skipped:
            if found - 1 == skipped.start:
                yield notation.elided
            continue
        head = prefix if every_factor else notation.joined(elide(symbols[:found], notation.elided))
        if found == last:
            yield head
            return
        inside = nest.full(found) if every_layer else nest.elided(found)
        whole = f"({inside})" if isinstance(step.outer.inner, Affine) else inside
        yield head + notation.times + notation.partial(whole, by)


def elide(items: Sequence[Item], sign: Item) -> list[Item]:
    """Return the items, a sign in place of those in the middle if there are many."""
    if len(items) <= _OUTER + _INNER + 1:
        return list(items)
    return [*items[:_OUTER], sign, *items[-_INNER:]]
