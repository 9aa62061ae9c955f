"""The dense reading: what flows are arrays, and the product is the gradient itself.

A batch of row vectors, shape (B, n), with an exponent of its own. A parameter's gradient is
kept as the sum that it is, and formed only if somebody asks for its entries.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from vanish.network.chainrule import Reading, back, forward, until
from vanish.numbers.scaled import ZERO, Magnitude, Scaled, pooled
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vanish.network.chain import Chain
    from vanish.network.chainrule import Passed
    from vanish.network.graph import Variable
    from vanish.numbers.scaled import FloatArray

Term = TypeVar("Term")

# A factorisation's operations cost so many times those of a product of matrices, which of so few
# numbers is done sooner than one begins.
_FACTORED, _SMALL = 4, 2**14

# So many numbers of ∂L/∂W are formed at a time: they stay in the processor's cache.
_BAND = 2**16

DENSE = Reading("dense", tidy=Scaled.tidy)


class Terms(Generic[Term]):
    """The terms of a sum. One that goes on from it shares their list, so that N cost N and not N².

    Parameters
    ----------
    listed
        The terms, and perhaps behind them those of a longer sum.
    """

    __slots__ = ("_count", "_listed")

    def __init__(self, listed: list[Term]) -> None:
        self._listed, self._count = listed, len(listed)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Term]:
        return islice(self._listed, self._count)

    def __add__(self, other: Terms[Term]) -> Terms[Term]:
        added = list(other)
        goes_on = self._count == len(self._listed)
        listed = self._listed if goes_on else self._listed[: self._count]
        listed += added
        return Terms(listed)


class Outer:
    """∂L/∂W, a sum of outer products Σ_b d_b f_bᵀ.

    Parameters
    ----------
    parts
        d and f of each use, shapes (B, n_out) and (B, n_in).
    """

    __slots__ = ("_sizes", "parts")

    def __init__(self, *parts: tuple[Scaled, Scaled]) -> None:
        self.parts = Terms([*parts])
        self._sizes: tuple[Magnitude, Magnitude | None] | None = None

    def __add__(self, other: Outer) -> Outer:
        total = Outer()
        total.parts = self.parts + other.parts
        return total

    def norm(self) -> Magnitude:
        """Return the Frobenius norm.

        For one row it is ‖d‖·‖f‖. Of many the matrix is formed, a band of rows at a time. Where
        that would cost more, with thin QR factorisations Dᵀ = Q_D R_D and Fᵀ = Q_F R_F it is
        ‖R_D R_Fᵀ‖_F. Neither loses more than the rounding of products, unlike the sum over pairs
        of rows Σ_bb' (d_b·d_b')(f_b·f_b'), which cancels.
        """
        return self._measured()[0]

    def largest(self) -> Magnitude | None:
        """Return the largest |entry|; None where the norm is known without the matrix."""
        return self._measured()[1]

    def _measured(self) -> tuple[Magnitude, Magnitude | None]:
        if self._sizes is None:
            self._sizes = self._measure()
        return self._sizes

    def _measure(self) -> tuple[Magnitude, Magnitude | None]:
        left, right = self._whole()
        if len(left.values) == 1:
            return left.norm() * right.norm(), None
        left, right = left.tidy(), right.tidy()
        exponent = left.exponent + right.exponent
        count, n_out = left.values.shape
        n_in = right.values.shape[1]
        if n_out * n_in > max(_SMALL, _FACTORED * count * (n_out + n_in)):
            product = _triangular(left.values) @ _triangular(right.values).T
            return Scaled(product, exponent).norm(), None
        step = max(1, _BAND // n_in)
        bands = [
            Scaled(left.values.T[row : row + step] @ right.values, exponent)
            for row in range(0, n_out, step)
        ]
        largest = max(each.largest for each in bands)
        return pooled(each.norm() for each in bands), Magnitude.of(largest, exponent)

    def array(self) -> Scaled:
        """Return the matrix, shape (n_out, n_in)."""
        rows, inputs = self._whole()
        return Scaled(rows.values.T @ inputs.values, rows.exponent + inputs.exponent)

    def _whole(self) -> tuple[Scaled, Scaled]:
        """Return the rows of all parts as one batch."""
        if len(self.parts) == 1:
            [only] = self.parts
            return only
        # A zero has no size to go by: beside it, what is small would be rounded to zero.
        parts = [each for each in self.parts if all(rows.values.any() for rows in each)]
        pairs = [
            (rows.normalized(), inputs.normalized())
            for rows, inputs in parts or islice(self.parts, 1)
        ]
        powers = [rows.exponent + inputs.exponent for rows, inputs in pairs]
        most = max(powers)
        left = [
            Scaled(rows.values, power).with_exponent(most).values
            for (rows, _), power in zip(pairs, powers, strict=True)
        ]
        right = [inputs.values for _, inputs in pairs]
        return Scaled(np.concatenate(left), most), Scaled(np.concatenate(right))


def _triangular(rows: FloatArray) -> FloatArray:
    """Return R of rowsᵀ = QR."""
    return np.asarray(np.linalg.qr(rows.T, mode="r"))


class Total:
    """∂L/∂b, a sum of rows Σ_b d_b.

    Parameters
    ----------
    parts
        d of each use, shape (B, n).
    """

    __slots__ = ("parts",)

    def __init__(self, *parts: Scaled) -> None:
        self.parts = Terms([*parts])

    def __add__(self, other: Total) -> Total:
        total = Total()
        total.parts = self.parts + other.parts
        return total

    def norm(self) -> Magnitude:
        """Return the Euclidean norm."""
        first, *others = islice(self.parts, 2)
        if not others and len(first.values) == 1:
            return first.norm()
        return self.array().norm()

    def array(self) -> Scaled:
        """Return the vector, shape (n,)."""
        total, *others = [Scaled(rows.values.sum(axis=0), rows.exponent) for rows in self.parts]
        for each in others:
            total += each
        return total


class Trace(Record):
    """A way forward.

    Attributes
    ----------
    chain
        What was walked through.
    outputs
        f_k for k = 0..N, each of shape (B, n_k).
    kept
        By layer, what every place of its block keeps for the way back.
    """

    chain: Chain
    outputs: tuple[Scaled, ...]
    kept: dict[int, list[Any]]

    @property
    def output(self) -> Scaled:
        """f_N, shape (B, n_N)."""
        return self.outputs[-1]

    @property
    def inputs(self) -> tuple[Scaled, ...]:
        """f_{k-1} for k = 1..N."""
        return self.outputs[:-1]

    @property
    def slopes(self) -> tuple[FloatArray, ...]:
        """S'(a_k) for k = 1..N, each of shape (B, n_k)."""
        return tuple(
            self.kept[k][place]
            for block, first, last in self.chain.graph.runs
            for k in range(first, last + 1)
            for place in block.places("activate")
        )


def trace(chain: Chain, x: FloatArray, watch: Callable[[Passed], object] | None = None) -> Trace:
    """Go forward.

    Parameters
    ----------
    chain
        The network.
    x
        The input f_0, shape (B, n_0).
    watch
        Called with every layer.

    Raises
    ------
    ForwardOverflowError
        If an output leaves float64's range where it cannot be rescaled.
    """
    outputs, kept = [Scaled(x)], {}
    for passed in forward(chain.graph, DENSE, chain, Scaled(x)):
        outputs.append(passed.named("f"))
        kept[passed.layer] = passed.kept
        if watch is not None:
            watch(passed)
    return Trace(chain, tuple(outputs), kept)


def gradients(
    trace: Trace, loss_gradient: Scaled
) -> Iterator[tuple[Variable, Scaled | Outer | Total]]:
    """Yield every gradient, from layer N down to the input.

    Parameters
    ----------
    trace
        The network and its way forward.
    loss_gradient
        ∂L/∂f_N, shape (B, n_N).

    Yields
    ------
    variable, gradient
        For f_k, a_k and x one row a sample, shape (B, n); for W_k and b_k a sum of outer
        products and a sum of rows.
    """
    return back(trace.chain.graph, DENSE, trace.chain, trace.kept.__getitem__, loss_gradient)


def arrays(trace: Trace, loss_gradient: Scaled) -> Iterator[tuple[Variable, Scaled]]:
    """Yield every gradient itself, from layer N down to the input.

    Parameters
    ----------
    trace, loss_gradient
        As for `gradients`.

    Yields
    ------
    variable, gradient
        ∂L/∂W_k of shape (n_k, n_{k-1}), ∂L/∂b_k of shape (n_k,), and for f_k, a_k and x
        one row a sample, shape (B, n).
    """
    for variable, gradient in gradients(trace, loss_gradient):
        yield variable, gradient if isinstance(gradient, Scaled) else gradient.array()


def ratio(trace: Trace, loss_gradient: Scaled) -> Magnitude:
    """Return the signal's ratio, layer 1 to N, and form no other norm; zero where either is.

    Of the article's chain that is ‖∂L/∂a_1‖/‖∂L/∂a_N‖, see `Graph.signal`.

    Parameters
    ----------
    trace, loss_gradient
        As for `gradients`.
    """
    walk = gradients(trace, loss_gradient)
    at_first, at_last = trace.chain.graph.ends
    last = until(walk, at_last)
    first = last if at_first == at_last else until(walk, at_first)
    assert isinstance(last, Scaled)
    assert isinstance(first, Scaled)
    first_norm, last_norm = first.norm(), last.norm()
    return first_norm / last_norm if first_norm and last_norm else ZERO
