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

from vanish.numbers.stack import Magnitudes

if TYPE_CHECKING:
    from collections.abc import Sequence
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
        self._values, self._known = values, known

    def part(self, rows: slice) -> list[Any]:
        """Return them, None where there is none."""
        return _if_known(self._values[rows].tolist(), self._known, rows)


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
        logs: list[float | None] = list(map(math.log10, positive.tolist()))
        if not inside.all():
            for row in np.flatnonzero(~inside).tolist():
                exponent = int(here.exponents[row])
                logs[row] = (
                    (logs[row] or 0.0) + exponent * _LOG10_2 if here.mantissas[row] else None
                )
        return _if_known(logs, self._known, rows)

    def exact(self, rows: slice) -> list[float | Decimal | None]:
        """Return `Magnitude.exact` of each."""
        here = self._magnitudes.at(rows)
        values, inside = _floats(here)
        exact: list[float | Decimal | None] = values.tolist()
        for row in np.flatnonzero(~inside & (here.mantissas != 0.0)).tolist():
            exact[row] = here.at(slice(row, row + 1)).listed()[0].exact()
        return _if_known(exact, self._known, rows)


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
        for row in np.flatnonzero(~inside & (here.mantissas != 0.0)).tolist():
            exact[row] = here.at(slice(row, row + 1)).listed()[0].exact()
        return exact


def _floats(magnitudes: Magnitudes) -> tuple[NDArray[np.float64], Known]:
    """Return the nearest float64 of each, and which of them hold all the digits."""
    with np.errstate(over="ignore", under="ignore"):
        # 2^±5000 is zero or infinite for any float64, and C's ldexp takes it.
        values = np.ldexp(magnitudes.mantissas, np.clip(magnitudes.exponents, -5000, 5000))
    return values, (values >= float_info.min) & (values < math.inf)


def _if_known(cells: list[Any], known: Known | None, rows: slice) -> list[Any]:
    if known is None or known[rows].all():
        return cells
    for row in np.flatnonzero(~known[rows]).tolist():
        cells[row] = None
    return cells
