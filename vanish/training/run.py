"""Training: what becomes of a network whose gradient vanishes, and of one whose does not.

A classifier of `layers` hidden layers and an identity layer behind them is the chain of
the simulation, drawn by its initialisers and streams and differentiated by its chain rule,
with the softmax cross-entropy as its loss. Of a seed and trial every activation and depth
gets the same data, the same order of batches and the same unscaled weights.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vanish.errors import ForwardOverflowError, UsageError
from vanish.network import losses
from vanish.network.chain import Chain, Layer, Weight
from vanish.network.streams import Role, Streams, Trials
from vanish.numbers.scaled import Scaled
from vanish.readings import dense
from vanish.readings.plain import Parameters, Passes
from vanish.simulation import values
from vanish.simulation.measured import HIGH, LOW, MEDIAN, rank
from vanish.simulation.run import Draws, random_chain
from vanish.simulation.settings import Settings
from vanish.simulation.table import TRAINING
from vanish.system import memory
from vanish.training import data as datasets
from vanish.training import optimizers
from vanish.training.data import Data

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from vanish.numbers.scaled import FloatArray
    from vanish.simulation.profile import Cell
    from vanish.simulation.trials import Watch
    from vanish.training.data import Classes, Examples, Split

LAYERS, WIDTH, EPOCHS, BATCH = 2, 32, 100, 16

# The gradient is measured on so many examples at most, a random sample of a larger
# training part; accuracies and the loss on all of them, so many at a time.
MEASURED_ROWS = 1000

# Weights beyond this have diverged, though float64 still holds them.
_LARGEST = 2.0**500

# Of a hidden layer: its factors, operations and records, in bytes.
_BYTES_A_LAYER = 12_000


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class TrainingSettings:
    """All that the training of one network depends on.

    Attributes
    ----------
    act
        The activation of every hidden layer.
    layers
        How many hidden layers there are; an identity layer to as many units as there are
        classes follows.
    width
        The size of each.
    init
        The initialiser's name; ``auto`` takes each activation's conventional one. Biases
        start at 0.
    data
        What to learn: ``spirals``, ``digits``, the path of a .csv or .npz file, or `Data`.
    epochs
        How often to go through the training part.
    lr
        The learning rate; the optimizer's own where it is not given.
    batch
        How many examples there are to a step, all of them at most.
    optimizer
        ``sgd``, ``momentum`` or ``adam``.
    seed
        What all random numbers follow from.
    trials
        How many independent runs: data, weights and order are drawn anew for each.

    Raises
    ------
    VanishError
        If a setting is unknown or out of range, or the data cannot be read.
    """

    act: str = "sigmoid"
    layers: int = LAYERS
    width: int = WIDTH
    init: str = "auto"
    data: str | Data = datasets.SPIRALS
    epochs: int = EPOCHS
    lr: float | None = None
    batch: int = BATCH
    optimizer: str = "sgd"
    seed: int = 0
    trials: int = 1

    def __post_init__(self) -> None:
        values.take_all(self, TRAINING)
        optimizers.get(self.optimizer)
        if not isinstance(self.data, Data):
            object.__setattr__(self, "data", datasets.load(self.data))
        # Before a list as long as the chain is made.
        _require_memory(self, 0)
        # The others are checked by those who use them.
        _ = self.chain.activations, self.chain.initializers

    @property
    def source(self) -> Data:
        """The data themselves."""
        assert isinstance(self.data, Data)
        return self.data

    @cached_property
    def chain(self) -> Settings:
        """The chain that is trained, as settings of a simulation."""
        sizes = (self.source.features, *(self.width,) * self.layers, len(self.source.classes))
        return Settings(
            act=self.act,
            last_act="identity",
            widths=sizes,
            init=self.init,
            loss="cross_entropy",
            seed=self.seed,
        )

    @property
    def act_name(self) -> str:
        """The hidden layers' activation by its own name."""
        return self.chain.activations[0].name

    @property
    def init_name(self) -> str:
        """The hidden layers' initialiser by its own name."""
        return self.chain.initializers[0].name

    @property
    def lr_used(self) -> float:
        """The learning rate, given or the optimizer's own."""
        return optimizers.get(self.optimizer).lr if self.lr is None else self.lr

    def as_dict(self) -> dict[str, Any]:
        """Return every setting as it was used, ready for JSON."""
        used = {field.name: getattr(self, field.name) for field in fields(self)}
        return used | {
            "act": self.act_name,
            "init": self.init_name,
            "data": self.source.name,
            "lr": self.lr_used,
            "optimizer": optimizers.get(self.optimizer).name,
        }


class Outcome(StrEnum):
    """What came of the training."""

    LEARNED = "learned"
    PARTLY = "partly"
    CHANCE = "chance"
    DEAD = "dead"
    UNCHANGED = "unchanged"
    DIVERGED = "diverged"


class State(NamedTuple):
    """A network after some epochs.

    Attributes
    ----------
    train_accuracy, test_accuracy
        The share of each part that gets its own class.
    loss
        The mean cross-entropy over the training part.
    log10_grad_w, log10_grad_a
        log10 of ‖∂L/∂W_k‖ and ‖∂L/∂a_k‖ over (at most 1000 examples of) the training part,
        shape (N,), layer 1 first; -inf for a true zero.
    change
        ‖W_k - W_k(0)‖/‖W_k(0)‖, shape (N,).
    dead
        The share of the units of each layer with slope 0 on every one of these examples,
        shape (N,).
    """

    train_accuracy: float
    test_accuracy: float
    loss: float
    log10_grad_w: FloatArray
    log10_grad_a: FloatArray
    change: FloatArray
    dead: FloatArray

    @property
    def most_dead(self) -> int:
        """The hidden layer with the largest share of dead units, from 1."""
        return int(self.dead[:-1].argmax()) + 1

    @property
    def log10_ratio(self) -> float:
        """log10(‖∂L/∂a_1‖/‖∂L/∂a_N‖); -inf where either is zero."""
        return _ratio(self.log10_grad_a)

    @property
    def log10_ratio_w(self) -> float:
        """log10(‖∂L/∂W_1‖/‖∂L/∂W_N‖); -inf where either is zero."""
        return _ratio(self.log10_grad_w)


def _ratio(logs: FloatArray) -> float:
    first, last = float(logs[0]), float(logs[-1])
    return -math.inf if -math.inf in (first, last) else first - last


class Trial(NamedTuple):
    """One network, trained.

    Attributes
    ----------
    start
        Before the first step.
    end
        After the last one; None where it diverged.
    epochs
        How many epochs were trained, up to and with the one in which it diverged.
    outcome
        What came of it.
    chance
        The test accuracy of whoever always names the most frequent class.
    history
        The state after each epoch that was asked for, 0 being the start; None from the one
        on in which it diverged.
    """

    start: State
    end: State | None
    epochs: int
    outcome: Outcome
    chance: float
    history: Mapping[int, State | None]


class Training:
    """All trials of one network.

    Parameters
    ----------
    settings
        What was trained.
    trials
        What came of it.
    """

    def __init__(self, settings: TrainingSettings, trials: Sequence[Trial]) -> None:
        self.settings = settings
        self.trials = tuple(trials)

    @cached_property
    def median(self) -> Trial:
        """The trial with the median test accuracy, one that diverged being the lowest."""
        return sorted(self.trials, key=_rank)[rank(MEDIAN, len(self.trials))]

    @property
    def outcome(self) -> Outcome:
        """What came of the median trial."""
        return self.median.outcome

    @property
    def outcome_share(self) -> float:
        """The share of the trials of which the same came."""
        same = sum(trial.outcome is self.outcome for trial in self.trials)
        return same / len(self.trials)

    def row(self) -> dict[str, Cell]:
        """Return the network in one row: medians over the trials, each by itself.

        All are order statistics, in which a trial that diverged has the lowest accuracy and
        otherwise the largest number; its own are None.
        """
        starts, ends = [trial.start for trial in self.trials], [trial.end for trial in self.trials]
        several = len(self.trials) > 1

        def spread(share: float, of: Callable[[State], float]) -> float | None:
            return _quantile(ends, of, share, -math.inf) if several else None

        return {
            "act": self.settings.act_name,
            "layers": self.settings.layers,
            "width": self.settings.width,
            "init": self.settings.init_name,
            "train_accuracy": _quantile(ends, _train_accuracy, MEDIAN, -math.inf),
            "test_accuracy": _quantile(ends, _test_accuracy, MEDIAN, -math.inf),
            "loss": _quantile(ends, lambda state: state.loss, MEDIAN),
            "log10_ratio_start": _quantile(starts, lambda state: state.log10_ratio, MEDIAN),
            "log10_ratio_end": _quantile(ends, lambda state: state.log10_ratio, MEDIAN),
            "log10_ratio_w_start": _quantile(starts, lambda state: state.log10_ratio_w, MEDIAN),
            "log10_ratio_w_end": _quantile(ends, lambda state: state.log10_ratio_w, MEDIAN),
            "change_first": _quantile(ends, lambda state: float(state.change[0]), MEDIAN),
            "change_last": _quantile(ends, lambda state: float(state.change[-1]), MEDIAN),
            "outcome": self.outcome.value,
            "epochs": sorted(trial.epochs for trial in self.trials)[rank(MEDIAN, len(self.trials))],
            "chance": self.median.chance,
            "train_accuracy_p05": spread(LOW, _train_accuracy),
            "train_accuracy_p95": spread(HIGH, _train_accuracy),
            "test_accuracy_p05": spread(LOW, _test_accuracy),
            "test_accuracy_p95": spread(HIGH, _test_accuracy),
            "outcome_share": self.outcome_share if several else None,
            "dead_fraction_start": self._dead(starts),
            "dead_fraction_end": self._dead(ends),
        }

    def _dead(self, states: Iterable[State | None]) -> float | None:
        """Return the largest share of dead units of a hidden layer, where S' can be 0."""
        if not self.settings.chain.activations[0].flat:
            return None
        return _quantile(states, lambda state: float(state.dead[state.most_dead - 1]), MEDIAN)

    def layer_rows(self) -> list[dict[str, Cell]]:
        """Return one row an epoch and layer, epoch 0 being the start; of a kept history."""
        return [
            {
                "act": self.settings.act_name,
                "layers": self.settings.layers,
                "width": self.settings.width,
                "init": self.settings.init_name,
                "epoch": epoch,
                "layer": k + 1,
                "log10_grad_w": self.quantile(epoch, _of_layer("log10_grad_w", k)),
                "log10_grad_a": self.quantile(epoch, _of_layer("log10_grad_a", k)),
                "change": self.quantile(epoch, _of_layer("change", k)),
                "train_accuracy": self.quantile(epoch, _train_accuracy, worst=-math.inf),
                "test_accuracy": self.quantile(epoch, _test_accuracy, worst=-math.inf),
                "loss": self.quantile(epoch, lambda state: state.loss),
                "dead_fraction": self.quantile(epoch, _of_layer("dead", k))
                if self.settings.chain.activations[k].flat
                else None,
            }
            for epoch in self.trials[0].history
            for k in range(self.settings.layers + 1)
        ]

    def quantile(
        self,
        epoch: int,
        of: Callable[[State], float],
        share: float = MEDIAN,
        worst: float = math.inf,
    ) -> float | None:
        """Return a quantile over the trials of what they were after an epoch.

        Parameters
        ----------
        epoch
            Which one, 0 for the start, of a kept history.
        of
            What is asked of a state.
        share
            Which quantile.
        worst
            What stands for a trial that has diverged.
        """
        return _quantile([trial.history[epoch] for trial in self.trials], of, share, worst)


def _train_accuracy(state: State) -> float:
    return state.train_accuracy


def _test_accuracy(state: State) -> float:
    return state.test_accuracy


def _of_layer(name: str, k: int) -> Callable[[State], float]:
    return lambda state: float(getattr(state, name)[k])


def _rank(trial: Trial) -> float:
    return -math.inf if trial.end is None else trial.end.test_accuracy


def _quantile(
    states: Iterable[State | None],
    of: Callable[[State], float],
    share: float,
    worst: float = math.inf,
) -> float | None:
    """Return an order statistic; None where it is a true zero or of one that diverged."""
    found = order_statistic(states, of, share, worst)
    return found if math.isfinite(found) else None


def order_statistic(
    states: Iterable[State | None],
    of: Callable[[State], float],
    share: float = MEDIAN,
    worst: float = math.inf,
) -> float:
    """Return a quantile over trials, as it is: log10 of a true zero is -inf.

    Parameters
    ----------
    states
        Of each trial; None where it diverged.
    of, share, worst
        As for `Training.quantile`.
    """
    values = sorted(worst if state is None else float(of(state)) for state in states)
    return values[rank(share, len(values))]


def train(
    settings: TrainingSettings | None = None,
    /,
    *,
    history: Collection[int] = (),
    watch: Watch | None = None,
    **options: Any,
) -> Training:
    """Train a network, and see whether it learned.

    Parameters
    ----------
    settings
        What to train; or its fields as keywords, see `TrainingSettings`.
    history
        After which epochs to measure every layer, such as ``range(101)``; 0 is the start.
    watch
        Called with how much work is done and how much there is, for a progress bar.

    Raises
    ------
    VanishError
        If the settings are at odds, or the run does not fit into memory.

    Examples
    --------
    >>> training = train(act="sigmoid", layers=16, epochs=2)
    >>> training.outcome.value
    'chance'
    """
    if settings is not None and options:
        raise UsageError(f"settings beside {', '.join(options)}: give one of them")
    settings = settings or TrainingSettings(**options)
    return next(train_all([settings], history=history, watch=watch))


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
    history, watch
        As for `train`.
    """
    networks = list(all_settings)
    for settings in networks:
        _require_memory(settings, len(history))
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


def _require_memory(settings: TrainingSettings, kept: int) -> None:
    """Refuse what does not fit, before any of it is made."""
    depth = settings.layers + 1
    what = f"a network of {settings.layers:,} hidden layers of width {settings.width:,}"
    remedy = "give fewer --layers or a smaller --width"
    sizes = settings.source.features, settings.width, len(settings.source.classes)
    weights = sizes[0] * sizes[1] + (settings.layers - 1) * sizes[1] ** 2 + sizes[1] * sizes[2]
    # Parameters: now, at first, their gradients, the optimizer's two, and to measure them.
    # Of an example: values before and after S, slopes and gradients, each way twice.
    needed = _BYTES_A_LAYER * depth + 8 * (7 * weights + 8 * MEASURED_ROWS * sum(sizes) * depth)
    needed += 3 * 8 * depth * kept * settings.trials
    memory.require(needed, what, remedy)


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
        self._activations = chain.activations
        streams = Streams(settings.seed)
        self.orders = streams.generator(Role.ORDER, trial=trial)
        self.parameters, self.gradients = Parameters(chain.sizes), Parameters(chain.sizes)
        drawn = random_chain(chain, streams, Draws(streams, trial), Trials.one(trial, chain.sizes))
        for weight, layer in zip(self.parameters.weights, drawn.layers, strict=True):
            weight[...] = layer.weight.multiplied_out()
        self._first = [weight.copy() for weight in self.parameters.weights]
        self._norms = [Scaled(weight).norm() for weight in self._first]
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
        """
        epochs = self.settings.epochs
        before = self.parameters.vector.copy()
        start = end = self.state()
        assert start is not None
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
        same = bool((before == self.parameters.vector).all())
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
            found = Passes(self._activations, self.parameters, self.gradients, rows)
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
        chain = Chain(
            tuple(
                Layer(Weight.of(weight), bias, activation)
                for weight, bias, activation in zip(
                    self.parameters.weights,
                    self.parameters.biases,
                    self._activations,
                    strict=True,
                )
            )
        )
        try:
            trace = chain.forward(x)
        except ForwardOverflowError:
            return None
        classes = y[:, None].astype(np.float64)
        loss_gradient = losses.get("cross_entropy").gradient(trace.output, classes)
        logs = {"W": np.empty(len(chain.layers)), "a": np.empty(len(chain.layers))}
        for variable, gradient in dense.arrays(chain, trace, loss_gradient):
            if variable.letter in logs:
                log10 = gradient.norm().log10
                logs[variable.letter][variable.layer - 1] = -math.inf if log10 is None else log10
        dead = np.array([1.0 - slopes.any(axis=0).mean() for slopes in trace.slopes])
        return State(
            train_accuracy, test_accuracy, loss, logs["W"], logs["a"], self._change(), dead
        )

    def _change(self) -> FloatArray:
        now = self.parameters.weights
        moved = (Scaled(w - first).norm() for w, first in zip(now, self._first, strict=True))
        return np.array([float(d / norm) for d, norm in zip(moved, self._norms, strict=True)])

    def _examine(self, examples: Examples) -> tuple[float, float]:
        """Return the accuracy and the mean loss on one part."""
        right, total = 0, 0.0
        edges = [*range(0, len(examples.y), MEASURED_ROWS), len(examples.y)]
        for first, stop in pairwise(edges):
            logits = self._passes_of(stop - first).forward(examples.x[first:stop])
            classes = examples.y[first:stop]
            right += int((logits.argmax(axis=1) == classes).sum())
            total += losses.cross_entropy(logits, classes) * (stop - first)
        return right / len(examples.y), total / len(examples.y)


def _outcome(end: State | None, split: Split, *, same: bool) -> Outcome:
    """Return what came of a training.

    Whoever always names the most frequent class of a test part of n examples is right with
    a share p. An accuracy of at most two standard errors above, p + 2√(p(1-p)/n), is chance;
    and to have learned is to make at most half as many mistakes as that.
    """
    if end is None:
        return Outcome.DIVERGED
    if same:
        return Outcome.UNCHANGED
    p, n = split.chance, len(split.test.y)
    if end.test_accuracy <= p + 2.0 * math.sqrt(p * (1.0 - p) / n):
        return Outcome.DEAD if end.log10_grad_a[0] == -math.inf else Outcome.CHANCE
    return Outcome.LEARNED if 1.0 - end.test_accuracy <= 0.5 * (1.0 - p) else Outcome.PARTLY
