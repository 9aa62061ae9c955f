"""What the readings share in which one magnitude flows: all layers of a run at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vanish.network.chainrule import across
from vanish.numbers.stack import Magnitudes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from vanish.network.chainrule import Reading
    from vanish.network.graph import Graph, Run
    from vanish.numbers.scaled import Magnitude


def stacked(numbers: Sequence[Magnitude | None]) -> Magnitudes | None:
    """Return what the layers of a run keep at one place, shape (L, 1); None for nothing."""
    known = [number for number in numbers if number is not None]
    return Magnitudes.column(known) if known else None


def products(
    graph: Graph,
    reading: Reading,
    run: Any,
    kept: Callable[[Run], Sequence[Magnitudes | None]],
    seed: Magnitudes,
) -> dict[str, Magnitudes]:
    """Return what the chain rule says of every name and letter, layer 1 first.

    Parameters
    ----------
    graph, reading, run
        As for `chainrule.back`.
    kept
        Of every place of a run's block what it keeps of all its layers, shape (L, …).
    seed
        What ∂L/∂f_N is read as, shape (…).

    Returns
    -------
    dict
        Shape (N, …) each: f, a, W and b for the article's chain. Zero in the layers that have
        no such name or letter.
    """
    found = [here for _, here in of_runs(graph, reading, run, kept, seed)]
    names = dict.fromkeys(name for here in found for name in here)
    return {
        name: Magnitudes.layers([_part(here, name) for here in reversed(found)]) for name in names
    }


def _part(found: Mapping[str, Magnitudes], name: str) -> Magnitudes:
    """Return what a run has of a name: zeros where its block has no such name."""
    part = found.get(name)
    return Magnitudes.of(0.0 * found["f"].mantissas) if part is None else part


def itself(magnitudes: Magnitudes) -> Magnitudes:
    """Return what flows as it is: one magnitude."""
    return magnitudes


def of_runs(
    graph: Graph,
    reading: Reading,
    run: Any,
    kept: Callable[[Run], Sequence[Magnitudes | None]],
    seed: Magnitudes,
    begin: Callable[[Magnitudes], Any] = itself,
    size: Callable[[Any], Magnitudes] = itself,
) -> Iterator[tuple[Run, dict[str, Magnitudes]]]:
    """Yield the same of each run of equal blocks, from the last to the first.

    Parameters
    ----------
    graph, reading, run, kept, seed
        As for `products`.
    begin, size
        Makes of a magnitude what flows within a block, and of that a magnitude again.
    """
    for section in reversed(graph.runs):
        block, first, last = section
        layers = range(first, last + 1)
        shape = len(layers), *seed.mantissas.shape
        ones = begin(Magnitudes.of(np.ones(shape)))
        nodes, parameters = across(block, reading, run, kept(section), ones, layers)
        behind, seed = size(nodes[0]).products_behind(seed)
        named = {node.name: nodes[place] for place, node in block.placed if node.name}
        yield (
            section,
            {name: size(local) * behind for name, local in (named | parameters).items()},
        )
