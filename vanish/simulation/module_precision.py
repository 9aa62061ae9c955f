"""Which signals of any network fewer bits lose, by how large the tensors of its layers are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vanish.numbers.scaled import ZERO, Magnitude
from vanish.numbers.stack import Magnitudes
from vanish.records import Record
from vanish.simulation import precision
from vanish.simulation.census import Signal
from vanish.simulation.precision import Loss, Placed, Signals

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# The signals that a number format must hold, in the order in which a layer makes them.
_FORWARD, _BACK = ("W", "a", "input"), ("grad_a", "grad_input", "grad_w")

# What stands for a gradient that the run's number type lost: below the end of every format.
_UNDERFLOWN = Magnitude.of(0.5, -(2**40))


class Size(Record):
    """How large the entries of a tensor are.

    Attributes
    ----------
    norm
        The root of the sum of their squares.
    largest
        The largest |entry|.
    entries
        How many there are.
    """

    norm: Magnitude
    largest: Magnitude
    entries: int

    @property
    def rms(self) -> Magnitude:
        """Their root mean square; 0 of none."""
        return self.norm / Magnitude.of(math.sqrt(self.entries)) if self.entries else ZERO


def losses(layers: Sequence[Mapping[str, Size]], number_type: str) -> list[Loss]:
    """Return what fewer bits lose, the shortest format first.

    Of a run that lost some gradients itself nobody knows what formats of more bits would.

    Parameters
    ----------
    layers
        Of each layer the sizes that are seen, by what they are of: W, a, input, and grad_a and so
        on.
    number_type
        What was computed with.
    """
    has_underflown = _has_underflown(layers, number_type)
    nothing = _UNDERFLOWN if has_underflown else ZERO
    forward = tuple(_placed(layers, name, ZERO) for name in _FORWARD)
    back = tuple(_placed(layers, name, nothing) for name in _BACK)
    sizes = [each.get("grad_w") for each in layers]
    typical = [ZERO if size is None else size.rms or nothing for size in sizes]
    found = precision.losses_of(Signals(forward, back), Magnitudes.column(typical).at((..., 0)))
    if not has_underflown:
        return found
    known = found[: [each.format for each in found].index(number_type) + 1]
    return [each._replace(by_run=True) for each in known]


def _has_underflown(layers: Sequence[Mapping[str, Size]], number_type: str) -> bool:
    """Tell whether gradients are 0 beside some that are near the end of the number type."""
    seen = [each[name].rms for each in layers for name in _BACK if name in each]
    powers = [rms.exponent for rms in seen if rms]
    # The next one may be smaller by all of a number's digits.
    ends = {each.name: each.subnormal + each.digits for each in precision.FORMATS}
    return 0 < len(powers) < len(seen) and min(powers) < ends[number_type]


def _placed(layers: Sequence[Mapping[str, Size]], name: str, nothing: Magnitude) -> Placed:
    """Return one signal in every layer, with what stands for 0; true 0 where it is not seen."""
    found = [each.get(name) for each in layers]
    largest = [ZERO if size is None else size.largest or nothing for size in found]
    rms = [ZERO if size is None else size.rms or nothing for size in found]
    logs = (Magnitudes.column(each).log2[:, 0] for each in (largest, rms))
    return Placed(name, Signal(*logs), 1)
