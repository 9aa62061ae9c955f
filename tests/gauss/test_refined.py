"""Moments of an S that is not built in: finer panels where it needs them, or no law at all."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from vanish.gauss import moments, quadrature
from vanish.gauss.quadrature import NoLawError
from vanish.network import activations
from vanish.network.activations import Activation
from vanish.numbers.scaled import Magnitude
from vanish.theories import infinitewidth

if TYPE_CHECKING:
    from collections.abc import Callable

    from vanish.numbers.scaled import FloatArray

    Pair = tuple[FloatArray, FloatArray]

    # From q, the two moments V and C.
    Exact = Callable[[float], tuple[float, float]]


def guest(pair: Callable[[FloatArray], Pair], kinks: tuple[float, ...] = ()) -> Activation:
    return Activation(
        name="guest",
        pair=pair,
        sup_slope=1e9,
        sup_at="nowhere",
        kinks=kinks,
        lower=-math.inf,
        upper=math.inf,
    )


def _sin(omega: float) -> tuple[Activation, Exact]:
    def exact(q: float) -> tuple[float, float]:
        # sin² = (1-cos 2ωx)/2, E cos 2ωx = e^(-2ω²q)
        falls = -2.0 * omega * omega * q
        return -0.5 * math.expm1(falls), 0.5 * omega * omega * (1.0 + math.exp(falls))

    return guest(lambda x: (np.sin(omega * x), omega * np.cos(omega * x))), exact


def _scaled(name: str, factor: float) -> tuple[Activation, Exact]:
    """S(x) = T(cx)/c, of a built-in T: V(q) = V_T(c²q)/c², C(q) = C_T(c²q)."""
    of = activations.get(name)

    def pair(x: FloatArray) -> Pair:
        value, slope = of.pair(factor * x)
        return value / factor, slope

    def exact(q: float) -> tuple[float, float]:
        found = moments.at(of, factor * factor * q)
        return found.v / factor**2, found.c

    return guest(pair, tuple(kink / factor for kink in of.kinks)), exact


GUESTS: dict[str, tuple[Activation, Exact]] = {
    "sin 30x": _sin(30.0),
    "sin x/30": _sin(1.0 / 30.0),
    "sin 300x": _sin(300.0),
    "softplus of 20x": _scaled("softplus", 20.0),
    "tanh of 1000x": _scaled("tanh", 1000.0),
    "hard tanh of 7x": _scaled("hard_tanh", 7.0),
    # E z⁴ = 3 on each side
    "max(x, 0)²": (
        guest(lambda x: (np.maximum(x, 0.0) ** 2, 2.0 * np.maximum(x, 0.0)), (0.0,)),
        lambda q: (1.5 * q * q, 2.0 * q),
    ),
    "x³": (guest(lambda x: (x**3, 3.0 * x**2)), lambda q: (15.0 * q**3, 27.0 * q * q)),
    "e^x": (guest(lambda x: (np.exp(x), np.exp(x))), lambda q: (math.exp(2.0 * q),) * 2),
    # E e^(-2x²) = 1/√(1+4q), E 4x²e^(-2x²) = 4q/(1+4q)^(3/2)
    "e^(-x²)": (
        guest(lambda x: (np.exp(-x * x), -2.0 * x * np.exp(-x * x))),
        lambda q: ((1.0 + 4.0 * q) ** -0.5, 4.0 * q * (1.0 + 4.0 * q) ** -1.5),
    ),
}


@pytest.mark.parametrize("name", GUESTS)
@pytest.mark.parametrize("q", [1e-4, 0.03, 0.7, 1.0])
def test_panels_are_as_fine_as_s_asks(name: str, q: float) -> None:
    activation, exact = GUESTS[name]
    v, c = exact(q)
    found = moments.at(activation, q)
    assert found.v == pytest.approx(v, rel=1e-11)
    assert found.c == pytest.approx(c, rel=1e-11)


@pytest.mark.parametrize("name", ["sin 30x", "sin 300x", "tanh of 1000x"])
def test_the_panels_of_what_is_built_in_would_not_do(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    activation, exact = GUESTS[name]
    monkeypatch.setattr(activations, "is_built_in", lambda _: True)
    found = quadrature.quadrature(activation, np.array([1.0]))[:, 0]
    assert abs(found[0] / exact(1.0)[0] - 1.0) > 1e-6 or abs(found[1] / exact(1.0)[1] - 1.0) > 1e-6


@pytest.mark.parametrize("name", ["sin 30x", "softplus of 20x", "tanh of 1000x", "hard tanh of 7x"])
@pytest.mark.parametrize("exponent", [12, 60, 118, 119, 120, 121, 300])
def test_far_from_0_s_is_what_it_is_asymptotically(name: str, exponent: int) -> None:
    activation, _ = GUESTS[name]
    q = Magnitude.of(0.75, exponent)
    v, c = moments.mean_squares(activation, q)
    if name == "sin 30x":
        expected = Magnitude.of(0.5), Magnitude.of(450.0)
    else:
        plain, factor = {
            "softplus of 20x": ("softplus", 20),
            "tanh of 1000x": ("tanh", 1000),
            "hard tanh of 7x": ("hard_tanh", 7),
        }[name]
        square = Magnitude.of(float(factor * factor))
        of_v, of_c = moments.mean_squares(activations.get(plain), q * square)
        expected = of_v / square, of_c
    assert float(v / expected[0]) == pytest.approx(1.0, rel=1e-9)
    assert float(c / expected[1]) == pytest.approx(1.0, rel=1e-9)


@pytest.mark.parametrize(
    ("pair", "q"),
    [
        # E e^(2x²) is infinite from q = 1/4 on; the mean of 1/|x| for every q.
        (lambda x: (np.exp(x * x), 2.0 * x * np.exp(x * x)), 1.0),
        (lambda x: (np.sqrt(np.abs(x)), np.sign(x) * 0.5 / np.sqrt(np.abs(x))), 1.0),
        (lambda x: (np.exp(x), np.exp(x)), 100.0),
    ],
)
def test_no_law_is_better_than_a_wrong_one(pair: Callable[[FloatArray], Pair], q: float) -> None:
    activation = guest(pair, (0.0,))
    with np.errstate(all="ignore"):
        with pytest.raises(NoLawError, match="is not to be computed there"):
            moments.mean_squares(activation, Magnitude.of(q))
        point = infinitewidth.point(activation, 10.0, 3.0)
    assert (point.q_star, point.chi_1) == (None, None)
    assert "no law" in point.reason


@pytest.mark.parametrize("name", ["sin 30x", "softplus of 20x"])
def test_critical_points_follow_the_scale(name: str) -> None:
    """Of T(cx)/c, c q and c b are what q and b are of T; of sin ωx, weight_std is over ω."""
    activation, _ = GUESTS[name]
    found = infinitewidth.critical(activation, 0.01)
    if name == "sin 30x":
        of = infinitewidth.critical(activations.get("sin"), 0.3)
        assert of.weight_std is not None
        assert found.weight_std == pytest.approx(of.weight_std / 30.0, rel=1e-9)
    else:
        of = infinitewidth.critical(activations.get("softplus"), 0.2)
        assert found.weight_std == of.weight_std is None
        assert found.reason


def test_a_length_map_that_goes_to_and_fro_has_no_limit() -> None:
    """Where V falls steeply, iterates may circle the fixed point."""
    steep = guest(lambda x: (5.0 * np.exp(-20.0 * x * x), -200.0 * x * np.exp(-20.0 * x * x)))
    point = infinitewidth.point(steep, 3.0, 0.0)

    def v(q: float) -> float:
        return 25.0 / math.sqrt(1.0 + 80.0 * q)

    seen = [9.0]
    for _ in range(200):
        seen.append(9.0 * v(seen[-1]))
    settles = abs(seen[-1] - seen[-2]) < 1e-9 * seen[-1]
    assert (point.q_star is not None) == settles
    if settles:
        assert point.q_star == pytest.approx(seen[-1], rel=1e-9)
