"""Many independent chains at once, by the sampled reading, within bounded memory.

Trials are run in blocks that share the addresses of their random streams, where there are many
some blocks as one. They keep what their way back needs of every layer, or, where that is too
much, of one segment of layers at a time. Neither the pieces nor the number of workers changes a
number.
"""

from __future__ import annotations

from functools import partial
from threading import Event, Lock
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from vanish.errors import MemoryLimitError
from vanish.network import losses
from vanish.network.streams import Streams, Trials
from vanish.numbers import freed
from vanish.numbers.scaled import Magnitude
from vanish.numbers.stack import Magnitudes, Stack
from vanish.readings import sampled
from vanish.readings.forwardsignal import ForwardTally
from vanish.readings.slopes import SlopeTally
from vanish.records import Record
from vanish.simulation.census import Census, watching
from vanish.simulation.measured import Measured, pooled
from vanish.simulation.needs import BYTES_TOGETHER, ways_forward
from vanish.simulation.sample import draw_input, draw_reference, given_steps
from vanish.system import memory
from vanish.system.threads import processors, threads

if TYPE_CHECKING:
    from collections.abc import Callable

    from vanish.network.graph import Variable
    from vanish.numbers.stack import Norms
    from vanish.readings.sampled import SampledChain, SampledWeight
    from vanish.simulation.settings import Settings

    Watch = Callable[[int, int], object]

Found = TypeVar("Found")

# At most so many blocks are run as one, in arrays so large that a call costs little beside them.
# Fewer numbers than these are no large array.
_TOGETHER, _MANY = 8, 2048


class Plan(Record):
    """How the trials are run.

    Attributes
    ----------
    blocks
        The trials of each block.
    segment
        How many layers' ways forward are kept at a time.
    workers
        How many blocks are run at a time.
    """

    blocks: list[Trials]
    segment: int
    workers: int


def plan(settings: Settings, jobs: int, limit: int) -> Plan:
    """Return how to run all trials of some settings.

    Parameters
    ----------
    settings
        What to run.
    jobs
        The most workers.
    limit
        Bytes that the ways forward may take together.

    Raises
    ------
    MemoryLimitError
        If even one segment at a time takes more.
    """
    model, depth, rows = settings.model, settings.model.depth, settings.rows
    sizes = model.sizes
    plural = "" if settings.trials == 1 else "s"
    what = f"{settings.trials:,} trial{plural} of {depth:,} layers"
    blocks = _blocks(settings, jobs, limit)
    workers = max(1, min(jobs, len(blocks)))
    at_once = blocks[0].width
    kept = 8 * at_once * max(model.kept_count(rows))
    checkpoint = 8 * at_once * rows * max(sizes)
    # Two checkpoints are the ends of the chain.
    share = limit // workers - 2 * checkpoint
    if kept * depth <= share:
        return Plan(blocks, depth, workers)
    # The longest segment with kept · segment + checkpoint · depth/segment <= share.
    spread = share * share - 4 * kept * checkpoint * depth
    segment = int((share + max(spread, 0) ** 0.5) / (2 * kept))
    if share < 0 or spread < 0 or segment < 1:
        least = int((4 * kept * checkpoint * depth) ** 0.5 + 2 * checkpoint) * workers
        raise MemoryLimitError(
            f"the ways forward of {what} take at least {memory.amount(least)} of memory",
            f"the limit is {memory.amount(limit)}",
            "give a larger --memory, fewer --jobs or a smaller --width",
        )
    return Plan(blocks, segment, workers)


def _blocks(settings: Settings, jobs: int, limit: int) -> list[Trials]:
    """Return the trials that are run at a time: some blocks, where that spares calls."""
    model, sizes = settings.model, settings.model.sizes
    size = Trials.block_size(sizes)
    whole = settings.trials // size
    # The normal distribution function of few numbers is another one, by last digits.
    if min(sizes) * size < _MANY or whole < 2:
        return Trials.blocks(settings.trials, sizes)
    kept = 8 * size * max(model.kept_count(settings.rows)) * model.depth
    fit = min(BYTES_TOGETHER, limit // (2 * jobs)) // kept
    return Trials.blocks(settings.trials, sizes, max(1, min(_TOGETHER, fit, whole // jobs)))


def measure(
    settings: Settings,
    jobs: int | None = None,
    limit: int | None = None,
    watch: Watch | None = None,
    *,
    entries: bool = False,
    forward: bool = False,
) -> Measured:
    """Run all trials of some settings.

    Parameters
    ----------
    settings
        What to run, of an engine that is sampled.
    jobs
        The most threads; as many as there are processors where it is not given.
    limit
        Bytes that the ways forward may take together; where it is not given `ways_forward`, but
        not more than half of what this process may take.
    watch
        Called with how many layers have been passed and how many there are to pass.
    entries
        Whether to take note of the entries of the first trial's signals.
    forward
        Whether to take note of the signal going forward.

    Raises
    ------
    VanishError
        If a chain overflows, or the run does not fit into memory.
    """
    read = partial(_measured, entries=entries, forward=forward)
    return Measured.joined(_each_block(read, settings, jobs, limit, watch))


def ratios(
    settings: Settings,
    jobs: int | None = None,
    limit: int | None = None,
) -> Magnitudes:
    """Return the signal's ratio of each trial, shape (T,), without all else that is measured.

    Parameters
    ----------
    settings, jobs, limit
        As for `measure`, as is what it raises.
    """
    return Magnitudes.joined(_each_block(_ratios, settings, jobs, limit))


def _each_block(
    read: Callable[[Settings, SampledChain, Trials, _Counter], Found],
    settings: Settings,
    jobs: int | None = None,
    limit: int | None = None,
    watch: Watch | None = None,
) -> list[Found]:
    """Draw the chains of every block, and return what is read of them."""
    # A block takes and frees thousands of arrays of some 64 kB.
    freed.keep()
    how = plan(settings, jobs or processors(), _limit(settings) if limit is None else limit)
    ways = 2 if how.segment >= settings.model.depth else 3
    counter = _Counter(watch, ways * settings.model.depth * len(how.blocks))
    streams = Streams(settings.seed)

    # see `Stack`: what overflows is found out by its squares
    @np.errstate(over="ignore", invalid="ignore")
    def run(trials: Trials) -> Found:
        chain = _drawn(settings, streams, trials, how.segment, counter)
        return read(settings, chain, trials, counter)

    if how.workers == 1:
        return [run(trials) for trials in how.blocks]
    with threads(how.workers) as pool:
        try:
            return list(pool.map(run, how.blocks))
        except BaseException:
            # What else is under way would only delay the end.
            counter.stop.set()
            pool.shutdown(cancel_futures=True)
            raise


def _limit(settings: Settings) -> int:
    """Return what the ways forward may take where the user does not say, in bytes."""
    most = ways_forward(settings)
    at_once = min(settings.trials, Trials.block_size(settings.model.sizes))
    if 8 * 4 * settings.rows * sum(settings.model.sizes) * at_once <= memory.FLOOR:
        return most
    have = memory.available()
    return most if have is None else min(most, max(have, memory.FLOOR) // 2)


class _StoppedError(Exception):
    """Another block has failed."""


class _Counter:
    """Counts layers for all workers, and tells them to stop."""

    def __init__(self, watch: Watch | None, steps: int) -> None:
        self.stop = Event()
        self._watch, self._steps = watch, steps
        self._done = 0
        self._lock = Lock()

    def __call__(self) -> None:
        if self.stop.is_set():
            raise _StoppedError
        if self._watch is not None:
            with self._lock:
                self._done += 1
                self._watch(self._done, self._steps)


def _drawn(
    settings: Settings,
    streams: Streams,
    trials: Trials,
    segment: int,
    counter: _Counter,
) -> SampledChain:
    """Return the chains of one block."""
    model, given = settings.model, given_steps(settings)
    weights: dict[Variable, SampledWeight] = {}
    # One for all layers that are alike.
    known: dict[object, SampledWeight] = {}
    for address, k, shape in model.parameters:
        if len(shape) == 2:
            initializer, gain = model.initializer(address.letter, k), model.gain(k)
            kind = initializer, shape, gain
            if kind not in known:
                n_out, n_in = shape
                scale = Magnitude.of(initializer.scale(n_in, n_out)) * gain
                law, rows = initializer.law, settings.rows
                known[kind] = sampled.SampledWeight(law, n_in, n_out, scale, rows)
            weights[address] = known[kind]
    return sampled.SampledChain(
        settings.model.graph,
        weights,
        settings.model.activations,
        settings.model.drawn_biases,
        draw_input(settings, streams, trials),
        streams,
        trials,
        segment,
        counter,
        settings.model.step_sizes if given is None else given,
    )


def _ratios(settings: Settings, chain: SampledChain, trials: Trials, _: _Counter) -> Magnitudes:
    chain.forward()
    return sampled.ratios(chain, _loss_gradient(settings, chain.output, trials))


def _measured(
    settings: Settings,
    chain: SampledChain,
    trials: Trials,
    counter: _Counter,
    *,
    entries: bool = False,
    forward: bool = False,
) -> Measured:
    census = None
    if entries and trials.number == 0 and settings.model.graph.is_plain:
        census = Census(draw_input(settings, Streams(settings.seed), trials)[0])
    slopes = SlopeTally(settings.model.activations)
    tally = ForwardTally(trials.width) if forward else None
    chain.forward(watching(slopes, tally, census))
    loss_gradient = _loss_gradient(settings, chain.output, trials)

    watch = None if census is None else partial(_take_back, census, chain)
    model = settings.model
    shape = model.depth, trials.width
    norms = sampled.norms(chain, loss_gradient, counter, watch)

    def together(letters: tuple[str, ...]) -> Magnitudes:
        return pooled([norms[letter] for letter in letters], shape)

    measured = Measured(
        grad_w=together(model.matrices),
        grad_b=together(model.biases),
        grad_a=together(model.graph.arguments),
        grad_f=norms["f"],
        weight=pooled([chain.weight_norms(letter) for letter in model.matrices], shape),
        value=chain.value_norms(),
        graph=chain.graph,
        slopes=slopes.read(),
        constant=chain.constant_lines(),
        parameters={letter: norms[letter] for letter in model.letters},
        totals={},
        forward=None if tally is None else tally.read(),
    )
    if census is None:
        return measured
    return measured._replace(entries=census.entries(settings, measured))


def _take_back(
    census: Census, chain: SampledChain, variable: Variable, rows: Stack | Norms
) -> None:
    """Let the first trial's ∂L/∂f_k, ∂L/∂a_k and Σ_b d_b f_bᵀ be taken note of."""
    if not isinstance(rows, Stack):
        return
    census.take_back(variable, rows)
    if variable.letter != "a" or rows.values.shape[1] == 1:
        return
    met = chain.met(variable.layer)
    powers = rows.exponents + met.exponents
    inputs = (met.frame.span(met.coefficients))[0]
    census.outer(rows.values[0], inputs, powers if isinstance(powers, int) else int(powers[0]))


def _loss_gradient(settings: Settings, output: Stack, trials: Trials) -> Stack:
    """Return ∂L/∂f_N of each trial, shape (T, B, n_N)."""
    references = draw_reference(settings, Streams(settings.seed), trials)
    return losses.get(settings.loss).gradients(output, references)
