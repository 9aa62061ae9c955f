"""What is found of an S by its values, against what is known of it."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from mpmath import mp

from vanish.network import activations
from vanish.network.expressions.findings import found

if TYPE_CHECKING:
    from collections.abc import Callable

    from vanish.numbers.scaled import FloatArray

    Function = Callable[[FloatArray], FloatArray]

INF = math.inf


def switches(record: activations.Activation) -> list[Function]:
    bends = record.kinks or ((0.0,) if record.name in ("elu", "softsign") else ())
    return [partial(np.add, -bend) for bend in bends]


@pytest.mark.parametrize("act", activations.names())
def test_of_what_is_built_in_all_is_found(act: str) -> None:
    record = activations.get(act)
    seen = found(record.pair, switches(record))
    assert seen.sup_slope == pytest.approx(record.sup_slope, rel=1e-12)
    for end in ("lower", "upper"):
        assert getattr(seen, end) == pytest.approx(getattr(record, end), rel=1e-14)
    assert seen.attained == record.attained
    assert seen.kinks == record.kinks
    assert seen.homogeneous == record.homogeneous
    assert (seen.why_unbounded, seen.undefined_at) == ("", None)
    if isinstance(record.sup_at, float):
        assert seen.sup_at == pytest.approx(record.sup_at, abs=1e-6)
    else:
        # In other words, or a place of the interval.
        assert abs(record.slope(np.array([_place(seen.sup_at)]))[0]) >= (1 - 1e-9) * seen.sup_slope


def _place(at: float | str) -> float:
    """Return a place that a text means."""
    if isinstance(at, float):
        return at
    words = {
        "every x": 0.3,
        "x > 0": 2.0,
        "0 < x < 6": 2.0,
        "|x| < 3": 1.0,
        "|x| < 1": 0.5,
        "x → ∞": 50.0,
        "x → -∞": -50.0,
        "x → 3⁻": math.nextafter(3.0, 0.0),
        "x → 0⁻": -(2.0**-1022),
    }
    return words[at]


def of(value: Function, slope: Function) -> Callable[[FloatArray], tuple[FloatArray, FloatArray]]:
    return lambda x: (value(x), slope(x))


def at_0(x: FloatArray) -> FloatArray:
    return x


CASES: dict[str, tuple[Any, list[Function], dict[str, object]]] = {
    "x²": (
        of(np.square, lambda x: 2.0 * x),
        [],
        {"sup_slope": INF, "lower": 0.0, "attained": ("lower",), "limits": (INF, INF)},
    ),
    "max(x, 0)²": (
        of(lambda x: np.maximum(x, 0.0) ** 2, lambda x: 2.0 * np.maximum(x, 0.0)),
        [at_0],
        {"sup_slope": INF, "kinks": (), "attained": ("lower",), "limits": (0.0, INF)},
    ),
    "sin 30x": (
        of(lambda x: np.sin(30.0 * x), lambda x: 30.0 * np.cos(30.0 * x)),
        [],
        {"sup_slope": 30.0, "sup_at": 0.0, "lower": -1.0, "upper": 1.0, "limits": (None, None)},
    ),
    "e^(-x²)": (
        of(lambda x: np.exp(-x * x), lambda x: -2.0 * x * np.exp(-x * x)),
        [],
        # √(2/e) at 1/√2; 0 is not a value, though float64 has it.
        {"sup_slope": math.sqrt(2.0 / math.e), "attained": ("upper",), "limits": (0.0, 0.0)},
    ),
    "e^x": (
        of(np.exp, np.exp),
        [],
        {"sup_slope": INF, "lower": 0.0, "attained": (), "limits": (0.0, INF)},
    ),
    "√|x|": (
        of(lambda x: np.sqrt(np.abs(x)), lambda x: np.sign(x) * 0.5 / np.sqrt(np.abs(x))),
        [at_0],
        {"sup_slope": INF, "why_unbounded": "|S'| grows without end as x nears 0"},
    ),
    "x ln|x|": (
        of(lambda x: x * np.log(np.abs(x)), lambda x: np.log(np.abs(x)) + 1.0),
        [at_0],
        {"sup_slope": INF, "undefined_at": 0.0},
    ),
    "√x": (
        of(np.sqrt, lambda x: 0.5 / np.sqrt(x)),
        [],
        {"sup_slope": INF, "why_unbounded": "S is not defined everywhere"},
    ),
    "ln(1+|x|)": (
        of(lambda x: np.log1p(np.abs(x)), lambda x: np.sign(x) / (1.0 + np.abs(x))),
        [at_0],
        {"sup_slope": 1.0, "sup_at": "x → 0", "upper": INF, "kinks": (0.0,)},
    ),
    "x + sin² x": (
        of(lambda x: x + np.sin(x) ** 2, lambda x: 1.0 + np.sin(2.0 * x)),
        [],
        {"sup_slope": 2.0, "lower": -INF, "upper": INF, "homogeneous": False},
    ),
    "|x|": (
        of(np.abs, np.sign),
        [at_0],
        {"sup_slope": 1.0, "sup_at": "x ≠ 0", "homogeneous": True, "attained": ("lower",)},
    ),
    "(x + √(x²+4))/2": (
        of(
            lambda x: (x + np.sqrt(x * x + 4.0)) / 2.0,
            lambda x: (1.0 + x / np.sqrt(x * x + 4.0)) / 2.0,
        ),
        [],
        {"sup_slope": 1.0, "sup_at": "x → ∞", "lower": 0.0, "upper": INF},
    ),
    "sin x²": (
        of(lambda x: np.sin(x * x), lambda x: 2.0 * x * np.cos(x * x)),
        [],
        {"sup_slope": INF, "lower": -1.0, "upper": 1.0},
    ),
    "tanh 10⁴(x-3)": (
        of(
            lambda x: np.tanh(1e4 * (x - 3.0)),
            lambda x: 1e4 / np.cosh(np.clip(1e4 * (x - 3.0), -300.0, 300.0)) ** 2,
        ),
        [],
        {"sup_slope": 1e4, "sup_at": 3.0, "lower": -1.0, "upper": 1.0, "attained": ()},
    ),
    "atan": (
        of(np.arctan, lambda x: 1.0 / (1.0 + x * x)),
        [],
        {"sup_slope": 1.0, "upper": math.pi / 2.0, "attained": (), "kinks": ()},
    ),
    "clip(x, 0, 1)²": (
        of(
            lambda x: np.clip(x, 0.0, 1.0) ** 2,
            lambda x: np.where((x > 0.0) & (x < 1.0), 2.0 * x, 0.0),
        ),
        [at_0, lambda x: x - 1.0],
        {"sup_slope": 2.0, "sup_at": "x → 1⁻", "kinks": (1.0,), "attained": ("lower", "upper")},
    ),
    "3": (of(lambda x: 0.0 * x + 3.0, lambda x: 0.0 * x), [], {"sup_slope": 0.0}),
}


FORMULAS: dict[str, dict[str, object]] = {
    # Of bends far out, such as float16's largest number.
    "clip(x,-65504,65504)": {
        "homogeneous": False,
        "kinks": (-65504.0, 65504.0),
        "lower": -65504.0,
        "upper": 65504.0,
        "attained": ("lower", "upper"),
        "flat": True,
        "init": "xavier_normal",
    },
    "min(relu(x),1e4)": {"homogeneous": False, "upper": 1e4, "kinks": (0.0, 1e4)},
    "max(x,-1e6)": {"homogeneous": False, "lower": -1e6, "attained": ("lower",), "flat": True},
    "max(x-2000,0)": {"homogeneous": False, "kinks": (2000.0,)},
    "clip(x,-200,200)": {"flat": True},
    "relu(x)*5": {"homogeneous": True, "kinks": (0.0,)},
    # Steep beside a bend, and yet bounded.
    "abs(sin(1000*x))": {"sup_slope": 1000.0},
    "max(sin(1000*x),0)": {"sup_slope": 1000.0},
    "relu(tanh(1e6*(x-1)))": {"sup_slope": 1e6, "sup_at": "x → 1⁺"},
    # A slope that saturates attains nothing.
    "log1p(exp(x))": {"sup_slope": 1.0, "sup_at": "x → ∞"},
    "x-softplus(x)": {"sup_slope": 1.0, "sup_at": "x → -∞"},
    # Neither -0 nor the number next to 0.
    "max(x,-x)": {"lower": 0.0, "attained": ("lower",)},
    "x*max(x,0)": {"lower": 0.0, "attained": ("lower",)},
    "where(x>0,x,1)": {"lower": 0.0, "attained": ()},
    # Parts that overflow, or cancel, where S is at its limit.
    "relu(x)-relu(x-6)": {"lower": 0.0, "upper": 6.0, "ends": (0.0, 6.0)},
    "(abs(x+1)-abs(x-1))/2": {"ends": (-1.0, 1.0), "attained": ("lower", "upper")},
    "softplus(x)-softplus(x-1)": {"lower": 0.0, "upper": 1.0, "ends": (0.0, 1.0)},
    "(x^3+x)/(1+x^2)": {"sup_slope": 1.0, "ends": (-INF, INF)},
    "x^3/(1+x+x^2)": {"sup_slope": 2.0, "sup_at": -1.0, "ends": (-INF, INF)},
    "x-ln(1+x^6)": {"upper": INF, "ends": (-INF, INF)},
    "3*x+ln(1+x^4)": {"lower": -INF, "ends": (-INF, INF)},
    "x^3/sqrt(1+x^4)": {"lower": -INF, "upper": INF, "ends": (-INF, INF)},
    "x/(1+x^4)^(1/4)": {"sup_slope": 1.0, "ends": (-1.0, 1.0), "attained": ()},
    "x^4/(1+x^4)": {"ends": (1.0, 1.0), "upper": 1.0},
    "x^3/(1+x^4)": {"ends": (0.0, 0.0)},
    "x^3/(1+abs(x)^3)": {"ends": (-1.0, 1.0)},
    "x^3*exp(-x^2)": {"ends": (0.0, 0.0)},
    "sqrt(x^2+1)-x": {"lower": 0.0, "ends": (INF, 0.0)},
    "(x+sqrt(x^2+4))/2": {"lower": 0.0, "ends": (0.0, INF), "sup_at": "x → ∞"},
    "exp(-exp(-x))": {"ends": (0.0, 1.0), "upper": 1.0},
    "1/(1+exp(-x))": {"ends": (0.0, 1.0), "sup_slope": 0.25},
    # Slopes that do not settle tell no side from the other.
    "x+sin(x)^2": {"init": "xavier_normal"},
    "x-cos(x)+1": {"init": "xavier_normal"},
    "silu(x)+0*x": {"init": "he_normal"},
}


@pytest.mark.parametrize("text", FORMULAS)
def test_what_is_known_of_a_formula_is_found(text: str) -> None:
    record = activations.get(text)
    for field, expected in FORMULAS[text].items():
        value = getattr(record, field)
        if isinstance(expected, float):
            near = 1e-6 if field == "sup_at" else 1e-12
            assert value == pytest.approx(expected, rel=near, abs=0.0), field
            assert math.copysign(1.0, value) == math.copysign(1.0, expected), field
        else:
            assert value == expected, field


@pytest.mark.parametrize(
    ("text", "way"),
    [
        ("relu(sin(x^2))", "x → -∞ and ∞"),
        ("abs(x-30)+exp(x^2)", "x → -∞ and ∞"),
        ("sqrt(1+x^4)", "x → -∞ and ∞"),
        ("x*abs(x)", "x → -∞ and ∞"),
    ],
)
def test_a_slope_without_a_bound_is_none_where_it_has_none(text: str, way: str) -> None:
    record = activations.get(text)
    assert record.sup_slope == INF
    assert record.note == f"|S'| grows without end as {way}, so no bound on it exists."


@pytest.mark.parametrize(
    ("text", "slopes"),
    [
        ("max(x,0)^1.5", (0.0, 0.0, 0.0)),
        ("x*abs(x)^0.01", (0.0, 0.0, 0.0)),
        ("x*abs(x)", (0.0, 0.0, 0.0)),
        ("where(x>0,x^1.5,2*x)", (2.0, 2.0, 0.0)),
        ("softplus(x)-ln(2)", (0.5, 0.5, 0.5)),
        ("x+x*abs(x)", (1.0, 1.0, 1.0)),
    ],
)
def test_a_slope_that_falls_to_0_is_0_at_0(text: str, slopes: tuple[float, ...]) -> None:
    assert activations.get(text).around_zero()[1] == slopes


@pytest.mark.parametrize("name", CASES)
def test_what_is_known_is_found(name: str) -> None:
    pair, bends, known = CASES[name]
    seen = found(pair, bends)
    for field, expected in known.items():
        value = getattr(seen, field)
        if isinstance(expected, float) and isinstance(value, float):
            assert value == pytest.approx(expected, rel=1e-12, abs=0.0), field
        else:
            assert value == expected, field


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_the_supremum_is_that_of_another_search(seed: int) -> None:
    """Of a sum of three bumps, whose S' mpmath climbs from the best of a thousand points."""
    generator = np.random.default_rng(seed)
    heights = generator.normal(size=3)
    centres, widths = generator.uniform(-8.0, 8.0, 3), 10.0 ** generator.uniform(-2.0, 0.5, 3)

    def value(x: FloatArray) -> FloatArray:
        parts = ((np.asarray(x)[..., None] - centres) / widths) ** 2
        return np.asarray((heights * np.exp(-parts)).sum(-1))

    def slope(x: FloatArray) -> FloatArray:
        u = (np.asarray(x)[..., None] - centres) / widths
        return np.asarray((-2.0 * heights * u / widths * np.exp(-u * u)).sum(-1))

    def exact(x: Any) -> Any:
        total = mp.mpf(0)
        for height, centre, width in zip(heights, centres, widths, strict=True):
            u = (x - mp.mpf(float(centre))) / mp.mpf(float(width))
            total += -2 * mp.mpf(float(height)) * u / mp.mpf(float(width)) * mp.exp(-u * u)
        return total

    best = mp.mpf(0)
    with mp.workdps(30):
        for centre, width in zip(centres, widths, strict=True):
            near = centre + width * np.linspace(-4.0, 4.0, 1001)
            start = near[np.abs(slope(near)).argmax()]
            low, high = mp.mpf(float(start - 0.01 * width)), mp.mpf(float(start + 0.01 * width))
            for _ in range(80):  # golden section
                a, b = high - (high - low) * 0.618, low + (high - low) * 0.618
                low, high = (low, b) if abs(exact(a)) > abs(exact(b)) else (a, high)
            best = max(best, abs(exact((low + high) / 2)))
    assert found(lambda x: (value(x), slope(x)), []).sup_slope == pytest.approx(
        float(best), rel=1e-9
    )


def test_a_supremum_that_is_not_closed_in_on_would_be_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def slope(x: FloatArray) -> FloatArray:
        return 1e3 / np.cosh(np.clip(1e3 * (x - 0.05), -300.0, 300.0)) ** 2

    # It is also steep elsewhere, so that the search has a wrong place to climb to.
    pair = of(lambda x: np.tanh(x - 200.0), lambda x: slope(x) + 1.0 / np.cosh(x - 200.0) ** 2)
    right = pytest.approx(1e3, rel=1e-9)
    assert found(pair, []).sup_slope == right
    monkeypatch.setattr("vanish.network.expressions.findings._ROUNDS", 0)
    assert found(pair, []).sup_slope != right
