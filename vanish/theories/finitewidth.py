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

Going forward, ‖f_k‖² = (σ²/n_{k-1}) χ²_{K_k} ‖f_{k-1}‖², by the same K_k. Since ‖∂L/∂a_k‖
has the factors of the layers from k on, and ‖f_{k-1}‖ those of the layers before, their
product ‖∂L/∂W_k‖ is one of independent factors, too. Medians are found from the
characteristic functions of the logarithms, which multiply.
"""

from __future__ import annotations

import math
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from vanish.numbers.scaled import FloatArray, Magnitude

    ComplexArray = NDArray[np.complex128]


class LogLaw(Record):
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


class _Layer(Record):
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
    return _law(_relu_layer, sizes, weight_variances, abs(math.expm1(log_alive)))


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


class Medians(Record):
    """Medians over all chains, the dead ones included.

    Attributes
    ----------
    grad_w, grad_a
        Those of ln‖∂L/∂W_k‖ and ln‖∂L/∂a_k‖, one number a layer that was asked for; -inf
        where half of the chains are dead.
    """

    grad_w: FloatArray
    grad_a: FloatArray


def medians(
    layer: str,
    sizes: Sequence[int],
    weight_variances: Sequence[Magnitude],
    input_norm: Magnitude | None,
    shown: Sequence[int],
) -> Medians:
    """Return the medians of a chain without biases.

    Parameters
    ----------
    layer
        ``relu`` or ``identity``, the activation.
    sizes, weight_variances
        As for `relu`.
    input_norm
        ‖x‖; None for normal entries of variance 1, drawn anew for each chain.
    shown
        The layers asked for, in 1..N.
    """
    depth = len(sizes) - 1
    alive = layer == "identity"
    dead = 0.0 if alive else relu(sizes, weight_variances).dead
    if dead >= 0.5:
        nothing = np.full(len(shown), -math.inf)
        return Medians(nothing, nothing)
    # Of the chains that are not dead the median of all is this quantile.
    share = (0.5 - dead) / (1.0 - dead)
    inner = [_Factor("linear" if alive else "relu", size) for size in sizes[1:]]
    last = [] if alive else [_Factor("readout", sizes[-1])]
    first = [_Factor("linear", sizes[0])] if input_norm is None else []
    start = 0.0 if input_norm is None else 2.0 * _ln(input_norm)
    # Of ‖f_k‖² for k = 0..N and of ‖∂L/∂a_k‖² for k = 1..N, the factors that are no random numbers.
    forward = np.cumsum(
        [start, *(_ln(v) - math.log(n) for v, n in zip(weight_variances, sizes, strict=False))]
    )
    steps = [_ln(v) - math.log(n) for v, n in zip(weight_variances[1:], sizes[1:], strict=False)]
    back = np.cumsum([0.0, *steps[::-1]])[::-1]
    grad_w, grad_a = [], []
    for k in shown:
        layers_before = k - 1
        behind = Counter([*inner[layers_before : depth - 1], *last])
        before = Counter([*first, *inner[:layers_before]])
        known = back[layers_before]
        grad_a.append(known + _quantile(behind, share))
        grad_w.append(known + forward[layers_before] + _quantile(behind + before, share))
    return Medians(0.5 * np.array(grad_w), 0.5 * np.array(grad_a))


class _Factor(Record):
    """A random factor of a squared norm.

    Attributes
    ----------
    kind
        ``relu``, χ²_K with K of n units active, of which there is one; ``linear``, χ²_n;
        ``readout``, K/n.
    n
        The size of the layer.
    """

    kind: str
    n: int

    @property
    def mean(self) -> float:
        """The mean of its logarithm."""
        if self.kind == "readout":
            return _relu_layer(self.n).readout
        layer = _relu_layer(self.n) if self.kind == "relu" else _linear_layer(self.n)
        return layer.step + math.log(self.n)

    @property
    def variance(self) -> float:
        """The variance of its logarithm."""
        if self.kind == "readout":
            return _relu_layer(self.n).readout_variance
        layer = _relu_layer(self.n) if self.kind == "relu" else _linear_layer(self.n)
        return layer.step_variance

    @property
    def mixture(self) -> tuple[FloatArray, FloatArray]:
        """The K that it may have, and their probabilities."""
        if self.kind == "linear":
            return np.array([float(self.n)]), np.ones(1)
        k, share = _active(self.n)
        # K's law is smooth on the scale √n/2: a sum by eighths of it is exact.
        step = max(1, math.isqrt(self.n) // 16)
        k, share = k[::step], share[::step]
        kept = share > 1e-18 * share.max()
        return k[kept], share[kept] / share[kept].sum()


# The characteristic functions are summed at so many points, and the law of ln of a squared
# norm must lie within so many standard deviations.
_POINTS, _SPAN = 1024, 64.0


def _quantile(factors: Counter[_Factor], share: float) -> float:
    """Return a quantile of the logarithm of a product of independent factors.

    Gil-Pelaez 1951, "Note on the inversion theorem", by the midpoint rule, whose error is
    the law's tail beyond `_SPAN` standard deviations.
    """
    smooth = sum(count * each.variance for each, count in factors.items() if _is_smooth(each))
    if smooth == 0.0:
        return sum(_order_statistic(each, share) for each in factors)
    mean = sum(count * each.mean for each, count in factors.items())
    std = math.sqrt(sum(count * each.variance for each, count in factors.items()))
    # Powers of two, so that few grids serve all layers.
    level, finest = math.ceil(math.log2(std)), math.ceil(0.5 * math.log2(smooth))
    points = _POINTS * 2 ** min(level - finest, 6)
    half = np.arange(points) + 0.5
    t = 2.0 * math.pi / (_SPAN * 2.0**level) * half
    log = sum(count * _log_characteristic(each, level, points) for each, count in factors.items())
    wave = np.exp(np.asarray(log) - 1j * t * mean)

    def below(x: float) -> float:
        return 0.5 - float(((wave * np.exp(-1j * t * x)).imag / half).sum()) / math.pi

    low, high = -12.0 * std, 2.0 * std
    for _ in range(40):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if below(middle) < share else (low, middle)
    return mean + high


def _is_smooth(factor: _Factor) -> bool:
    return factor.kind != "readout"


def _order_statistic(readout: _Factor, share: float) -> float:
    """Return a quantile of ln(K/n)."""
    k, shares = _active(readout.n)
    # Rounding must not pass over a K that has just the share.
    at = int(np.searchsorted(np.cumsum(shares), share * (1.0 - 1e-12)))
    return math.log(k[at] / readout.n)


@lru_cache(maxsize=256)
def _log_characteristic(factor: _Factor, level: int, points: int) -> ComplexArray:
    """Return ln E[e^{it ln factor}] at the midpoints of a grid of t.

    E[(χ²_K)^{it}] = 2^{it} Γ(K/2+it)/Γ(K/2).
    """
    t = 2.0 * math.pi / (_SPAN * 2.0**level) * (np.arange(points) + 0.5)
    k, share = factor.mixture
    if factor.kind == "readout":
        powers = np.exp(1j * np.outer(t, np.log(k / factor.n)))
    else:
        half = (0.5 * k).astype(np.complex128)
        gammas = _log_gamma(half + 1j * t[:, None]) - _log_gamma(half)
        powers = np.exp(gammas + 1j * math.log(2.0) * t[:, None])
    found = np.asarray(powers @ share)
    # Where it has underflowed it is no less than nothing.
    return np.asarray(np.log(np.where(np.abs(found) < 1e-300, 1e-300, found)))


def _log_gamma(z: ComplexArray) -> ComplexArray:
    """Return ln Γ(z) up to multiples of 2πi, for Re z > 0 (Abramowitz and Stegun 6.1.40)."""
    y = z + _SHIFT
    inverse = 1.0 / y
    square = inverse * inverse
    series = np.zeros_like(y)
    for j, b in reversed([*enumerate(_BERNOULLI, 1)]):
        series = series * square + b / (2 * j * (2 * j - 1))
    rising = z + 0.0
    for j in range(1, _SHIFT):
        rising = rising * (z + j)
    half_log = 0.5 * math.log(2.0 * math.pi)
    return (y - 0.5) * np.log(y) - y + half_log + series * inverse - np.log(rising)


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
