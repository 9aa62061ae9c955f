"""The sampled reading: every W_k is drawn in law, one row of numbers a product, no matrix.

Factor by factor it is the dense reading, for T independent trials at once, but a weight is
known only by its two products with vectors, which `conditioning` draws. That takes
O(width) numbers a layer in place of O(width²), and is exact in distribution.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanish.network.chain import overflow
from vanish.network.chainrule import (
    ByBias,
    ByWeight,
    LossGradient,
    Reading,
    Slope,
    Weight,
    expression,
    gradients,
    signal,
)
from vanish.network.streams import Role
from vanish.numbers.scaled import SAFE_EXPONENT
from vanish.numbers.stack import Magnitudes, Stack
from vanish.readings.conditioning import MATRICES, product

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from vanish.network.activations import Activation
    from vanish.network.initializers import Law
    from vanish.network.streams import LayerStreams, Streams, Trials
    from vanish.numbers.scaled import FloatArray, Magnitude
    from vanish.numbers.stack import Exponents
    from vanish.readings.conditioning import RandomMatrix
    from vanish.simulation.census import Census

# Scales within 2^±100 are plain factors: see the range of a balanced `Stack`.
_LARGEST_SCALE = 100


class SampledLayer:
    """One layer whose weight is known by its law.

    Parameters
    ----------
    law, n_in, n_out, scale
        W is `scale` times an (n_out, n_in) matrix of that law.
    rows
        B, the number of rows that it will meet.
    bias_std
        The standard deviation of the entries of b_k.
    activation
        S.
    """

    def __init__(
        self,
        law: Law,
        n_in: int,
        n_out: int,
        scale: Magnitude,
        rows: int,
        bias_std: float,
        activation: Activation,
    ) -> None:
        self.n_in, self.n_out = n_in, n_out
        self.matrix: RandomMatrix = MATRICES[law](n_in, n_out, rows)
        self.scale = scale
        plain = abs(scale.exponent) <= _LARGEST_SCALE
        # scale = factor · 2^shift
        self.factor = float(scale) if plain else scale.mantissa
        self.shift = 0 if plain else scale.exponent
        self.bias_std = bias_std
        self.activation = activation


class Kept(NamedTuple):
    """What the way back needs to know of one layer's way forward.

    Attributes
    ----------
    coefficients, frame, exponents
        f_{k-1} = coefficients · frame · 2^exponents, shapes (T, B, r), (T, r, n_{k-1}) and
        (T,) or one for all, with orthonormal rows of the frame.
    squares
        ‖coefficients‖², shape (T,).
    response
        What W_k, unscaled, makes of the frame.
    slopes
        S'(a_k), shape (T, B, n_k).
    """

    coefficients: FloatArray
    frame: FloatArray
    exponents: Exponents
    squares: FloatArray
    response: FloatArray
    slopes: FloatArray


class SampledChain:
    """T independent chains f_k = S(W_k f_{k-1} + b_k) without their weights.

    Parameters
    ----------
    layers
        Layer 1, at the input, first.
    x
        The inputs, shape (T, B, n_0).
    streams, trials
        Where their random numbers come from.
    segment
        How many layers' ways forward are kept at a time. Those of a deeper chain are run
        once more, from the last layer on that was kept as a checkpoint, on the way back.
    watch
        Called once a layer and way.
    """

    def __init__(
        self,
        layers: Sequence[SampledLayer],
        x: FloatArray,
        streams: Streams,
        trials: Trials,
        segment: int | None = None,
        watch: Callable[[], object] = lambda: None,
    ) -> None:
        depth = len(layers)
        self.layers = layers
        self._streams, self._trials, self._watch = streams, trials, watch
        self._forward = streams.by_layer(Role.FORWARD, depth, trials.block)
        self._backward = streams.by_layer(Role.BACKWARD, depth, trials.block)
        self._segment = segment or depth
        self._checkpoints: dict[int, Stack] = {0: Stack(x).balanced()}
        self._kept: dict[int, Kept] = {}
        # ‖W_k‖² without scale and remainder, for k = 1..N, once the way back has met it.
        self._squared_norms = np.zeros((depth, trials.width))
        # ‖f_k‖ for k = 0..N, once the way forward has met it.
        self._value_norms = [_norms_of(self._checkpoints[0])] * (depth + 1)

    def forward(self, census: Census | None = None) -> Iterator[list[FloatArray]]:
        """Run all layers, yielding the slopes S'(a_k) of each segment.

        Parameters
        ----------
        census
            What takes note of every a_k and f_k of the first trial.
        """
        for start in range(0, len(self.layers), self._segment):
            yield self._run(start, census)

    @property
    def output(self) -> Stack:
        """f_N, after `forward`."""
        return self._checkpoints[len(self.layers)]

    def kept(self, k: int) -> Kept:
        """Return what was kept of layer k, after `forward`."""
        if k not in self._kept:
            self._run((k - 1) // self._segment * self._segment)
        return self._kept[k]

    def weight_norms(self) -> Magnitudes:
        """Return ‖W_k‖_F as it goes with both products, shape (N, T), after the way back."""
        squares = self._squared_norms.copy()
        freedom = np.array([layer.matrix.remainder for layer in self.layers])
        if (drawn := freedom > 0).any():
            generator = self._streams.generator(Role.REMAINDER, trial=self._trials.block)
            rest = self._trials.rows(
                lambda shape: generator.chisquare(freedom[drawn], shape), (int(drawn.sum()),)
            )
            squares[drawn] += rest.T
        scales = Magnitudes.column([layer.scale for layer in self.layers])
        return Magnitudes.of(np.sqrt(squares)) * scales

    def value_norms(self) -> Magnitudes:
        """Return ‖f_k‖ for k = 0..N, shape (N+1, T), after `forward`."""
        return _stacked(self._value_norms)

    def _run(self, start: int, census: Census | None = None) -> list[FloatArray]:
        """Run and keep a segment of layers; their slopes are returned."""
        self._kept.clear()
        f = self._checkpoints[start]
        stop = min(start + self._segment, len(self.layers))
        for k in range(start + 1, stop + 1):
            self._watch()
            f, self._kept[k] = self._layer(k, f, census)
            self._value_norms[k] = _norms_of(f)
        self._checkpoints[stop] = f
        return [kept.slopes for kept in self._kept.values()]

    def _normals(self, streams: LayerStreams, k: int, shape: tuple[int, int]) -> FloatArray:
        return self._trials.rows(streams.at(k).standard_normal, shape)

    def _layer(self, k: int, inputs: Stack, census: Census | None) -> tuple[Stack, Kept]:
        """Return f_k and what the way back needs."""
        layer = self.layers[k - 1]
        coefficients, frame = inputs.coordinates
        response = layer.matrix.response(self._normals(self._forward, k, layer.matrix.forward))
        values = product(layer.factor * coefficients, response[..., : layer.n_out])
        bias = None
        if layer.bias_std:
            generator = self._streams.generator(Role.BIAS, k, self._trials.block)
            rows = self._trials.rows(generator.standard_normal, (1, layer.n_out))
            bias = layer.bias_std * rows
        exponents = inputs.exponents + layer.shift if layer.shift else inputs.exponents
        a, powers, f, slopes = _activated(layer.activation, k, values, exponents, bias)
        if census is not None:
            census.forward(a, powers, f.values, f.exponents)
        kept = Kept(coefficients, frame, inputs.exponents, inputs.squares, response, slopes)
        return f, kept

    def pull_back(self, rows: Stack, k: int) -> Stack:
        """Return d W_k for every row d of a batch that came from its output."""
        layer, kept = self.layers[k - 1], self.kept(k)
        normals = self._normals(self._backward, k, layer.matrix.backward)
        values, self._squared_norms[k - 1] = layer.matrix.pull_back(
            rows, kept.frame, kept.response, normals
        )
        values *= layer.factor
        exponents = rows.exponents + layer.shift if layer.shift else rows.exponents
        return Stack(values, exponents).balanced()


def _activated(
    activation: Activation,
    k: int,
    values: FloatArray,
    exponents: Exponents,
    bias: FloatArray | None,
) -> tuple[FloatArray, Exponents, Stack, FloatArray]:
    """Return a = values · 2^exponents + bias, as values and exponents, S(a) and S'(a).

    See `chain.activate`.
    """
    if activation.homogeneous and bias is None:
        f, slopes = activation.pair(values)
        return values, exponents, Stack(f, exponents).balanced(), slopes
    if isinstance(exponents, int) and exponents == 0:
        # Balanced inputs and plain scales: float64 holds the values.
        a = values if bias is None else values + bias
        f, slopes = activation.pair(a)
        done = Stack(f)
        if done.is_balanced:
            return a, 0, done, slopes
    a, powers = _summed(values, exponents, bias)
    if activation.homogeneous:
        f, slopes = activation.pair(a)
        return a, powers, Stack(f, powers).balanced(), slopes
    # As `Scaled.settled`: float64 holds them, or they are so small that S is its tangent.
    at_zero, (left, zero, right) = activation.around_zero()
    on_tangent = (powers < -SAFE_EXPONENT) & (at_zero == 0.0 and bool(left or right))
    values = _times_power(a, np.where(on_tangent, 0, powers))
    f, slopes = map(np.array, activation.pair(values))
    if on_tangent.any():
        tiny = values[on_tangent]
        slopes[on_tangent] = np.select([tiny > 0.0, tiny < 0.0], [right, left], zero)
        f[on_tangent] = slopes[on_tangent] * tiny
    if not (np.isfinite(values).all() and np.isfinite(f).all()):
        raise overflow(activation, k)
    shifts = np.where(on_tangent, powers, 0) if on_tangent.any() else 0
    return a, powers, Stack(f, shifts).balanced(), slopes


def _summed(
    values: FloatArray, exponents: Exponents, bias: FloatArray | None
) -> tuple[FloatArray, NDArray[np.int64]]:
    """Return values · 2^exponents + bias with the largest of each trial below 2^exponent."""
    powers = _tops(values) + exponents
    values = _times_power(values, -_tops(values))
    if bias is not None:
        common = np.maximum(powers, np.where(values.any(axis=(1, 2)), _tops(bias), -(2**62)))
        common = np.where(values.any(axis=(1, 2)), common, _tops(bias))
        values = _times_power(values, powers - common) + _times_power(bias, -common)
        powers = _tops(values) + common
        values = _times_power(values, -_tops(values))
    return values, powers


def _tops(values: FloatArray) -> NDArray[np.int64]:
    """Return the least t of each trial with every |value| < 2^t; 0 where all are zero."""
    return np.asarray(np.frexp(np.abs(values).max(axis=(1, 2)))[1], dtype=np.int64)


def _times_power(values: FloatArray, powers: NDArray[np.int64]) -> FloatArray:
    """Return each trial's values times its power of two."""
    # 2^±5000 is zero or infinite for any float64, and C's ldexp takes it.
    return np.asarray(np.ldexp(values, np.clip(powers, -5000, 5000)[:, None, None]))


class Norms(NamedTuple):
    """The norms of one gradient: √squares · 2^exponents, one a trial."""

    squares: FloatArray
    exponents: Exponents


def _norms_of(rows: Stack) -> Norms:
    return Norms(rows.squares, rows.exponents)


def reading(chain: SampledChain, loss_gradient: Stack) -> Reading[Stack, Norms]:
    """Return the rules: a running batch of row vectors for each trial."""

    def slope(rows: Stack, k: int) -> Stack:
        slopes = chain.kept(k).slopes
        d = Stack(rows.values * slopes, rows.exponents)
        if d.is_balanced:
            return d
        # From rows near 1 not even the smallest slope, 2^-1022, leads out of float64.
        rows = rows.normalized()
        return Stack(rows.values * slopes, rows.exponents).balanced()

    def by_weight(rows: Stack, k: int) -> Norms:
        kept = chain.kept(k)
        # ‖Σ_b d_b f_bᵀ‖ = ‖KᵀC‖ for D = K P and F = C Q with orthonormal rows of P and Q.
        if rows.values.shape[1] == 1:
            squares = rows.squares * kept.squares
        else:
            core = rows.coefficients.swapaxes(1, 2) @ kept.coefficients
            squares = np.vecdot(core, core).sum(axis=1)
        return Norms(squares, rows.exponents + kept.exponents)

    def by_bias(rows: Stack, _: int) -> Norms:
        if rows.values.shape[1] == 1:
            return Norms(rows.squares, rows.exponents)
        total = rows.values.sum(axis=1)
        return Norms(np.vecdot(total, total), rows.exponents)

    return Reading(
        one=loss_gradient,
        through={
            LossGradient: lambda rows, _: rows,
            Slope: slope,
            Weight: chain.pull_back,
        },
        ends={ByWeight: by_weight, ByBias: by_bias},
    )


class GradientNorms(NamedTuple):
    """Norms of all gradients, layer 1 first, shape (N, T); see `profile.LayerRecord`."""

    grad_w: Magnitudes
    grad_b: Magnitudes
    grad_a: Magnitudes
    grad_f: Magnitudes


def norms(
    chain: SampledChain,
    loss_gradient: Stack,
    watch: Callable[[], object] = lambda: None,
    census: Census | None = None,
) -> GradientNorms:
    """Walk back through the product of all trials.

    Parameters
    ----------
    chain
        The chain, after its way forward.
    loss_gradient
        ∂L/∂f_N, shape (T, B, n_N).
    watch
        Called once a layer.
    census
        What takes note of every gradient of the first trial.
    """
    found: dict[str, list[Norms]] = {letter: [] for letter in "Wbafx"}
    rules = reading(chain, loss_gradient.balanced())
    for variable, gradient in gradients(expression(len(chain.layers)), rules):
        if variable.letter == "W":
            watch()
        elif census is not None and isinstance(gradient, Stack):
            if variable.letter == "f":
                above = gradient
            elif variable.letter == "a":
                census.back(above.values, above.exponents, gradient.values, gradient.exponents)
                if gradient.values.shape[1] > 1:
                    _take_outer(census, gradient, chain.kept(variable.layer))
        found[variable.letter].append(Norms(gradient.squares, gradient.exponents))
    return GradientNorms(*(_stacked(found[letter][::-1]) for letter in "Wbaf"))


def _take_outer(census: Census, rows: Stack, kept: Kept) -> None:
    """Let the first trial's Σ_b d_b f_bᵀ be taken note of."""
    powers = rows.exponents + kept.exponents
    inputs = kept.coefficients[0] @ kept.frame[0]
    census.outer(rows.values[0], inputs, powers if isinstance(powers, int) else int(powers[0]))


def ratios(chain: SampledChain, loss_gradient: Stack) -> Magnitudes:
    """Return ‖∂L/∂a_1‖/‖∂L/∂a_N‖ of each trial, shape (T,), and form no other norm.

    Zero where either is; `chain` has gone forward.
    """
    rules = reading(chain, loss_gradient.balanced())
    last, first = signal(expression(len(chain.layers)), rules)
    return _magnitudes(first).over(_magnitudes(last))


def _magnitudes(rows: Stack) -> Magnitudes:
    return _stacked([_norms_of(rows)]).at(0)


def _stacked(norms: list[Norms]) -> Magnitudes:
    """Return one row a layer."""
    squares, exponents = zip(*norms, strict=True)
    lengths = np.sqrt(np.array(squares))
    trials = lengths.shape[1]
    alike = [np.full(trials, each) if isinstance(each, int) else each for each in exponents]
    return Magnitudes.of(lengths, np.array(alike))
