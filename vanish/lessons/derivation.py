"""The derivation of one gradient with its numbers: each factor, measured and at most."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from vanish.errors import UsageError
from vanish.network.chainrule import back
from vanish.network.graph import Variable, X
from vanish.numbers.scaled import ONE, Magnitude
from vanish.readings import notation
from vanish.readings.bounds import BOUND, TraceNorms

if TYPE_CHECKING:
    from vanish.network.activations import Activation
    from vanish.network.graph import Graph
    from vanish.readings.products import Factor, Sum
    from vanish.simulation.run import Simulation


class MeasuredFactor(NamedTuple):
    """One factor of the product with its numbers, for a batch of one row.

    Attributes
    ----------
    factor
        The factor.
    measured
        By how much it changes the norm of the product before it; None after a zero.
    largest
        By how much it can change it at most: sup|S'| for a slope, ‖W_k‖₂ for a weight.
    product
        The norm of the product up to here: at the end, the gradient's.
    bound
        The product of the largest ones up to here: at the end, the norm bound.
    """

    factor: Factor | Sum
    measured: Magnitude | None
    largest: Magnitude
    product: Magnitude
    bound: Magnitude


class _Bound(NamedTuple):
    """A bound on a norm, and by how much its last factor can change it at most."""

    bound: Magnitude
    last: Magnitude

    def __mul__(self, factor: Magnitude) -> _Bound:  # type: ignore[override]  # a product
        return _Bound(self.bound * factor, factor)


def measured_factors(simulation: Simulation, by: Variable) -> list[MeasuredFactor]:
    """Return the factors of ∂L/∂θ with their numbers, from the loss inwards.

    Parameters
    ----------
    simulation
        The chain, with a batch of one row.
    by
        θ: W_k, b_k or x.

    Raises
    ------
    UsageError
        If the chain has no such variable.
    """
    graph, loss = simulation.chain.graph, simulation.loss_gradient.norm()
    norms = TraceNorms(simulation.trace)
    bounds = dict(back(graph, BOUND, norms, norms.kept_at, _Bound(loss, loss)))
    records: list[MeasuredFactor] = []
    before = ONE
    for variable, factor in notation.steps(graph, by):
        now, (bound, most) = simulation.norms[variable], bounds[variable]
        records.append(MeasuredFactor(factor, now / before if before else None, most, now, bound))
        before = now
    return records


class Derivation(NamedTuple):
    """What a derivation shows.

    Attributes
    ----------
    graph
        The network.
    by
        The variable to differentiate by.
    full
        Whether to write out everything.
    factors
        The numbers; None for a derivation in symbols only.
    activation
        What S is; None for any.
    """

    graph: Graph
    by: Variable
    full: bool = False
    factors: list[MeasuredFactor] | None = None
    activation: Activation | None = None


def parse_variable(name: str, layers: int) -> Variable:
    """Return the variable that a name such as W1, b3 or x means.

    Raises
    ------
    UsageError
        If a chain of that many layers has no such variable.
    """
    found = re.fullmatch(r"([Wb])([1-9][0-9]{0,17})|x", name.strip())
    if found is None or (found[2] and int(found[2]) > layers):
        raise UsageError(
            f"cannot differentiate by {name!r}: a chain of {layers} layers has x, W1 to"
            f" W{layers} and b1 to b{layers}"
        )
    return Variable(found[1], int(found[2])) if found[1] else X
