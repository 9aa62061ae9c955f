"""Attempts: a change of a run that is tried, as options of the command line, and what it gave.

It is run on the user's own seed, and where that goes well on further ones.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vanish.cures.commands import as_text
from vanish.cures.digits import ROUNDING
from vanish.cures.workbench import FEW, SpentError
from vanish.errors import VanishError
from vanish.network import initializers
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vanish.cures.cure import Cure
    from vanish.cures.workbench import Bench, Change
    from vanish.network.initializers import Initializer, Law
    from vanish.network.model import Model
    from vanish.simulation.settings import Settings

# The options of the command line whose settings are changed, in the order of its help; and
# which settings each of them excludes, with what those then are.
_OPTIONS = {
    "act": "--act",
    "last_act": "--last-act",
    "layers": "--layers",
    "block": "--block",
    "init": "--init",
    "weight_std": "--weight-std",
    "bias_std": "--bias-std",
    "bias_init": "--bias-init",
    "gain": "--gain",
    "last_gain": "--last-gain",
    "layer_acts": "--layer-acts",
}
_EXCLUDES: Mapping[str, Change] = {
    "act": {"layer_acts": None},
    "init": {"weight_std": None},
    "weight_std": {"init": initializers.AUTO},
}


class Attempt(Record):
    """A change that was tried.

    Attributes
    ----------
    change
        What was changed, what it excludes included.
    settings
        The user's with the change; None where they do not allow it.
    options, excluded
        As in `Remedy`.
    log10_ratio
        On the user's seed, the median of its first trials: -inf where a gradient is zero,
        None where the run failed.
    further
        The same on further seeds, until it was clear that the change will not do.
    chains, sampled
        How many of each of them, and whether they were drawn in law in place of the
        user's own.
    spent
        Whether they would take too long.
    stalls
        Why weights do not learn, though the signal arrives; empty where nothing is wrong.
    accepted
        Whether it is a remedy.
    """

    change: Change
    settings: Settings | None
    options: tuple[str, ...]
    excluded: tuple[str, ...]
    log10_ratio: float | None = None
    further: tuple[float, ...] = ()
    chains: int = 1
    sampled: bool = False
    spent: bool = False
    stalls: str = ""
    accepted: bool = False

    @property
    def seen(self) -> tuple[float, ...]:
        """All log10 ratios, the user's own first; nothing where its run failed."""
        return () if self.log10_ratio is None else (self.log10_ratio, *self.further)


def attempts(bench: Bench, cure: Cure, before: Sequence[Attempt] = ()) -> Iterator[Attempt]:
    """Yield what a cure proposes, each tried when it is asked for.

    Parameters
    ----------
    bench
        Where.
    cure
        What proposes changes.
    before
        What was tried before.

    Raises
    ------
    SpentError
        If the next one would take too long.
    """
    own: list[Attempt] = []
    proposals = cure.proposals(bench)
    try:
        change = next(proposals)
        while True:
            tried = attempt(bench, change, (*before, *own))
            if tried is not None:
                own.append(tried)
                yield tried
            change = proposals.send(tried.seen if tried is not None else ())
    except StopIteration:
        return


def shortfall(bench: Bench, attempt: Attempt) -> tuple[bool, int, float]:
    """Return what makes one attempt that was run better than another: the smaller, the better."""
    assert attempt.log10_ratio is not None
    unstable = sum(not bench.stable.holds(each) for each in attempt.further)
    missed = not bench.wanted.holds(attempt.log10_ratio)
    return missed, unstable, abs(attempt.log10_ratio - bench.aim)


def attempt(bench: Bench, change: Change, before: Sequence[Attempt] = ()) -> Attempt | None:
    """Try a change.

    Parameters
    ----------
    bench
        Where.
    change
        The settings to change, with their new values.
    before
        What was tried before.

    Returns
    -------
    Attempt or None
        None where the change changes nothing, or nothing more than one that was tried before.

    Raises
    ------
    SpentError
        If even the user's own seed would take too long.
    """
    change, freed = _needed(bench.settings, change)
    if not change:
        return None
    options = tuple(
        text
        for name in _OPTIONS
        if name in change
        for text in (_OPTIONS[name], as_text(change[name]))
    )
    tried = Attempt({**change, **freed}, None, options, tuple(_OPTIONS[name] for name in freed))
    try:
        settings = replace(bench.settings, **tried.change)
        tried = tried._replace(settings=settings)
        known = (bench.settings, *(each.settings for each in before))
        if any(each and _alike(each.model, settings.model) for each in known):
            return None
        return _measured(bench, tried)
    except (VanishError, MemoryError):
        return tried


def _measured(bench: Bench, tried: Attempt) -> Attempt:
    """Run a change on the user's seed, and where that goes well on further ones."""
    change = tried.change
    own = bench.few(change)
    tried = tried._replace(log10_ratio=own)
    if not bench.wanted.holds(own):
        return tried
    if bench.is_random:
        seen = [own]
        try:
            further = bench.further(change)
        except SpentError:
            return tried._replace(spent=True)
        for each in further.ratios:
            seen.append(each)
            # Not to be helped by a shift of all of them, either.
            if not bench.stable.holds(each) and max(seen) - min(seen) > bench.stable.width:
                break
        tried = tried._replace(
            further=tuple(seen[1:]), chains=further.chains, sampled=further.sampled
        )
        if not all(map(bench.stable.holds, tried.further)):
            return tried
    if bench.settings.trials > FEW:
        tried = tried._replace(log10_ratio=(own := bench.all(change)))
    if not bench.wanted.holds(own):
        return tried
    stalls = bench.stalls(change)
    return tried._replace(stalls=stalls, accepted=not stalls)


def _needed(settings: Settings, change: Change) -> tuple[Change, Change]:
    """Return what a change really changes, and what of the user's it excludes."""
    needed: dict[str, Any] = {}
    freed: dict[str, Any] = {}
    for name, value in change.items():
        excluded = {
            other: free
            for other, free in _EXCLUDES.get(name, {}).items()
            if getattr(settings, other) != free
        }
        changes = getattr(settings, name) != value
        if value is None:
            # What is no longer said.
            freed |= {name: None} if changes else {}
        elif excluded or changes:
            needed[name] = value
            freed |= excluded
    return needed, freed


def _alike(one: Model, other: Model) -> bool:
    """Tell whether two networks differ by no more than a number's missing digits."""
    if one.graph.runs != other.graph.runs or one.activations != other.activations:
        return False
    if not one.initializers or [*map(_law, one.initializers)] != [*map(_law, other.initializers)]:
        return False
    if _bias_law(one) != _bias_law(other):
        return False
    most = 2.0 * ROUNDING / one.depth
    pairs = zip(one.variances.values(), other.variances.values(), strict=True)
    # The logarithm of a number is None where it is 0.
    logs = ((a.log10, b.log10) for a, b in pairs)
    return all(a is b if a is None or b is None else abs(a - b) <= most for a, b in logs)


def _law(initializer: Initializer) -> tuple[Law, float, bool]:
    return (*initializer.unit, initializer.by_data)


def _bias_law(model: Model) -> tuple[Law, float, float] | None:
    """Return what biases depend on; None for zeros."""
    law = None if model.drawn_biases is None else model.drawn_biases.law
    return None if law is None else (*law.unit, law.factor)
