"""The derivation of the article's chain, S(W_N S(… S(W_1 x + b_1) …) + b_N), line by line."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from vanish.network.chainrule import forward
from vanish.network.graph import Variable, X
from vanish.readings.names import NOTATION
from vanish.readings.notation import product
from vanish.readings.written import ATOM, Written

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vanish.network.graph import Graph
    from vanish.readings.notation import Notation

Item = TypeVar("Item")


def value(graph: Graph, within: Variable = X) -> Written:
    """Return L(f_N) as it is written, the network's nested expression in x or some f_k or a_k."""
    written = Written((within.letter + "{k}",), within.layer)
    if within.letter == "a":
        written = written.within("S(", ")", within.layer)
    if within.layer < graph.depth:
        for passed in forward(graph, NOTATION, None, written, within.layer + 1):
            written = passed.named("f")
    return Written(("L(", written, ")"), 0)


# Up to four layers a derivation is written out. A longer one keeps this many steps, and a
# product or a nest this many of its parts, at the outer and at the inner end.
LONGEST = 9
_OUTER, _INNER = 4, 3
_NEST_OUTER, _NEST_INNER = 2, 1


class Nest:
    """The expression S(W_N S(… S(W_1 x + b_1) …) + b_N) as text, and that of each of its nodes.

    Every node's text is a slice of the whole, so a derivation of N layers takes memory for
    one line, not for N nested texts.

    Parameters
    ----------
    graph
        The article's chain.
    notation
        How to write it.
    within
        What stands innermost: x, or some f_k or a_k.
    """

    def __init__(self, graph: Graph, notation: Notation, within: Variable = X) -> None:
        opening, closing, loose = [], [], []
        written = value(graph, within)
        while len(written.parts) > 1:
            first, inside, last = written.parts
            assert isinstance(first, str)
            assert isinstance(inside, Written)
            assert isinstance(last, str)
            opening.append(notation.filled(first, written.layer))
            closing.append(notation.filled(last, written.layer))
            loose.append(written.binds > ATOM)
            written = inside
        self._elided = notation.elided
        self._opening, self._closing, self._loose = opening, closing, loose
        self._center = notation.named(within)
        self._full = "".join(opening) + self._center + "".join(reversed(closing))
        self._starts = _running_lengths(opening)
        self._ends = _running_lengths(closing)

    @property
    def is_short(self) -> bool:
        """Whether all nodes can be written out: two a layer, and L."""
        return len(self._opening) <= LONGEST

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

    def is_loose(self, depth: int) -> bool:
        """Tell whether that node is a sum."""
        return depth < len(self._loose) and self._loose[depth]


def _running_lengths(parts: Sequence[str]) -> list[int]:
    lengths = [0]
    for part in parts:
        lengths.append(lengths[-1] + len(part))
    return lengths


def nested_loss(graph: Graph, notation: Notation, full: bool = False) -> str:
    """Return the nested expression itself, L(S(W_N … x … + b_N))."""
    nest = Nest(graph, notation)
    return nest.full(0) if full or nest.is_short else nest.elided(0)


def lines(graph: Graph, by: Variable, notation: Notation, full: bool = False) -> Iterator[str]:
    """Yield the right-hand sides of a derivation, one application of the chain rule each.

    Parameters
    ----------
    graph
        The article's chain.
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
        If the network has no such variable; before anything is yielded.
    """
    symbols = [notation.symbol(factor) for factor in product(graph, by).factors()]
    nest = Nest(graph, notation, by if by.letter in {"a", "f"} else X)
    return _lines(nest, symbols, notation.named(by), notation, full)


def _lines(
    nest: Nest, symbols: Sequence[str], by: str, notation: Notation, full: bool
) -> Iterator[str]:
    last = len(symbols)
    every_factor = full or last <= LONGEST
    every_layer = full or nest.is_short
    skipped = range(0) if every_factor else range(_OUTER, last - _INNER)
    prefix = ""
    for found, symbol in enumerate(symbols, 1):
        prefix += (notation.times if prefix else "") + symbol
        if found - 1 in skipped:
            if found - 1 == skipped.start:
                yield notation.elided
            continue
        head = prefix if every_factor else notation.joined(elide(symbols[:found], notation.elided))
        if found == last:
            yield head
            return
        inside = nest.full(found) if every_layer else nest.elided(found)
        whole = f"({inside})" if nest.is_loose(found) else inside
        yield head + notation.times + notation.partial(whole, by)


def elide(items: Sequence[Item], sign: Item) -> list[Item]:
    """Return the items, a sign in place of those in the middle if there are many."""
    if len(items) <= _OUTER + _INNER + 1:
        return list(items)
    return [*items[:_OUTER], sign, *items[-_INNER:]]
