"""The verdict on a profile in words that a newcomer understands, with a remedy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vanish.profile import Verdict

if TYPE_CHECKING:
    from vanish.profile import Profile
    from vanish.scaled import Magnitude


def short(value: Magnitude | float) -> str:
    """Return a number that is at least 0 with three significant digits, at any size."""
    log10 = (math.log10(value) if value else None) if isinstance(value, float) else value.log10
    if log10 is None:
        return "0"
    if -3.0 <= log10 < 3.0:
        return f"{10.0**log10:.3g}"
    exponent = math.floor(log10)
    digits = f"{10.0 ** (log10 - exponent):.2f}"
    if digits == "10.00":
        digits, exponent = "1.00", exponent + 1
    return f"{digits}e{exponent:+03d}"


def explain(profile: Profile) -> str:
    """Return what happened to the gradient, why it matters and what to do, in one or two
    sentences without the verdict's own word.
    """
    return _WORDS[profile.verdict](profile) + _paths(profile)


def _paths(profile: Profile) -> str:
    """Return whether a path of active units survives, for a chain where some do not."""
    found = profile.layers[0].log10_active_paths
    if found is None:
        return ""
    depth = len(profile.layers)
    if found == -math.inf:
        return f" No path of active units leads from layer 1 to layer {depth}."
    every = sum(math.log10(layer.n_out) for layer in profile.layers)
    return (
        f" {_count(found)} of its {_count(every)} paths through {depth} layers have a slope"
        " other than 0 at every unit; one is enough for a gradient to arrive."
    )


def _count(log10: float) -> str:
    return f"{10.0**log10:.0f}" if log10 < 4.0 else f"10^{log10:.1f}"


def _dead(profile: Profile) -> str:
    last_dead = max(
        (layer.layer for layer in profile.layers if layer.slope_max == 0.0), default=None
    )
    if last_dead is None:
        return (
            "The gradient is exactly 0 from the loss on: nothing learns. Give another --loss,"
            " --target or --input."
        )
    reached = f"layer {last_dead}" + (
        f" and the {last_dead - 1} before it" if last_dead > 1 else ""
    )
    return (
        f"In layer {last_dead} every unit has slope 0, so {reached} get a gradient of exactly 0"
        " and never learn. Give --act leaky_relu, whose slope is never 0, or a larger --width."
    )


def _stable(profile: Profile) -> str:
    if profile.ratio is None:
        return "With one layer there is nothing to vanish on the way."
    depth = len(profile.layers)
    return (
        f"At layer 1 the gradient ‖∂L/∂a‖ is {short(profile.ratio)} times what it is at layer"
        f" {depth}: the first layers learn, too."
    )


def _changing(profile: Profile) -> str:
    assert profile.ratio is not None
    assert profile.decades_per_layer is not None
    depth = len(profile.layers)
    factor = 10.0 ** abs(profile.decades_per_layer)
    vanishing = profile.verdict is Verdict.VANISHING
    verb, outcome = (
        ("shrinks", "hardly learn") if vanishing else ("grows", "overshoot at every step")
    )
    return (
        f"On its way back the gradient {verb} about {short(factor)}-fold a layer: at layer 1"
        f" ‖∂L/∂a‖ is {short(profile.ratio)} times what it is at layer {depth}, so the first"
        f" layers {outcome}."
        f" {_remedy(profile, vanishing)}"
    )


def _remedy(profile: Profile, vanishing: bool) -> str:
    settings = profile.settings
    assert profile.decades_per_layer is not None
    gain = settings.gain * 10.0**-profile.decades_per_layer
    if not vanishing or all(activation.homogeneous for activation in settings.activations):
        return f"Try --gain {gain:.3g}, which multiplies every weight."
    own = profile.layers[0].slope_bound
    return (
        f"Try --act relu, whose slopes are 1 where it is active: {len(profile.layers)} of them"
        f" multiply to at most 1, not {short(own)}."
        if own.log10 is not None and own.log10 < -1.0
        else f"Try --gain {gain:.3g}, which multiplies every weight."
    )


_WORDS = {
    Verdict.VANISHING: _changing,
    Verdict.EXPLODING: _changing,
    Verdict.STABLE: _stable,
    Verdict.DEAD: _dead,
}
