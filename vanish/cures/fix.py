"""Every cure, tried on a run: measured, and the best one first.

The same cures and the same trying as the verdict's remedy, but for its budget: also those that are
not cheap, the trying does not end with the first that holds, and what fails is kept. A row's
numbers are those of the profile that its command gives.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from vanish.cures import effort
from vanish.cures.attempts import attempts, shortfall
from vanish.cures.catalogue import everything
from vanish.cures.commands import command
from vanish.cures.depths import most_layers, reach
from vanish.cures.outcome import Outcome
from vanish.cures.remedy import advise
from vanish.cures.stalling import stalled
from vanish.cures.workbench import ALLOWANCE, FEW, Bench, SpentError, cost_of
from vanish.errors import VanishError
from vanish.network.streams import Streams
from vanish.numbers.words import short_power
from vanish.records import Record
from vanish.simulation import run
from vanish.simulation.course import Verdict
from vanish.simulation.drawing import Draws
from vanish.simulation.measured import MEDIAN, quantile
from vanish.simulation.needs import MEMORY
from vanish.simulation.profile import Profile

if TYPE_CHECKING:
    from collections.abc import Callable

    from vanish.cures.attempts import Attempt
    from vanish.cures.cure import Cure
    from vanish.cures.depths import Reach
    from vanish.cures.remedy import Search
    from vanish.cures.workbench import Change
    from vanish.simulation.settings import Settings
    from vanish.simulation.trials import Watch

    # What a framework's lines are that make one run another one.
    Lines = Callable[[Settings, Settings], str]

# How many trials are run where nobody says.
TRIALS = 5

# Bytes up to which the weights of all trials are kept for the next cure.
_KEPT = 2**27

# What a cure may take, in runs of the user's settings, and beside them. Orthogonal weights of a
# large chain that is drawn in law without them would take a thousand.
_RUNS, _BESIDE = 10.0, 4.0 * ALLOWANCE


class Row(Record):
    """A cure that was tried.

    Attributes
    ----------
    cure
        What was tried.
    attempt
        The best of what it proposed.
    before, after
        What became of the run without it and with it.
    fault
        Why it is no cure, though the run is stable by its ratio; empty where it is one, and
        where it is not stable.
    reach
        How deep it holds; None for what does not work, and where the depth is no setting.
    lines
        What does it in a framework; None where none is asked for.
    """

    cure: Cure
    attempt: Attempt
    before: Outcome
    after: Outcome
    fault: str = ""
    reach: Reach | None = None
    lines: str | None = None

    @property
    def works(self) -> bool:
        """Whether it is a cure."""
        return self.after.verdict is Verdict.STABLE and not self.fault

    @property
    def command(self) -> str:
        """The command line whose run it is."""
        return command(self.after.settings)

    @property
    def rank(self) -> tuple[int, int, float]:
        """What makes one row better than another: the smaller, the better.

        What works comes first, then what is stable by its ratio alone; then the smaller change;
        then the ratio in whole decades: less may be an accident of the seed.
        """
        log10_ratio = self.after.log10_ratio
        stable = self.after.verdict is Verdict.STABLE
        decades = math.inf if log10_ratio is None else float(math.floor(abs(log10_ratio)))
        return (0 if self.works else 1 if stable else 2), self.cure.size, decades


class Fixed(Record):
    """What was found.

    Attributes
    ----------
    diagnosis
        The run as it is.
    rows
        All cures that could be tried, the best one first.
    most_layers
        How many layers are stable as they are; None where that is no way out.
    untried
        The names of the cures that would take too long.
    remedy
        What the verdict tells; None for a run that is stable.
    """

    diagnosis: Profile
    rows: tuple[Row, ...]
    most_layers: int | None
    untried: tuple[str, ...] = ()
    remedy: Search | None = None

    @property
    def best(self) -> Row | None:
        """The first cure that works."""
        return self.rows[0] if self.rows and self.rows[0].works else None

    @property
    def verdict(self) -> Verdict:
        """The verdict on the best row; on the run itself where nothing could be tried."""
        return self.rows[0].after.verdict if self.rows else self.diagnosis.verdict


def fix(
    settings: Settings,
    *,
    jobs: int | None = None,
    memory_limit: int | None = None,
    watch: Watch | None = None,
    lines: Lines | None = None,
) -> Fixed:
    """Run some settings, and try every cure that fits them.

    Parameters
    ----------
    settings
        What to mend, with as many trials as each cure is to be measured by.
    jobs, memory_limit
        As for `run.compare`.
    watch
        Called with how many cures are done and how many there are, for a progress bar; the run
        itself is one.
    lines
        What gives the lines of a framework.

    Raises
    ------
    VanishError
        If the settings themselves cannot be run.
    """
    kept = 8 * settings.trials * settings.model.weight_count <= _KEPT
    draws = Draws(Streams(settings.seed), keeps_trials=kept)
    (profile,) = run.compare([settings], draws=draws, jobs=jobs, memory_limit=memory_limit)
    cures = (
        [cure for cure in everything() if cure.fits(settings)] if settings.model.depth > 1 else []
    )
    steps = len(cures) + 2

    def note(done: int) -> None:
        if watch is not None:
            watch(done, steps)

    search = advise(profile, draws, jobs=jobs, memory_limit=memory_limit)
    note(1)
    bench = _Workshop(profile, draws, jobs, memory_limit)
    rows: list[Row] = []
    untried: list[str] = []
    for done, cure in enumerate(cures, 2):
        try:
            row = _row(bench, cure, search, lines)
            rows += [] if row is None else [row]
        except SpentError:
            untried.append(cure.name)
        note(done)
    rows.sort(key=lambda row: row.rank)
    fewer = None if profile.verdict is Verdict.STABLE else most_layers(bench)
    note(steps)
    return Fixed(profile, tuple(rows), fewer, tuple(untried), search)


def _row(bench: _Workshop, cure: Cure, search: Search | None, lines: Lines | None) -> Row | None:
    """Return what becomes of a cure; None where it changes nothing that can be run.

    Another cure may have led to the same network: who looks for either finds it.

    Raises
    ------
    SpentError
        If nothing of it was tried, since it would take too long.
    """
    tried = _tried(bench, cure, search)
    tried.sort(key=lambda each: (not each.accepted, shortfall(bench, each)))
    for best in tried:
        try:
            after = bench.whole(best.change)
        except (VanishError, MemoryError):
            continue  # it was its first trials that could be run
        fault = _fault(bench, best, after)
        row = Row(cure, best, bench.outcome, Outcome.of(after), fault)
        found = reach(bench, after.settings) if row.works else None
        told = None if lines is None else lines(bench.settings, after.settings)
        return row._replace(reach=found, lines=told)
    return None


def _tried(bench: _Workshop, cure: Cure, search: Search | None) -> list[Attempt]:
    """Return what a cure proposes, as far as it can be run, up to the first that holds.

    Where the verdict's remedy is of this cure, it is that.
    """
    if search is not None and search.cure is cure:
        return [search.attempts[-1]]
    bench.left = bench.allowance
    tried: list[Attempt] = []
    try:
        for each in attempts(bench, cure):
            if each.log10_ratio is not None:
                tried.append(each)
            if each.accepted:
                break
    except SpentError:
        if not tried:
            raise
    return tried


def _fault(bench: _Workshop, attempt: Attempt, after: Profile) -> str:
    """Return why a run that is stable is no cure."""
    if after.verdict is not Verdict.STABLE or attempt.accepted:
        return ""
    stalls = stalled(bench.profile, after.measured)
    if stalls:
        return stalls
    unstable = [each for each in attempt.further if not bench.stable.holds(each)]
    if unstable:
        worst = max(unstable, key=lambda each: abs(each - bench.aim))
        return f"on a further seed layer 1 gets {_factor(worst)} of it"
    if attempt.spent:
        return "to try further seeds would take too long"
    assert attempt.log10_ratio is not None
    # Once further seeds have been run, it is the median of all.
    few = bench.settings.trials > FEW and not attempt.further
    first = f" in the first {FEW} trials" if few else ""
    ends = " to ".join(map(_factor, bench.wanted))
    return f"{_factor(attempt.log10_ratio)}{first} is not within {ends}"


def _factor(log10: float) -> str:
    return "0" if log10 == -math.inf else short_power(log10)


class _Workshop(Bench):
    """A bench whose runs are measured whole, for one cure after another."""

    def __init__(
        self, profile: Profile, draws: Draws, jobs: int | None, memory_limit: int | None
    ) -> None:
        super().__init__(profile, draws, jobs, memory_limit)
        # A block may take more than the run itself.
        self._memory_limit = MEMORY if memory_limit is None else memory_limit
        self._whole: dict[tuple[object, ...], Profile] = {}
        self.outcome = Outcome.of(profile)
        self.allowance = _RUNS * effort.running(profile.settings) + _BESIDE

    def whole(self, change: Change) -> Profile:
        """Return the run of all trials with a change, as its command gives it.

        Raises
        ------
        SpentError
            If that alone would take longer than all that a cure may.
        """
        key = tuple(change.items())
        if key not in self._whole:
            settings = replace(self.settings, **change)
            free = replace(settings, norm_bound=False, engine=settings.engine_used)
            if cost_of(free, free.trials, self._draws) > self.allowance:
                raise SpentError
            limit = self._memory_limit
            measured = run.measure(free, draws=self._draws, jobs=self._jobs, memory_limit=limit)
            self._whole = {key: Profile(settings, free.engine, measured)}
        return self._whole[key]

    def all(self, change: Change) -> float:
        """Return the median of all trials."""
        return float(quantile(self.whole(change).ratios.log10, MEDIAN))

    def stalls(self, change: Change) -> str:
        """Return why weights do not learn with a change, of all trials."""
        return stalled(self.profile, self.whole(change).measured)
