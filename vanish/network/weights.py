"""Weight matrices W = scale · matrix, and what is asked of them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from vanish.numbers.scaled import Magnitude, Scaled
from vanish.records import Record

if TYPE_CHECKING:
    from vanish.numbers.scaled import FloatArray

# In place of entries that are no more: no row of numbers fits it.
_GONE = np.empty((0, 0))


class Matrix:
    """The entries of a weight matrix, with those norms that several weights may share.

    Parameters
    ----------
    entries
        Shape (n_out, n_in), every |entry| below 2^500.
    """

    def __init__(self, entries: FloatArray) -> None:
        self.entries = entries

    @cached_property
    def frobenius_norm(self) -> Magnitude:
        """The square root of the sum of the squared entries."""
        return Scaled(self.entries).norm()

    @cached_property
    def largest(self) -> Magnitude:
        """The largest |entry|."""
        return Magnitude.of(float(max(self.entries.max(), -self.entries.min())))

    @cached_property
    def spectral_norm(self) -> Magnitude:
        """The largest singular value; about max·min² operations."""
        return Magnitude.of(float(np.linalg.svd(self.entries, compute_uv=False)[0]))

    def let_go(self) -> FloatArray:
        """Return the entries, which it has no more; what is known of them stays, the norm too."""
        _ = self.frobenius_norm
        entries, self.entries = self.entries, _GONE
        return entries


class Weight(Record):
    """W = scale · matrix, never multiplied out: the product with a vector is scaled."""

    matrix: Matrix
    scale: Magnitude

    @classmethod
    def of(cls, entries: FloatArray) -> Weight:
        """Return the weight with the given entries, whatever their range."""
        scaled = Scaled(entries).normalized()
        return cls(Matrix(scaled.values), Magnitude.of(1.0, scaled.exponent))

    @property
    def shape(self) -> tuple[int, int]:
        """(n_out, n_in)."""
        n_out, n_in = self.matrix.entries.shape
        return n_out, n_in

    def forward(self, rows: Scaled) -> Scaled:
        """Return W f for each row f, shape (B, n_in) to (B, n_out)."""
        return self._scaled(rows.values @ self.matrix.entries.T, rows.exponent)

    def backward(self, rows: Scaled) -> Scaled:
        """Return Wᵀ d for each row d, shape (B, n_out) to (B, n_in)."""
        return self._scaled(rows.values @ self.matrix.entries, rows.exponent)

    def _scaled(self, product: FloatArray, exponent: int) -> Scaled:
        """Return the product times the scale, made of an array that nobody else has."""
        factor, shift = self.scale.split()
        product *= factor
        return Scaled(product, exponent + shift)

    def frobenius_norm(self) -> Magnitude:
        """Return ‖W‖_F."""
        return self.matrix.frobenius_norm * self.scale

    def largest(self) -> Magnitude:
        """Return the largest |entry| of W."""
        return self.matrix.largest * self.scale

    def spectral_norm(self) -> Magnitude:
        """Return ‖W‖₂, the largest singular value."""
        return self.matrix.spectral_norm * self.scale

    def multiplied_out(self) -> FloatArray:
        """Return W itself, infinite where float64 cannot hold an entry."""
        with np.errstate(over="ignore"):
            return Scaled(self.matrix.entries).times(self.scale).with_exponent(0).values
