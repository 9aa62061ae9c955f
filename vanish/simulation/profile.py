"""The result: the gradients layer by layer, their ratio from end to end, and the verdict."""

from __future__ import annotations

import math
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from vanish.network import activations
from vanish.readings.slopes import graph_bound
from vanish.simulation import faults
from vanish.simulation.columns import LAYERS, log10
from vanish.simulation.layers import LayerRecord, expected_of, records
from vanish.simulation.measured import MEDIAN, Measured, magnitude_quantiles, quantile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from vanish.columns import Cell
    from vanish.numbers.scaled import FloatArray, Magnitude
    from vanish.numbers.stack import Magnitudes
    from vanish.readings import meanfield
    from vanish.simulation.faults import Fault, Faults
    from vanish.simulation.settings import Settings


class Verdict(StrEnum):
    """What became of the gradient on its way from layer N to layer 1."""

    VANISHING = "vanishing"
    EXPLODING = "exploding"
    STABLE = "stable"
    DEAD = "dead"


class Profile:
    """The gradients of one chain, or of the median of several trials, layer by layer.

    Parameters
    ----------
    settings
        What was simulated.
    engine
        How: the name of the reading, ``dense`` or ``sampled``.
    measured
        All that was measured, trial by trial.
    """

    def __init__(self, settings: Settings, engine: str, measured: Measured) -> None:
        self.settings: Final[Settings] = settings
        self.engine: Final[str] = engine
        self.measured: Final[Measured] = measured
        # Of each trial, zero where either is.
        self.ratios = measured.signal.at(0).over(measured.signal.at(-1))
        self.ratios_w = measured.grad_w.at(0).over(measured.grad_w.at(-1))

    @cached_property
    def layers(self) -> tuple[LayerRecord, ...]:
        """One record a layer, layer 1 first."""
        return tuple(records(self.settings, self.measured, self.expected))

    @property
    def expected(self) -> list[meanfield.Expected]:
        """What mean-field theory expects of each layer; nothing where it is silent."""
        return self._theory[0]

    @property
    def no_law(self) -> str:
        """What mean-field theory has no law for, where that is why nothing is expected."""
        return self._theory[1]

    @cached_property
    def _theory(self) -> tuple[list[meanfield.Expected], str]:
        return expected_of(self.settings)

    @cached_property
    def bounds(self) -> Mapping[str, Magnitude]:
        """The slopes' bound for the sigmoid, ReLU and every activation of the run, by name.

        sup|S'|^N in the article's chain. Those whose slopes have no supremum have none.
        """
        own = {each.name: each for each in self.settings.model.activations}
        wanted = {"sigmoid", "relu", *own}
        known = {name: activations.get(name) for name in activations.names() if name in wanted}
        # In the order of the registry, behind it those that are not in it.
        graph = self.measured.graph
        shown = {name: each for name, each in (known | own).items() if each.has_bound}
        return {name: graph_bound(each, graph) for name, each in shown.items()}

    @property
    def signal(self) -> str:
        """What is compared from layer to layer, by its letter: see `Graph.signal`."""
        return self.measured.graph.signal

    @property
    def trials(self) -> int:
        """T, the number of independent chains."""
        return self.settings.trials

    def ratio_quantile(self, share: float) -> Magnitude | None:
        """Return a quantile of the signal's ratio, layer 1 to N, over the trials.

        None for one layer, or where it is zero.
        """
        return self._quantile(self.ratios, share)

    def _quantile(self, ratios: Magnitudes, share: float) -> Magnitude | None:
        (found,) = magnitude_quantiles(ratios.at(None), share)
        (ratio,) = found.listed()
        return ratio if self.settings.model.depth > 1 and ratio else None

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
        return log10(self._quantile(self.ratios_w, MEDIAN))

    @property
    def log10_relative_ratio(self) -> float | None:
        """The same of what they are of the weights themselves, ‖∂L/∂W‖/‖W‖."""
        relative = self.measured.grad_w.over(self.measured.weight)
        return log10(self._quantile(relative.at(0).over(relative.at(-1)), MEDIAN))

    @property
    def log10_gains_back(self) -> list[float]:
        """log10 of the factors from layer k+1 to layer k that are known, layer 1 first."""
        logs = (log10(layer.gain_back) for layer in self.layers)
        return [each for each in logs if each is not None]

    @property
    def log10_growth(self) -> float | None:
        """log10(‖f_{N-1}‖/‖f_0‖), by how much activations grow on their way to W_N."""
        value = self.measured.value
        return log10(self._quantile(value.at(-2).over(value.at(0)), MEDIAN))

    @cached_property
    def faults(self) -> Faults:
        """The layers that change the signal going back quite unlike the others."""
        return faults.find(self.measured)

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
        """Powers of ten that the gradient gains on its way back, a layer."""
        return (
            None if self.log10_ratio is None else self.log10_ratio / (self.settings.model.depth - 1)
        )

    @property
    def predicted_log10_ratio(self) -> float | None:
        """What mean-field theory expects of `log10_ratio`, if it applies."""
        if self.settings.model.depth == 1 or not self.expected:
            return None
        first, last = self.layers[0].predicted_signal, self.layers[-1].predicted_signal
        return (first / last).log10 if first and last else None

    @property
    def predicted_decades_per_layer(self) -> float | None:
        """What mean-field theory expects of `decades_per_layer`, if it applies."""
        ratio = self.predicted_log10_ratio
        return None if ratio is None else ratio / (self.settings.model.depth - 1)

    @property
    def verdict(self) -> Verdict:
        """The verdict on the median trial, by the thresholds of the settings."""
        median = quantile(self.ratios.log10, MEDIAN)
        return next(verdict for verdict, holds in self._holds(median[None]).items() if holds.all())

    @property
    def verdict_shares(self) -> dict[str, float]:
        """The share of the trials with each verdict."""
        holds = self._holds(self.ratios.log10)
        return {verdict.value: float(held.mean()) for verdict, held in holds.items()}

    def _holds(self, log10_ratios: FloatArray) -> dict[Verdict, NDArray[np.bool_]]:
        """Return which of some ratios each verdict is true of."""
        dead = np.isneginf(log10_ratios)
        below = log10_ratios < math.log10(self.settings.vanish_below)
        above = log10_ratios > math.log10(self.settings.explode_above)
        if self.settings.model.depth == 1:
            below = above = np.zeros_like(dead)
        return {
            Verdict.VANISHING: below & ~dead,
            Verdict.EXPLODING: above & ~dead,
            Verdict.STABLE: ~(below | above | dead),
            Verdict.DEAD: dead,
        }

    def name_of(self, layer: LayerRecord) -> str | None:
        """Return what the network's file calls a layer's matrix; None where it has no names."""
        network = self.settings.weights
        return network.names[layer.layer - 1] if network is not None and network.names else None

    def rows(self) -> list[dict[str, Cell]]:
        """Return the output contract: one mapping of column to value a layer."""
        return [LAYERS.row(self, record) for record in self.layers]
