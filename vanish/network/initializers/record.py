"""Variance scaling once, for matrices and biases: the named rules are its special cases."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from vanish.errors import UsageError
from vanish.network.initializers.laws import Law, draw, entries
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from vanish.network.initializers.laws import Empty
    from vanish.numbers.scaled import FloatArray

# What the entries of W may be; beyond these, divided by √n_in, float64 would run out.
SMALLEST, LARGEST = 1e-290, 1e300


def fan_in(n_in: int, _: int) -> float:
    """Return n_in."""
    return n_in


def fan_average(n_in: int, n_out: int) -> float:
    """Return the mean of n_in and n_out."""
    return (n_in + n_out) / 2


def one(_: int, __: int) -> float:
    """Return 1, for entries that do not depend on sizes."""
    return 1.0


class Initializer(Record):
    """W = `factor` / √fan(n_in, n_out) times what is drawn by `law`, moved by `shift`.

    Attributes
    ----------
    name
        What it is called, with its numbers: `initializers.get` takes it.
    law
        The law of the unscaled matrix.
    factor
        The square root of variance × fan.
    fan
        Maps (n_in, n_out) to what the variance is divided by.
    shift
        What is added to every entry of the unscaled matrix: its mean.
    bias
        How b is drawn beside such a W; None for zeros.
    first
        What draws the matrices of layer 1 instead, if something else does.
    by_data
        Whether W is then scaled by what it makes of the data, see `unitvariance`.
    """

    name: str
    law: Law
    factor: float
    fan: Callable[[int, int], float]
    shift: float = 0.0
    bias: Initializer | None = None
    first: Initializer | None = None
    by_data: bool = False

    def at(self, k: int) -> Initializer:
        """Return what draws the matrices of layer k."""
        return self.first if k == 1 and self.first is not None else self

    @property
    def unit(self) -> tuple[Law, float]:
        """What the unscaled matrix depends on: those that agree in it share a draw."""
        return self.law, self.shift

    def scale(self, n_in: int, n_out: int) -> float:
        """Return the factor between the unscaled matrix and W."""
        return self.factor / math.sqrt(self.fan(n_in, n_out))

    def weight_std(self, n_in: int, n_out: int) -> float:
        """Return σ_w: an entry of W has the mean square σ_w²/n_in, as theory parametrises it."""
        if self.law in (Law.ORTHOGONAL, Law.IDENTITY):
            # A corner of a matrix of that size has entries of mean square 1/max.
            entry = 1.0 / math.sqrt(max(n_in, n_out))
        else:
            entry = math.hypot(float(self.law is not Law.CONSTANT), self.shift)
        return self.scale(n_in, n_out) * entry * math.sqrt(n_in)

    @property
    def has_fixed_scale(self) -> bool:
        """Whether W's scale does not depend on sizes."""
        return self.scale(1, 1) == self.scale(2, 2)

    @property
    def scales_with_width(self) -> bool:
        """Whether weight_std between layers of one size is the same whatever that size is."""
        small, large = self.weight_std(4, 4), self.weight_std(64, 64)
        return abs(large - small) <= 1e-12 * large

    def std_between(self, width: int | None = None) -> float:
        """Return weight_std between layers of one size, or of any where none is said.

        Raises
        ------
        UsageError
            If it depends on the size, or theory has no law for such matrices.
        """
        if self.oddity:
            raise UsageError(
                f"init {self.name}, {self.oddity}: theory has no law for it: give another one"
            )
        if width is None and not self.scales_with_width:
            raise UsageError(
                f"init {self.name}: its weight_std depends on n_in: give weight_std, which is √n_in"
                " times the entries' standard deviation"
            )
        return self.weight_std(width or 1, width or 1)

    def draw(
        self, generator: np.random.Generator, n_out: int, n_in: int, empty: Empty = np.empty
    ) -> FloatArray:
        """Draw the unscaled (n_out, n_in) matrix, see `laws.draw`."""
        return self._moved(draw(self.law, generator, n_out, n_in, empty))

    def entries(self, generator: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
        """Draw unscaled entries by themselves, for biases."""
        return self._moved(entries(self.law, generator, shape))

    def _moved(self, drawn: FloatArray) -> FloatArray:
        return drawn + self.shift if self.shift else drawn

    @property
    def oddity(self) -> str:
        """Why mean-field theory has no law for it, as part of a sentence; empty where it has."""
        if self.by_data:
            return "which the data scale"
        if not self.law.is_random:
            return "which is not random"
        return "whose mean is not 0" if self.shift else ""


class Number(Record):
    """A number in the brackets behind a name.

    Attributes
    ----------
    name, aliases
        What it is called; other words for it.
    default
        What it is where nothing is said; None where it must be said.
    least, most
        What it may be.
    """

    name: str
    default: float | None = None
    aliases: tuple[str, ...] = ()
    least: float = SMALLEST
    most: float = LARGEST


class Family(Record):
    """Initialisers of one name, which differ by numbers.

    Attributes
    ----------
    name, aliases
        What they are called.
    make
        Given the numbers, returns one without its name.
    meaning
        What W has, as part of a sentence.
    purpose
        What it is for, in a line.
    source
        Who has it: the paper, its year, the place in it where that is known; or the framework.
    takes
        The numbers, in their order.
    example
        One of them, with its numbers.
    of_biases
        Whether biases may be drawn so, too.
    """

    name: str
    make: Callable[..., Initializer]
    meaning: str
    purpose: str
    source: str
    takes: tuple[Number, ...] = ()
    example: str = ""
    of_biases: bool = False
    aliases: tuple[str, ...] = ()
