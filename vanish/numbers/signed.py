"""Numbers of either sign without a smallest one: see `scaled`."""

from __future__ import annotations

import math
from typing import Final

from vanish.numbers.scaled import Magnitude


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


def total(*parts: Signed) -> Signed:
    """Return a sum; a term 2^1000 times smaller than another leaves no trace."""
    common = max((each.exponent for each in parts if each.mantissa), default=0)
    sizes = (
        math.ldexp(each.mantissa, max(each.exponent - common, -1100))
        for each in parts
        if each.mantissa
    )
    return Signed(math.fsum(sizes), common)
