"""The entries of every signal of one run: how large the largest is, and a typical one.

A number format holds a signal if its largest entry does not overflow and its typical one is
not lost, see `precision`. Most typical entries follow from the norms; the largest ones do
not, and nobody else asks for a_k.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from vanish.numbers.scaled import LARGEST_SQUARE, SMALLEST_SQUARE
from vanish.numbers.stack import Stack, lie_between
from vanish.readings.dense import Outer
from vanish.readings.together import Together, largest_of, smallest_of
from vanish.records import Record

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vanish.network.chainrule import Passed
    from vanish.network.graph import Variable
    from vanish.numbers.scaled import FloatArray, Scaled
    from vanish.numbers.stack import Exponents, Magnitudes
    from vanish.readings.forwardsignal import LayerRows
    from vanish.simulation.measured import Measured
    from vanish.simulation.settings import Settings

    _Note = tuple[int, tuple[float, float] | None]


# Of ∂L/∂W_k of a batch so many rows are formed.
_ROWS = 64

# Within 2^±1000 float64 holds all digits.
_HELD = 1000


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


class _Ends:
    """Keeps the ends of arrays that come one after the other: their largest entries and sizes.

    Parameters
    ----------
    squared
        Whether to sum up their squares, too.
    """

    def __init__(self, *, squared: bool = False) -> None:
        self._squared = squared
        # Of each that waits its exponent, and its ends where they are known.
        self._together: Together[_Note] = Together(self._take)
        # Arrays of them: as many numbers by themselves would take five times the memory.
        self._powers: list[NDArray[np.int64]] = []
        # The largest and the smallest entry of each array.
        self._above: list[FloatArray] = []
        self._below: list[FloatArray] = []
        # Mean squares, and binary logarithms of what they are to be multiplied by.
        self._squares: list[tuple[FloatArray, FloatArray]] = []

    def add(self, rows: Scaled | Stack) -> None:
        """Take an array of shape (B, n) or (T, B, n); the first trial counts."""
        if not isinstance(rows, Stack):
            self._together.add(rows.values, (rows.exponent, rows.ends))
            return
        powers = rows.exponents
        # Copied, lest the memory of all trials wait until it is read.
        values = rows.values if len(rows.values) == 1 else rows.values[0].copy()
        self._together.add(values, (powers if isinstance(powers, int) else int(powers[0]), None))

    def add_all(self, values: FloatArray, exponents: Exponents) -> None:
        """Take several arrays at once, shape (L, T, B, n), exponents one or (L, T) or (L, 1)."""
        layers = len(values)
        of_first = [exponents] * layers if isinstance(exponents, int) else exponents[:, 0].tolist()
        notes: list[_Note] = [(power, None) for power in of_first]
        rows = values[:, 0]
        # Copied, lest the memory of all trials wait until they are read.
        self._together.add_all(rows if values.shape[1] == 1 else rows.copy(), notes)

    def _take(self, values: FloatArray, notes: list[_Note]) -> None:
        rows = values.reshape(len(values), -1)
        known = notes[0][1] if len(notes) == 1 else None
        self._above.append(largest_of(rows) if known is None else np.array(known[1:]))
        self._below.append(smallest_of(rows) if known is None else np.array(known[:1]))
        self._powers.append(np.array([power for power, _ in notes], dtype=np.int64))
        if self._squared:
            self._squares.append(_mean_squares(rows))

    def read(self) -> tuple[FloatArray, FloatArray]:
        """Return binary logarithms of what was seen, -inf for none; once.

        Returns
        -------
        ends, rms
            The largest entry and the largest negative one of each array, shape (2, L); and the
            root mean square, shape (L,), if they are squared.
        """
        self._together.empty()
        powers = np.concatenate(self._powers)
        ends = np.array([np.concatenate(self._above), -np.concatenate(self._below)])
        # One after the other: the logarithms of a million layers take several times their memory.
        log2_ends = np.array([_log2_of(np.maximum(each, 0.0), powers) for each in ends])
        rms = np.empty(0)
        if self._squared:
            means, log2_units = zip(*self._squares, strict=True)
            rms = 0.5 * _log2_of(np.concatenate(means), 2 * powers) + np.concatenate(log2_units)
        for waiting in (self._powers, self._above, self._below, self._squares):
            waiting.clear()
        return log2_ends, rms


def _log2_of(values: FloatArray, powers: NDArray[np.int64]) -> FloatArray:
    """Return log2 of values · 2^powers, the same to the last bit whatever part the powers have."""
    mantissas, shifts = np.frexp(values)
    exponents = shifts + powers
    held = np.abs(exponents) <= _HELD
    with np.errstate(divide="ignore"):
        logs = np.log2(np.ldexp(mantissas, np.where(held, exponents, 0)))
    return np.asarray(logs + np.where(held, 0, exponents))


def _mean_squares(rows: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the mean square of each row in a unit of its own, and log2 of the unit's root."""
    with np.errstate(over="ignore"):
        squares = np.vecdot(rows, rows)
    if lie_between(squares, SMALLEST_SQUARE, LARGEST_SQUARE):
        return squares / rows.shape[1], np.zeros(len(rows))
    # Those that are held stay as they are: a row's digits do not hang on the others.
    held = (squares > SMALLEST_SQUARE) & (squares < LARGEST_SQUARE)
    largest = np.abs(rows).max(axis=1)
    unit = np.where(held | (largest == 0.0), 1.0, largest)
    relative = rows / unit[:, None]
    return np.vecdot(relative, relative) / rows.shape[1], np.log2(unit)


class Census:
    """Takes note of the first trial's arrays as they come by, and keeps three numbers of each.

    Of the dense engine they come as `Scaled` ones, of the sampled one as a `Stack`, or as the rows
    of some layers.
    """

    def __init__(self, x: FloatArray) -> None:
        self._x = float(np.abs(x).max())
        self._a, self._f = _Ends(squared=True), _Ends()
        # Layer N first.
        self._grad_a, self._grad_f = _Ends(), _Ends()
        # log2 of the largest entry of ∂L/∂W_k of a batch, layer N first.
        self._outer: list[float] = []

    def take(self, passed: Passed) -> None:
        """Take a_k and f_k, layer 1 first."""
        self._a.add(passed.named("a"))
        self._f.add(passed.named("f"))

    def take_layers(self, a: LayerRows, f: LayerRows) -> None:
        """Take a_k and f_k of several layers at once, layer 1 first."""
        self._a.add_all(a.values, a.exponents)
        self._f.add_all(f.values, f.exponents)

    def take_back_layers(self, letter: str, gradients: LayerRows) -> None:
        """Take the gradients by f_k or a_k of several layers at once, layer N first."""
        ends = self._grad_f if letter == "f" else self._grad_a
        ends.add_all(gradients.values, gradients.exponents)

    def take_back(self, variable: Variable, gradient: Any) -> None:
        """Take any gradient, layer N first, as `dense` or `sampled` yields it."""
        if variable.letter == "f":
            self._grad_f.add(gradient)
        elif variable.letter == "a":
            self._grad_a.add(gradient)
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
        sides, rms = self._a.read()
        largest_a, largest_f, values = (
            each.read()[0].max(axis=0) for each in (self._grad_a, self._grad_f, self._f)
        )
        largest_a, largest_f = largest_a[::-1], largest_f[::-1]
        largest = np.append(_log2(self._x), values)
        bears = {each: each.bears_infinity for each in set(settings.model.activations)}
        harmless = np.array([bears[each] for each in settings.model.activations]).T
        outer = np.array(self._outer[::-1]) if self._outer else largest_a + largest[:-1]
        units = np.array(settings.model.sizes, dtype=np.float64)
        weights, rows = units[1:] * units[:-1], settings.rows * units

        def mean(norms: Magnitudes, count: FloatArray) -> FloatArray:
            return np.asarray(norms.at((..., 0)).log2 - 0.5 * np.log2(count))

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


def _log2(value: float) -> float:
    return math.log2(value) if value else -math.inf
