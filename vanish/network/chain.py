"""The chain f_k = S(a_k), a_k = W_k f_{k-1} + b_k that is simulated, and its forward pass."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanish.errors import ForwardOverflowError, UsageError
from vanish.network import chainrule
from vanish.numbers.scaled import SAFE_EXPONENT, Magnitude, Scaled

if TYPE_CHECKING:
    from vanish.network.activations import Activation
    from vanish.numbers.scaled import FloatArray
    from vanish.simulation.census import Census


class Matrix:
    """The entries of a weight matrix, with those norms that several weights may share.

    Parameters
    ----------
    entries
        Shape (n_out, n_in), every |entry| below 2^500.
    """

    def __init__(self, entries: FloatArray) -> None:
        self.entries = entries

    @cached_property
    def frobenius_norm(self) -> Magnitude:
        """The square root of the sum of the squared entries."""
        return Scaled(self.entries).norm()

    @cached_property
    def largest(self) -> Magnitude:
        """The largest |entry|."""
        return Magnitude.of(float(max(self.entries.max(), -self.entries.min())))

    @cached_property
    def spectral_norm(self) -> Magnitude:
        """The largest singular value; about max·min² operations."""
        return Magnitude.of(float(np.linalg.svd(self.entries, compute_uv=False)[0]))


class Weight(NamedTuple):
    """W = scale · matrix, never multiplied out: the product with a vector is scaled."""

    matrix: Matrix
    scale: Magnitude

    @classmethod
    def of(cls, entries: FloatArray) -> Weight:
        """Return the weight with the given entries, whatever their range."""
        scaled = Scaled(entries).normalized()
        return cls(Matrix(scaled.values), Magnitude.of(1.0, scaled.exponent))

    @property
    def shape(self) -> tuple[int, int]:
        """(n_out, n_in)."""
        n_out, n_in = self.matrix.entries.shape
        return n_out, n_in

    def forward(self, rows: Scaled) -> Scaled:
        """Return W f for each row f, shape (B, n_in) to (B, n_out)."""
        return Scaled(rows.values @ self.matrix.entries.T, rows.exponent).times(self.scale)

    def backward(self, rows: Scaled) -> Scaled:
        """Return Wᵀ d for each row d, shape (B, n_out) to (B, n_in)."""
        return Scaled(rows.values @ self.matrix.entries, rows.exponent).times(self.scale)

    def frobenius_norm(self) -> Magnitude:
        """Return ‖W‖_F."""
        return self.matrix.frobenius_norm * self.scale

    def largest(self) -> Magnitude:
        """Return the largest |entry| of W."""
        return self.matrix.largest * self.scale

    def spectral_norm(self) -> Magnitude:
        """Return ‖W‖₂, the largest singular value."""
        return self.matrix.spectral_norm * self.scale

    def multiplied_out(self) -> FloatArray:
        """Return W itself, infinite where float64 cannot hold an entry."""
        with np.errstate(over="ignore"):
            return Scaled(self.matrix.entries).times(self.scale).with_exponent(0).values


class Layer(NamedTuple):
    """One layer: its weight W_k, its bias b_k (None for zero) and its activation S."""

    weight: Weight
    bias: FloatArray | None
    activation: Activation


class Trace(NamedTuple):
    """What the backward pass needs to know of a forward pass.

    Attributes
    ----------
    inputs
        f_{k-1} for k = 1..N, each of shape (B, n_{k-1}).
    slopes
        S'(a_k) for k = 1..N, each of shape (B, n_k).
    output
        f_N, shape (B, n_N).
    """

    inputs: tuple[Scaled, ...]
    slopes: tuple[FloatArray, ...]
    output: Scaled


class Chain:
    """Layers whose sizes fit each other.

    Parameters
    ----------
    layers
        Layer 1, at the input, first.

    Raises
    ------
    UsageError
        If there is no layer, or if one's sizes do not fit its neighbour's or its bias.
    """

    def __init__(self, layers: tuple[Layer, ...]) -> None:
        if not layers:
            raise UsageError("a chain of 0 layers: give at least 1")
        n_in = layers[0].weight.shape[1]
        for k, layer in enumerate(layers, 1):
            shape = layer.weight.shape
            if shape[1] != n_in:
                raise UsageError(
                    f"W{k} is {shape[0]} × {shape[1]}, but layer {k} gets {n_in} inputs:"
                    f" give W{k} {n_in} columns"
                )
            if layer.bias is not None and layer.bias.shape != shape[:1]:
                raise UsageError(
                    f"b{k} has shape {layer.bias.shape}, but W{k} has {shape[0]} rows:"
                    f" give b{k} {shape[0]} entries"
                )
            n_in = shape[0]
        self.layers = layers

    @property
    def sizes(self) -> tuple[int, ...]:
        """n_0, n_1, …, n_N."""
        n_0 = self.layers[0].weight.shape[1]
        return (n_0, *(layer.weight.shape[0] for layer in self.layers))

    def expression(self) -> chainrule.Loss:
        """Return L(S(W_N … S(W_1 x + b_1) … + b_N))."""
        return chainrule.expression(len(self.layers))

    def forward(self, x: FloatArray, census: Census | None = None) -> Trace:
        """Run the forward pass.

        Parameters
        ----------
        x
            The input f_0, shape (B, n_0).
        census
            What takes note of every a_k and f_k.

        Raises
        ------
        ForwardOverflowError
            If an output leaves float64's range where it cannot be rescaled.
        """
        inputs, slopes = [], []
        f = Scaled(x)
        for k in range(1, len(self.layers) + 1):
            if abs(f.top - f.exponent) > SAFE_EXPONENT:
                f = f.normalized()
            inputs.append(f)
            a = self._preactivation(k, f)
            f, slope = activate(self.layers[k - 1].activation, a, k)
            slopes.append(slope)
            if census is not None:
                census.forward(a.values[None], a.exponent, f.values[None], f.exponent)
        return Trace(tuple(inputs), tuple(slopes), f)

    def apply(self, k: int, inputs: Scaled) -> tuple[Scaled, FloatArray]:
        """Return S(a) and S'(a) with a = W_k f + b_k, for each row f of any inputs to layer k."""
        a = self._preactivation(k, inputs.normalized())
        return activate(self.layers[k - 1].activation, a, k)

    def _preactivation(self, k: int, inputs: Scaled) -> Scaled:
        """Return a_k."""
        layer = self.layers[k - 1]
        a = layer.weight.forward(inputs)
        return a.settled() if layer.bias is None else a + Scaled(layer.bias)


def activate(activation: Activation, a: Scaled, layer: int) -> tuple[Scaled, FloatArray]:
    """Return f = S(a) and S'(a), for an a that float64 may not be able to hold.

    A homogeneous S commutes with the power of two in front of a. Any other S is its own
    tangent at 0 where |a| < 2^-500, if S(0) = 0 and S' is not: S(a) = S'(0±)·a to the last
    digit.

    Raises
    ------
    ForwardOverflowError
        If a or S(a) is too large and S is not homogeneous; `layer` is named.
    """
    if activation.homogeneous:
        value, slope = activation.pair(a.values)
        return Scaled(value, a.exponent), slope
    if a.exponent < 0:
        at_zero, (left, zero, right) = activation.around_zero()
        if at_zero == 0.0 and (left or right):
            slope = np.select([a.values > 0.0, a.values < 0.0], [right, left], zero)
            return Scaled(slope * a.values, a.exponent), slope
    with np.errstate(over="ignore", invalid="ignore"):
        a = a.with_exponent(0)
        value, slope = activation.pair(a.values)
    if not (np.isfinite(a.values).all() and np.isfinite(value).all()):
        raise overflow(activation, layer)
    return Scaled(value), slope


def overflow(activation: Activation, layer: int) -> ForwardOverflowError:
    """Return the error for values that float64 cannot hold."""
    return ForwardOverflowError(
        f"layer {layer}: the values of {activation.name} grow past 1.8e308, the largest"
        " float64: give a smaller --weight-std or --gain, or fewer layers"
    )
