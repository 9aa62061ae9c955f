"""The verdict on a profile in two sentences that a newcomer and an expert agree with.

The first is about the signal going back, ‖∂L/∂a‖: its ratio of layer 1 to layer N is what
the words vanishing, exploding and stable mean. The second is about how far the layers move,
‖∂L/∂W‖ and ‖∂L/∂W‖/‖W‖. Where S(0) = 0 the two can differ: activations that shrink on their
way forward make up for a signal that grows on its way back, and the other way round.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanish.numbers.words import listed, short, short_power
from vanish.simulation.death import constant_lines, explain_death
from vanish.simulation.measured import HIGH, LOW, MEDIAN, rank
from vanish.simulation.profile import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vanish.simulation.faults import Fault
    from vanish.simulation.layers import LayerRecord
    from vanish.simulation.profile import Profile
    from vanish.simulation.remedy import Search

# Within a factor of ten, gradients are about equal.
_ABOUT_EQUAL = 1.0

# A stable signal that changes tenfold in all changes steadily if its mean factor a layer is
# three standard errors from 1: what is left is no accident of one seed.
_STEADY_DECADES, _STEADY_ERRORS = 1.0, 3.0

# The median layer's factor differs so much from the mean that the mean is no description.
_UNEVEN = 0.25

# At a learning rate of 1 a layer that moves by less than this share of its size moves little.
_LITTLE = 0.01

# Units with slope 0 on every row are told where they are at least three quarters of a layer,
# and four standard deviations more than the half of a healthy random ReLU layer on one row.
MANY_DEAD, _HEALTHY_DEVIATIONS = 0.75, 4.0


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


def thresholds(pairs: Iterable[tuple[float, float]]) -> str:
    """Return what the words of verdicts mean, by the ratio.

    Parameters
    ----------
    pairs
        Below which it is called vanishing and above which exploding, of each run.
    """
    known = {*pairs}
    below, above = (f"{bound:g}" for bound in next(iter(known)))
    if len(known) > 1:
        below, above = "vanish_below", "explode_above"
    return f"vanishing below {below}, exploding above {above}, dead at 0"


def explain(profile: Profile, search: Search | None = None) -> Story:
    """Return what became of the signal, what that means for learning, and what helps.

    Parameters
    ----------
    profile
        The run.
    search
        What was found to help, if anything was tried.
    """
    verdict = profile.verdict
    if verdict is Verdict.DEAD:
        qualifier, sentence = explain_death(profile)
        constant = constant_lines(profile)
        told = " ".join(
            filter(None, (sentence, constant, _trials(profile), _advice(profile, search)))
        )
        return Story(verdict.value, qualifier, told)
    if profile.log10_ratio is None:
        sentences = ["With one layer there is nothing to vanish on the way."]
    else:
        sentences = [_signal(profile), _learning(profile)]
    sentences += [_dead_units(profile), constant_lines(profile)]
    sentences += [_trials(profile), _advice(profile, search)]
    return Story(verdict.value, _qualifier(profile), " ".join(filter(None, sentences)))


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
    error = float(np.std(gains)) / math.sqrt(len(gains))
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
    arrives = _compared(log10_ratio, f"layer {depth}'s")
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
        f"The signal going back {mean}{_changes(per_layer)} a layer{_decades(profile)}; layer 1"
        f" gets {arrives}{limits[profile.verdict]}."
    )


def _is_even(profile: Profile, per_layer: float) -> bool:
    """Tell whether the median layer does what the mean of all does."""
    gains = sorted(profile.log10_gains_back)
    median = gains[rank(MEDIAN, len(gains))]
    return abs(median - per_layer) <= _UNEVEN * abs(per_layer)


def _changes(log10: float) -> str:
    if _fold(log10) == "1-fold":
        return "hardly changes it"
    return f"{'shrinks' if log10 < 0.0 else 'grows'} {_fold(log10)}"


def _fold(log10: float) -> str:
    return f"{short_power(abs(log10))}-fold"


def _compared(log10_ratio: float, whose: str) -> str:
    """Return ``0.01 of layer 20's`` or ``3 times layer 20's``."""
    return f"{short_power(log10_ratio)} {'of' if log10_ratio < 0.0 else 'times'} {whose}"


def _decades(profile: Profile) -> str:
    """Return the decades a layer, measured and as theory expects them."""
    expected = profile.predicted_decades_per_layer
    if expected is None:
        return ""
    return f" ({profile.decades_per_layer:.3f} decades a layer, in theory {expected:.3f})"


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


def _learning(profile: Profile) -> str:
    """Return how far the layers move, by the gradients of their weights."""
    layers, depth = profile.layers, profile.settings.model.depth
    if not profile.settings.model.matrices:
        return ""
    if any(not layer.grad_w for layer in layers):
        return _still(profile)
    ratio = profile.log10_ratio_w
    if ratio is None:
        return ""
    known = sorted((layer.grad_w for layer in layers), key=lambda grad_w: grad_w.log10 or 0.0)
    least, most = known[0], known[-1]
    reach = f"{short(least)} to {short(most)}"
    if abs(ratio) <= _ABOUT_EQUAL:
        if float(most / least) <= 10.0**_ABOUT_EQUAL:
            pace = f"no layer lags behind{_pace(layers)}"
            return f"The weight gradients are about equal, {reach}{_since(profile)}: {pace}."
        return (
            f"Layer 1's weights get about as large a gradient as layer {depth}'s; over the layers"
            f" it reaches from {reach}."
        )
    relative = _relative_ratio(layers)
    last = f"layer {depth}'s gradient"
    gets = f"Layer 1's weights get {_compared(ratio, last)}"
    if relative is not None and abs(relative - ratio) > 0.5 * _ABOUT_EQUAL:
        gets += f" (relative to ‖W‖, {short_power(relative)})"
        if relative * ratio <= 0.0 or abs(relative) <= _ABOUT_EQUAL:
            return f"{gets}."
    if ratio > 0.0:
        return f"{gets}: a step that suits the last layers is too large for the first ones."
    weakest = max(ratio, ratio if relative is None else relative)
    hardly = weakest < math.log10(profile.settings.vanish_below)
    return f"{gets}: the first layers {'hardly learn' if hardly else 'learn more slowly'}."


def _still(profile: Profile) -> str:
    """Return which weights have no gradient, where the signal itself arrives."""
    still = [layer.layer for layer in profile.layers if not layer.grad_w]
    where = f"layer {still[0]}" if len(still) == 1 else f"{len(still)} layers, {still[0]} first"
    is_input = profile.settings.rows == 1 and profile.measured.graph.is_plain
    why = ", whose input is 0" if is_input else ""
    return f"The weight gradient is exactly 0 in {where}{why}."


def _relative_ratio(layers: Sequence[LayerRecord]) -> float | None:
    """Return log10 of layer 1's ‖∂L/∂W‖/‖W‖ over layer N's."""
    first, last = layers[0].relative, layers[-1].relative
    return (first / last).log10 if first and last else None


def _pace(layers: Sequence[LayerRecord]) -> str:
    """Return how far all layers move, where it is hardly at all, or too far."""
    moves = [float(layer.relative) if layer.relative is not None else 0.0 for layer in layers]
    if all(0.0 < move < _LITTLE for move in moves):
        return ", all move little"
    if all(move > 1.0 for move in moves):
        return ", all move by more than their size at a learning rate of 1"
    return ""


def _since(profile: Profile) -> str:
    """Return why the weight gradients do not follow the signal, where they do not.

    ‖∂L/∂W_k‖ is ‖∂L/∂a_k‖·‖f_{k-1}‖ for one row.
    """
    growth = profile.log10_growth
    if growth is None or abs(growth) <= _ABOUT_EQUAL:
        return ""
    if profile.verdict is Verdict.VANISHING and growth < 0.0:
        return ", since activations shrink as fast going forward"
    if profile.verdict is Verdict.EXPLODING and growth > 0.0:
        return ", since activations grow as fast going forward"
    return ""


def dead_units(layer: LayerRecord) -> int:
    """Return how many units of a layer have slope 0 on every row, where those are many."""
    share, n = layer.dead_fraction, layer.n_out
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
        f"In layer {worst.layer}, {dead_units(worst):,} of {worst.n_out:,} units are dead (slope 0"
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


def _advice(profile: Profile, search: Search | None) -> str:
    """Return what helps: a layer at fault is a matter of its own, no setting mends it."""
    if profile.named_faults:
        return _advice_on(profile.named_faults)
    return "" if search is None else search.sentence


def _advice_on(faults: Sequence[Fault]) -> str:
    """Return what to look at where single layers are at fault."""
    weights = [
        f"W{fault.layer}" for fault in faults if fault.weight is not None and not fault.whole
    ]
    if weights:
        return f"Rescale {listed(weights)}."
    layers = [f"layer {fault.layer}" for fault in faults]
    return f"Look at the weights and biases of {listed(layers)}."
