"""The Gaussian moments V, C and X of every activation, against mpmath."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import make_meanfield_reference as reference
import numpy as np
import pytest
from mpmath import mp

from vanish.gauss import closedforms, moments, quadrature
from vanish.gauss.moments import Moments
from vanish.network import activations
from vanish.network.activations import Activation
from vanish.numbers.scaled import ZERO, Magnitude

if TYPE_CHECKING:
    from vanish.numbers.scaled import FloatArray

REFERENCE = json.loads(reference.FILE.read_text(encoding="utf-8"))["moments"]

QUADRATURE = [act for act in activations.names() if closedforms.get(activations.get(act)) is None]


def error(found: Moments, right: list[float]) -> float:
    """The largest relative error; where float64 holds nothing but 0, anything else is wrong."""
    errors = [abs(a / b - 1.0) if b else abs(a) for a, b in zip(found, right, strict=True)]
    return max(errors)


def by_quadrature(act: str, q: float) -> Moments:
    column = quadrature.quadrature(activations.get(act), np.array([q]))[:, 0]
    return Moments._make(column.tolist())


@pytest.mark.parametrize("act", activations.names())
def test_moments_agree_with_mpmath_to_12_digits(act: str) -> None:
    for q, right in REFERENCE[act].items():
        assert error(moments.at(activations.get(act), float(q)), list(map(float, right))) < 1e-12


@pytest.mark.parametrize("act", [act for act in activations.names() if act != "sin"])
def test_quadrature_agrees_with_mpmath_and_so_with_the_closed_forms(act: str) -> None:
    for q, right in REFERENCE[act].items():
        assert error(by_quadrature(act, float(q)), list(map(float, right))) < 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("act", ["tanh", "gelu"])
def test_x_is_root_q_times_the_derivative_of_v(act: str) -> None:
    with mp.workdps(30):
        q, step = mp.mpf("2.5"), mp.mpf(10) ** -8
        above, below = (reference.expectation(act, q + each, "V") for each in (step, -step))
        right = float(mp.sqrt(q) * (above - below) / (2 * step))
    assert moments.at(activations.get(act), 2.5).x == pytest.approx(right, rel=1e-11)


def test_a_hundred_hermite_nodes_miss_the_slopes_of_sigmoid() -> None:
    # What the module says of them.
    z, weights = np.polynomial.hermite_e.hermegauss(100)
    value, slope = activations.get("sigmoid").pair(5.0 * z)
    found = [
        float(np.sum(weights * each)) / math.sqrt(2.0 * math.pi) for each in (value**2, slope**2)
    ]
    right = moments.at(activations.get("sigmoid"), 25.0)
    assert abs(found[0] / right.v - 1.0) < 1e-4
    assert 3e-3 < abs(found[1] / right.c - 1.0) < 4e-3


@pytest.mark.parametrize("q", [1e-6, 0.01, 0.5, 1.0])
def test_quadrature_agrees_with_the_closed_form_of_sin_where_it_does_not_oscillate(
    q: float,
) -> None:
    closed = moments.at(activations.get("sin"), q)
    assert error(by_quadrature("sin", q), list(closed)) < 1e-12


@pytest.mark.slow
@pytest.mark.parametrize(
    ("act", "q"), [("tanh", "10"), ("selu", "1e-3"), ("relu6", "1e3"), ("gelu", "0.1")]
)
def test_reference_file_is_what_mpmath_computes(act: str, q: str) -> None:
    with mp.workdps(reference.DIGITS):
        live = [reference.expectation(act, mp.mpf(q), name) for name in "VCX"]
        kept = [mp.mpf(number) for number in REFERENCE[act][q]]
        assert max(abs(a / b - 1) for a, b in zip(live, kept, strict=True)) < 1e-18


@pytest.mark.parametrize("act", QUADRATURE)
def test_interpolation_between_nodes_is_as_good_as_quadrature(act: str) -> None:
    generator = np.random.default_rng(0)
    for q in np.exp(generator.uniform(math.log(1e-6), math.log(1e6), 60)).tolist():
        direct = by_quadrature(act, q)
        assert error(moments.at(activations.get(act), q), list(direct)) < 3e-13


@pytest.mark.parametrize("act", QUADRATURE)
def test_octave_is_too_coarse_with_half_the_nodes(
    act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The interpolation test can fail: 10 nodes leave an error that it sees.
    nodes = np.arange(10)
    angles = math.pi * (nodes + 0.5) / 10
    monkeypatch.setattr(moments, "_K", nodes)
    monkeypatch.setattr(moments, "_ANGLES", angles)
    matrix = np.cos(np.outer(angles, nodes)) * np.where(nodes, 2.0, 1.0) / 10
    monkeypatch.setattr(moments, "_TO_COEFFICIENTS", matrix)
    monkeypatch.setattr(moments, "_octave", moments._octave.__wrapped__)
    activation = activations.get(act)
    errors = [error(moments.at(activation, q), list(by_quadrature(act, q))) for q in (3.7, 40.0)]
    assert max(errors) > 1e-12


def test_registered_activation_is_scaled_like_its_original() -> None:
    # tanh(2x) at q is tanh at 4q, its slope twice as large. Its name is that of no closed
    # form's record.
    def pair(x: FloatArray) -> tuple[FloatArray, FloatArray]:
        value, slope = activations.get("tanh").pair(2.0 * x)
        return value, 2.0 * slope

    steep = Activation(name="gelu", pair=pair, sup_slope=2.0, sup_at=0.0, lower=-1.0, upper=1.0)
    for q in (1e-4, 0.3, 7.0, 1e4):
        v, c, x = moments.at(activations.get("tanh"), 4.0 * q)
        assert error(moments.at(steep, q), [v, 4.0 * c, 2.0 * x]) < 1e-12


@pytest.mark.parametrize("act", activations.names())
@pytest.mark.parametrize("exponent", [-moments.LAST_EXPONENT - 1, moments.LAST_EXPONENT])
def test_moments_are_continuous_where_their_limits_take_over(act: str, exponent: int) -> None:
    activation = activations.get(act)
    below, above = Magnitude(1.0 - 1e-15, exponent), Magnitude.of(1.0, exponent)
    before = moments.mean_squares(activation, below)
    after = moments.mean_squares(activation, above)
    for a, b in zip(before, after, strict=True):
        assert float(a / b) == pytest.approx(1.0, rel=1e-13)


TINY, HUGE = Magnitude.of(1.0, -5000), Magnitude.of(1.0, 5000)


@pytest.mark.parametrize(
    ("act", "q", "v", "c"),
    [
        # S(0) = 0: the tangents at 0
        ("silu", TINY, Magnitude.of(0.25, -5000), Magnitude.of(0.25)),
        ("tanh", TINY, TINY, Magnitude.of(1.0)),
        ("relu6", TINY, Magnitude.of(0.5, -5000), Magnitude.of(0.5)),
        # S(0) ≠ 0: that value
        ("sigmoid", TINY, Magnitude.of(0.25), Magnitude.of(1.0 / 16.0)),
        ("softplus", TINY, Magnitude.of(math.log(2.0) ** 2), Magnitude.of(0.25)),
        # A straight line to the right, a constant to the left
        ("softplus", HUGE, Magnitude.of(0.5, 5000), Magnitude.of(0.5)),
        ("elu", HUGE, Magnitude.of(0.5, 5000), Magnitude.of(0.5)),
        # Bounded: ∫S'² is 1/6 for the sigmoid, 4/3 for tanh, 2 for hard_tanh
        ("sigmoid", HUGE, Magnitude.of(0.5), Magnitude.of(1 / 6 / math.sqrt(2 * math.pi), -2500)),
        ("tanh", HUGE, Magnitude.of(1.0), Magnitude.of(4 / 3 / math.sqrt(2 * math.pi), -2500)),
        ("hard_tanh", HUGE, Magnitude.of(1.0), Magnitude.of(2 / math.sqrt(2 * math.pi), -2500)),
        # Homogeneous: the same at every scale
        ("relu", TINY, Magnitude.of(0.5, -5000), Magnitude.of(0.5)),
        ("leaky_relu", HUGE, Magnitude.of(0.50005, 5000), Magnitude.of(0.50005)),
        # No variance: S(0), and PyTorch's S'(0)
        ("relu", ZERO, ZERO, ZERO),
        ("elu", ZERO, ZERO, Magnitude.of(1.0)),
        ("sigmoid", ZERO, Magnitude.of(0.25), Magnitude.of(1.0 / 16.0)),
    ],
)
def test_moments_beyond_float64(act: str, q: Magnitude, v: Magnitude, c: Magnitude) -> None:
    found = moments.mean_squares(activations.get(act), q)
    for a, b in zip(found, (v, c), strict=True):
        if b:
            assert float(a / b) == pytest.approx(1.0, rel=1e-13)
        else:
            assert not a
