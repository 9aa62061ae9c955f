"""The line of a phase diagram on which χ₁ grows through 1."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vanish.gauss import moments
from vanish.gauss.quadrature import NoLawError
from vanish.records import Record
from vanish.theories import infinitewidth

if TYPE_CHECKING:
    from vanish.network.activations import Activation


class Crossing(Record):
    """Where the χ₁ of `infinitewidth.point` grows through 1 with weight_std, for one bias_std.

    Attributes
    ----------
    weight_std
        Where it is 1.
    bounded
        Whether q has a limit there. Else q grows without bound and χ₁ = 1 is its limit, as
        for relu with biases: the gradient's mean square stays, that of a_k does not.
    """

    weight_std: float
    bounded: bool


# How far beside a crossing χ₁ is looked at, relative to weight_std, and how near to 1 it is
# there where q grows without bound: it may jump to 1 as q leaves its last fixed point.
_BESIDE, _NEAR = 1e-4, 0.05


def crossing(activation: Activation, bias_std: float, input_rms: float = 1.0) -> Crossing | None:
    """Return where the χ₁ of `infinitewidth.point` grows through 1: a phase diagram's line.

    That is the critical point, where q settles there. Where q leaves it, χ₁ jumps over 1 at
    some other weight_std, and there is no line. If S is a straight line far from 0, χ₁ may
    also be 1 as q grows without bound.

    Parameters
    ----------
    activation, bias_std, input_rms
        As for `infinitewidth.point`.

    Returns
    -------
    Crossing
        None where there is none, or where it is beyond the range of the theory.
    """
    if (
        bias_std > infinitewidth.LARGEST
        or not infinitewidth.SMALLEST <= input_rms <= infinitewidth.LARGEST
    ):
        return None

    def chi_1(weight_std: float) -> tuple[float, float]:
        q = infinitewidth.fixed_point(activation, weight_std, bias_std, input_rms)
        return weight_std * weight_std * infinitewidth.slopes(activation, q)[0], q

    try:
        ends = moments.limits(activation)
    except NoLawError:
        return None
    found = infinitewidth.critical(activation, bias_std).weight_std
    asymptotic = ends.c_far**-0.5 if ends.grows and ends.c_far > 0.0 else None
    for weight_std in (found, asymptotic):
        if (
            weight_std is None
            or not 2.0 * infinitewidth.SMALLEST < weight_std < 0.5 * infinitewidth.LARGEST
        ):
            continue
        there, q = chi_1(weight_std)
        below, above = (chi_1(weight_std * (1.0 + beside))[0] for beside in (-_BESIDE, _BESIDE))
        jumps = q == math.inf and below < 1.0 - _NEAR
        if below < 1.0 < above and infinitewidth.is_one(there) and not jumps:
            return Crossing(weight_std, bounded=q < math.inf)
    return None
