from __future__ import annotations

import mpmath
import numpy as np
import pytest
from mpmath import mp

from vanish import gaussian

# To where Φ(-x) leaves float64's normal numbers. Rounding x/√2 or x² is an error of about
# x² times 1e-16 in the exponent, and no formula in float64 can do without it.
X = np.linspace(-37.0, 37.0, 297)


def relative_errors(actual: np.ndarray, expected: list[mpmath.mpf]) -> np.ndarray:
    pairs = zip(actual.tolist(), expected, strict=True)
    return np.array([float(abs(a / e - 1)) for a, e in pairs])


def test_density_keeps_its_relative_accuracy_in_both_tails() -> None:
    with mp.workdps(50):
        errors = relative_errors(gaussian.density(X), [mpmath.npdf(x) for x in X.tolist()])
    assert (errors <= 4e-16 * (1.0 + X**2)).all()


def test_distribution_keeps_its_relative_accuracy_in_both_tails() -> None:
    with mp.workdps(50):
        exact = [mpmath.erfc(-mp.mpf(x) / mp.sqrt(2)) / 2 for x in X.tolist()]
        errors = relative_errors(gaussian.distribution(X), exact)
    assert (errors <= 4e-16 * (1.0 + np.minimum(X, 0.0) ** 2)).all()


@pytest.mark.parametrize(("x", "density", "distribution"), [(-1.7e308, 0.0, 0.0), (1.7e308, 0, 1)])
def test_the_ends_of_float64(x: float, density: float, distribution: float) -> None:
    ends = np.array([[x]])
    assert gaussian.density(ends).tolist() == [[density]]
    assert gaussian.distribution(ends).tolist() == [[distribution]]


@pytest.mark.parametrize("shape", [(0,), (7,), (2, 3), (700, 2)])
def test_the_shape_is_kept(shape: tuple[int, ...]) -> None:
    x = np.linspace(-3.0, 3.0, int(np.prod(shape))).reshape(shape)
    assert gaussian.density(x).shape == shape
    assert gaussian.distribution(x).shape == shape
    # Each element on its own, whatever the size of the array.
    assert gaussian.distribution(x)[-1:].tolist() == gaussian.distribution(x[-1:]).tolist()
