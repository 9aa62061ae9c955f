"""What a network is after some epochs, and order statistics of many."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vanish.records import Record
from vanish.simulation.measured import MEDIAN, rank

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vanish.numbers.scaled import FloatArray


class State(Record):
    """A network after some epochs.

    Attributes
    ----------
    train_accuracy, test_accuracy
        The share of each part that gets its own class.
    loss
        The mean cross-entropy over the training part.
    log10_grad_w, log10_grad_a, log10_grad_f
        log10 of ‖∂L/∂W_k‖, ‖∂L/∂a_k‖ and ‖∂L/∂f_k‖ over (at most 1000 examples of) the training
        part, shape (N,), layer 1 first; -inf for a true zero. Of several matrices or arguments
        of S in a layer the root of the sum of squares, of one that all layers share layer k's part.
    change
        ‖W_k - W_k(0)‖/‖W_k(0)‖ over all matrices of each layer, shape (N,); nan of none.
    dead
        The share of the units of each layer with slope 0 on every one of these examples,
        shape (N,).
    signal
        What is compared from layer to layer, a or f: see `TrainingSettings.signal`.
    """

    train_accuracy: float
    test_accuracy: float
    loss: float
    log10_grad_w: FloatArray
    log10_grad_a: FloatArray
    log10_grad_f: FloatArray
    change: FloatArray
    dead: FloatArray
    signal: str = "a"

    @property
    def most_dead(self) -> int:
        """The hidden layer with the largest share of dead units, from 1."""
        return int(self.dead[:-1].argmax()) + 1

    @property
    def is_dead(self) -> bool:
        """Whether layer 1 gets a gradient of exactly 0."""
        # With a skip no ∂L/∂a is all that it gets.
        of_first = self.log10_grad_a if self.signal == "a" else self.log10_grad_w
        return float(of_first[0]) == -math.inf

    @property
    def log10_ratio(self) -> float:
        """log10 of the signal of layer 1 over that of layer N; -inf where either is zero."""
        return _ratio(self.log10_grad_a if self.signal == "a" else self.log10_grad_f)

    @property
    def log10_ratio_w(self) -> float:
        """log10(‖∂L/∂W_1‖/‖∂L/∂W_N‖); -inf where either is zero."""
        return _ratio(self.log10_grad_w)


def _ratio(logs: FloatArray) -> float:
    first, last = float(logs[0]), float(logs[-1])
    return -math.inf if -math.inf in (first, last) else first - last


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


def known(
    states: Iterable[State | None],
    of: Callable[[State], float],
    share: float = MEDIAN,
    worst: float = math.inf,
) -> float | None:
    """Return an order statistic; None where it is a true zero's or of one that diverged."""
    found = order_statistic(states, of, share, worst)
    return found if math.isfinite(found) else None
