"""Fixed points, phases and critical points: against mpmath and against plain iteration."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import make_meanfield_reference as reference
import numpy as np
import pytest
from mpmath import mp

from vanish.errors import UsageError
from vanish.gauss import moments
from vanish.network import activations
from vanish.network.activations import Activation
from vanish.numbers.scaled import Magnitude
from vanish.readings import meanfield
from vanish.theories import crossing
from vanish.theories import infinitewidth as theory

if TYPE_CHECKING:
    from collections.abc import Callable

    from vanish.numbers.scaled import FloatArray

CRITICAL = json.loads(reference.FILE.read_text(encoding="utf-8"))["critical"]

HOMOGENEOUS = "identity", "relu", "leaky_relu"
NOWHERE = "softplus", "log_sigmoid"
UNSTABLE = "gelu", "gelu_tanh", "silu", "mish", "hard_swish"

GRID = np.ldexp(1.0, range(-20, 40)).tolist()


def critical(act: str, bias_std: float) -> theory.Critical:
    return theory.critical(activations.get(act), bias_std)


@pytest.mark.parametrize(
    ("act", "bias"), [(act, bias) for act, found in CRITICAL.items() for bias in found]
)
def test_critical_points_agree_with_mpmath_to_9_digits(act: str, bias: str) -> None:
    right = CRITICAL[act][bias]
    found = critical(act, float(bias))
    assert (right is None) == (found.weight_std is None) == (act in NOWHERE)
    if right is not None:
        assert found.weight_std == pytest.approx(float(right[0]), rel=1e-9)
        assert found.q == pytest.approx(float(right[1]), rel=1e-9 if float(bias) != 1e-4 else 1e-7)


@pytest.mark.slow
@pytest.mark.parametrize(("act", "bias"), [("tanh", "0.1"), ("hard_swish", "0.5"), ("selu", "2")])
def test_reference_file_holds_the_roots_of_mpmath_s_integrals(act: str, bias: str) -> None:
    with mp.workdps(reference.DIGITS):
        weight_std, q = map(mp.mpf, CRITICAL[act][bias])
        below, above = (
            reference.excess(act, q * (1 + sign * mp.mpf(10) ** -12)) for sign in (-1, 1)
        )
        assert below < mp.mpf(bias) ** 2 < above
        assert abs(weight_std**2 * reference.expectation(act, q, "C") - 1) < 1e-15


@pytest.mark.parametrize(
    ("act", "weight_std"),
    [
        ("tanh", 1.0),
        ("sin", 1.0),
        ("hard_tanh", 1.0),
        ("softsign", 1.0),
        ("elu", 1.0),
        ("relu6", math.sqrt(2.0)),
        ("gelu", 2.0),
        ("silu", 2.0),
        ("mish", 5.0 / 3.0),
        ("selu", math.sqrt(2.0 / (1.0507009873554805**2 * (1.0 + 1.6732632423543772**2)))),
    ],
)
def test_critical_point_without_bias_is_at_the_origin_where_s_is_0(
    act: str, weight_std: float
) -> None:
    found = critical(act, 0.0)
    assert found.weight_std == pytest.approx(weight_std, rel=1e-14)
    assert found.q == 0.0
    assert found.stable is (act not in UNSTABLE)


@pytest.mark.parametrize(
    ("act", "weight_std"),
    [("identity", 1.0), ("relu", math.sqrt(2.0)), ("leaky_relu", math.sqrt(2.0 / 1.0001))],
)
def test_homogeneous_activation_is_critical_without_bias_only(act: str, weight_std: float) -> None:
    found = critical(act, 0.0)
    assert found.weight_std == pytest.approx(weight_std, rel=1e-15)
    assert found[1:] == (None, True, "")
    with_bias = critical(act, 0.1)
    assert with_bias[:3] == (None, None, None)
    assert "bias_std 0 only" in with_bias.reason


@pytest.mark.parametrize("act", NOWHERE)
@pytest.mark.parametrize("bias_std", [0.0, 0.3, 10.0])
def test_no_critical_point_has_a_reason(act: str, bias_std: float) -> None:
    found = critical(act, bias_std)
    assert found[:3] == (None, None, None)
    assert f"{act} has no critical point at bias_std {bias_std:g}: " in found.reason
    point = theory.point(activations.get(act), None, bias_std)
    assert point[:4] == (act, None, bias_std, None)
    assert point.phase is None


@pytest.mark.parametrize("act", UNSTABLE)
def test_unstable_critical_point_is_told_and_left_by_the_length_map(act: str) -> None:
    found = critical(act, 0.1)
    assert found.weight_std is not None
    assert found.q is not None
    assert not found.stable
    assert "unstable" in found.reason
    weight, start = found.weight_std**2, 1.01 * found.q
    for _ in range(200):
        start = weight * moments.at(activations.get(act), start).v + 0.01
    assert start > 1.1 * found.q
    assert critical(act, 3.0).stable
    assert critical(act, 3.0).reason == ""


@pytest.mark.parametrize("bias_std", [0.0, 0.05, 0.5])
@pytest.mark.parametrize("act", activations.names())
def test_critical_chain_is_critical(act: str, bias_std: float) -> None:
    point = theory.point(activations.get(act), None, bias_std)
    assert point.weight_std == point.critical_weight_std
    none = ("softplus", "log_sigmoid", *(("identity", "relu", "leaky_relu") if bias_std else ()))
    assert (point.weight_std is None) == (act in none)
    if point.weight_std is not None and point.critical_stable:
        assert point.phase is theory.Phase.CRITICAL
        assert point.chi_1 == pytest.approx(1.0, abs=1e-12)
        assert point.depth_scale == math.inf
        if point.critical_q is not None:
            assert point.q_star == pytest.approx(point.critical_q, rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("act", activations.names())
def test_fixed_point_is_where_iteration_leads(act: str) -> None:
    activation = activations.get(act)
    for weight_std in (0.4, 0.9, 1.3, 1.47, 1.8, 3.0, 11.0):
        for bias_std in (0.0, 0.02, 0.3, 1.1):
            q = weight_std**2 + bias_std**2
            for _ in range(2000):
                last, q = q, weight_std**2 * moments.at(activation, q).v + bias_std**2
                if not 1e-25 < q < 1e25 or abs(q / last - 1.0) < 1e-15:
                    break
            found = theory.fixed_point(activation, weight_std, bias_std)
            if 1e-25 < q < 1e25:
                assert found == pytest.approx(q, rel=1e-9)
            else:
                assert found == (math.inf if q > 1.0 else 0.0)


@pytest.mark.parametrize(
    ("act", "weight_std", "octave"), [("silu", 1.42, 4.0), ("hard_swish", 1.42, 2.0)]
)
def test_pair_of_fixed_points_within_an_octave_is_not_overlooked(
    act: str, weight_std: float, octave: float
) -> None:
    # q - weight_std² V(q) has a maximum above q_1, and just below it bias_std² meets it twice.
    activation = activations.get(act)

    def left(q: float) -> float:
        return q - weight_std**2 * moments.at(activation, q).v

    maximum = max(map(left, np.linspace(octave, 2.0 * octave, 2001).tolist()))
    bias_std = math.sqrt(maximum * (1.0 - 1e-3))
    # No sign tells the pair at the octave's ends.
    assert left(octave) < bias_std**2 > left(2.0 * octave)
    q = weight_std**2 + bias_std**2
    for _ in range(20_000):
        q = weight_std**2 * moments.at(activation, q).v + bias_std**2
    assert octave < q < 2.0 * octave
    assert theory.fixed_point(activation, weight_std, bias_std) == pytest.approx(q, rel=1e-9)
    above = math.sqrt(maximum * (1.0 + 1e-3))
    assert theory.fixed_point(activation, weight_std, above) == math.inf


@pytest.mark.parametrize("act", activations.names())
def test_length_map_increases_for_every_built_in_activation(act: str) -> None:
    # `fixed_point` relies on it: V' = X/√q.
    found = [moments.at(activations.get(act), q) for q in GRID]
    assert all(each.x >= 0.0 and each.v > 0.0 for each in found)


@pytest.mark.parametrize(
    "act", [act for act in activations.names() if act not in (*HOMOGENEOUS, *NOWHERE)]
)
def test_critical_point_of_every_built_in_activation_is_unique(act: str) -> None:
    # `critical` says so: q - V/C increases from its first zero on, and without bound.
    found = [moments.at(activations.get(act), q) for q in GRID]
    left = [q - each.v / each.c for q, each in zip(GRID, found, strict=True)]
    positive = [each for q, each in zip(GRID, left, strict=True) if each > 1e-13 * q]
    assert left[-len(positive) :] == positive == sorted(positive)
    assert positive[-1] > 1e3


@pytest.mark.parametrize(
    ("act", "weight_std", "bias_std", "phase"),
    [
        ("tanh", 0.5, 0.0, "ordered"),
        ("tanh", 1.0, 0.0, "critical"),
        ("tanh", 1.0 + 1e-10, 0.0, "critical"),
        ("tanh", 1.0 - 1e-8, 0.0, "ordered"),
        ("tanh", 1.001, 0.0, "chaotic"),
        ("tanh", 1.5, 0.0, "chaotic"),
        ("tanh", 1.5, 2.0, "ordered"),
        ("sigmoid", 1.0, 0.0, "ordered"),
        ("sigmoid", 11.0, 0.0, "chaotic"),
        ("relu", 1.0, 0.5, "ordered"),
        ("relu", math.sqrt(2.0), 0.0, "critical"),
        ("relu", math.sqrt(2.0), 0.1, "unbounded"),
        ("relu", 1.5, 0.0, "unbounded"),
        ("elu", math.sqrt(2.0), 0.0, "unbounded"),
        ("softplus", 1.0, 0.0, "ordered"),
        ("gelu", 2.0, 0.0, "unbounded"),
    ],
)
def test_phases(act: str, weight_std: float, bias_std: float, phase: str) -> None:
    assert theory.point(activations.get(act), weight_std, bias_std).phase == phase


def test_relu_with_bias_has_the_fixed_point_of_a_geometric_series() -> None:
    point = theory.point(activations.get("relu"), 1.2, 0.3)
    assert point.q_star == pytest.approx(0.09 / (1.0 - 0.72), rel=1e-12)
    assert point.chi_1 == point.chi_q == pytest.approx(0.72, rel=1e-12)
    assert point.depth_scale == pytest.approx(-1.0 / math.log(0.72), rel=1e-12)


def test_relu_at_criticality_keeps_the_q_it_starts_with() -> None:
    point = theory.point(activations.get("relu"))
    assert point.q_star == pytest.approx(2.0, rel=1e-15)


def test_fixed_point_of_sin_satisfies_its_closed_form() -> None:
    q = theory.fixed_point(activations.get("sin"), 1.7, 0.2)
    assert q == pytest.approx(1.7**2 * (1.0 - math.exp(-2.0 * q)) / 2.0 + 0.04, rel=1e-14)


def test_fixed_point_at_the_origin_has_the_limits_of_both_slopes() -> None:
    point = theory.point(activations.get("silu"), 1.0)
    assert point.q_star == 0.0
    assert point.chi_1 == point.chi_q == 0.25


def test_unbounded_chain_has_the_slope_of_its_asymptote() -> None:
    point = theory.point(activations.get("softplus"), 2.0, 0.5)
    assert point.q_star == math.inf
    assert point.chi_1 == point.chi_q == pytest.approx(2.0, rel=1e-14)


def test_where_slopes_do_not_settle_v_still_grows_by_its_own() -> None:
    """V' of x + sin x tends to 1, and C, the mean of (1 + cos a)², to 3/2."""
    point = theory.point(activations.get("x+sin(x)"), 1.0, 0.1)
    assert point.q_star == math.inf
    assert point.chi_1 == pytest.approx(1.5, rel=1e-12)
    assert point.chi_q == pytest.approx(1.0, rel=1e-9)


@pytest.mark.parametrize(
    ("act", "weight_std", "bias_std"),
    [("sigmoid", 2.0, 0.1), ("tanh", 2.0, 0.3), ("elu", 1.2, 1.0)],
)
def test_chi_1_is_what_a_layer_deep_inside_multiplies_the_gradient_by(
    act: str, weight_std: float, bias_std: float
) -> None:
    activation = activations.get(act)
    point = theory.point(activation, weight_std, bias_std)
    layers = 400
    ensemble = meanfield.Ensemble.plain(
        [activation] * layers, [50] * (layers + 1), [Magnitude.of(weight_std**2)] * layers, bias_std
    )
    found = meanfield.expected(ensemble, Magnitude.of(7.0))
    step = found[300].grad_f / found[301].grad_f
    assert point.chi_1 == pytest.approx(float(step) ** 2, rel=1e-9)


def test_chi_q_is_what_a_step_multiplies_a_deviation_of_q_by() -> None:
    activation = activations.get("tanh")
    point = theory.point(activation, 2.0, 0.3)
    assert point.q_star is not None
    h = 1e-4 * point.q_star
    after = [4.0 * moments.at(activation, point.q_star + shift).v for shift in (-h, h)]
    assert point.chi_q == pytest.approx((after[1] - after[0]) / (2.0 * h), rel=1e-6)


def test_registered_activation_has_the_critical_point_of_its_scaled_original() -> None:
    # S(x) = tanh(2x): a_k is halved, and so are weight_std and bias_std.
    def pair(x: FloatArray) -> tuple[FloatArray, FloatArray]:
        value, slope = activations.get("tanh").pair(2.0 * x)
        return value, 2.0 * slope

    steep = Activation(name="steep", pair=pair, sup_slope=2.0, sup_at=0.0, lower=-1.0, upper=1.0)
    original, found = critical("tanh", 0.2), theory.critical(steep, 0.1)
    assert found.weight_std is not None
    assert found.q is not None
    assert 2.0 * found.weight_std == pytest.approx(original.weight_std, rel=1e-9)
    assert 4.0 * found.q == pytest.approx(original.q, rel=1e-9)


def test_activation_that_is_flat_at_the_origin_is_critical_with_a_bias_only() -> None:
    def pair(x: FloatArray) -> tuple[FloatArray, FloatArray]:
        return np.maximum(x - 1.0, 0.0), (x > 1.0).astype(np.float64)

    shifted = Activation(
        name="shifted",
        pair=pair,
        sup_slope=1.0,
        sup_at="x > 1",
        lower=0.0,
        upper=math.inf,
        kinks=(1.0,),
    )
    found = theory.critical(shifted, 0.0)
    assert found.weight_std is None
    assert "S'(0) is 0" in found.reason
    assert theory.point(shifted, 1.0).depth_scale == 0.0
    weight_std, q, *_ = theory.critical(shifted, 0.5)
    assert weight_std is not None
    assert q is not None
    v, c, _ = moments.at(shifted, q)
    assert weight_std**2 * c == pytest.approx(1.0, rel=1e-12)
    assert weight_std**2 * v + 0.25 == pytest.approx(q, rel=1e-12)


def test_fixed_point_below_every_scale_of_s_is_what_s_of_0_leaves() -> None:
    def pair(x: FloatArray) -> tuple[FloatArray, FloatArray]:
        value, slope = activations.get("tanh").pair(x)
        return value + 1e-3, slope

    lifted = Activation(
        name="lifted", pair=pair, sup_slope=1.0, sup_at=0.0, lower=-0.999, upper=1.001
    )
    point = theory.point(lifted, 1e-8)
    assert point.q_star == pytest.approx(1e-22, rel=1e-12)
    assert point.chi_1 == pytest.approx(1e-16, rel=1e-12)


@pytest.mark.parametrize(
    ("weight_std", "bias_std", "message"),
    [
        (0.0, 0.0, "weight_std 0: give a number from 1e-09 to 1e+09"),
        (1e10, 0.0, "weight_std 1e+10: give a number from 1e-09 to 1e+09"),
        (math.nan, 0.0, "weight_std nan: give a number from 1e-09 to 1e+09"),
        (1.0, -1.0, "bias_std -1: give 0, or a number from 1e-09 to 1e+09"),
        (None, math.inf, "bias_std inf: give 0, or a number from 1e-09 to 1e+09"),
    ],
)
def test_standard_deviations_out_of_range_are_told(
    weight_std: float | None, bias_std: float, message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        theory.point(activations.get("tanh"), weight_std, bias_std)
    assert str(caught.value) == message


def test_critical_point_is_told_for_any_bias_std_that_a_simulation_takes() -> None:
    # The verdict of a run asks for it.
    assert critical("tanh", 1e-12).weight_std == pytest.approx(1.0, abs=1e-7)
    assert critical("tanh", 1e200).weight_std is None
    assert "beyond bias_std 1e+09" in critical("tanh", 1e200).reason


def iterate(
    value: Callable[[Any], Any], weight_std: float, bias_std: float, input_rms: float
) -> float:
    """Where the length map leads, by mpmath's integrals: 0 below 1e-8, infinity beyond 1e4."""
    q = mp.mpf(weight_std * input_rms) ** 2 + bias_std**2
    for _ in range(60):
        root, last = mp.sqrt(q), q
        square = mp.quad(
            lambda z, root=root: mp.npdf(z) * (value(root * z) ** 2 + value(-root * z) ** 2),
            [0, 0.5, 2, 5, 12],
        )
        q = weight_std**2 * square + bias_std**2
        if not 1e-8 < q < 1e4:
            return 0.0 if q < 1.0 else math.inf
        if abs(q / last - 1) < 1e-11:
            break
    return float(q)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("act", "weight_std", "bias_std", "near", "far"),
    [
        ("gelu", 1.43, 0.1, 1.0, 60.0),
        ("silu", 1.3, 0.05, 0.1, None),
        ("silu", 1.5, 0.05, 0.1, 50.0),
    ],
)
def test_where_there_are_several_fixed_points_the_input_decides_as_in_mpmath(
    act: str, weight_std: float, bias_std: float, near: float, far: float | None
) -> None:
    value = {
        "gelu": lambda x: x * mp.ncdf(x),
        "silu": lambda x: x / (1 + mp.exp(-x)),
    }[act]
    activation = activations.get(act)
    small = theory.point(activation, weight_std, bias_std, near)
    expected = iterate(value, weight_std, bias_std, near)
    assert 0.0 < expected < 1.0
    assert small.q_star == pytest.approx(expected, rel=1e-9)
    assert small.phase is theory.Phase.ORDERED
    if far is not None:
        large = theory.point(activation, weight_std, bias_std, far)
        assert large.q_star == iterate(value, weight_std, bias_std, far) == math.inf
        assert large.phase is theory.Phase.UNBOUNDED


def cubed() -> Activation:
    """S = tanh(x)³: at 0 it is flat, so that q = 0 attracts, and far away it saturates."""

    def pair(x: FloatArray) -> tuple[FloatArray, FloatArray]:
        value, slope = activations.get("tanh").pair(x)
        return value**3, 3.0 * value * value * slope

    return Activation(
        name="cubed", pair=pair, sup_slope=0.75, sup_at=0.88137, lower=-1.0, upper=1.0
    )


@pytest.mark.slow
@pytest.mark.parametrize(("input_rms", "lives"), [(0.05, False), (0.3, True), (30.0, True)])
def test_of_two_finite_fixed_points_that_attract_the_input_finds_its_own(
    input_rms: float, lives: bool
) -> None:
    expected = iterate(lambda x: mp.tanh(x) ** 3, 3.0, 0.0, input_rms)
    found = theory.fixed_point(cubed(), 3.0, 0.0, input_rms)
    assert found == pytest.approx(expected, rel=1e-9)
    assert (found > 0.0) is lives


@pytest.mark.parametrize("act", activations.names())
def test_fixed_point_of_any_input_is_where_iteration_leads(act: str) -> None:
    activation = activations.get(act)
    for weight_std, bias_std in ((0.9, 0.02), (1.47, 0.3), (3.0, 0.0)):
        for input_rms in (1e-3, 0.2, 40.0):
            q = weight_std**2 * input_rms**2 + bias_std**2
            for _ in range(2000):
                last, q = q, weight_std**2 * moments.at(activation, q).v + bias_std**2
                if not 1e-25 < q < 1e25 or abs(q / last - 1.0) < 1e-15:
                    break
            found = theory.fixed_point(activation, weight_std, bias_std, input_rms)
            if 1e-25 < q < 1e25:
                assert found == pytest.approx(q, rel=1e-9)
            else:
                assert found == (math.inf if q > 1.0 else 0.0)


@pytest.mark.parametrize("input_rms", [0.3, 1.0, 7.0])
def test_relu_at_criticality_keeps_the_q_of_its_input(input_rms: float) -> None:
    point = theory.point(activations.get("relu"), input_rms=input_rms)
    assert point.q_star == pytest.approx(2.0 * input_rms**2, rel=1e-14)


@pytest.mark.parametrize("input_rms", [0.0, -1.0, 1e10, math.nan, math.inf])
def test_an_input_rms_out_of_range_is_told(input_rms: float) -> None:
    with pytest.raises(UsageError, match=r"^input_rms .*: give a number from 1e-09 to 1e\+09$"):
        theory.point(activations.get("tanh"), 1.0, 0.0, input_rms)


# Where the χ₁ of a phase diagram grows through 1.


@pytest.mark.slow
@pytest.mark.parametrize("input_rms", [1.0, 0.1, 5.0])
@pytest.mark.parametrize("act", activations.names())
def test_chi_1_is_1_on_the_line_less_left_of_it_and_more_right_of_it(
    act: str, input_rms: float
) -> None:
    activation = activations.get(act)
    for bias_std in (0.0, 1e-6, 0.05, 0.2, 0.41, 0.5, 0.7, 1.0, 3.0):
        found = crossing.crossing(activation, bias_std, input_rms)
        if found is None:
            continue
        left, there, right = (
            theory.point(activation, found.weight_std * factor, bias_std, input_rms)
            for factor in (0.999, 1.0, 1.001)
        )
        assert there.chi_1 == pytest.approx(1.0, abs=1e-9)
        assert (left.chi_1 or 0.0) < 1.0 < (right.chi_1 or 0.0)
        assert found.bounded == (there.q_star != math.inf)


@pytest.mark.parametrize("act", activations.names())
def test_where_there_is_no_line_chi_1_jumps_over_1(act: str) -> None:
    activation = activations.get(act)
    for bias_std in (0.0, 0.05, 0.2, 0.4, 0.6, 1.5):

        def chi_1(weight_std: float, bias_std: float = bias_std) -> float:
            return theory.point(activation, weight_std, bias_std).chi_1 or 0.0

        if crossing.crossing(activation, bias_std) is not None:
            continue
        below, above = 0.1, 20.0
        assert chi_1(below) < 1.0 < chi_1(above)
        while above - below > 1e-12 * above:
            middle = 0.5 * (below + above)
            below, above = (middle, above) if chi_1(middle) < 1.0 else (below, middle)
        assert chi_1(above) - chi_1(below) > 0.01
        assert act in UNSTABLE


def test_an_unstable_critical_point_is_no_line() -> None:
    # gelu at bias_std 0 is critical at weight_std 2, where what is shown is 2.
    gelu = activations.get("gelu")
    assert theory.critical(gelu, 0.0).weight_std == pytest.approx(2.0)
    assert theory.point(gelu, 2.0).chi_1 == pytest.approx(2.0)
    assert crossing.crossing(gelu, 0.0) is None


@pytest.mark.parametrize(
    ("act", "weight_std"), [("relu", math.sqrt(2.0)), ("identity", 1.0), ("softplus", math.sqrt(2))]
)
def test_a_chain_whose_q_grows_without_bound_may_keep_its_gradient(
    act: str, weight_std: float
) -> None:
    found = crossing.crossing(activations.get(act), 0.3)
    assert found is not None
    assert found.weight_std == pytest.approx(weight_std, rel=1e-12)
    assert not found.bounded


def test_far_from_all_that_theory_knows_there_is_no_line() -> None:
    tanh = activations.get("tanh")
    assert crossing.crossing(tanh, 1e200) is None
    assert crossing.crossing(tanh, 0.0, 0.0) is None
    assert crossing.crossing(tanh, 0.0, 1e200) is None
