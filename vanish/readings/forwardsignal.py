"""The signal going forward: how large the arguments of S are, and where the values lie.

What lessons and tools show first, activations by layer: the root mean square and the largest
size of a_k, mean and standard deviation of f_k (Glorot and Bengio 2010, "Understanding the
difficulty of training deep feedforward neural networks", section 3). Arrays have a row a layer
and a column a trial.
"""

from __future__ import annotations

from array import array
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from vanish.numbers.scaled import LARGEST_SQUARE, SMALLEST_SQUARE, Scaled
from vanish.numbers.signed import Signeds
from vanish.numbers.stack import Magnitudes, lie_between, listed_exponents
from vanish.readings.together import Together, largest_sizes_of, sums_of
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from vanish.network.chainrule import Passed
    from vanish.network.graph import Block
    from vanish.numbers.scaled import FloatArray
    from vanish.numbers.stack import Exponents, Stack

    # Two numbers of each row of an array, whose sums of squares and largest sizes may be known.
    Read = Callable[
        [FloatArray, FloatArray | None, FloatArray | None], tuple[FloatArray, FloatArray]
    ]
    # Of an array that waits its exponents, and where they are known its sums of squares and its
    # largest size.
    _Note = tuple[Exponents, FloatArray | None, float | None]

# A variance below so much of the mean square is a difference that has lost digits.
_CANCELS = 2.0**-7


class ForwardSignal(Record):
    """What goes forward through every layer and trial, over units and batch, shape (N, T).

    Attributes
    ----------
    rms_a, largest_a
        Root mean square and largest size of the entries of a_k, of several arguments of S
        together; 0 in a layer without S.
    mean_f, std_f
        Mean and standard deviation of the entries of f_k.
    """

    rms_a: Magnitudes
    largest_a: Magnitudes
    mean_f: Signeds
    std_f: Magnitudes

    @classmethod
    def joined(cls, parts: Sequence[ForwardSignal]) -> ForwardSignal:
        """Put trials behind each other."""
        rms_a, largest_a, mean_f, std_f = zip(*parts, strict=True)
        return cls(
            Magnitudes.joined(rms_a),
            Magnitudes.joined(largest_a),
            Signeds.joined(mean_f),
            Magnitudes.joined(std_f),
        )


class LayerRows(Record):
    """One value of several layers, values · 2^exponents.

    Attributes
    ----------
    values
        Shape (L, T, B, n).
    exponents
        One for all, or shape (L, T) or (L, 1).
    squares
        Of each layer and trial the sum of the squared values, shape (L, T), where they are known.
    """

    values: FloatArray
    exponents: Exponents = 0
    squares: FloatArray | None = None


class ForwardTally:
    """Takes note of the layers as they are passed, and keeps four numbers of each.

    Parameters
    ----------
    trials
        T, as many as the values have.
    """

    def __init__(self, trials: int) -> None:
        self._arguments, self._values = _Queue(trials, _sizes), _Queue(trials, _spread)
        # The layer of each argument of S; a list of a million would take five times the memory.
        self._layers = array("q")
        self._block: Block | None = None
        self._places: tuple[int, ...] = ()

    def take(self, passed: Passed) -> None:
        """Take a layer, layer 1 first."""
        if passed.block is not self._block:
            self._block, self._places = passed.block, passed.block.argument_places
        for place in self._places:
            self._arguments.add(passed.values[place])
            self._layers.append(passed.layer)
        self._values.add(passed.values[-1])

    def add_layers(self, first: int, a: LayerRows, f: LayerRows) -> None:
        """Take layers from k = first on of one S each: a_k and f_k of all of them at once."""
        self._layers.extend(range(first, first + len(a.values)))
        self._arguments.add_all(a)
        self._values.add_all(f)

    def read(self) -> ForwardSignal:
        """Return the record, once all layers have been passed."""
        mean, std, powers, counts = self._values.read()
        rms_a, largest_a = self._of_layers(len(counts))
        return ForwardSignal(rms_a, largest_a, Signeds.of(mean, powers), Magnitudes.of(std, powers))

    def _of_layers(self, depth: int) -> tuple[Magnitudes, Magnitudes]:
        """Return rms and largest of all arguments of each layer together."""
        rms, largest, powers, counts = self._arguments.read()
        parts = Magnitudes.of(rms, powers), Magnitudes.of(largest, powers)
        layers = np.array(self._layers)
        if np.array_equal(layers, np.arange(1, depth + 1)):
            return parts
        whole = np.zeros((depth, rms.shape[1]))
        squares, most, units = Magnitudes.of(whole), Magnitudes.of(whole), np.zeros((depth, 1))
        squared = parts[0] * parts[0] * Magnitudes.of(counts[:, None] + 0.0 * rms)
        for nth in count():
            # The first argument of each layer, then the second one.
            chosen = np.flatnonzero(_ranks(layers) == nth)
            if not len(chosen):
                break
            there = layers[chosen] - 1
            squares += _placed(squared.at(chosen), there, depth)
            most = most.larger(_placed(parts[1].at(chosen), there, depth))
            units[there, 0] += counts[chosen]
        return squares.over(Magnitudes.of(units + 0.0 * whole)).root(), most


def _ranks(layers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many of the same layer stand before each, of ascending layers."""
    return np.arange(len(layers)) - np.searchsorted(layers, layers)


def _placed(numbers: Magnitudes, rows: NDArray[np.int64], depth: int) -> Magnitudes:
    """Return so many layers, 0 but for those."""
    shape = depth, numbers.mantissas.shape[1]
    mantissas, exponents = np.zeros(shape), np.zeros(shape, dtype=np.int64)
    mantissas[rows], exponents[rows] = numbers
    return Magnitudes(mantissas, exponents)


class _Queue:
    """Reads arrays in the order in which they come.

    Parameters
    ----------
    trials
        T.
    read
        Makes two numbers of each row.
    """

    def __init__(self, trials: int, read: Read) -> None:
        self._trials, self._read = trials, read
        self._together: Together[_Note] = Together(self._empty)
        # Whether the sums of squares of those that wait are known.
        self._known = False
        self._found: list[tuple[FloatArray, FloatArray, Exponents, int]] = []

    def add(self, rows: Scaled | Stack) -> None:
        """Take an array of shape (B, n) or (T, B, n), with its exponents."""
        if isinstance(rows, Scaled):
            largest = None if rows.ends is None else abs(rows.largest)
            self._together.add(rows.values, (rows.exponent, None, largest))
            return
        squares = rows.known_squares
        if self._known is (squares is None):
            self._together.empty()
            self._known = squares is not None
        self._together.add(rows.values, (rows.exponents, squares, None))

    def add_all(self, rows: LayerRows) -> None:
        """Take several arrays at once, behind what still waits."""
        self._together.empty()
        squares = None if rows.squares is None else rows.squares.reshape(-1)
        self._take(rows.values, rows.exponents, squares)

    def _empty(self, values: FloatArray, notes: list[_Note]) -> None:
        powers, squares, sizes = zip(*notes, strict=True)
        alike = {*map(type, powers)} == {int} and len({*powers}) == 1
        with np.errstate(over="ignore", invalid="ignore"):  # it is found out by the squares
            self._take(
                values,
                powers[0] if alike else listed_exponents(powers, self._trials),
                np.concatenate(squares) if self._known else None,
                # Of many short rows together they are found sooner than put into an array.
                np.array(sizes) if len(sizes) == 1 and sizes[0] is not None else None,
            )

    def _take(
        self,
        values: FloatArray,
        powers: Exponents,
        squares: FloatArray | None,
        largest: FloatArray | None = None,
    ) -> None:
        layers = len(values)
        rows = values.reshape(layers * self._trials, -1)
        one, other = self._read(rows, squares, largest)
        shape = layers, self._trials
        self._found.append((one.reshape(shape), other.reshape(shape), powers, rows.shape[1]))

    def read(self) -> tuple[FloatArray, FloatArray, Exponents, NDArray[np.int64]]:
        """Return the two numbers, the exponents and how many entries there were of each array."""
        self._together.empty()
        depth = sum(len(one) for one, _, _, _ in self._found)
        ones, others = (np.empty((depth, self._trials)) for _ in range(2))
        counts = np.empty(depth, dtype=np.int64)
        kinds = {here if isinstance(here, int) else None for _, _, here, _ in self._found}
        common = kinds.pop() if len(kinds) == 1 else None
        powers = np.empty((depth, self._trials) if common is None else 0, dtype=np.int64)
        start = 0
        for one, other, here, entries in self._found:
            stop = start + len(one)
            ones[start:stop], others[start:stop], counts[start:stop] = one, other, entries
            if common is None:
                powers[start:stop] = here
            start = stop
        return ones, others, powers if common is None else common, counts


def _sizes(
    rows: FloatArray, squares: FloatArray | None, largest: FloatArray | None
) -> tuple[FloatArray, FloatArray]:
    """Return root mean square and largest |entry| of each row."""
    if largest is None:
        largest = largest_sizes_of(rows)
    if squares is None:
        squares = np.vecdot(rows, rows)
    rms = np.sqrt(squares / rows.shape[1])
    if not _are_safe(squares):
        lost = _lost(squares) & (largest > 0.0)
        relative = rows[lost] / largest[lost, None]
        means = np.vecdot(relative, relative) / rows.shape[1]
        rms[lost] = largest[lost] * np.sqrt(means)
    return rms, largest


def _spread(
    rows: FloatArray, squares: FloatArray | None, _: FloatArray | None
) -> tuple[FloatArray, FloatArray]:
    """Return mean and standard deviation of each row."""
    if squares is None:
        return _spread_from_first(rows)
    entries = rows.shape[1]
    mean = sums_of(rows) / entries
    square = squares / entries
    variance = square - mean * mean
    # Where all entries are nearly alike the difference cancels.
    apart = variance > _CANCELS * square
    if not _are_safe(squares):
        apart &= ~_lost(squares)
    if np.count_nonzero(apart) == len(rows):
        return mean, np.sqrt(variance)
    std = np.sqrt(np.maximum(variance, 0.0))
    mean[~apart], std[~apart] = _spread_from_first(rows[~apart])
    return mean, std


def _spread_from_first(rows: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the same of what lies apart from each row's first entry: then nothing cancels."""
    entries = rows.shape[1]
    first = rows[:, :1]
    apart = rows - first
    squares = np.vecdot(apart, apart)
    shift = sums_of(apart) / entries
    mean = first[:, 0] + shift
    std = np.sqrt(np.maximum(squares / entries - shift * shift, 0.0))
    lost = _lost(squares)
    if lost.any():
        lost &= apart.any(axis=1) & _finite(rows)
    if lost.any():
        largest = np.abs(rows[lost]).max(axis=1)
        means, stds = _spread_from_first(rows[lost] / largest[:, None])
        mean[lost], std[lost] = largest * means, largest * stds
    return mean, std


def _finite(rows: FloatArray) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(rows).all(axis=1))


def _are_safe(squares: FloatArray) -> bool:
    """Tell whether all of some sums of squares are what float64 holds."""
    return lie_between(squares, SMALLEST_SQUARE, LARGEST_SQUARE)


def _lost(squares: FloatArray) -> NDArray[np.bool_]:
    """Tell which of them are not, or no numbers at all."""
    return ~((squares > SMALLEST_SQUARE) & (squares < LARGEST_SQUARE))
