"""The verdict on a profile in two sentences that a newcomer and an expert agree with.

The first is about the signal going back, ‖∂L/∂a‖: its ratio of layer 1 to layer N is what
the words vanishing, exploding and stable mean. The second is about how far the layers move,
‖∂L/∂W‖ and ‖∂L/∂W‖/‖W‖. Where S(0) = 0 the two can differ: activations that shrink on their
way forward make up for a signal that grows on its way back, and the other way round.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from vanish.numbers.words import compared, listed, short, short_power
from vanish.simulation.alike import alike_units
from vanish.simulation.death import constant_lines, explain_death
from vanish.simulation.learning import learning
from vanish.simulation.measured import HIGH, LOW, MEDIAN, rank
from vanish.simulation.profile import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vanish.simulation.faults import Fault
    from vanish.simulation.layers import LayerRecord
    from vanish.simulation.profile import Profile

# A stable signal that changes tenfold in all changes steadily if its mean factor a layer is
# three standard errors from 1: what is left is no accident of one seed.
_STEADY_DECADES, _STEADY_ERRORS = 1.0, 3.0

# One step from layer to layer has no spread to tell its error by.
_FEWEST_STEPS = 2

# The median layer's factor differs so much from the mean that the mean is no description.
_UNEVEN = 0.25

# Units with slope 0 on every row are told where they are at least three quarters of a layer,
# and four standard deviations more than the half of a healthy random ReLU layer on one row.
MANY_DEAD, _HEALTHY_DEVIATIONS = 0.75, 4.0


_ONE_LAYER = "With one layer there is nothing to vanish on the way."


class Advice(Protocol):
    """What was found to help, or why nothing was."""

    @property
    def sentence(self) -> str:
        """What people are told."""


class Story(NamedTuple):
    """A verdict in words.

    Attributes
    ----------
    word
        The verdict's own.
    qualifier
        What stands between the word and the full stop; begins with a comma where there is any.
    sentence
        What follows.
    """

    word: str
    qualifier: str
    sentence: str

    @property
    def text(self) -> str:
        """All of it."""
        return f"{self.word.upper()}{self.qualifier}. {self.sentence}"


def subject(profile: Profile, among: Sequence[Profile]) -> str:
    """Return what tells a run from those it is compared with: its activation, or more."""
    settings = profile.settings
    several_inits = len({each.settings.init for each in among}) > 1
    several_blocks = len({each.settings.block for each in among}) > 1
    parts = (
        settings.block if several_blocks else "",
        settings.model.act_label,
        settings.model.init_name if several_inits else "",
    )
    return ", ".join(filter(None, parts))


def explain(profile: Profile, advice: Advice | None = None) -> Story:
    """Return what became of the signal, what that means for learning, and what helps.

    Parameters
    ----------
    profile
        The run.
    advice
        What was found to help, if anything was tried.
    """
    word, qualifier, first = diagnose(profile)
    sentences = [first, alike_units(profile)]
    if profile.verdict is not Verdict.DEAD:
        moves = "" if profile.log10_ratio is None else learning(profile)
        sentences = [first, moves, alike_units(profile), _dead_units(profile)]
    sentences += [constant_lines(profile), _trials(profile), _helping(profile, advice)]
    return Story(word, qualifier, " ".join(filter(None, sentences)))


def diagnose(profile: Profile) -> Story:
    """Return what became of the signal alone, and by which layers if some are at fault."""
    if profile.verdict is Verdict.DEAD:
        qualifier, sentence = explain_death(profile)
    elif profile.log10_ratio is None:
        qualifier, sentence = "", _ONE_LAYER
    else:
        qualifier, sentence = _qualifier(profile), _signal(profile)
    return Story(profile.verdict.value, qualifier, sentence)


def steady_change(profile: Profile) -> int:
    """Return -1 or 1 for a signal that is stable by the threshold, but shrinks or grows
    steadily from layer to layer, else 0.
    """
    log10_ratio = profile.log10_ratio
    if profile.verdict is not Verdict.STABLE or log10_ratio is None:
        return 0
    if abs(log10_ratio) < _STEADY_DECADES or profile.faults.hidden:
        return 0
    gains = profile.log10_gains_back
    if len(gains) < _FEWEST_STEPS:
        return 0
    error = float(np.std(gains, ddof=1)) / math.sqrt(len(gains))
    steps = profile.settings.model.depth - 1
    if abs(log10_ratio) < _STEADY_ERRORS * error * steps:
        return 0
    return -1 if log10_ratio < 0.0 else 1


def _qualifier(profile: Profile) -> str:
    """Return what a threshold does not say of a stable signal."""
    change = steady_change(profile)
    if not change:
        return ""
    settings, log10_ratio = profile.settings, profile.log10_ratio
    assert log10_ratio is not None
    verb, limit, side = (
        ("shrinking", settings.vanish_below, "below")
        if change < 0
        else ("growing", settings.explode_above, "above")
    )
    apart = settings.model.depth - 1
    steps = math.log10(limit) * apart / log10_ratio
    return (
        f", but {verb} {_fold(log10_ratio / apart)} a layer; at this rate, from"
        f" about {_layers(steps)} layers on it is {side} {limit:g}"
    )


def _layers(steps: float) -> str:
    """Return the first number of layers with more than so many steps between them."""
    return f"{math.floor(steps) + 2:,}"


def _signal(profile: Profile) -> str:
    """Return how the signal going back changes, and by the layer at fault if there is one."""
    settings, log10_ratio = profile.settings, profile.log10_ratio
    assert log10_ratio is not None
    depth = settings.model.depth
    arrives = compared(log10_ratio, f"layer {depth}'s")
    limits = {
        Verdict.VANISHING: f" (below {settings.vanish_below:g})",
        Verdict.EXPLODING: f" (above {settings.explode_above:g})",
    }
    faults = profile.named_faults
    if faults:
        told = "; ".join(map(_fault, faults))
        even = profile.faults.even
        return (
            f"{told[0].upper()}{told[1:]}; the median layer {_changes(even)}. Layer 1 gets"
            f" {arrives}{limits.get(profile.verdict, '')}."
        )
    if profile.verdict is Verdict.STABLE:
        # A qualifier has said how near the threshold is.
        between = f", between {settings.vanish_below:g} and {settings.explode_above:g}"
        return (
            f"Layer 1 gets {arrives} signal ‖∂L/∂{profile.signal}‖{_decades(profile)}"
            f"{'' if steady_change(profile) else between}."
        )
    per_layer = log10_ratio / (depth - 1)
    mean = "" if _is_even(profile, per_layer) else "on average "
    return (
        f"The signal going back {mean}{_verb(per_layer)} {_fold(per_layer)} a"
        f" layer{_decades(profile)}; layer 1"
        f" gets {arrives}{limits[profile.verdict]}."
    )


def _is_even(profile: Profile, per_layer: float) -> bool:
    """Tell whether the median layer does what the mean of all does."""
    gains = sorted(profile.log10_gains_back)
    median = gains[rank(MEDIAN, len(gains))]
    return abs(median - per_layer) <= _UNEVEN * abs(per_layer)


def _changes(log10: float) -> str:
    if short_power(abs(log10)) == "1":
        return "hardly changes it"
    return f"{_verb(log10)} {_fold(log10)}"


def _verb(log10: float) -> str:
    return "shrinks" if log10 < 0.0 else "grows"


def _fold(log10: float) -> str:
    """Return ``2.5-fold``, or ``1.0008-fold`` where three digits would leave a 1."""
    told = short_power(abs(log10))
    if told == "1" and (beyond := math.expm1(abs(log10) * math.log(10.0))):
        told = f"{1.0 + beyond:.{math.ceil(-math.log10(beyond)) + 1}f}".rstrip("0")
    return f"{told}-fold"


def _decades(profile: Profile) -> str:
    """Return the decades a layer, measured and as theory expects them."""
    expected, measured = profile.predicted_decades_per_layer, profile.decades_per_layer
    if expected is None or measured is None:
        return ""
    digits = 3
    if profile.log10_ratio is not None and abs(profile.log10_ratio) >= _STEADY_DECADES:
        # Of very many layers a small rate is no zero.
        digits = max(digits, math.ceil(-math.log10(abs(measured))))
    # Adding 0 takes the sign from a zero.
    told = [f"{round(rate, digits) + 0.0:.{digits}f}" for rate in (measured, expected)]
    return f" ({told[0]} decades a layer, in theory {told[1]})"


def _fault(fault: Fault) -> str:
    """Return what one layer does to the signal that the median layer does not."""
    k = fault.layer
    slopes = "" if fault.slopes is None else f"{short_power(fault.slopes)} of it"
    typical = short_power(fault.typical_slopes)
    if fault.weight is None:
        return f"the slopes of layer {k} keep {slopes}, the median layer's {typical}"
    factor, usual = short_power(fault.weight), short_power(fault.typical_weight)
    if fault.whole:
        return f"layer {k} multiplies the signal by {factor}, the median layer by {usual}"
    told = f"W{k} multiplies the signal by {factor}, the median layer's W by {usual}"
    return told + (f", and the slopes of layer {k} keep {slopes}" if slopes else "")


def dead_units(layer: LayerRecord) -> int:
    """Return how many units of a layer have slope 0 on every row, where those are many."""
    share, n = layer.dead_fraction, layer.units
    if share is None or share < MANY_DEAD:
        return 0
    return round(share * n) if 2.0 * math.sqrt(n) * (share - 0.5) >= _HEALTHY_DEVIATIONS else 0


def _dead_units(profile: Profile) -> str:
    """Return where units are dead, if many are."""
    hit = [layer for layer in profile.layers if dead_units(layer)]
    if not hit:
        return ""
    worst = max(hit, key=lambda layer: layer.dead_fraction or 0.0)
    rows = profile.settings.rows
    on = "this input" if rows == 1 else f"every one of the {rows:,} rows"
    more = f"; so are many in {_other(len(hit) - 1)}" if len(hit) > 1 else ""
    return (
        f"In layer {worst.layer}, {dead_units(worst):,} of {worst.units:,} units are dead (slope 0"
        f" on {on}){more}."
    )


def _other(count: int) -> str:
    return f"{count:,} other layer{'' if count == 1 else 's'}"


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
    return f"These are medians of {profile.trials:,} trials, {_counts(profile)}{spread}."


def _counts(profile: Profile) -> str:
    """Return how many trials have which verdict."""
    shares = sorted(profile.verdict_shares.items(), key=lambda item: -item[1])
    counts = [(round(share * profile.trials), verdict) for verdict, share in shares if share]
    if len(counts) == 1:
        return f"all {counts[0][1]}"
    return ", ".join(f"{count:,} {verdict}" for count, verdict in counts)


def _helping(profile: Profile, advice: Advice | None) -> str:
    """Return what helps: a layer at fault is a matter of its own, no setting mends it."""
    if profile.named_faults:
        return _advice_on(profile.named_faults)
    return "" if advice is None else advice.sentence


def _advice_on(faults: Sequence[Fault]) -> str:
    """Return what to look at where single layers are at fault."""
    weights = [
        f"W{fault.layer}" for fault in faults if fault.weight is not None and not fault.whole
    ]
    if weights:
        return f"Rescale {listed(weights)}."
    layers = [f"layer {fault.layer}" for fault in faults]
    return f"Look at the weights and biases of {listed(layers)}."
