"""The mean-field reading: every factor is its mean square at infinite width.

Going forward, the values a_k of a layer become independent normals of variance q_k:

    q_1 = σ_w²(1) ‖x‖²/n_0 + σ_b²,   q_{k+1} = σ_w²(k+1) V(q_k) + σ_b²,   E‖f_k‖² = n_k V(q_k),

with σ_w²(k) = n_{k-1} Var(W_k's entries) (Poole et al. 2016, "Exponential expressivity in
deep neural networks through transient chaos", section 2). Going back, S'(a_k) multiplies
the mean square of a row by C(q_k), and W_k by σ_w²(k), whatever its shape: every entry of
dW_k has variance ‖d‖² Var(W_k's entries), and there are n_{k-1} of them. Together,

    E‖∂L/∂a_k‖² = σ_w²(k+1) C(q_k) E‖∂L/∂a_{k+1}‖²,

the χ₁ of Schoenholz et al. 2017, "Deep information propagation". Where two values are added that
come from independent weights, E[(x+S)²] = E[x²] + 2 E[x] E[S] + E[S²], and mean squares going
back add (Yang and Schoenholz 2017, "Mean field residual networks"). The readout must be
independent of f_N and symmetric in sign, as the default one is. At finite width typical
norms are smaller than root mean squares: see `finitewidth`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from vanish.errors import UsageError
from vanish.gauss import moments
from vanish.network.chainrule import Reading, forward
from vanish.network.graph import Variable, article_graph
from vanish.numbers.scaled import ONE, Magnitude
from vanish.numbers.stack import Magnitudes
from vanish.readings.magnitudes import products, stacked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from vanish.network.activations import Activation
    from vanish.network.chainrule import Passed
    from vanish.network.graph import Graph, Run, Slot

    # A number of either sign, mantissa · 2^exponent.
    Signed = tuple[float, int]


class Unit:
    """What is known of one entry of a value: its mean square and its mean.

    Parameters
    ----------
    square
        E[f_i²].
    mean
        Returns E[f_i]: only what is added up has to know it.
    normal
        Whether it is normal, of mean 0.
    sources
        The independent random numbers that it is made of, within its layer.
    """

    __slots__ = ("mean", "normal", "sources", "square")

    def __init__(
        self,
        square: Magnitude,
        mean: Callable[[], Signed],
        *,
        normal: bool,
        sources: frozenset[object],
    ) -> None:
        self.square = square
        self.mean = mean
        self.normal = normal
        self.sources = sources

    @classmethod
    def of(cls, square: Magnitude, mean: Callable[[], Signed], *, normal: bool = False) -> Unit:
        """Return a signal that is independent of all others."""
        return cls(square, mean, normal=normal, sources=frozenset([object()]))

    def alone(self) -> Unit:
        """Return it as the next layer knows it, without what it is made of."""
        return Unit.of(self.square, self.mean)

    def __add__(self, other: Unit) -> Unit:
        if self.sources & other.sources:
            raise UsageError(
                "mean-field theory has no law here for a sum of values that depend on each other:"
                " add values that come from different weights"
            )
        means = self.mean(), other.mean()
        (m, e), (n, f) = means
        parts = [_signed(self.square), _signed(other.square), (2.0 * m * n, e + f)]
        mantissa, exponent = _total(parts)
        square = Magnitude.of(max(mantissa, 0.0), exponent)
        sources = self.sources | other.sources
        return Unit(square, lambda: _total(means), normal=False, sources=sources)


def _zero() -> Signed:
    return 0.0, 0


def _signed(magnitude: Magnitude) -> Signed:
    return magnitude.mantissa, magnitude.exponent


def _total(parts: Sequence[Signed]) -> Signed:
    """Return a sum; a term 2^1000 times smaller than another leaves no trace."""
    common = max((exponent for mantissa, exponent in parts if mantissa), default=0)
    return math.fsum(math.ldexp(m, max(e - common, -1100)) for m, e in parts if m), common


def normal(square: Magnitude) -> Unit:
    """Return a fresh normal signal of mean 0."""
    return Unit.of(square, _zero, normal=True)


# On the way forward a `Unit`, back the mean square of a row of the gradient.
MEAN_FIELD = Reading("mean-field", ends=Unit.alone)


class Ensemble:
    """Random networks as the rules know them: variances and sizes.

    Parameters
    ----------
    activations
        S of each layer, layer 1 first.
    sizes
        n_0, n_1, …, n_N.
    weight_variances
        σ_w² of each layer: n_in times the variance of W's entries. A semi-orthogonal W
        has gain²·n_in/max(n_in, n_out).
    bias_std
        σ_b, the standard deviation of the biases' entries.
    """

    def __init__(
        self,
        activations: Sequence[Activation],
        sizes: Sequence[int],
        weight_variances: Sequence[Magnitude],
        bias_std: float,
    ) -> None:
        self._activations = dict(enumerate(activations, 1))
        self._n_in = dict(enumerate(sizes[:-1], 1))
        self._variances = {Variable("W", k): each for k, each in enumerate(weight_variances, 1)}
        self.bias = Magnitude.of(bias_std) * Magnitude.of(bias_std)

    def activation(self, k: int) -> Activation:
        """Return S of layer k."""
        return self._activations[k]

    def n_in(self, k: int) -> Magnitude:
        """Return n_{k-1}."""
        return Magnitude.of(self._n_in[k])

    def variance(self, slot: Slot, k: int) -> Magnitude:
        """Return σ_w² of a matrix of layer k."""
        return self._variances[slot.at(k)]

    def variances(self, slot: Slot, layers: Iterable[int]) -> Magnitudes:
        """Return those of some layers, shape (L, 1)."""
        return Magnitudes.column([self.variance(slot, k) for k in layers])


class Expected(NamedTuple):
    """Root mean squares over the draws of weights, biases and readout, of one layer.

    Attributes
    ----------
    grad_w, grad_b
        Those of ‖∂L/∂W_k‖ and ‖∂L/∂b_k‖.
    """

    grad_w: Magnitude
    grad_b: Magnitude


def passed(ensemble: Ensemble, graph: Graph, mean_square: Magnitude) -> Iterator[Passed]:
    """Yield the length map's iterates, layer 1 first.

    Parameters
    ----------
    ensemble, graph
        The networks.
    mean_square
        ‖x‖²/n_0.
    """
    return forward(graph, MEAN_FIELD, ensemble, normal(mean_square))


def expected(
    activations: Sequence[Activation],
    sizes: Sequence[int],
    weight_variances: Sequence[Magnitude],
    bias_std: float,
    input_norm: Magnitude,
    graph: Graph | None = None,
) -> list[Expected]:
    """Return what theory expects of one sample and ‖∂L/∂f_N‖ = 1, layer 1 first.

    Parameters
    ----------
    activations, sizes, weight_variances, bias_std
        As for `Ensemble`.
    input_norm
        ‖x‖.
    graph
        The operations; without them, the article's chain.

    Raises
    ------
    UsageError
        If theory has no law for the network.
    """
    graph = graph or article_graph(len(activations))
    ensemble = Ensemble(activations, sizes, weight_variances, bias_std)
    mean_square = input_norm * input_norm / Magnitude.of(sizes[0])
    kept = {each.layer: each.kept for each in passed(ensemble, graph, mean_square)}

    def columns(section: Run) -> list[Magnitudes | None]:
        layers = range(section.first, section.last + 1)
        return [stacked(numbers) for numbers in zip(*(kept[k] for k in layers), strict=True)]

    one = Magnitudes.column([ONE]).at(0)
    squares = products(graph, MEAN_FIELD, ensemble, columns, one)
    return [
        Expected(moments.root(w), moments.root(b))
        for w, b in zip(
            squares["W"].at((..., 0)).listed(), squares["b"].at((..., 0)).listed(), strict=True
        )
    ]
