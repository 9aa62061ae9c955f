"""The weight_std at which a block's factor is 1 at a fixed point."""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from vanish.gauss.quadrature import NoLawError
from vanish.numbers.scaled import ONE, Magnitude
from vanish.theories import chains, growth, infinitewidth

if TYPE_CHECKING:
    from collections.abc import Callable

    from vanish.network.activations import Activation
    from vanish.network.blocks import Formula
    from vanish.network.graph import Block
    from vanish.readings.meanfield import Ensemble

# The weight_std between which a critical one is looked for, an octave a step.
_STDS = tuple(2.0**exponent for exponent in range(-8, 9))

# How a reason begins that says why there is no critical point.
NONE = "no critical point"

# How near to 1 the factor is at a critical weight_std; and where rounding hides on which side.
_NEAR, _ROUNDING = 1e-9, 1e-13


def depends_on_depth(formula: Formula) -> bool:
    """Tell whether a block depends on the number of layers."""
    return formula.block(2) != formula.block(3)


@lru_cache(maxsize=4096)
def critical_point(
    formula: Formula, activation: Activation, bias_std: float
) -> infinitewidth.Critical:
    """Return the weight_std of all matrices at which χ is 1 at a fixed point of a block.

    Of the article's layer it is `infinitewidth.critical`. Else χ is compared with 1 an octave
    a step, and the first place between two where it passes it is taken.
    """
    if formula.is_plain:
        return infinitewidth.critical(activation, bias_std)
    if depends_on_depth(formula):
        return _none("the block depends on the number of layers")
    block = formula.block(1)

    def limit(weight_std: float) -> chains.Limit:
        ensemble = chains.Alike(activation, dict.fromkeys(formula.matrices, weight_std), bias_std)
        return chains.limit(block, ensemble, chains.given(ONE), critical=False)

    ensemble = chains.Alike(activation, dict.fromkeys(formula.matrices, 1.0), bias_std)
    if _is_passed_whole(block, ensemble):
        why = "so that a block's factor is always above 1"
        if all(limit(std).growth == growth.settled(1.0) for std in (1.0, 2.0)):
            why = "and nothing else of x, so that a block's factor is always 1"
        return _none(f"the skip is passed whole, {why}")
    return _crossing(limit)


def _is_passed_whole(block: Block, ensemble: Ensemble) -> bool:
    """Tell whether what a block makes of x has all of x in it, whatever its size."""
    try:
        small, large = (chains.skip(block, ensemble, p) for p in (ONE, Magnitude.of(4.0)))
    except NoLawError:  # somewhere there is one, or the search says why not
        return False
    return small is not None and small == large and abs(small) >= 1.0


class _UnknownError(Exception):
    """There is no factor at a weight_std; the text says why."""


def _crossing(limit: Callable[[float], chains.Limit]) -> infinitewidth.Critical:
    """Return the first weight_std at which χ passes 1, of those at which it is known."""
    reason = ""

    def beyond(weight_std: float) -> float:
        try:
            chi = limit(weight_std).chi
        except NoLawError as error:
            raise _UnknownError(str(error)) from None
        if chi is None:
            raise _UnknownError(f"the factor does not settle at weight_std {weight_std:g}")
        return chi - 1.0

    factors: list[tuple[float, float]] = []
    for weight_std in _STDS:
        try:
            excess = beyond(weight_std)
        except _UnknownError as error:
            reason = reason or str(error)
        else:
            factors.append((weight_std, 0.0 if abs(excess) <= growth.TOLERANCE else excess))
    found = [each for _, each in factors]
    if not reason and max(found) - min(found) <= growth.TOLERANCE:
        always = "1" if abs(found[0]) <= growth.TOLERANCE else f"{1.0 + found[0]:.4g}"
        return _none(f"the factor is {always} at every weight_std")
    between = next(
        (
            (a, b)
            for (a, before), (b, after) in pairwise(factors)
            if b == 2.0 * a and (before < 0.0) is not (after < 0.0)
        ),
        None,
    )
    if between is None and reason:
        return _none(reason)
    if between is None:
        side = "above" if max(found) > growth.TOLERANCE else "below"
        return _none(
            f"the factor is {side} 1 at every weight_std from {_STDS[0]:.2g} to {_STDS[-1]:g}"
        )
    try:
        weight_std = _root(beyond, *between)
    except _UnknownError as error:
        return _none(str(error))
    there = limit(weight_std)
    if there.chi is None or abs(there.chi - 1.0) > _NEAR:
        return _none(f"the factor jumps over 1 at weight_std {weight_std:.6g}")
    if there.p == math.inf:
        return _none(f"x has no fixed point where the factor is 1, at weight_std {weight_std:.6g}")
    return infinitewidth.Critical(weight_std, there.q)


def _none(reason: str) -> infinitewidth.Critical:
    return infinitewidth.Critical(reason=f"{NONE}: {reason}")


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Return where a function passes 0 between two places, by bisection.

    Above it may leave 0 as a square does, as where p leaves 0: what is 0 to rounding is above.
    """
    side = math.copysign(1.0, function(low) or -function(high))
    while high - low > 1e-12 * high:
        middle = 0.5 * (low + high)
        if side * function(middle) > _ROUNDING:
            low = middle
        else:
            high = middle
    return high
