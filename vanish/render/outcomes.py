"""What came of trainings, in sentences."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

from vanish.numbers.words import plural, short, short_power
from vanish.simulation.table import PLAIN
from vanish.simulation.verdict import MANY_DEAD
from vanish.training.columns import NETWORKS
from vanish.training.result import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vanish.training.result import Training
    from vanish.training.settings import TrainingSettings

# A gradient at layer 1 that is smaller, beside that of the last layer, has vanished.
_VANISHED = -3.0


def explain(networks: Sequence[Training]) -> str:
    """Return what came of the deepest of some networks, and why."""
    deepest = networks[-1]
    return _WORDS[deepest.outcome](deepest) + _dead_units(deepest) + _shallower(networks)


def _dead_units(training: Training) -> str:
    """Return where units of the median network are dead, if many are."""
    end, share = training.median.end, NETWORKS.row(training)["dead_fraction_end"]
    # Without a share no S of it is flat.
    if end is None or share is None or float(end.dead[:-1].max(initial=0.0)) < MANY_DEAD:
        return ""
    k, units = end.most_dead, training.settings.units(end.most_dead)
    count = round(float(end.dead[:-1].max()) * units)
    dead = f"{count:,} of {units:,} units are dead" if units > 1 else "the one unit is dead"
    return f" In layer {k}, {dead}: slope 0 on every example."


def _shallower(networks: Sequence[Training]) -> str:
    """Return up to which depth they learned, if the deepest one did not."""
    depths = [each.settings.layers for each in networks]
    if networks[-1].outcome is Outcome.LEARNED:
        if depths[0] < depths[-1] and all(each.outcome is Outcome.LEARNED for each in networks):
            return f" It learns at every depth that was tried, {depths[0]} to {depths[-1]}."
        return ""
    learned = [each.settings.layers for each in networks if each.outcome is Outcome.LEARNED]
    return f" With {plural(max(learned), 'hidden layer')} it still learns." if learned else ""


def _depth(training: Training) -> str:
    return plural(training.settings.layers, "hidden layer")


def _right(training: Training) -> str:
    accuracy = NETWORKS.row(training)["test_accuracy"]
    assert isinstance(accuracy, float)
    return f"With {_depth(training)} it gets {100.0 * accuracy:.3g} % right"


def _story(training: Training) -> str:
    """Return how large the gradient of layer 1 was, and what that did to its weight."""
    found = NETWORKS.row(training)
    ratio, moved = found["log10_ratio_start"], found["change_first"]
    last = training.settings.layers + 1
    if not isinstance(ratio, float):
        start = "Layer 1 starts with a gradient of exactly 0"
    else:
        times = short_power(ratio)
        start = f"Layer 1 starts with {times} times the gradient of layer {last}"
    if not isinstance(moved, float):
        return f"{start}."
    return f"{start}, and its weight moves by {short(moved)} of its size."


def _learned(training: Training) -> str:
    return f"{_right(training)}. {_story(training)}"


def _partly(training: Training) -> str:
    return (
        f"{_right(training)}, better than guessing, but with more than half its mistakes."
        f" {_story(training)} More --epochs or another --lr may do more; neither was tried."
    )


def _chance(training: Training) -> str:
    ratio, settings = NETWORKS.row(training)["log10_ratio_start"], training.settings
    look = " Another --lr may do more; none was tried."
    if not isinstance(ratio, float) or ratio < _VANISHED:
        look = (
            f" Its gradient, layer by layer: vanish{_options(settings)} --act"
            f" {quote(settings.act_name)} --init {quote(settings.init_name)}"
            f" --layers {settings.layers + 1} --width {settings.width}."
        )
    return f"{_right(training)}, {_guessing(training)}. {_story(training)}{look}"


def _guessing(training: Training) -> str:
    """Return how an accuracy that is within two standard errors of guessing compares with that."""
    accuracy = NETWORKS.row(training)["test_accuracy"]
    assert isinstance(accuracy, float)
    if accuracy <= (chance := training.median.chance):
        return "no more than guessing"
    return f"of too few examples to tell it from guessing, {100.0 * chance:.3g} %"


def _options(settings: TrainingSettings) -> str:
    """Return what tells the main command of a block."""
    if settings.block == PLAIN:
        return ""
    hidden = "" if settings.hidden is None else f" --hidden {settings.hidden}"
    batch = f" --batch {settings.batch}" if settings.compares_rows else ""
    return f" --block {quote(settings.block)}{hidden}{batch}"


def _dead(training: Training) -> str:
    return (
        f"{_right(training)}, {_guessing(training)}: layer 1 ends with a gradient of exactly 0"
        " and learns nothing more."
    )


def _unchanged(training: Training) -> str:
    if training.settings.lr_used == 0.0:
        return "With --lr 0 nothing changes: give an --lr above 0."
    return "No step was large enough to change a weight: give a larger --lr."


def _diverged(training: Training) -> str:
    return (
        f"With {_depth(training)} its weights or its loss stopped being finite"
        f" numbers in epoch {training.median.epochs:,}: give a smaller --lr."
    )


_WORDS: dict[Outcome, Callable[[Training], str]] = {
    Outcome.LEARNED: _learned,
    Outcome.PARTLY: _partly,
    Outcome.CHANCE: _chance,
    Outcome.DEAD: _dead,
    Outcome.UNCHANGED: _unchanged,
    Outcome.DIVERGED: _diverged,
}
