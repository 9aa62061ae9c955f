"""Whether S is a function of every x: where logarithms, roots and quotients have no value."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from vanish.errors import UsageError
from vanish.network.expressions.evaluate import Program
from vanish.network.expressions.switching import Switch, roots
from vanish.network.expressions.tree import (
    ONE,
    Call,
    Node,
    Number,
    Power,
    added,
    distinct,
    has_x,
    parts,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from vanish.numbers.scaled import FloatArray

    Pair = Callable[[FloatArray], tuple[FloatArray, FloatArray]]

# Values of a layer are of this size, unless it explodes: there S and S' must be finite, and
# numbers ten times as far out. Further, S may leave float64, as e^x does.
_NEAR, _FAR = 10.0, 100.0

# Hundredths, so that the numbers people write are among them.
_POINTS = np.arange(-100 * _NEAR, 100 * _NEAR + 1.0) / 100.0
_OUTER = np.arange(10 * _NEAR + 1.0, 10 * _FAR + 1.0) / 10.0
POINTS = np.concatenate((-_OUTER[::-1], _POINTS, _OUTER))

# Poles may be further out, on either side.
_RIGHT = np.geomspace(_FAR, 1e9, 500)[1:]
_TAILS = -_RIGHT[::-1], _RIGHT

# So often a bracket of two hundredths is cut to two thirds: then it is shorter than 1e-10.
_ROUNDS = 50

# A pole: so near to it S is so much larger than a little further off.
_BESIDE, _AWAY, _LARGER = 1e-12, 1e-3, 1e6


def require_everywhere(name: str, node: Node, pair: Pair) -> None:
    """Require that S and S' have a value at every x.

    Parameters
    ----------
    name
        The formula.
    node
        Its tree.
    pair
        Maps x to S(x) and S'(x).

    Raises
    ------
    UsageError
        If they have none somewhere; the place is named.
    """
    for what, found in zip(("S", "S'"), pair(POINTS), strict=True):
        near = np.abs(POINTS) <= _NEAR
        wrong = np.isnan(found) | (near & ~np.isfinite(found))
        if wrong.any():
            # The nearest to 0 says most.
            at = POINTS[wrong][np.abs(POINTS[wrong]).argmin()]
            raise nowhere(name, what, float(at), overflows=_overflows(node, float(at)))
    for inside in dict.fromkeys(_poles(node)):
        pole = _pole(Switch(inside), pair)
        if pole is not None:
            raise nowhere(name, "S", pole, overflows=False)


def _pole(switch: Switch, pair: Pair) -> float | None:
    """Return where S grows without bound since what it divides by is 0; None where it does not."""
    zeros, touched = roots(switch, POINTS), _touched(switch, POINTS)
    # Further out the bases of float64 are 0 for other reasons: those that change sign are asked.
    far = [root for tail in _TAILS for root in roots(switch, tail)]
    places = np.array(sorted(sorted({*zeros, *touched, *far}), key=abs))
    if not places.size:
        return None
    step = _BESIDE * np.maximum(np.abs(places), 1.0)
    away = np.full(places.size, _AWAY)
    beside = places[:, None] + np.transpose([-step, step, -away, away])
    size, base = np.abs(pair(beside)[0]), switch(beside[:, 2:])
    most = (_LARGER * (1.0 + size[:, 2:].min(axis=1)))[:, None]
    larger = (size[:, :2] > most).any(axis=1)
    without = ~(size[:, :2] <= most).all(axis=1)
    is_far, is_zero = np.abs(places) > _FAR, np.isin(places, zeros)
    crossed, alone = (base[:, 0] * base[:, 1] < 0.0), (base != 0.0).all(axis=1)
    found = np.where(is_far, larger & crossed, np.where(is_zero, without, larger & alone))
    return float(places[found][0]) if found.any() else None


def require_as_written(name: str, node: Node) -> None:
    """Require that S has a value as it is written, before (√x)² is made x.

    Parameters
    ----------
    name, node
        The formula, and its tree as it was read.

    Raises
    ------
    UsageError
        If it has none somewhere; the place is named.
    """
    near = POINTS[np.abs(POINTS) <= _NEAR]
    wrong = near[np.isnan(Program(node)(near)[0])]
    if wrong.size:
        at = float(wrong[np.abs(wrong).argmin()])
        if not _overflows(node, at):
            raise nowhere(name, "S", at)


def _overflows(node: Node, at: float) -> bool:
    """Tell whether some part of a tree leaves float64 of what is finite, and has no pole."""
    places = [*distinct(node)]
    found = Program(*places)(np.array([at]))
    values = {each: float(value[0]) for each, value in zip(places, found, strict=True)}
    return any(
        math.isinf(value) and all(math.isfinite(values[part]) for part in parts(each))
        for each, value in values.items()
        if not (isinstance(each, Call) and each.name in ("ln", "log1p"))
        and not (isinstance(each, Power) and values[each.base] == 0.0)
    )


def _touched(function: Switch, points: FloatArray) -> list[float]:
    """Return where a function comes nearest to 0 without a change of its sign."""
    size = np.abs(function(points))
    low = np.flatnonzero((size[1:-1] <= size[:-2]) & (size[1:-1] <= size[2:])) + 1
    left, right = points[low - 1], points[low + 1]
    for _ in range(_ROUNDS):
        one, other = left + (right - left) / 3.0, right - (right - left) / 3.0
        is_left = np.abs(function(one)) <= np.abs(function(other))
        left, right = np.where(is_left, left, one), np.where(is_left, other, right)
    found: list[float] = (0.5 * (left + right)).tolist()
    return found


# Beside a kink S changes by its slope times the step; a jump is of another order.
_STEP, _JUMP = 1e-9, 1e-6


def jumps(pair: Pair, bends: Sequence[float]) -> tuple[float, ...]:
    """Return where S itself jumps, which its S' does not see, in ascending order.

    Parameters
    ----------
    pair
        Maps x to S(x) and S'(x).
    bends
        Where it may jump, in ascending order.
    """
    places = np.array(bends)
    step = _STEP * np.maximum(np.abs(places), 1.0)
    # Where S overflows on both sides nobody sees a jump.
    with np.errstate(all="ignore"):
        (left, right), slopes = pair(np.stack((places - step, places + step)))
        jumping = np.abs(right - left) > _JUMP * (1.0 + np.abs(slopes).max(axis=0))
    return tuple(places[jumping].tolist())


def nowhere(name: str, what: str, at: float, *, overflows: bool | None = None) -> UsageError:
    """Return the error that S or S' of a formula has no value somewhere.

    Parameters
    ----------
    name
        The formula.
    what
        S or S'.
    at
        The place.
    overflows
        Whether it is float64 that has none; far out it is taken to be so.
    """
    if abs(at) > _FAR if overflows is None else overflows:
        why = (
            "is ∞/∞, ∞-∞ or 0·∞ in float64: write it of functions that stay finite, as sigmoid(x)"
            " for exp(x)/(1+exp(x))"
        )
        return UsageError(f"activation {name}: at x = {at:.6g} {what} {why}")
    return UsageError(
        f"activation {name}: {what} has no value at x = {at:.6g}: an activation has one at every"
        " x, as ln(1+abs(x)), sqrt(abs(x)+1) and x/(1+abs(x)) have"
    )


def _poles(node: Node) -> Iterator[Node]:
    """Yield what must not be 0, or not below."""
    for each in distinct(node):
        match each:
            case Power(base, Number(exponent)) if exponent < 0 and has_x(base):
                yield base
            case Call("ln", (inside,)) if has_x(inside):
                yield inside
            case Call("log1p", (inside,)) if has_x(inside):
                yield added(ONE, inside)
            case Call("tan", (inside,)) if has_x(inside):
                yield Call("cos", (inside,))
