"""What a run takes with either engine: counted from its settings, and never timed.

So the engine that ``auto`` takes depends on nothing else: not on the machine, the number of
jobs or the clock. What is counted has a price, in microseconds of one thread; the prices were
fitted to runs by ``tests/benchmarks/fit_costs.py``, which prints them anew, and what is chosen
by them is checked in ``make bench``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.network.initializers import Law
from vanish.network.streams import Trials
from vanish.records import Record
from vanish.simulation.names import DENSE, SAMPLED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vanish.network.model import Model
    from vanish.simulation.settings import Settings


class Dense(Record):
    """What the dense engine does in all trials, or the price of each.

    Attributes
    ----------
    trials
        Trials: an input, a readout, and putting together what was measured.
    operations
        Of a layer, both ways: calls, and nothing else where layers are narrow.
    batched
        The same where there is more than one row: further calls for ‖Σ_b d_b f_bᵀ‖.
    weights
        Drawing one, and reading it from memory in W f and in Wᵀd.
    products
        A weight times a row, both ways.
    values
        S and S' of one number, and all that is summed over it.
    reflections
        A weight times the lesser size of its matrix, where orthogonal ones are drawn.
    """

    trials: float
    operations: float
    batched: float
    weights: float
    products: float
    values: float
    reflections: float


class Sampled(Record):
    """What the sampled engine does, or the price of each.

    Attributes
    ----------
    runs
        One: streams, blocks of trials, and putting together what was measured.
    operations
        Of a layer, both ways, once for all trials of a block.
    layers
        Of a layer of a chain that walks back by a recursion of numbers, both ways, in place of its
        operations.
    batched
        Of an operation where there is more than one row: calls for the frames.
    frames
        Of a matrix and trial, where there is more than one row: LAPACK takes them one by one.
    projections
        A number of a frame times a row, both ways.
    values
        A normal number for each, S and S' of it, and all that is summed over it.
    """

    runs: float
    operations: float
    layers: float
    batched: float
    frames: float
    projections: float
    values: float


DENSE_PRICES = Dense(
    trials=428.0,
    operations=35.3,
    batched=14.6,
    weights=0.0141,
    products=1.95e-4,
    values=2.5e-3,
    reflections=7.6e-4,
)
SAMPLED_PRICES = Sampled(
    runs=978.0,
    operations=28.4,
    layers=22.6,
    batched=34.5,
    frames=1.54,
    projections=6.15e-4,
    values=0.0142,
)

# A frame on the complement of another one, with the root of a Gram matrix, is so many frames.
_FRESH = 8

# What a person waits for is the whole command: about so many microseconds before the run, for
# Python and its packages. A fifth of them more is not felt, and dense holds real weights.
_START = 100_000.0
_UNFELT = _START / 5

# By what dense may be slower than sampled beyond that.
_SLOWER = 1.2

# More weights than this are not stored where they need not be: a gigabyte of them.
_MOST_WEIGHTS = 10**9 // 8

# What a journal tells this rule by, where a later version has another one.
RULE = (*DENSE_PRICES, *SAMPLED_PRICES, _FRESH, _MOST_WEIGHTS)


def dense(settings: Settings) -> float:
    """Return what the dense engine takes, in microseconds, without the norm bound."""
    return _total(dense_counts(settings), DENSE_PRICES)


def sampled(settings: Settings) -> float:
    """Return what the sampled engine takes, in microseconds, if it can run it."""
    return _total(sampled_counts(settings), SAMPLED_PRICES)


def used(settings: Settings) -> float:
    """Return what the engine takes that runs these settings, in microseconds."""
    return dense(settings) if settings.engine_used == DENSE else sampled(settings)


def patient(settings: Settings) -> str:
    """Return the engine of a run that somebody starts and waits for.

    Dense, as long as that costs little beside the start of the program.
    """
    return _choice(settings, _SLOWER, _UNFELT)


def faster(settings: Settings) -> str:
    """Return the engine that is the faster one, for a run that shares the start with others."""
    return _choice(settings, 1.0, 0.0)


def _choice(settings: Settings, slower: float, longer: float) -> str:
    """Return dense where it takes at most so many times what sampled does, and so much more."""
    if settings.needs_matrices:
        return DENSE
    if settings.model.weight_count > _MOST_WEIGHTS:
        return SAMPLED
    return DENSE if dense(settings) <= slower * sampled(settings) + longer else SAMPLED


def dense_counts(settings: Settings) -> Dense:
    """Return what the dense engine does."""
    model, rows, trials = settings.model, settings.rows, settings.trials
    operations, weights = _operations(model), model.weight_count
    return Dense(
        trials,
        trials * operations,
        trials * operations * (rows > 1),
        trials * weights,
        trials * weights * rows,
        trials * rows * model.unit_count,
        trials * _reflections(model),
    )


def sampled_counts(settings: Settings) -> Sampled:
    """Return what the sampled engine does."""
    model, rows, trials = settings.model, settings.rows, settings.trials
    widest = max((model.n_in, *(max(each.sizes.places) for each in model.sections)))
    # As if a block could be of any size, so that no further trial makes the other engine faster.
    blocks = 1 + (trials - 1) / Trials.block_size((widest,))
    is_recursion = rows == 1 and model.is_gaussian_chain
    operations = 0.0 if is_recursion else _operations(model) * blocks
    frames = projections = 0
    framed = _uniform_frames if _is_orthogonal(model) else _frames
    for n_out, n_in, count in _matrices(model) if rows > 1 else ():
        several, numbers = framed(n_out, n_in, rows)
        frames += count * several
        projections += count * rows * numbers
    return Sampled(
        1,
        operations,
        model.depth * blocks * is_recursion,
        operations * (rows > 1),
        trials * frames,
        trials * projections,
        trials * rows * model.unit_count,
    )


def _frames(n_out: int, n_in: int, rows: int) -> tuple[int, int]:
    """Return how many frames a normal matrix takes, and how many numbers they have.

    That of its inputs, and beside it what it makes of them and the normals behind it.
    """
    return 1, min(rows, n_in) * n_in + min(rows, n_out) * n_out


def _uniform_frames(n_out: int, n_in: int, rows: int) -> tuple[int, int]:
    """Return the same of an orthogonal one, see `conditioning.Orthogonal`.

    What it makes of its inputs is a frame itself, and so is what is drawn behind it on the
    complement, if there is one, beside the root of a Gram matrix.
    """
    m = max(n_in, n_out)
    r = min(rows, n_in)
    fresh = min(rows, m - r)
    return (4 if fresh else 2), 2 * r * m + _FRESH * fresh * m


def _operations(model: Model) -> int:
    """Return how many operations all layers have, but for sums, which are nothing beside them."""
    return sum(
        each.length * sum(node.op.kind != "add" for node in each.block.nodes)
        for each in model.sections
    )


def _matrices(model: Model) -> Iterator[tuple[int, int, int]]:
    """Yield the shapes of the matrices, (n_out, n_in), and how many there are of each."""
    for section in model.sections:
        for shape in section.sizes.parameters.values():
            if len(shape) == 2:
                yield (*shape, section.length)


def _reflections(model: Model) -> int:
    if not _is_orthogonal(model):
        return 0
    matrices = _matrices(model)
    return sum(count * n_out * n_in * min(n_out, n_in) for n_out, n_in, count in matrices)


def _is_orthogonal(model: Model) -> bool:
    return any(each.law is Law.ORTHOGONAL for each in model.initializer_kinds)


def _total(counts: tuple[float, ...], prices: tuple[float, ...]) -> float:
    return sum(count * price for count, price in zip(counts, prices, strict=True))
