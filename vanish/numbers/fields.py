"""One field of many records, as an array: its cells are made when they are read, some at a time.

A chain of a million layers has forty fields of each. As arrays they are numbers; as objects they
would take ten times the memory, and the garbage collector would look at all of them over and over.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from sys import float_info
from typing import TYPE_CHECKING, Any

import numpy as np

from vanish.numbers.mantissas import shifted
from vanish.numbers.stack import Magnitudes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from decimal import Decimal

    from numpy.typing import NDArray

    from vanish.numbers.signed import Signeds

    Known = NDArray[np.bool_]

_LOG10_2 = math.log10(2.0)


class Field(ABC):
    """A field of many records."""

    __slots__ = ()

    @abstractmethod
    def part(self, rows: slice) -> Sequence[Any]:
        """Return what it is in the records from `rows.start` to `rows.stop`."""

    def log10(self, rows: slice) -> Sequence[float | None]:
        """Return the decimal logarithms of magnitudes, None for a true zero and for nothing."""
        return [each if each is None else each.log10 for each in self.part(rows)]

    def exact(self, rows: slice) -> Sequence[float | Decimal | None]:
        """Return numbers as `Magnitude.exact` does, None for nothing."""
        return [each if each is None else each.exact() for each in self.part(rows)]


class Same(Field):
    """A field that is the same in all records."""

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        self._value = value

    def part(self, rows: slice) -> list[Any]:
        """Return it as often as there are rows."""
        return [self._value] * (rows.stop - rows.start)


class Listed(Field):
    """A field that is listed.

    Parameters
    ----------
    values
        One a record.
    """

    __slots__ = ("_values",)

    def __init__(self, values: Sequence[Any]) -> None:
        self._values = values

    def part(self, rows: slice) -> Sequence[Any]:
        """Return some of them."""
        return self._values[rows]


def without_repeats(values: NDArray[Any]) -> NDArray[Any]:
    """Return an array, in the memory of one number where all are the same; not to be written to."""
    if values.size > 1 and (values == values.flat[0]).all():
        return np.broadcast_to(values.flat[0], values.shape)
    return values


class Numbers(Field):
    """A field of plain numbers.

    Parameters
    ----------
    values
        Shape (N,).
    known
        Where there is one, shape (N,); everywhere without.
    """

    __slots__ = ("_known", "_values")

    def __init__(self, values: NDArray[Any], known: Known | None = None) -> None:
        self._values, self._known = without_repeats(values), known

    def part(self, rows: slice) -> list[Any]:
        """Return them, None where there is none."""
        return _if_known(self._values[rows].tolist(), self._known, rows)


class Piecewise(Field):
    """A field that is computed some records at a time, when they are read.

    Parameters
    ----------
    make
        Returns the field of some records alone, those from `rows.start` on and before `rows.stop`.
    size
        Of how many it is asked at a time, as long as these are read together.
    """

    __slots__ = ("_made", "_make", "_size", "_start")

    def __init__(self, make: Callable[[slice], Field], size: int) -> None:
        self._make, self._size = make, size
        # The piece that was made last, and where it begins.
        self._start = -1
        self._made: Field = Same(None)

    def _around(self, rows: slice) -> tuple[Field, slice]:
        """Return a piece that holds some records, and where they are in it."""
        start = rows.start - rows.start % self._size
        if rows.stop > start + self._size:
            return self._make(rows), slice(0, rows.stop - rows.start)
        if start != self._start:
            self._made, self._start = self._make(slice(start, start + self._size)), start
        return self._made, slice(rows.start - start, rows.stop - start)

    def part(self, rows: slice) -> Sequence[Any]:
        """Return it in some records."""
        piece, here = self._around(rows)
        return piece.part(here)

    def log10(self, rows: slice) -> Sequence[float | None]:
        """Return decimal logarithms."""
        piece, here = self._around(rows)
        return piece.log10(here)

    def exact(self, rows: slice) -> Sequence[float | Decimal | None]:
        """Return numbers as `Magnitude.exact` does."""
        piece, here = self._around(rows)
        return piece.exact(here)


class Sizes(Field):
    """A field of magnitudes.

    Parameters
    ----------
    magnitudes
        Shape (N,).
    known
        Where there is one, shape (N,); everywhere without.
    """

    __slots__ = ("_known", "_magnitudes")

    def __init__(self, magnitudes: Magnitudes, known: Known | None = None) -> None:
        self._magnitudes, self._known = magnitudes, known

    def part(self, rows: slice) -> list[Any]:
        """Return each as a `Magnitude`."""
        return _if_known(self._magnitudes.at(rows).listed(), self._known, rows)

    def log10(self, rows: slice) -> list[float | None]:
        """Return `Magnitude.log10` of each."""
        here = self._magnitudes.at(rows)
        values, inside = _floats(here)
        # By C's logarithm, as of a single one: numpy's may differ in the last bit.
        positive = np.where(inside, values, np.where(here.mantissas == 0.0, 1.0, here.mantissas))
        logs = list(map(math.log10, positive.tolist()))
        if inside.all():
            return _if_known(logs, self._known, rows)
        logs = (np.array(logs) + np.where(inside, 0.0, here.exponents * _LOG10_2)).tolist()
        known = here.mantissas != 0.0
        return _if_known(logs, known if self._known is None else known & self._known[rows])

    def exact(self, rows: slice) -> list[float | Decimal | None]:
        """Return `Magnitude.exact` of each."""
        here = self._magnitudes.at(rows)
        values, inside = _floats(here)
        exact: list[float | Decimal | None] = values.tolist()
        outside = np.flatnonzero(~inside & (here.mantissas != 0.0))
        for row, each in zip(outside.tolist(), here.at(outside).listed(), strict=True):
            exact[row] = each.exact()
        return _if_known(exact, self._known, rows)


class Roots(Field):
    """A field of the square roots of magnitudes, which are computed when they are read.

    Parameters
    ----------
    squares, known
        As for `Sizes`.
    """

    __slots__ = ("_known", "_squares")

    def __init__(self, squares: Magnitudes, known: Known | None = None) -> None:
        self._squares, self._known = squares, known

    def _of(self, rows: slice) -> Sizes:
        known = None if self._known is None else self._known[rows]
        return Sizes(self._squares.at(rows).root(), known)

    def part(self, rows: slice) -> list[Any]:
        """Return each as a `Magnitude`."""
        return self._of(rows).part(slice(None))

    def log10(self, rows: slice) -> list[float | None]:
        """Return `Magnitude.log10` of each."""
        return self._of(rows).log10(slice(None))

    def exact(self, rows: slice) -> list[float | Decimal | None]:
        """Return `Magnitude.exact` of each."""
        return self._of(rows).exact(slice(None))


class SignedSizes(Field):
    """A field of numbers of either sign.

    Parameters
    ----------
    signeds
        Shape (N,).
    """

    __slots__ = ("_signeds",)

    def __init__(self, signeds: Signeds) -> None:
        self._signeds = signeds

    def part(self, rows: slice) -> list[Any]:
        """Return each as a `Signed`."""
        return self._signeds.at(rows).listed()

    def exact(self, rows: slice) -> list[float | Decimal | None]:
        """Return `Signed.exact` of each."""
        here = self._signeds.at(rows)
        values, inside = _floats(Magnitudes(np.abs(here.mantissas), here.exponents))
        exact: list[float | Decimal | None] = np.where(
            here.mantissas < 0.0, -values, values
        ).tolist()
        outside = np.flatnonzero(~inside & (here.mantissas != 0.0))
        for row, each in zip(outside.tolist(), here.at(outside).listed(), strict=True):
            exact[row] = each.exact()
        return exact


def _floats(magnitudes: Magnitudes) -> tuple[NDArray[np.float64], Known]:
    """Return the nearest float64 of each, and which of them hold all the digits."""
    with np.errstate(over="ignore", under="ignore"):
        values = shifted(magnitudes.mantissas, magnitudes.exponents)
    return values, (values >= float_info.min) & (values < math.inf)


def _if_known(cells: list[Any], known: Known | None, rows: slice = slice(None)) -> list[Any]:
    if known is None or known[rows].all():
        return cells
    for row in np.flatnonzero(~known[rows]).tolist():
        cells[row] = None
    return cells
