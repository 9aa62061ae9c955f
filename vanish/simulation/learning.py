"""How far the layers move, in words: by the gradients of their weights."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vanish.numbers.scaled import ZERO
from vanish.numbers.words import compared, reach, short, short_power
from vanish.simulation.course import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vanish.simulation.course import Course, Learner

# Within a factor of ten, gradients are about equal.
_ABOUT_EQUAL = 1.0

# At a learning rate of 1 a layer that moves by less than this share of its size moves little.
_LITTLE = 0.01


def learning(course: Course) -> str:
    """Return how far the layers move, by the gradients of their weights."""
    layers = course.learners
    if not layers:
        return ""
    if any(not layer.grad_w for layer in layers):
        return _still(course)
    first, last = layers[0].layer, layers[-1].layer
    ratio = course.log10_ratio_w
    if ratio is None:
        return ""
    known = sorted((layer.grad_w for layer in layers), key=lambda grad_w: grad_w.log10 or 0.0)
    least, most = known[0], known[-1]
    sizes = reach(short(least), short(most))
    if course.shares_weights:
        return _parts(ratio, (first, last), sizes)
    if abs(ratio) <= _ABOUT_EQUAL:
        if float(most / least) <= 10.0**_ABOUT_EQUAL:
            pace = f"no layer lags behind{_pace(layers)}"
            return f"The weight gradients are about equal, {sizes}{_since(course)}: {pace}."
        return (
            f"Layer {first}'s weights get about as large a gradient as layer {last}'s; over the"
            f" layers it reaches from {sizes}."
        )
    relative = course.log10_relative_ratio
    whose = f"layer {last}'s gradient"
    gets = f"Layer {first}'s weights get {compared(ratio, whose)}"
    if relative is not None and abs(relative - ratio) > 0.5 * _ABOUT_EQUAL:
        gets += f" (relative to ‖W‖, {short_power(relative)})"
        if relative * ratio <= 0.0 or abs(relative) <= _ABOUT_EQUAL:
            return f"{gets}."
    if ratio > 0.0:
        one, other = "the first ones", "the last layers"
        if not course.is_chain:
            one, other = f"layer {first}", f"layer {last}"
        return f"{gets}: a step that suits {other} is too large for {one}."
    weakest = max(ratio, ratio if relative is None else relative)
    hardly = weakest < math.log10(course.thresholds.vanish_below)
    if not course.is_chain:
        return f"{gets}: layer {first} {'hardly learns' if hardly else 'learns more slowly'}."
    return f"{gets}: the first layers {'hardly learn' if hardly else 'learn more slowly'}."


def _parts(ratio: float, ends: tuple[int, int], sizes: str) -> str:
    """Return how much the layers add to the gradient of what they share."""
    first, last = ends
    of_last = compared(ratio, f"layer {last}'s")
    part = f"Layer {first}'s part in the weight gradient is {of_last}"
    if abs(ratio) <= _ABOUT_EQUAL:
        return f"{part}; over the layers the parts are {sizes}."
    share = "less" if ratio < 0.0 else "more"
    return f"{part}: to what the shared weights learn the first layers add {share} than the last."


def _still(course: Course) -> str:
    """Return which weights have no gradient, where the signal itself arrives."""
    still = [layer.layer for layer in course.learners if not layer.grad_w]
    where = f"layer {still[0]}" if len(still) == 1 else f"{len(still)} layers, {still[0]} first"
    why = ", whose input is 0" if course.is_rank_one else ""
    what = "part in the weight gradient" if course.shares_weights else "weight gradient"
    return f"The {what} is exactly 0 in {where}{why}."


def _pace(layers: Sequence[Learner]) -> str:
    """Return how far all layers move, where it is hardly at all, or too far."""
    moves = [layer.relative or ZERO for layer in layers]
    # A move that float64 rounds to 0 is little, too.
    if all(move and float(move) < _LITTLE for move in moves):
        return ", all move little"
    if all(float(move) > 1.0 for move in moves):
        return ", all move by more than their size at a learning rate of 1"
    return ""


def _since(course: Course) -> str:
    """Return why the weight gradients do not follow the signal, where they do not.

    ‖∂L/∂W_k‖ is ‖∂L/∂a_k‖·‖f_{k-1}‖ for one row.
    """
    growth = course.log10_growth
    if growth is None or abs(growth) <= _ABOUT_EQUAL:
        return ""
    if course.verdict is Verdict.VANISHING and growth < 0.0:
        return ", since activations shrink as fast going forward"
    if course.verdict is Verdict.EXPLODING and growth > 0.0:
        return ", since activations grow as fast going forward"
    return ""
