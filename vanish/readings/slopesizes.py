"""How large slopes are: a few numbers of every layer and trial.

Arrays have a row a layer and a column a trial.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vanish.network.activations.record import of_each
from vanish.numbers.fields import without_repeats
from vanish.readings.together import Together, largest_of, sums_of
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vanish.network.activations import Activation
    from vanish.network.chainrule import Passed
    from vanish.network.graph import Block
    from vanish.numbers.scaled import FloatArray

# A unit is saturated where |S'| is less than this part of sup|S'|; of tanh from |f| = 0.975 on.
_SATURATED = 20.0


class SlopeStatistics(Record):
    """The slopes of every layer and trial in numbers.

    Attributes
    ----------
    mean, largest
        Of |S'(a_k)| over units and batch, shape (N, T).
    zero_fraction
        Share of units with S'(a_k) exactly 0, over the batch, shape (N, T).
    active
        Number of units with S'(a_k) ≠ 0 on each row of the batch, shape (N, T, B).
    dead_fraction
        Share of units that are active on no row of the batch, shape (N, T).
    saturated
        Share of units with |S'(a_k)| below a twentieth of sup|S'|, over the batch, shape (N, T);
        means nothing where |S'| has no supremum.
    """

    mean: FloatArray
    largest: FloatArray
    zero_fraction: FloatArray
    active: FloatArray
    dead_fraction: FloatArray
    saturated: FloatArray

    @classmethod
    def joined(cls, parts: Sequence[SlopeStatistics]) -> SlopeStatistics:
        """Put layers behind each other."""
        return cls(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))

    @property
    def active_units(self) -> FloatArray:
        """How many units are active, on the mean over the batch, shape (N, T)."""
        return np.asarray(self.active.mean(axis=2))


def of_layer(block: Block, kept: Sequence[Any], output: FloatArray) -> FloatArray:
    """Return the slopes of all S of a layer together, shape (…, B, n).

    Parameters
    ----------
    block, kept
        The layer, and what its places keep.
    output
        The values of f_k, of shape (…, B, n_k). Where a layer has no S, one slope a row is 1.
    """
    places = block.places("activate")
    if not places:
        return np.ones((*output.shape[:-1], 1))
    if len(places) == 1:
        one: FloatArray = kept[places[0]]
        return one
    return np.concatenate([kept[place] for place in places], axis=-1)


class SlopeTally:
    """Takes note of the slopes of layers as they are passed, and keeps a few numbers of each.

    Parameters
    ----------
    activations
        S of each layer.
    """

    def __init__(self, activations: Sequence[Activation]) -> None:
        self._limits = of_each(
            activations, lambda each: each.sup_slope / _SATURATED if each.has_bound else 0.0
        )
        self._gates: NDArray[np.bool_] = of_each(activations, lambda each: each.is_gate)
        self._found: SlopeStatistics | None = None
        self._passed = 0
        self._together: Together[int] = Together(self._read)

    def take(self, passed: Passed) -> None:
        """Take a layer, layer 1 first."""
        slopes = of_layer(passed.block, passed.kept, passed.values[-1].values)
        # The dense engine has one trial, and no axis for it.
        self.add(slopes if slopes.ndim > 2 else slopes[None], passed.layer)

    def add(self, slopes: FloatArray, k: int) -> None:
        """Take S'(a_k) of layer k, shape (T, B, n_k)."""
        self._together.add(slopes, k)

    def add_layers(self, slopes: FloatArray, first: int) -> None:
        """Take S'(a_k) of layers from k = first on, shape (L, T, B, n)."""
        self._together.add_all(slopes, range(first, first + len(slopes)))

    def _read(self, slopes: FloatArray, layers: Sequence[int]) -> None:
        if self._found is None:
            self._found = _empty(
                len(self._limits), *slopes.shape[1:3], gates=bool(self._gates.all())
            )
        here = slice(layers[0] - 1, layers[-1])
        if slopes.shape[2] == 1 and self._gates[here].all():
            found = _of_gates(slopes)
        else:
            least = slopes.min()
            sizes = slopes if least >= 0.0 else self._together.sizes_of(slopes)
            found = _statistics(sizes, max(least, 0.0), self._limits[here])
        for column, part in zip(self._found, found, strict=True):
            column[here] = part
        self._passed = layers[-1]

    def read(self) -> SlopeStatistics:
        """Return the record, once all layers have been passed."""
        self._together.empty()
        assert self._found is not None
        # Columns that are one and the same stay so.
        columns = {id(each): without_repeats(each[: self._passed]) for each in self._found}
        return SlopeStatistics(*(columns[id(each)] for each in self._found))


def statistics(slopes: Sequence[FloatArray], activations: Sequence[Activation]) -> SlopeStatistics:
    """Return what there is to say of all layers' slopes.

    Parameters
    ----------
    slopes
        S'(a_k) of each layer, shape (T, B, n_k).
    activations
        S of each.
    """
    tally = SlopeTally(activations)
    for k, each in enumerate(slopes, 1):
        tally.add(each, k)
    return tally.read()


def _empty(layers: int, trials: int, rows: int, *, gates: bool) -> SlopeStatistics:
    """Return room for the statistics of so many layers."""
    mean, largest, zero_fraction, saturated = (np.empty((layers, trials)) for _ in range(4))
    # On one row a unit is dead where its slope is 0; where the others are 1, saturated, too.
    dead = zero_fraction if rows == 1 else np.empty_like(zero_fraction)
    saturated = zero_fraction if rows == 1 and gates else saturated
    active = np.empty((layers, trials, rows))
    return SlopeStatistics(mean, largest, zero_fraction, active, dead, saturated)


def _of_gates(slopes: FloatArray) -> SlopeStatistics:
    """Return the statistics of layers whose slopes are 0 or 1, on one row each."""
    sums, units = sums_of(slopes), slopes.shape[-1]
    inactive = (units - sums)[..., 0] / units
    largest = (sums[..., 0] > 0.0).astype(np.float64)
    return SlopeStatistics(sums[..., 0] / units, largest, inactive, sums, inactive, inactive)


def _statistics(sizes: FloatArray, least: float, limits: FloatArray) -> SlopeStatistics:
    """Return the statistics of layers of one shape.

    Parameters
    ----------
    sizes, least
        |S'|, shape (L, T, B, n), zeros of either sign, and what none of them is less than.
    limits
        Below which a unit of each layer is saturated, shape (L,).
    """
    shape, (rows, units) = sizes.shape[:2], sizes.shape[2:]
    entries = rows * units
    lines = sizes.reshape(-1, entries)
    mean = (sums_of(lines) / entries).reshape(shape)
    largest = np.abs(largest_of(lines)).reshape(shape)
    nothing = np.zeros(shape)
    zero_fraction, dead, saturated = nothing, nothing, nothing
    active = np.full(sizes.shape[:3], float(units))
    if least > 0.0 and least >= limits.max():
        return SlopeStatistics(mean, largest, zero_fraction, active, dead, saturated)
    low = sizes < limits[:, None, None, None]
    lows = np.count_nonzero(low)
    zeros = 0
    if not least > 0.0:
        # A slope of 0 is a low one, but where there is no limit.
        zero = sizes == 0.0 if lows or not limits.all() else low
        zeros = int(np.count_nonzero(zero))
    if zeros:
        inactive = _count(zero)
        active = units - inactive
        zero_fraction = inactive.sum(axis=2) / entries
        dead = np.count_nonzero(zero.all(axis=2), axis=2) / units if rows > 1 else zero_fraction
    if lows:
        alike = lows == zeros and limits.all()
        saturated = zero_fraction if alike else _count(low).sum(axis=2) / entries
    return SlopeStatistics(mean, largest, zero_fraction, active, dead, saturated)


def _count(marks: NDArray[np.bool_]) -> FloatArray:
    """Return how many marks there are in each row."""
    rows = marks.reshape(-1, marks.shape[-1]).astype(np.float32)
    # Numbers up to 2^24 are whole ones of float32, in whatever order they are added.
    counts = rows @ np.ones(rows.shape[1], np.float32)
    return np.asarray(counts, dtype=np.float64).reshape(marks.shape[:-1])
