"""Advice that was tried: what to change on the command line, measured on the user's own settings.

A cure proposes changes of the settings, and a change is tried by running it: on the user's
own seed, where it must bring the ratio ‖∂L/∂a_1‖/‖∂L/∂a_N‖ within two decades of 1, and on five
further seeds, where the verdict must be stable. The first one that passes is the remedy: the
smallest change in the order of the cures, not the smallest ratio. Of several trials the
median counts: of all of them for what is printed, of a few for what is tried.
"""

from __future__ import annotations

import math
import shlex
from typing import TYPE_CHECKING

from vanish.cures.attempts import Attempt, attempts, shortfall
from vanish.cures.catalogue import CHEAP
from vanish.cures.workbench import SEEDS, Bench, SpentError
from vanish.numbers.words import compared, short_power
from vanish.records import Record
from vanish.simulation.course import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vanish.cures.cure import Cure
    from vanish.simulation.drawing import Draws
    from vanish.simulation.profile import Profile


class Remedy(Record):
    """What to change, and what it was measured to do.

    Attributes
    ----------
    options
        What to add to the command line, or to replace there, such as
        ``("--weight-std", "2")``. Without them it must have those that they exclude:
        --weight-std and --init each other, --act --layer-acts.
    log10_ratio
        log10 ‖∂L/∂a_1‖/‖∂L/∂a_N‖ with them, the median of the user's trials: to the digit
        what the command then gives.
    excluded
        The options that the user gave and that must go.
    layers
        N.
    seeds
        How many further seeds were all stable; 0 where nothing is random.
    chains, medians
        How many of each of them, and whether it is their median that is stable, as for
        a run of several trials, or every one.
    sampled
        Whether they were chains drawn in law in place of the user's own with those seeds.
    """

    options: tuple[str, ...]
    log10_ratio: float
    excluded: tuple[str, ...]
    layers: int
    seeds: int
    chains: int
    medians: bool
    sampled: bool

    @property
    def sentence(self) -> str:
        """What people are told."""
        return (
            f"Try {_told(self)}: measured, layer 1 then gets"
            f" {_compared(self.log10_ratio, self.layers)}{self._seeds}."
        )

    @property
    def _seeds(self) -> str:
        if not self.seeds:
            return ""
        several = (
            f"medians of {self.chains} trials" if self.medians else f"{self.chains} chains each"
        )
        how = ["sampled"] * self.sampled + [several] * (self.chains > 1)
        told = f" ({', '.join(how)})" if how else ""
        return f"; {self.seeds} of {self.seeds} further seeds are stable{told}"


class Search(Record):
    """What was found.

    Attributes
    ----------
    remedy
        None where none was.
    why
        Why there is none, in a sentence or two of what was measured; empty where none is needed.
    attempts
        All that was tried; the remedy is the last one.
    cure
        What proposed the remedy.
    """

    remedy: Remedy | None = None
    why: str = ""
    attempts: tuple[Attempt, ...] = ()
    cure: Cure | None = None

    @property
    def sentence(self) -> str:
        """The remedy's, or why there is none."""
        return self.remedy.sentence if self.remedy else self.why


def find(
    profile: Profile,
    draws: Draws | None = None,
    cures: Sequence[Cure] | None = None,
    *,
    jobs: int | None = None,
    memory_limit: int | None = None,
) -> Search:
    """Look for the smallest change that makes a run stable.

    Parameters
    ----------
    profile
        The run.
    draws
        The weights that it was made with, if they are still there: they need not be drawn
        again.
    cures
        What to try. Where it is not given: nothing for a run that is stable, or that has a
        single layer at fault, a weight of zeros, or a loss without a gradient; else all that are
        cheap.
    jobs, memory_limit
        As for the run.

    Returns
    -------
    Search
        Its remedy is None, with a reason, where nothing does, or where to know it would take
        longer than the run itself.
    """
    if cures is None:
        cures = CHEAP if _is_mendable(profile) else ()
    if not cures:
        return Search()
    bench = Bench(profile, draws, jobs, memory_limit)
    if not bench.wanted.width > 0.0:
        return Search(None, _NONE_WANTED)
    if profile.settings.weights is not None:
        cures = [each for each in cures if each.for_given_weights]
    tried: list[Attempt] = []
    spent = False
    for cure in cures:
        bench.kept = 0.0
        if cure.keeps_for_one and cure is not cures[-1]:
            bench.keep_for_one()
        try:
            for each in attempts(bench, cure, tuple(tried)):
                tried.append(each)
                spent = spent or each.spent
                if each.accepted:
                    return Search(_remedy(bench, each), "", tuple(tried), cure)
        except SpentError:
            spent = True
    # Why a chain is dead, its verdict says.
    dead = profile.verdict is Verdict.DEAD
    why = "" if dead else _why(bench, tried, spent=spent)
    return Search(None, why, tuple(tried))


def advise(
    profile: Profile,
    draws: Draws | None = None,
    *,
    jobs: int | None = None,
    memory_limit: int | None = None,
) -> Search | None:
    """Look for a remedy where there is something to mend; None for a run that is stable.

    Parameters
    ----------
    profile, draws, jobs, memory_limit
        As for `find`.
    """
    if profile.verdict is Verdict.STABLE:
        return None
    return find(profile, draws, jobs=jobs, memory_limit=memory_limit)


def _is_mendable(profile: Profile) -> bool:
    """Tell whether what is wrong is a matter of scale or activation."""
    if (
        profile.verdict is Verdict.STABLE
        or (profile.named_faults and not profile.is_drawn_alike)
        or profile.settings.model.depth == 1
    ):
        return False
    return bool(profile.layers[-1].grad_f) and all(layer.weight for layer in profile.layers)


_NONE_WANTED = (
    "No remedy is looked for: it would have to bring the ratio of layer 1 to layer N within 0.01 to"
    " 100, and of these --vanish-below and --explode-above call none stable."
)


def _told(change: Remedy | Attempt) -> str:
    """Return options as they are to be given, with those that are to be left out."""
    place = f" in place of {' and '.join(change.excluded)}" if change.excluded else ""
    return f"{shlex.join(change.options)}{place}"


def _remedy(bench: Bench, found: Attempt) -> Remedy:
    assert found.log10_ratio is not None
    return Remedy(
        options=found.options,
        log10_ratio=found.log10_ratio,
        excluded=found.excluded,
        layers=bench.settings.model.depth,
        seeds=SEEDS if found.further else 0,
        chains=found.chains,
        medians=bench.settings.trials > 1,
        sampled=found.sampled,
    )


def _why(bench: Bench, tried: Sequence[Attempt], *, spent: bool) -> str:
    """Return why there is no remedy, by what was measured alone."""
    longer = "would take longer than the run itself"
    run = [attempt for attempt in tried if attempt.log10_ratio is not None]
    if not run:
        if spent:
            return f"No remedy was looked for: to try one {longer}."
        if tried:
            options = " and with ".join(map(_told, tried))
            return f"Nothing simple works: with {options} not every seed can be run."
        return "Nothing simple works: no gain that was tried brings the ratio nearer to 1."
    more = f" No more was tried: it {longer}." if spent else ""
    nothing = "No remedy was found" if spent else "Nothing simple works"
    best = min(run, key=lambda each: shortfall(bench, each))
    assert best.log10_ratio is not None
    options = _told(best)
    gets = f"layer 1 gets {_compared(best.log10_ratio, bench.settings.model.depth)}"
    if best.spent:
        return f"No remedy is promised: with {options} {gets}, but to try further seeds {longer}."
    if not bench.wanted.holds(best.log10_ratio):
        return f"{nothing}: nearest comes {options}, with which {gets}.{more}"
    if best.stalls:
        return f"{nothing}: with {options} {gets}, but {best.stalls}.{more}"
    unstable = [each for each in best.further if not bench.stable.holds(each)]
    worst = max(unstable, key=lambda each: abs(each - bench.aim))
    factor = "0" if worst == -math.inf else short_power(worst)
    where = "on a further seed (sampled)" if best.sampled else "on a further seed"
    differ = (
        ": seeds alone differ by more than what counts as stable"
        if max(best.seen) - min(best.seen) > bench.stable.width
        else ""
    )
    return f"{nothing}: with {options} {gets} on this seed, but {factor} {where}{differ}.{more}"


def _compared(log10: float, layers: int) -> str:
    """Return ``0.01 of layer 20's signal`` or ``3 times layer 20's signal``."""
    return compared(log10, f"layer {layers}'s signal")
