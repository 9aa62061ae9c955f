"""What a network is after some epochs, and order statistics of many."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from vanish.simulation.measured import MEDIAN, rank

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vanish.numbers.scaled import FloatArray


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
