"""What the values of a layer are called, and how they are written with these names."""

from __future__ import annotations

from functools import lru_cache
from itertools import count
from typing import TYPE_CHECKING

from vanish.network.chainrule import Reading
from vanish.readings.written import Written, written
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vanish.network.graph import Block

# Forward flow values as they are written, back the products of the chain rule. What a node keeps
# for the way back is what is `Called`.
NOTATION = Reading.called("notation")


class Called(Record):
    """What a node's symbols are made of; each with ``{k}`` or ``{j}``, see `Factor`.

    Attributes
    ----------
    itself
        The name of its value; empty where nobody asks for one.
    taken
        The names of the values that it takes.
    letters
        Its parameters.
    upper
        What is differentiated by them: what it gives, or the sum that this is part of.
    """

    itself: str
    taken: tuple[str, ...]
    letters: tuple[str, ...] = ()
    upper: str = ""


# Of these the symbols need no name of what they take.
_LINEAR = {"affine", "add", "shift", "scale", "step"}
SUMS = {"add", "shift"}

# For values that have none, but not x, u or biases.
_SPARE = "yzpqrstghmnvwe"


@lru_cache(maxsize=64)
def called(block: Block, *, first: bool) -> tuple[Called, ...]:
    """Return what the values of a block are called, by their places.

    Parameters
    ----------
    block
        The block of a layer.
    first
        Whether it is layer 1, which is given x.
    """
    slots = [slot for node in block.nodes for slot in node.op.slots]
    names = ["", *(node.name for node in block.nodes)]
    taken = {*names, *(slot.letter.lower() for slot in slots)}
    # yy, zz, … once there are no others.
    letters = (letter * times for times in count(1) for letter in _SPARE)
    spare = (letter for letter in letters if letter not in taken)
    arguments = {
        place: node.op.kind
        for node in block.nodes
        if node.op.kind not in _LINEAR
        for place in node.inputs
    }
    for place in sorted(arguments):
        names[place] = names[place] or (next(spare) if place else "")
    uppers = ["", *(_upper(block, place, names, arguments) for place, _ in block.placed)]
    for place, node in block.placed:
        if node.op.slots and not uppers[place]:
            # What gives f_k has that name already.
            uppers[place] = next(spare)
            names[place] = names[place] or uppers[place]
    full = ["x" if first else "f{j}", *(f"{each}{{k}}" if each else "" for each in names[1:])]
    return (
        Called(full[0], ()),
        *(
            Called(
                full[place],
                tuple(full[each] for each in node.inputs),
                tuple(map(written, node.op.slots)),
                f"{uppers[place]}{{k}}",
            )
            for place, node in block.placed
        ),
    )


def _upper(block: Block, place: int, names: Sequence[str], arguments: dict[int, str]) -> str:
    """Return the letter of what is differentiated by a node's parameters; empty for none."""
    op = block.nodes[place - 1].op
    top, own = place, names[place]
    # Used twice, each use needs a name of its own.
    once = all(_uses(block, slot.letter) == 1 for slot in op.slots)
    if once:
        while (above := _sum_of(block, top)) is not None:
            top = above
    found = names[top] if arguments.get(top) == "activate" else own or names[top]
    # ∂f_k/∂θ is all of it: where this is not the only use of θ, it is no name for this one's part.
    alone = once and not any(slot.tied for slot in op.slots)
    return found if alone or found != "f" else ""


def _uses(block: Block, letter: str) -> int:
    return sum(slot.letter == letter for node in block.nodes for slot in node.op.slots)


def _sum_of(block: Block, place: int) -> int | None:
    """Return the place of the sum that a value is part of, if it is nothing else."""
    takers = [
        (above, node) for above, node in block.placed for each in node.inputs if each == place
    ]
    if len(takers) != 1:
        return None
    [(above, node)] = takers
    return above if node.op.kind in SUMS else None


def values(block: Block, layer: int, *, by_name: frozenset[int] = frozenset()) -> list[Written]:
    """Return the values of a layer as they are written, by their places.

    Parameters
    ----------
    block, layer
        The layer; `ANY` for what holds in each.
    by_name
        Places whose values are called by their names where others take them.
    """
    names = called(block, first=layer == 1)
    found = [Written((names[0].itself,), layer)]
    taken = [*found]
    for place, node in block.placed:
        rule = NOTATION.rule(node.op)
        value, _ = rule.forward(None, node.op, layer, *(taken[each] for each in node.inputs))
        found.append(value)
        taken.append(Written((names[place].itself,), layer) if place in by_name else value)
    return found
