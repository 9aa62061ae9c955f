"""The result: a record a layer, and the verdict on the whole profile."""

from __future__ import annotations

import math
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from vanish.network import activations
from vanish.network.streams import Streams, Trials
from vanish.numbers.scaled import Magnitude, Scaled
from vanish.readings import meanfield
from vanish.readings.slopes import slope_products
from vanish.simulation import faults
from vanish.simulation.measured import HIGH, LOW, MEDIAN, Measured, magnitude_quantiles, quantile
from vanish.simulation.sample import draw_input

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from decimal import Decimal

    from numpy.typing import NDArray

    from vanish.numbers.scaled import FloatArray
    from vanish.numbers.stack import Magnitudes
    from vanish.simulation.faults import Fault, Faults
    from vanish.simulation.settings import Settings

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
    grad_w, grad_b, grad_a, grad_f
        ‖∂L/∂W_k‖, ‖∂L/∂b_k‖, ‖∂L/∂a_k‖ and ‖∂L/∂f_k‖ (the last two over the rows of the
        batch).
    gain_back
        ‖∂L/∂a_k‖/‖∂L/∂a_{k+1}‖, the factor from the next layer: of one trial they multiply
        to the ratio of layer 1 to layer N. None for layer N, or where either is zero.
    weight, relative
        ‖W_k‖ and ‖∂L/∂W_k‖/‖W_k‖; the latter None where W_k is zero.
    value
        The root mean square of the entries of f_k.
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
    grad_w_p05, grad_w_p95
        The 5 % and 95 % quantiles of ‖∂L/∂W_k‖ over several trials; all else that is
        measured is their median, an order statistic for which a true zero is the smallest.
    dead_share
        The share of several trials in which ∂L/∂W_k is exactly 0.
    grad_a_p05, grad_a_p95
        The same two quantiles of ‖∂L/∂a_k‖.
    """

    act: str
    layer: int
    n_in: int
    n_out: int
    grad_w: Magnitude
    grad_b: Magnitude
    grad_a: Magnitude
    grad_f: Magnitude
    gain_back: Magnitude | None
    weight: Magnitude
    relative: Magnitude | None
    value: Magnitude
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
    grad_w_p05: Magnitude | None
    grad_w_p95: Magnitude | None
    dead_share: float | None
    grad_a_p05: Magnitude | None
    grad_a_p95: Magnitude | None

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
        self.settings: Final = settings
        self.engine: Final = engine
        self.measured: Final = measured
        # Of each trial, zero where either is.
        self.ratios = measured.grad_a.at(0).over(measured.grad_a.at(-1))
        self.ratios_w = measured.grad_w.at(0).over(measured.grad_w.at(-1))

    @cached_property
    def layers(self) -> tuple[LayerRecord, ...]:
        """One record a layer, layer 1 first."""
        return tuple(_records(self.settings, self.measured, self.expected))

    @cached_property
    def expected(self) -> list[meanfield.Expected]:
        """What mean-field theory expects of each layer; nothing where it is silent."""
        return _expected(self.settings)

    @cached_property
    def bounds(self) -> Mapping[str, Magnitude]:
        """sup|S'|^N for the sigmoid, ReLU and every activation of the run, by name."""
        own = {each.name: each for each in self.settings.activations}
        shown = {"sigmoid", "relu", *own}
        known = {name: activations.get(name) for name in activations.names() if name in shown}
        depth = self.settings.depth
        # In the order of the registry, behind it those that are not in it.
        return {name: Magnitude.of(each.sup_slope) ** depth for name, each in (known | own).items()}

    @property
    def trials(self) -> int:
        """T, the number of independent chains."""
        return self.settings.trials

    def ratio_quantile(self, share: float) -> Magnitude | None:
        """Return a quantile of ‖∂L/∂a_1‖/‖∂L/∂a_N‖ over the trials.

        None for one layer, or where it is zero.
        """
        return self._quantile(self.ratios, share)

    def _quantile(self, ratios: Magnitudes, share: float) -> Magnitude | None:
        (found,) = magnitude_quantiles(ratios.at(None), share)
        (ratio,) = found.listed()
        return ratio if self.settings.depth > 1 and ratio else None

    @property
    def ratio(self) -> Magnitude | None:
        """‖∂L/∂a_1‖/‖∂L/∂a_N‖, the median; None for one layer, or where either is zero."""
        return self.ratio_quantile(MEDIAN)

    @property
    def log10_ratio(self) -> float | None:
        """The decimal logarithm of the ratio."""
        return _log10(self.ratio)

    def log10_ratio_quantile(self, share: float) -> float | None:
        """Return log10 of such a quantile; None for a single trial."""
        return _log10(self.ratio_quantile(share)) if self.trials > 1 else None

    @property
    def log10_ratio_w(self) -> float | None:
        """The same of the weights' gradients, ‖∂L/∂W_1‖/‖∂L/∂W_N‖.

        It is blind where S(0) = 0: ‖f_{k-1}‖ shrinks as fast as ‖∂L/∂a_k‖ grows.
        """
        return _log10(self._quantile(self.ratios_w, MEDIAN))

    @property
    def log10_gains_back(self) -> list[float]:
        """log10 of the factors from layer k+1 to layer k that are known, layer 1 first."""
        logs = (_log10(layer.gain_back) for layer in self.layers)
        return [log10 for log10 in logs if log10 is not None]

    @property
    def log10_growth(self) -> float | None:
        """log10(‖f_{N-1}‖/‖f_0‖), by how much activations grow on their way to W_N."""
        value = self.measured.value
        return _log10(self._quantile(value.at(-2).over(value.at(0)), MEDIAN))

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
        return None if self.log10_ratio is None else self.log10_ratio / (self.settings.depth - 1)

    @property
    def predicted_log10_ratio(self) -> float | None:
        """What mean-field theory expects of `log10_ratio`, if it applies."""
        if self.settings.depth == 1 or not self.expected:
            return None
        first, last = self.expected[0].grad_b, self.expected[-1].grad_b
        return (first / last).log10 if first and last else None

    @property
    def predicted_decades_per_layer(self) -> float | None:
        """What mean-field theory expects of `decades_per_layer`, if it applies."""
        log10 = self.predicted_log10_ratio
        return None if log10 is None else log10 / (self.settings.depth - 1)

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
        if self.settings.depth == 1:
            below = above = np.zeros_like(dead)
        return {
            Verdict.VANISHING: below & ~dead,
            Verdict.EXPLODING: above & ~dead,
            Verdict.STABLE: ~(below | above | dead),
            Verdict.DEAD: dead,
        }

    def rows(self) -> list[dict[str, Cell]]:
        """Return the output contract: one mapping of column to value a layer."""
        return [
            {name: column(self, record) for name, column in COLUMNS.items()}
            for record in self.layers
        ]


def _records(
    settings: Settings, measured: Measured, expected: Sequence[meanfield.Expected]
) -> Iterator[LayerRecord]:
    """Sum up what was measured of each layer, beside what theory says of it."""
    depth, sizes, several = settings.depth, settings.sizes, measured.trials > 1
    low, median, high = magnitude_quantiles(measured.grad_w, LOW, MEDIAN, HIGH)
    low_a, median_a, high_a = magnitude_quantiles(measured.grad_a, LOW, MEDIAN, HIGH)
    relative = measured.grad_w.over(measured.weight)
    nothing: list[None] = [None] * depth

    def middle(magnitudes: Magnitudes) -> list[Magnitude]:
        return magnitude_quantiles(magnitudes, MEDIAN)[0].listed()

    def number(numbers: FloatArray) -> list[float]:
        return list(quantile(numbers, MEDIAN).tolist())

    def if_flat(numbers: FloatArray) -> list[float | None]:
        flat = (activation.flat for activation in settings.activations)
        return [
            each if is_flat else None for each, is_flat in zip(number(numbers), flat, strict=True)
        ]

    weight = middle(measured.weight)
    has_flat = any(activation.flat for activation in settings.activations)
    bound = measured.norm_bound
    columns: dict[str, Sequence[Any]] = {
        "act": [activation.name for activation in settings.activations],
        "layer": range(1, depth + 1),
        "n_in": sizes[:-1],
        "n_out": sizes[1:],
        "grad_w": median.listed(),
        "grad_b": middle(measured.grad_b),
        "grad_a": median_a.listed(),
        "grad_f": middle(measured.grad_f),
        "gain_back": [*(each or None for each in middle(measured.gain_back)), None],
        "weight": weight,
        "value": [
            norm / Magnitude.of(math.sqrt(settings.rows * n))
            for norm, n in zip(middle(measured.value)[1:], sizes[1:], strict=True)
        ],
        "slope_mean": number(measured.slopes.mean),
        "slope_max": number(measured.slopes.largest),
        "slope_product": middle(measured.slope_product),
        "slope_bound": slope_products(
            np.array([activation.sup_slope for activation in settings.activations])
        ).listed(),
        "norm_bound": nothing if bound is None else middle(bound),
        "predicted": [each.grad_w for each in expected] or nothing,
        "predicted_b": [each.grad_b for each in expected] or nothing,
        "zero_fraction": number(measured.slopes.zero_fraction),
        "relative": [
            each if norm else None for each, norm in zip(middle(relative), weight, strict=True)
        ],
        "active_units": if_flat(measured.slopes.active_units) if has_flat else nothing,
        "dead_fraction": if_flat(measured.slopes.dead_fraction) if has_flat else nothing,
        "log10_active_paths": if_flat(measured.log10_active_paths) if has_flat else nothing,
        "grad_w_p05": low.listed() if several else nothing,
        "grad_w_p95": high.listed() if several else nothing,
        "dead_share": np.mean(measured.grad_w.mantissas == 0.0, axis=1).tolist()
        if several
        else nothing,
        "grad_a_p05": low_a.listed() if several else nothing,
        "grad_a_p95": high_a.listed() if several else nothing,
    }
    rows = zip(*(columns[name] for name in LayerRecord._fields), strict=True)
    return map(LayerRecord._make, rows)


def _expected(settings: Settings) -> list[meanfield.Expected]:
    """Return what mean-field theory expects of each layer; nothing where it is silent.

    It speaks of random weights, one sample, and a readout that knows nothing of f_N.
    """
    if settings.weights is not None or settings.loss != "readout" or settings.rows > 1:
        return []
    return meanfield.expected(
        settings.activations,
        settings.sizes,
        settings.weight_variances,
        settings.bias_std,
        _input_norm(settings),
    )


def _input_norm(settings: Settings) -> Magnitude:
    """Return ‖x‖: of several random inputs the root mean square."""
    if settings.given_input is None and settings.trials > 1:
        return Magnitude.of(math.sqrt(settings.n_in))
    trials = Trials.one(0, settings.sizes)
    return Scaled(draw_input(settings, Streams(settings.seed), trials)[0]).norm()


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
    "log10_rel_grad_w": lambda _, layer: _log10(layer.relative),
    "engine": lambda profile, _: profile.engine,
    "init": lambda profile, _: profile.settings.init_name,
    "active_units": lambda _, layer: layer.active_units,
    "dead_fraction": lambda _, layer: layer.dead_fraction,
    "log10_active_paths": lambda _, layer: _finite(layer.log10_active_paths),
    "log10_grad_w_p05": lambda _, layer: _log10(layer.grad_w_p05),
    "log10_grad_w_p95": lambda _, layer: _log10(layer.grad_w_p95),
    "dead_share": lambda _, layer: layer.dead_share,
    "log10_grad_a": lambda _, layer: layer.grad_a.log10,
    "log10_gain_back": lambda _, layer: _log10(layer.gain_back),
    "log10_grad_a_p05": lambda _, layer: _log10(layer.grad_a_p05),
    "log10_grad_a_p95": lambda _, layer: _log10(layer.grad_a_p95),
}
