"""The bench: where changes of a run are tried, on its own seed and on further ones.

All that is measured is the ratio ‖∂L/∂a_1‖/‖∂L/∂a_N‖: a way forward and one back, on weights
that are drawn once for all changes that differ in scale. What a search may take is about what
the run took, counted by `effort`. Further seeds are drawn in law where that can be done and is
cheaper, else run as the user would run them; where both would take too long, not at all.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from vanish.cures import effort
from vanish.cures.stalling import stalled
from vanish.network import losses
from vanish.network.streams import Streams
from vanish.records import Record
from vanish.simulation.drawing import Draws
from vanish.simulation.measured import MEDIAN, magnitude_quantiles
from vanish.simulation.names import SAMPLED
from vanish.simulation.needs import MEMORY, memory_needed
from vanish.simulation.run import measure, ratios
from vanish.simulation.sample import given_input, given_reference

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from vanish.simulation.faults import Fault
    from vanish.simulation.profile import Profile
    from vanish.simulation.settings import Settings

    # Settings' fields with their new values.
    Change = Mapping[str, Any]

# How many further seeds are tried, and how many decades may be left on the user's own.
SEEDS, DECADES = 5, 2.0

# Where seeds are drawn in law, more of them cost next to nothing: so many chains for each, all
# of which must be stable.
CHAINS = 4

# Of many trials so many are run for a first impression, and for each further seed: the median
# of more varies less.
FEW = 3

# What a search may take beside what the run took, in units of `effort`: a fraction of the
# time that Python takes to start.
ALLOWANCE = 25e6

# Where so many runs would take too long, scouts are sent.
_MANY = 12

# Bytes up to which the weights of the further seeds are kept for the next change.
_KEPT = 2**24

# Bytes that are little beside what Python takes.
_LITTLE_MEMORY = 2**26


class SpentError(Exception):
    """The next step would take longer than is left."""


class Band(Record):
    """The log10 ratios from `low` to `high`; none where they are the wrong way round."""

    low: float
    high: float

    @property
    def width(self) -> float:
        """How many decades they span."""
        return self.high - self.low

    def holds(self, log10_ratio: float) -> bool:
        """Tell whether a ratio is one of them."""
        return self.low <= log10_ratio <= self.high


class Bench:
    """Where changes are tried, within what a search may take.

    Parameters
    ----------
    profile
        The run that is to be mended.
    draws
        The weights of its seed, if they are still there.
    jobs, memory_limit
        As for the run.

    Attributes
    ----------
    settings, log10_ratio
        The user's settings, and what they give; -inf where a gradient is zero.
    stable, wanted
        Which ratios the user calls stable, and which ones a remedy may have on their seed.
    at_critical
        About what theory's critical weight_std gives, once it was tried.
    left, kept
        What may still be spent, and how much of it must be left for later cures.
    """

    def __init__(
        self,
        profile: Profile,
        draws: Draws | None = None,
        jobs: int | None = None,
        memory_limit: int | None = None,
    ) -> None:
        self.profile = profile
        self.settings = settings = profile.settings
        self.log10_ratio = -math.inf if profile.log10_ratio is None else profile.log10_ratio
        low, high = math.log10(settings.vanish_below), math.log10(settings.explode_above)
        self.stable = Band(low, high)
        self.wanted = Band(max(low, -DECADES), min(high, DECADES))
        self._jobs = jobs
        # No more than the run itself may take.
        limit = MEMORY if memory_limit is None else memory_limit
        self._memory_limit = min(limit, max(memory_needed(settings), _LITTLE_MEMORY))
        self._draws = draws or Draws(Streams(settings.seed))
        self._further: dict[int, Draws] = {}
        self._found: dict[tuple[object, ...], float] = {}
        self.left = effort.running(settings) + ALLOWANCE
        self.kept = 0.0
        self.at_critical: float | None = None
        if settings.trials > FEW:
            # for all trials of what is found
            self.left -= cost_of(settings, settings.trials, self._draws)

    @property
    def faults(self) -> Sequence[Fault]:
        """The layers at fault, if the verdict is about some."""
        return self.profile.named_faults

    @property
    def is_random(self) -> bool:
        """Whether another seed gives another run."""
        return is_random(self.settings)

    @property
    def has_biases(self) -> bool:
        """Whether a layer's S is of anything but its weighted inputs."""
        network = self.settings.weights
        if network is None:
            return self.settings.model.drawn_biases is not None
        return any(each.ndim == 1 and each.any() for each in network.arrays.values())

    @property
    def aim(self) -> float:
        """The middle of what is wanted."""
        return 0.5 * (self.wanted.low + self.wanted.high)

    def keep_for_one(self) -> None:
        """Keep what it takes to try one change more, if that is not much."""
        few = self._few({})
        cost = cost_of(few, few.trials, self._draws) + self._least(few)
        self.kept = cost if cost <= ALLOWANCE else 0.0

    def few(self, change: Change) -> float:
        """Return log10 of the ratio on the user's seed, the median of its first trials.

        It leaves enough for further seeds to be tried.

        Parameters
        ----------
        change
            Fields of the settings with their values.

        Raises
        ------
        SpentError
            If it would take too long.
        VanishError
            If the change is not allowed, or its run fails.
        """
        key = tuple(change.items())
        if key not in self._found:
            few = self._few(change)
            self._pay(cost_of(few, few.trials, self._draws), self._least(few))
            self._found[key] = self._medians(few, few.trials, self._draws)[0]
        return self._found[key]

    def all(self, change: Change) -> float:
        """Return the median of all trials, which was paid for in advance."""
        settings = replace(self.settings, **change)
        return self._medians(settings, settings.trials, self._draws)[0]

    def median(self, settings: Settings) -> float:
        """Return the median log10 ratio of all trials of other settings, whatever it takes."""
        return self._medians(settings, settings.trials)[0]

    def stalls(self, change: Change) -> str:
        """Return why weights do not learn with a change, though the signal arrives: see `stalled`.

        It is asked of what is about to be promised, once: one trial.
        """
        settings = replace(self._few(change), norm_bound=False, trials=1)
        limit = self._memory_limit
        return stalled(self.profile, measure(settings, draws=self._draws, memory_limit=limit))

    def scout(self, change: Change) -> float:
        """Return about what `few` does: where that takes long, of chains drawn in law."""
        few = self._few(change)
        cost = cost_of(few, few.trials, self._draws)
        if _MANY * cost > self.left and (law := in_law(few, FEW)) is not None:
            cheap = effort.sampling(law, FEW)
            if 2.0 * cheap < cost:
                self._pay(cheap, cost + self._least(few))
                return self._medians(law, FEW)[0]
        return self.few(change)

    def _least(self, few: Settings) -> float:
        """Return the least that further seeds cost."""
        return min(way.cost for way in self._ways(few)) if self.is_random else 0.0

    def further(self, change: Change) -> Further:
        """Return the ratios on further seeds."""
        for way in self._ways(self._few(change)):
            if way.cost <= self.left - self.kept:
                found = self._run_further(change, way)
                return Further(way.chains, sampled=way.law is not None, ratios=found)
        raise SpentError

    def _run_further(self, change: Change, way: _Way) -> Iterator[float]:
        if way.law is not None:
            self._pay(way.cost)
            yield from self._medians(way.law, 1 if self.settings.trials == 1 else way.chains)
            return
        for j in range(1, SEEDS + 1):
            self._pay(way.cost / SEEDS)
            run = replace(self._few(change), seed=self.settings.seed + j, trials=way.chains)
            yield self._medians(run, way.chains, self._of_seed(j))[0]

    def _ways(self, few: Settings) -> Iterator[_Way]:
        """Yield the ways to try further seeds, the best one first."""
        for chains in (CHAINS if few.trials == 1 else few.trials, 1):
            law = in_law(replace(few, seed=few.seed + 1), SEEDS * chains)
            cost = math.inf if law is None else effort.sampling(law, law.trials)
            if law is None or few.rows > 1:
                trials = min(few.trials, chains)
                draws = (self._of_seed(j) for j in range(1, SEEDS + 1))
                run = sum(cost_of(few, trials, each) for each in draws)
                if run < cost:
                    yield _Way(trials, None, run)
                    continue
            yield _Way(chains, law, cost)

    def _few(self, change: Change) -> Settings:
        """Return the first trials of the settings with a change, by the engine of all."""
        whole = replace(self.settings, **change)
        return replace(whole, trials=min(whole.trials, FEW), engine=whole.engine_used)

    def _pay(self, cost: float, spare: float = 0.0) -> None:
        if cost + spare > self.left - self.kept:
            raise SpentError
        self.left -= cost

    def _of_seed(self, further: int) -> Draws:
        if self.settings.weights is not None:
            return self._draws  # the weights are those of every seed
        seed = self.settings.seed + further
        draws = self._further.get(seed) or _beside(self._draws, self.settings, seed)
        if 8 * SEEDS * self.settings.model.weight_count <= _KEPT:
            self._further[seed] = draws
        return draws

    def _medians(self, settings: Settings, trials: int, draws: Draws | None = None) -> list[float]:
        """Return the median log10 ratio of each group of so many trials; -inf for zero."""
        limit = self._memory_limit
        found = ratios(settings, draws=draws, jobs=self._jobs, memory_limit=limit)
        groups = [
            found.at((None, slice(first, first + trials)))
            for first in range(0, settings.trials, trials)
        ]
        logs = (magnitude_quantiles(group, MEDIAN)[0].listed()[0].log10 for group in groups)
        return [-math.inf if log10 is None else log10 for log10 in logs]


def _beside(draws: Draws, settings: Settings, seed: int) -> Draws:
    """Return the weights of another seed, which may need the room of those that are drawn."""
    draws.make_room(settings)
    return Draws(Streams(seed))


def cost_of(settings: Settings, trials: int, draws: Draws) -> float:
    """Return what it takes to run so many trials, some of whose weights may be there."""
    if settings.engine_used == SAMPLED:
        return effort.sampling(settings, trials)
    drawn = trials - 1 if draws.holds(settings) else trials
    return trials * effort.passing(settings) + drawn * effort.drawing(settings)


class _Way(Record):
    """A way to try further seeds.

    Attributes
    ----------
    chains
        How many of each.
    law
        What stands for all of them where they are drawn in law, which is cheaper but for large
        batches; else None.
    cost
        What it takes.
    """

    chains: int
    law: Settings | None
    cost: float


class Further(Record):
    """What further seeds give.

    Attributes
    ----------
    chains
        How many of each.
    sampled
        Whether they are drawn in law in place of the runs of those seeds.
    ratios
        log10 ratios, each run when it is asked for: of `SEEDS` runs, or of every chain for a
        run of one trial that is drawn in law.
    """

    chains: int
    sampled: bool
    ratios: Iterator[float]


def is_random(settings: Settings) -> bool:
    """Tell whether another seed gives another run."""
    if settings.weights is None or given_input(settings) is None:
        return True
    return given_reference(settings) is None and losses.get(settings.loss).name == "readout"


def in_law(settings: Settings, trials: int) -> Settings | None:
    """Return the same settings for the sampled engine, None where it cannot draw them."""
    free = replace(settings, norm_bound=None, trials=trials)
    return None if free.needs_matrices else replace(free, engine=SAMPLED)
