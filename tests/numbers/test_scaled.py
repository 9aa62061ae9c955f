from __future__ import annotations

import math
import operator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mp

from vanish.numbers.scaled import ONE, SAFE_EXPONENT, ZERO, Magnitude, Scaled

ROUNDING = Fraction(2) ** -53

sizes = st.floats(min_value=0.0, allow_infinity=False)
positive = st.floats(min_value=0.0, exclude_min=True, allow_infinity=False)
exponents = st.integers(-5000, 5000)
# Far less apart than 2^1000, so that nothing of an array may be rounded to zero.
entries = st.lists(
    st.one_of(st.just(0.0), st.floats(1e-100, 1e100), st.floats(-1e100, -1e-100)), min_size=1
)


def rational(values: float, exponent: int) -> Fraction:
    return Fraction(values) * Fraction(2) ** exponent


def magnitude_as_rational(magnitude: Magnitude) -> Fraction:
    return rational(magnitude.mantissa, magnitude.exponent)


def scaled_as_rationals(scaled: Scaled) -> list[Fraction]:
    return [rational(value, scaled.exponent) for value in scaled.values.tolist()]


@given(sizes, exponents)
def test_a_magnitude_is_exact_and_canonical(value: float, exponent: int) -> None:
    magnitude = Magnitude.of(value, exponent)
    assert magnitude_as_rational(magnitude) == rational(value, exponent)
    if value:
        assert 0.5 <= magnitude.mantissa < 1.0
    else:
        assert (magnitude.mantissa, magnitude.exponent) == (0.0, 0)


@pytest.mark.parametrize("value", [-5e-324, math.nan, math.inf, -math.inf])
def test_a_magnitude_is_finite_and_at_least_0(value: float) -> None:
    with pytest.raises(ValueError, match="finite and at least 0"):
        Magnitude.of(value)


@given(positive, exponents, positive, exponents)
def test_products_and_quotients_round_once_at_any_size(
    x: float, x_exponent: int, y: float, y_exponent: int
) -> None:
    left, right = Magnitude.of(x, x_exponent), Magnitude.of(y, y_exponent)
    product = rational(x, x_exponent) * rational(y, y_exponent)
    quotient = rational(x, x_exponent) / rational(y, y_exponent)
    assert abs(magnitude_as_rational(left * right) / product - 1) <= ROUNDING
    assert abs(magnitude_as_rational(left / right) / quotient - 1) <= ROUNDING


@given(positive, exponents)
def test_one_and_zero_multiply_as_such(value: float, exponent: int) -> None:
    magnitude = Magnitude.of(value, exponent)
    assert magnitude_as_rational(magnitude * ONE) == magnitude_as_rational(magnitude)
    assert not magnitude * ZERO


@given(positive, exponents, st.integers(1, 40))
def test_powers_are_products_and_their_inverses(value: float, exponent: int, power: int) -> None:
    magnitude = Magnitude.of(value, exponent)
    product = ONE
    for _ in range(power):
        product = product * magnitude
    found = magnitude**power
    assert math.isclose(float(found / product), 1.0, rel_tol=1e-13)
    assert magnitude**-power == ONE / found
    of_numpy: Any = np.int64(power)
    assert magnitude**of_numpy == found
    assert magnitude**0 == ONE


def test_a_magnitude_is_reckoned_with_magnitudes_alone() -> None:
    magnitude: Any = Magnitude.of(3.0)
    for wrong in (2, 2.0, "2", None):
        for operate in (operator.add, operator.mul, operator.truediv):
            with pytest.raises(TypeError):
                operate(magnitude, wrong)
    for wrong in (0.5, None, magnitude):
        with pytest.raises(TypeError):
            _ = magnitude**wrong
    with pytest.raises(ZeroDivisionError):
        _ = ZERO**-1


def test_only_a_true_zero_is_false() -> None:
    assert not ZERO
    assert not Magnitude.of(0.0, 7)
    assert Magnitude.of(5e-324, -(10**9))


@given(sizes, st.integers(-2200, 2200))
def test_float_is_the_nearest_float64(value: float, exponent: int) -> None:
    try:
        nearest = float(rational(value, exponent))
    except OverflowError:
        nearest = math.inf
    assert float(Magnitude.of(value, exponent)) == nearest


@given(positive, st.one_of(exponents, st.integers(-(10**7), 10**7)))
def test_log10_at_any_size(value: float, exponent: int) -> None:
    with mp.workdps(50):
        expected = mp.log10(mp.ldexp(value, exponent))
    # Near 1 the logarithm itself is near 0; the value's own rounding is 1e-16.
    assert Magnitude.of(value, exponent).log10 == pytest.approx(float(expected), rel=1e-14)


def test_a_true_zero_has_no_log10() -> None:
    assert ZERO.log10 is None


def test_a_quarter_to_the_1000_is_no_zero() -> None:
    product = ONE
    for _ in range(1000):
        product *= Magnitude.of(0.25)
    assert float(product) == 0.0
    assert product.log10 == pytest.approx(-602.05999132796239, rel=1e-15)
    assert product.exact() == Decimal("8.7098098162172167E-603")


@given(st.floats(min_value=2.0**-1022, allow_infinity=False))
def test_exact_is_a_float_where_float64_holds_all_digits(value: float) -> None:
    assert Magnitude.of(value).exact() == value
    assert isinstance(Magnitude.of(value).exact(), float)


@given(
    positive,
    st.one_of(st.integers(-(10**7), -2200), st.integers(2200, 10**7)),
)
def test_exact_is_17_decimal_digits_elsewhere(value: float, exponent: int) -> None:
    text = str(Magnitude.of(value, exponent).exact())
    digits, _, _ = text.partition("E")
    assert len(digits.replace(".", "")) <= 17
    with mp.workdps(50):
        assert abs(mp.mpf(text) / mp.ldexp(value, exponent) - 1) <= 1e-16


def test_no_digit_is_lost_to_subnormal_numbers() -> None:
    third = Magnitude.of(1.0 / 3.0, -1060)
    assert float(third) != 0.0
    with mp.workdps(50):
        log10 = mp.log10(mp.ldexp(1.0 / 3.0, -1060))
    assert third.log10 == pytest.approx(float(log10), rel=1e-15)
    assert third.exact() == Decimal("2.6982571804876610E-320")


def test_exact_of_a_true_zero() -> None:
    assert ZERO.exact() == 0.0


def test_repr_is_the_expression() -> None:
    assert repr(Magnitude.of(0.75, -2000)) == "Magnitude(0.75, -2000)"


@given(entries, exponents)
def test_top_is_the_least_power_of_two_above_all_entries(
    values: list[float], exponent: int
) -> None:
    scaled = Scaled(np.array(values), exponent)
    largest = max(map(abs, scaled_as_rationals(scaled)))
    if largest:
        assert Fraction(2) ** (scaled.top - 1) <= largest < Fraction(2) ** scaled.top
    else:
        assert scaled.top == 0


@given(entries, exponents)
def test_normalizing_moves_the_exponent_and_changes_nothing(
    values: list[float], exponent: int
) -> None:
    scaled = Scaled(np.array(values), exponent)
    normalized = scaled.normalized()
    assert scaled_as_rationals(normalized) == scaled_as_rationals(scaled)
    assert not any(values) or 0.5 <= np.abs(normalized.values).max() < 1.0


@given(entries, exponents)
def test_settling_gives_exponent_0_where_float64_holds_the_array(
    values: list[float], exponent: int
) -> None:
    scaled = Scaled(np.array(values), exponent)
    settled = scaled.settled()
    # Beside an entry 2^250 times as large a small one may be rounded as float64's smallest are.
    smallest = Fraction(1, 2**1074)
    pairs = zip(scaled_as_rationals(settled), scaled_as_rationals(scaled), strict=True)
    assert all(abs(after - before) <= smallest for after, before in pairs)
    if not any(values) or -SAFE_EXPONENT <= scaled.top < 1024:
        assert settled.exponent == 0
    else:
        assert settled.exponent == scaled.top


def test_an_exponent_beyond_float64_gives_zeros() -> None:
    moved = Scaled(np.array([1.0, -1.0])).with_exponent(10**9)
    assert moved.exponent == 10**9
    assert not moved.values.any()


@given(st.floats(0.5, 1.0), exponents, st.floats(0.5, 1.0), exponents, st.sampled_from([1, -1]))
def test_sums_and_differences_round_once_at_any_size(
    x: float, x_exponent: int, y: float, y_exponent: int, sign: int
) -> None:
    left, right = Scaled(np.array([x]), x_exponent), Scaled(np.array([y]), y_exponent)
    total = left + right if sign == 1 else left - right
    expected = rational(x, x_exponent) + sign * rational(y, y_exponent)
    assert abs(scaled_as_rationals(total)[0] - expected) <= ROUNDING * abs(expected)


@pytest.mark.parametrize("exponent", [-5000, -600, 0, 600, 5000])
def test_adding_zeros_changes_nothing_at_any_size(exponent: int) -> None:
    scaled, zeros = Scaled(np.array([0.75, -0.5]), exponent), Scaled(np.zeros(2))
    for total in (scaled + zeros, zeros + scaled, scaled - zeros):
        assert scaled_as_rationals(total) == scaled_as_rationals(scaled)
    assert scaled_as_rationals(zeros - scaled) == scaled_as_rationals(-scaled)


def test_sums_are_settled_and_broadcast_over_the_rows_of_a_batch() -> None:
    total = Scaled(np.ones((3, 2)), 1) + Scaled(np.array([1.0, -1.0]))
    assert total.exponent == 0
    assert total.values.tolist() == [[3.0, 1.0]] * 3


@given(entries, exponents, positive, exponents)
def test_times_rounds_once_an_entry(
    values: list[float], exponent: int, factor: float, factor_exponent: int
) -> None:
    scaled, magnitude = Scaled(np.array(values), exponent), Magnitude.of(factor, factor_exponent)
    product = scaled.times(magnitude)
    for before, after in zip(
        scaled_as_rationals(scaled), scaled_as_rationals(product), strict=True
    ):
        expected = before * magnitude_as_rational(magnitude)
        assert abs(after - expected) <= ROUNDING * abs(expected)


@pytest.mark.parametrize("size", [-1000, -510, -300, 0, 300, 510, 1000])
@pytest.mark.parametrize("exponent", [-10000, 0, 10000])
def test_the_norm_neither_overflows_nor_underflows(size: int, exponent: int) -> None:
    values = np.array([[3.0, -4.0], [12.0, 84.0]]) * 2.0**size
    norm = Scaled(values, exponent).norm()
    assert magnitude_as_rational(norm) == rational(85.0, size + exponent)


def test_the_norm_of_zeros_is_a_true_zero() -> None:
    assert not Scaled(np.zeros((2, 3)), -7).norm()


@given(positive, exponents)
def test_a_root_squared_is_the_magnitude(value: float, exponent: int) -> None:
    magnitude = Magnitude.of(value, exponent)
    root = magnitude.root()
    error = magnitude_as_rational(root) ** 2 / magnitude_as_rational(magnitude) - 1
    assert abs(error) <= 3 * ROUNDING
