"""Fixed points, phases and critical points of infinitely wide chains.

The length map q → weight_std² V(q) + bias_std² (see `moments`) leads to a fixed point q*
or out of every bound. There, χ₁ = weight_std² C(q*) is the factor of the gradient's mean
square per layer, and χ_q = weight_std² V'(q*) that of a deviation of q. Poole et al. 2016,
"Exponential expressivity in deep neural networks through transient chaos", and Schoenholz
et al. 2017, "Deep information propagation": χ₁ < 1 is the ordered phase, where gradients
vanish over the depth ξ = -1/ln χ₁; χ₁ > 1 the chaotic one, where they explode; deep chains
can be trained where χ₁ = 1.
"""

from __future__ import annotations

import math
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from vanish.errors import UsageError
from vanish.gauss import moments
from vanish.gauss.moments import Moments
from vanish.gauss.quadrature import NoLawError
from vanish.network import activations
from vanish.records import Record
from vanish.theories.bisection import flip

if TYPE_CHECKING:
    from vanish.network.activations import Activation


class Phase(StrEnum):
    """What becomes of gradients in a deep chain."""

    ORDERED = "ordered"
    CRITICAL = "critical"
    CHAOTIC = "chaotic"
    UNBOUNDED = "unbounded"


class Critical(Record):
    """Where χ₁ = 1 at a fixed point of q, for one bias_std.

    Attributes
    ----------
    weight_std
        None where there is no such point.
    q
        The fixed point; None where every q is one.
    stable
        Whether q stays near it.
    reason
        Why there is none, or that it is unstable; else empty.
    """

    weight_std: float | None = None
    q: float | None = None
    stable: bool | None = None
    reason: str = ""


class TheoryPoint(Record):
    """What mean-field theory says of one activation at one point.

    Attributes
    ----------
    act
        The activation's name.
    weight_std, bias_std
        W's entries have variance weight_std²/n_in, b's bias_std².
    q_star
        The limit of q from q_1 = weight_std² input_rms² + bias_std² on: infinite where it
        diverges. Where there are several fixed points it depends on the input.
    chi_1, chi_q
        χ₁ and χ_q there.
    depth_scale
        ξ = -1/ln χ₁ in layers: negative where gradients explode, infinite where χ₁ = 1.
    phase
        `Phase.UNBOUNDED` where q diverges, else by χ₁.
    critical_weight_std, critical_q, critical_stable, reason
        The critical point for this bias_std, see `Critical`.
    """

    act: str
    weight_std: float | None
    bias_std: float
    q_star: float | None
    chi_1: float | None
    chi_q: float | None
    depth_scale: float | None
    phase: Phase | None
    critical_weight_std: float | None
    critical_q: float | None
    critical_stable: bool | None
    reason: str


# |χ₁ - 1| up to which a point is called critical.
CRITICAL_TOLERANCE = 1e-9

# So often the length map is iterated where V falls.
_FALLS = 64

# Relative differences below this are rounding.
_ROUNDING = 1e-13

# A smaller V has no digits left to compare.
_SMALLEST_V = 1e-290

# With standard deviations in this range every finite q* > 0 of the built-in activations
# is on the grid.
SMALLEST, LARGEST = 1e-9, 1e9
_EXPONENTS = np.arange(-64, 65)

# Two values of V that are nearly a straight line's have lost so much of its slope at most.
_SAME = 1e-9


@lru_cache(maxsize=256)
def _grid(activation: Activation) -> tuple[tuple[float, Moments], ...]:
    """Return q and its moments once an octave, in ascending order."""
    points: list[tuple[float, Moments]] = []
    # What is not built in has panels of its own for each.
    pieces = 8 if activations.is_built_in(activation) else len(_EXPONENTS)
    for exponents in np.array_split(_EXPONENTS, pieces):
        q = np.ldexp(1.0, exponents)
        try:
            columns = moments.sample(activation, q).T.tolist()
        except NoLawError:  # of what is not built in, far from 1
            continue
        points += zip(q.tolist(), map(Moments._make, columns), strict=True)
    return tuple(points)


def point(
    activation: Activation,
    weight_std: float | None = None,
    bias_std: float = 0.0,
    input_rms: float = 1.0,
) -> TheoryPoint:
    """Return what theory says of one activation at one point.

    Parameters
    ----------
    activation
        S and S'.
    weight_std
        None for the critical one.
    bias_std
        The standard deviation of the biases.
    input_rms
        The root mean square of the input's entries, where the length map starts.

    Raises
    ------
    UsageError
        If a standard deviation or `input_rms` is out of range.
    """
    if bias_std != 0.0:
        require("bias_std", bias_std, "0, or ")
    require("input_rms", input_rms)
    special = critical(activation, bias_std)
    reason = special.reason
    if weight_std is None:
        weight_std = special.weight_std
    q = chi_1 = chi_q = depth_scale = phase = None
    if weight_std is not None:
        require("weight_std", weight_std)
        try:
            q = fixed_point(activation, weight_std, bias_std, input_rms)
            c, growth = slopes(activation, q)
        except NoLawError as error:
            q, reason = None, str(error)
        else:
            chi_1, chi_q = weight_std * weight_std * c, weight_std * weight_std * growth
            depth_scale, phase = _depth_scale(chi_1), _phase(q, chi_1)
    return TheoryPoint(
        activation.name,
        weight_std,
        bias_std,
        q,
        chi_1,
        chi_q,
        depth_scale,
        phase,
        special.weight_std,
        special.q,
        special.stable,
        reason,
    )


def require(name: str, given: float, instead: str = "") -> None:
    """Require a number in whose range every fixed point is found; `instead` is welcome, too.

    Raises
    ------
    UsageError
        If it is outside.
    """
    if not SMALLEST <= given <= LARGEST:
        raise UsageError(
            f"{name} {given:g}: give {instead}a number from {SMALLEST:g} to {LARGEST:g}"
        )


def slopes(activation: Activation, q: float) -> tuple[float, float]:
    """Return C(q) and V'(q); at 0 and at infinity their limits."""
    if 0.0 < q < math.inf:
        found = moments.at(activation, q)
        return found.c, found.x / math.sqrt(q)
    # q* is 0 only if S(0) = 0, where V' and C have one limit.
    ends = moments.limits(activation)
    if q == 0.0:
        return ends.c_near, ends.c_near
    if not ends.simple or not ends.grows:
        return ends.c_far, ends.c_far
    # It is infinite only if S grows as x does: V is a straight line at the end of its range.
    half = math.ldexp(1.0, ends.end - 1)
    slope = (ends.v_far - moments.at(activation, half).v) / half
    # Where S' has a limit they are one number, and C is known to more digits.
    return ends.c_far, ends.c_far if math.isclose(slope, ends.c_far, rel_tol=_SAME) else slope


def is_one(chi_1: float) -> bool:
    """Tell whether a χ₁ is called critical."""
    return abs(chi_1 - 1.0) <= CRITICAL_TOLERANCE


def _depth_scale(chi_1: float) -> float:
    if chi_1 in (0.0, math.inf):
        return 0.0
    return math.inf if is_one(chi_1) else -1.0 / math.log(chi_1)


def _phase(q: float, chi_1: float) -> Phase:
    if q == math.inf:
        return Phase.UNBOUNDED
    if is_one(chi_1):
        return Phase.CRITICAL
    return Phase.ORDERED if chi_1 < 1.0 else Phase.CHAOTIC


def fixed_point(
    activation: Activation, weight_std: float, bias_std: float, input_rms: float = 1.0
) -> float:
    """Return q*, the limit of the length map from q_1 on.

    An input of mean square input_rms² makes q_1 = weight_std² input_rms² + bias_std².
    V increases for every built-in activation, so that the iterates go one way, to the
    first fixed point on it. It is looked for on that way and not by iterating, which near
    a critical point takes for ever. Where V falls, as some formulas' does, the map is
    iterated until it rises.

    Returns
    -------
    float
        Where there is none on the way, infinity, or going down weight_std² S(0)² + bias_std²,
        which is 0 where S(0) and bias_std are.
    """
    weight, bias = weight_std * weight_std, bias_std * bias_std

    def step(q: float, at_q: Moments) -> float:
        return (weight * at_q.v + bias) / q - 1.0

    def turn(q: float, at_q: Moments) -> float:  # its derivative by ln q
        return (weight * (math.sqrt(q) * at_q.x - at_q.v) - bias) / q

    def at(q: float) -> tuple[float, Moments]:
        return q, moments.at(activation, q)

    start, at_start = at(weight * input_rms * input_rms + bias)
    for _ in range(_FALLS):
        # Where V falls the map jumps to the other side of what it would go to.
        if at_start.x >= 0.0:
            break
        start, at_start = at(weight * at_start.v + bias)
    first = step(start, at_start)
    if abs(first) <= _ROUNDING:
        return start
    way = math.copysign(1.0, first)
    last, last_turn = start, turn(start, at_start)
    for q, at_q in _grid(activation)[:: int(way)]:
        if way * (q - start) <= 0.0:
            continue
        this_turn = turn(q, at_q)
        if way * step(q, at_q) < -_ROUNDING:
            return flip(lambda between: way * step(*at(between)) < 0.0, last, q)
        if last_turn < -_ROUNDING and this_turn > _ROUNDING:
            # The step may have become 0 between the two, twice.
            nearest = flip(lambda between: turn(*at(between)) > 0.0, last, q)
            if way * step(*at(nearest)) <= 0.0:
                return flip(lambda between: way * step(*at(between)) <= 0.0, last, nearest)
        last, last_turn = q, this_turn
    if way > 0.0:
        return math.inf
    value, _ = activation.around_zero()
    return weight * value * value + bias


@lru_cache(maxsize=4096)
def critical(activation: Activation, bias_std: float) -> Critical:
    """Return the critical point for one bias_std.

    χ₁ = 1 makes weight_std² = 1/C(q), and q is a fixed point where q - V(q)/C(q) is
    bias_std². The left side is 0 for a homogeneous S, never positive for softplus and
    log_sigmoid, and for every other built-in one it rises without bound from its first
    zero on, so that there is exactly one solution. Should a user's S have several, the
    smallest q is taken.
    """
    if bias_std > LARGEST:
        return Critical(reason=f"no critical point is looked for beyond bias_std {LARGEST:g}")
    try:
        return _found_critical(activation, bias_std)
    except NoLawError as error:
        return Critical(reason=str(error))


def _found_critical(activation: Activation, bias_std: float) -> Critical:
    name = activation.name
    ends = moments.limits(activation)
    bias = bias_std * bias_std
    if activation.homogeneous:
        c = moments.at(activation, 1.0).c
        if bias == 0.0:
            return _critical(activation, bias_std, None, c, stable=True)
        weight_std = c**-0.5
        reason = (
            f"{name} is critical at bias_std 0 only (weight_std {weight_std:.6g}), where every"
            " q is a fixed point; with a bias q grows without bound there"
        )
        return Critical(reason=reason)
    from_0 = bias == 0.0 and ends.value == 0.0
    if from_0 and ends.c_near != 0.0:
        return _critical(activation, bias_std, 0.0, ends.c_near, stable=_attracts(activation))

    def beyond(q: float, at_q: Moments) -> bool:
        # Not divided by C, which for an S that is flat around 0 may be 0 to rounding.
        return (q - bias) * at_q.c > at_q.v

    # Where V'(0) is 0 too, V < qC near 0; only an S that jumps has V > qC from somewhere on.
    last = None if from_0 else 0.0
    for q, at_q in _grid(activation):
        if not beyond(q, at_q):
            last = q if at_q.v > _SMALLEST_V else last
        # Of a straight line both sides are equal but for rounding.
        elif last is not None and (q - bias) * at_q.c > at_q.v * (1.0 + _ROUNDING):
            break
    else:
        reason = (
            f"{name} has no critical point at bias_std 0: its S'(0) is 0"
            if from_0
            else f"{name} has no critical point at bias_std {bias_std:g}: q - V(q)/C(q) is below"
            " bias_std² for every q, so that q has no fixed point where chi_1 = 1"
        )
        return Critical(reason=reason)
    q = flip(lambda between: beyond(between, moments.at(activation, between)), last, q)
    c, growth = slopes(activation, q)
    return _critical(activation, bias_std, q, c, stable=growth <= c * (1.0 + _ROUNDING))


def _critical(
    activation: Activation, bias_std: float, q: float | None, c: float, *, stable: bool
) -> Critical:
    reason = (
        f"the critical point of {activation.name} at bias_std {bias_std:g} is unstable:"
        " q leaves it, and a deep chain does not stay there"
    )
    weight_std = c**-0.5 if c > 0.0 else math.inf
    if not SMALLEST <= weight_std <= LARGEST:
        return Critical(
            reason=f"{activation.name} is critical at bias_std {bias_std:g} with a weight_std that"
            " no network has"
        )
    return Critical(weight_std, q, stable, "" if stable else reason)


def _attracts(activation: Activation) -> bool:
    """Tell whether q = 0 attracts at χ_q = 1: whether V lies below its tangent there."""
    tangent = moments.limits(activation).c_near
    bends = (at_q.v / (q * tangent) - 1.0 for q, at_q in _grid(activation) if q > 2.0**-30)
    return next((bend < 0.0 for bend in bends if abs(bend) > 1e3 * _ROUNDING), True)
