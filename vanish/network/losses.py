"""Losses L of the chain's output f_N: each record holds ∂L/∂f_N.

Every loss is the mean over the rows of a batch, so its gradient is a row of 1/B times
the row's own.

Where a chain is certain of the right answer, the gradient of an entropy is as small as e^-gap,
gap being a difference of outputs. Below 2^-(2^61) it counts as zero: see
`scaled.LARGEST_EXPONENT`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from vanish.network import activations
from vanish.network.registry import Registry
from vanish.numbers.mantissas import shifted
from vanish.numbers.scaled import LARGEST_EXPONENT, Magnitude, Scaled
from vanish.numbers.stack import Stack
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from vanish.numbers.scaled import FloatArray
    from vanish.numbers.stack import Exponents

    # Values and exponents: one exponent, or one for each trial, the first axis of the values.
    Exponential = tuple[FloatArray, Exponents]


class Loss(Record):
    """A loss and its derivative.

    Attributes
    ----------
    name
        What it is called.
    row_gradient
        Maps the output f_N, shape (B, n_N), and the reference to ∂L_b/∂f_N of each row b.
    meaning
        What it is, in a line.
    formula, derivative
        L of a row f of the output, and ∂L/∂f, as text; t is the row's target.
    source
        Who has it: the paper, its year, the place in it where that is known.
    takes_target
        Whether the reference is a target given by the user, shape (1 or B, n_N), rather than
        the readout r, shape (1, n_N).
    takes_classes
        Whether that target is one class a row, a whole number from 0 to n_N - 1, shape
        (1 or B, 1).
    takes_bits
        Whether every entry of that target is 0 or 1.
    contains
        The names of activations and operations that the loss itself applies to f_N, so that none
        of them may be what f_N comes from.
    by_trial
        The same as `row_gradient` for many trials, given values, exponents and references,
        shapes (T, B, n_N), (T,) and (T, …), where the gradients of two trials can be too far
        apart for one exponent; else None.
    """

    name: str
    row_gradient: Callable[[Scaled, FloatArray], Scaled]
    meaning: str
    formula: str
    derivative: str
    source: str
    takes_target: bool = False
    takes_classes: bool = False
    takes_bits: bool = False
    contains: tuple[str, ...] = ()
    by_trial: Callable[[FloatArray, Exponents, FloatArray], Exponential] | None = None

    def gradient(self, output: Scaled, reference: FloatArray) -> Scaled:
        """Return ∂L/∂f_N, shape (B, n_N), for the mean over the B rows."""
        return self.row_gradient(output, reference).times(_mean_of(output.values))

    def gradients(self, output: Stack, references: FloatArray) -> Stack:
        """Return ∂L/∂f_N of each trial, shape (T, B, n_N)."""
        if self.by_trial is not None:
            values, exponents = self.by_trial(output.values, output.exponents, references)
            mean = _mean_of(values)
            return Stack(values * mean.mantissa, exponents + mean.exponent)
        if isinstance(output.exponents, int):
            rows = self.gradient(Scaled(output.values, output.exponents), references)
            return Stack(np.asarray(rows.values), rows.exponent)
        each = [
            self.gradient(Scaled(values, int(exponent)), reference)
            for values, exponent, reference in zip(
                output.values, output.exponents, references, strict=True
            )
        ]
        return Stack(
            np.array([rows.values for rows in each]), np.array([rows.exponent for rows in each])
        )


def _mean_of(rows: FloatArray) -> Magnitude:
    """Return the weight 1/B of each of the rows."""
    return Magnitude.of(1.0 / rows.shape[-2])


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

# ln 2 · 2^128, rounded down.
_LN2_128 = 0xB17217F7D1CF79ABC9E3B39803F2F6AF

# Beyond e^±500 entries are given an exponent of their own.
_SAFE_LOG = 500.0


def _log_sum(z: FloatArray) -> FloatArray:
    """Return ln Σ_j e^(z_j) of each row, its largest entry being about 0; shape (…, 1)."""
    return np.asarray(np.log(np.exp(z).sum(axis=-1, keepdims=True)))


def _cross_entropy(values: FloatArray, exponents: Exponents, target: FloatArray) -> Exponential:
    # L = ln Σ_j e^(f_j) - f_t for a row's class t, so ∂L/∂f_j = p_j for j ≠ t, and
    # p_t - 1 = -Σ_{j≠t} p_j, the sum being exact where p_t is nearly 1. All of it in
    # logarithms, since a row that is certain of its class has a small gradient and no zero.
    is_target = target == np.arange(values.shape[-1])
    top = values.max(axis=-1, keepdims=True)
    with np.errstate(over="ignore", divide="ignore"):
        z = _in_float64(values - top, exponents)
        log_sum = _log_sum(z)
        others = np.where(is_target, -np.inf, z)
        nearest = others.max(axis=-1, keepdims=True)
        log_rest = nearest + _log_sum(others - np.where(np.isfinite(nearest), nearest, 0.0))
        logs = np.where(is_target, log_rest, z) - log_sum
    largest = logs.max(axis=(-2, -1))
    powers = np.floor(np.where(_is_small(largest), largest, 0.0) / _LN2).astype(np.int64)
    # What is beyond the smallest magnitude becomes 0 here, its power being 0.
    sizes = np.exp(logs - powers[..., None, None] * _LN2)
    return np.where(is_target, -sizes, sizes), _plain(powers)


def _bce(values: FloatArray, exponents: Exponents, target: FloatArray) -> Exponential:
    # L = Σ ln(1+e^f) - t f, which is -t ln σ(f) - (1-t) ln(1-σ(f)), has ∂L/∂f = σ(f) - t:
    # σ(f) for t = 0 and -σ(-f) for t = 1, without a difference that rounds to 0.
    is_one = target == 1.0
    with np.errstate(over="ignore"):
        f = _in_float64(values, exponents)
        x = np.where(is_one, -f, f)
        sizes = activations.get("sigmoid").value(x)
        largest = x.max(axis=(-2, -1))
        small = _is_small(largest)
        powers, rests = np.zeros(largest.shape, dtype=np.int64), np.zeros(largest.shape)
        if small.any():
            # So far down σ(x) is e^x, to the last digit.
            for trial in np.flatnonzero(small):
                powers.flat[trial], rests.flat[trial] = _over_ln2(float(largest.flat[trial]))
            from_top = x - np.where(small, largest, 0.0)[..., None, None]
            exponentials = np.exp(from_top + rests[..., None, None])
            sizes = np.where(small[..., None, None], exponentials, sizes)
    return np.where(is_one, -sizes, sizes), _plain(powers)


def _in_float64(values: FloatArray, exponents: Exponents) -> FloatArray:
    """Return values · 2^exponents, an exponent a trial, as `shifted` does."""
    return shifted(values, np.asarray(exponents, dtype=np.int64)[..., None, None])


def _is_small(largest: FloatArray) -> NDArray[np.bool_]:
    """Return which trials' largest element, given as its ln, needs an exponent."""
    return np.asarray((largest > -LARGEST_EXPONENT * _LN2) & (largest < -_SAFE_LOG))


def _over_ln2(log: float) -> tuple[int, float]:
    """Return n and r with log = n ln 2 + r, 0 ≤ r < ln 2; r is exact but for its rounding."""
    numerator, denominator = log.as_integer_ratio()
    power, rest = divmod((numerator << 128) // denominator, _LN2_128)
    return power, math.ldexp(rest, -128)


def _plain(powers: NDArray[np.int64]) -> Exponents:
    """Return one number where one does."""
    return powers if powers.ndim and powers.any() else int(powers.max())


def _entropy(
    name: str,
    rule: Callable[[FloatArray, Exponents, FloatArray], Exponential],
    meaning: str,
    formula: str,
    derivative: str,
    source: str,
    *,
    takes_classes: bool = False,
    takes_bits: bool = False,
    contains: tuple[str, ...] = (),
) -> Loss:
    """Return the record of a loss with a rule for trials."""

    def row_gradient(output: Scaled, reference: FloatArray) -> Scaled:
        values, exponent = rule(output.values, output.exponent, reference)
        assert isinstance(exponent, int)
        return Scaled(values, exponent)

    return Loss(
        name,
        row_gradient,
        meaning,
        formula,
        derivative,
        source,
        takes_target=True,
        takes_classes=takes_classes,
        takes_bits=takes_bits,
        contains=contains,
        by_trial=rule,
    )


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
        return float(np.mean(_log_sum(z)[:, 0] - z[np.arange(len(z)), classes]))


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
    # Not by `_log_sum`: e^(z - ln Σ) would cost a step its logarithm, a subtraction and digits,
    # where Σ e^z is at hand and a quotient is all that is asked for. Nor by `_cross_entropy`,
    # whose logarithms keep what is below float64: a step of training cannot use it.
    np.subtract(logits, np.maximum.reduce(logits, axis=1, keepdims=True), out)
    np.exp(out, out)
    sums = np.add.reduce(out, axis=1, keepdims=True)
    np.multiply(sums, rows, sums)
    np.divide(out, sums, out)
    out[np.arange(rows), classes] -= 1.0 / rows


_REGISTRY = Registry(
    "loss",
    (
        Loss(
            "readout",
            _readout,
            "a random readout, the default: what is read is the chain alone",
            "r·f, r random signs over √n_N, so that ‖r‖ = 1",
            "r",
            "vanish's own: mean-field theory wants a gradient that is independent of f_N and"
            " symmetric in sign",
        ),
        Loss(
            "sum",
            _sum,
            "the sum of the outputs",
            "Σ_j f_j",
            "1 at each output",
            "the common practice of f.sum().backward() in PyTorch",
        ),
        Loss(
            "mse",
            _mse,
            "half the squared distance from the target",
            "½‖f - t‖²",
            "f - t",
            'Rumelhart, Hinton and Williams 1986, "Learning representations by'
            ' back-propagating errors", eq. 3',
            takes_target=True,
        ),
        _entropy(
            "cross_entropy",
            _cross_entropy,
            "minus the logarithm of what the softmax of the outputs gives the right class",
            "ln Σ_j e^(f_j) - f_t, with t the row's class",
            "softmax(f) - onehot(t)",
            'Bridle 1990, "Probabilistic interpretation of feedforward classification network'
            ' outputs"',
            takes_classes=True,
            contains=("softmax", "log_softmax"),
        ),
        _entropy(
            "bce",
            _bce,
            "minus the logarithm of what the sigmoids of the outputs give the right bits",
            "Σ_j (ln(1+e^(f_j)) - t_j f_j), with t of zeros and ones",
            "σ(f) - t",
            'a logistic regression for each output: Cox 1958, "The regression analysis of binary'
            ' sequences"',
            takes_bits=True,
            contains=("sigmoid",),
        ),
    ),
)


def names_with_target() -> tuple[str, ...]:
    """Return the names of the losses that take a target."""
    return tuple(loss.name for loss in _REGISTRY if loss.takes_target)


def names() -> tuple[str, ...]:
    """Return the names of the losses, the default first."""
    return _REGISTRY.names()


def spelled(name: str) -> str:
    """Return a loss's own name for any spelling; an unknown one as it is."""
    return _REGISTRY.spelled(name)


def get(name: str) -> Loss:
    """Return the loss called `name`.

    Raises
    ------
    UsageError
        If there is none; the message names the nearest ones.
    """
    return _REGISTRY.get(name)
