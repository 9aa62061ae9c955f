"""Numbers of either sign without a smallest one: see `scaled`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from vanish.numbers.mantissas import mantissas_and_exponents, trials_joined
from vanish.numbers.scaled import Magnitude
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    import numpy as np
    from numpy.typing import NDArray

    from vanish.numbers.scaled import FloatArray
    from vanish.numbers.stack import Exponents


class Signed:
    """``mantissa * 2**exponent``. Immutable.

    Parameters
    ----------
    mantissa
        Any finite number.
    exponent
        Any integer.
    """

    __slots__ = ("exponent", "mantissa")

    def __init__(self, mantissa: float, exponent: int = 0) -> None:
        # In [1/2, 1): its square and its product with another one are numbers, too.
        fraction, shift = math.frexp(mantissa)
        self.mantissa: Final = fraction
        self.exponent: Final = exponent + shift

    @classmethod
    def of(cls, magnitude: Magnitude) -> Signed:
        """Return a magnitude as one that may be subtracted."""
        return cls(magnitude.mantissa, magnitude.exponent)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Signed):
            return NotImplemented
        # A zero has whatever exponent.
        alike = self.exponent == other.exponent or not self.mantissa
        return self.mantissa == other.mantissa and alike

    def __hash__(self) -> int:
        return hash((self.mantissa, self.exponent if self.mantissa else 0))

    def __neg__(self) -> Signed:
        return Signed(-self.mantissa, self.exponent)

    def __mul__(self, other: Signed) -> Signed:
        return Signed(self.mantissa * other.mantissa, self.exponent + other.exponent)

    def __add__(self, other: Signed) -> Signed:
        return total(self, other)

    def squared(self) -> Magnitude:
        """Return the square."""
        return Magnitude.of(self.mantissa * self.mantissa, 2 * self.exponent)

    def magnitude(self) -> Magnitude:
        """Return the number itself; 0 where rounding has left less."""
        return Magnitude.of(max(self.mantissa, 0.0), self.exponent)

    def exact(self) -> float | Decimal:
        """Return it as `Magnitude.exact` does."""
        size = Magnitude.of(abs(self.mantissa), self.exponent).exact()
        if self.mantissa >= 0.0:
            return size
        # A decimal's minus sign would round it.
        return -size if isinstance(size, float) else size.copy_negate()


class Signeds(Record):
    """Numbers of any sign, one of each of many trials, as `Signed` is one.

    Attributes
    ----------
    mantissas
        Their sizes in [1/2, 1), or exactly 0.
    exponents
        Of the same shape; 0 for a true zero.
    """

    mantissas: FloatArray
    exponents: NDArray[np.int64]

    @classmethod
    def of(cls, values: FloatArray, exponents: Exponents = 0) -> Signeds:
        """Return values · 2^exponents."""
        return cls(*mantissas_and_exponents(values, exponents))

    @classmethod
    def joined(cls, parts: Sequence[Signeds]) -> Signeds:
        """Put trials, the last axis, behind each other."""
        return cls(*trials_joined(parts))

    def at(self, index: Any) -> Signeds:
        """Return the numbers that numpy's index selects."""
        return Signeds(self.mantissas[index], self.exponents[index])

    def listed(self) -> list[Signed]:
        """Return the numbers of a one-dimensional array."""
        return list(map(Signed, self.mantissas.tolist(), self.exponents.tolist()))


def total(*parts: Signed) -> Signed:
    """Return a sum; a term 2^1000 times smaller than another leaves no trace."""
    common = max((each.exponent for each in parts if each.mantissa), default=0)
    sizes = (
        math.ldexp(each.mantissa, max(each.exponent - common, -1100))
        for each in parts
        if each.mantissa
    )
    return Signed(math.fsum(sizes), common)
