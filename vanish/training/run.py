"""Training: what becomes of a network whose gradient vanishes, and of one whose does not.

A classifier of `layers` hidden layers and an identity layer behind them is the network of
the simulation, drawn by its initialisers and streams and differentiated by its chain rule,
with the softmax cross-entropy as its loss. Of a seed and trial every activation and depth
gets the same data, the same order of batches and the same unscaled weights.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from vanish.errors import ForwardOverflowError
from vanish.network import losses
from vanish.network.chain import Chain
from vanish.network.streams import Role, Streams, Trials
from vanish.network.weights import Weight
from vanish.numbers.scaled import Magnitude, Scaled, pooled
from vanish.numbers.words import plural
from vanish.readings import dense
from vanish.readings.inplace import Parameters, Passes
from vanish.simulation.drawing import Draws, the_chain
from vanish.training import optimizers
from vanish.training.result import Outcome, Training, Trial
from vanish.training.settings import MEASURED_ROWS, TrainingSettings, require_memory, require_rows
from vanish.training.state import State

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from vanish.network.graph import Graph, Variable
    from vanish.numbers.scaled import FloatArray
    from vanish.readings.dense import Trace
    from vanish.simulation.trials import Watch
    from vanish.training.data import Classes, Examples, Split

# Weights beyond this have diverged, though float64 still holds them.
_LARGEST = 2.0**500


def train_all(
    all_settings: Iterable[TrainingSettings],
    *,
    history: Collection[int] = (),
    watch: Watch | None = None,
) -> Iterator[Training]:
    """Train several networks; those of one seed share their random numbers.

    Parameters
    ----------
    all_settings
        One record a network.
    history
        After which epochs to measure every layer, such as ``range(101)``; 0 is the start.
    watch
        Called with how much work is done and how much there is, for a progress bar.

    Raises
    ------
    VanishError
        If a run does not fit into memory.
    """
    networks = list(all_settings)
    for settings in networks:
        require_memory(settings, len(history))
    # A deep network takes longer than a shallow one.
    work = sum(each.trials * each.epochs * (each.layers + 1) for each in networks)
    done = 0
    splits: dict[tuple[int, int, int], Split] = {}
    for settings in networks:
        trials = []
        for trial in range(settings.trials):
            address = id(settings.source), settings.seed, trial
            if address not in splits:
                splits[address] = settings.source.split(Streams(settings.seed), trial)
            require_rows(settings, splits[address])
            run = Run(settings, splits[address], trial)
            ends_at = done + settings.epochs * (settings.layers + 1)

            def step() -> None:
                nonlocal done
                done += settings.layers + 1  # noqa: B023 - called before the next one
                if watch is not None:
                    watch(done, work)

            trials.append(run.train(step, history))
            done = ends_at
        yield Training(settings, trials)


class Run:
    """The training of one network on one trial's data.

    Parameters
    ----------
    settings
        What to train.
    split
        What to learn, and what to be examined on.
    trial
        Which of the independent trials it is, from 0.

    Attributes
    ----------
    parameters
        W_k and b_k as they are.
    gradients
        Those of the last batch's loss by them, which the step after it may have changed.
    orders
        What the order of the examples is drawn from, epoch by epoch.
    """

    def __init__(self, settings: TrainingSettings, split: Split, trial: int = 0) -> None:
        self.settings, self.split = settings, split
        chain = settings.chain
        self._activations = chain.model.activations
        streams = Streams(settings.seed)
        self.orders = streams.generator(Role.ORDER, number=trial)
        shapes = {address: shape for address, _, shape in chain.model.parameters}
        self.parameters, self.gradients = Parameters(shapes), Parameters(shapes)
        one = Trials.one(trial, chain.model.sizes)
        drawn = the_chain(chain, Draws(streams, trial), one, split.train.x).parameters
        self._first: dict[Variable, FloatArray] = {}
        for address, view in self.parameters.by_address.items():
            found = drawn[address]
            if isinstance(found, Weight):
                view[...] = found.multiplied_out()
                self._first[address] = view.copy()
            elif found is not None:
                view[...] = found
        self._matrices = _matrices(chain.model.graph)
        self._norms = self._by_layer(self._first)
        optimizer = optimizers.get(settings.optimizer)
        self._update = optimizer.start(settings.lr_used, len(self.parameters.vector))
        self._passes: dict[int, Passes] = {}

    def train(self, step: Callable[[], None], history: Collection[int] = ()) -> Trial:
        """Train to the end, or until it diverges.

        Parameters
        ----------
        step
            Called after each epoch.
        history
            After which of them to keep a state.

        Raises
        ------
        ForwardOverflowError
            If the values leave float64 before the first epoch.
        """
        epochs = self.settings.epochs
        start = end = self.state()
        if start is None:
            raise ForwardOverflowError(
                f"block {self.settings.block!r} of {plural(self.settings.layers, 'hidden layer')}:"
                " the values grow past 1.8e308, the largest float64, before the first step",
                "give fewer layers, or another block",
            )
        states: dict[int, State | None] = {0: start}
        epoch, finite = 0, True
        while epoch < epochs and finite:
            self.epoch()
            epoch += 1
            finite = self._is_finite()
            if finite and (epoch in history or epoch == epochs):
                end = states[epoch] = self.state()
            step()
        end = end if finite else None
        now = self.parameters.by_address
        same = all((now[at] == first).all() for at, first in self._first.items())
        outcome = _outcome(end, self.split, same=same)
        kept = {epoch: states.get(epoch) for epoch in sorted(history) if epoch <= epochs}
        return Trial(start, end, epoch, outcome, self.split.chance, kept)

    def epoch(self) -> None:
        """Go through the training part once, in an order of its own."""
        examples = self.split.train
        order = self.orders.permutation(len(examples.y))
        x, y = examples.x[order], examples.y[order]
        batch = self.settings.batch
        parameters, gradients, update = self.parameters, self.gradients, self._update
        with np.errstate(all="ignore"):  # what is not finite afterwards has diverged
            for first in range(0, len(y), batch):
                self.differentiate(x[first : first + batch], y[first : first + batch])
                update(parameters.vector, gradients.vector)

    def differentiate(self, x: FloatArray, y: Classes) -> None:
        """Put the gradient of a batch's loss into `gradients`."""
        passes = self._passes_of(len(y))
        losses.cross_entropy_gradient(passes.forward(x), y, passes.loss_gradient)
        passes.backward()

    def _passes_of(self, rows: int) -> Passes:
        """Return the arrays for batches of that size; there are two sizes, or one more."""
        found = self._passes.get(rows)
        if found is None:
            sizes = self.settings.chain.model.sizes
            found = Passes(
                self.settings.chain.model.graph,
                self._activations,
                self.parameters.by_address,
                self.gradients.by_address,
                *(sizes[0], sizes[-1], rows),
            )
            self._passes[rows] = found
        return found

    def _is_finite(self) -> bool:
        """Tell whether every parameter is still a number of some use."""
        vector = self.parameters.vector
        return bool(vector.min() > -_LARGEST and vector.max() < _LARGEST)

    def state(self) -> State | None:
        """Measure the network; None where its loss is not finite."""
        train, test = self.split
        with np.errstate(all="ignore"):
            train_accuracy, loss = self._examine(train)
            test_accuracy, _ = self._examine(test)
        if not math.isfinite(loss):
            return None
        x, y = train.x[:MEASURED_ROWS], train.y[:MEASURED_ROWS]
        graph = self.settings.chain.model.graph
        parameters = {
            address: Weight.of(view) if view.ndim == 2 else view
            for address, view in self.parameters.by_address.items()
        }
        try:
            trace = dense.trace(Chain(graph, parameters, self._activations), x)
        except ForwardOverflowError:
            return None
        classes = y[:, None].astype(np.float64)
        gradient = losses.get("cross_entropy").gradient(trace.output, classes)
        return State(
            train_accuracy,
            test_accuracy,
            loss,
            **_log10_norms(trace, gradient),
            change=self._change(),
            dead=_dead(trace),
            signal=self.settings.signal,
        )

    def _change(self) -> FloatArray:
        now = self.parameters.by_address
        moved = self._by_layer({at: now[at] - first for at, first in self._first.items()})
        return np.array(
            [
                float(d / norm) if norm else math.nan
                for d, norm in zip(moved, self._norms, strict=True)
            ]
        )

    def _by_layer(self, matrices: Mapping[Variable, FloatArray]) -> list[Magnitude]:
        """Return the norm of all matrices of each layer, layer 1 first."""
        norms = {address: Scaled(matrix).norm() for address, matrix in matrices.items()}
        return [pooled(norms[address] for address in layer) for layer in self._matrices]

    def _examine(self, examples: Examples) -> tuple[float, float]:
        """Return the accuracy and the mean loss on one part."""
        right, total = 0, 0.0
        count = len(examples.y)
        # What goes by the rows of a batch goes by all of them.
        at_once = count if self.settings.compares_rows else MEASURED_ROWS
        edges = [*range(0, count, at_once), count]
        for first, stop in pairwise(edges):
            logits = self._passes_of(stop - first).forward(examples.x[first:stop])
            classes = examples.y[first:stop]
            right += int((logits.argmax(axis=1) == classes).sum())
            total += losses.cross_entropy(logits, classes) * (stop - first)
        return right / len(examples.y), total / len(examples.y)


def _matrices(graph: Graph) -> list[list[Variable]]:
    """Return the addresses of the matrices of each layer, layer 1 first."""
    found = []
    for block, first, last in graph.runs:
        matrices = [slot for slot in block.slots if slot.letter.isupper()]
        found += [[slot.at(k) for slot in matrices] for k in range(first, last + 1)]
    return found


def _log10_norms(trace: Trace, loss_gradient: Scaled) -> dict[str, FloatArray]:
    """Return log10 of ‖∂L/∂W_k‖, ‖∂L/∂a_k‖ and ‖∂L/∂f_k‖, by the names that `State` has."""
    graph = trace.chain.graph
    # Norms of each layer k, by those names.
    found: dict[str, dict[int, list[Magnitude]]] = {
        name: {k: [] for k in range(1, graph.depth + 1)}
        for name in ("log10_grad_w", "log10_grad_a", "log10_grad_f")
    }
    for (letter, k), gradient in dense.arrays(trace, loss_gradient):
        # Layer 0 has x, and the sums of what all layers share.
        if not k:
            continue
        if letter.isupper():
            found["log10_grad_w"][k].append(gradient.norm())
        elif letter in graph.block(k).arguments:
            found["log10_grad_a"][k].append(gradient.norm())
        elif letter == "f":
            found["log10_grad_f"][k].append(gradient.norm())
    logs = {name: [pooled(norms).log10 for norms in each.values()] for name, each in found.items()}
    return {
        name: np.array([-math.inf if log10 is None else log10 for log10 in each])
        for name, each in logs.items()
    }


def _dead(trace: Trace) -> FloatArray:
    """Return the share of units with slope 0 on every row, shape (N,); 0 of no unit."""
    found = []
    for block, first, last in trace.chain.graph.runs:
        places = block.places("activate")
        for k in range(first, last + 1):
            alive = [trace.kept[k][place].any(axis=0) for place in places]
            found.append(1.0 - np.concatenate(alive).mean() if alive else 0.0)
    return np.array(found)


def _outcome(end: State | None, split: Split, *, same: bool) -> Outcome:
    """Return what came of a training.

    Whoever always names the most frequent class of a test part of n examples is right with
    a share p. An accuracy of at most two standard errors above, p + 2√(p(1-p)/n), is chance;
    and to have learned is to make at most half as many mistakes as that.
    """
    if end is None:
        return Outcome.DIVERGED
    if same:
        return Outcome.DEAD if end.is_dead else Outcome.UNCHANGED
    p, n = split.chance, len(split.test.y)
    if end.test_accuracy <= p + 2.0 * math.sqrt(p * (1.0 - p) / n):
        return Outcome.DEAD if end.is_dead else Outcome.CHANCE
    return Outcome.LEARNED if 1.0 - end.test_accuracy <= 0.5 * (1.0 - p) else Outcome.PARTLY
