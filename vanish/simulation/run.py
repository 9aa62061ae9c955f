"""From settings to a profile: the one place that composes engines and readings."""

from __future__ import annotations

from functools import cached_property
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any

from vanish.errors import UsageError
from vanish.network import initializers, losses
from vanish.network.chain import Chain, Layer
from vanish.network.graph import Variable
from vanish.network.streams import Role, Streams, Trials
from vanish.network.weights import Matrix, Weight
from vanish.numbers.scaled import Magnitude, Scaled
from vanish.numbers.stack import Magnitudes
from vanish.readings import bounds, dense
from vanish.readings.slopes import statistics
from vanish.simulation import trials as ensemble
from vanish.simulation.census import Census
from vanish.simulation.measured import Measured
from vanish.simulation.profile import Profile
from vanish.simulation.sample import draw_input, draw_reference
from vanish.simulation.settings import DENSE, SAMPLED, Settings
from vanish.simulation.trials import processors, threads
from vanish.system import memory

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vanish.network.arrays import Network
    from vanish.network.initializers import Law
    from vanish.readings.dense import Trace
    from vanish.simulation.trials import Watch


# Drawing so many numbers takes about 15 ms, starting threads for it less than one.
_WORTH_THREADS = 2**20

# So many that the workers end together, and soon after an interrupt.
_PARTS_A_WORKER = 32


class Draws:
    """The unscaled weights of one seed and trial, drawn once for all that share them.

    Activations and initialisers that differ only in scale get the same numbers, so that
    like is compared with like and neither the drawing nor the singular values are paid
    for twice. One matrix a layer is kept: another law or shape takes its place. Of a real
    network its weights are kept, made ready once for all gains.
    """

    def __init__(self, streams: Streams, trial: int = 0) -> None:
        self.seed = streams.seed
        self._streams, self._trial = streams, trial
        self._kept: dict[int, tuple[Law, Matrix]] = {}
        self._given: tuple[Network, tuple[Weight, ...]] | None = None

    def matrix(self, k: int, law: Law, n_out: int, n_in: int) -> Matrix:
        """Return the unscaled (n_out, n_in) matrix of layer k."""
        kept = self._kept.get(k)
        if kept and kept[0] is law and kept[1].entries.shape == (n_out, n_in):
            return kept[1]
        self._kept.pop(k, None)
        generator = self._streams.generator(Role.WEIGHTS, k, self._trial)
        matrix = Matrix(initializers.draw(law, generator, n_out, n_in))
        self._kept[k] = law, matrix
        return matrix

    def given(self, network: Network) -> tuple[Weight, ...]:
        """Return the weights of a real network."""
        if self._given is None or self._given[0] is not network:
            self._given = network, tuple(map(Weight.of, network.weights))
        return self._given[1]

    def holds(self, settings: Settings) -> bool:
        """Tell whether these settings find all their weights drawn."""
        laws = [each.law for each in settings.model.initializers]
        shapes = [(n_out, n_in) for n_in, n_out in pairwise(settings.model.sizes)]
        kept = [self._kept.get(k) for k in range(1, settings.model.depth + 1)]
        return settings.weights is not None or all(
            each is not None and each[0] is law and each[1].entries.shape == shape
            for each, law, shape in zip(kept, laws, shapes, strict=True)
        )


def random_chain(
    settings: Settings, streams: Streams, draws: Draws, trials: Trials, *, entries: bool = False
) -> Chain:
    """Draw the chain that the settings describe; `entries` as for `simulate`."""
    numbered = list(enumerate(pairwise(settings.model.sizes), 1))

    def layer(numbered: tuple[int, tuple[int, int]]) -> Layer:
        k, (n_in, n_out) = numbered
        initializer = settings.model.initializers[k - 1]
        scale = Magnitude.of(initializer.scale(n_in, n_out)) * Magnitude.of(settings.gain)
        bias = None
        if settings.bias_std:
            generator = streams.generator(Role.BIAS, k, trials.block)
            bias = settings.bias_std * trials.rows(generator.standard_normal, (n_out,))[0]
        weight = Weight(draws.matrix(k, initializer.law, n_out, n_in), scale)
        return Layer(weight, bias, settings.model.activations[k - 1])

    if sum(n_in * n_out for _, (n_in, n_out) in numbered) < _WORTH_THREADS:
        return Chain.plain(tuple(map(layer, numbered)))

    def part(numbered: list[tuple[int, tuple[int, int]]]) -> list[Layer]:
        layers = []
        for each in numbered:
            layers.append(layer(each))
            # They will be asked for; now the entries are still in the processor's cache.
            matrix = layers[-1].weight.matrix
            _ = matrix.frobenius_norm, entries and matrix.largest
        return layers

    # Every layer has a stream of its own, and numpy draws without the interpreter's lock.
    # Parts of several layers are handed out faster than single ones.
    workers = processors()
    size = -(-len(numbered) // (_PARTS_A_WORKER * workers))
    parts = [numbered[first : first + size] for first in range(0, len(numbered), size)]
    with threads(workers) as pool:
        return Chain.plain(tuple(chain.from_iterable(pool.map(part, parts))))


def given_chain(network: Network, settings: Settings, draws: Draws) -> Chain:
    """Return the chain with the parameters of a real network."""
    gain = Magnitude.of(settings.gain)
    layers = []
    for weight, bias, activation in zip(
        draws.given(network), network.biases, settings.model.activations, strict=True
    ):
        layers.append(Layer(Weight(weight.matrix, weight.scale * gain), bias, activation))
    return Chain.plain(layers)


def simulate(
    settings: Settings | None = None,
    /,
    *,
    jobs: int | None = None,
    memory_limit: int | None = None,
    watch: Watch | None = None,
    entries: bool = True,
    **options: Any,
) -> Profile:
    """Simulate chains: forward, backward, and every reading of the product.

    Parameters
    ----------
    settings
        What to simulate; or its fields as keywords, see `Settings`.
    jobs
        The most threads that sampled trials may take; all processors by default. It
        changes no number.
    memory_limit
        Bytes that sampled trials may keep of their ways forward; 1 GB by default. Deeper
        chains are run in segments. It changes no number.
    watch
        Called with how many steps are done and how many there are, for a progress bar.
    entries
        Whether to take note of the entries of the first trial's signals, for `precision`; a
        small part of the time.

    Raises
    ------
    VanishError
        If the settings are at odds, the run does not fit into memory, or the forward
        pass overflows.

    Examples
    --------
    >>> profile = simulate(act="sigmoid", layers=20)
    >>> profile.verdict.value
    'vanishing'
    """
    if settings is not None and options:
        raise UsageError(f"settings beside {', '.join(options)}: give one of them")
    settings = settings or Settings(**options)
    profiles = compare(
        [settings], jobs=jobs, memory_limit=memory_limit, watch=watch, entries=entries
    )
    return next(profiles)


def compare(
    all_settings: Iterable[Settings],
    *,
    draws: Draws | None = None,
    jobs: int | None = None,
    memory_limit: int | None = None,
    watch: Watch | None = None,
    entries: bool = True,
) -> Iterator[Profile]:
    """Simulate several chains; those of one seed share their random numbers.

    Parameters
    ----------
    all_settings
        One record a chain.
    draws
        Where those of its seed take the unscaled weights of trial 0 from, for whoever needs
        them again.
    jobs, memory_limit, watch, entries
        As for `simulate`.
    """
    for settings in all_settings:
        if draws is None or draws.seed != settings.seed:
            draws = Draws(Streams(settings.seed))
        measured = measure(
            settings,
            draws=draws,
            jobs=jobs,
            memory_limit=memory_limit,
            watch=watch,
            entries=entries,
        )
        yield Profile(settings, settings.engine_used, measured)


def measure(
    settings: Settings,
    *,
    draws: Draws | None = None,
    jobs: int | None = None,
    memory_limit: int | None = None,
    watch: Watch | None = None,
    entries: bool = False,
) -> Measured:
    """Run all trials of some settings with their engine, without summing them up.

    Parameters
    ----------
    settings
        What to run.
    draws
        Where a dense run takes the unscaled weights of trial 0 from.
    jobs, memory_limit, watch, entries
        As for `simulate`.
    """
    require_memory(settings)
    if settings.engine_used == SAMPLED:
        return ensemble.measure(settings, jobs, memory_limit, watch, entries=entries)
    parts = []
    for trial in range(settings.trials):
        first = trial == 0
        simulation = Simulation(
            settings, draws if first else None, trial, entries=entries and first
        )
        parts.append(simulation.measure())
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
    """Return ‖∂L/∂a_1‖/‖∂L/∂a_N‖ of each trial, shape (T,), without all else that is measured.

    Parameters
    ----------
    settings
        What to run.
    draws, jobs, memory_limit
        As for `measure`, whose numbers these are, and its errors.
    """
    if settings.engine_used == SAMPLED:
        require_memory(settings)
        return ensemble.ratios(settings, jobs, memory_limit)
    given = settings.weights is not None
    found = [
        Simulation(settings, draws if trial == 0 or given else None, trial).ratio
        for trial in range(settings.trials)
    ]
    return Magnitudes.column(found).at((slice(None), 0))


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
        As for `simulate`, of this trial.

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
    ) -> None:
        require_memory(settings, DENSE)
        self.settings = settings
        streams, trials = Streams(settings.seed), Trials.one(trial, settings.model.sizes)
        network = settings.weights
        draws = draws or Draws(streams, trial)
        if network is not None:
            self.chain = given_chain(network, settings, draws)
        else:
            self.chain = random_chain(settings, streams, draws, trials, entries=entries)
        self.x = draw_input(settings, streams, trials)[0]
        self._census = Census(self.x) if entries else None
        self.loss = losses.get(settings.loss)
        reference = draw_reference(settings, streams, trials)[0]
        self.reference = reference if self.loss.takes_target else reference[0]

    @cached_property
    def trace(self) -> Trace:
        """The forward pass."""
        watch = None if self._census is None else self._census.take_forward
        return dense.trace(self.chain, self.x, watch)

    @cached_property
    def loss_gradient(self) -> Scaled:
        """∂L/∂f_N, shape (B, n_N)."""
        return self.loss.gradient(self.trace.output, self.reference)

    @cached_property
    def norms(self) -> dict[Variable, Magnitude]:
        """The norm of the gradient by each f_k, a_k, W_k, b_k and x."""
        census = self._census
        found = {}
        for variable, gradient in dense.gradients(self.trace, self.loss_gradient):
            if census is not None:
                census.take_back(variable, gradient)
            found[variable] = gradient.norm()
        return found

    @property
    def ratio(self) -> Magnitude:
        """‖∂L/∂a_1‖/‖∂L/∂a_N‖, zero where either is; as `norms` has them, but for less."""
        return dense.ratio(self.trace, self.loss_gradient)

    def measure(self) -> Measured:
        """Return all that there is to measure, as one trial."""
        layers = range(1, self.settings.model.depth + 1)

        def column(letter: str) -> Magnitudes:
            return Magnitudes.column([self.norms[Variable(letter, k)] for k in layers])

        trace = self.trace
        measured = Measured(
            grad_w=column("W"),
            grad_b=column("b"),
            grad_a=column("a"),
            grad_f=column("f"),
            weight=Magnitudes.column([each.weight.frobenius_norm() for each in self.chain.layers]),
            value=Magnitudes.column([f.norm() for f in trace.outputs]),
            graph=self.chain.graph,
            slopes=statistics([slopes[None] for slopes in trace.slopes]),
            norm_bound=self._norm_bound(),
        )
        if self._census is None:
            return measured
        largest = Magnitudes.column([each.weight.largest() for each in self.chain.layers])
        return measured._replace(entries=self._census.entries(self.settings, measured, largest))

    def _norm_bound(self) -> Magnitudes | None:
        settings = self.settings
        cheap = bounds.is_cheap(settings.model.sizes, settings.trials)
        if not (cheap if settings.norm_bound is None else settings.norm_bound):
            return None
        return bounds.norm_bounds(self.trace, self.loss_gradient.norm())["W"]

    def profile(self) -> Profile:
        """Put all that the readings say into records."""
        return Profile(self.settings, DENSE, self.measure())


# Beside its arrays a layer takes about this many bytes of Python objects.
_BYTES_A_LAYER = 6000

# Of a layer and trial the results take about so many while they are put together.
_BYTES_A_RESULT = 320


def require_memory(settings: Settings, engine: str | None = None) -> None:
    """Refuse what does not fit; before a list as long as the chain is made."""
    depth, trials = settings.model.depth, settings.trials
    what = f"a chain of {depth:,} layers"
    remedy = "give fewer --layers, a smaller --width or a smaller --batch"
    least = _BYTES_A_LAYER * depth
    memory.require(least, what, remedy)
    if trials > 1:
        what = f"{trials:,} trials of {depth:,} layers"
        remedy = "give fewer --trials or --layers"
        memory.require(least + _BYTES_A_RESULT * depth * trials, what, remedy)
    if (engine or settings.engine_used) == SAMPLED:
        return
    needed = memory_needed(settings, DENSE)
    remedy = "give fewer --layers, a smaller --width or a smaller --batch"
    if not settings.needs_matrices and 2 * 8 * settings.model.weight_count > needed:
        remedy += ", or --engine sampled"
    what = f"a chain of {depth:,} layers of width {max(settings.model.sizes):,}"
    memory.require(needed, what, remedy)


def memory_needed(settings: Settings, engine: str | None = None) -> int:
    """Return about how many bytes a run takes while it lasts."""
    trials = settings.trials
    # Not by a list of the sizes, which may not fit into memory itself.
    sizes: tuple[int, ...] = (settings.model.n_in, settings.model.n_out)
    units = settings.model.n_in + settings.model.depth * settings.model.n_out
    if settings.widths is not None or settings.weights is not None:
        sizes, units = settings.model.sizes, sum(settings.model.sizes)
    least = (
        _BYTES_A_LAYER + _BYTES_A_RESULT * (trials if trials > 1 else 0)
    ) * settings.model.depth
    # Of every layer its input and its slopes are kept, one row a sample.
    if (engine or settings.engine_used) == DENSE:
        return 8 * (settings.model.weight_count + 2 * settings.rows * units) + least
    at_once = min(trials, Trials.block_size(sizes))
    return min(8 * 4 * settings.rows * units * at_once, ensemble.MEMORY) + least
