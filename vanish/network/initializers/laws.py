"""The laws that the entries of a matrix may have, before they are scaled."""

from __future__ import annotations

import math
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from vanish.numbers.scaled import FloatArray

    # Makes an array of a shape, whose numbers are to be written.
    Empty = Callable[[tuple[int, ...]], FloatArray]

# Beyond so many standard deviations a truncated normal is cut, as Keras and JAX do.
CUT = 2.0

# The standard deviation of a standard normal that is cut there: √(1 - 4 φ(2)/(2 Φ(2) - 1)).
CUT_STD = 0.87962566103423978


class Law(Enum):
    """The law of a weight matrix before it is scaled."""

    NORMAL = "normal"
    UNIFORM = "uniform"
    ORTHOGONAL = "orthogonal"
    TRUNCATED = "truncated normal"
    CONSTANT = "constant"
    IDENTITY = "identity"

    @property
    def is_random(self) -> bool:
        """Whether another seed gives other numbers."""
        return self not in (Law.CONSTANT, Law.IDENTITY)


def draw(
    law: Law, generator: np.random.Generator, n_out: int, n_in: int, empty: Empty = np.empty
) -> FloatArray:
    """Draw an (n_out, n_in) matrix, of normal numbers where `empty` makes it.

    Entries are independent with mean 0 and variance 1, or, for `Law.ORTHOGONAL`, the
    matrix is the n_out × n_in corner of a Haar-distributed orthogonal one, so that its
    rows or its columns are orthonormal. `Law.IDENTITY` is such a corner of the identity, and
    `Law.CONSTANT` all zeros.
    """
    if law is Law.NORMAL:
        return generator.standard_normal(out=empty((n_out, n_in)))
    if law is Law.IDENTITY:
        return np.eye(n_out, n_in)
    if law is not Law.ORTHOGONAL:
        return entries(law, generator, (n_out, n_in))
    tall = generator.standard_normal((max(n_out, n_in), min(n_out, n_in)))
    q, r = np.linalg.qr(tall)
    # Without these signs Q is not Haar-distributed (Mezzadri 2007, "How to generate
    # random matrices from the classical compact groups", section 5).
    q *= np.where(np.diagonal(r) < 0.0, -1.0, 1.0)
    return q if n_out >= n_in else np.ascontiguousarray(q.T)


def entries(law: Law, generator: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    """Draw independent entries of mean 0 and variance 1; of `Law.CONSTANT` zeros.

    But for the truncated normal the first numbers of a stream are the first entries.
    """
    if law is Law.NORMAL:
        return generator.standard_normal(shape)
    if law is Law.UNIFORM:
        edge = math.sqrt(3.0)  # U(-√3, √3) has variance 1
        return generator.uniform(-edge, edge, shape)
    if law is Law.CONSTANT:
        return np.zeros(shape)
    assert law is Law.TRUNCATED
    drawn = generator.standard_normal(shape)
    # What lies beyond the cut is drawn again: what is kept has the law of a normal within it.
    while (beyond := np.abs(drawn) > CUT).any():
        drawn[beyond] = generator.standard_normal(int(beyond.sum()))
    return drawn / CUT_STD
