"""What there is to know of an S that is known by its values alone, found by looking for it.

S and S' are sampled in windows that grow twofold around 0, so that what happens on any scale
around 0 is seen; far out, at some points of every octave. Every extremum that is seen
is closed in on until nothing but rounding is left. What is found is true to about 1e-12, unless
S has a feature away from 0 that is finer than a hundredth of its distance.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from vanish.network.expressions.crossing import zeros
from vanish.network.expressions.tails import Tail, distances, finite_max, short
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from vanish.numbers.scaled import FloatArray

    Function = Callable[[FloatArray], FloatArray]
    Pair = Callable[[FloatArray], tuple[FloatArray, FloatArray]]

# The windows reach from 2^-20 to 2^10, with so many points each, 0 among them.
_WINDOWS, _POINTS = range(-20, 11), 1025

# What is below its negative falls without end, though it may oscillate.
_VAST = 2.0**300

# More bends than these so far out are those of what oscillates, and only some of them.
_MOST_FAR_BENDS = 16

# So many extrema are closed in on; of a periodic S all are alike.
_CLOSED_IN = 64

# Each round leaves 2/32 of a bracket.
_BETWEEN, _ROUNDS = 33, 15

# S' jumps where it differs by so much of itself on the two sides of a point, so far from it.
_JUMP, _BESIDE = 1e-6, 2.0**-30

# Smaller numbers than this are not normal ones.
_TINY = 2.0**-1022

# Below this, S' is not 0, but what is left of it where it underflows.
_UNDERFLOW = 1e-250


class Findings(Record):
    """What was found of S and S'.

    Attributes
    ----------
    sup_slope
        sup |S'|; infinite where there is none.
    sup_at
        Where it is, or is approached: the nearest such x to 0, or text.
    lower, upper
        The infimum and supremum of S.
    attained
        Which of them are values of S: ``"lower"``, ``"upper"``.
    kinks
        Where S' jumps, in ascending order: all as far as the windows reach, and a few beyond.
    homogeneous
        Whether S(cx) = c S(x) for every c > 0.
    why_unbounded
        Why there is no sup |S'|, as a part of a sentence; empty where there is one.
    limits
        S at -∞ and at ∞; None where it has no limit.
    undefined_at
        An x at which S or S' is no number; None where they are one everywhere.
    """

    sup_slope: float
    sup_at: float | str
    lower: float
    upper: float
    attained: tuple[str, ...]
    kinks: tuple[float, ...]
    homogeneous: bool
    why_unbounded: str = ""
    limits: tuple[float | None, float | None] = (None, None)
    undefined_at: float | None = None


def found(
    pair: Pair,
    switches: Sequence[Function],
    sound: Callable[[FloatArray], NDArray[np.bool_]] | None = None,
) -> Findings:
    """Return what can be found of S and S' by their values.

    Parameters
    ----------
    pair
        Maps x to S(x) and S'(x).
    switches
        Functions that are 0 where S may bend.
    sound
        Tells at which x far from 0 float64 gives S and S'; without it everywhere.
    """
    with np.errstate(all="ignore"):
        ends = [Tail.of(pair, side, sound) for side in (-1.0, 1.0)]
        return _found(pair, switches, ends)


def _found(pair: Pair, switches: Sequence[Function], ends: Sequence[Tail]) -> Findings:
    x = _grid()
    far = distances()
    beyond = [*zeros(switches, -far[::-1]), *zeros(switches, far)]
    if len(beyond) > _MOST_FAR_BENDS:
        beyond.clear()
    bends = sorted({*zeros(switches, x), *beyond})
    kinks = tuple(np.array(bends)[_jumps(pair, np.array(bends))].tolist())
    sides = [np.nextafter(bend, way) for bend in bends for way in (-math.inf, bend, math.inf)]
    x = np.unique(np.concatenate((x, sides)))
    value, slope = pair(x)
    wrong = np.flatnonzero(np.isnan(value) | np.isnan(slope))
    wrong = wrong[np.argsort(np.abs(x[wrong]), kind="stable")]
    # Where S' alone is no number at a bend, it is the sides that count.
    bad = next((float(x[i]) for i in wrong if x[i] not in bends or np.isnan(value[i])), None)
    if bad is not None:
        return Findings(
            *(math.inf, "nowhere", -math.inf, math.inf, (), kinks),
            homogeneous=False,
            why_unbounded="S is not defined everywhere",
            undefined_at=bad,
        )
    slope = np.where(np.isnan(slope), 0.0, slope)
    why = _why_unbounded(pair, bends, x, slope, ends)
    sup, at = (math.inf, "nowhere") if why else _supremum(pair, x, slope, kinks, ends)
    limits = [tail.limit for tail in ends]
    lower, has_lower = _least(lambda z: pair(z)[0], pair, x, value, ends)
    mirrored = [tail._replace(value=-tail.value) for tail in ends]
    upper, has_upper = _least(lambda z: -pair(z)[0], pair, x, -value, mirrored)
    # No -0; and what is next to 0 beside a jump is on its way there.
    lower, upper = short(lower) + 0.0, short(-upper) + 0.0
    if 0.0 < abs(lower) < _TINY:
        lower, has_lower = 0.0, False
    if 0.0 < abs(upper) < _TINY:
        upper, has_upper = 0.0, False
    return Findings(
        short(sup),
        at,
        lower,
        upper,
        (*["lower"] * has_lower, *["upper"] * has_upper),
        kinks,
        _is_homogeneous(pair, np.concatenate((-far, x, far))),
        why,
        (limits[0], limits[1]),
    )


def _grid() -> FloatArray:
    """Return the points of all windows, in ascending order."""
    unit = np.linspace(-1.0, 1.0, _POINTS)
    return np.unique(np.concatenate([math.ldexp(1.0, window) * unit for window in _WINDOWS]))


def _jumps(pair: Pair, bends: FloatArray) -> NDArray[np.bool_]:
    """Tell at which bends S' jumps."""
    steps = np.array([[_BESIDE], [_BESIDE / 1024.0]]) * np.maximum(np.abs(bends), 1.0)
    left, right = pair(bends - steps)[1], pair(bends + steps)[1]
    apart, most = np.abs(left - right), np.maximum(np.abs(left[1]), np.abs(right[1]))
    # Where S' only rises steeply, what is left between the sides falls with their distance.
    jumps: NDArray[np.bool_] = apart[1] > np.maximum(0.5 * apart[0], _JUMP * most)
    return jumps


def _why_unbounded(
    pair: Pair, bends: Sequence[float], x: FloatArray, slope: FloatArray, ends: Sequence[Tail]
) -> str:
    """Return why there is no sup |S'|; an empty text where there is one."""
    places = np.array([*dict.fromkeys((0.0, *bends))])
    near = np.array([[1e-6], [1e-10], [1e-14]]) * np.maximum(np.abs(places), 1.0)
    near[:, 0] = 1e-100, 1e-200, 1e-300  # the place 0
    sides = np.array([-1.0, 1.0])[:, None, None]
    first, second, third = np.moveaxis(np.abs(pair(places + sides * near)[1]), 1, 0)
    # From step to step, not only nearer than a hump that is narrow.
    grows = (third > 1.5 * first) & (1.5 * first > 1.0)
    grows &= (third > 1.2 * second) & (1.2 * second > 1.44 * first)
    grows |= np.isinf(third) & np.isfinite(first)
    if grows.any():
        return f"|S'| grows without end as x nears {places[grows.any(axis=0)][0]:.6g}"
    seen = np.abs(slope).max()
    ways = []
    for tail, sign, way in zip(ends, (-1.0, 1.0), ("-∞", "∞"), strict=True):
        size = np.abs(tail.slope)
        infinite = np.isinf(size).any() or np.isinf(slope[x * sign > 0.0]).any()
        if infinite or finite_max(size) > 1.001 * max(tail.steepest_early, seen):
            ways.append(way)
    return f"|S'| grows without end as x → {' and '.join(ways)}" if ways else ""


def _supremum(
    pair: Pair,
    x: FloatArray,
    slope: FloatArray,
    kinks: Sequence[float],
    ends: Sequence[Tail],
) -> tuple[float, float | str]:
    """Return sup |S'| and where it is."""

    def steepness(z: FloatArray) -> FloatArray:
        return np.nan_to_num(np.abs(pair(z)[1]), nan=0.0)

    places, tops = _tops(steepness, x, np.abs(slope), kinks)
    beyond = max(finite_max(np.abs(tail.slope)) for tail in ends)
    sup = max(float(tops.max()), beyond)
    as_high = places[tops >= sup * (1.0 - 1e-12)]
    near = float(as_high[np.lexsort((-as_high, np.abs(as_high)))[0]]) if as_high.size else math.inf
    for kink in kinks:
        if abs(near - kink) <= 2.0 * np.spacing(abs(kink) or 1e-300):
            return sup, _beside(steepness, sup, kink, kinks)
    # Around a smooth maximum many x give it: the one that is written shortest.
    written = (float(f"{near:.{digits}g}") for digits in range(1, 17))
    if near < math.inf:
        near = next((each for each in (0.0, *written) if _gives(steepness, each, near)), near)
    if near < math.inf and (level := _level(steepness, sup, near, kinks)):
        return sup, level
    # Where |S'| only saturates in float64, it is approached.
    for tail, sign, way in zip(ends, (-1.0, 1.0), ("-∞", "∞"), strict=True):
        saturates = near * sign > 1.0 and steepness(np.array([near * (1.0 - 1e-2)]))[0] < sup
        is_level = (np.abs(tail.last_slopes - sup) <= 1e-12 * sup).all()
        if (saturates or near == math.inf) and is_level:
            return sup, f"x → {way}"
    return sup, near if near < math.inf else "far from 0"


def _beside(steepness: Function, sup: float, kink: float, kinks: Sequence[float]) -> float | str:
    """Return where |S'| is sup, or approaches it, of places at a kink."""
    if steepness(np.array([kink]))[0] >= sup * (1.0 - 1e-15):
        return kink
    places = {-1.0: np.nextafter(kink, -math.inf), 1.0: np.nextafter(kink, math.inf)}
    sides = [side for side, at in places.items() if steepness(at[None])[0] >= sup * (1 - 1e-12)]
    step = 1e-3 * max(abs(kink), 1.0)
    levels = [_level(steepness, sup, kink + side * step, kinks) for side in sides]
    if not all(levels):
        return f"x → {kink:.6g}{('⁻' if sides == [-1.0] else '⁺') if len(sides) == 1 else ''}"
    return levels[0] if len(levels) == 1 else f"x ≠ {kink:.6g}"


def _level(steepness: Function, sup: float, place: float, kinks: Sequence[float]) -> str:
    """Return the interval between kinks on all of which |S'| is sup, or an empty text."""
    below = max((kink for kink in kinks if kink < place), default=-math.inf)
    above = min((kink for kink in kinks if kink > place), default=math.inf)
    low, high = (place - 1e6 if below == -math.inf else below, min(above, place + 1e6))
    steps = np.ldexp(1.0, np.arange(-6, 20))  # on every scale around the place, too
    inside = np.concatenate(
        (low + (high - low) * np.linspace(0.01, 0.99, 33), place - steps, place + steps)
    )
    inside = inside[(inside > low) & (inside < high)]
    if not (np.abs(steepness(inside) - sup) <= 1e-15 * sup).all():
        return ""
    if below == -math.inf and above == math.inf:
        return "every x"
    if below == -above:
        return f"|x| < {above:.6g}"
    if above == math.inf:
        return f"x > {below:.6g}"
    return f"x < {above:.6g}" if below == -math.inf else f"{below:.6g} < x < {above:.6g}"


def _gives(function: Function, other: float, place: float) -> bool:
    """Tell whether a function is at another place beside one what it is there, to rounding."""
    if abs(other - place) > 1e-6 * max(abs(place), 1e-9):
        return False
    there, here = function(np.array([other, place]))
    return bool(there >= here * (1.0 - 2e-15))


def _tops(
    function: Function, x: FloatArray, y: FloatArray, kinks: Sequence[float] = ()
) -> tuple[FloatArray, FloatArray]:
    """Return where the highest local maxima of a function are, and how high."""
    above = np.full(y.size + 2, -math.inf)
    above[1:-1] = y
    local = np.flatnonzero((y >= above[:-2]) & (y >= above[2:]))
    # The highest, and of equal ones those near 0.
    local = local[np.lexsort((np.abs(x[local]), -y[local]))][:_CLOSED_IN]
    low, high = x[np.maximum(local - 1, 0)], x[np.minimum(local + 1, x.size - 1)]
    places, tops = x[local], y[local]
    between = np.linspace(0.0, 1.0, _BETWEEN)
    for _ in range(_ROUNDS):
        z = low[:, None] + (high - low)[:, None] * between
        f = function(z)
        best = f.argmax(axis=1)
        rows = np.arange(len(z))
        better = f[rows, best] > tops
        # A bracket over a kink has its two sides already.
        better &= np.searchsorted(kinks, z[:, 0], "right") >= np.searchsorted(kinks, z[:, -1])
        places, tops = (
            np.where(better, z[rows, best], places),
            np.where(better, f[rows, best], tops),
        )
        low = z[rows, np.maximum(best - 1, 0)]
        high = z[rows, np.minimum(best + 1, _BETWEEN - 1)]
    return places, tops


def _least(
    function: Function, pair: Pair, x: FloatArray, y: FloatArray, ends: Sequence[Tail]
) -> tuple[float, bool]:
    """Return the infimum of a function, and whether it is one of its values."""
    limits = [tail.limit for tail in ends]
    if -math.inf in limits:
        return -math.inf, False
    places, tops = _tops(lambda z: -function(z), x, -y)
    least = -float(tops.max())
    beyond = min(
        (float(np.nanmin(tail.value)) for tail in ends if not np.isnan(tail.value).all()),
        default=least,
    )
    if beyond < -_VAST and beyond < least:
        return -math.inf, False
    approached = min((each for each in limits if each is not None), default=math.inf)
    infimum = min(least, approached, beyond)
    if infimum < least - 1e-15 * abs(least):
        return infimum, False
    as_low = places[-tops <= least + 4e-16 * abs(least)]
    return infimum, any(_turns(pair, float(place)) for place in as_low)


def _turns(pair: Pair, place: float) -> bool:
    """Tell whether S turns at a place, or is level from there on: it has that value."""
    step = 1e-4 * max(abs(place), 1e-6)
    left, at, right = pair(np.array([place - step, place, place + step]))[1]
    if left * right < 0.0:
        return True
    if at != 0.0 and left and right:
        return False
    # Level: does S' go to 0, or does it underflow?
    for side in (-1.0, 1.0):
        ways = place + side * max(abs(place), 1.0) * 2.0 ** -np.arange(20.0)
        sloping = ways[pair(ways)[1] != 0.0]
        if not sloping.size:
            continue
        near, out = place, float(sloping[-1])
        while abs(out - near) > 1e-9 * max(abs(place), 1e-6):
            middle = 0.5 * (near + out)
            if pair(np.array([middle]))[1][0] == 0.0:
                near = middle
            else:
                out = middle
        edge = near + side * 1e-2 * max(abs(near), 1e-6)
        if abs(pair(np.array([edge]))[1][0]) > _UNDERFLOW:
            return True
    return False


def _is_homogeneous(pair: Pair, x: FloatArray) -> bool:
    # Nearer to 0 products are rounded to a few digits or none.
    x = x[np.abs(x) >= 2.0**-900]
    value, twice, thrice = (pair(times * x)[0] for times in (1.0, 2.0, 3.0))
    return bool(
        np.array_equal(twice, 2.0 * value)
        and (np.abs(thrice - 3.0 * value) <= 1e-15 * np.abs(thrice)).all()
    )
