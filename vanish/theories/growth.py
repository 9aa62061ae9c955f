"""What becomes of a gradient over many blocks, from the factors of the first ones.

A block multiplies E‖∂L/∂f‖² by χ_k. Where χ_k tends to c ≠ 1, l blocks multiply it by about c^l.
Where it tends to 1 as 1 + e_k, their product is about exp(Σ e_k): with e_k falling as k^-s a
power of l for s = 1, below every exponential for s < 1, and bounded for s > 1 (Yang and
Schoenholz 2017, "Mean field residual networks: on the edge of chaos", has the first two).
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from vanish.numbers.words import short, short_power

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# |χ - 1| up to which a factor is called 1, as for the plain chain's critical point.
TOLERANCE = 1e-9

# How far from 1 the exponent s may be measured where it is 1, and below which it is none.
_BESIDE, _NONE = 0.08, 0.1

# An exponent that from one octave to the next still moves by more has not begun to tell the law.
_MOVES = 0.05

# Up to here s may be 1 with a logarithm in it, as hard_tanh's at its critical point, whose product
# falls below every bound.
_BOUNDED = 1.25

# A power that changes by no more than this part of it from octave to octave is one.
_STEADY = 0.15

# A power of N that falls by less is as likely a limit that is far away, and not 1.
_FALLS = 0.15

# Of how many layers `with_depth` compares chains.
_DEPTHS = (32, 64, 128, 256)

STAYS = "stays: 1 to leading order"
UNSETTLED = "not settled"


def settled(factor: float) -> str:
    """Return in words what a factor that all blocks have means."""
    if abs(factor - 1.0) <= TOLERANCE:
        return STAYS
    if math.isinf(factor):
        return "grows without bound a layer"
    shown = short(factor)
    # 1.0023 is no 1.
    return f"multiplies by {f'{factor:.10g}' if shown == '1' else shown} a layer"


def tending(factors: Sequence[float]) -> str:
    """Return in words what factors that tend to 1 mean; an empty text if they do not.

    Parameters
    ----------
    factors
        χ_1, χ_2, …, at least 16 of them.
    """
    count = len(factors)
    excess = [each - 1.0 for each in factors]
    if max(map(abs, excess[-4:])) <= TOLERANCE:
        return STAYS
    ends = [count >> shift for shift in (4, 3, 2, 1, 0)]
    last = excess[-1]
    # 1/e_k, which grows as k^s.
    inverse = [1.0 / each if (each := excess[end - 1]) * last > 0.0 else 0.0 for end in ends]
    rising = all(abs(after) > abs(before) > 0.0 for before, after in pairwise(inverse))
    if not rising or min(each * last for each in excess[-4:]) <= 0.0:
        return ""
    exponents = [math.log2(after / before) for before, after in pairwise(inverse)]
    exponent = _limit(exponents)
    if min(exponent, exponents[-1]) < _NONE or abs(exponents[-1] - exponents[-2]) > _MOVES:
        return ""
    way = "adds" if last > 0.0 else "falls"
    if abs(exponent - 1.0) <= _BESIDE:
        steps = zip(pairwise(ends), pairwise(inverse), strict=True)
        power = _limit([(b - a) / (after - before) for (a, b), (before, after) in steps])
        return f"{way}: polynomial, about l^{power:#.2g}"
    if exponent < 1.0:
        rest = 1.0 - round(exponent, 2)
        rates = zip(ends, inverse, strict=True)
        rate = _limit([end ** (1.0 - rest) / each / rest for end, each in rates])
        return f"{way}: about e^({rate:.2g} l^{rest:.2f})"
    if exponent < _BOUNDED:
        return ""
    # Not the first block: its input is not what a block gives.
    whole = sum(map(math.log, factors[1:])) + last * count / (exponent - 1.0)
    return f"stays: times {short(math.exp(whole))} in all"


def with_depth(log_product: Callable[[int], float]) -> str:
    """Return in words what blocks mean that depend on the number of layers.

    Parameters
    ----------
    log_product
        Of N layers, ln of what they multiply E‖∂L/∂f‖² by together.
    """
    logs = [log_product(depth) for depth in _DEPTHS]
    last = logs[-1]
    if all(abs(after) <= abs(before) for before, after in pairwise(logs)) and abs(last) < _NONE:
        return f"stays: times {math.exp(last):.3g}, to 1 as N grows"
    falling = f"stays: times {math.exp(last):.3g} at N = {_DEPTHS[-1]}, nearer to 1 as N grows"
    if all(after * before > 0.0 and abs(after) < abs(before) for before, after in pairwise(logs)):
        powers = [math.log2(after / before) for before, after in pairwise(logs)]
        # A power of N that falls leads to 1, if slowly: it is no limit that they near.
        is_steady = abs(powers[-1] - powers[-2]) <= _STEADY * abs(powers[-1])
        if is_steady and powers[-1] < -_FALLS:
            return falling
    steps = [after - before for before, after in pairwise(logs)]
    shrinks = all(0.0 < after / before < 0.8 for before, after in pairwise(steps) if before)
    if abs(steps[-1]) <= TOLERANCE or shrinks:
        return f"stays: times {math.exp(_limit(logs)):.3g} as N grows"
    before = logs[-2]
    if last * before <= 0.0:
        # Each by itself: a law of two numbers is none.
        told = (
            f"{short_power(log / math.log(10.0))} at N = {depth}"
            for log, depth in zip(logs[-2:], _DEPTHS[-2:], strict=True)
        )
        return f"turns: times {', '.join(told)}"
    power = math.log2(last / before)
    if power < -_FALLS:
        return falling
    if power < 2.0 * _NONE:
        return f"{UNSETTLED}: times {math.exp(last):.3g} at N = {_DEPTHS[-1]}"
    rate = last / _DEPTHS[-1] ** power
    return f"{'adds' if last > 0.0 else 'falls'}: about e^({rate:.2g} N^{power:.2f}) in all"


def _limit(values: Sequence[float]) -> float:
    """Return where values lead that were taken at k, 2k, 4k, … and have corrections of k^(-j/2).

    Richardson's extrapolation, of the last three: k^(-1/2) is taken out, then 1/k.
    """
    first, second, third = values[-3:]
    ratio = math.sqrt(2.0)
    before, after = ((ratio * b - a) / (ratio - 1.0) for a, b in ((first, second), (second, third)))
    return 2.0 * after - before
