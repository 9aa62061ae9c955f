"""What the readings share in which one magnitude flows: all layers of a run at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vanish.network.chainrule import across
from vanish.numbers.stack import Magnitudes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

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
    names: Collection[str] | None = None,
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
    names
        Of those of which it is wanted; of all where it is not given.

    Returns
    -------
    dict
        Shape (N, …) each: f, a, W and b for the article's chain. Zero in the layers that have
        no such name or letter.
    """
    found = list(of_runs(graph, reading, run, kept, seed, names=names))
    met = dict.fromkeys(name for _, here in found for name in here)

    def part(section: Run, here: Mapping[str, Magnitudes], name: str) -> Magnitudes:
        known = here.get(name)
        # Zeros where the block has no such name.
        shape = section.last - section.first + 1, *seed.mantissas.shape
        return Magnitudes.of(np.zeros(shape)) if known is None else known

    return {
        name: Magnitudes.layers([part(*of_run, name) for of_run in reversed(found)]) for name in met
    }


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
    names: Collection[str] | None = None,
) -> Iterator[tuple[Run, dict[str, Magnitudes]]]:
    """Yield the same of each run of equal blocks, from the last to the first.

    Parameters
    ----------
    graph, reading, run, kept, seed, names
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
        wanted = {
            name: local
            for name, local in (named | parameters).items()
            if names is None or name in names
        }
        yield section, {name: size(local) * behind for name, local in wanted.items()}
