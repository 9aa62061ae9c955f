"""Bisection down to two neighbouring numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def flip(holds: Callable[[float], bool], without: float, with_it: float) -> float:
    """Return where a condition begins to hold between two numbers.

    Parameters
    ----------
    holds
        The condition.
    without, with_it
        Numbers for which it does not hold, and does; either may be the larger one.
    """
    while without != (middle := 0.5 * (without + with_it)) != with_it:
        if holds(middle):
            with_it = middle
        else:
            without = middle
    return with_it
