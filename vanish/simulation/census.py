"""The entries of every signal of one run: how large the largest is, and a typical one.

A number format holds a signal if its largest entry does not overflow and its typical one is
not lost, see `precision`. Most typical entries follow from the norms; the largest ones do
not, and nobody else asks for a_k.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from vanish.numbers.stack import Stack
from vanish.readings.dense import Outer
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from vanish.network.chainrule import Passed
    from vanish.network.graph import Variable
    from vanish.numbers.scaled import FloatArray, Scaled
    from vanish.numbers.stack import Exponents, Magnitudes
    from vanish.readings.forwardsignal import ForwardTally
    from vanish.simulation.measured import Measured
    from vanish.simulation.settings import Settings

# Short arrays are read together up to so many numbers.
_TOGETHER = 2**15

# Of ∂L/∂W_k of a batch so many rows are formed.
_ROWS = 64

# Sums of squares within 2^±900 have lost nothing.
_SMALLEST_SQUARE, _LARGEST_SQUARE = 2.0**-900, 2.0**900


class Signal(Record):
    """One signal in every layer, as binary logarithms; -inf for a true zero.

    Attributes
    ----------
    largest
        Of the largest |entry|, shape (L,).
    rms
        Of the root mean square of the entries, shape (L,).
    """

    largest: FloatArray
    rms: FloatArray


class Entries(Record):
    """All signals of one trial, layer 1 first.

    Attributes
    ----------
    weight, preactivation
        W_k and a_k, shape (N,). The largest entry of a_k is that on the sides where an
        infinite one does harm, see `Activation.bears_infinity`.
    value
        f_k for k = 0..N, shape (N+1,).
    grad_f, grad_a, grad_w
        ∂L/∂f_k, ∂L/∂a_k and ∂L/∂W_k, shape (N,).
    """

    weight: Signal
    preactivation: Signal
    value: Signal
    grad_f: Signal
    grad_a: Signal
    grad_w: Signal


class _Tally:
    """Reads pairs of arrays in the order in which they come, short ones together.

    Parameters
    ----------
    squared
        Whether to sum up the squares of the first of each pair, too.
    """

    def __init__(self, *, squared: bool = False) -> None:
        self._squared = squared
        self._waiting: list[tuple[FloatArray, Exponents, FloatArray, Exponents]] = []
        self._size = 0
        self._most = 1
        self._ends: list[FloatArray] = []
        self._rms: list[FloatArray] = []

    def add(
        self, first: FloatArray, exponent: Exponents, second: FloatArray, other: Exponents
    ) -> None:
        """Take two arrays of one shape, (T, B, n), with exponents; the first trial counts."""
        if len(first) > 1:
            # Copied, lest the memory of all trials wait until it is read.
            first, second = first[:1].copy(), second[:1].copy()
        if first.size != self._size:
            self._read()
            self._size = first.size
            self._most = max(1, _TOGETHER // (2 * first.size))
        self._waiting.append((first, exponent, second, other))
        if len(self._waiting) == self._most:
            self._read()

    def _read(self) -> None:
        if not self._waiting:
            return
        firsts, exponents, seconds, others = zip(*self._waiting, strict=True)
        self._waiting.clear()
        arrays = firsts + seconds
        powers = np.array([p if isinstance(p, int) else p[0] for p in exponents + others])
        if len(firsts) == 1:
            # Long ones: a copy of both would cost as much as what is read.
            rows = firsts[0].reshape(1, -1)
            parts = [(a.item(a.argmax()), -a.item(a.argmin())) for a in arrays]
            ends = np.array(parts).T
        else:
            rows = np.concatenate(arrays).reshape(len(arrays), -1)
            # Faster than numpy's maximum along rows.
            each = np.arange(len(rows))
            ends = np.array([rows[each, rows.argmax(axis=1)], -rows[each, rows.argmin(axis=1)]])
        with np.errstate(divide="ignore"):
            self._ends.append((np.log2(np.maximum(ends, 0.0)) + powers).reshape(2, 2, -1))
            if self._squared:
                half = len(firsts)
                rms = _log2_rms(rows[:half], ends[:, :half].max(axis=0))
                self._rms.append(rms + powers[:half])

    def read(self) -> tuple[FloatArray, FloatArray]:
        """Return binary logarithms of what was seen, -inf for none.

        Returns
        -------
        ends, rms
            The largest entry and the largest negative one of the first and of the second of
            each pair, shape (2, 2, L); and the root mean square of the first, shape (L,), if
            they are squared.
        """
        self._read()
        return np.concatenate(self._ends, axis=2), np.concatenate(self._rms or [np.empty(0)])


def _log2_rms(rows: FloatArray, largest: FloatArray) -> FloatArray:
    """Return log2 of the root mean square of each row, whose largest |entry| is known."""
    with np.errstate(over="ignore"):
        squares = np.vecdot(rows, rows)
    if squares.min() > _SMALLEST_SQUARE and squares.max() < _LARGEST_SQUARE:
        return np.asarray(0.5 * np.log2(squares / rows.shape[1]))
    relative = rows / np.where(largest > 0.0, largest, 1.0)[:, None]
    means = np.vecdot(relative, relative) / rows.shape[1]
    return np.asarray(np.log2(largest) + 0.5 * np.log2(means))


class Census:
    """Takes note of the first trial's arrays as they come by, and keeps three numbers of each.

    Of one trial arrays come as `Scaled` ones, of several as a `Stack`.
    """

    def __init__(self, x: FloatArray) -> None:
        self._x = float(np.abs(x).max())
        self._forward, self._back = _Tally(squared=True), _Tally()
        self._above: Scaled | Stack | None = None
        # log2 of the largest entry of ∂L/∂W_k of a batch, layer N first.
        self._outer: list[float] = []

    def take(self, passed: Passed) -> None:
        """Take a_k and f_k, layer 1 first."""
        # One call for two arrays: a call costs more than what is read of a short one.
        self._forward.add(*_trials_of(passed.named("a")), *_trials_of(passed.named("f")))

    def take_back(self, variable: Variable, gradient: Any) -> None:
        """Take any gradient, layer N first, as `dense` or `sampled` yields it."""
        if variable.letter == "f":
            self._above = gradient
        elif variable.letter == "a" and self._above is not None:
            self._back.add(*_trials_of(self._above), *_trials_of(gradient))
        elif isinstance(gradient, Outer):
            [(rows, inputs)] = gradient.parts
            if len(rows.values) == 1:
                return
            formed = gradient.largest()
            if formed is not None:
                self._outer.append(_log2(formed.mantissa) + formed.exponent)
            else:
                self.outer(rows.values, inputs.values, rows.exponent + inputs.exponent)

    def outer(self, rows: FloatArray, inputs: FloatArray, exponent: int) -> None:
        """Take ∂L/∂W_k of a batch, Σ_b d_b f_bᵀ · 2^exponent, layer N first.

        Of more than 64 rows of it those 64 are formed whose d are longest over the batch:
        the largest entry is among them, or hardly larger than theirs.

        Parameters
        ----------
        rows, inputs
            d and f, shapes (B, n_k) and (B, n_{k-1}).
        """
        if rows.shape[1] > _ROWS:
            lengths = np.einsum("bi,bi->i", rows, rows)
            rows = rows[:, np.argpartition(lengths, -_ROWS)[-_ROWS:]]
        product = rows.T @ inputs
        largest = float(max(product.max(), -product.min()))
        self._outer.append(_log2(largest) + exponent)

    def entries(
        self, settings: Settings, measured: Measured, largest_weight: Magnitudes | None = None
    ) -> Entries:
        """Return the record, once both ways have been gone.

        Parameters
        ----------
        settings, measured
            What was run, and its norms, of which those of the first trial are taken.
        largest_weight
            The largest |entry| of each W_k, shape (N, 1). Of a Gaussian or orthogonal W_k
            that was never drawn it is what is expected of as many normal numbers.
        """
        ends, rms = self._forward.read()
        sides, values = ends[:, 0], ends[:, 1]
        largest_f, largest_a = self._back.read()[0].max(axis=0)[:, ::-1]
        largest = np.append(_log2(self._x), values.max(axis=0))
        bears = {each: each.bears_infinity for each in set(settings.model.activations)}
        harmless = np.array([bears[each] for each in settings.model.activations]).T
        outer = np.array(self._outer[::-1]) if self._outer else largest_a + largest[:-1]
        units = np.array(settings.model.sizes, dtype=np.float64)
        weights, rows = units[1:] * units[:-1], settings.rows * units

        def mean(norms: Magnitudes, count: FloatArray) -> FloatArray:
            return np.asarray(norms.log2[:, 0] - 0.5 * np.log2(count))

        weight = mean(measured.weight, weights)
        return Entries(
            weight=Signal(
                # Of M normal numbers the largest is on the mean at most √(2 ln 2M), and not
                # much less (Boucheron, Lugosi and Massart 2013, "Concentration
                # inequalities", theorem 2.5).
                weight + 0.5 * np.log2(2.0 * np.log(2.0 * weights))
                if largest_weight is None
                else largest_weight.log2[:, 0],
                weight,
            ),
            preactivation=Signal(np.where(harmless, -np.inf, sides).max(axis=0), rms),
            value=Signal(largest, mean(measured.value, rows)),
            grad_f=Signal(largest_f, mean(measured.grad_f, rows[1:])),
            grad_a=Signal(largest_a, mean(measured.grad_a, rows[1:])),
            grad_w=Signal(outer, mean(measured.grad_w, weights)),
        )


def watching(
    tally: ForwardTally | None, census: Census | None
) -> Callable[[Passed], object] | None:
    """Return what is called with every layer on the way forward; None for nobody."""
    if tally is None:
        return None if census is None else census.take
    if census is None:
        return tally.take
    first, second = tally.take, census.take

    def take(passed: Passed) -> None:
        first(passed)
        second(passed)

    return take


def _trials_of(rows: Scaled | Stack) -> tuple[FloatArray, Exponents]:
    """Return values of shape (T, B, n) and exponents."""
    if isinstance(rows, Stack):
        return rows.values, rows.exponents
    return rows.values[None], rows.exponent


def _log2(value: float) -> float:
    return math.log2(value) if value else -math.inf
