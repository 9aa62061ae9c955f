"""Fields of many records: cell by cell they are what the single numbers say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vanish.numbers.fields import Listed, Numbers, Same, SignedSizes, Sizes
from vanish.numbers.scaled import Magnitude
from vanish.numbers.signed import Signed, Signeds
from vanish.numbers.stack import Magnitudes

# Within float64, around both of its ends, and far beyond.
POWERS = st.one_of(
    st.integers(-1100, 1100),
    st.sampled_from([-1074, -1022, -1021, 0, 1023, 1024]),
    st.sampled_from([-(10**12), -12345, 54321, 10**12]),
)
MANTISSAS = st.one_of(st.floats(0.5, 1.0, exclude_max=True), st.sampled_from([0.0, 0.5]))


MANY = st.lists(st.tuples(MANTISSAS, POWERS, st.booleans()), min_size=1, max_size=9)


@given(MANY)
def test_cells_of_magnitudes_are_those_of_each(numbers: list[tuple[float, int, bool]]) -> None:
    singles = [Magnitude.of(mantissa, power) for mantissa, power, _ in numbers]
    known = np.array([is_known for *_, is_known in numbers])
    field = Sizes(Magnitudes.column(singles).at((..., 0)), known)
    rows = slice(len(numbers) // 3, len(numbers))
    expected = [m if k else None for m, k in zip(singles, known.tolist(), strict=True)][rows]
    assert field.part(rows) == expected
    assert field.log10(rows) == [None if each is None else each.log10 for each in expected]
    exact = [None if each is None else each.exact() for each in expected]
    assert list(map(repr, field.exact(rows))) == list(map(repr, exact))


@given(MANY)
def test_cells_of_signed_numbers_are_those_of_each(numbers: list[tuple[float, int, bool]]) -> None:
    singles = [Signed(-m if below else m, power if m else 0) for m, power, below in numbers]
    field = SignedSizes(
        Signeds(
            np.array([each.mantissa for each in singles]),
            np.array([each.exponent for each in singles]),
        )
    )
    rows = slice(0, len(numbers))
    assert field.part(rows) == singles
    assert list(map(repr, field.exact(rows))) == [repr(each.exact()) for each in singles]


def test_plain_fields() -> None:
    rows = slice(1, 3)
    assert Same("x").part(rows) == ["x", "x"]
    assert Same(None).log10(rows) == Same(None).exact(rows) == [None, None]
    assert list(Listed(range(1, 9)).part(rows)) == [2, 3]
    assert Listed([Magnitude.of(1.0)] * 3).log10(rows) == [0.0, 0.0]
    values, known = np.array([1.0, 2.0, 3.0]), np.array([True, True, False])
    assert Numbers(values, known).part(rows) == [2.0, None]
    assert [type(each) for each in Numbers(np.array([1, 2, 3])).part(rows)] == [int, int]


def test_equal_numbers_are_equal() -> None:
    assert Magnitude.of(3.0) == Magnitude(0.75, 2)
    assert Magnitude.of(3.0) != Magnitude.of(3.0, 1)
    assert Magnitude.of(3.0) != 3.0
    assert len({Magnitude.of(3.0), Magnitude(0.75, 2)}) == 1
    assert Signed(0.0, 7) == Signed(0.0)
    assert Signed(-3.0) == Signed(-0.75, 2)
    assert Signed(-3.0) != Signed(3.0)
    assert Signed(1.0) != pytest.approx(1.0)
    assert len({Signed(0.0, 7), Signed(0.0), Signed(1.0)}) == 2
