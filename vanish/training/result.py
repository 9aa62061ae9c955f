"""What came of a training: the states of its networks, and quantiles over its trials."""

from __future__ import annotations

import math
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from vanish.simulation.measured import HIGH, LOW, MEDIAN, rank

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from vanish.numbers.scaled import FloatArray
    from vanish.simulation.profile import Cell
    from vanish.training.settings import TrainingSettings


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
