"""Products with a random matrix that is never drawn.

A chain meets its W twice, going forward as W h and going back as Wᵀ d. Given what W makes
of an orthonormal frame of its inputs, the rest of W is independent of that, and lives on
the frame's complement. So both products can be drawn from their exact joint law with one
row of numbers each instead of a matrix: the conditioning of approximate message passing
(Bayati and Montanari 2011, "The dynamics of message passing on dense graphs", lemma 10),
exact at every finite width. It is no approximation, but it asks that W be met in these two
products only, with inputs that do not depend on W: weights that are shared between layers,
or a second batch that was not in the first, have another law.

Rows stand for vectors, as everywhere: H = C Q with the rows of Q orthonormal. Every array
has a first axis of T independent trials, each with a W of its own.

- Gaussian entries of variance 1: Q Wᵀ = G, independent normals, so that H Wᵀ = C G. Going
  back, D W = (D Gᵀ) Q + K (Z - (Z Qᵀ) Q) for D = K P with orthonormal rows of P, where on
  the complement of Q the rows P W are independent normals Z.
- The n_out × n_in corner of a Haar-distributed orthogonal matrix of size m = max(n_in,
  n_out), all padded with zeros to m: Q Wᵀ = F, a uniform frame. Going back, D W =
  (D Fᵀ) Q + K V, where K Kᵀ is the Gram matrix of the rest D - (D Fᵀ) F and V a uniform
  frame of Q's complement, which has m - r dimensions, maybe none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from vanish.numbers.stack import dots, padded, product
from vanish.readings.drawable import LAWS

if TYPE_CHECKING:
    from vanish.network.initializers import Law
    from vanish.numbers.scaled import FloatArray
    from vanish.numbers.stack import Frame, Stack


class RandomMatrix(Protocol):
    """How a random (n_out, n_in) matrix W acts on a batch of rows, without W.

    Attributes
    ----------
    forward, backward
        Shapes of the normals that one trial draws for the two products.
    remainder
        Of how many further squared normals ‖W‖_F² is the sum.
    squared_norm
        ‖W‖_F² where that is known; None where it is the squares of what was drawn.
    """

    forward: tuple[int, int]
    backward: tuple[int, int]
    remainder: int
    squared_norm: float | None

    def response(self, normals: FloatArray) -> FloatArray:
        """Return what W makes of a frame, shape (T, r, n_out).

        A corner of a larger matrix has further columns, for what it leaves out.
        """

    def pull_back(
        self,
        rows: Stack,
        frame: Frame,
        response: FloatArray,
        normals: FloatArray,
        factor: float = 1.0,
    ) -> tuple[FloatArray, FloatArray | None]:
        """Return D W, and how much of the normals lay along the frame.

        Parameters
        ----------
        rows
            D, shape (T, B, n_out).
        frame, response
            The frame Q of the inputs, shape (T, r, n_in), and what W made of it.
        normals
            The numbers to draw it with, which are spent: they may be overwritten.
        factor
            What the product is multiplied by.

        Returns
        -------
        product, shadow
            D W, shape (T, B, n_in), and Z Qᵀ, shape (T, p, r): ‖W‖_F² is the sum of the squares of
            all normals but for those; None where it is known.
        """


class Gaussian:
    """Independent normal entries of variance 1."""

    def __init__(self, n_in: int, n_out: int, rows: int) -> None:
        r, p = min(rows, n_in), min(rows, n_out)
        self.forward = r, n_out
        self.backward = p, n_in
        self.remainder = (n_out - p) * (n_in - r)
        self.squared_norm: float | None = None

    def response(self, normals: FloatArray) -> FloatArray:
        """Return what W makes of a frame."""
        return normals

    def pull_back(
        self,
        rows: Stack,
        frame: Frame,
        response: FloatArray,
        normals: FloatArray,
        factor: float = 1.0,
    ) -> tuple[FloatArray, FloatArray | None]:
        """Return D W, and how much of the normals lay along the frame."""
        coefficients = rows.coefficients
        shadow = frame.across(normals)
        along = dots(rows.values, response) - product(coefficients, shadow)
        pulled = frame.span(factor * along)
        pulled += _spent(factor * coefficients, normals)
        # Along the frame W is its response; the normals stand for it elsewhere.
        return pulled, shadow


class Orthogonal:
    """A corner of a Haar-distributed orthogonal matrix."""

    remainder = 0

    def __init__(self, n_in: int, n_out: int, rows: int) -> None:
        self._n_in, self._n_out, self._m = n_in, n_out, max(n_in, n_out)
        r = min(rows, n_in)
        self.forward = r, self._m
        self.backward = min(rows, self._m - r), self._m
        # Its rows or its columns are orthonormal.
        self.squared_norm: float | None = float(min(n_in, n_out))

    def response(self, normals: FloatArray) -> FloatArray:
        """Return what W makes of a frame; columns beyond n_out are what the corner leaves out."""
        return uniform_frame(normals)

    def pull_back(
        self,
        rows: Stack,
        frame: Frame,
        response: FloatArray,
        normals: FloatArray,
        factor: float = 1.0,
    ) -> tuple[FloatArray, FloatArray | None]:
        """Return D W."""
        along = dots(rows.values, response[..., : self._n_out])
        pulled = frame.span(along)
        fresh_rows = normals.shape[1]
        if fresh_rows:
            rest = padded(rows.values, self._m) - product(along, response)
            whole = frame.padded(self._m)
            fresh = uniform_frame(normals - whole.span(whole.across(normals)))
            pulled += product(_gram_root(rest, fresh_rows), fresh[..., : self._n_in])
        pulled *= factor
        return pulled, None


MATRICES: dict[Law, type[Gaussian | Orthogonal]] = dict(
    zip(LAWS, (Gaussian, Orthogonal), strict=True)
)


def uniform_frame(normals: FloatArray) -> FloatArray:
    """Return orthonormal rows with the span of independent normal ones: a uniform frame."""
    if normals.shape[1] == 1:
        return np.asarray(normals / np.sqrt(np.vecdot(normals, normals))[..., None])
    q, r = np.linalg.qr(normals.swapaxes(1, 2))
    # Without these signs it would not be uniform, see `initializers.draw`.
    signs = np.where(np.diagonal(r, axis1=1, axis2=2) < 0.0, -1.0, 1.0)
    return np.asarray((q * signs[:, None, :]).swapaxes(1, 2))


def _gram_root(rows: FloatArray, rank: int) -> FloatArray:
    """Return K of shape (T, B, rank) with K Kᵀ the Gram matrix of rows of that rank."""
    if rows.shape[1] == 1:
        return np.asarray(np.sqrt(np.vecdot(rows, rows))[..., None])
    u, s, _ = np.linalg.svd(rows, full_matrices=False)
    # In descending order: what is left out is rounding.
    return np.asarray((u * s[:, None, :])[..., :rank])


def _spent(left: FloatArray, right: FloatArray) -> FloatArray:
    """Return left · right for each trial; right is overwritten where that saves memory."""
    return np.multiply(left, right, right) if left.shape[1:] == (1, 1) else product(left, right)
