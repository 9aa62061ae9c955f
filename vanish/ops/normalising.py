"""Norms: a line of numbers divided by its size, its mean subtracted first or not.

A line is a row for LN and RMS, whose numbers are a sample's units, and a column for BN, whose
numbers are a unit's values over the batch. Of a line y of n numbers

    LN, BN   ŷ = (y - m)/σ with m = Σy/n and σ² = Σ(y - m)²/n,
    RMS      ŷ = y/σ with σ² = Σy²/n,

without a learned scale or shift and with nothing added to σ², so that a norm commutes with
powers of two. Going back (Ba, Kiros and Hinton 2016, "Layer normalization"; Zhang and Sennrich
2019, "Root mean square layer normalization"; Ioffe and Szegedy 2015, "Batch normalization")

    g  ↦  (1/σ)(I - 11ᵀ/n - ŷŷᵀ/n) g,      RMS without 11ᵀ/n,

which is a projection over σ: its norm is at most 1/σ. A *constant* line, whose σ is below
16 n 2^-52 of its largest |value|, has a deviation that may be rounding alone: its ŷ is 0 and it
passes 0 back; so does one of whose g the projection leaves no more than that. Of so few numbers
that the projection leaves nothing (2, or 1 for RMS), ŷ is ±1 whatever they are: then nothing is
passed back either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanish.network.chainrule import Reading
from vanish.numbers.mantissas import shifted
from vanish.numbers.scaled import BORNE, ONE, ZERO, Magnitude, Scaled
from vanish.numbers.stack import Magnitudes, Stack
from vanish.readings.bounds import BOUND
from vanish.readings.dense import DENSE
from vanish.readings.normalised import Normalised
from vanish.readings.passing import by_size, passed_on
from vanish.readings.slopes import SLOPES
from vanish.records import Record

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vanish.network.chain import Chain
    from vanish.network.graph import Op
    from vanish.numbers.scaled import FloatArray
    from vanish.numbers.stack import Exponents
    from vanish.readings.bounds import TraceNorms
    from vanish.readings.inplace import Cell, Passes
    from vanish.readings.meanfield import Ensemble
    from vanish.readings.names import Called
    from vanish.readings.products import Product
    from vanish.readings.sampled import SampledChain
    from vanish.readings.sources import Cotangent
    from vanish.readings.written import Written

# σ below so much of the largest |value|, times n, may be rounding.
_ROUNDING = 16.0 * 2.0**-52

# Powers of two within 2^±1000 are numbers, and numpy multiplies faster than it shifts.
_LARGEST_POWER = 1000

# Measured: where the rest is less than this part of what it is left of, it is not exact enough for
# the norms behind.
_CANCELS = 0.5

# The exponent of a line of zeros where exponents are compared: less than any other.
_NOTHING = -(2**62)


class Norm(Record):
    """One of the norms.

    Attributes
    ----------
    name
        In a formula.
    axis
        Along which its lines lie: -1 for rows, -2 for columns.
    centred
        Whether the mean is subtracted.
    """

    name: str
    axis: int
    centred: bool

    def forward(self, values: FloatArray, exponents: Exponents = 0) -> Normalised:
        """Normalise values · 2^exponents, shape (…, B, n).

        Parameters
        ----------
        values
            Finite.
        exponents
            One, or an array that broadcasts against (…, 1, 1).
        """
        largest = self._largest(values)
        # By its own power of two a line of any size is one near 1.
        powers = np.asarray(np.frexp(largest)[1], dtype=np.int64)
        lines = _times_powers(values, -powers)
        if self.centred:
            lines -= self._mean(lines)
            # The mean of n equal numbers may miss them by some digits; what is left does not.
            lines -= self._mean(lines)
        sigma = np.sqrt(self._mean(lines * lines))
        least = _ROUNDING * values.shape[self.axis] * np.ldexp(largest, -powers)
        constant = (sigma < least) | (largest == 0.0)
        if np.count_nonzero(constant):
            lines /= np.where(constant, 1.0, sigma)
            lines, sigma = np.where(constant, 0.0, lines), np.where(constant, 0.0, sigma)
        else:
            lines /= sigma
        return Normalised(lines, Magnitudes.of(sigma, powers + exponents))

    def _mean(self, values: FloatArray) -> FloatArray:
        """Return the mean of each line, as `numpy.mean` does, whose call costs more than it."""
        total = np.add.reduce(values, axis=self.axis, keepdims=True)
        return np.divide(total, values.shape[self.axis], total)

    def _largest(self, values: FloatArray) -> FloatArray:
        """Return the largest |value| of each line."""
        return np.asarray(np.maximum.reduce(np.abs(values), axis=self.axis, keepdims=True))

    def passes(self, length: int) -> bool:
        """Tell whether lines of that length pass anything back."""
        return length > 1 + self.centred

    def back(self, kept: Normalised, g: FloatArray) -> tuple[FloatArray, NDArray[np.int64]]:
        """Return what flows to the values that came in, as an array and its lines' exponents.

        Parameters
        ----------
        kept
            Of the way forward.
        g
            What has flowed to the output, of its shape.

        Returns
        -------
        rows, exponents
            Of the shape of the output and of the deviations.
        """
        output, (mantissas, powers) = kept
        if not self.passes(g.shape[self.axis]):
            return np.zeros_like(g), np.zeros_like(powers)
        along = self._mean(output * g)
        mean = self._mean(g) if self.centred else np.zeros_like(along)
        rest = g - output * along
        if self.centred:
            rest -= mean
        # What lies along 1 or ŷ all but for rounding, as the same number for all units does.
        rounding = _ROUNDING * g.shape[self.axis]
        least, sizes = rounding * self._largest(g), np.abs(rest)
        few = np.maximum.reduce(sizes, axis=self.axis, keepdims=True) < _CANCELS * self._largest(g)
        if np.count_nonzero(few):
            # A small rest of large terms is not yet at right angles to ŷ and 1.
            again = rest - output * self._mean(output * rest)
            if self.centred:
                again -= self._mean(again)
            rest = np.where(few, again, rest)
            sizes = np.abs(rest)
        rest *= np.maximum.reduce(sizes, axis=self.axis, keepdims=True) > least
        # Seldom there is one that is left over of its own terms, as where no other unit is active.
        if np.count_nonzero(sizes <= least):
            terms = np.abs(g) + np.abs(output * along) + np.abs(mean)
            rest *= sizes > rounding * terms
        rest /= np.where(mantissas > 0.0, mantissas, np.inf)
        return rest, -powers


def _are_within(powers: NDArray[np.int64], most: int) -> bool:
    """Tell whether all powers are within ±most."""
    return -most <= powers.item(powers.argmin()) and powers.item(powers.argmax()) <= most


def _times_powers(values: FloatArray, powers: NDArray[np.int64]) -> FloatArray:
    """Return values · 2^powers, which broadcast against each other."""
    if _are_within(powers, _LARGEST_POWER):
        return np.asarray(values * np.ldexp(1.0, powers))
    return shifted(values, powers)


def _together(
    values: FloatArray, powers: NDArray[np.int64], axis: int
) -> tuple[FloatArray, Exponents]:
    """Give the lines of each trial one exponent.

    Parameters
    ----------
    values
        Shape (T, B, n).
    powers
        The lines' exponents, with 1 in place of n or B.
    axis
        Along which the lines lie.

    Returns
    -------
    values, exponents
        Shape (T, B, n), and (T,) or one for all. A line 2^1000 times smaller than another of
        its trial may be rounded to zero.
    """
    if _are_within(powers, BORNE):
        return _times_powers(values, powers), 0
    largest = np.abs(values).max(axis=axis, keepdims=True)
    zero = largest == 0.0
    tops = np.where(zero, _NOTHING, np.frexp(largest)[1] + powers)
    common = tops.max(axis=(1, 2))
    common = np.where(common == _NOTHING, 0, common)
    shifts = np.where(zero, 0, powers - common[:, None, None])
    return _times_powers(values, shifts), common


def over_deviation(
    _: Ensemble, __: Op, ___: range, inverse: Magnitudes, g: Cotangent
) -> tuple[Cotangent]:
    """Return what mean-field theory lets through a norm of rows.

    That is g/σ to leading order: what the projection takes out is a share 1/n.
    """
    return (g.times(inverse),)


def register(kind: str, norm: Norm) -> None:
    """Give a norm its meanings in the readings of arrays, of magnitudes and of names."""

    def dense_forward(_: Chain, __: Op, ___: int, f: Scaled) -> tuple[Scaled, Normalised]:
        kept = norm.forward(f.values, f.exponent)
        return Scaled(kept.output), kept

    def dense_back(_: Chain, __: Op, ___: int, kept: Normalised, g: Scaled) -> tuple[Scaled]:
        rows, powers = norm.back(kept, g.values)
        [values], exponents = _together(rows[None], powers[None], norm.axis)
        exponent = exponents if isinstance(exponents, int) else int(exponents[0])
        return (Scaled(values, g.exponent + exponent),)

    DENSE.means(kind, forward=dense_forward, back=dense_back)

    def sampled_forward(_: SampledChain, __: Op, ___: int, f: Stack) -> tuple[Stack, Normalised]:
        exponents = f.exponents
        if not isinstance(exponents, int):
            exponents = exponents[:, None, None]
        kept = norm.forward(f.values, exponents)
        return Stack(kept.output).balanced(), kept

    def sampled_back(_: SampledChain, __: Op, ___: int, kept: Normalised, g: Stack) -> tuple[Stack]:
        values, exponents = _together(*norm.back(kept, g.values), norm.axis)
        return (Stack(values, g.exponents + exponents).balanced(),)

    Reading.called("sampled").means(kind, forward=sampled_forward, back=sampled_back)

    def inplace_forward(_: Passes, __: Op, ___: int, f: Cell) -> tuple[Cell, list[Normalised]]:
        normalised = f.with_rows(np.empty_like(f.rows))
        # What the last pass forward made.
        kept: list[Normalised] = []

        def apply() -> None:
            kept[:] = [norm.forward(f.rows)]
            normalised.rows = kept[0].output

        f.then(apply)
        return normalised, kept

    def inplace_back(_: Passes, __: Op, ___: int, kept: list[Normalised], g: Cell) -> tuple[Cell]:
        found = g.with_rows(np.empty_like(g.rows)) if g.shared else g

        def apply() -> None:
            rows, powers = norm.back(kept[0], g.rows)
            found.rows[...] = _times_powers(rows, powers)

        g.then(apply)
        return (found,)

    Reading.called("in-place").means(kind, forward=inplace_forward, back=inplace_back)

    def largest(_: TraceNorms, __: Op, ___: int, kept: Normalised) -> tuple[None, Magnitude]:
        if not norm.passes(kept.output.shape[norm.axis]) or kept.constant.all():
            return None, ZERO
        sizes = kept.deviations.at(~kept.constant)
        # The smallest exponent, and of those that have it the smallest mantissa.
        smallest = min(sizes.listed(), key=lambda sigma: (sigma.exponent, sigma.mantissa))
        return None, ONE / smallest

    BOUND.means(kind, forward=largest, back=by_size)
    SLOPES.means(kind, back=passed_on)

    def as_text(_: None, __: Op, k: int, f: Written) -> tuple[Written, None]:
        return f.within(f"{norm.name}(", ")", k), None

    def symbol(_: None, __: Op, k: int, called: Called, so_far: Product) -> tuple[Product]:
        return (so_far.times("Norm", k, norm.name, called.taken[0]),)

    Reading.called("notation").means(kind, forward=as_text, back=symbol)
    Reading.called("affine-map").refuses(
        kind, lambda _: f"{norm.name}, which divides by the size of what it is given"
    )
