"""Names with numbers in brackets."""

from __future__ import annotations

import math

import pytest

from vanish.errors import UsageError
from vanish.network.formulas.calls import Parameter, is_call, name_of, read_call, written_call

_TWO = (
    Parameter(name="low", default=None, aliases=("a",)),
    Parameter(name="high", default=1.0),
)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("u(0.5)", 0.5, 1.0),
        ("u(-1, 2)", -1.0, 2.0),
        ("u(high=3, low=2)", 3.0 - 1.0, 3.0),
        ("u(A=.5)", 0.5, 1.0),
        (" u ( 1e-3 , high = sqrt(2) ) ", 1e-3, math.sqrt(2.0)),
        ("u(1/3, 2*pi)", 1.0 / 3.0, 2.0 * math.pi),
    ],
)
def test_reads_numbers_by_place_and_by_name(text: str, low: float, high: float) -> None:
    assert is_call(text)
    assert name_of(text) == "u"
    assert read_call("law", text, _TWO) == {"low": low, "high": high}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("u()", "u needs low: write u(low, high=1)"),
        ("u(1,2,3)", "character 7: one number too many: write u(low, high=1)"),
        ("u(1,low=2)", "low is said twice"),
        ("u(b=2)", "character 3: u has no b: write u(low, high=1)"),
        ("u(1/0)", "nothing is divided by 0"),
        ("u(x)", "a number is missing here"),
        ("u(1", "this bracket is never closed"),
        ("u(1) + 1", "nothing comes behind the brackets"),
        ("u(sqrt(-1))", "no root of a negative number"),
        ("u(1e300*1e300)", "leaves float64"),
        ("(1)", "this is no name with numbers"),
        ("u", "this is no name with numbers"),
        ("u(" + "sqrt(" * 80 + "1" + ")" * 81, "deep in each other"),
    ],
)
def test_points_at_what_is_wrong(text: str, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        read_call("law", text, _TWO)
    assert said in str(raised.value)


@pytest.mark.parametrize("low", [0.1, 1.0, -3.0, 1e-300, 1.0 / 3.0])
@pytest.mark.parametrize("high", [1.0, 0.25])
def test_what_is_written_reads_back(low: float, high: float) -> None:
    given = {"low": low, "high": high}
    text = written_call("u", _TWO, given)
    assert read_call("law", text, _TWO) == given
    assert ("," in text) == (high != 1.0)
