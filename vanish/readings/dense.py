"""The dense reading: every factor is an array, and the product is the gradient itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanish.network.chainrule import (
    ByBias,
    ByWeight,
    LossGradient,
    Reading,
    Slope,
    Weight,
    gradients,
    signal,
)
from vanish.numbers.scaled import ZERO, Magnitude, Scaled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vanish.network.chain import Chain, Trace
    from vanish.network.chainrule import Variable
    from vanish.numbers.scaled import FloatArray
    from vanish.simulation.census import Census


def _reading(
    chain: Chain,
    trace: Trace,
    loss_gradient: Scaled,
    by_weight: Callable[[Scaled, Scaled], Magnitude | Scaled],
    by_bias: Callable[[Scaled], Magnitude | Scaled],
) -> Reading[Scaled, Magnitude | Scaled]:
    """Return the rules: a running batch of row vectors, shape (B, n), normalized."""

    def slope(rows: Scaled, k: int) -> Scaled:
        return Scaled(rows.values * trace.slopes[k - 1], rows.exponent).normalized()

    def weight(rows: Scaled, k: int) -> Scaled:
        return chain.layers[k - 1].weight.backward(rows).normalized()

    return Reading(
        one=Scaled(np.ones((1, 1))),
        through={
            LossGradient: lambda _, __: loss_gradient.normalized(),
            Slope: slope,
            Weight: weight,
        },
        ends={
            ByWeight: lambda rows, k: by_weight(rows, trace.inputs[k - 1]),
            ByBias: lambda rows, _: by_bias(rows),
        },
    )


def norms(
    chain: Chain, trace: Trace, loss_gradient: Scaled, census: Census | None = None
) -> Iterator[tuple[Variable, Magnitude]]:
    """Yield the Frobenius norm of every gradient, from layer N down to the input.

    No weight gradient is formed: the norm of Σ_b d_b f_bᵀ follows from the triangular
    factors of the two batches.

    Parameters
    ----------
    chain, trace
        The chain and its forward pass.
    loss_gradient
        ∂L/∂f_N, shape (B, n_N).
    census
        What takes note of every gradient.

    Yields
    ------
    variable, norm
        For W_k and b_k the norm of the gradient; for f_k, a_k and x the Frobenius norm
        over the rows of the batch.
    """

    def by_weight(rows: Scaled, inputs: Scaled) -> Magnitude:
        if census is not None and len(rows.values) > 1:
            census.outer(rows.values, inputs.values, rows.exponent + inputs.exponent)
        return outer_norm(rows, inputs)

    reading = _reading(chain, trace, loss_gradient, by_weight, sum_norm)
    for variable, gradient in gradients(chain.expression(), reading):
        if not isinstance(gradient, Scaled):
            yield variable, gradient
            continue
        if census is not None:
            if variable.letter == "f":
                above = gradient
            elif variable.letter == "a":
                census.back(
                    above.values[None], above.exponent, gradient.values[None], gradient.exponent
                )
        yield variable, gradient.norm()


def ratio(chain: Chain, trace: Trace, loss_gradient: Scaled) -> Magnitude:
    """Return ‖∂L/∂a_1‖/‖∂L/∂a_N‖ and form no other norm; zero where either is.

    Parameters
    ----------
    chain, trace, loss_gradient
        As for `norms`.
    """

    def unread(_: Scaled, __: Scaled | None = None) -> Scaled:
        raise AssertionError

    rules = _reading(chain, trace, loss_gradient, unread, unread)
    last, first = (rows.norm() for rows in signal(chain.expression(), rules))
    return first / last if first and last else ZERO


def arrays(chain: Chain, trace: Trace, loss_gradient: Scaled) -> Iterator[tuple[Variable, Scaled]]:
    """Yield every gradient itself, from layer N down to the input.

    Parameters
    ----------
    chain, trace, loss_gradient
        As for `norms`.

    Yields
    ------
    variable, gradient
        ∂L/∂W_k of shape (n_k, n_{k-1}), ∂L/∂b_k of shape (n_k,), and for f_k, a_k and x
        one row a sample, shape (B, n).
    """

    def by_weight(rows: Scaled, inputs: Scaled) -> Scaled:
        return Scaled(rows.values.T @ inputs.values, rows.exponent + inputs.exponent)

    def by_bias(rows: Scaled) -> Scaled:
        return Scaled(rows.values.sum(axis=0), rows.exponent)

    reading = _reading(chain, trace, loss_gradient, by_weight, by_bias)
    for variable, gradient in gradients(chain.expression(), reading):
        assert isinstance(gradient, Scaled)
        yield variable, gradient


def outer_norm(rows: Scaled, inputs: Scaled) -> Magnitude:
    """Return ‖Σ_b d_b f_bᵀ‖_F, the norm of ∂L/∂W_k.

    For one row it is ‖d‖·‖f‖. For more, with thin QR factorisations Dᵀ = Q_D R_D and
    Fᵀ = Q_F R_F it is ‖R_D R_Fᵀ‖_F: no cancellation, unlike the sum over pairs of rows
    Σ_bb' (d_b·d_b')(f_b·f_b').
    """
    if rows.values.shape[0] == 1:
        return rows.norm() * inputs.norm()
    left, right = rows.normalized(), inputs.normalized()
    product = _triangular(left.values) @ _triangular(right.values).T
    return Scaled(product, left.exponent + right.exponent).norm()


def _triangular(rows: FloatArray) -> FloatArray:
    """Return R of rowsᵀ = QR."""
    return np.asarray(np.linalg.qr(rows.T, mode="r"))


def sum_norm(rows: Scaled) -> Magnitude:
    """Return ‖Σ_b d_b‖, the norm of ∂L/∂b_k."""
    if rows.values.shape[0] == 1:
        return rows.norm()
    return Scaled(rows.values.sum(axis=0), rows.exponent).norm()
