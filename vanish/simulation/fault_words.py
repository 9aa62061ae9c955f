"""Layers at fault in words: what they do to the signal, and what to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.numbers.words import listed, plural, short_power

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vanish.simulation.faults import Fault

# So many are told one by one.
_FEW = 3


def told_of(faults: Sequence[Fault]) -> str:
    """Return what some layers do to the signal that the median layer does not."""
    told = "; ".join(map(_fault, faults[:_FEW]))
    others = len(faults) - _FEW
    if others <= 0:
        return told
    return (
        f"{told}; {plural(others, 'other layer')} {'stands' if others == 1 else 'stand'} out, too"
    )


def _fault(fault: Fault) -> str:
    k = fault.layer
    what = f"what follows layer {k}" if fault.mixed else f"the slopes of layer {k}"
    slopes = "" if fault.slopes is None else f"{what} {_times(fault.slopes, one=fault.mixed)}"
    if fault.weight is None:
        assert fault.typical_slopes is not None
        typical = short_power(fault.typical_slopes)
        usual = "what follows the median layer" if fault.mixed else "the median layer's"
        return f"{slopes}, {usual} {typical}"
    factor, usual = short_power(fault.weight), short_power(fault.typical_weight)
    if fault.whole:
        return f"layer {k} multiplies the signal by {factor}, the median layer by {usual}"
    told = f"W{k} multiplies the signal by {factor}, the median layer's W by {usual}"
    return told + (f", and {slopes}" if slopes else "")


def _times(log10: float, *, one: bool) -> str:
    """Return what slopes do to the signal: nobody keeps more of it than there is."""
    if log10 > 0.0:
        return f"{'multiplies' if one else 'multiply'} it by {short_power(log10)}"
    return f"{'keeps' if one else 'keep'} {short_power(log10)} of it"


def advice_on(faults: Sequence[Fault]) -> str:
    """Return what to look at where single layers are at fault."""
    weights = [
        f"W{fault.layer}" for fault in faults if fault.weight is not None and not fault.whole
    ]
    # The slopes of a layer whose W is at fault are so by that.
    others = [f"layer {fault.layer}" for fault in faults if fault.weight is None or fault.whole]
    look = f"at the weights and biases of {listed(others)}." if others else ""
    if not weights:
        return f"Look {look}"
    return f"Rescale {listed(weights)}{f', and look {look}' if look else '.'}"
