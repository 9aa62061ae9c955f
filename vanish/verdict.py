"""The verdict on a profile in words that a newcomer understands, with a remedy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vanish.measured import HIGH, LOW
from vanish.profile import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vanish.profile import Profile
    from vanish.remedy import Search
    from vanish.scaled import Magnitude


def short(value: Magnitude | float) -> str:
    """Return a number that is at least 0 with three significant digits, at any size."""
    if not value:
        return "0"
    log10 = math.log10(value) if isinstance(value, float) else value.log10
    assert log10 is not None
    return short_power(log10)


def short_power(log10: float) -> str:
    """Return 10^log10 with three significant digits, at any size."""
    if -3.0 <= log10 < 3.0 and "e" not in (plain := f"{10.0**log10:.3g}"):
        return plain
    exponent = math.floor(log10)
    digits = f"{10.0 ** (log10 - exponent):.2f}"
    if digits == "10.00":
        digits, exponent = "1.00", exponent + 1
    return f"{digits}e{exponent:+03d}"


def subject(profile: Profile, among: Sequence[Profile]) -> str:
    """Return what tells a run from those it is compared with: its activation, or more."""
    settings = profile.settings
    several = len({each.settings.init for each in among}) > 1
    return f"{settings.act_label}, {settings.init_name}" if several else settings.act_label


def explain(profile: Profile, search: Search | None = None) -> str:
    """Return what happened to the gradient, why it matters and what to do, in one or two
    sentences without the verdict's own word.

    Parameters
    ----------
    profile
        The run.
    search
        What came of looking for a remedy, if that was done.
    """
    advice = f" {search.sentence}" if search is not None and search.sentence else ""
    return _WORDS[profile.verdict](profile) + advice + _paths(profile) + _trials(profile)


def _trials(profile: Profile) -> str:
    """Return how the trials are spread about their median, if there are several."""
    if profile.trials == 1:
        return ""
    low, high = profile.ratio_quantile(LOW), profile.ratio_quantile(HIGH)
    spread = (
        f"; the middle 90 % of their ratios reach from {short(low or 0.0)} to {short(high)}"
        if high is not None
        else ""
    )
    return f" These are medians of {profile.trials:,} trials, {_counts(profile)}{spread}."


def _counts(profile: Profile) -> str:
    """Return how many trials have which verdict."""
    shares = sorted(profile.verdict_shares.items(), key=lambda item: -item[1])
    counts = [(round(share * profile.trials), verdict) for verdict, share in shares if share]
    if len(counts) == 1:
        return f"all {counts[0][1]}"
    return ", ".join(f"{count:,} {verdict}" for count, verdict in counts)


def _paths(profile: Profile) -> str:
    """Return whether a path of active units survives, for a chain where some do not."""
    counts = [layer.log10_active_paths for layer in profile.layers]
    # Towards the input there are ever fewer: the first count is that of the whole way, but
    # for the layers before it, in which every unit is active.
    found = next((count for count in counts if count is not None), None)
    if found is None:
        return ""
    if found > -math.inf:
        before = profile.layers[: next(k for k, count in enumerate(counts) if count is not None)]
        found += sum(math.log10(layer.n_out) for layer in before)
    depth = len(profile.layers)
    if found == -math.inf:
        return f" No path of active units leads from layer 1 to layer {depth}."
    every = sum(math.log10(layer.n_out) for layer in profile.layers)
    return (
        f" {_count(found)} of its {_count(every)} paths through {depth} layers have a slope"
        " other than 0 at every unit; one is enough for a gradient to arrive."
    )


def _count(log10: float) -> str:
    return f"{10.0**log10:.3g}" if log10 < 3.0 else f"10^{log10:.1f}"


def _dead(profile: Profile) -> str:
    last_dead = max(
        (layer.layer for layer in profile.layers if layer.slope_max == 0.0), default=None
    )
    if not profile.layers[-1].grad_f:
        return (
            "The gradient is exactly 0 from the loss on: nothing learns. Give another --loss,"
            " --target or --input."
        )
    if last_dead is None:
        return (
            "No path leads from layer 1 to the loss along which neither a slope nor a weight is"
            " 0, so its gradient is exactly 0 and it never learns. Give --act leaky_relu, whose"
            " slope is never 0, or a larger --width."
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
        f" {depth}{_decades(profile)}: {_pace(profile)}."
    )


def _pace(profile: Profile) -> str:
    log10 = profile.log10_ratio
    assert log10 is not None
    if abs(log10) <= 1.0:
        return "the first layers learn about as fast as the last"
    return "the first layers still learn, " + ("more slowly" if log10 < 0.0 else "faster")


def _changing(profile: Profile) -> str:
    assert profile.ratio is not None
    assert profile.decades_per_layer is not None
    depth = len(profile.layers)
    verb, outcome = (
        ("shrinks", "hardly learn")
        if profile.verdict is Verdict.VANISHING
        else ("grows", "overshoot at every step")
    )
    factor = short_power(abs(profile.decades_per_layer))
    return (
        f"On its way back the gradient {verb} about {factor}-fold a layer{_decades(profile)}: at"
        f" layer 1 ‖∂L/∂a‖ is {short(profile.ratio)} times what it is at layer {depth}, so the"
        f" first layers {outcome}."
    )


def _decades(profile: Profile) -> str:
    """Return the decades a layer, measured and as theory expects them."""
    expected = profile.predicted_decades_per_layer
    if expected is None:
        return ""
    return f" ({profile.decades_per_layer:.3f} decades, in theory {expected:.3f})"


_WORDS = {
    Verdict.VANISHING: _changing,
    Verdict.EXPLODING: _changing,
    Verdict.STABLE: _stable,
    Verdict.DEAD: _dead,
}
