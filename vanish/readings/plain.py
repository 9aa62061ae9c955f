"""The plain reading: every factor an operation on float64 arrays, for training.

The product is read once, when the arrays for it are made: each factor appends an operation
that works in place to a list, and the ends of the products write into the gradients. A
training step runs the list. The chain rule itself costs a step nothing.

There are no exponents here. What falls below 1e-308 becomes 0 and what grows past 1.8e308
infinite, as in any framework: at depths at which networks are trained that changes no
weight in float64. Whoever wants to know how small a gradient is asks the dense reading.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from vanish.network.chainrule import (
    ByBias,
    ByWeight,
    LossGradient,
    Reading,
    Slope,
    Variable,
    Weight,
    expression,
    gradients,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vanish.network.activations import Activation
    from vanish.numbers.scaled import FloatArray


class Parameters:
    """All W_k and b_k of a chain, or their gradients, in one vector.

    Parameters
    ----------
    sizes
        n_0, n_1, …, n_N.

    Attributes
    ----------
    vector
        All of them, zero at first: what an optimizer changes in one go.
    weights, biases
        Views into it, of shapes (n_k, n_{k-1}) and (n_k,), layer 1 first.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        shapes = [(n_out, n_in) for n_in, n_out in pairwise(sizes)]
        self.vector = np.zeros(sum(n_out * n_in + n_out for n_out, n_in in shapes))
        self.weights: list[FloatArray] = []
        self.biases: list[FloatArray] = []
        at = 0
        for n_out, n_in in shapes:
            bias = at + n_out * n_in
            self.weights.append(self.vector[at:bias].reshape(n_out, n_in))
            self.biases.append(self.vector[bias : bias + n_out])
            at = bias + n_out


class Passes:
    """The passes forward and back of batches of one size, with arrays of their own.

    Parameters
    ----------
    activations
        S of each layer, layer 1 first.
    parameters
        W_k and b_k, as they are whenever a pass is made.
    found
        Where `backward` puts ∂L/∂W_k and ∂L/∂b_k.
    rows
        B, the rows of a batch.

    Attributes
    ----------
    loss_gradient
        ∂L/∂f_N, shape (B, n_N): fill it in between the two passes.
    """

    def __init__(
        self,
        activations: Sequence[Activation],
        parameters: Parameters,
        found: Parameters,
        rows: int,
    ) -> None:
        n_out = [len(bias) for bias in parameters.biases]
        self._layers = [
            (weight.T, bias, activation.pair, np.empty((rows, len(bias))))
            for weight, bias, activation in zip(
                parameters.weights, parameters.biases, activations, strict=True
            )
        ]
        self._inputs: list[FloatArray] = [np.empty(0)] * len(n_out)
        self._slopes: list[FloatArray] = [np.empty(0)] * len(n_out)
        self.loss_gradient = np.empty((rows, n_out[-1]))
        self._operations: list[Callable[[], object]] = []
        reading = self._reading(parameters, found)
        for variable, _ in gradients(expression(len(n_out)), reading):
            if variable == Variable("b", 1):
                break  # nobody trains x

    def forward(self, x: FloatArray) -> FloatArray:
        """Return f_N, shape (B, n_N), of a batch x of shape (B, n_0)."""
        f = x
        for i, (transposed, bias, pair, a) in enumerate(self._layers):
            self._inputs[i] = f
            np.matmul(f, transposed, a)
            np.add(a, bias, a)
            f, self._slopes[i] = pair(a)
        return f

    def backward(self) -> None:
        """Differentiate by every W_k and b_k, at the last pass forward."""
        for operation in self._operations:
            operation()

    def _reading(
        self, parameters: Parameters, found: Parameters
    ) -> Reading[FloatArray, FloatArray]:
        """Return the rules: each makes its operation, and names the array that it fills."""
        inputs, slopes, then = self._inputs, self._slopes, self._operations.append

        def slope(rows: FloatArray, k: int) -> FloatArray:
            then(lambda: np.multiply(rows, slopes[k - 1], rows))
            return rows

        def weight(rows: FloatArray, k: int) -> FloatArray:
            matrix = parameters.weights[k - 1]
            product = np.empty((len(rows), matrix.shape[1]))
            then(lambda: np.matmul(rows, matrix, product))
            return product

        def by_weight(rows: FloatArray, k: int) -> FloatArray:
            columns, gradient = rows.T, found.weights[k - 1]
            then(lambda: np.matmul(columns, inputs[k - 1], gradient))
            return gradient

        def by_bias(rows: FloatArray, k: int) -> FloatArray:
            gradient = found.biases[k - 1]
            then(lambda: np.add.reduce(rows, axis=0, out=gradient))
            return gradient

        return Reading(
            one=np.ones((1, 1)),
            through={
                LossGradient: lambda _, __: self.loss_gradient,
                Slope: slope,
                Weight: weight,
            },
            ends={ByWeight: by_weight, ByBias: by_bias},
        )
