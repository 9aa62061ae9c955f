"""The verdict on a profile in two sentences that a newcomer and an expert agree with.

The first is about the signal going back, ‖∂L/∂a‖: its ratio of layer 1 to layer N is what
the words vanishing, exploding and stable mean. The second is about how far the layers move,
‖∂L/∂W‖ and ‖∂L/∂W‖/‖W‖. Where S(0) = 0 the two can differ: activations that shrink on their
way forward make up for a signal that grows on its way back, and the other way round.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import numpy as np

from vanish.numbers.words import compared, plural, reach, short, short_power
from vanish.records import Record
from vanish.simulation.alike import alike_units
from vanish.simulation.course import Verdict
from vanish.simulation.death import constant_lines, explain_death
from vanish.simulation.fault_words import advice_on, told_of
from vanish.simulation.learning import learning
from vanish.simulation.measured import HIGH, LOW, MEDIAN, rank

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vanish.simulation.course import Course
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


class Story(Record):
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


def thresholds(pairs: Iterable[tuple[float, float]]) -> str:
    """Return what the words of verdicts mean, by the ratio.

    Parameters
    ----------
    pairs
        Below which it is called vanishing and above which exploding, of each run.
    """
    known = zip(*pairs, strict=True)
    # Each by itself: a sweep has a column of what varies, and of nothing else.
    below, above = (
        f"{bounds[0]:g}" if len({*bounds}) == 1 else name
        for name, bounds in zip(("vanish_below", "explode_above"), known, strict=True)
    )
    return f"vanishing below {below}, exploding above {above}, dead at 0"


def explain(profile: Profile, advice: Advice | None = None) -> Story:
    """Return what became of the signal, what that means for learning, and what helps.

    Parameters
    ----------
    profile
        The run.
    advice
        What was found to help, if anything was tried.
    """
    is_dead = profile.verdict is Verdict.DEAD
    remarks = [alike_units(profile), "" if is_dead else _dead_units(profile)]
    remarks += [constant_lines(profile), _trials(profile), _helping(profile, advice)]
    return story(profile, explain_death(profile) if is_dead else ("", ""), remarks)


def story(course: Course, death: tuple[str, str], remarks: Sequence[str]) -> Story:
    """Return what became of the signal and what that means for learning, of any layers.

    Parameters
    ----------
    course
        The signal's.
    death
        Of one that is dead, what stands behind the word, and why it is.
    remarks
        What else there is to say; empty ones are left out.
    """
    word, qualifier, first = _of_signal(course, death)
    is_told = course.verdict is Verdict.DEAD or course.has_one_layer
    sentences = [first, "" if is_told else learning(course), *remarks]
    return Story(word, qualifier, " ".join(filter(None, sentences)))


def diagnose(profile: Profile) -> Story:
    """Return what became of the signal alone, and by which layers if some are at fault."""
    is_dead = profile.verdict is Verdict.DEAD
    return _of_signal(profile, explain_death(profile) if is_dead else ("", ""))


def _of_signal(course: Course, death: tuple[str, str]) -> Story:
    """Return what became of the signal; parameters are those of `story`."""
    if course.verdict is Verdict.DEAD:
        qualifier, sentence = death
    elif course.log10_ratio is None:
        qualifier, sentence = "", _ONE_LAYER if course.has_one_layer else _seen_once(course)
    else:
        qualifier, sentence = _qualifier(course), _signal(course)
    return Story(course.verdict.value, qualifier, sentence)


def _seen_once(course: Course) -> str:
    layer = course.ends[0]
    return f"The signal is seen in layer {layer} alone, so that there is nothing to compare."


def steady_change(course: Course) -> int:
    """Return -1 or 1 for a signal that is stable by the threshold, but shrinks or grows
    steadily from layer to layer, else 0.
    """
    log10_ratio = course.log10_ratio
    if course.verdict is not Verdict.STABLE or log10_ratio is None:
        return 0
    if abs(log10_ratio) < _STEADY_DECADES or course.faults.hidden or not course.is_chain:
        return 0
    gains = course.log10_gains_back
    if len(gains) < _FEWEST_STEPS:
        return 0
    error = float(np.std(gains, ddof=1)) / math.sqrt(len(gains))
    steps = course.steps
    if abs(log10_ratio) < _STEADY_ERRORS * error * steps:
        return 0
    return -1 if log10_ratio < 0.0 else 1


def _qualifier(course: Course) -> str:
    """Return what a threshold does not say of a stable signal."""
    change = steady_change(course)
    if not change:
        return ""
    limits, log10_ratio = course.thresholds, course.log10_ratio
    assert log10_ratio is not None
    verb, limit, side = (
        ("shrinking", limits.vanish_below, "below")
        if change < 0
        else ("growing", limits.explode_above, "above")
    )
    apart = course.steps
    steps = math.log10(limit) * apart / log10_ratio
    rate = f", but {verb} {_fold(log10_ratio / apart)} a layer"
    if course.is_made_for_its_depth:
        return rate
    return f"{rate}; at this rate, from about {_layers(steps)} layers on it is {side} {limit:g}"


def _layers(steps: float) -> str:
    """Return the first number of layers with more than so many steps between them."""
    return f"{math.floor(steps) + 2:,}"


def _signal(course: Course) -> str:
    """Return how the signal going back changes, and by the layer at fault if there is one."""
    (below, above), log10_ratio = course.thresholds, course.log10_ratio
    assert log10_ratio is not None
    first, last = course.ends
    arrives = compared(log10_ratio, f"layer {last}'s")
    limits = {
        Verdict.VANISHING: f" (below {below:g})",
        Verdict.EXPLODING: f" (above {above:g})",
    }
    faults = course.named_faults
    if faults:
        told = told_of(faults)
        even = f"; the median layer {_changes(course.faults.even)}" if course.is_chain else ""
        return (
            f"{told[0].upper()}{told[1:]}{even}. Layer {first} gets"
            f" {arrives}{limits.get(course.verdict, '')}."
        )
    if course.verdict is Verdict.STABLE:
        # A qualifier has said how near the threshold is.
        between = f", between {below:g} and {above:g}"
        return (
            f"Layer {first} gets {arrives} signal ‖∂L/∂{course.signal}‖{_decades(course)}"
            f"{'' if steady_change(course) else between}."
        )
    if not course.is_chain:
        signal = f"signal ‖∂L/∂{course.signal}‖"
        return f"Layer {first} gets {arrives} {signal}{limits[course.verdict]}."
    per_layer = log10_ratio / course.steps
    mean = "" if _is_even(course, per_layer) else "on average "
    return (
        f"The signal going back {mean}{_verb(per_layer)} {_fold(per_layer)} a"
        f" layer{_decades(course)}; layer {first}"
        f" gets {arrives}{limits[course.verdict]}."
    )


def _is_even(course: Course, per_layer: float) -> bool:
    """Tell whether the median layer does what the mean of all does."""
    gains = sorted(course.log10_gains_back)
    median = gains[rank(MEDIAN, len(gains))]
    return abs(median - per_layer) <= _UNEVEN * abs(per_layer)


def _changes(log10: float) -> str:
    if short_power(abs(log10)) == "1":
        return "hardly changes it"
    return f"{'shrinks it' if log10 < 0.0 else 'makes it grow'} {_fold(log10)}"


def _verb(log10: float) -> str:
    return "shrinks" if log10 < 0.0 else "grows"


def _fold(log10: float) -> str:
    """Return ``2.5-fold``, or ``1.0008-fold`` where three digits would leave a 1."""
    told = short_power(abs(log10))
    if told == "1" and (beyond := math.expm1(abs(log10) * math.log(10.0))):
        told = f"{1.0 + beyond:.{math.ceil(-math.log10(beyond)) + 1}f}".rstrip("0")
    return f"{told}-fold"


def _decades(course: Course) -> str:
    """Return the decades a layer, measured and as theory expects them."""
    expected, measured = course.predicted_decades_per_layer, course.decades_per_layer
    if expected is None or measured is None:
        return ""
    digits = 3
    if course.log10_ratio is not None and abs(course.log10_ratio) >= _STEADY_DECADES:
        # Of very many layers a small rate is no zero.
        digits = max(digits, math.ceil(-math.log10(abs(measured))))
    # Adding 0 takes the sign from a zero.
    told = [f"{round(rate, digits) + 0.0:.{digits}f}" for rate in (measured, expected)]
    return f" ({told[0]} decades a layer, in theory {told[1]})"


class Units(Protocol):
    """A layer whose slopes are known, or are not."""

    @property
    def layer(self) -> int:
        """Its number."""

    @property
    def units(self) -> int:
        """How many numbers S is applied to on each row."""

    @property
    def dead_fraction(self) -> float | None:
        """The share of them that have slope 0 on every row; None where nobody knows."""


def dead_units(layer: Units) -> int:
    """Return how many units of a layer have slope 0 on every row, where those are many."""
    share, n = layer.dead_fraction, layer.units
    if share is None or share < MANY_DEAD:
        return 0
    return round(share * n) if 2.0 * math.sqrt(n) * (share - 0.5) >= _HEALTHY_DEVIATIONS else 0


def _dead_units(profile: Profile) -> str:
    rows = profile.settings.rows
    on = "this input" if rows == 1 else f"every one of the {rows:,} rows"
    return told_of_dead_units(profile.layers, on)


def told_of_dead_units(layers: Sequence[Units], on: str) -> str:
    """Return where units are dead, if many are.

    Parameters
    ----------
    layers
        All of them.
    on
        What they are dead on.
    """
    hit = [layer for layer in layers if dead_units(layer)]
    if not hit:
        return ""
    worst = max(hit, key=lambda layer: layer.dead_fraction or 0.0)
    more = f"; so are many in {_other(len(hit) - 1)}" if len(hit) > 1 else ""
    return (
        f"In layer {worst.layer}, {dead_units(worst):,} of {worst.units:,} units are dead (slope 0"
        f" on {on}){more}."
    )


def _other(count: int) -> str:
    return plural(count, "other layer")


def _trials(profile: Profile) -> str:
    """Return how the trials are spread about their median, if there are several."""
    if profile.trials == 1:
        return ""
    low, high = profile.ratio_quantile(LOW), profile.ratio_quantile(HIGH)
    spread = ""
    if high is not None:
        ends = short(low or 0.0), short(high)
        verb = "reach from" if ends[0] != ends[1] else "are"
        spread = f"; the middle 90 % of their ratios {verb} {reach(*ends)}"
    return f"These are medians of {profile.trials:,} trials, {_counts(profile)}{spread}."


def _counts(profile: Profile) -> str:
    """Return how many trials have which verdict."""
    shares = sorted(profile.verdict_shares.items(), key=lambda item: -item[1])
    counts = [(round(share * profile.trials), verdict) for verdict, share in shares if share]
    if len(counts) == 1:
        return f"all {counts[0][1]}"
    return ", ".join(f"{count:,} {verdict}" for count, verdict in counts)


def _helping(profile: Profile, advice: Advice | None) -> str:
    """Return what helps: a layer at fault is a matter of its own, no setting mends it.

    Unless it is one by chance.
    """
    if profile.named_faults and not profile.is_drawn_alike:
        return advice_on(profile.named_faults)
    return "" if advice is None else advice.sentence
