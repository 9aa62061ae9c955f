"""The record of an activation S, with its slope S' and what theory needs to know of both."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError, dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from vanish.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from vanish.numbers.scaled import FloatArray

    Pair = tuple[FloatArray, FloatArray]
    # Maps a to S(a) and S'(a).
    Pairing = Callable[..., Pair]
    # Writes S(a) and S'(a) of a into two other arrays of its shape.
    Into = Callable[[FloatArray, FloatArray, FloatArray], object]

# Known by their functions, since a copy of a record may have another one.
_FILLING: list[Pairing] = []
_GATES: list[Pairing] = []


def filling(pair: Pairing) -> Pairing:
    """Mark a `pair` that takes two arrays behind a, neither of them a, to write into."""
    _FILLING.append(pair)
    return pair


def gate(pair: Pairing) -> Pairing:
    """Mark a `pair` whose S(a) is S'(a)·a, to the last bit, with no other slopes than 0 and 1."""
    _GATES.append(pair)
    return pair


def copied(pair: Pairing) -> Into:
    """Return what writes into arrays what a `pair` returns."""

    def into(a: FloatArray, value: FloatArray, slope: FloatArray) -> None:
        value[...], slope[...] = pair(a)

    return into


# Frozen, but by one method of its own: those that dataclass makes cost every start 0.7 ms.
@dataclass(kw_only=True, eq=False, repr=False)
class Activation:
    """An activation S with its derivative and what theory needs to know of both.

    Attributes
    ----------
    name, aliases
        What it is called; other common names that select it.
    pair
        Maps an array a of any shape to (S(a), S'(a)), elementwise.
    sup_slope
        sup |S'|, rounded to float64; infinite where |S'| grows without end.
    sup_at
        Where |S'| attains or approaches it: a number, or text for an interval.
    lower, upper
        The infimum and supremum of S.
    attained
        Which of them are values of S: ``"lower"``, ``"upper"``, both or none.
    formula, derivative
        S(x) and S'(x) as text.
    meaning
        What it is, in a line.
    source
        Who has it: the paper, its year, the place in it where that is known. Each that is built
        in has both; of one's own nothing asks for them.
    domain
        Where S is defined.
    latex
        The same two as LaTeX.
    note
        What a reader of the derivative should know besides.
    kinks
        Where S' jumps, in ascending order.
    init
        The initialiser that convention pairs it with.
    homogeneous
        Whether S(ca) = c S(a) for every c > 0.
    flat
        Whether S' is 0 on an interval, so that units can be inactive.
    family, parameters
        Of a built-in one its plain name, and the numbers that tell it from others of that name.
    definition
        S(x) and S'(x) in the language of formulas, with its parameters by their names: the
        textbook's S, and an S' of functions that are stable. Without the second it cannot stand
        in a formula.
    is_formula
        Whether its name is a formula, from which it can be made again; what its record says was
        found numerically then.
    ends
        To what S was found to tend at -∞ and at ∞; None where it has no limit there.
    """

    name: str
    pair: Callable[[FloatArray], Pair]
    sup_slope: float
    sup_at: float | str
    lower: float
    upper: float
    attained: tuple[str, ...] = ()
    formula: str = ""
    derivative: str = ""
    meaning: str = ""
    source: str = ""
    domain: str = "(-∞, ∞)"
    latex: tuple[str, str] = ("", "")
    note: str = ""
    aliases: tuple[str, ...] = ()
    kinks: tuple[float, ...] = ()
    init: str = "xavier_normal"
    homogeneous: bool = False
    flat: bool = False
    family: str = ""
    parameters: Mapping[str, float] = field(default_factory=dict)
    definition: tuple[str, str] = ("", "")
    is_formula: bool = False
    ends: tuple[float | None, float | None] | None = None

    def __setattr__(self, name: str, value: object) -> None:
        if name in self.__dict__ or name not in self.__dataclass_fields__:
            raise FrozenInstanceError(f"cannot assign to field {name!r}")
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        raise FrozenInstanceError(f"cannot delete field {name!r}")

    def __post_init__(self) -> None:
        # Of what is made by a formula or with numbers the name is text that reads back.
        if not (self.name.isidentifier() or self.is_formula or self.parameters):
            raise UsageError(f"activation name {self.name!r}: use letters, digits and _")
        if not self.sup_slope > 0.0:
            raise UsageError(
                f"activation {self.name}: sup_slope is {self.sup_slope}: give the positive"
                " supremum of |S'|"
            )
        if not self.lower < self.upper:
            raise UsageError(
                f"activation {self.name}: range [{self.lower}, {self.upper}] is empty:"
                " give lower < upper"
            )
        if list(self.kinks) != sorted(set(self.kinks)):
            raise UsageError(f"activation {self.name}: give its kinks in ascending order")
        if not all(map(math.isfinite, self.kinks)):
            raise UsageError(f"activation {self.name}: a kink at {self.kinks}: give finite numbers")
        if not {*self.attained} <= {"lower", "upper"}:
            raise UsageError(
                f"activation {self.name}: attained {self.attained}: give of 'lower' and 'upper'"
                " those that S attains"
            )
        if not (isinstance(self.sup_at, str) or math.isfinite(self.sup_at)):
            raise UsageError(
                f"activation {self.name}: sup_at is {self.sup_at}: give the x of the supremum of"
                " |S'|, or words for where it is approached"
            )

    @property
    def range(self) -> str:
        """The range of S as an interval, such as ``(0, 1)``."""
        opening = "[" if "lower" in self.attained else "("
        closing = "]" if "upper" in self.attained else ")"
        lower, upper = (f"{end:.5g}".replace("inf", "∞") for end in (self.lower, self.upper))
        return f"{opening}{lower}, {upper}{closing}"

    @property
    def has_bound(self) -> bool:
        """Whether |S'| has a supremum, so that the article's bound exists."""
        return math.isfinite(self.sup_slope)

    @property
    def sup_place(self) -> str:
        """Where |S'| attains or approaches its supremum, as text."""
        return self.sup_at if isinstance(self.sup_at, str) else f"x = {self.sup_at:.5g}"

    @property
    def bears_infinity(self) -> tuple[bool, bool]:
        """Whether S and S' are finite at ∞, and at -∞: there an a that overflows does no harm.

        For tanh and sigmoid both are, for relu those at -∞; silu's formula is -∞ · 0 there.
        """
        try:
            with np.errstate(all="ignore"):
                value, slope = self.pair(np.array([math.inf, -math.inf]))
        except (ArithmeticError, ValueError):  # a formula of the user's that refuses it
            return False, False
        above, below = (np.isfinite(value) & np.isfinite(slope)).tolist()
        return above, below

    def value(self, a: FloatArray) -> FloatArray:
        """Return S(a), elementwise."""
        return self.pair(a)[0]

    def slope(self, a: FloatArray) -> FloatArray:
        """Return S'(a), elementwise."""
        return self.pair(a)[1]

    @property
    def into(self) -> Into:
        """What writes S(a) and S'(a) of an array a into two others of its shape."""
        pair: Pairing = self.pair
        return pair if pair in _FILLING else copied(pair)

    @property
    def is_gate(self) -> bool:
        """Whether S passes a or nothing, as relu does: S(a) = S'(a)·a, and S' is 0 or 1."""
        return self.pair in _GATES

    def around_zero(self) -> tuple[float, tuple[float, float, float]]:
        """Return S(0) and (S'(0-), S'(0), S'(0+))."""
        return _around_zero(self)

    def tangent(self) -> Callable[[FloatArray], Pair] | None:
        """Return S and S' of numbers below 2^-500, where S(a) = S'(0±)·a; None if it is not."""
        at_zero, sides = self.around_zero()
        if at_zero != 0.0 or not (sides[0] or sides[2]):
            return None

        def pair(a: FloatArray) -> Pair:
            slopes = tangents(a, *sides)
            return slopes * a, slopes

        return pair


def tangents(values: FloatArray, left: float, zero: float, right: float) -> FloatArray:
    """Return the slopes of S around 0 at values on its left, at 0 and on its right."""
    if left == zero == right:
        return np.full(values.shape, zero)
    return np.select([values > 0.0, values < 0.0], [right, left], zero)


def of_each(activations: Sequence[Activation], of: Callable[[Activation], float]) -> NDArray[Any]:
    """Return a number of the activation of each layer; of each kind, of which few are, once."""
    numbers = {each: of(each) for each in set(activations)}
    return np.array(list(map(numbers.__getitem__, activations)))


# So small beside 0 is a slope that is 0 there, such as that of x|x|.
_NO_SLOPE = 2.0**-1000

# Doublings from there on: S is still its own tangent, if it has one.
_FARTHER = 500


# Every layer of a chain whose values are very small asks for it.
@lru_cache(maxsize=256)
def _around_zero(activation: Activation) -> tuple[float, tuple[float, float, float]]:
    # The smallest normal numbers: beside a kink, yet S' differs from its limit by less than
    # rounding.
    beside = np.array([-(2.0**-1022), 0.0, 2.0**-1022])
    values, slopes = activation.pair(beside)
    # S' that is still smaller than it was farther off, as that of |x|^1.5, goes to 0.
    farther = np.abs(activation.pair(beside * 2.0**_FARTHER)[1])
    gone = (np.abs(slopes) < _NO_SLOPE) | (np.abs(slopes) < farther * (1.0 - 1e-12))
    left, zero, right = np.where(gone, 0.0, slopes).tolist()
    return float(values[1]), (left, zero, right)
