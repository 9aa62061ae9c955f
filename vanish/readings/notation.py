"""The notation reading: every factor is its symbol, and the product is the derivation.

A derivation is what a person would write: one application of the chain rule a line, the
factors found so far in front of what is still to be differentiated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from vanish.errors import UsageError
from vanish.network.chainrule import Reading, back, forward, until
from vanish.network.graph import Variable, X

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from vanish.network.graph import Graph


Item = TypeVar("Item")


class Factor(NamedTuple):
    """One factor of a product.

    Attributes
    ----------
    kind
        What it is called: LossGradient, Slope, Weight, ByWeight, ByBias, …
    layer
        Its k.
    symbol
        How it is written, ``{k}`` standing for k as an index: a letter, or the upper side of ∂u/∂v.
    by
        The lower side of ∂u/∂v; empty for a letter.
    """

    kind: str
    layer: int
    symbol: str
    by: str = ""


class Sum(NamedTuple):
    """A factor that is a sum of products, each of them the factors behind a common beginning."""

    terms: tuple[tuple[Factor | Sum, ...], ...]

    @property
    def kind(self) -> str:
        """What it is called."""
        return "Sum"

    @property
    def layer(self) -> int:
        """The layer of the factor that it begins with, in any of its terms."""
        return next(factor.layer for term in self.terms for factor in term)


class Product:
    """Factors in their order, sharing its beginning with the products that it goes on in.

    Attributes
    ----------
    before
        The product without its last factor; None for the empty product.
    last
        That factor.
    length
        How many there are.
    """

    __slots__ = ("before", "last", "length")

    def __init__(self, before: Product | None = None, last: Factor | Sum | None = None) -> None:
        self.before = before
        self.last = last
        self.length: int = 0 if before is None else before.length + 1

    def times(self, kind: str, layer: int, symbol: str, by: str = "") -> Product:
        """Return the product with one more factor, see `Factor`."""
        return Product(self, Factor(kind, layer, symbol, by))

    def beginnings(self) -> list[Product]:
        """Return all products that it goes on from, the empty one first, and itself."""
        found: list[Product] = []
        each: Product | None = self
        while each is not None:
            found.append(each)
            each = each.before
        return found[::-1]

    def factors(self, start: int = 0) -> tuple[Factor | Sum, ...]:
        """Return the factors, from one on."""
        return tuple(each.last for each in self.beginnings()[start + 1 :] if each.last is not None)

    def __add__(self, other: Product) -> Product:
        # Their longest common beginning is taken out.
        pairs = zip(self.beginnings(), other.beginnings(), strict=False)
        common = [one for one, another in pairs if one is another][-1]
        left, right = self.factors(common.length), other.factors(common.length)
        # A sum behind the same beginning takes the new term in.
        terms = [each for one in (left, right) for each in _terms(one)]
        return Product(common, Sum(tuple(terms)))


def _terms(factors: tuple[Factor | Sum, ...]) -> tuple[tuple[Factor | Sum, ...], ...]:
    return factors[0].terms if len(factors) == 1 and isinstance(factors[0], Sum) else (factors,)


class Written(NamedTuple):
    """A value as it is written.

    Attributes
    ----------
    parts
        Texts, ``{k}`` standing for the layer's index, and the values between them.
    layer
        That layer.
    loose
        Whether it is a sum, and stands in brackets where it is differentiated.
    """

    parts: tuple[str | Written, ...]
    layer: int
    loose: bool = False

    def within(self, before: str, after: str, layer: int, *, loose: bool = False) -> Written:
        """Return it between two texts."""
        return Written((before, self, after), layer, loose)

    def plus(self, other: Written, layer: int) -> Written:
        """Return the sum of two values."""
        return Written((self, " + ", other), layer, loose=True)


# Forward flow values as they are written, back the products of the chain rule.
NOTATION = Reading.called("notation")


class Notation(NamedTuple):
    """A way of writing formulas.

    Attributes
    ----------
    indexed
        Writes a layer's number as an index.
    partial
        Writes ∂u/∂v, given u and v.
    times, elided
        What stands between two factors, and for factors left out.
    """

    indexed: Callable[[int], str]
    partial: Callable[[str, str], str]
    times: str
    elided: str

    def filled(self, text: str, layer: int) -> str:
        """Return a text with its index."""
        return text.format(k=self.indexed(layer)) if layer else text.format(k="")

    def symbol(self, factor: Factor | Sum) -> str:
        """Return a factor's symbol."""
        if isinstance(factor, Sum):
            terms = (self.times.join(map(self.symbol, term)) or "1" for term in factor.terms)
            return f"({' + '.join(terms)})"
        upper = self.filled(factor.symbol, factor.layer)
        return self.partial(upper, self.filled(factor.by, factor.layer)) if factor.by else upper

    def named(self, variable: Variable) -> str:
        """Return a variable's symbol."""
        return self.filled(variable.letter + "{k}", variable.layer)

    def joined(self, factors: Sequence[str]) -> str:
        """Return a product."""
        return self.times.join(factors)


def _subscript(k: int) -> str:
    return str(k).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))


TEXT = Notation(
    indexed=_subscript,
    partial=lambda upper, lower: f"∂{upper}/∂{lower}",
    times=" · ",
    elided="…",
)

LATEX = Notation(
    indexed=lambda k: f"_{{{k}}}",
    partial=lambda upper, lower: rf"\frac{{\partial {upper}}}{{\partial {lower}}}",
    times=r" \cdot ",
    elided=r"\cdots ",
)


def walk(graph: Graph) -> Iterator[tuple[Variable, Product]]:
    """Yield every gradient as a product, from layer N down to the input."""
    nothing = [None] * (1 + max(len(block.nodes) for block, _, _ in graph.runs))
    loss = Product().times("LossGradient", graph.depth, "L", "f{k}")
    return back(graph, NOTATION, None, lambda _: nothing, loss)


def product(graph: Graph, by: Variable) -> Product:
    """Return ∂L/∂θ for one variable, as the chain rule finds it.

    Raises
    ------
    UsageError
        If the network has no such variable.
    """
    found = until(walk(graph), by)
    if found is None:
        raise _unknown(by)
    assert isinstance(found, Product)
    return found


def _unknown(by: Variable) -> UsageError:
    return UsageError(
        f"the chain has no {by} to differentiate by: give x, or W or b and a layer's number"
    )


def steps(graph: Graph, by: Variable) -> list[tuple[Variable, Factor | Sum]]:
    """Return the factors of ∂L/∂θ, each with the variable that the product reaches with it.

    Raises
    ------
    UsageError
        If the network has no such variable.
    """
    passed = []
    for variable, found in walk(graph):
        passed.append((variable, found))
        if variable == by:
            break
    else:
        raise _unknown(by)
    way = {id(each) for each in found.beginnings()}
    return [(variable, each.last) for variable, each in passed if id(each) in way and each.last]


def value(graph: Graph) -> Written:
    """Return L(f_N) as it is written, f_N being the network's nested expression."""
    written = Written(("x",), 0)
    for passed in forward(graph, NOTATION, None, written):
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
    one line, not for N nested texts. That asks that every value be taken once.
    """

    def __init__(self, graph: Graph, notation: Notation) -> None:
        opening, closing, loose = [], [], []
        written = value(graph)
        while len(written.parts) > 1:
            first, inside, last = written.parts
            if not (isinstance(first, str) and isinstance(last, str)):
                raise UsageError(
                    "the lines of a derivation nest every value once: write a network whose values"
                    " are used twice by its gradient alone"
                )
            assert isinstance(inside, Written)
            opening.append(notation.filled(first, written.layer))
            closing.append(notation.filled(last, written.layer))
            loose.append(written.loose)
            written = inside
        self._elided = notation.elided
        self._opening, self._closing, self._loose = opening, closing, loose
        self._center = notation.named(X)
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


def derivation(graph: Graph, by: Variable, notation: Notation, full: bool = False) -> Iterator[str]:
    """Yield the right-hand sides of a derivation, one application of the chain rule each.

    Parameters
    ----------
    graph
        The network.
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
        If the network has no such variable, or values that are used twice; before anything
        is yielded.
    """
    symbols = [notation.symbol(factor) for factor in product(graph, by).factors()]
    return _lines(Nest(graph, notation), symbols, notation.named(by), notation, full)


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
