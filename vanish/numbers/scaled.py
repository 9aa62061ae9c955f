"""Magnitudes without a smallest number: float64 values times one power of two.

0.25^N is zero in float64 from N = 538 on, yet a reader must still see 10^-602 at
N = 1000. Powers of two move between values and exponent without rounding, so nothing
is lost by the split, and a true zero stays a zero: it is never something small.
"""

from __future__ import annotations

import math
from functools import lru_cache
from operator import index
from sys import float_info
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from decimal import Decimal

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

# Within 2^±500 a product of two values, and so a sum of squares, stays in float64.
SAFE_EXPONENT = 500

# Rows whose norms lie within 2^±200 bear a factor within 2^±100: squares stay in float64.
BORNE = 100

# Sums of squares within 2^±900 have lost nothing.
SMALLEST_SQUARE, LARGEST_SQUARE = 2.0**-900, 2.0**900

# What flows back has a norm within 2^±16: it is multiplied by slopes.
_NEAR = 16

# A loss's gradient below 2^-(2^61), about 10^(-7·10^17), counts as zero. That leaves room on
# both sides for the factors of any chain that fits into memory: decimal's exponents end at
# ±(10^18 - 1), about 2^±(3.3·10^18), and int64 at ±2^63.
LARGEST_EXPONENT = 2**61

_LOG10_2 = math.log10(2.0)


class Magnitude:
    """A number that is at least 0: ``mantissa * 2**exponent``.

    `of` makes one of any number. The constructor takes the parts as they are below, and checks
    nothing; they are not to be set afterwards, which nothing prevents: both would cost time.

    Attributes
    ----------
    mantissa
        In [1/2, 1), or exactly 0 for a true zero.
    exponent
        Any integer; 0 for a true zero.
    """

    __slots__ = ("exponent", "mantissa")

    def __init__(self, mantissa: float, exponent: int) -> None:
        self.mantissa: Final = mantissa
        self.exponent: Final = exponent

    def __repr__(self) -> str:
        return f"Magnitude({self.mantissa!r}, {self.exponent!r})"

    def __str__(self) -> str:
        return str(self.exact())

    @classmethod
    def of(cls, value: float, exponent: int = 0) -> Magnitude:
        """Return ``value * 2**exponent``, for a finite value that is at least 0.

        Raises
        ------
        ValueError
            If the value is negative or not finite.
        """
        if not 0.0 <= value < math.inf:
            raise ValueError(f"a magnitude is finite and at least 0, not {value!r}")
        mantissa, shift = math.frexp(value)
        return cls(mantissa, exponent + shift if mantissa else 0)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Magnitude):
            return NotImplemented
        return self.mantissa == other.mantissa and self.exponent == other.exponent

    def __hash__(self) -> int:
        return hash((self.mantissa, self.exponent))

    def __add__(self, other: Magnitude) -> Magnitude:
        if not isinstance(other, Magnitude):
            return NotImplemented
        if not (self and other):
            return self or other
        common = max(self.exponent, other.exponent)
        mine, yours = (max(each.exponent - common, -5000) for each in (self, other))
        total = math.ldexp(self.mantissa, mine) + math.ldexp(other.mantissa, yours)
        return Magnitude.of(total, common)

    def __mul__(self, other: Magnitude) -> Magnitude:
        try:
            return Magnitude.of(self.mantissa * other.mantissa, self.exponent + other.exponent)
        except AttributeError:  # to ask first takes longer
            return NotImplemented

    def __truediv__(self, other: Magnitude) -> Magnitude:
        try:
            return Magnitude.of(self.mantissa / other.mantissa, self.exponent - other.exponent)
        except AttributeError:
            return NotImplemented

    def __pow__(self, power: int) -> Magnitude:
        """Return the product of `power` times this number, by repeated squaring.

        That of -n times is one over the product of n times.
        """
        try:
            power = index(power)
        except TypeError:
            return NotImplemented
        if power < 0:
            return ONE / self**-power
        result, square = ONE, self
        while power:
            if power & 1:
                result = result * square
            square, power = square * square, power >> 1
        return result

    def root(self) -> Magnitude:
        """Return the square root."""
        odd = self.exponent & 1
        return Magnitude.of(math.sqrt(math.ldexp(self.mantissa, odd)), (self.exponent - odd) // 2)

    def __bool__(self) -> bool:
        return self.mantissa != 0.0

    def __float__(self) -> float:
        """Return the nearest float64: 0 or infinity outside its range."""
        try:
            return math.ldexp(self.mantissa, self.exponent)
        except OverflowError:
            return math.inf

    @property
    def log10(self) -> float | None:
        """The decimal logarithm, or None for a true zero."""
        if not self:
            return None
        value = float(self)
        if float_info.min <= value < math.inf:
            return math.log10(value)
        return math.log10(self.mantissa) + self.exponent * _LOG10_2

    def split(self) -> tuple[float, int]:
        """Return it as factor · 2^shift, without a shift where balanced rows bear it as it is."""
        if abs(self.exponent) <= BORNE:
            return math.ldexp(self.mantissa, self.exponent), 0
        return self.mantissa, self.exponent

    def exact(self) -> float | Decimal:
        """Return a float where float64 holds all the digits, else 17 decimal ones."""
        value = float(self)
        if not self or float_info.min <= value < math.inf:
            return value
        return _decimals()(self.mantissa, self.exponent)


@lru_cache(maxsize=1)
def _decimals() -> Callable[[float, int], Decimal]:
    """Return what makes mantissa · 2^exponent a decimal; a deep table asks for very many."""
    from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal  # noqa: PLC0415 - start-up

    # 17 significant digits tell any two float64 apart.
    digits = Context(prec=17, Emax=MAX_EMAX, Emin=MIN_EMIN)
    powers, two = Context(prec=40, Emax=MAX_EMAX, Emin=MIN_EMIN), Decimal(2)

    def decimal(mantissa: float, exponent: int) -> Decimal:
        return digits.multiply(Decimal(mantissa), powers.power(two, Decimal(exponent)))

    return decimal


def pooled(norms: Iterable[Magnitude]) -> Magnitude:
    """Return the root of the sum of squares: of one itself, of none zero."""
    found = list(norms)
    return found[0] if len(found) == 1 else sum((each * each for each in found), ZERO).root()


def decimal_text(value: Decimal) -> str:
    """Return a number beyond float64 as text that reads back as the same number."""
    return f"{value:.16e}"


ONE = Magnitude(0.5, 1)
ZERO = Magnitude(0.0, 0)


class Scaled:
    """An array with one exponent for all of it: ``values * 2**exponent``. Immutable.

    An element 2^1000 times smaller than the largest one of its array may be rounded
    to zero; no norm can tell.

    Attributes
    ----------
    values, exponent
        What it is.
    ends
        The least and the largest value, where somebody has asked for `largest`; else None.
    """

    __slots__ = ("_norm", "ends", "exponent", "values")

    def __init__(self, values: FloatArray, exponent: int = 0) -> None:
        self.values: Final = values
        self.exponent: Final = exponent
        # Found once: many ask, and each time it would be another pass over the array.
        self.ends: tuple[float, float] | None = None
        self._norm: Magnitude | None = None

    @property
    def top(self) -> int:
        """The least t with every |element| < 2^t; 0 where all are zero."""
        largest = self.largest
        return math.frexp(largest)[1] + self.exponent if largest else 0

    @property
    def largest(self) -> float:
        """The largest |value|; not finite where any value is not."""
        if self.ends is None:
            # By their places: numpy finds these sooner than it finds the numbers.
            values = self.values
            self.ends = values.item(values.argmin()), values.item(values.argmax())
        least, most = self.ends
        return max(most, -least)

    def with_exponent(self, exponent: int) -> Scaled:
        """Return the same array with another exponent."""
        if exponent == self.exponent:
            return self
        return Scaled(np.ldexp(self.values, _shift(self.exponent - exponent)), exponent)

    def normalized(self) -> Scaled:
        """Return the same array with its largest |value| in [1/2, 1)."""
        return self.with_exponent(self.top)

    def safe(self) -> Scaled:
        """Return the same array with values that can be multiplied: itself where they can."""
        return self if abs(self.top - self.exponent) <= SAFE_EXPONENT else self.normalized()

    def tidy(self) -> Scaled:
        """Return the same array with a norm near 1: itself where that is near enough.

        Then no slope that float64 holds leads out of float64, see `ops.activate`.
        """
        norm = self.norm()
        near = not norm or abs(norm.exponent - self.exponent) <= _NEAR
        if near:
            return self
        tidy = self.normalized()
        tidy._norm = norm  # noqa: SLF001 - of its own kind
        return tidy

    def settled(self) -> Scaled:
        """Return the same array with exponent 0 where float64 holds it, else normalized."""
        return self.with_exponent(0) if -SAFE_EXPONENT <= self.top < 1024 else self.normalized()

    def __abs__(self) -> Scaled:
        return Scaled(np.abs(self.values), self.exponent)

    def __neg__(self) -> Scaled:
        return Scaled(-self.values, self.exponent)

    def __sub__(self, other: Scaled) -> Scaled:
        return self + -other

    def __add__(self, other: Scaled) -> Scaled:
        if self.exponent == other.exponent:
            with np.errstate(over="ignore", invalid="ignore"):
                plain = Scaled(self.values + other.values, self.exponent)
            if math.isfinite(plain.largest):
                return plain.settled()
        # A zero has no size to go by.
        exponent = max((each.top for each in (self, other) if each.values.any()), default=0)
        total = self.with_exponent(exponent).values + other.with_exponent(exponent).values
        return Scaled(total, exponent).settled()

    def times(self, factor: Magnitude) -> Scaled:
        """Return the product with a magnitude."""
        return Scaled(self.values * factor.mantissa, self.exponent + factor.exponent)

    def norm(self) -> Magnitude:
        """Return the Frobenius norm."""
        if self._norm is None:
            squares, exponent = _squares(self.values), self.exponent
            if not SMALLEST_SQUARE < squares < LARGEST_SQUARE:
                safe = self.normalized()
                squares, exponent = _squares(safe.values), safe.exponent
            self._norm = Magnitude.of(math.sqrt(squares), exponent)
        return self._norm


def _squares(values: FloatArray) -> float:
    """Return the sum of the squares."""
    if len(values) == 1:
        # `dot` gives the same, but warns of overflow: to turn that off takes thrice the time.
        return float(np.vdot(values, values))
    with np.errstate(over="ignore"):
        # By rows: one long product would wake threads that cost more than they save.
        return float(np.vecdot(values, values).sum())


def _shift(power: int) -> int:
    """Clip to what C's ldexp takes; 2^±5000 is zero or infinite for any float64."""
    return max(-5000, min(5000, power))
