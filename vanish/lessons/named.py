"""The derivation of any block, line by line, f_k being called by its name and not written out.

What is still to be differentiated are values of one layer, each behind the product that has flowed
to it. A line is one application of the chain rule to one of them, or of the sum rule; values that
are met on several ways are put together as soon as all of these have arrived.
"""

from __future__ import annotations

from functools import lru_cache, reduce
from operator import add
from typing import TYPE_CHECKING

from vanish.lessons.nested import LONGEST, elide
from vanish.network.graph import Variable, X
from vanish.readings.names import NOTATION, SUMS, called, values
from vanish.readings.notation import TEXT, unknown
from vanish.readings.products import Product
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vanish.network.graph import Block, Graph
    from vanish.readings.notation import Notation
    from vanish.readings.products import Factors

    # The factors of a term, and what is still to be differentiated behind them.
    _Standing = tuple[Factors, str]

# Deeper derivations show the first and the last of their layers only.
_WRITTEN_OUT = 4

# What a line that goes on in a sum begins with.
PLUS = "+ "


class _Term(Record):
    """A term of ∂L/∂θ.

    Attributes
    ----------
    product
        What has flowed here.
    place
        The value of this layer that is still to be differentiated; None where nothing is.
    """

    product: Product
    place: int | None


def lines(graph: Graph, by: Variable, notation: Notation, full: bool = False) -> Iterator[str]:
    """Yield the right-hand sides of a derivation, one application of the chain rule each.

    Parameters
    ----------
    graph
        The network.
    by
        The variable to differentiate by; a parameter that all layers share with layer 0.
    notation
        How to write it.
    full
        Whether to write out everything; otherwise a deep derivation is elided, a line of the
        elision sign alone standing for the lines left out.

    Yields
    ------
    line
        One that begins with `PLUS` goes on in the sum of the line before it.

    Raises
    ------
    UsageError
        If the network has no such variable; before anything is yielded.
    """
    if innermost(graph, by) is None:
        raise unknown(by)
    return _Derivation(graph, by, notation, full).lines()


def factors(graph: Graph, by: Variable) -> Factors:
    """Return the factors of ∂L/∂θ, the terms of their sums in the order in which they are written.

    Parameters
    ----------
    graph, by
        The network, and a variable that it has; no parameter that all layers share.
    """
    derivation = _Derivation(graph, by, TEXT, full=False)
    for _ in derivation.steps():
        pass
    return derivation.product.factors()


def innermost(graph: Graph, by: Variable) -> int | None:
    """Return the lowest layer that has a variable; None if there is none."""
    if by == X:
        return 1
    for block, first, last in graph.runs:
        if by.layer and not first <= by.layer <= last:
            continue
        if _own(block, by):
            return by.layer or first
    return None


def _own(block: Block, by: Variable) -> bool:
    slots = {(slot.letter, slot.tied) for node in block.nodes for slot in node.op.slots}
    named = by.layer > 0 and any(node.name == by.letter for node in block.nodes)
    return named or (by.letter, not by.layer) in slots


@lru_cache(maxsize=64)
def _live(block: Block, by: Variable, *, lower: bool, own: bool) -> tuple[bool, ...]:
    """Tell of every place of a layer whether its value depends on a variable.

    Parameters
    ----------
    block, by
        The layer's block, and the variable.
    lower, own
        Whether what the layer is given depends on it, and whether the variable is this layer's.
    """
    found = [lower]
    for node in block.nodes:
        slots = any((slot.letter, slot.tied) == (by.letter, not by.layer) for slot in node.op.slots)
        found.append(
            any(found[place] for place in node.inputs)
            or (own and (slots or (by.layer > 0 and node.name == by.letter)))
        )
    return tuple(found)


class _Derivation:
    """The state of a derivation: what stands in front, and the terms of the present layer."""

    def __init__(self, graph: Graph, by: Variable, notation: Notation, full: bool) -> None:
        self._graph, self._by, self._notation = graph, by, notation
        self._last = innermost(graph, by) or 1
        self._every_layer = full or graph.depth - self._last < _WRITTEN_OUT
        self._every_step = full
        # Factors and opened sums in front of the layer, each with what stands behind it.
        self._prefix: list[tuple[str, str]] = []
        # The same factors without the sums, and of every finished term how many of them it has.
        self._chain: list[str] = []
        self._parts: list[tuple[int, str]] = []
        self._root = Product()
        self._terms: list[_Term] = []

    def lines(self) -> Iterator[str]:
        """Yield all lines."""
        left_out = False
        for k in self.steps():
            if self._every_layer or k in {self._graph.depth, self._last}:
                yield self._line(k)
            elif not left_out:
                left_out = True
                yield self._notation.elided
        yield from self._sum()

    def steps(self) -> Iterator[int]:
        """Go through all layers; after each step there is a line to show, of layer k."""
        graph, depth = self._graph, self._graph.depth
        root = Product().times("LossGradient", depth, "L", "f{k}")
        self._terms = [_Term(root, len(graph.block(depth).nodes))]
        for k in range(depth, self._last - 1, -1):
            for _ in self._layer(k):
                yield k

    @property
    def product(self) -> Product:
        """What was found, at the end."""
        return reduce(Product.__add__, [each.product for each in self._terms])

    def _layer(self, k: int) -> Iterator[None]:
        """Go through one layer; after each step there is a line to show."""
        block = self._graph.block(k)
        top = len(block.nodes)
        self._terms = [
            self._term(block, k, each.product, top) if each.place is not None else each
            for each in self._terms
        ]
        yield
        while (place := max((each.place or 0 for each in self._terms), default=0)) > 0:
            if self._put_together(place):
                yield
            self._expand(block, k, place)
            following = max(each.place or 0 for each in self._terms)
            nodes = block.nodes
            # A sum of several values is one application of its rule.
            if not (
                nodes[place - 1].op.kind in SUMS
                and following in nodes[place - 1].inputs
                and following
                and nodes[following - 1].op.kind in SUMS
            ):
                yield
        if any(each.place == 0 for each in self._terms):
            if self._put_together(0):
                yield
            self._descend()

    def _lives(self, block: Block, k: int) -> tuple[bool, ...]:
        by = self._by
        lower = by == X or k > self._last
        return _live(block, by, lower=lower, own=not by.layer or k == by.layer)

    def _term(self, block: Block, k: int, product: Product, place: int) -> _Term:
        """Return the term that a product makes at a place: it is finished at θ itself."""
        here = Variable(block.nodes[place - 1].name, k) if place else X
        reached = here == self._by and (place > 0 or k == 1)
        return _Term(product, None if reached else place)

    def _expand(self, block: Block, k: int, place: int) -> None:
        """Differentiate the value at one place."""
        node = block.nodes[place - 1]
        rule, names = NOTATION.rule(node.op), called(block, first=k == 1)[place]
        lives, by = self._lives(block, k), self._by
        terms: list[_Term] = []
        for each in self._terms:
            if each.place != place:
                terms.append(each)
                continue
            parts = rule.by(None, node.op, k, names, each.product)
            for slot, part in zip(node.op.slots, parts, strict=True):
                if slot.at(k) == by:
                    terms.append(_Term(part, None))
            flows = rule.back(None, node.op, k, names, each.product)
            for source, flow in zip(node.inputs, flows, strict=True):
                if lives[source]:
                    terms.append(self._term(block, k, flow, source))
        self._terms = terms

    def _put_together(self, place: int) -> bool:
        """Add up the terms that wait at one place, finished ones before them; tell if there are."""
        met = [each.product for each in self._terms if each.place == place]
        if len(met) < 2:
            return False
        others = [each for each in self._terms if each.place != place]
        self._terms = [*others, _Term(reduce(add, met), place)]
        return True

    def _descend(self) -> None:
        """Go on to the layer below: what has flowed to its f_k stands in front from now on."""
        [flow] = [each.product for each in self._terms if each.place == 0]
        finished = [each.product for each in self._terms if each.place is None]
        common = reduce(Product.shared_with, finished, flow)
        notation = self._notation
        for factor in common.factors(self._root.length):
            self._push(notation.symbol(factor))
        if finished:
            rests = [each.factors(common.length) for each in finished]
            text = _text(notation, [(rest, "") for rest in rests], outer=True)
            part = _text(notation, [(rest, "") for rest in rests], behind=True)
            self._parts.append((len(self._chain), part))
            self._prefix.append((f"{notation.brackets[0]}{text} + ", ""))
        for factor in flow.factors(common.length):
            self._push(notation.symbol(factor))
        self._root = flow
        self._terms = [_Term(flow, 0)]

    def _push(self, symbol: str) -> None:
        symbol = _unsigned(symbol)
        self._prefix.append((symbol, self._notation.times))
        self._chain.append(symbol)

    def _line(self, k: int) -> str:
        """Return the present state as a right-hand side."""
        notation = self._notation
        block = self._graph.block(k)
        here = (place for place, node in block.placed if Variable(node.name, k) == self._by)
        written = values(block, k, by_name=frozenset(here))
        by = notation.named(self._by)
        terms = [
            (
                each.product.factors(self._root.length),
                ""
                if each.place is None
                else notation.partial(notation.differentiated(written[each.place]), by),
            )
            for each in self._terms
        ]
        tokens, opened = self._front()
        body = _text(notation, terms, behind=bool(tokens))
        # A product that is finished needs no 1 behind it.
        if body == "1" and tokens and tokens[-1][1]:
            tokens, body = [*tokens[:-1], (tokens[-1][0], "")], ""
        return "".join(text + glue for text, glue in tokens) + body + opened

    def _front(self) -> tuple[list[tuple[str, str]], str]:
        """Return what stands in front, the middle left out where it is long, and what closes it."""
        notation = self._notation
        closing = notation.brackets[1]
        if self._every_layer:
            return self._prefix, closing * sum(not glue for _, glue in self._prefix)
        sign = (notation.elided, notation.times)
        shown = elide(self._prefix, sign)
        if len(shown) == len(self._prefix):
            return shown, closing * sum(not glue for _, glue in shown)
        gap = shown.index(sign)
        if not self._prefix[gap - len(shown)][1]:
            # What was left out last is the beginning of a sum.
            shown[gap] = (notation.elided.strip(), " + ")
        outer, inner = (sum(not glue for _, glue in part) for part in (shown[:gap], shown[gap:]))
        hidden = sum(not glue for _, glue in self._prefix) - outer - inner
        middle = notation.elided.strip() if hidden else ""
        return shown, closing * inner + middle + closing * outer

    def _sum(self) -> Iterator[str]:
        """Yield the sum over the layers that share θ, a part a line, if there are several."""
        if not self._parts:
            return
        notation = self._notation
        rests = [(each.product.factors(self._root.length), "") for each in self._terms]
        parts = [*self._parts, (len(self._chain), _text(notation, rests, behind=True))]
        whole = self._every_step or len(parts) <= LONGEST
        shown = parts if whole else elide(parts, (-1, notation.elided))
        for number, (length, rest) in enumerate(shown):
            plus = PLUS if number else ""
            if length < 0:
                yield plus + notation.elided
                continue
            factors = [*self._chain[:length], rest]
            cut = factors if self._every_layer else elide(factors, notation.elided)
            yield plus + notation.joined(cut)


def _unsigned(symbol: str) -> str:
    """Return a symbol as it stands behind others: within a product a sign needs brackets."""
    return f"({symbol})" if symbol.startswith("-") else symbol


def _text(
    notation: Notation, terms: Sequence[_Standing], *, outer: bool = False, behind: bool = False
) -> str:
    """Return a sum of products, common beginnings taken out.

    Parameters
    ----------
    notation
        How to write it.
    terms
        Of each the factors, and what is still to be differentiated behind them.
    outer
        Whether a sum needs no brackets.
    behind
        Whether other factors stand in front, so that no sign does.
    """
    if len(terms) == 1:
        [(factors, tail)] = terms
        more = [tail] if tail else []
        if behind:
            symbols = [_unsigned(notation.symbol(each)) for each in factors]
            return notation.joined([*symbols, *more]) or "1"
        return notation.product(factors, *more) or "1"
    groups: list[list[_Standing]] = []
    for term in terms:
        same = (each for each in groups if term[0] and each[0][0][:1] == term[0][:1])
        group = next(same, None)
        if group is None:
            groups.append([term])
        else:
            group.append(term)
    if len(groups) > 1:
        texts = [_text(notation, group) for group in groups]
        return notation.summed(texts) if outer else notation.bracketed(texts)
    rests = [(factors[1:], tail) for factors, tail in terms]
    first, rest = terms[0][0][:1], _text(notation, rests, behind=True)
    if behind:
        return notation.joined([_unsigned(notation.symbol(first[0])), rest])
    return notation.product(first, rest)
