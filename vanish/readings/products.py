"""Products of symbols, as the chain rule forms them: what the notation reading lets flow back.

A product shares its beginning with those that go on from it, and a sum takes the longest common
beginning out. So what a network of N layers makes is linear in N, whatever skips there are; as
text it would double with every one.
"""

from __future__ import annotations

from functools import reduce
from itertools import takewhile
from typing import TYPE_CHECKING

from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence


class Factor(Record):
    """One factor of a product.

    Attributes
    ----------
    kind
        What it is called: LossGradient, Slope, Weight, Scale, Norm, ByWeight, ByBias, …
    layer
        Its k.
    symbol
        How it is written, ``{k}`` standing for k as an index and ``{j}`` for k - 1: a letter, or
        the upper side of ∂u/∂v.
    by
        The lower side of ∂u/∂v; empty for a letter.
    """

    kind: str
    layer: int
    symbol: str
    by: str = ""


# What stands behind a common beginning.
Factors = tuple["Factor | Sum", ...]


class Sum(Record):
    """A factor that is a sum of products, each of them the factors behind a common beginning."""

    terms: tuple[Factors, ...]

    @property
    def kind(self) -> str:
        """What it is called."""
        return "Sum"

    @property
    def layer(self) -> int:
        """The layer of the factor that it begins with, in any of its terms; 0 of ones alone."""
        return next((factor.layer for term in self.terms for factor in term), 0)


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

    def by(self, kind: str, layer: int, symbol: str, by: str) -> Whole:
        """Return a parameter's gradient: the product with ∂u/∂θ behind it, see `Factor`."""
        return Whole(self, Factor(kind, layer, symbol, by))

    def beginnings(self, start: int = 0) -> list[Product]:
        """Return the products of at least so many factors that it goes on from, and itself."""
        found: list[Product] = []
        each: Product | None = self
        while each is not None and each.length >= start:
            found.append(each)
            each = each.before
        return found[::-1]

    def factors(self, start: int = 0) -> Factors:
        """Return the factors, from one on."""
        return tuple(each.last for each in self.beginnings(start + 1) if each.last is not None)

    def shared_with(self, other: Product) -> Product:
        """Return the longest product from which both go on; it costs what lies behind it."""
        one: Product = self
        while one is not other:
            if one.length >= other.length:
                assert one.before is not None
                one = one.before
            else:
                assert other.before is not None
                other = other.before
        return one

    def __add__(self, other: Product) -> Product:
        common = self.shared_with(other)
        left, right = self.factors(common.length), other.factors(common.length)
        # A sum behind the same beginning takes the new term in.
        return Product(common, Sum(grouped([*_terms(left), *_terms(right)])))


class Whole(Product):
    """A parameter's gradient by one use of it, nothing being left to differentiate.

    Of a parameter that all layers share there is one a layer. They are added up only where
    somebody asks for it: each sum would cost as much as all layers so far.
    """

    __slots__ = ()

    def __add__(self, other: Product) -> Parts:  # type: ignore[override]  # a sum, not yet formed
        return Parts(Parts(None, self), other)


class Parts:
    """A sum of parameters' gradients, not yet formed.

    Parameters
    ----------
    before
        The sum without its last term; None for nothing.
    last
        That term: a product, or a sum likewise.
    """

    __slots__ = ("before", "last")

    def __init__(self, before: Parts | None, last: Product | Parts) -> None:
        self.before = before
        self.last = last

    def __add__(self, other: Product | Parts) -> Parts:
        return Parts(self, other)

    def formed(self) -> Product:
        """Return it as a product, whose last factor is a sum."""
        found: list[Product] = []
        each: Parts | None = self
        while each is not None:
            found.append(each.last.formed() if isinstance(each.last, Parts) else each.last)
            each = each.before
        # The innermost first: each one then shares with the rest what is behind it only.
        return reduce(lambda rest, term: Product.__add__(term, rest), found)


class Part(Record):
    """What one layer gives of the gradient by a parameter that all layers share.

    Attributes
    ----------
    product
        It.
    layer
        Its k.
    """

    product: Product
    layer: int

    @property
    def kind(self) -> str:
        """What it is called."""
        return "Part"


def _terms(factors: Factors) -> tuple[Factors, ...]:
    return factors[0].terms if len(factors) == 1 and isinstance(factors[0], Sum) else (factors,)


def grouped(terms: Sequence[Factors]) -> tuple[Factors, ...]:
    """Return the terms of a sum, those that begin with the same factors put together."""
    groups: list[list[Factors]] = []
    for term in terms:
        same = (each for each in groups if term and each[0] and each[0][0] == term[0])
        group = next(same, None)
        if group is None:
            groups.append([term])
        else:
            group.append(term)
    if len(groups) == 1:
        # To take it out would be for the product in front of the sum.
        return tuple(terms)
    return tuple(group[0] if len(group) == 1 else _together(group) for group in groups)


def _together(group: Sequence[Factors]) -> Factors:
    """Return terms that begin with the same factors as one: these, and a sum behind them."""
    columns = takewhile(
        lambda column: column.count(column[0]) == len(column), zip(*group, strict=False)
    )
    shared = len(list(columns))
    rests = [rest for each in group for rest in _terms(each[shared:])]
    return (*group[0][:shared], Sum(grouped(rests)))
