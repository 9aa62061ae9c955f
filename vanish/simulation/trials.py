"""Many independent chains at once, by the sampled reading, within bounded memory.

Trials are run in blocks that share the addresses of their random streams, where there are many
some blocks as one. They keep what their way back needs of every layer, or, where that is too
much, of one segment of layers at a time. Neither the pieces nor the number of workers changes a
number.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property, partial
from itertools import pairwise
from threading import Event, Lock
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from vanish.network import losses
from vanish.network.streams import Streams, Trials
from vanish.numbers import freed
from vanish.numbers.scaled import Magnitude
from vanish.numbers.stack import Magnitudes, Stack
from vanish.readings import onerow
from vanish.readings.forwardsignal import ForwardTally
from vanish.readings.onerow import OneRowChain
from vanish.readings.sampled import SampledChain
from vanish.readings.sampledweight import SampledWeight
from vanish.readings.slopesizes import SlopeTally
from vanish.simulation.census import Census
from vanish.simulation.measured import Measured, pooled
from vanish.simulation.needs import a_block
from vanish.simulation.plan import Plan, plan
from vanish.simulation.sample import draw_input, draw_reference, given_steps
from vanish.simulation.watchers import Watchers
from vanish.system.threads import processors, threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from vanish.network.model import Model
    from vanish.simulation.census import Entries
    from vanish.simulation.settings import Settings

    Watch = Callable[[int, int], object]
    # The second is the first one, read faster.
    Chain = SampledChain | OneRowChain

Found = TypeVar("Found")

# Of fewer trials, with more numbers f_k each, what is noted of the first one's entries takes up to
# a fifth of the run.
_MANY, _FEW = 4, 2**16


def measure(
    settings: Settings,
    jobs: int | None = None,
    limit: int | None = None,
    watch: Watch | None = None,
    *,
    entries: bool | None = False,
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
        As for `plan`.
    watch
        Called with how many layers have been passed and how many there are to pass.
    entries
        Whether to take note of the entries of the first trial's signals; None where that costs
        little, and else once they are asked for.
    forward
        Whether to take note of the signal going forward.

    Raises
    ------
    VanishError
        If a chain overflows, or the run does not fit into memory.
    """
    read = partial(_measured, entries=entries, forward=forward)
    measured = Measured.joined(_each_block(read, settings, jobs, limit, watch))
    if entries is None and measured.entries is None and settings.model.graph.is_plain:
        return measured._replace(later=LaterEntries(settings, limit))
    return measured


class LaterEntries:
    """The entries of a run that took no note of them: its first trials are run once more.

    Parameters
    ----------
    settings, limit
        As for `measure`.
    """

    def __init__(self, settings: Settings, limit: int | None) -> None:
        self._settings, self._limit = settings, limit

    @cached_property
    def found(self) -> Entries | None:
        """What `measure` would have taken note of."""
        settings = self._settings
        # All of its block: of fewer numbers the normal distribution function is another one, by
        # last digits.
        few = replace(settings, trials=a_block(settings))
        return measure(few, jobs=1, limit=self._limit, entries=True).entries


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
    read: Callable[[Settings, Chain, Trials, _Counter], Found],
    settings: Settings,
    jobs: int | None = None,
    limit: int | None = None,
    watch: Watch | None = None,
) -> list[Found]:
    """Draw the chains of every block, and return what is read of them."""
    # A block takes and frees thousands of arrays of some 64 kB.
    freed.keep()
    how = plan(settings, jobs or processors(), limit)
    ways = 2 if how.segment >= settings.model.depth else 3
    counter = _Counter(watch, ways * settings.model.depth * len(how.blocks))
    streams, draw = Streams(settings.seed), _drawing(settings, how, counter)

    # see `Stack`: what overflows is found out by its squares
    @np.errstate(over="ignore", invalid="ignore")
    def run(trials: Trials) -> Found:
        return read(settings, draw(streams, trials), trials, counter)

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


class _StoppedError(Exception):
    """Another block has failed."""


class _Counter:
    """Counts layers for all workers, and tells them to stop."""

    def __init__(self, watch: Watch | None, steps: int) -> None:
        self.stop = Event()
        self._watch, self._steps = watch, steps
        self._done = 0
        self._lock = Lock()

    def __call__(self, layers: int = 1) -> None:
        if self.stop.is_set():
            raise _StoppedError
        if self._watch is not None:
            with self._lock:
                self._done += layers
                self._watch(self._done, self._steps)


def _drawing(
    settings: Settings, how: Plan, counter: _Counter
) -> Callable[[Streams, Trials], Chain]:
    """Return what makes the chains of a block."""
    model, given = settings.model, given_steps(settings)
    if onerow.applies(model, settings.rows):
        matrices = list(_matrices(settings, (("W", k, shape) for k, shape in _shapes(model))))

        def one_row(streams: Streams, trials: Trials) -> Chain:
            x = draw_input(settings, streams, trials)
            return OneRowChain(
                matrices,
                model.activations,
                model.drawn_biases,
                x,
                streams,
                trials,
                room=how.room,
                at_once=how.at_once,
            )

        return one_row
    addresses = [(address, k, shape) for address, k, shape in model.parameters if len(shape) == 2]
    asked = ((address.letter, k, shape) for address, k, shape in addresses)
    found = _matrices(settings, asked)
    weights = {address: weight for (address, _, _), weight in zip(addresses, found, strict=True)}

    def any_graph(streams: Streams, trials: Trials) -> Chain:
        return SampledChain(
            model.graph,
            weights,
            model.activations,
            model.drawn_biases,
            draw_input(settings, streams, trials),
            streams,
            trials,
            how.segment,
            counter,
            model.step_sizes if given is None else given,
        )

    return any_graph


def _shapes(model: Model) -> Iterator[tuple[int, tuple[int, int]]]:
    """Yield k and the shape of every W_k of the article's chain."""
    for k, (n_in, n_out) in enumerate(pairwise(model.sizes), 1):
        yield k, (n_out, n_in)


def _matrices(
    settings: Settings, asked: Iterable[tuple[str, int, tuple[int, ...]]]
) -> Iterator[SampledWeight]:
    """Yield what is known of matrices, given their letter, layer and shape: one for those alike."""
    model, rows = settings.model, settings.rows
    known: dict[object, SampledWeight] = {}
    last: tuple[object, ...] = ()
    for letter, k, shape in asked:
        kind = model.initializer(letter, k), shape, model.gain(k)
        # Told apart as objects where they follow each other: that is faster than to look them up.
        if not last or kind[0] is not last[0] or kind[2] is not last[2] or shape != last[1]:
            if kind not in known:
                initializer, (n_out, n_in), gain = kind
                scale = Magnitude.of(initializer.scale(n_in, n_out)) * gain
                known[kind] = SampledWeight(initializer.law, n_in, n_out, scale, rows)
            last, weight = kind, known[kind]
        yield weight


def _ratios(settings: Settings, chain: Chain, trials: Trials, _: _Counter) -> Magnitudes:
    return chain.ratios(partial(_loss_gradient, settings, trials))


def _measured(
    settings: Settings,
    chain: Chain,
    trials: Trials,
    counter: _Counter,
    *,
    entries: bool | None,
    forward: bool,
) -> Measured:
    model, census = settings.model, None
    if trials.number == 0 and model.graph.is_plain and _takes_entries(settings, chain, entries):
        census = Census(draw_input(settings, Streams(settings.seed), trials)[0])
    slopes = SlopeTally(model.activations)
    tally = ForwardTally(trials.width) if forward else None
    watchers = Watchers(slopes, tally, census)
    norms = chain.walk(partial(_loss_gradient, settings, trials), counter, watchers)
    shape = model.depth, trials.width
    weight = pooled([chain.weight_norms(letter) for letter in model.matrices], shape)
    value, constant = chain.value_norms(), chain.constant_lines()
    # Before more is made, what the walks took.
    del chain, watchers

    def together(letters: tuple[str, ...]) -> Magnitudes:
        return pooled([norms[letter] for letter in letters], shape)

    measured = Measured(
        grad_w=together(model.matrices),
        grad_b=together(model.biases),
        grad_a=together(model.graph.arguments),
        grad_f=norms["f"],
        weight=weight,
        value=value,
        graph=model.graph,
        slopes=slopes.read(),
        constant=constant,
        parameters={letter: norms[letter] for letter in model.letters},
        totals={},
        forward=None if tally is None else tally.read(),
    )
    if census is None:
        return measured
    return measured._replace(entries=census.entries(settings, measured))


def _takes_entries(settings: Settings, chain: Chain, asked: bool | None) -> bool:
    """Tell whether to take note of the first trial's entries: None asks where it costs little."""
    if asked is not None or not isinstance(chain, OneRowChain):
        return asked is not False
    is_light = settings.trials >= _MANY or sum(settings.model.sizes[1:]) <= _FEW
    return is_light and chain.keeps_first_trial


def _loss_gradient(settings: Settings, trials: Trials, output: Stack) -> Stack:
    """Return ∂L/∂f_N of each trial, shape (T, B, n_N)."""
    references = draw_reference(settings, Streams(settings.seed), trials)
    return losses.get(settings.loss).gradients(output, references)
