"""The sizes of everything in a layer: what its operations make equal, and what is left free.

A reading whose values are sizes that are not known yet. An operation makes some of them one
(unification); what the layer is given and gives has its n_in and n_out, and what nobody says
anything about is the hidden size.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from vanish.errors import UsageError
from vanish.network.chainrule import Reading, forward
from vanish.network.graph import LAYER, Block, Graph, Slot
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from vanish.network.blocks import Formula

SIZES = Reading.called("size")


class Hidden(Record):
    """The size of what stands between two matrices of a layer.

    Attributes
    ----------
    size
        How many values, or how many times n_out.
    per_output
        Which of the two.
    """

    size: float = 1
    per_output: bool = True

    def of(self, n_out: int) -> int:
        """Return it for a layer of so many outputs, at least 1."""
        return max(1, round(self.size * n_out)) if self.per_output else round(self.size)


class Sizes(Record):
    """The sizes of a layer.

    Attributes
    ----------
    parameters
        Of every parameter: (n_out, n_in) of a matrix, (n,) of a bias.
    step
        Of the fresh input u; None where it takes none.
    places
        Of every place, what the layer is given being the first.
    """

    parameters: dict[Slot, tuple[int, ...]]
    step: int | None
    places: list[int]


class LayerRun(Record):
    """Layers in a row that take as many values, and give as many."""

    n_in: int
    n_out: int
    layers: int


class Section(Record):
    """Layers first to last, whose blocks and sizes are equal."""

    block: Block
    first: int
    last: int
    sizes: Sizes

    @property
    def length(self) -> int:
        """How many layers they are."""
        return self.last - self.first + 1


class AtOddsError(UsageError):
    """Sizes that do not fit.

    Parameters
    ----------
    message
        As for any error.
    token
        The letter or the word that it is about; empty for none.
    """

    def __init__(self, message: str, token: str) -> None:
        super().__init__(message)
        self.message, self.token = message, token

    def __reduce__(self) -> tuple[type[AtOddsError], tuple[str, str]]:
        return AtOddsError, (self.message, self.token)


class Unification:
    """Sizes that are not known yet, each a number, and which of them are one.

    Parameters
    ----------
    shared
        Of which letters every use is of one shape; None for all.

    Attributes
    ----------
    rows
        How many rows a batch needs.
    shapes
        The sizes of each parameter.
    """

    def __init__(self, shared: Iterable[str] | None = None) -> None:
        self._shared = None if shared is None else frozenset(shared)
        # Of every size the one that it is the same as; itself where it speaks for all of them.
        self._same: list[int] = []
        self.shapes: dict[Slot, tuple[int, ...]] = {}
        self._step: int | None = None
        self._least: list[tuple[int, int, str, str]] = []
        self.rows = 1

    def fresh(self) -> int:
        """Return a size of which nothing is known."""
        self._same.append(len(self._same))
        return len(self._same) - 1

    def root(self, size: int) -> int:
        """Return the size that speaks for all that are the same."""
        while self._same[size] != size:
            size = self._same[size]
        return size

    def unite(self, one: int, other: int) -> None:
        """Make two sizes one."""
        self._same[self.root(one)] = self.root(other)

    def parameter(self, slot: Slot, axes: int) -> tuple[int, ...]:
        """Return the sizes of a parameter, the same at every use."""
        shape = self.shapes.get(slot)
        if shape is None or not (self._shared is None or slot.letter in self._shared):
            shape = self.shapes[slot] = tuple(self.fresh() for _ in range(axes))
        return shape

    @property
    def has_step(self) -> bool:
        """Whether there is a fresh input."""
        return self._step is not None

    @property
    def step(self) -> int:
        """The size of the fresh input."""
        if self._step is None:
            self._step = self.fresh()
        return self._step

    def at_least(self, size: int, least: int, token: str, why: str) -> None:
        """Say that a size must not be smaller.

        Parameters
        ----------
        size, least
            Which one, and what it is at least.
        token
            The word of the operation that asks for it.
        why
            What is wrong with a smaller one, and what to do.
        """
        self._least.append((size, least, token, why))

    def solved(self, places: Sequence[int], n_in: int, n_out: int, hidden: int) -> Sizes:
        """Return the sizes, n_in and n_out being those of the first and the last place.

        Raises
        ------
        AtOddsError
            If one is too small for an operation.
        """
        known = {self.root(places[0]): n_in, self.root(places[-1]): n_out}
        return self.sized(lambda size: known.get(size, hidden), places)

    def sized(self, of: Callable[[int], int], places: Sequence[int]) -> Sizes:
        """Return the sizes by what those are that speak for all others.

        Raises
        ------
        AtOddsError
            If one is too small for an operation.
        """
        for size, least, token, why in self._least:
            if of(self.root(size)) < least:
                raise AtOddsError(why, token)
        shapes = {
            slot: tuple(of(self.root(size)) for size in shape)
            for slot, shape in self.shapes.items()
        }
        step = None if self._step is None else of(self.root(self._step))
        return Sizes(shapes, step, [of(self.root(size)) for size in places])


@lru_cache(maxsize=256)
def sizes(block: Block, n_in: int, n_out: int, hidden: Hidden | int | None = None) -> Sizes:
    """Return all sizes of a layer.

    Parameters
    ----------
    block
        Its graph.
    n_in, n_out
        How many values it takes, and gives.
    hidden
        The size of what nothing else says; n_out by default.

    Raises
    ------
    UsageError
        If n_in and n_out differ and must not, or a value is too small for a norm.
    """
    run, places = united(block)
    if n_in != n_out and run.root(places[0]) == run.root(places[-1]):
        letter = _letter_to_blame(block)
        raise AtOddsError(
            f"{letter or 'a skip'} makes a layer give as many values as it takes, but this one"
            f" takes {n_in:,} and gives {n_out:,}: give it as many, or another block",
            letter,
        )
    if hidden is None or isinstance(hidden, Hidden):
        hidden = (hidden or Hidden()).of(n_out)
    return run.solved(places, n_in, n_out, hidden)


def needs_equal(block: Block) -> bool:
    """Tell whether a layer must give as many values as it takes: around a skip, for one."""
    run, places = united(block)
    return run.root(places[0]) == run.root(places[-1])


@lru_cache(maxsize=256)
def least_rows(block: Block) -> int:
    """Return how many rows a batch needs for a block: 2 for a norm over them."""
    return united(block)[0].rows


def layer_runs(shape: Sequence[int]) -> Iterator[LayerRun]:
    """Yield the layers of n_0, n_1, …, n_N, those that are alike and in a row as one."""
    for (n_in, n_out), alike in groupby(pairwise(shape)):
        yield LayerRun(n_in, n_out, sum(1 for _ in alike))


def uniform_runs(layers: int, n_in: int, width: int) -> Iterator[LayerRun]:
    """Yield the same for n_0 and N layers of one width, without listing them."""
    first = 0 if n_in == width else 1
    if first:
        yield LayerRun(n_in, width, 1)
    if layers > first:
        yield LayerRun(width, width, layers - first)


def graph_of(
    formula: Formula,
    runs: Iterable[LayerRun],
    hidden: Hidden | int | None = None,
    *,
    classifies: bool = False,
) -> Graph:
    """Return the network whose layers are a formula's block.

    A layer that gives more or fewer values than it takes has no skip: where there is one in
    the block, it is S(Wx+b).

    Parameters
    ----------
    formula
        The block.
    runs
        The sizes of the layers, layer 1 first.
    hidden
        As for `sizes`.
    classifies
        Whether layer N reads the others' values out: it is S(Wx+b) whatever the block is, and
        none of the formula's ``layers``. Then one before it that gives more or fewer values
        than it takes is S(Wx+b) also where a matrix is what does not fit.

    Raises
    ------
    UsageError
        If sizes do not fit: of a letter that a layer uses twice, of one that all layers share,
        or of one value for a norm.
    """
    runs, last = list(runs), []
    if classifies:
        *runs, behind = runs
        runs += [behind._replace(layers=behind.layers - 1)] if behind.layers > 1 else []
        last = [(LAYER, 1)]
    block = formula.block(sum(run.layers for run in runs))
    try:
        return Graph(*_blocks(block, runs, hidden, lifts=classifies), *last)
    except AtOddsError as error:
        raise (formula.fault(error.token, error.message) if error.token else error) from None


def _blocks(
    block: Block, runs: Iterable[LayerRun], hidden: Hidden | int | None, *, lifts: bool
) -> Iterator[tuple[Block, int]]:
    """Yield the block of each run of layers, and how many layers it has."""
    shared = {slot.letter for slot in _slots(block) if slot.tied}
    needs_equal_sizes = has_skip(block)
    if lifts:
        needs_equal_sizes = needs_equal(block) or any(letter.isupper() for letter in shared)
    own_letters = {slot.letter for slot in _slots(LAYER)}
    first = 1
    shapes: dict[Slot, tuple[int, tuple[int, ...]]] = {}
    alike: list[tuple[Block, int]] = []
    for n_in, n_out, count in runs:
        found = LAYER if needs_equal_sizes and n_in != n_out else block
        if found is not block and not lifts and (letters := sorted(own_letters & shared)):
            raise AtOddsError(
                f"all layers share {letters[0]}, but layer {first} takes {n_in:,} values and gives"
                f" {n_out:,}, and is S(Wx+b) with its own: give all layers as many",
                letters[0],
            )
        for slot, shape in sizes(found, n_in, n_out, hidden).parameters.items():
            if slot.tied:
                layer, right = shapes.setdefault(slot, (first, shape))
                if shape != right:
                    raise AtOddsError(
                        f"all layers share {slot.letter}, but it would be {_times(right)} in layer"
                        f" {layer} and {_times(shape)} in layer {first}: give all layers as many"
                        f" values, or {slot.letter} without ~",
                        slot.letter,
                    )
        first += count
        if alike and alike[-1][0] == found:
            alike[-1] = (found, alike[-1][1] + count)
        else:
            alike.append((found, count))
    yield from alike


def united(block: Block, shared: Iterable[str] | None = None) -> tuple[Unification, list[int]]:
    """Return a layer's sizes with what its operations make of them, and that of each place."""
    run = Unification(shared)
    (passed,) = forward(Graph((block, 1)), SIZES, run, run.fresh())
    return run, passed.values


def has_skip(block: Block) -> bool:
    """Tell whether n_in and n_out are one also if every use of a parameter has its own shape."""
    run, places = united(block, shared=())
    return run.root(places[0]) == run.root(places[-1])


def _letter_to_blame(block: Block) -> str:
    """Return the letter whose second use makes n_in and n_out one; empty where a skip does."""
    if has_skip(block):
        return ""
    uses = Counter(slot.letter for slot in _slots(block))
    several = [letter for letter, count in uses.items() if count > 1]
    for letter in several:
        run, places = united(block, shared=uses.keys() - {letter})
        if run.root(places[0]) != run.root(places[-1]):
            return letter
    return several[0]


def _slots(block: Block) -> Iterator[Slot]:
    for node in block.nodes:
        yield from node.op.slots


def _times(shape: tuple[int, ...]) -> str:
    return " × ".join(f"{size:,}" for size in shape)
