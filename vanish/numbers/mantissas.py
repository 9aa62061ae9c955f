"""Many numbers as mantissas and exponents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vanish.numbers.scaled import FloatArray
    from vanish.numbers.stack import Exponents


def mantissas_and_exponents(
    values: FloatArray, exponents: Exponents
) -> tuple[FloatArray, NDArray[np.int64]]:
    """Return values · 2^exponents as mantissas in ±[1/2, 1) and exponents; a true zero has 0."""
    mantissas, shifts = np.frexp(values)
    powers: NDArray[Any] = np.asarray(shifts + exponents)
    zero = mantissas == 0.0
    # Seldom there is one: numpy's where takes longer than all else here.
    if zero.any():
        np.copyto(powers, 0, where=zero)
    return mantissas, powers


def shifted(values: FloatArray, powers: Exponents) -> FloatArray:
    """Return values · 2^powers, broadcast: 0 or infinite where float64 cannot hold it."""
    # 2^±5000 is zero or infinite for any float64, and C's ldexp takes it.
    return np.asarray(np.ldexp(values, np.clip(powers, -5000, 5000)))


def trials_joined(
    parts: Sequence[tuple[FloatArray, NDArray[np.int64]]],
) -> tuple[FloatArray, NDArray[np.int64]]:
    """Return mantissas and exponents with their trials, the last axis, behind each other."""
    mantissas, exponents = zip(*parts, strict=True)
    return np.concatenate(mantissas, axis=-1), np.concatenate(exponents, axis=-1)
