"""What the arrays of a network of blocks say: which layer is which block, and all sizes.

Every array tells sizes, and the block tells which of them are one. Where two arrays contradict
each other one is to blame, see `vanish.network.fit`.
"""

from __future__ import annotations

from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING, Protocol

from vanish.errors import UsageError
from vanish.network import fit
from vanish.network.graph import LAYER, Slot, Variable
from vanish.network.sizes import AtOddsError, Section, Unification, has_skip, united
from vanish.numbers.words import plural
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vanish.network.blocks import Formula
    from vanish.network.graph import Block
    from vanish.numbers.scaled import FloatArray

    # Of one layer the shape of each of its own arrays, by letter.
    Shapes = Mapping[str, tuple[int, ...]]


# What a layer's own input is called.
_STEP = "u"


class Arrays(Protocol):
    """A network's arrays by their addresses, see `Network` and `BlockNetwork`."""

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def arrays(self) -> Mapping[Variable, FloatArray]:
        """Every parameter that there is."""

    @property
    def x(self) -> FloatArray | None:
        """The input batch."""

    @property
    def readout(self) -> FloatArray | None:
        """The readout r."""

    @property
    def steps(self) -> Mapping[int, FloatArray] | None:
        """The input u_k of each layer of its own, one row or one a sample."""


class _Run(Record):
    """Layers first to last, whose own arrays have the same shapes.

    Attributes
    ----------
    block
        Their block, and what it says of sizes.
    run, places
        Sizes that are not known yet, and that of each place.
    ids
        What speaks for each of them in the first layer, by the number that votes have it by.
    """

    block: Block
    first: int
    last: int
    run: Unification
    places: list[int]
    ids: dict[int, int]


def laid_out(network: Arrays, formula: Formula, depth: int) -> tuple[Section, ...]:
    """Return the layers by their blocks and sizes, layer 1 first.

    A layer whose W gives more or fewer values than it takes has no skip: where there is one in
    the block, it is S(Wx+b), as in a network that is drawn.

    Parameters
    ----------
    network
        Its arrays.
    formula
        The block of all layers.
    depth
        N.

    Raises
    ------
    UsageError
        If an array is none of its layer's, a matrix is missing, or a size fits no other.
    """
    shapes = {address: array.shape for address, array in network.arrays.items()}
    _require_numbers(network, formula, shapes, depth)
    fits = _Fit(network, formula, shapes, formula.block(depth))
    steps = {Variable(_STEP, k): rows.shape[1:] for k, rows in (network.steps or {}).items()}
    for first, last, own in _alike(shapes | steps, depth):
        fits.add(first, last, own)
    return fits.laid()


class _Fit:
    """The votes of all arrays.

    Parameters
    ----------
    network, formula
        What is laid out.
    shapes
        Of its parameters.
    block
        The formula's.
    """

    def __init__(
        self,
        network: Arrays,
        formula: Formula,
        shapes: Mapping[Variable, tuple[int, ...]],
        block: Block,
    ) -> None:
        self._source, self._formula, self._shapes = network.name, formula, shapes
        self._block = block
        self._sizes = {each: united(each) for each in (block, LAYER)}
        self._steps = network.steps or {}
        self._readout = network.readout
        self._fresh = count(1)
        self._end = 0
        self._runs: list[_Run] = []
        self._votes: list[fit.Vote] = []
        # What each layer that is S(Wx+b) lacks to be the block.
        self._lacks: list[str] = []
        if network.x is not None:
            size = network.x.shape[1]
            says = f"has rows of {fit.counted(size, 'number')}"
            self._votes.append(fit.Vote("x", 0, size, says))

    def add(self, first: int, last: int, own: Shapes) -> None:
        """Add layers first to last, whose own arrays have the same shapes."""
        found = self._block_of(first, own)
        run, places = self._sizes[found]
        self._require_its_own(found, first, own)
        ids = self._vote(run, places, first)
        self._runs.append(_Run(found, first, last, run, places, ids))
        if last > first:
            # What the second one takes, the first one gives; of all others it is the same.
            self._vote(run, places, first + 1)

    def laid(self) -> tuple[Section, ...]:
        """Return all layers, as many of them together as are alike."""
        if self._readout is not None:
            size = len(self._readout)
            self._votes.append(fit.Vote("r", self._end, size, f"has {fit.counted(size, 'entry')}"))
        if fit.conflicts(self._votes):
            raise self._complaint()
        sizes = {vote.k: vote.size for vote in self._votes}
        found: list[Section] = []
        for block, first, last, run, places, ids in self._runs:

            def of(size: int, ids: dict[int, int] = ids, first: int = first) -> int:
                known = sizes.get(ids[size])
                if known is None:
                    raise UsageError(
                        f"{self._source}: no array says how many values layer {first} takes: give x"
                    )
                return known

            try:
                laid = Section(block, first, last, run.sized(of, places))
            except AtOddsError as error:
                raise self._formula.fault(error.token, error.message) from None
            if found and found[-1].block == block and found[-1].sizes == laid.sizes:
                found[-1] = found[-1]._replace(last=last)
            else:
                found.append(laid)
        return tuple(found)

    def _block_of(self, k: int, own: Shapes) -> Block:
        """Return what layer k is: the block, or S(Wx+b)."""
        slots, w = self._block.slots, own.get("W", ())
        if (
            not self._has_skip
            or len(w) != 2
            or w[0] == w[1]
            or not own.keys() <= {"W", "b", _STEP}
            or any(slot.tied and slot.letter in ("W", "b") for slot in slots)
        ):
            return self._block
        lacks = [
            str(slot.at(k))
            for slot in slots
            if slot.letter.isupper() and not slot.tied and slot.letter not in own
        ]
        run, _ = self._sizes[self._block]
        unknown = run.shapes.get(Slot("W"), ())
        if not lacks and len({*map(run.root, unknown)}) == 2:
            return self._block  # such as the V~ S(Wx+b) of a branch
        self._lacks += lacks
        return LAYER

    @cached_property
    def _has_skip(self) -> bool:
        return has_skip(self._block)

    def _require_its_own(self, block: Block, k: int, own: Shapes) -> None:
        """Require every matrix of layer k, and nothing that it has no place for."""
        slots = block.slots
        letters = {slot.letter for slot in slots}
        what = str(self._formula) if block == self._block else "S(Wx+b)"
        for letter in own:
            if letter not in letters and letter != _STEP:
                raise UsageError(
                    f"{self._source}: {letter}{k}, but layer {k} is {what}, which has no {letter}:"
                    " leave it out, or give its block"
                )
        for slot in slots:
            address = slot.at(k)
            if slot.letter.isupper() and address not in self._shapes:
                every = "one for all layers" if slot.tied else "one in every layer"
                raise UsageError(
                    f"{self._source}: {address} is missing: {what} has {every}: give {address}"
                )
        if self._steps and _STEP not in own and block == self._block:
            raise UsageError(f"{self._source}: u{k} is missing: give every layer's, or none")

    def _vote(self, run: Unification, places: list[int], k: int) -> dict[int, int]:
        """Add what the arrays of layer k say of its sizes; return the numbers of these."""
        # Layer k takes what the one before it gives.
        ids = {run.root(places[0]): self._end}

        def add(name: str, size: int, number: int, says: str, line: str | None = None) -> None:
            root = run.root(size)
            if root not in ids:
                ids[root] = next(self._fresh)
            self._votes.append(fit.Vote(name, ids[root], number, says, line))

        for slot, unknown in run.shapes.items():
            name, shape = str(slot.at(k)), self._shapes.get(slot.at(k))
            if shape is None:
                for size in unknown:
                    ids.setdefault(run.root(size), next(self._fresh))
                continue
            here = f" in layer {k}" if slot.tied else ""
            if len(shape) == 1:
                add(name, unknown[0], shape[0], f"has {fit.counted(shape[0], 'entry')}{here}")
                continue
            n_out, n_in = shape
            add(name, unknown[1], n_in, f"takes {fit.counted(n_in, 'input')}{here}", "column")
            add(name, unknown[0], n_out, f"has {fit.counted(n_out, 'output')}{here}", "row")
        if run.has_step and (rows := self._steps.get(k)) is not None:
            size = rows.shape[1]
            add(f"u{k}", run.step, size, f"has {fit.counted(size, 'number')}")
        for place in places:
            if run.root(place) not in ids:
                ids[run.root(place)] = next(self._fresh)
        self._end = ids[run.root(places[-1])]
        return ids

    def _complaint(self) -> UsageError:
        """Return what is wrong with the array that does not fit the others."""
        votes = self._votes
        culprit = fit.misfit(votes)
        own = [vote for vote in votes if vote.name == culprit]
        said = [(vote, fit.majority(votes, vote)) for vote in own]
        wrong = [(vote, other) for vote, other in said if other and other.size != vote.size]
        if wrong:
            vote, other = wrong[0]
            fact = f"{culprit} {vote.says}, but {other.name} {other.says}"
            line = vote.line or ("number" if culprit[0] in "xu" else "entry")
            wanted = fit.counted(other.size, line)
            remedy = f"give {culprit} {f'rows of {wanted}' if culprit == 'x' else wanted}"
        else:
            one = next(
                vote for vote in own for each in own if vote.k == each.k and vote.size != each.size
            )
            other = next(each for each in own if each.k == one.k and each.size != one.size)
            fact = f"{culprit} {one.says} and {other.says}, which {self._formula} makes one size"
            remedy = f"give {culprit} as many rows as columns"
        lacks = f", or {self._lacks[0]}, which is not there" if self._lacks else ""
        return UsageError(f"{self._source}: {fact}: {remedy}{lacks}")


def _require_numbers(
    network: Arrays, formula: Formula, shapes: Mapping[Variable, object], depth: int
) -> None:
    """Require numbers up to N on what each layer has, and none on what all share."""
    source = network.name
    if network.steps and not formula.uses_step:
        raise UsageError(f"{source}: u, but {formula} has no u: leave it out")
    slots = {slot.letter: slot for slot in formula.slots}
    for address in [*shapes, *(Variable(_STEP, k) for k in network.steps or ())]:
        letter, k = address
        if k > depth:
            raise UsageError(f"{source}: {address} beside {plural(depth, 'layer')}: leave it out")
        slot = slots.get(letter)
        if slot is None and not k:
            raise UsageError(f"{source}: {letter}, but {formula} has no {letter}: leave it out")
        if slot is None:
            continue  # u, or what a layer that is S(Wx+b) may have
        if slot.tied and k:
            raise UsageError(
                f"{source}: {address}, but all layers of {formula} share {letter}: give {letter}"
            )
        if not slot.tied and not k:
            raise UsageError(
                f"{source}: {letter} without a number, but every layer of {formula} has its own:"
                f" give {letter}1, {letter}2, …"
            )


def _alike(
    shapes: Mapping[Variable, tuple[int, ...]], depth: int
) -> Iterator[tuple[int, int, Shapes]]:
    """Yield the first and the last of layers in a row whose own arrays have the same shapes."""
    by_layer: dict[int, dict[str, tuple[int, ...]]] = {}
    for (letter, k), shape in shapes.items():
        if k:
            by_layer.setdefault(k, {})[letter] = shape
    starts: list[tuple[int, Shapes]] = []
    behind = 1  # of what was seen
    for k in sorted(by_layer):
        if k > behind:
            starts.append((behind, {}))
        if k > behind or not starts or starts[-1][1] != by_layer[k]:
            starts.append((k, by_layer[k]))
        behind = k + 1
    if behind <= depth:
        starts.append((behind, {}))
    for (first, own), (stop, _) in zip(starts, [*starts[1:], (depth + 1, {})], strict=True):
        yield first, stop - 1, own
