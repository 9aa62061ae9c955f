"""From settings to a profile: the one place that composes engines and readings."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from vanish.errors import ForwardOverflowError
from vanish.network import losses
from vanish.network.graph import Variable
from vanish.network.streams import Streams, Trials
from vanish.numbers import freed
from vanish.numbers.scaled import ZERO
from vanish.numbers.stack import Magnitudes
from vanish.readings import bounds, dense
from vanish.readings.forwardsignal import ForwardTally
from vanish.readings.normalised import constant_share
from vanish.readings.slopesizes import SlopeTally
from vanish.readings.watching import watching
from vanish.simulation.drawing import Draws, the_chain
from vanish.simulation.measured import Measured, pooled
from vanish.simulation.names import DENSE, SAMPLED
from vanish.simulation.needs import bounded, require_memory
from vanish.simulation.profile import Profile
from vanish.simulation.sample import draw_reference
from vanish.system.threads import Behind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from vanish.numbers.scaled import FloatArray, Magnitude, Scaled
    from vanish.readings.dense import Outer, Total, Trace
    from vanish.simulation.census import Census
    from vanish.simulation.settings import Settings
    from vanish.simulation.trials import Watch


def compare(
    all_settings: Iterable[Settings],
    *,
    draws: Draws | None = None,
    jobs: int | None = None,
    memory_limit: int | None = None,
    watch: Watch | None = None,
    entries: bool | None = None,
    forward: bool = True,
) -> Iterator[Profile]:
    """Simulate several chains; those of one seed and engine share their random numbers.

    Parameters
    ----------
    all_settings
        One record a chain.
    draws
        Where those of its seed take the unscaled weights of trial 0 from, for whoever needs
        them again.
    jobs
        The most threads that sampled trials may take; all processors by default. It
        changes no number.
    memory_limit
        Bytes that sampled trials may keep of their ways forward; 1 GB by default. Deeper
        chains are run in segments. It changes no number.
    watch
        Called with how many steps are done and how many there are, for a progress bar.
    entries
        Whether to take note of the entries of the first trial's signals, for `precision`: a
        small part of the time. By default it does, but for sampled runs of a few trials with so
        many numbers that it would be more, and of chains so deep that rows would be drawn again
        for it: then once somebody asks for them, by another run of the first trials.
    forward
        Whether to take note of the signal going forward: of many sampled trials that is a seventh
        of the time.

    Raises
    ------
    VanishError
        If the settings are at odds, the run does not fit into memory, or the forward
        pass overflows.
    """
    chains = list(all_settings)
    for settings in chains:
        if draws is None or draws.seed != settings.seed:
            draws = Draws(Streams(settings.seed), once=len(chains) == 1)
        measured = measure(
            settings,
            draws=draws,
            jobs=jobs,
            memory_limit=memory_limit,
            watch=watch,
            entries=entries,
            forward=forward,
        )
        yield Profile(settings, settings.engine_used, measured)


def measure(
    settings: Settings,
    *,
    draws: Draws | None = None,
    jobs: int | None = None,
    memory_limit: int | None = None,
    watch: Watch | None = None,
    entries: bool | None = False,
    forward: bool = False,
) -> Measured:
    """Run all trials of some settings with their engine, without summing them up.

    Parameters
    ----------
    settings
        What to run.
    draws
        Where a dense run takes unscaled weights from.
    jobs, memory_limit, watch, entries, forward
        As for `compare`.
    """
    if settings.engine_used == SAMPLED:
        from vanish.simulation import trials  # noqa: PLC0415 - start-up

        require_memory(settings)
        return trials.measure(settings, jobs, memory_limit, watch, entries=entries, forward=forward)
    parts = []
    for trial in range(settings.trials):
        first = trial == 0
        draws_of_it = _draws_of(settings, draws, trial)
        notes = {"entries": entries is not False and first, "forward": forward}
        # Nothing of it stays: the next one's weights may take its place.
        parts.append(Simulation(settings, draws_of_it, trial, **notes).measure())
        if watch is not None:
            watch(trial + 1, settings.trials)
    return Measured.joined(parts)


def ratios(
    settings: Settings,
    *,
    draws: Draws | None = None,
    jobs: int | None = None,
    memory_limit: int | None = None,
) -> Magnitudes:
    """Return the signal's ratio of each trial, shape (T,), without all else that is measured.

    Parameters
    ----------
    settings
        What to run.
    draws, jobs, memory_limit
        As for `measure`, whose numbers these are, and its errors.
    """
    if settings.engine_used == SAMPLED:
        from vanish.simulation import trials  # noqa: PLC0415 - start-up

        require_memory(settings)
        return trials.ratios(settings, jobs, memory_limit)
    found = [
        Simulation(
            settings,
            _draws_of(settings, draws, trial),
            trial,
            entries=False,
            forward=False,
            slopes=False,
        ).ratio
        for trial in range(settings.trials)
    ]
    return Magnitudes.column(found).at((slice(None), 0))


def _draws_of(settings: Settings, draws: Draws | None, trial: int) -> Draws:
    """Return where a trial takes its weights from; of a real network all have the same."""
    if draws is None:
        return Draws(Streams(settings.seed), trial, once=True)
    if settings.weights is not None or not trial:
        return draws
    draws.make_room(settings)
    return draws.of(trial)


# Where there are at least so many weights, the memory of so many is given back at a time.
_MANY, _LET_GO = 2**20, 2**23


class Simulation:
    """One chain of the dense engine with its input and loss, ready to be read.

    Parameters
    ----------
    settings
        What to simulate.
    draws
        Where to take unscaled weights from; those of another run of the same seed and trial.
    trial
        Which of the settings' independent trials, from 0.
    entries
        As for `compare`, of this trial.
    forward
        As for `compare`, too.
    slopes
        Whether to take note of the slopes on the way forward, for `measure`.

    Attributes
    ----------
    chain
        The chain f_1, …, f_N.
    x
        The input batch f_0, shape (B, n_0).
    loss
        The loss record.
    reference
        The readout r, shape (n_N,), or the target, shape (1, n_N) or (B, n_N).
    """

    def __init__(
        self,
        settings: Settings,
        draws: Draws | None = None,
        trial: int = 0,
        *,
        entries: bool = True,
        forward: bool = True,
        slopes: bool = True,
    ) -> None:
        streams = Streams(settings.seed)
        draws = draws or Draws(streams, trial)
        require_memory(settings, DENSE, draws.held)
        trials = Trials.one(trial, settings.model.sizes)
        self._is_large = settings.rows * settings.model.widest >= freed.LARGE
        if self._is_large:
            freed.keep()
        self.settings = settings
        self.x = draws.input(settings, trials)
        self._tally = ForwardTally(1) if forward else None
        self._slopes = (
            SlopeTally(settings.model.activations)
            if slopes and not settings.model.graph.stages
            else None
        )
        self._census: Census | None = None
        # What a number format loses is only said of the article's chain.
        entries = entries and settings.model.graph.is_plain
        if entries:
            from vanish.simulation.census import Census  # noqa: PLC0415 - start-up

            self._census = Census(self.x)
        self.chain = the_chain(settings, draws, trials, self.x, entries=entries)
        # Whether weights go as the walk back is done with them, from layer N on; what bounds their
        # gradients asks for them once more.
        model = settings.model
        has_many = settings.weights is None and model.weight_count >= _MANY
        self._lets_go = draws.once and has_many and not self._is_bounded
        self._held, self._weights_a_layer = model.depth, model.weight_count / model.depth
        self.loss = losses.get(settings.loss)
        reference = draw_reference(settings, streams, trials)[0]
        self.reference = reference if self.loss.takes_target else reference[0]

    @cached_property
    def trace(self) -> Trace:
        """The forward pass.

        Raises
        ------
        ForwardOverflowError
            If a value leaves float64.
        """
        watch = watching(self._slopes, self._tally, self._census)
        try:
            with Behind(worth=self._is_large and watch is not None) as behind:
                return dense.trace(self.chain, self.x, watch and behind.making(watch))
        except ForwardOverflowError as error:
            if self.settings.weights is None:
                raise
            # Of weights that are given nothing else can be set.
            raise error.advising("give a smaller --gain") from None

    @cached_property
    def loss_gradient(self) -> Scaled:
        """∂L/∂f_N, shape (B, n_N)."""
        return self.loss.gradient(self.trace.output, self.reference)

    @cached_property
    def norms(self) -> dict[Variable, Magnitude]:
        """The norm of the gradient by each f_k, a_k, W_k, b_k and x."""
        census = self._census
        found = {}

        def take(variable: Variable, gradient: Scaled | Outer | Total) -> None:
            if census is not None:
                census.take_back(variable, gradient)
            found[variable] = gradient.norm()

        trace, loss_gradient = self.trace, self.loss_gradient
        with Behind(worth=self._is_large) as behind, Behind(worth=self._lets_go) as beside:
            take_behind, free = behind.making(take), beside.making(list.clear)
            for variable, gradient in dense.gradients(trace, loss_gradient):
                self._let_go(variable.layer, free)
                take_behind(variable, gradient)
        return found

    def _let_go(self, k: int, free: Callable[[list[FloatArray]], object]) -> None:
        """Let go of the weights of the layers behind k, if they are many; the walk is at k.

        To have their memory back takes the system as long as the walk takes.
        """
        if self._lets_go and (self._held - k) * self._weights_a_layer >= _LET_GO:
            free(self.chain.let_go(k + 1, self._held))
            self._held = k

    @property
    def ratio(self) -> Magnitude:
        """The signal's, layer 1 to N, zero where either is; as `norms` has them, but for less."""
        return dense.ratio(self.trace, self.loss_gradient)

    def measure(self) -> Measured:
        """Return all that there is to measure, as one trial."""
        model = self.settings.model
        if model.graph.stages:
            from vanish.simulation import staged  # noqa: PLC0415 - start-up

            return staged.measure(self, forward=self._tally is not None, bounded=self._is_bounded)
        layers, shape = range(1, model.depth + 1), (model.depth, 1)

        def column(letter: str) -> Magnitudes:
            return Magnitudes.column([self.norms.get(Variable(letter, k), ZERO) for k in layers])

        by_letter = {letter: column(letter) for letter in model.letters}
        trace = self.trace
        assert self._slopes is not None
        measured = Measured(
            grad_w=pooled([by_letter[letter] for letter in model.matrices], shape),
            grad_b=pooled([by_letter[letter] for letter in model.biases], shape),
            grad_a=pooled([column(name) for name in model.graph.arguments], shape),
            grad_f=column("f"),
            weight=self._weight_norms(),
            value=Magnitudes.column([f.norm() for f in trace.outputs]),
            graph=self.chain.graph,
            slopes=self._slopes.read(),
            constant=np.array([[constant_share(trace.kept[k])] for k in layers]),
            parameters=by_letter,
            totals={
                letter: Magnitudes.column([self.norms[Variable(letter, 0)]]).at(0)
                for letter in model.letters
                if Variable(letter, 0) in self.norms
            },
            norm_bound=self._norm_bound(),
            forward=None if self._tally is None else self._tally.read(),
        )
        if self._census is None:
            return measured
        largest = Magnitudes.column([self.chain.matrices(k)[0].largest() for k in layers])
        return measured._replace(entries=self._census.entries(self.settings, measured, largest))

    def _weight_norms(self) -> Magnitudes:
        """Return the norms of all matrices of each layer together, shape (N, 1)."""
        layers = range(1, self.settings.model.depth + 1)
        norms = [[each.frobenius_norm() for each in self.chain.matrices(k)] for k in layers]
        most = max(map(len, norms))
        columns = [[here[i] if i < len(here) else ZERO for here in norms] for i in range(most)]
        return pooled(list(map(Magnitudes.column, columns)), (len(norms), 1))

    @property
    def _is_bounded(self) -> bool:
        settings = self.settings
        return bounded(settings) and all(each.has_bound for each in settings.model.activations)

    def _norm_bound(self) -> Magnitudes | None:
        settings = self.settings
        if not self._is_bounded:
            return None
        found = bounds.norm_bounds(self.trace, self.loss_gradient.norm())
        shape = (settings.model.depth, 1)
        return pooled([found[letter] for letter in settings.model.matrices], shape)

    def profile(self) -> Profile:
        """Put all that the readings say into records."""
        return Profile(self.settings, DENSE, self.measure())
