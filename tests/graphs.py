"""What tests ask of graphs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vanish.network.graph import Graph, Variable


def addresses(graph: Graph) -> list[Variable]:
    """Return the address of every parameter."""
    return list(
        dict.fromkeys(
            slot.at(k)
            for block, first, last in graph.runs
            for k in range(first, last + 1)
            for node in block.nodes
            for slot in node.op.slots
        )
    )
