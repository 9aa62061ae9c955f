"""What is in a checkpoint: names, shapes, and how large its weights are, a piece at a time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from vanish.errors import InputError
from vanish.files.formats import opened
from vanish.network.layout import AUTO, IN_OUT, LAYOUTS, OUT_IN
from vanish.network.numbered import drawn_together
from vanish.network.registry import choice
from vanish.network.weights import Weight
from vanish.numbers.scaled import Magnitude
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vanish.files.stored import Stored
    from vanish.numbers.scaled import FloatArray

# How a largest singular value was got.
SVD, LANCZOS = "svd", "lanczos"

# With no more rows or columns all singular values take some milliseconds.
_EXACT_SIDE = 256

# A random matrix of 1024 × 1024 is off by 3e-4 then; a spectrum with a gap by less.
LANCZOS_STEPS = 32

# A larger matrix is not held in memory: as float64 it takes 34 MB.
_LARGEST_MATRIX = 2**22

# Of so many numbers in all singular values are asked for: some seconds.
_MOST_NUMBERS = 2**27


class Measured(Record):
    """An array of a file, and what was measured of it.

    Attributes
    ----------
    stored
        The array.
    n_in
        How many numbers a unit takes; None without two axes.
    weight_std
        std·√n_in; None where there is no n_in, and of what is no floating-point number or not
        finite throughout.
    non_finite
        How many of its numbers are infinite or NaN.
    spectral_norm, spectral_by
        The largest singular value of a matrix, and ``svd`` or ``lanczos``, which is never
        above it; None and empty where it was not asked for.
    """

    stored: Stored
    n_in: int | None
    weight_std: Magnitude | None
    non_finite: int
    spectral_norm: Magnitude | None = None
    spectral_by: str = ""


class Listed(Record):
    """Arrays that are alike but for the numbers in their names.

    Attributes
    ----------
    name
        What stands for all of their names.
    members
        The arrays.
    """

    name: str
    members: tuple[Measured, ...]

    @property
    def first(self) -> Stored:
        """The first of them."""
        return self.members[0].stored

    @property
    def parameters(self) -> int:
        """How many numbers they have."""
        return len(self.members) * self.first.size

    @property
    def non_finite(self) -> int:
        """How many of these are infinite or NaN."""
        return sum(each.non_finite for each in self.members)

    @property
    def weight_stds(self) -> tuple[Magnitude, Magnitude] | None:
        """The least and the largest weight_std; None where there is none."""
        return _ends(each.weight_std for each in self.members)

    @property
    def spectral_norms(self) -> tuple[Magnitude, Magnitude] | None:
        """The least and the largest of their largest singular values."""
        return _ends(each.spectral_norm for each in self.members)

    @property
    def spectral_by(self) -> str:
        """How these were got."""
        return next((each.spectral_by for each in self.members if each.spectral_by), "")


class Survey(Record):
    """What a file holds.

    Attributes
    ----------
    file, format, size
        Its name, its format, and how many bytes it has.
    layout
        How weights are taken to lie.
    listed
        Its arrays.
    """

    file: str
    format: str
    size: int
    layout: str
    listed: tuple[Listed, ...]

    @property
    def arrays(self) -> int:
        """How many arrays there are."""
        return sum(len(each.members) for each in self.listed)

    @property
    def parameters(self) -> int:
        """How many numbers all arrays have."""
        return sum(each.parameters for each in self.listed)

    def as_dict(self) -> dict[str, str | int]:
        """Return what is said of the whole file, ready for JSON."""
        return {
            "file": self.file,
            "format": self.format,
            "size": self.size,
            "weights_layout": self.layout,
            "arrays": self.arrays,
            "parameters": self.parameters,
        }


def _ends(found: Iterable[Magnitude | None]) -> tuple[Magnitude, Magnitude] | None:
    known = [each for each in found if each is not None]
    ordered = sorted(known, key=lambda each: -math.inf if each.log10 is None else each.log10)
    return (ordered[0], ordered[-1]) if ordered else None


def survey(path: str, layout: str = AUTO, *, full: bool = False) -> Survey:
    """Return what a file holds.

    Parameters
    ----------
    path
        A file in one of the formats of `files.formats`.
    layout
        How weights are taken to lie; ``auto`` is (n_out, n_in).
    full
        Whether every array is listed by itself.

    Raises
    ------
    InputError
        If it cannot be read, or holds no arrays.
    UsageError
        If there is no such layout.
    """
    layout = choice("weights layout", layout, (AUTO, *LAYOUTS))
    layout = OUT_IN if layout == AUTO else layout
    from vanish.files.selection import natural  # noqa: PLC0415 - start-up

    with opened(path) as checkpoint:
        arrays = sorted(checkpoint.arrays, key=lambda each: natural(each.name))
        if not arrays:
            raise InputError(f"{path}: no arrays in it: give a file of weights")
        worth = _worth_singular_values(arrays)
        measured = [_measured(each, layout, singular=each.size <= worth) for each in arrays]
    measured = [each._replace(stored=each.stored.closed()) for each in measured]
    # What is listed in full is like nothing else.
    named = (
        (each.name, place if full else (each.shape, each.kind.name))
        for place, each in enumerate(arrays)
    )
    listed = tuple(
        Listed(each.name, tuple(measured[member] for member in each.members))
        for each in drawn_together(named)
    )
    return Survey(path, checkpoint.format, checkpoint.size, layout, listed)


def _worth_singular_values(arrays: Iterable[Stored]) -> int:
    """Return up to how many numbers a matrix may have for its singular values to be cheap."""
    sizes = sorted(each.size for each in arrays if _has_singular_values(each))
    taken = worth = 0
    for size in sizes:
        taken += size
        if taken > _MOST_NUMBERS:
            # Those of one size are measured all or none.
            return min(worth, size - 1)
        worth = size
    return worth


def _has_singular_values(stored: Stored) -> bool:
    return stored.ndim == 2 and 0 < stored.size <= _LARGEST_MATRIX and stored.kind.is_real


def _measured(stored: Stored, layout: str, *, singular: bool) -> Measured:
    n_in = None
    if stored.ndim > 1:
        n_in = math.prod(stored.shape[:-1] if layout == IN_OUT else stored.shape[1:])
    if not (stored.kind.is_real and stored.size):
        return Measured(stored, n_in, None, 0)
    exponent = _exponent(stored)
    deviation, non_finite = _deviation(stored, exponent)
    if non_finite or n_in is None:
        return Measured(stored, n_in, None, non_finite)
    weight_std = Magnitude.of(deviation * math.sqrt(n_in), exponent)
    if not (singular and _has_singular_values(stored)):
        return Measured(stored, n_in, weight_std, 0)
    entries = stored.array().astype(np.float64)
    weight = Weight.of(entries)
    if min(entries.shape) <= _EXACT_SIDE:
        return Measured(stored, n_in, weight_std, 0, weight.spectral_norm(), SVD)
    largest = Magnitude.of(lanczos(weight.matrix.entries, LANCZOS_STEPS)) * weight.scale
    return Measured(stored, n_in, weight_std, 0, largest, LANCZOS)


def _exponent(stored: Stored) -> int:
    """Return a power of two that makes squares of a type's numbers fit into float64.

    Only those of float64 and wider ones need one, by its largest number.
    """
    if stored.kind.bits <= 32:
        return 0
    largest = 0.0
    for piece in stored.pieces():
        finite = np.abs(piece[np.isfinite(piece)])
        if len(finite):
            largest = max(largest, float(finite.max()))
    return math.frexp(largest)[1] if math.isfinite(largest) else 0


def _deviation(stored: Stored, exponent: int) -> tuple[float, int]:
    """Return the standard deviation over 2^exponent, and how many numbers are not finite.

    Pieces are put together as Chan, Golub and LeVeque 1979 do.
    """
    count, mean, squares, non_finite = 0, 0.0, 0.0, 0
    for piece in stored.pieces():
        with np.errstate(over="ignore", invalid="ignore"):
            values = piece.astype(np.float64)
            if exponent:
                values = np.ldexp(values, -exponent)
            own = float(values.mean())
        if not math.isfinite(own):
            non_finite += len(values) - int(np.count_nonzero(np.isfinite(values)))
            continue
        step = own - mean
        total = count + len(values)
        values -= own
        squares += float(values @ values) + step * step * count * len(values) / total
        mean += step * len(values) / total
        count = total
    return math.sqrt(squares / count) if count else 0.0, non_finite


def lanczos(matrix: FloatArray, steps: int) -> float:
    """Return about the largest singular value of a matrix, never more than that.

    Golub and Kahan 1965, from a fixed random row, with all vectors kept orthogonal.

    Parameters
    ----------
    matrix
        Shape (m, n).
    steps
        How many products with it and with its transpose are made.
    """
    start = np.random.default_rng(0).standard_normal((matrix.shape[1],))
    right: list[FloatArray] = [start / float(np.linalg.norm(start))]
    left: list[FloatArray] = []
    diagonal: list[float] = []
    beside: list[float] = []
    for _ in range(min(steps, *matrix.shape)):
        into = _orthogonal(matrix @ right[-1], left)
        size = float(np.linalg.norm(into))
        if not size:
            break
        diagonal.append(size)
        left.append(into / size)
        back = _orthogonal(left[-1] @ matrix, right)
        size = float(np.linalg.norm(back))
        # What rounding leaves of nothing is no direction.
        if size <= 1e-14 * max(diagonal):
            break
        beside.append(size)
        right.append(back / size)
    if not diagonal:
        return 0.0
    inner = np.diag(diagonal) + np.diag(beside[: len(diagonal) - 1], 1)
    return float(np.linalg.svd(inner, compute_uv=False)[0])


def _orthogonal(vector: FloatArray, others: list[FloatArray]) -> FloatArray:
    """Return what of a vector is orthogonal to unit vectors; twice is enough (Kahan)."""
    if others:
        basis = np.array(others)
        for _ in range(2):
            vector = vector - basis.T @ (basis @ vector)
    return vector
