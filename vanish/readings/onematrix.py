"""Blocks of one matrix, with or without a skip and norms: those whose second mode is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.gauss import moments
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vanish.network.graph import Block, Graph, Run
    from vanish.readings.expectations import Seen
    from vanish.readings.meanfield import Ensemble
    from vanish.readings.sources import Unit

LN, RMS = "layernorm", "rmsnorm"

# 1/n is small from here on.
_FEWEST = 8


class OneMatrix(Record):
    """A block f = behind(skip·x + scale·S(between(W before(x) + b))).

    Attributes
    ----------
    skip, scale
        β and α.
    before, between, behind
        The norms' kinds, empty for none.
    """

    skip: float
    scale: float
    before: str
    between: str
    behind: str

    @property
    def plain(self) -> bool:
        """Whether there is neither skip nor norm."""
        return not (self.skip or self.before or self.between or self.behind)


def one_matrix(block: Block) -> OneMatrix | None:
    """Return a block as one of those that have a law here, if it is one."""
    before = between = behind = ""
    # Every value as a sum of x, of its norm y, of a and of S(a), by their coefficients.
    values: list[dict[str, float]] = [{"x": 1.0}]
    for place, (op, inputs, _) in block.placed:
        taken = [values[each] for each in inputs]
        made: dict[str, float] | None = None
        if op.kind == "affine" and taken[0] in ({"x": 1.0}, {"y": 1.0}):
            made = {"a": 1.0}
        elif op.kind == "shift" and taken[0] == {"a": 1.0} and not between:
            made = taken[0]
        elif op.kind == "activate" and taken[0] == {"a": 1.0}:
            made = {"S": 1.0}
        elif op.kind == "scale" and op.constant is not None:
            made = {name: op.constant.value * each for name, each in taken[0].items()}
        elif op.kind == "add":
            one, other = taken
            made = {name: one.get(name, 0.0) + other.get(name, 0.0) for name in one | other}
        elif op.kind in {LN, RMS} and taken[0] == {"x": 1.0} and place < len(block.nodes):
            made, before = {"y": 1.0}, op.kind
        elif op.kind in {LN, RMS} and taken[0] == {"a": 1.0}:
            made, between = taken[0], op.kind
        elif op.kind in {LN, RMS} and place == len(block.nodes):
            made, behind = taken[0], op.kind
        if made is None:
            return None
        values.append(made)
    found = values[-1]
    if not found.keys() <= {"x", "S"} or not found.get("S"):
        return None
    return OneMatrix(found.get("x", 0.0), found["S"], before, between, behind)


def with_second_mode(
    graph: Graph, ensemble: Ensemble, start: Unit, seen: Mapping[Run, Seen]
) -> dict[Run, OneMatrix] | None:
    """Return the block of every run where the second mode may be the larger one; None elsewhere.

    Parameters
    ----------
    graph, ensemble
        The networks.
    start, seen
        What is known of the input and of the way forward.
    """
    blocks: dict[Run, OneMatrix] = {}
    for section in graph.runs:
        found = one_matrix(section.block)
        if found is None or seen[section].arguments is None:
            return None
        blocks[section] = found
    if {*ensemble.sizes[1:]} != {max(ensemble.sizes[-1], _FEWEST)} or not start.square:
        return None
    is_plain = all(each.plain for each in blocks.values())
    # What S' gains where |a| is large is what makes a plain chain's second mode the larger one.
    if is_plain and not any(map(moments.steepens, ensemble.kinds)):
        return None
    if not all(each.values.mantissas.all() for each in seen.values()):
        return None
    return blocks
