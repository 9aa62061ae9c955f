"""How far out float64 gives what a formula is, and not what is left of its parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanish.network.expressions.evaluate import Program
from vanish.network.expressions.tree import Comparison, Node, Sum, Where, distinct, parts

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from vanish.numbers.scaled import FloatArray

# A sum so much smaller than a term of it, or than 1, has lost so many of its 53 bits. Of terms
# that are no larger it has not: 1 - 1 is 0.
_LOST = 2.0**12


def soundness(*trees: Node) -> Callable[[FloatArray], NDArray[np.bool_]]:
    """Return what tells at which x the values of some trees are those of their formulas.

    They are not where a part of one overflows, as x⁴ of x/(1+x⁴)^(1/4), or where the terms of a
    sum cancel, as those of relu(x)-relu(x-6). What a choice does not choose does not count.
    """
    nodes = list(dict.fromkeys(node for tree in trees for node in distinct(tree)))
    heights: dict[Node, int] = {}

    def height(node: Node) -> int:
        if node not in heights:
            heights[node] = 1 + max(map(height, parts(node)), default=0)
        return heights[node]

    # Whatever a node is part of comes before it.
    nodes.sort(key=height, reverse=True)
    program = Program(*nodes)

    def sound(x: FloatArray) -> NDArray[np.bool_]:
        values = dict(zip(nodes, program(x), strict=True))
        used = {node: np.zeros(x.shape, np.bool_) for node in nodes}
        for tree in trees:
            used[tree][:] = True
        lost = np.zeros(x.shape, np.bool_)
        for node in nodes:
            here = used[node]
            if isinstance(node, Where):
                chosen = values[node.condition].astype(np.bool_)
                used[node.condition] |= here
                used[node.yes] |= here & chosen
                used[node.no] |= here & ~chosen
            else:
                for part in parts(node):
                    used[part] |= here
            if isinstance(node, Sum):
                largest = np.abs([values[term] for term in node.terms]).max(axis=0)
                lost |= here & (largest / _LOST > np.maximum(np.abs(values[node]), 1.0))
            if not isinstance(node, Comparison):
                lost |= here & np.isinf(values[node])
        return ~lost

    return sound
