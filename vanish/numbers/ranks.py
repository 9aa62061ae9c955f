"""The numbers of some ranks, from 0, of each row: of so many trials, in less than sorting takes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from vanish.numbers.signed import Signeds
from vanish.numbers.stack import Magnitudes
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from vanish.numbers.scaled import FloatArray
    from vanish.numbers.stack import Exponents

# Measured: of so many numbers all are sorted in less time than three are looked for.
_SORTED = 256

# Measured: fewer numbers take no longer by their keys.
_FEW = 32

# Smaller exponents, or those less far apart, are of numbers that float64 holds to the last digit.
_PLAIN = 1000

# The bit of a float64 at which its exponent begins (IEEE 754).
_EXPONENT_AT = 52


def ordered(numbers: FloatArray, ranks: Iterable[int]) -> FloatArray:
    """Return rows, shape (…, T), with the numbers of some ranks at their places.

    Those before each of them are not larger, and those behind it not smaller.
    """
    if numbers.shape[-1] <= _SORTED:
        return np.sort(numbers, axis=-1)
    rows = numbers.copy()
    _part(rows, sorted({*ranks}))
    return rows


def _part(rows: FloatArray, ranks: Sequence[int]) -> None:
    """Bring numbers to their places, the middle rank first: numpy is fast at one at a time."""
    if not ranks:
        return
    middle = len(ranks) // 2
    at = ranks[middle]
    rows.partition(at, axis=-1)
    _part(rows[..., :at], ranks[:middle])
    _part(rows[..., at + 1 :], [rank - at - 1 for rank in ranks[middle + 1 :]])


def _with_neighbours(
    rows: FloatArray, ranks: Sequence[int]
) -> Iterator[tuple[FloatArray, FloatArray, FloatArray]]:
    """Yield the numbers of ascending ranks of ordered rows, each between the next ones.

    At an end of the rows its own number stands for the one that there is not.
    """
    last = rows.shape[1] - 1
    if last < _SORTED:
        for at in ranks:
            yield rows[:, max(at - 1, 0)], rows[:, at], rows[:, min(at + 1, last)]
        return
    for before, at, behind in zip([0, *ranks[:-1]], ranks, [*ranks[1:], last], strict=True):
        below = rows[:, before : max(at, 1)].max(axis=1)
        above = rows[:, min(at + 1, last) : behind + 1].min(axis=1)
        yield below, rows[:, at], above


class _Plain(Record):
    """Rows as plain numbers times a power of two each.

    Attributes
    ----------
    values
        Shape (N, T).
    unit
        The exponents of the powers, 0 or shape (N,).
    reach
        The size of the largest exponent that the numbers have.
    """

    values: FloatArray
    unit: Exponents
    reach: int


def _plain(mantissas: FloatArray, exponents: NDArray[np.int64]) -> _Plain | None:
    """Return numbers as plain ones; None where float64 cannot hold a row to the last digit."""
    top, bottom = int(exponents.max(initial=0)), int(exponents.min(initial=0))
    reach = max(top, -bottom)
    if reach < _PLAIN:
        # What ldexp does, in a sixth of its time: none of them leaves the normal numbers, and a
        # true zero has the exponent 0.
        powers = exponents.astype(np.int64) << _EXPONENT_AT
        return _Plain((mantissas.view(np.int64) + powers).view(np.float64), 0, reach)
    unit = exponents.max(axis=1)
    exponents = exponents - unit[:, None]
    if exponents.min() <= -_PLAIN:
        return None
    # By exponents of C's int numpy's ldexp is several times as fast.
    return _Plain(np.ldexp(mantissas, exponents.astype(np.int32)), unit, reach)


def ranked(numbers: Magnitudes, ranks: Sequence[int]) -> list[Magnitudes]:
    """Return the numbers of some ranks, shape (N, T) to (N,); a true zero is the smallest."""
    last = numbers.mantissas.shape[1] - 1
    plain = _plain(*numbers) if last >= _FEW else None
    if plain is None:
        return _by_keys(numbers, ranks)
    ascending = sorted({*ranks})
    rows = ordered(plain.values, ascending)
    # Nearer than that to another one a number may have the same key.
    near = 1.0 - math.ldexp(plain.reach + 1.0, -50)
    close = np.zeros(len(rows), dtype=np.bool_)
    for below, number, above in _with_neighbours(rows, ascending):
        close |= (number > 0.0) & ((below >= near * number) | (number >= near * above))
    found = [Magnitudes.of(rows[:, rank], plain.unit) for rank in ranks]
    if close.any():
        # Of numbers that are all the same any one will do.
        close &= rows.min(axis=1) < rows.max(axis=1)
        by_keys = _by_keys(numbers.at(close), ranks)
        for (mantissas, exponents), part in zip(found, by_keys, strict=True):
            mantissas[close], exponents[close] = part
    return found


def _by_keys(numbers: Magnitudes, ranks: Sequence[int]) -> list[Magnitudes]:
    """Return what `ranked` does; of numbers that are alike but for their last digits any one."""
    # A mantissa is in [1/2, 1): added to its exponent it keeps the order.
    keys = np.where(numbers.mantissas > 0.0, numbers.exponents + numbers.mantissas, -np.inf)
    order = np.argpartition(keys, ranks, axis=1)
    rows = np.arange(len(order))
    return [numbers.at((rows, order[:, rank])) for rank in ranks]


def signed_ranked(numbers: Signeds, rank: int) -> Signeds:
    """Return the number of one rank of each row, shape (N, T) to (N,)."""
    plain = _plain(*numbers)
    if plain is not None:
        return Signeds.of(ordered(plain.values, [rank])[:, rank], plain.unit)
    signs = np.sign(numbers.mantissas).astype(np.int64)
    order = np.lexsort((numbers.mantissas, signs * numbers.exponents, signs), axis=1)
    return numbers.at((np.arange(len(order)), order[:, rank]))
