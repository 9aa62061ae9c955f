"""Magnitudes of many trials at once: arrays whose trials have an exponent each.

`scaled` says why: nothing is too small or too large to be told from zero. Here the
exponents cost next to nothing while float64 holds all values, which is nearly always.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from vanish.numbers.mantissas import mantissas_and_exponents, shifted, trials_joined
from vanish.numbers.running import running
from vanish.numbers.scaled import Magnitude
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vanish.numbers.scaled import FloatArray

    # One number a trial, or one for all.
    Exponents = int | NDArray[np.int64]

# Norms within 2^±200: then a product of two squared ones, or a scale within 2^±100, stays
# in float64.
_SMALLEST_SQUARE, _LARGEST_SQUARE = 2.0**-400, 2.0**400

# So many mantissas of at least 1/2 multiply to no less than 2^-500.
_RUN = 500

# Eight exponents of this size have a sum that int32 holds.
_SHORT = 2**28

# The exponent of a true zero where exponents are compared: less than any other.
_NOTHING = -(2**62)

_LOG10_2 = math.log10(2.0)


class Magnitudes(Record):
    """Numbers that are at least 0, mantissas · 2^exponents, as `Magnitude` is one.

    Attributes
    ----------
    mantissas
        In [1/2, 1), or exactly 0.
    exponents
        Of the same shape; 0 for a true zero.
    """

    mantissas: FloatArray
    exponents: NDArray[np.int64]

    @classmethod
    def of(cls, values: FloatArray, exponents: Exponents = 0) -> Magnitudes:
        """Return values · 2^exponents."""
        return cls(*mantissas_and_exponents(values, exponents))

    @classmethod
    def column(cls, magnitudes: Sequence[Magnitude]) -> Magnitudes:
        """Return one trial's numbers, one a layer, shape (N, 1)."""
        if len(magnitudes) > 1 and len({*map(id, magnitudes)}) == 1:
            return cls.column(magnitudes[:1]).at([0] * len(magnitudes))
        mantissas = np.array([each.mantissa for each in magnitudes])
        exponents = np.array([each.exponent for each in magnitudes], dtype=np.int64)
        return cls(mantissas[:, None], exponents[:, None])

    @classmethod
    def layers(cls, parts: Sequence[Magnitudes]) -> Magnitudes:
        """Put layers, the first axis, behind each other."""
        if len(parts) == 1:
            return parts[0]
        mantissas, exponents = zip(*parts, strict=True)
        return cls(np.concatenate(mantissas), np.concatenate(exponents))

    @classmethod
    def joined(cls, parts: Sequence[Magnitudes]) -> Magnitudes:
        """Put trials, the last axis, behind each other."""
        return cls(*trials_joined(parts))

    def __mul__(self, other: Magnitudes) -> Magnitudes:  # type: ignore[override]  # no repetition
        return Magnitudes.of(self.mantissas * other.mantissas, self.exponents + other.exponents)

    def __add__(self, other: Magnitudes) -> Magnitudes:  # type: ignore[override]  # a sum
        mine, yours = self._powers, other._powers
        common = np.maximum(mine, yours)
        common = np.where(common == _NOTHING, 0, common)
        total = np.ldexp(self.mantissas, np.maximum(self.exponents - common, -5000))
        total += np.ldexp(other.mantissas, np.maximum(other.exponents - common, -5000))
        return Magnitudes.of(total, common)

    @property
    def _powers(self) -> NDArray[np.int64]:
        """The exponents as they compare: that of a true zero is less than any other."""
        # frexp's exponents may be shorter integers, which cannot hold that.
        exponents = np.asarray(self.exponents, dtype=np.int64)
        return np.where(self.mantissas == 0.0, _NOTHING, exponents)

    def over(self, other: Magnitudes) -> Magnitudes:
        """Return the quotients; 0 where the divisor is a true zero."""
        divisors, zero = other.mantissas, other.mantissas == 0.0
        if zero.any():
            divisors = np.where(zero, np.inf, divisors)
        return Magnitudes.of(self.mantissas / divisors, self.exponents - other.exponents)

    def larger(self, other: Magnitudes) -> Magnitudes:
        """Return the larger one of each two."""
        mine, yours = self._powers, other._powers
        own = (mine > yours) | ((mine == yours) & (self.mantissas >= other.mantissas))
        return Magnitudes(
            np.where(own, self.mantissas, other.mantissas),
            np.where(own, self.exponents, other.exponents),
        )

    def root(self) -> Magnitudes:
        """Return the square roots."""
        exponents = np.asarray(self.exponents, dtype=np.int64)
        odd = exponents & 1
        return Magnitudes.of(np.sqrt(np.ldexp(self.mantissas, odd)), (exponents - odd) // 2)

    def products_behind(self, seed: Magnitudes) -> tuple[Magnitudes, Magnitudes]:
        """Return seed · ∏_{j>k} of the numbers along the first axis, and of all of them.

        Parameters
        ----------
        seed
            Of the shape of the numbers at one k.

        Returns
        -------
        behind, all
            Of the shape of these numbers, and of those at one k.
        """
        factors = np.concatenate([seed.mantissas[None], self.mantissas[::-1]])
        powers = running(
            np.add, np.concatenate([seed.exponents[None], self.exponents[::-1]]).astype(np.int64)
        )
        products = np.empty_like(factors)
        before = np.ones_like(factors[0])
        for first in range(0, len(factors), _RUN):
            run = factors[first : first + _RUN].copy()
            run[0] *= before
            products[first : first + _RUN] = running(np.multiply, run)
            before, shift = np.frexp(products[min(first + _RUN, len(products)) - 1])
            powers[first + _RUN :] += shift
        found = Magnitudes.of(products, powers)
        return found.at(slice(-2, None, -1)), found.at(-1)

    def at(self, index: Any) -> Magnitudes:
        """Return the numbers that numpy's index selects."""
        return Magnitudes(self.mantissas[index], self.exponents[index])

    def narrow(self) -> Magnitudes:
        """Return the same in less memory, where exponents and sums of a few are short integers."""
        mantissas, exponents = self
        if exponents.max(initial=0) >= _SHORT or exponents.min(initial=0) <= -_SHORT:
            return self
        return Magnitudes(mantissas, exponents.astype(np.int32, copy=False))

    def listed(self) -> list[Magnitude]:
        """Return the numbers of a one-dimensional array."""
        return list(map(Magnitude, self.mantissas.tolist(), self.exponents.tolist()))

    @property
    def log2(self) -> FloatArray:
        """The binary logarithms, -inf for a true zero."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log2(self.mantissas) + self.exponents)

    @property
    def log10(self) -> FloatArray:
        """The decimal logarithms, -inf for a true zero."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log10(self.mantissas) + self.exponents * _LOG10_2)


class Stack:
    """A batch of rows for each of T independent trials: values · 2^exponents. Immutable.

    Parameters
    ----------
    values
        Shape (T, B, n).
    exponents
        One for all trials, or shape (T,).

    Squares that leave float64 are a sign to balance the values, not an error: whoever works
    with stacks lets them overflow.
    """

    __slots__ = ("_coordinates", "_is_balanced", "_squares", "exponents", "values")

    def __init__(self, values: FloatArray, exponents: Exponents = 0) -> None:
        self.values = values
        self.exponents = exponents
        self._squares: FloatArray | None = None
        self._is_balanced: bool | None = None
        self._coordinates: tuple[FloatArray, Frame] | None = None

    @property
    def squares(self) -> FloatArray:
        """Of each trial the sum of the squared values, shape (T,)."""
        if self._squares is None:
            self._squares = squares_of(self.values)
        return self._squares

    @property
    def known_squares(self) -> FloatArray | None:
        """The same where somebody has asked for them before."""
        return self._squares

    def __add__(self, other: Stack) -> Stack:
        mine, yours = self.exponents, other.exponents
        if isinstance(mine, int) and isinstance(yours, int) and mine == yours:
            return Stack(self.values + other.values, mine)
        tops, others = _tops(self.values), _tops(other.values)
        # A zero has no size to go by.
        powers = np.where(self.values.any(axis=(1, 2)), tops + mine, _NOTHING)
        common = np.where(other.values.any(axis=(1, 2)), np.maximum(powers, others + yours), powers)
        common = np.where(common == _NOTHING, 0, common)
        total = times_power(self.values, mine - common) + times_power(other.values, yours - common)
        return Stack(total, common).normalized()

    @property
    def lengths(self) -> FloatArray:
        """The Frobenius norm of each trial's values, shape (T,)."""
        return np.sqrt(self.squares)

    @property
    def is_balanced(self) -> bool:
        """Whether every trial's norm is one that can be squared and multiplied."""
        if self._is_balanced is None:
            self._is_balanced = lie_between(self.squares, _SMALLEST_SQUARE, _LARGEST_SQUARE)
        return self._is_balanced

    def balanced(self) -> Stack:
        """Return the same trials, each with a norm that can be squared, or a true zero."""
        return self if self.is_balanced else self._shifted(keep_balanced=True)

    def normalized(self) -> Stack:
        """Return the same trials, each with its largest |value| in [1/2, 1)."""
        return self._shifted(keep_balanced=False)

    def _shifted(self, *, keep_balanced: bool) -> Stack:
        shifts = _tops(self.values)
        if keep_balanced:
            held = (self.squares > _SMALLEST_SQUARE) & (self.squares < _LARGEST_SQUARE)
            shifts = np.where(held, 0, shifts)
        if not shifts.any():
            return self
        return Stack(np.ldexp(self.values, -shifts[:, None, None]), self.exponents + shifts)

    @property
    def coordinates(self) -> tuple[FloatArray, Frame]:
        """An orthonormal frame of the rows' span, and the rows in it.

        Returns
        -------
        coefficients, frame
            Shapes (T, B, r) and (T, r, n) with r = min(B, n); their product is the values.
            Where rows depend on each other, the frame has further vectors than their span.
        """
        if self._coordinates is None:
            self._coordinates = self._row_itself() if self.values.shape[1] == 1 else self._qr()
        return self._coordinates

    def _qr(self) -> tuple[FloatArray, Frame]:
        q, r = np.linalg.qr(self.values.swapaxes(1, 2))
        return r.swapaxes(1, 2), Frame(q.swapaxes(1, 2))

    def _row_itself(self) -> tuple[FloatArray, Frame]:
        lengths = self.coefficients
        if self.is_balanced:
            return lengths, Frame(self.values, lengths)
        # A row of zeros takes any frame; the others are to stay as they are.
        zero = self.squares == 0.0
        rows = self.values.copy()
        rows[zero, :, 0] = 1.0
        return lengths, Frame(rows, np.where(zero[:, None, None], 1.0, lengths))

    @property
    def coefficients(self) -> FloatArray:
        """The first of the coordinates."""
        return self.lengths[:, None, None] if self.values.shape[1] == 1 else self.coordinates[0]


class Frame(Record):
    """Orthonormal rows for each trial.

    Attributes
    ----------
    rows, lengths
        They are rows / lengths, shapes (T, r, n) and (T, 1, 1), or one for all. Who multiplies by
        them divides what is shorter than a row.
    """

    rows: FloatArray
    lengths: FloatArray | float = 1.0

    def across(self, rows: FloatArray) -> FloatArray:
        """Return rows · frameᵀ, shapes (T, i, n) to (T, i, r)."""
        return dots(rows, self.rows) / self.lengths

    def span(self, coefficients: FloatArray) -> FloatArray:
        """Return coefficients · frame, shapes (T, i, r) to (T, i, n)."""
        return product(coefficients / self.lengths, self.rows)

    def padded(self, size: int) -> Frame:
        """Return the same rows with zeros appended up to a size."""
        return self._replace(rows=padded(self.rows, size))


def padded(values: FloatArray, size: int) -> FloatArray:
    """Return rows with zeros appended up to a size."""
    missing = size - values.shape[-1]
    return np.pad(values, ((0, 0), (0, 0), (0, missing))) if missing else values


def lie_between(numbers: FloatArray, least: float, most: float) -> bool:
    """Tell whether all numbers of shape (n,) do; not where one is no number."""
    if numbers.size == 1:
        return least < numbers.item() < most
    # By their places: numpy's minimum of few numbers takes four times as long.
    return bool(least < numbers[numbers.argmin()] and numbers[numbers.argmax()] < most)


def _tops(values: FloatArray) -> NDArray[np.int64]:
    """Return the least t of each trial with every |value| < 2^t; 0 where all are zero."""
    return np.asarray(np.frexp(np.abs(values).max(axis=(1, 2)))[1], dtype=np.int64)


def squares_of(values: FloatArray) -> FloatArray:
    """Return of each trial the sum of the squared values, shapes (T, B, n) and (T,)."""
    if values.shape[1] > 1:
        return np.asarray(np.vecdot(values, values).sum(axis=1))
    rows = values[:, 0]
    return np.square(rows[:, 0]) if rows.shape[1] == 1 else np.asarray(np.vecdot(rows, rows))


def times_power(values: FloatArray, powers: NDArray[np.int64]) -> FloatArray:
    """Return each trial's values times its power of two."""
    return shifted(values, powers[:, None, None])


def listed_exponents(exponents: Sequence[Exponents], trials: int) -> NDArray[np.int64]:
    """Return one row a layer, shape (L, T), or (L, 1) where all trials have the same ones."""
    alike = set(map(type, exponents)) <= {int}
    rows = np.empty((len(exponents), 1 if alike else trials), dtype=np.int64)
    for row, each in zip(rows, exponents, strict=True):
        row[:] = each
    return rows


class Norms(Record):
    """The norms of one gradient: √squares · 2^exponents, one a trial."""

    squares: FloatArray
    exponents: Exponents


def norms_of(rows: Stack) -> Norms:
    """Return the norms of each trial's rows."""
    return Norms(rows.squares, rows.exponents)


def norms_of_sum(rows: Stack) -> Norms:
    """Return the norms of the sums of each trial's rows."""
    if rows.values.shape[1] == 1:
        return norms_of(rows)
    total = rows.values.sum(axis=1)
    return Norms(np.vecdot(total, total), rows.exponents)


def product(left: FloatArray, right: FloatArray) -> FloatArray:
    """Return left · right for each trial, shapes (T, i, j) and (T, j, k)."""
    # With j = 1 every entry is one product, and numpy multiplies faster than it calls BLAS.
    return np.asarray(left * right if left.shape[-1] == 1 else left @ right)


def dots(left: FloatArray, right: FloatArray) -> FloatArray:
    """Return left · rightᵀ for each trial, shapes (T, i, n) and (T, j, n)."""
    if left.shape[1] == right.shape[1] == 1:
        return np.asarray(np.vecdot(left, right)[..., None])
    return np.asarray(left @ right.swapaxes(1, 2))
