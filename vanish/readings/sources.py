"""What mean-field theory knows of a value and of a gradient: sums of independent random numbers."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import TYPE_CHECKING

import numpy as np

from vanish.gauss.quadrature import NoLawError
from vanish.numbers.scaled import ONE, ZERO, Magnitude
from vanish.numbers.signed import Signed, total
from vanish.numbers.stack import Magnitudes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Source:
    """A random number of mean 0 for each unit, uncorrelated with the other sources.

    Parameters
    ----------
    variance
        Returns its variance: nobody may ask.
    made_of
        The sources that it is a function of, unit by unit.
    normal
        Whether it is normal.
    """

    __slots__ = ("made_of", "normal", "variance")

    def __init__(
        self,
        variance: Callable[[], Magnitude],
        made_of: tuple[Source, ...] = (),
        *,
        normal: bool = False,
    ) -> None:
        self.variance = variance
        self.made_of = made_of
        self.normal = normal

    def hangs_on(self, other: Source) -> bool:
        """Tell whether two sources are not independent."""
        mine, yours = (self, *self.made_of), (other, *other.made_of)
        return any(one is another for one in mine for another in yours)


_ONCE = Signed(0.5, 1)
NOTHING = Signed(0.0)

# A variance 2^-84 times the mean square is a deviation of 16·64 roundings.
_CONSTANT = 84


def _zero() -> Signed:
    return NOTHING


class Unit:
    """What is known of one entry of a value: its mean, and a sum of sources times numbers.

    Parameters
    ----------
    square
        E[f_i²].
    mean
        Returns E[f_i]: only what is added up has to know it.
    terms
        Each source with what it is multiplied by.
    """

    __slots__ = ("mean", "square", "terms")

    def __init__(
        self, square: Magnitude, mean: Callable[[], Signed], *terms: tuple[Source, Signed]
    ) -> None:
        self.square = square
        self.mean = mean
        self.terms = terms

    @classmethod
    def of(cls, source: Source, square: Magnitude, mean: Callable[[], Signed]) -> Unit:
        """Return a signal that is one source beside its mean."""
        return cls(square, mean, (source, _ONCE))

    @property
    def normal(self) -> bool:
        """Whether it is normal, of mean 0."""
        return all(source.normal for source, _ in self.terms)

    def variance(self) -> Magnitude:
        """Return E[f_i²] - E[f_i]²."""
        if len(self.terms) == 1:
            [(source, coefficient)] = self.terms
            return coefficient.squared() * source.variance()
        return total(Signed.of(self.square), -(self.mean() * self.mean())).magnitude()

    def alone(self) -> Unit:
        """Return it as the next layer knows it, without what it is made of."""
        variance = self.variance
        if len(self.terms) == 1 and not (self.terms[0][0].normal or self.terms[0][0].made_of):
            # It goes on from layer to layer: nobody is to walk back through all of them.
            known = variance()
            return Unit(self.square, self.mean, (Source(lambda: known), _ONCE))
        return Unit(self.square, self.mean, (Source(variance), _ONCE))

    def times(self, factor: Signed) -> Unit:
        """Return it times a number."""
        mean = self.mean()
        terms = [(source, coefficient * factor) for source, coefficient in self.terms]
        return Unit(self.square * factor.squared(), lambda: mean * factor, *terms)

    def centred(self) -> Unit:
        """Return it less its mean."""
        variance = self.variance()
        # Such a row is constant but for rounding, and norms make it 0.
        is_constant = not variance or variance.exponent < self.square.exponent - _CONSTANT
        return Unit(ZERO if is_constant else variance, _zero, *self.terms)

    def normed(self) -> tuple[Unit, Magnitude]:
        """Return it over its root mean square, and 1 over that; zeros for a zero."""
        inverse = ONE / self.square.root() if self.square else ZERO
        unit = self.times(Signed.of(inverse))
        return Unit(ONE if inverse else ZERO, unit.mean, *unit.terms), inverse

    def __add__(self, other: Unit) -> Unit:
        mine, mean = dict(self.terms), self.mean() + other.mean()
        merged = dict(mine)
        for source, coefficient in other.terms:
            if any(each is not source and each.hangs_on(source) for each in mine):
                raise NoLawError("a sum of values that depend on each other")
            there = merged.get(source)
            merged[source] = coefficient if there is None else there + coefficient
        if len(merged) < len(mine) + len(other.terms):
            parts = [c * c * Signed.of(source.variance()) for source, c in merged.items()]
            square = total(mean * mean, *parts)
        else:
            twice = Signed(2.0) * self.mean() * other.mean()
            square = total(Signed.of(self.square), Signed.of(other.square), twice)
        return Unit(square.magnitude(), lambda: mean, *merged.items())


def normal(square: Magnitude) -> Unit:
    """Return a fresh normal signal of mean 0."""
    return Unit(square, _zero, (Source(lambda: square, normal=True), _ONCE))


class Cotangent:
    """What is known of a gradient by a value: independent parts of mean 0, each times a number.

    For all layers of a run at once: every number is an array over them, and a coefficient may
    be below 0.

    Parameters
    ----------
    parts
        By part its mean square, shape (L, …), and what it is multiplied by, None for 1.
    """

    __slots__ = ("_parts",)

    def __init__(self, parts: Mapping[object, tuple[Magnitudes, Magnitudes | None]]) -> None:
        self._parts = parts

    @classmethod
    def of(cls, square: Magnitudes) -> Cotangent:
        """Return one that is independent of all others."""
        return cls({object(): (square, None)})

    @property
    def square(self) -> Magnitudes:
        """Its mean square."""
        squares = (
            square if coefficient is None else coefficient * coefficient * square
            for square, coefficient in self._parts.values()
        )
        return reduce(add, squares)

    def times(self, factor: Magnitudes) -> Cotangent:
        """Return it times a number of either sign."""
        return Cotangent(
            {
                part: (square, factor if coefficient is None else coefficient * factor)
                for part, (square, coefficient) in self._parts.items()
            }
        )

    def __add__(self, other: Cotangent) -> Cotangent:
        one = Magnitudes.of(np.ones(1))
        merged = dict(self._parts)
        for part, (square, coefficient) in other._parts.items():
            total_here = coefficient
            if part in merged:
                total_here = (merged[part][1] or one) + (coefficient or one)
            merged[part] = square, total_here
        return Cotangent(merged)
