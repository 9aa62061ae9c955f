from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from mpmath import mp

from vanish.numbers import normal as gaussian

# Both sides of the size at which `distribution` changes its formula.
SIZES = [gaussian._MANY - 1, gaussian._MANY]
# Φ(-x) and φ(x) are normal numbers of float64 up to it.
REACH = 37.5


def exact_distribution(x: np.ndarray) -> list[mpmath.mpf]:
    return [mpmath.erfc(-mp.mpf(each) / mp.sqrt(2)) / 2 for each in x.tolist()]


def exact_density(x: np.ndarray) -> list[mpmath.mpf]:
    return [mpmath.npdf(each) for each in x.tolist()]


def relative_errors(actual: np.ndarray, expected: list[mpmath.mpf]) -> np.ndarray:
    pairs = zip(actual.tolist(), expected, strict=True)
    return np.array([float(abs(a / e - 1)) for a, e in pairs])


def points(size: int, reach: float) -> np.ndarray:
    rng = np.random.default_rng(size)
    return np.concatenate(([-reach, -0.0, 0.0, reach], rng.uniform(-reach, reach, size - 4)))


@pytest.mark.parametrize("reach", [REACH, 9.0, 3.5])
def test_density_keeps_its_relative_accuracy_in_both_tails(reach: float) -> None:
    x = points(1000, reach)
    with mp.workdps(50):
        errors = relative_errors(gaussian.density(x), exact_density(x))
    assert errors.max() <= 6e-16


@pytest.mark.parametrize("reach", [REACH, 9.0, 3.5])
@pytest.mark.parametrize(("size", "bound"), [(SIZES[0], 3e-15), (SIZES[1], 1.5e-15)])
def test_distribution_keeps_its_relative_accuracy_in_both_tails(
    size: int, bound: float, reach: float
) -> None:
    x = points(size, reach)
    with mp.workdps(50):
        errors = relative_errors(gaussian.distribution(x), exact_distribution(x))
    assert errors.max() <= bound


@pytest.mark.parametrize("reach", [REACH, 9.0, 3.5])
def test_an_array_just_too_small_for_the_polynomial_gives_the_same(reach: float) -> None:
    x = points(gaussian._MANY, reach)
    large, small = gaussian.distribution(x)[:-1], gaussian.distribution(x[:-1])
    assert (np.abs(large / small - 1.0) <= 3e-15).all()
    far = x[:-1] < gaussian._ERFC_FROM
    assert far.any()
    assert (large[far] == small[far]).all()


def test_where_the_results_are_subnormal_they_are_within_one_unit() -> None:
    x = np.linspace(-38.6, -37.7, gaussian._MANY)
    with mp.workdps(50):
        for actual, exact in (
            (gaussian.distribution(x), exact_distribution(x)),
            (gaussian.distribution(x[:9]), exact_distribution(x[:9])),
            (gaussian.density(x), exact_density(x)),
        ):
            for a, e in zip(actual.tolist(), exact, strict=True):
                assert abs(a - e) <= math.ulp(0.0)


@pytest.mark.slow
def test_the_polynomial_interpolates_at_chebyshev_points() -> None:
    # t = (y-5)/(y+5) and y = 5(1+t)/(1-t)
    with mp.workdps(50):
        count = len(gaussian._TAIL)
        end = mp.mpf(gaussian._FAR - 5.0) / mp.mpf(gaussian._FAR + 5.0)

        def scaled_tail(t: mpmath.mpf) -> mpmath.mpf:
            y = 5 * (1 + t) / (1 - t)
            return (y + 5) * mp.exp(y * y / 2) * mp.erfc(y / mp.sqrt(2)) / 2

        angles = [mp.pi * (2 * k + 1) / (2 * count) for k in range(count)]
        nodes = [((end - 1) + (end + 1) * mp.cos(angle)) / 2 for angle in angles]
        powers = mp.matrix([[t**k for k in range(count)] for t in nodes])
        exact = list(mp.lu_solve(powers, mp.matrix([scaled_tail(t) for t in nodes])))
        assert [float(coefficient) for coefficient in exact] == list(gaussian._TAIL)

        grid = [(end + 1) * k / 2000 - 1 for k in range(2001)]
        errors = [abs(mp.polyval(exact[::-1], t) / scaled_tail(t) - 1) for t in grid]
        assert 3.5e-17 < max(errors) < 3.7e-17


@pytest.mark.parametrize("size", [1, *SIZES])
@pytest.mark.parametrize(
    ("x", "density", "distribution"),
    [
        (-math.inf, 0.0, 0.0),
        (-1.7e308, 0.0, 0.0),
        (-40.0, 0.0, 0.0),
        (-0.0, 1.0 / math.sqrt(2.0 * math.pi), 0.5),
        (0.0, 1.0 / math.sqrt(2.0 * math.pi), 0.5),
        (5e-324, 1.0 / math.sqrt(2.0 * math.pi), 0.5),
        (40.0, 0.0, 1.0),
        (1.7e308, 0.0, 1.0),
        (math.inf, 0.0, 1.0),
        (math.nan, math.nan, math.nan),
    ],
)
def test_special_values(x: float, density: float, distribution: float, size: int) -> None:
    np.testing.assert_array_equal(gaussian.density(np.full(size, x)), density)
    np.testing.assert_array_equal(gaussian.distribution(np.full(size, x)), distribution)


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (7,), (2, 3), (700, 2), (20, 0, 40)])
def test_the_shape_is_kept(shape: tuple[int, ...]) -> None:
    x = np.linspace(-3.0, 3.0, math.prod(shape)).reshape(shape)
    assert gaussian.density(x).shape == shape
    assert gaussian.distribution(x).shape == shape


@pytest.mark.parametrize("size", [400, 2 * gaussian._BLOCK + 4])
def test_each_element_is_on_its_own(size: int) -> None:
    x = points(size, 9.0)
    for function in (gaussian.density, gaussian.distribution):
        expected = function(x)
        order = np.random.default_rng(0).permutation(size)
        assert (function(x[order]) == expected[order]).all()
        assert (function(x[::-1]) == expected[::-1]).all()
        assert (function(x.reshape(4, -1).T) == expected.reshape(4, -1).T).all()
        assert (function(np.asfortranarray(x.reshape(2, -1))) == expected.reshape(2, -1)).all()
        # Another size, on the same side of the rule.
        assert (function(x[1 : -size // 8]) == expected[1 : -size // 8]).all()


def test_the_argument_is_left_alone() -> None:
    for size in SIZES:
        x = points(size, REACH)
        before = x.copy()
        gaussian.density(x)
        gaussian.distribution(x)
        assert (x == before).all()


@pytest.mark.parametrize("size", [5, 499, 500, 8192, 20_000])
def test_both_at_once_are_what_each_is_alone(size: int) -> None:
    x = points(size, 45.0).reshape(1, -1)
    below, height = gaussian.both(x)
    assert below.shape == height.shape == x.shape
    assert np.array_equal(below, gaussian.distribution(x))
    assert np.array_equal(height, gaussian.density(x))
