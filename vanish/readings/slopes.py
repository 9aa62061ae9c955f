"""What the slopes alone say: their products, what bounds these, the paths that they leave.

Of the chain-rule product only the factors ∂S/∂a_k are read: with sup|S'| for them it is the
article's bound, 0.25^N for the sigmoid. Arrays have a row a layer and a column a trial.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanish.network.activations.record import of_each
from vanish.network.chainrule import Reading, across
from vanish.network.graph import LAYER, Graph
from vanish.numbers.stack import Magnitudes
from vanish.readings.magnitudes import products
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vanish.network.activations import Activation
    from vanish.network.graph import Block, Run
    from vanish.numbers.scaled import FloatArray, Magnitude

# What flows is one number for all units: the rules multiply by a size of the slopes, and pass
# on what has no slope.
SLOPES = Reading("slope")


class Counting(Record):
    """What the rules ask for.

    Attributes
    ----------
    coefficients
        Whether a coefficient c counts |c|; where paths are counted it does not, unless it is 0.
    """

    coefficients: bool


def slope_products(graph: Graph, sizes: FloatArray, *, coefficients: bool = True) -> Magnitudes:
    """Return what the slopes alone make of the gradient by every a_k, layer 1 first.

    For the article's chain ∏_{j=k..N} sizes_j; with skips sizes_k ∏_{j>k} (1 + sizes_j). Where a
    layer has several S, of all their arguments together; where it has none, 0.

    Parameters
    ----------
    graph
        The network.
    sizes
        One row a layer, shape (N, …): sup|S'| for the article's bound (section 3), the largest
        |S'(a_k)| for the product that it bounds, or the number of active units for that of
        all-active paths (section 4).
    coefficients
        As of `Counting`.

    Returns
    -------
    Magnitudes
        Shape (N, …).
    """
    column = Magnitudes.of(sizes)
    if graph.stages:
        return _of_stages(graph, column, Counting(coefficients))

    def kept(section: Run) -> list[Magnitudes | None]:
        block, first, last = section
        here = column.at(slice(first - 1, last))
        return [None, *(here if node.op.kind == "activate" else None for node in block.nodes)]

    if not graph.arguments:
        return Magnitudes.of(np.zeros(sizes.shape))
    one = Magnitudes.of(np.ones(sizes.shape[1:]))
    found = products(graph, SLOPES, Counting(coefficients), kept, one, graph.arguments)
    first, *others = [found[name] for name in graph.arguments]
    return sum(others, first)


def _of_stages(graph: Graph, column: Magnitudes, counting: Counting) -> Magnitudes:
    """Return the same of a graph whose layers are stages of one block."""
    block = graph.block(1)
    here: list[Magnitudes | None] = [None] * (len(block.nodes) + 1)
    for k, stage in enumerate(graph.stages):
        for place in stage.places("activate"):
            here[place] = column.at(k)
    one = Magnitudes.of(np.ones(column.mantissas.shape[1:]))
    nodes, _ = across(block, SLOPES, counting, here, one)
    nothing = Magnitudes.of(np.zeros(column.mantissas.shape[1:]))
    found = []
    for stage in graph.stages:
        # What an S takes that is the graph's input is no argument, see `Block.arguments`.
        places = dict.fromkeys(place for place in stage.argument_places if place)
        found.append(sum((nodes[place] or nothing for place in places), nothing))
    return Magnitudes(
        np.stack([each.mantissas for each in found]), np.stack([each.exponents for each in found])
    )


def slope_bound(activation: Activation, layers: int) -> Magnitude:
    """Return the article's bound on the product of the slopes of so many of its layers.

    Its section 3: 0.25^N for the sigmoid.

    Parameters
    ----------
    activation
        S, of which |S'| has a supremum.
    layers
        N.
    """
    return _across(activation, LAYER) ** layers


def _across(activation: Activation, block: Block) -> Magnitude:
    """Return what flows to the block's input of 1 at its end, every slope being sup|S'|."""
    one = Magnitudes.of(np.ones(1))
    sup = Magnitudes.of(np.array([activation.sup_slope]))
    kept = [None, *(sup if node.op.kind == "activate" else None for node in block.nodes)]
    nodes, _ = across(block, SLOPES, Counting(coefficients=True), kept, one)
    gain: Magnitude = nodes[0].listed()[0]
    return gain


def graph_bound(activation: Activation, graph: Graph) -> Magnitude:
    """Return the bound on the slopes' product from ∂L/∂f_N to ∂L/∂a_1, with one S everywhere.

    0.25^N for the sigmoid in the article's chain, 0.25 · 1.25^(N-1) with skips.

    Parameters
    ----------
    activation
        S, of which |S'| has a supremum.
    graph
        The network.
    """
    factors = bound_factors(activation, graph)
    if factors is not None:
        first, gain = factors
        return first * gain ** (graph.depth - 1)
    return slope_products(graph, np.full(graph.rows, activation.sup_slope)).listed()[0]


def bound_factors(activation: Activation, graph: Graph) -> tuple[Magnitude, Magnitude] | None:
    """Return the two numbers of a bound c · g^(N-1); None where the layers are not all alike.

    Parameters
    ----------
    activation, graph
        As for `graph_bound`.

    Returns
    -------
    first, gain
        c, of layer 1 from ∂L/∂f_1 to the arguments of S, and g, of every other layer: both are
        sup|S'| in the article's chain, and sup|S'| and 1 + sup|S'| with skips.
    """
    if len(graph.runs) != 1 or graph.stages:
        return None
    block = graph.runs[0].block
    whole, layer_1 = _across(activation, block), Graph((block, 1))
    return slope_products(layer_1, np.array([activation.sup_slope])).listed()[0], whole


def slope_bounds(
    graph: Graph, activations: Sequence[Activation]
) -> tuple[Magnitudes, NDArray[np.bool_]]:
    """Return the article's bound from ∂L/∂f_N to every a_k, layer 1 first, and which have one.

    There is none where an S on the way has slopes without a supremum.

    Parameters
    ----------
    graph
        The network.
    activations
        S of each layer.
    """
    free = np.array(graph.has_s) & ~of_each(activations, lambda each: each.has_bound)
    sizes = of_each(activations, lambda each: each.sup_slope if each.has_bound else 1.0)
    last = np.flatnonzero(free)[-1:].max(initial=-1)
    return slope_products(graph, sizes), np.arange(len(sizes)) > last


def log10_active_paths(graph: Graph, active: FloatArray) -> FloatArray:
    """Return log10 of the number of all-active paths from layer k to N, layer 1 first.

    Multiplied out, the chain-rule product is a sum over the paths through the network, one
    unit a layer. A path counts if S' is not 0 at any of its units; for ReLU the slopes
    along such a path are all 1, and the article's section 4 needs only one of them.

    Parameters
    ----------
    graph
        The network.
    active
        The number of active units, shape (N, T, B).

    Returns
    -------
    array
        Shape (N, T). For a batch the log10 of the mean number over its rows; -inf where
        there is none.
    """
    logs = slope_products(graph, active, coefficients=False).log10
    if logs.shape[2] == 1:
        return logs[..., 0]
    largest = logs.max(axis=2)
    # The counts may be far outside float64.
    known = np.where(np.isfinite(largest), largest, 0.0)[..., None]
    with np.errstate(divide="ignore"):
        return np.asarray(known[..., 0] + np.log10(np.mean(10.0 ** (logs - known), axis=2)))
