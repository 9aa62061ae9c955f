"""Losses L of the chain's output f_N: each record holds ∂L/∂f_N.

Every loss is the mean over the rows of a batch, so its gradient is a row of 1/B times
the row's own.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanish.errors import unknown_name
from vanish.scaled import Magnitude, Scaled

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from vanish.scaled import FloatArray


class Loss(NamedTuple):
    """A loss and its derivative.

    Attributes
    ----------
    name
        What it is called.
    row_gradient
        Maps the output f_N, shape (…, B, n_N), and the reference to ∂L_b/∂f_N of each row b.
    takes_target
        Whether the reference is a target given by the user, shape (1 or B, n_N), rather than
        the readout r, shape (1, n_N).
    takes_classes
        Whether that target is one class a row, a whole number from 0 to n_N - 1, shape
        (1 or B, 1).
    """

    name: str
    row_gradient: Callable[[Scaled, FloatArray], Scaled]
    takes_target: bool = False
    takes_classes: bool = False

    def gradient(self, output: Scaled, reference: FloatArray) -> Scaled:
        """Return ∂L/∂f_N, shape (…, B, n_N), for the mean over the B rows."""
        rows = output.values.shape[-2]
        return self.row_gradient(output, reference).times(Magnitude.of(1.0 / rows))


def draw_readout(generator: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    """Draw readouts r, one along the last axis: random signs over √n_N, so that ‖r‖ = 1.

    The signs make r independent of f_N and symmetric. With all ones a ReLU chain's
    gradient is correlated with its own activations, and mean-field theory is wrong.
    """
    signs = generator.choice((-1.0, 1.0), shape)
    return np.asarray(signs / math.sqrt(shape[-1]))


def _readout(output: Scaled, readout: FloatArray) -> Scaled:
    # L is the inner product of r and f_N
    return Scaled(np.broadcast_to(readout, output.values.shape))


def _sum(output: Scaled, _: FloatArray) -> Scaled:
    # L is the sum of the entries of f_N
    return Scaled(np.ones_like(output.values))


def _mse(output: Scaled, target: FloatArray) -> Scaled:
    # L = ½‖f_N - t‖²
    return output - Scaled(target)


_LN2 = math.log(2.0)

# Beyond e^±500 entries are given an exponent of their own.
_SAFE_LOG = 500.0


def _cross_entropy(output: Scaled, target: FloatArray) -> Scaled:
    # L = ln Σ_j e^(f_j) - f_t for a row's class t (Bridle 1990, "Probabilistic interpretation
    # of feedforward classification network outputs"), so ∂L/∂f_j = p_j for j ≠ t, and
    # p_t - 1 = -Σ_{j≠t} p_j, the sum being exact where p_t is nearly 1. All of it in
    # logarithms, since a row that is certain of its class has a small gradient and no zero.
    is_target = target == np.arange(output.values.shape[-1])
    top = output.values.max(axis=-1, keepdims=True)
    with np.errstate(over="ignore", divide="ignore"):
        z = Scaled(output.values - top, output.exponent).with_exponent(0).values
        log_sum = np.log(np.exp(z).sum(axis=-1, keepdims=True))
        others = np.where(is_target, -np.inf, z)
        nearest = others.max(axis=-1, keepdims=True)
        rest = np.exp(others - np.where(np.isfinite(nearest), nearest, 0.0))
        log_rest = nearest + np.log(rest.sum(axis=-1, keepdims=True))
        logs = np.where(is_target, log_rest, z) - log_sum
    largest = float(logs.max())
    small = -math.inf < largest < -_SAFE_LOG
    exponent = math.floor(largest / _LN2) if small else 0
    values = np.exp(logs - exponent * _LN2)
    return Scaled(np.where(is_target, -values, values), exponent)


def cross_entropy(logits: FloatArray, classes: NDArray[np.intp]) -> float:
    """Return the mean of ln Σ_j e^(f_j) - f_t over the rows f, t being a row's class.

    Parameters
    ----------
    logits
        Shape (B, n_N).
    classes
        Shape (B,).

    Returns
    -------
    loss
        Not finite where a logit is not, or where float64 cannot hold it.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        z = logits - logits.max(axis=1, keepdims=True)
        log_sums = np.log(np.exp(z).sum(axis=1))
        return float(np.mean(log_sums - z[np.arange(len(z)), classes]))


def cross_entropy_gradient(logits: FloatArray, classes: NDArray[np.intp], out: FloatArray) -> None:
    """Put ∂L/∂f_N of the mean cross-entropy, (softmax(f) - onehot)/B, into `out`.

    For training: the loss record gives the same numbers, with exponents.

    Parameters
    ----------
    logits, out
        Shape (B, n_N).
    classes
        Shape (B,).
    """
    rows = len(logits)
    np.subtract(logits, np.maximum.reduce(logits, axis=1, keepdims=True), out)
    np.exp(out, out)
    sums = np.add.reduce(out, axis=1, keepdims=True)
    np.multiply(sums, rows, sums)
    np.divide(out, sums, out)
    out[np.arange(rows), classes] -= 1.0 / rows


_REGISTRY = {
    loss.name: loss
    for loss in (
        Loss("readout", _readout),
        Loss("sum", _sum),
        Loss("mse", _mse, takes_target=True),
        Loss("cross_entropy", _cross_entropy, takes_target=True, takes_classes=True),
    )
}


def names() -> tuple[str, ...]:
    """Return the names of the losses, the default first."""
    return tuple(_REGISTRY)


def get(name: str) -> Loss:
    """Return the loss called `name`.

    Raises
    ------
    UsageError
        If there is none; the message names the nearest ones.
    """
    try:
        return _REGISTRY[name.strip().lower().replace("-", "_")]
    except KeyError:
        raise unknown_name("loss", name, names()) from None
