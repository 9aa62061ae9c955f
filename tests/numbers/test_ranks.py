"""Numbers of some ranks, against sorting them exactly."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from vanish.numbers import ranks
from vanish.numbers.running import running
from vanish.numbers.signed import Signeds
from vanish.numbers.stack import Magnitudes

ROWS = 6
TRIALS = [5, 32, 33, 256, 257]


def wanted(trials: int) -> list[int]:
    return [trials // 20, trials // 2, trials - 1 - trials // 20]


def exact(mantissa: float, exponent: int) -> Fraction:
    return Fraction(mantissa) * Fraction(2) ** int(exponent)


def far_apart(trials: int, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Return values and exponents: near 1, far from it, far from each other, or as far as held."""
    rng = np.random.default_rng(trials)
    values = rng.standard_normal((ROWS, trials))
    exponents = rng.integers(-3, 4, (ROWS, trials))
    if kind == "far":
        exponents += np.arange(ROWS)[:, None] * 700 - 2000
    elif kind == "spread":
        exponents[2] = rng.integers(-3000, 3000, trials)
    elif kind == "edge":
        # Of both ends of what float64 holds to the last digit, in one row.
        exponents = rng.choice([-990, 990], (ROWS, trials))
    values[1, : trials // 2] = 0.0
    values[3] = 0.5
    values[4, ::2] = 0.25
    return values, exponents


@pytest.mark.parametrize("kind", ["near", "far", "spread", "edge"])
@pytest.mark.parametrize("trials", TRIALS)
def test_ranks_are_those_of_sorted_numbers(trials: int, kind: str) -> None:
    values, exponents = far_apart(trials, kind)
    sizes = Magnitudes.of(np.abs(values), exponents)
    signed = Signeds.of(values, exponents)
    for rank, found in zip(wanted(trials), ranks.ranked(sizes, wanted(trials)), strict=True):
        of_signed = ranks.signed_ranked(signed, rank)
        for row in range(ROWS):
            for numbers, one in ((sizes, found), (signed, of_signed)):
                pairs = zip(numbers.mantissas[row], numbers.exponents[row], strict=True)
                right = sorted(exact(*pair) for pair in pairs)[rank]
                assert exact(one.mantissas[row], one.exponents[row]) == right
                assert one.exponents[row] == 0 or one.mantissas[row] != 0.0


@pytest.mark.parametrize("trials", [33, 257, 258, 1001])
@pytest.mark.parametrize("chosen", [[0], [-1], [0, -1], [1, 0, 2], [7, 8, 7], [-1, 5, -2]])
def test_ranks_may_be_any(trials: int, chosen: list[int]) -> None:
    # From the ends, side by side, in any order, twice.
    values, exponents = far_apart(trials, "near")
    sizes = Magnitudes.of(np.abs(values), exponents)
    asked = [each % trials for each in chosen]
    rows = np.sort(np.ldexp(sizes.mantissas, sizes.exponents), axis=1)
    found = ranks.ranked(sizes, asked)
    assert len(found) == len(asked)
    for rank, one in zip(asked, found, strict=True):
        assert np.array_equal(np.ldexp(one.mantissas, one.exponents), rows[:, rank])
    ordered = ranks.ordered(values, asked)
    assert np.array_equal(ordered[:, asked], np.sort(values, axis=1)[:, asked])
    assert np.array_equal(np.sort(ordered, axis=1), np.sort(values, axis=1))


@pytest.mark.parametrize("trials", TRIALS)
def test_of_numbers_alike_but_for_last_digits_the_choice_is_that_of_their_keys(trials: int) -> None:
    # Some equal to the number of the rank, and others one rounding away from it.
    rng = np.random.default_rng(1)
    values = np.ldexp(2.0**52 + rng.integers(-2, 3, (ROWS, trials)), -52)
    values[0] = 1.0
    sizes = Magnitudes.of(values, np.full(values.shape, -60))
    keys = sizes.exponents + sizes.mantissas
    order = np.argpartition(keys, wanted(trials), axis=1)
    for rank, found in zip(wanted(trials), ranks.ranked(sizes, wanted(trials)), strict=True):
        chosen = sizes.at((np.arange(ROWS), order[:, rank]))
        assert np.array_equal(found.mantissas, chosen.mantissas)
        assert np.array_equal(found.exponents, chosen.exponents)


@pytest.mark.parametrize("shape", [(7,), (7, 3), (7, 200), (1, 200), (7, 10, 9)])
def test_running_products_are_those_of_one_row_after_the_other(shape: tuple[int, ...]) -> None:
    rows = np.random.default_rng(0).standard_normal(shape)
    right = rows.copy()
    for k in range(1, len(rows)):
        right[k] *= right[k - 1]
    assert np.array_equal(running(np.multiply, rows.copy()), right)
