"""The result: a record a layer, and the verdict on the whole profile."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from decimal import Decimal

    from vanish.scaled import Magnitude
    from vanish.settings import Settings

    Cell = str | int | float | Decimal | None


class LayerRecord(NamedTuple):
    """What was measured and computed of layer k. Norms are Frobenius norms.

    Attributes
    ----------
    act
        The layer's activation.
    layer
        k, from 1 at the input to N.
    n_in, n_out
        W_k is n_out × n_in.
    grad_w, grad_b, grad_f
        ‖∂L/∂W_k‖, ‖∂L/∂b_k‖ and ‖∂L/∂f_k‖ (the last over the rows of the batch).
    weight
        ‖W_k‖.
    slope_mean, slope_max
        Mean and largest |S'(a_k)| over units and batch.
    slope_product
        ∏_{j=k..N} slope_max_j, the product that the article bounds.
    slope_bound
        ∏_{j=k..N} sup|S'_j|, the article's bound.
    norm_bound
        The bound on grad_w that always holds; None where it was not computed.
    predicted, predicted_b
        Root mean squares of grad_w and grad_b that mean-field theory expects; None where
        it does not apply.
    zero_fraction
        Share of units with S'(a_k) exactly 0.
    active_units
        How many units are active, S'(a_k) ≠ 0, on the mean over the batch.
    dead_fraction
        Share of units that are active on no row of the batch.
    log10_active_paths
        log10 of the number of all-active paths from layer k to layer N, on the mean over
        the batch; -inf where there is none. These three are None for an S' that is never
        0 on an interval.
    """

    act: str
    layer: int
    n_in: int
    n_out: int
    grad_w: Magnitude
    grad_b: Magnitude
    grad_f: Magnitude
    weight: Magnitude
    slope_mean: float
    slope_max: float
    slope_product: Magnitude
    slope_bound: Magnitude
    norm_bound: Magnitude | None
    predicted: Magnitude | None
    predicted_b: Magnitude | None
    zero_fraction: float
    active_units: float | None
    dead_fraction: float | None
    log10_active_paths: float | None

    @property
    def status(self) -> str:
        """``ok``, or ``zero`` for a gradient that is exactly 0."""
        return "ok" if self.grad_w else "zero"


class Verdict(StrEnum):
    """What became of the gradient on its way from layer N to layer 1."""

    VANISHING = "vanishing"
    EXPLODING = "exploding"
    STABLE = "stable"
    DEAD = "dead"


class Profile(NamedTuple):
    """The gradients of one chain, layer by layer.

    Attributes
    ----------
    settings
        What was simulated.
    engine
        How: the name of the reading.
    layers
        One record a layer, layer 1 first.
    grad_a
        ‖∂L/∂a_1‖ and ‖∂L/∂a_N‖, over the rows of the batch.
    bounds
        sup|S'|^N for the sigmoid, ReLU and every activation of the run, by name.
    """

    settings: Settings
    engine: str
    layers: tuple[LayerRecord, ...]
    grad_a: tuple[Magnitude, Magnitude]
    bounds: Mapping[str, Magnitude]

    @property
    def ratio(self) -> Magnitude | None:
        """‖∂L/∂a_1‖/‖∂L/∂a_N‖; None for one layer, or where either is zero."""
        first, last = self.grad_a
        return first / last if len(self.layers) > 1 and first and last else None

    @property
    def log10_ratio(self) -> float | None:
        """The decimal logarithm of the ratio."""
        return self.ratio.log10 if self.ratio else None

    @property
    def log10_ratio_w(self) -> float | None:
        """The same of the weights' gradients, ‖∂L/∂W_1‖/‖∂L/∂W_N‖.

        It is blind where S(0) = 0: ‖f_{k-1}‖ shrinks as fast as ‖∂L/∂a_k‖ grows.
        """
        first, last = self.layers[0].grad_w, self.layers[-1].grad_w
        return (first / last).log10 if len(self.layers) > 1 and first and last else None

    @property
    def decades_per_layer(self) -> float | None:
        """Powers of ten that the gradient gains on its way back, a layer."""
        return None if self.log10_ratio is None else self.log10_ratio / (len(self.layers) - 1)

    @property
    def predicted_decades_per_layer(self) -> float | None:
        """What mean-field theory expects of `decades_per_layer`, if it applies."""
        first, last = self.layers[0].predicted_b, self.layers[-1].predicted_b
        if len(self.layers) == 1 or not first or not last:
            return None
        log10 = (first / last).log10
        return None if log10 is None else log10 / (len(self.layers) - 1)

    @property
    def verdict(self) -> Verdict:
        """The verdict, by the thresholds of the settings."""
        if not all(self.grad_a):
            return Verdict.DEAD
        if self.log10_ratio is None:
            return Verdict.STABLE
        if self.log10_ratio < math.log10(self.settings.vanish_below):
            return Verdict.VANISHING
        if self.log10_ratio > math.log10(self.settings.explode_above):
            return Verdict.EXPLODING
        return Verdict.STABLE

    def rows(self) -> list[dict[str, Cell]]:
        """Return the output contract: one mapping of column to value a layer."""
        return [
            {name: column(self, record) for name, column in COLUMNS.items()}
            for record in self.layers
        ]


def _log10(magnitude: Magnitude | None) -> float | None:
    return magnitude.log10 if magnitude is not None else None


def _finite(log10: float | None) -> float | None:
    return None if log10 == -math.inf else log10


# The contract's order; a new column goes to the end.
COLUMNS: Mapping[str, Callable[[Profile, LayerRecord], Cell]] = {
    "act": lambda _, layer: layer.act,
    "layer": lambda _, layer: layer.layer,
    "n_in": lambda _, layer: layer.n_in,
    "n_out": lambda _, layer: layer.n_out,
    "grad_w": lambda _, layer: layer.grad_w.exact(),
    "log10_grad_w": lambda _, layer: layer.grad_w.log10,
    "log10_grad_b": lambda _, layer: layer.grad_b.log10,
    "log10_grad_f": lambda _, layer: layer.grad_f.log10,
    "slope_mean": lambda _, layer: layer.slope_mean,
    "slope_max": lambda _, layer: layer.slope_max,
    "log10_slope_product": lambda _, layer: layer.slope_product.log10,
    "log10_slope_bound": lambda _, layer: layer.slope_bound.log10,
    "log10_norm_bound": lambda _, layer: _log10(layer.norm_bound),
    "log10_predicted": lambda _, layer: _log10(layer.predicted),
    "log10_predicted_b": lambda _, layer: _log10(layer.predicted_b),
    "zero_fraction": lambda _, layer: layer.zero_fraction,
    "status": lambda _, layer: layer.status,
    "log10_rel_grad_w": lambda _, layer: (
        (layer.grad_w / layer.weight).log10 if layer.weight else None
    ),
    "engine": lambda profile, _: profile.engine,
    "init": lambda profile, _: profile.settings.init_name,
    "active_units": lambda _, layer: layer.active_units,
    "dead_fraction": lambda _, layer: layer.dead_fraction,
    "log10_active_paths": lambda _, layer: _finite(layer.log10_active_paths),
}
