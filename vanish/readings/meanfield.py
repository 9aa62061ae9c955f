"""The mean-field reading: every factor is its mean square at infinite width.

Going forward, the values a_k of a layer become independent normals of variance q_k:

    q_1 = σ_w²(1) ‖x‖²/n_0 + σ_b²,   q_{k+1} = σ_w²(k+1) V(q_k) + σ_b²,   E‖f_k‖² = n_k V(q_k),

with σ_w²(k) = n_{k-1} Var(W_k's entries) (Poole et al. 2016, "Exponential expressivity in
deep neural networks through transient chaos", section 2). Going back, S'(a_k) multiplies
the mean square of a row by C(q_k), and W_k by σ_w²(k), whatever its shape: every entry of
dW_k has variance ‖d‖² Var(W_k's entries), and there are n_{k-1} of them. Together,

    E‖∂L/∂a_k‖² = σ_w²(k+1) C(q_k) E‖∂L/∂a_{k+1}‖²,

the χ₁ of Schoenholz et al. 2017, "Deep information propagation". The readout must be
independent of f_N and symmetric in sign, as the default one is. At finite width typical
norms are smaller than root mean squares: see `finitewidth`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from vanish.gauss import moments
from vanish.numbers.scaled import Magnitude
from vanish.readings.magnitudes import products

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vanish.network.activations import Activation


class Expected(NamedTuple):
    """Root mean squares over the draws of weights, biases and readout, of one layer.

    Attributes
    ----------
    grad_w, grad_b
        Those of ‖∂L/∂W_k‖ and ‖∂L/∂b_k‖.
    """

    grad_w: Magnitude
    grad_b: Magnitude


class Forward(NamedTuple):
    """Mean squares of one layer's forward pass.

    Attributes
    ----------
    q
        Of a value before S.
    v, c
        V(q) and C(q): of a value after S, and of its slope.
    """

    q: Magnitude
    v: Magnitude
    c: Magnitude


def forward(
    activations: Sequence[Activation],
    weight_variances: Sequence[Magnitude],
    bias_std: float,
    mean_square: Magnitude,
) -> Iterator[Forward]:
    """Yield the length map's iterates, layer 1 first.

    Parameters
    ----------
    activations
        S of each layer.
    weight_variances
        σ_w² of each layer: n_in times the variance of W's entries. A semi-orthogonal W
        has gain²·n_in/max(n_in, n_out).
    bias_std
        σ_b, the standard deviation of the biases' entries.
    mean_square
        ‖x‖²/n_0.
    """
    bias = Magnitude.of(bias_std) * Magnitude.of(bias_std)
    v = mean_square
    for activation, variance in zip(activations, weight_variances, strict=True):
        q = _sum(variance * v, bias)
        v, c = moments.mean_squares(activation, q)
        yield Forward(q, v, c)


def expected(
    activations: Sequence[Activation],
    sizes: Sequence[int],
    weight_variances: Sequence[Magnitude],
    bias_std: float,
    input_norm: Magnitude,
) -> list[Expected]:
    """Return what theory expects of one sample and ‖∂L/∂f_N‖ = 1, layer 1 first.

    Parameters
    ----------
    activations, weight_variances, bias_std
        As for `forward`.
    sizes
        n_0, n_1, …, n_N.
    input_norm
        ‖x‖.
    """
    squared_input = input_norm * input_norm
    mean_square = squared_input / Magnitude.of(sizes[0])
    passed = list(forward(activations, weight_variances, bias_std, mean_square))
    # ‖f_{k-1}‖² for k = 1..N
    lengths = [
        squared_input,
        *(layer.v * Magnitude.of(size) for size, layer in zip(sizes[1:], passed, strict=True)),
    ]
    # Every factor is read as its mean square.
    squares = products(
        len(activations),
        slope=lambda k: passed[k - 1].c,
        weight=lambda k: weight_variances[k - 1],
        by_weight=lambda k: lengths[k - 1],
    )
    return [Expected(moments.root(w), moments.root(b)) for w, b in squares]


def _sum(one: Magnitude, other: Magnitude) -> Magnitude:
    """Return the sum; a term 2^60 times smaller than the other one leaves no trace."""
    if not (one and other):
        return one or other
    apart = one.exponent - other.exponent
    if abs(apart) > 60:
        return one if apart > 0 else other
    return Magnitude.of(one.mantissa + math.ldexp(other.mantissa, -apart), one.exponent)
