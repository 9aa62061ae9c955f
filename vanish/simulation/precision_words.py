"""Lost precision in words: which signal is lost first, and what saves it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.simulation.precision import LOST, NO, ONLY_JUST, YES, losses

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vanish.simulation.precision import Loss, Misfit
    from vanish.simulation.profile import Profile

_WIDTH = 80


def summary(profile: Profile) -> str:
    """Return one line of at most 80 columns on lost precision; empty where there is none.

    It tells of the widest format that suffers, since narrower ones lose more; where none
    does, of the widest in which rounding spoils the gradients.
    """
    return summary_of(losses(profile))


def summary_of(found: Sequence[Loss]) -> str:
    """Return the same of what all formats lose, the shortest format first."""
    suffering = [loss for loss in found if loss.suffers]
    if not suffering:
        chaotic = [loss.format for loss in found if loss.is_chaotic]
        spoils = "rounding spoils the gradients, whatever the loss scale"
        return f"In {chaotic[-1]} {spoils}." if chaotic else ""
    widest, wider = suffering[-1], found[len(suffering) :]
    fits = f"; {wider[0].format} fits" if wider and not wider[0].is_chaotic else ""
    cure = _cure(widest) and f", {_cure(widest)}"
    if widest.is_chaotic and widest.fits != NO:
        cure, fits = ", and rounding spoils it at any scale", ""
    lines = [
        f"In {widest.format} {_complaint(widest, ranges)}{cure}{end}."
        for ranges in (4, 1, 0)
        for end in (fits, "")
    ]
    return next((line for line in lines if len(line) <= _WIDTH), lines[-1])


def sentence(loss: Loss) -> str:
    """Return what becomes of the signals in one format, without its name; empty if they fit."""
    clauses = [_complaint(loss), _cure(loss)] if loss.suffers else []
    if loss.is_chaotic and loss.fits != NO:
        assert loss.rounding is not None
        share = f"{100.0 * loss.rounding:.0f} %"
        clauses.append(f"rounding changes a by about {share}, and the gradients at any scale")
    return "; ".join(filter(None, clauses))


_GRADIENTS = {"grad_f": "∂L/∂f", "grad_a": "∂L/∂a", "grad_w": "∂L/∂W"}
_GRADIENTS |= {"grad_input": "∂L/∂input"}


def _complaint(loss: Loss, ranges: int = 4) -> str:
    """Return what is lost first; up to so many ranges of layers are told one by one."""
    first = next(iter(loss.misfits), loss.tightest)
    forward = "" if first.signal in _GRADIENTS else " going forward"
    if not loss.misfits or (loss.fits == ONLY_JUST and (forward or loss.loss_scale == 0)):
        shown = first if forward else loss.tightest
        return f"{_placed(shown, ranges)} fits only just{forward}"
    how = "is lost" if first.how == LOST else "overflows"
    return f"{_placed(first, ranges)} {how}{forward}"


def _cure(loss: Loss) -> str:
    """Return what saves it; empty where nothing need be said."""
    if next(iter(loss.misfits), loss.tightest).signal not in _GRADIENTS:
        return "no loss scale saves that"
    if loss.by_run:
        return "float64 tells which loss scale saves it"
    if loss.fits == NO:
        return "no loss scale saves all layers"
    if loss.loss_scale is None:
        return "no loss scale saves it for certain"
    if loss.loss_scale == 0:
        return ""
    surely = "" if loss.fits == YES else " only just"
    return f"a loss scale of 2^{loss.loss_scale} saves it{surely}"


def _placed(misfit: Misfit, ranges: int) -> str:
    """Return the name of a signal with its layers."""
    name = _GRADIENTS.get(misfit.signal, misfit.signal)
    if (name, misfit.first) == ("f", 0):
        return "x"
    count = sum(last - first + 1 for first, last in misfit.layers)
    if count == 1:
        return f"{name} of layer {misfit.first}"
    if len(misfit.layers) > ranges:
        return f"{name} of {count:,} layers"
    spans = (str(first) if first == last else f"{first}-{last}" for first, last in misfit.layers)
    return f"{name} of layers {', '.join(spans)}"
