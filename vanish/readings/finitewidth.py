"""The finite-width reading of ReLU and linear chains: the exact law of ln‖∂L/∂b_k‖.

For Gaussian weights without bias and a readout of ±1/√n_N, every factor but the last
multiplies ‖∂L/∂a‖² by an independent random number. A ReLU layer of n units has K ~
Binomial(n, 1/2) active ones, independent of all else since the readout is symmetric in
sign, and with W_{k+1} of variance σ²/n,

    ‖∂L/∂a_N‖² = K_N/n_N,   ‖∂L/∂a_k‖² = (σ²/n_k) χ²_{K_k} ‖∂L/∂a_{k+1}‖²;

for the identity K_k = n_k and ‖∂L/∂a_N‖ = 1. So ln‖∂L/∂a_k‖² is a sum whose moments follow
from those of ln χ²_K, ψ(K/2) + ln 2 and ψ₁(K/2). For σ² = 2 it is about
N(-β/2, β) with β = 5 Σ 1/n_l: typical gradients shrink although their mean square does not
(Hanin and Nica 2020, "Products of many large random matrices and gradients in deep neural
networks"). A layer without an active unit makes every gradient of the chain zero; the
moments are those of a chain without one.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vanish.scaled import FloatArray, Magnitude


class LogLaw(NamedTuple):
    """The law of ln‖∂L/∂b_k‖, natural logarithm, in a chain that is not dead.

    Attributes
    ----------
    mean, std
        One number a layer, layer 1 first.
    dead
        The probability that the chain is dead, and all its gradients are zero.
    """

    mean: FloatArray
    std: FloatArray
    dead: float


class _Layer(NamedTuple):
    """Means and variances of one layer of n units.

    Attributes
    ----------
    readout, readout_variance
        Of ln(K/n): the layer is the last one.
    step, step_variance
        Of ln(χ²_K/n): it is not.
    """

    readout: float
    readout_variance: float
    step: float
    step_variance: float


def relu(sizes: Sequence[int], weight_variances: Sequence[Magnitude]) -> LogLaw:
    """Return the law of a ReLU chain without biases.

    Parameters
    ----------
    sizes
        n_0, n_1, …, n_N.
    weight_variances
        σ_w² of each layer: n_in times the variance of W's entries, which are Gaussian.
        2 for he_normal.
    """
    log_alive = sum(math.log1p(-(0.5**size)) for size in sizes[1:])
    return _law(_relu_layer, sizes, weight_variances, -math.expm1(log_alive))


def linear(sizes: Sequence[int], weight_variances: Sequence[Magnitude]) -> LogLaw:
    """Return the law of a chain of identities without biases.

    Parameters
    ----------
    sizes, weight_variances
        As for `relu`.
    """
    return _law(_linear_layer, sizes, weight_variances, 0.0)


def _law(
    layer: Callable[[int], _Layer],
    sizes: Sequence[int],
    weight_variances: Sequence[Magnitude],
    dead: float,
) -> LogLaw:
    """Add up the logs of the factors, from layer N down to each layer."""
    last = layer(sizes[-1])
    inner = [layer(size) for size in sizes[1:-1]]
    # W_{k+1} stands between layers k and k+1.
    scales = [_ln(variance) for variance in weight_variances[1:]]
    steps = [each.step + scale for each, scale in zip(inner, scales, strict=True)]
    mean = np.cumsum([last.readout, *steps[::-1]])[::-1]
    variance = np.cumsum([last.readout_variance, *(each.step_variance for each in inner[::-1])])
    return LogLaw(0.5 * mean, 0.5 * np.sqrt(variance[::-1]), dead)


def _ln(variance: Magnitude) -> float:
    log10 = variance.log10
    return -math.inf if log10 is None else math.log(10.0) * log10


@lru_cache(maxsize=1024)
def _relu_layer(n: int) -> _Layer:
    k, share = _active(n)
    log_k, log_chi = np.log(k / n), digamma(0.5 * k) + math.log(2.0 / n)
    readout, step = float(share @ log_k), float(share @ log_chi)
    return _Layer(
        readout,
        float(share @ (log_k - readout) ** 2),
        step,
        float(share @ (trigamma(0.5 * k) + (log_chi - step) ** 2)),
    )


@lru_cache(maxsize=1024)
def _linear_layer(n: int) -> _Layer:
    half = np.array([0.5 * n])
    step = digamma(half) + math.log(2.0 / n)
    return _Layer(0.0, 0.0, float(step[0]), float(trigamma(half)[0]))


def _active(n: int) -> tuple[FloatArray, FloatArray]:
    """Return the numbers K ≥ 1 of active units that matter, and their probabilities.

    Binomial(n, 1/2) given K ≥ 1. What lies 20 standard deviations away has a share of
    1e-87. Ratios of neighbours, multiplied outwards from the middle, keep all digits.
    """
    middle, reach = (n + 1) // 2, 10 * math.isqrt(n) + 10
    up = np.arange(middle, min(n, middle + reach))
    down = np.arange(middle, max(1, middle - reach), -1)
    above = np.cumprod((n - up) / (up + 1))
    below = np.cumprod(down / (n - down + 1))
    share = np.concatenate((below[::-1], [1.0], above))
    k = np.arange(middle - below.size, middle + above.size + 1, dtype=np.float64)
    return k, share / share.sum()


# ψ and ψ₁ by their asymptotic series (Abramowitz and Stegun 1964, 6.3.18 and 6.4.12) from
# x + 10 on, where seven terms leave 1e-17, and by the recurrences ψ(x+1) = ψ(x) + 1/x and
# ψ₁(x+1) = ψ₁(x) - 1/x² below. The coefficients are B_2, B_4, …, B_14.
_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6)
_SHIFT = 10


def digamma(x: FloatArray) -> FloatArray:
    """Return ψ(x) = (ln Γ)'(x) for x > 0, elementwise."""
    y = x + _SHIFT
    total = np.log(y) - 0.5 / y
    for j, b in enumerate(_BERNOULLI, 1):
        total -= b / (2 * j) / y ** (2 * j)
    for j in range(_SHIFT):
        total -= 1.0 / (x + j)
    return np.asarray(total)


def trigamma(x: FloatArray) -> FloatArray:
    """Return ψ₁(x) = ψ'(x) for x > 0, elementwise."""
    y = x + _SHIFT
    total = 1.0 / y + 0.5 / (y * y)
    for j, b in enumerate(_BERNOULLI, 1):
        total += b / y ** (2 * j + 1)
    for j in range(_SHIFT):
        total += 1.0 / (x + j) ** 2
    return np.asarray(total)
