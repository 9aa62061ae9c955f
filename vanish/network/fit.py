"""Which array of a network does not fit the others, and which way its weights lie.

The shapes of a chain's arrays mostly tell: W_k says how many numbers layer k gets and gives,
b_k how many it gives, x how many the first one gets, and r how many the last one gives.
Where they contradict each other, one array is to blame: the one without which the others
agree.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from vanish.errors import UsageError
from vanish.network.layout import AUTO, AXES, LAYOUTS, OUT_IN
from vanish.network.registry import choice
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable


class Labels(Record):
    """What messages call the arrays of a network; a missing bias has a label, too."""

    weights: tuple[str, ...]
    biases: tuple[str, ...]

    @classmethod
    def numbered(cls, depth: int) -> Labels:
        """Return W1, b1, W2, b2, …"""
        layers = range(1, depth + 1)
        return cls(tuple(f"W{k}" for k in layers), tuple(f"b{k}" for k in layers))


class Shapes(Record):
    """The arrays of a network of N layers, by name and size.

    Attributes
    ----------
    weights
        Name and shape of each W_k, in the order of the layers.
    biases
        Name and length of each b_k, None for none.
    x, readout
        How many numbers a row of x and how many r has; None for none.
    """

    weights: tuple[tuple[str, tuple[int, int]], ...]
    biases: tuple[tuple[str, int] | None, ...]
    x: int | None = None
    readout: int | None = None


class Vote(Record):
    """What one array says of n_k, the number of values between layers k and k+1.

    Attributes
    ----------
    name, k, size
        The array, and the n_k that fits it. Of blocks k counts all sizes that may differ.
    says
        The same in words, behind the array's name.
    line
        Of a weight what there are so many of, its rows or its columns; None of others.
    """

    name: str
    k: int
    size: int
    says: str
    line: str | None = None


def choose(source: str, shapes: Shapes, layout: str, usual: str) -> tuple[str, bool]:
    """Return how weights lie, and whether they fit the other way as well.

    Parameters
    ----------
    source
        What messages call the network.
    shapes
        Its arrays.
    layout
        ``out_in``, ``in_out``, or ``auto`` for what fits.
    usual
        The one to take where both fit.

    Raises
    ------
    UsageError
        If there is no such layout, or an array does not fit the others.
    """
    layout = choice("weights layout", layout, (AUTO, *LAYOUTS))
    fitting = [each for each in LAYOUTS if not conflicts(_votes(shapes, each))]
    if layout == AUTO:
        if len(fitting) == 1:
            return fitting[0], False
        if fitting:
            return usual, True
        # The complaint is about the reading in which less is wrong.
        by_trust = sorted(LAYOUTS, key=lambda each: each != usual)
        layout = min(by_trust, key=lambda each: len(conflicts(_votes(shapes, each))))
    elif layout in fitting:
        return layout, False
    elif fitting:
        raise UsageError(
            f"{source}: weights layout {layout}, but its arrays fit as {AXES[fitting[0]]} only:"
            f" give {fitting[0]}"
        )
    raise _complaint(source, shapes, layout)


def require_fit(source: str, shapes: Shapes, layout: str = OUT_IN) -> None:
    """Raise what is wrong with the array that does not fit the others, if there is one.

    Raises
    ------
    UsageError
        If an array does not fit.
    """
    if conflicts(_votes(shapes, layout)):
        raise _complaint(source, shapes, layout)


def _complaint(source: str, shapes: Shapes, layout: str) -> UsageError:
    """Return what is wrong with the array that does not fit the others."""
    votes = _votes(shapes, layout)
    culprit = misfit(votes)
    own = [vote for vote in votes if vote.name == culprit]
    said = [(vote, majority(votes, vote)) for vote in own]
    wrong = [(vote, other) for vote, other in said if other and other.size != vote.size]
    facts = " and ".join(f"{other.name} {other.says}" for _, other in wrong)
    size = wrong[0][1].size
    if own[0].line is None:
        wanted = f"rows of {size}" if culprit == "x" else f"{culprit} {counted(size, 'entry')}"
        return UsageError(f"{source}: {culprit} {own[0].says}, {facts}: give {wanted}")
    remedy = " and ".join(counted(other.size, vote.line or "") for vote, other in wrong)
    (before, left), (behind, right) = said
    if _fits(before, right) and _fits(behind, left):
        remedy += ", or its transpose"  # as one array of many may be stored
    n_rows, n_columns = dict(shapes.weights)[culprit]
    read = "" if layout == OUT_IN else f", read as {AXES[layout]}"
    return UsageError(
        f"{source}: {culprit} is {n_rows} × {n_columns}{read}, but {facts}: give {culprit} {remedy}"
    )


def makes_chain(shapes: Shapes, layouts: Iterable[str] = LAYOUTS) -> bool:
    """Tell whether arrays of those shapes fit each other in one of some layouts."""
    return not all(conflicts(_votes(shapes, each)) for each in layouts)


def _votes(shapes: Shapes, layout: str) -> list[Vote]:
    """Return what all arrays say, those of layer 1 first."""
    lines = ("row", "column")
    out_axis, in_axis = (0, 1) if layout == OUT_IN else (1, 0)
    votes = []
    if shapes.x is not None:
        votes.append(Vote("x", 0, shapes.x, f"has rows of {counted(shapes.x, 'number')}"))
    for k, ((name, shape), bias) in enumerate(zip(shapes.weights, shapes.biases, strict=True), 1):
        n_in, n_out = shape[in_axis], shape[out_axis]
        takes, has = f"takes {counted(n_in, 'input')}", f"has {counted(n_out, 'output')}"
        votes.append(Vote(name, k - 1, n_in, takes, lines[in_axis]))
        votes.append(Vote(name, k, n_out, has, lines[out_axis]))
        if bias is not None:
            votes.append(Vote(bias[0], k, bias[1], f"has {counted(bias[1], 'entry')}"))
    if shapes.readout is not None:
        has = f"has {counted(shapes.readout, 'entry')}"
        votes.append(Vote("r", len(shapes.weights), shapes.readout, has))
    return votes


def conflicts(votes: Iterable[Vote]) -> list[int]:
    """Return each k of which different n_k are said."""
    sizes: dict[int, set[int]] = {}
    for vote in votes:
        sizes.setdefault(vote.k, set()).add(vote.size)
    return sorted(k for k, said in sizes.items() if len(said) > 1)


def misfit(votes: list[Vote]) -> str:
    """Return the array without which the others agree best.

    It is one of those that speak of the first n_k in question. Where several would do, x and
    r come first, which are no part of the network; then what leaves the fewest different
    sizes, since most networks have few; then a bias; then the later one.
    """
    first = conflicts(votes)[0]

    def order(suspect: tuple[int, Vote]) -> tuple[int, bool, int, bool, int]:
        place, own = suspect
        others = [vote for vote in votes if vote.name != own.name]
        # Where nobody else speaks, its own word stands.
        sizes = {vote.k: vote.size for vote in votes} | {vote.k: vote.size for vote in others}
        is_part = own.name not in ("x", "r")
        different = len({*sizes.values()})
        return len(conflicts(others)), is_part, different, own.line is not None, -place

    return min(((i, v) for i, v in enumerate(votes) if v.k == first), key=order)[1].name


def majority(votes: Iterable[Vote], own: Vote) -> Vote | None:
    """Return the first of most arrays that say the same of n_k beside one's own vote."""
    others = [vote for vote in votes if vote.k == own.k and vote.name != own.name]
    counts = Counter(vote.size for vote in others)
    return max(others, key=lambda vote: counts[vote.size], default=None)


def _fits(size: Vote, other: Vote | None) -> bool:
    return other is None or other.size == size.size


def counted(number: int, noun: str) -> str:
    """Return ``1 row``, ``2 rows``."""
    several = noun.removesuffix("y") + "ies" if noun.endswith("y") else f"{noun}s"
    return f"{number} {noun if number == 1 else several}"
