"""The norm bound: every factor is one number that its norm cannot exceed.

It reads ∂S/∂a_k as sup|S'|, W_k as ‖W_k‖₂ and ∂a_k/∂W_k as ‖f_{k-1}‖, multiplies by
‖AB‖_F ≤ ‖A‖_F‖B‖₂ and adds by ‖A+B‖ ≤ ‖A‖+‖B‖. No gradient's norm exceeds it; for a batch
the Frobenius norms run over its rows (Cauchy-Schwarz). For the article's chain it is

    ‖∂L/∂W_k‖_F ≤ ‖∂L/∂f_N‖ · ∏_{j>k} sup|S'_j|·‖W_j‖₂ · sup|S'_k| · ‖f_{k-1}‖.

(The article's bound, of sup|S'| alone, is in `slopes`: it bounds the product of the slopes,
not the gradient, and with large weights a sigmoid chain can even explode.)
"""

from __future__ import annotations

import math
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

from vanish.network.chainrule import Reading
from vanish.numbers.scaled import Magnitude
from vanish.numbers.stack import Magnitudes
from vanish.readings.magnitudes import products, stacked

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vanish.network.activations import Activation
    from vanish.network.graph import Op, Run
    from vanish.readings.dense import Trace

# Its rules' `forward` makes of what the dense reading kept the one number that is asked for.
BOUND = Reading("norm bound")


class TraceNorms:
    """What the rules of the bound ask for.

    Parameters
    ----------
    trace
        A way forward of a network with its parameters.
    """

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._chain = trace.chain

    def spectral(self, op: Op, layers: int | Iterable[int]) -> Any:
        """Return ‖W_k‖₂ of an operation's matrix, its first slot; for several k shape (L, 1)."""
        if isinstance(layers, int):
            return self._chain.of(op, layers)[0].spectral_norm()
        return Magnitudes.column([self.spectral(op, k) for k in layers])

    def largest(self, op: Op, layers: int | Iterable[int]) -> Any:
        """Return max|γ| of an operation's numbers, its first slot; for several k shape (L, 1)."""
        if isinstance(layers, int):
            return Magnitude.of(float(np.abs(self._chain.of(op, layers)[0]).max()))
        return Magnitudes.column([self.largest(op, k) for k in layers])

    def root_of_rows(self, layers: int | Iterable[int], copies: int = 1) -> Any:
        """Return √(B c) of B rows with c copies of what is meant; for several k shape (L, 1)."""
        if isinstance(layers, int):
            return Magnitude.of(math.sqrt(len(self._trace.output.values) * copies))
        return Magnitudes.column([self.root_of_rows(k, copies) for k in layers])

    def activation(self, k: int) -> Activation:
        """Return S of layer k."""
        return self._chain.activation(k)

    def kept_at(self, k: int) -> list[Magnitude | None]:
        """Return what every place of layer k is to know."""
        block = self._chain.graph.block(k)
        return [None, *(self._known(node.op, place, (k,))[0] for place, node in block.placed)]

    def kept(self, section: Run) -> list[Magnitudes | None]:
        """Return what every place of a run is to know, shape (L, 1)."""
        block, first, last = section
        layers = range(first, last + 1)
        return [
            None,
            *(stacked(self._known(node.op, place, layers)) for place, node in block.placed),
        ]

    def _known(self, op: Op, place: int, layers: Iterable[int]) -> list[Magnitude | None]:
        """Return what one place of some layers is to know."""
        rule, kept = BOUND.rule(op).forward, self._trace.kept
        return [rule(self, op, k, kept[k][place])[1] for k in layers]


def norm_bounds(trace: Trace, loss_gradient: Magnitude) -> dict[str, Magnitudes]:
    """Return the bounds on every gradient that always hold, layer 1 first, shape (N, 1).

    Parameters
    ----------
    trace
        A way forward of a network with its parameters.
    loss_gradient
        ‖∂L/∂f_N‖_F.

    Returns
    -------
    dict
        By name and letter: f, a, W, b.
    """
    seed = Magnitudes.column([loss_gradient]).at(0)
    norms = TraceNorms(trace)
    return products(trace.chain.graph, BOUND, norms, norms.kept, seed)


# Singular values cost about max·min² operations a matrix. Up to this many in all they
# take some milliseconds, little beside starting Python; the default run has 5.2 million.
CHEAP_OPERATIONS = 10_000_000


def operations(shapes: Iterable[tuple[int, ...]]) -> int:
    """Return about how many operations the spectral norms of matrices of these shapes take."""
    return sum(map(_operations, shapes))


def are_cheap(shapes: Iterable[tuple[int, ...]], times: int) -> bool:
    """Tell whether they take few operations, so many times; of deep networks the first say it."""
    totals = accumulate(map(_operations, shapes))
    return all(times * total <= CHEAP_OPERATIONS for total in totals)


def _operations(shape: tuple[int, ...]) -> int:
    n_out, n_in = shape
    return n_in * n_out * min(n_in, n_out)
