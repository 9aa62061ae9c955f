"""What there is to know of an S that is known by its values alone. TO BE REPLACED at the merge."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from vanish.numbers.scaled import FloatArray

    Pair = Callable[[FloatArray], tuple[FloatArray, FloatArray]]


class Findings(NamedTuple):
    """What was found of S and S'; a search over a grid, no more."""

    sup_slope: float
    sup_at: float | str
    lower: float
    upper: float
    attained: tuple[str, ...]
    kinks: tuple[float, ...]
    homogeneous: bool
    why_unbounded: str = ""


def found(pair: Pair, switches: tuple[Callable[[FloatArray], FloatArray], ...]) -> Findings:
    """Return what can be found of S and S' numerically.

    Parameters
    ----------
    pair
        Maps x to S(x) and S'(x).
    switches
        Functions that are 0 where S may bend.
    """
    inner = np.linspace(-10.0, 10.0, 200_001)
    outer = np.geomspace(10.0, 1e6, 2001)
    x = np.concatenate((-outer[::-1], inner, outer))
    kinks = _kinks(pair, switches, x)
    beside = [near for kink in kinks for near in (np.nextafter(kink, -9), np.nextafter(kink, 9))]
    x = np.sort(np.concatenate((x, beside)))
    value, slope = pair(x)
    size = np.where(np.isfinite(slope), np.abs(slope), math.inf)
    at = int(size.argmax())
    ends = size[[0, -1]]
    grows = max(ends) >= size.max() and max(ends) > 1.01 * float(
        np.abs(pair(x[[0, -1]] / 10)[1]).max()
    )
    value = value[np.isfinite(value)]
    lower, upper = float(value.min()), float(value.max())
    far = abs(x[-1]) / 100
    return Findings(
        math.inf if grows else float(size[at]),
        "|x| → ∞" if grows else float(x[at]),
        -math.inf if lower < -far else lower,
        math.inf if upper > far else upper,
        (),
        kinks,
        bool(np.allclose(pair(4.0 * inner)[0], 4.0 * pair(inner)[0], rtol=1e-12, atol=0.0)),
        "|S'| grows without end" if grows else "",
    )


def _kinks(
    pair: Pair, switches: tuple[Callable[[FloatArray], FloatArray], ...], x: FloatArray
) -> tuple[float, ...]:
    found = set()
    for switch in switches:
        sign = np.sign(switch(x))
        found |= set(x[sign == 0.0].tolist())
        for place in np.flatnonzero(sign[1:] * sign[:-1] < 0.0):
            low, high = x[place], x[place + 1]
            for _ in range(80):
                middle = 0.5 * (low + high)
                same = np.sign(switch(np.array([middle])))[0] == sign[place]
                low, high = (middle, high) if same else (low, middle)
            found.add(float(high))
    kinks = []
    for each in sorted(found):
        step = 1e-9 * (1.0 + abs(each))
        left, right = pair(np.array([each - step, each + step]))[1]
        if abs(left - right) > 1e-6 * (1.0 + abs(left)):
            kinks.append(each)
    return tuple(kinks)
