"""The signal's course from the last layer to the first: its ratio, and what follows from that.

Whatever the layers are, a chain that was simulated or the modules of somebody's own network:
the verdict and its sentences are made from this alone.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from vanish.records import Record
from vanish.simulation.cells import log10
from vanish.simulation.measured import MEDIAN, magnitude_quantiles, quantile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vanish.numbers.scaled import FloatArray, Magnitude
    from vanish.numbers.stack import Magnitudes
    from vanish.simulation.faults import Fault, Faults
    from vanish.simulation.thresholds import Thresholds


class Verdict(StrEnum):
    """What became of the gradient on its way from layer N to layer 1."""

    VANISHING = "vanishing"
    EXPLODING = "exploding"
    STABLE = "stable"
    DEAD = "dead"


class Flow(Record):
    """What is compared from end to end, a row a layer and a column a trial.

    Attributes
    ----------
    signal
        The signal going back, of the layers in which it is seen, shape (N, T).
    grad_w, weight
        ‖∂L/∂W‖ and ‖W‖ of those whose weights move, shape (M, T).
    """

    signal: Magnitudes
    grad_w: Magnitudes
    weight: Magnitudes


class Learner(Protocol):
    """A layer whose weights move."""

    @property
    def layer(self) -> int:
        """Its number."""

    @property
    def grad_w(self) -> Magnitude:
        """‖∂L/∂W‖."""

    @property
    def relative(self) -> Magnitude | None:
        """‖∂L/∂W‖/‖W‖."""


class Course(ABC):
    """What became of the signal, in one trial or in the median of several.

    Parameters
    ----------
    flow
        What is compared.
    thresholds
        By which the verdict is made.
    """

    def __init__(self, flow: Flow, thresholds: Thresholds) -> None:
        self.flow: Final[Flow] = flow
        self.thresholds: Final[Thresholds] = thresholds
        # Of each trial, zero where either is.
        self.ratios = _end_to_end(flow.signal)
        self.ratios_w = _end_to_end(flow.grad_w)

    @property
    @abstractmethod
    def signal(self) -> str:
        """What is compared from layer to layer, by its letter."""

    @property
    @abstractmethod
    def ends(self) -> tuple[int, int]:
        """The numbers of the first and of the last layer in which the signal is seen."""

    @property
    @abstractmethod
    def learners(self) -> Sequence[Learner]:
        """The layers whose weights move, the first one first."""

    @property
    @abstractmethod
    def faults(self) -> Faults:
        """The layers that change the signal going back quite unlike the others."""

    @property
    def is_chain(self) -> bool:
        """Whether each layer takes what the one before it gives, so that steps have a meaning."""
        return True

    @property
    def has_one_layer(self) -> bool:
        """Whether there is nothing but the layer in which the signal is seen."""
        return self.steps == 0

    @property
    def is_made_for_its_depth(self) -> bool:
        """Whether other numbers of layers would have other layers, as x + S(Wx+b)/√layers has."""
        return False

    @property
    def shares_weights(self) -> bool:
        """Whether all layers share a matrix, so that none of them learns by itself."""
        return False

    @property
    def is_rank_one(self) -> bool:
        """Whether ∂L/∂W_k is a column times a row, so that it is 0 where the input of W_k is."""
        return False

    @property
    def predicted_decades_per_layer(self) -> float | None:
        """What mean-field theory expects of `decades_per_layer`, if it applies."""
        return None

    @property
    def log10_growth(self) -> float | None:
        """log10(‖f_{N-1}‖/‖f_0‖), by how much activations grow on their way to W_N.

        None where ‖∂L/∂W_k‖ is not made of ‖∂L/∂a_k‖ and ‖f_{k-1}‖.
        """
        return None

    @property
    def steps(self) -> int:
        """How many steps from layer to layer there are, N - 1."""
        return len(self.flow.signal.mantissas) - 1

    @property
    def trials(self) -> int:
        """T, how often the layers were measured."""
        return int(self.flow.signal.mantissas.shape[1])

    def ratio_quantile(self, share: float) -> Magnitude | None:
        """Return a quantile of the signal's ratio, first layer to last, over the trials.

        None for one layer, or where it is zero.
        """
        return _quantile(self.ratios, share) if self.steps > 0 else None

    @property
    def ratio(self) -> Magnitude | None:
        """The signal's, layer 1 to N, the median; None for one layer, or where either is zero.

        ‖∂L/∂a_1‖/‖∂L/∂a_N‖ in the article's chain, ‖∂L/∂f_1‖/‖∂L/∂f_N‖ in any other.
        """
        return self.ratio_quantile(MEDIAN)

    @property
    def log10_ratio(self) -> float | None:
        """The decimal logarithm of the ratio."""
        return log10(self.ratio)

    def log10_ratio_quantile(self, share: float) -> float | None:
        """Return log10 of such a quantile; None for a single trial."""
        return log10(self.ratio_quantile(share)) if self.trials > 1 else None

    @property
    def log10_ratio_w(self) -> float | None:
        """The same of the weights' gradients, ‖∂L/∂W_1‖/‖∂L/∂W_N‖.

        It is blind where S(0) = 0: ‖f_{k-1}‖ shrinks as fast as ‖∂L/∂a_k‖ grows.
        """
        return self._log10_of_weights(self.ratios_w)

    @property
    def log10_relative_ratio(self) -> float | None:
        """The same of what they are of the weights themselves, ‖∂L/∂W‖/‖W‖."""
        return self._log10_of_weights(_end_to_end(self.flow.grad_w.over(self.flow.weight)))

    def _log10_of_weights(self, ratios: Magnitudes) -> float | None:
        several = len(self.flow.grad_w.mantissas) > 1
        return log10(_quantile(ratios, MEDIAN)) if several else None

    @property
    def log10_gains_back(self) -> list[float]:
        """log10 of the factors from layer k+1 to layer k that are known, layer 1 first."""
        signal = self.flow.signal
        gains = signal.at(slice(None, -1)).over(signal.at(slice(1, None)))
        (medians,) = magnitude_quantiles(gains, MEDIAN)
        logs = (gain.log10 for gain in medians.listed())
        return [each for each in logs if each is not None]

    @property
    def named_faults(self) -> tuple[Fault, ...]:
        """Those of them that the verdict is about.

        Where the signal vanishes or explodes, those that make up at least half of its change;
        where it is stable, those that would be far from it by themselves.
        """
        if self.verdict is Verdict.STABLE:
            return self.faults.hidden
        return self.faults.explaining(self.log10_ratio)

    @property
    def decades_per_layer(self) -> float | None:
        """Powers of ten that the gradient gains on its way back, a layer; None of no chain."""
        if self.log10_ratio is None or not self.is_chain:
            return None
        return self.log10_ratio / self.steps

    @property
    def verdict(self) -> Verdict:
        """The verdict on the median trial, by the thresholds."""
        median = quantile(self.ratios.log10, MEDIAN)
        return next(verdict for verdict, holds in self._holds(median[None]).items() if holds.all())

    @cached_property
    def verdict_shares(self) -> dict[str, float]:
        """The share of the trials with each verdict."""
        holds = self._holds(self.ratios.log10)
        return {verdict.value: float(held.mean()) for verdict, held in holds.items()}

    def _holds(self, log10_ratios: FloatArray) -> dict[Verdict, NDArray[np.bool_]]:
        """Return which of some ratios each verdict is true of."""
        dead = np.isneginf(log10_ratios)
        below = log10_ratios < math.log10(self.thresholds.vanish_below)
        above = log10_ratios > math.log10(self.thresholds.explode_above)
        if self.steps == 0:
            below = above = np.zeros_like(dead)
        return {
            Verdict.VANISHING: below & ~dead,
            Verdict.EXPLODING: above & ~dead,
            Verdict.STABLE: ~(below | above | dead),
            Verdict.DEAD: dead,
        }


def _end_to_end(numbers: Magnitudes) -> Magnitudes:
    """Return the first over the last, of each trial; nothing of nothing."""
    return numbers.at(0).over(numbers.at(-1)) if len(numbers.mantissas) else numbers.at(slice(0))


def _quantile(ratios: Magnitudes, share: float) -> Magnitude | None:
    (found,) = magnitude_quantiles(ratios.at(None), share)
    return found.listed()[0] or None
