"""The derivation of one gradient with its numbers: each factor, measured and at most."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vanish.errors import UsageError
from vanish.lessons import named, nested
from vanish.lessons.named import innermost
from vanish.network.blocks import formula
from vanish.network.chainrule import back
from vanish.network.graph import Block, Graph, Variable, X
from vanish.network.sizes import least_rows
from vanish.numbers.scaled import ONE, Magnitude
from vanish.numbers.words import listed, plural, reach
from vanish.readings import notation
from vanish.readings.bounds import BOUND, TraceNorms
from vanish.readings.dense import DENSE
from vanish.readings.products import Part, Parts
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vanish.network.activations import Activation
    from vanish.readings.dense import Outer, Total
    from vanish.readings.notation import Notation
    from vanish.readings.products import Factor, Sum
    from vanish.simulation.run import Simulation


def rows_for(block: str, *, values: bool) -> int | None:
    """Return the batch of a derivation of a block: one row is enough but for norms over rows.

    Parameters
    ----------
    block
        The block; empty for the article's layer.
    values
        Whether numbers are asked for, too.

    Raises
    ------
    UsageError
        If they are asked for, and there is none for a single row.
    """
    rows = least_rows(formula(block).block(1)) if block else 1
    if rows == 1:
        return None
    if values:
        raise UsageError(
            f"values beside block {block!r}: BN compares the rows of a batch, and the numbers of a"
            " factor are those of one row: leave values out"
        )
    return rows


class MeasuredFactor(Record):
    """One factor of the product with its numbers, for a batch of one row.

    Attributes
    ----------
    factor
        The factor, or the part of one layer in a sum over all.
    measured
        By how much it changes the norm of the product before it; None after a zero.
    largest
        By how much it can change it at most: sup|S'| for a slope, ‖W_k‖₂ for a weight, for a sum
        what its terms can at most together. None where |S'| has no supremum.
    product
        The norm of the product up to here: at the end, the gradient's.
    bound
        The product of the largest ones up to here: at the end, the norm bound. None where one of
        them is.
    """

    factor: Factor | Sum | Part
    measured: Magnitude | None
    largest: Magnitude | None
    product: Magnitude
    bound: Magnitude | None


class _Bound(Record):
    """A bound on a norm, and by how much its last factor can change it at most, if it is one."""

    bound: Magnitude
    last: Magnitude | None

    def __mul__(self, factor: Magnitude) -> _Bound:  # type: ignore[override]  # a product
        return _Bound(self.bound * factor, factor)

    def __add__(self, other: _Bound) -> _Bound:  # type: ignore[override]  # a sum
        return _Bound(self.bound + other.bound, None)


def measured_factors(simulation: Simulation, by: Variable) -> list[MeasuredFactor]:
    """Return the factors of ∂L/∂θ with their numbers, from the loss inwards.

    Parameters
    ----------
    simulation
        The chain, with a batch of one row.
    by
        θ. Of a parameter that all layers share there is a part a layer in place of the factors:
        its norm, its bound, and those of the sum up to here.

    Raises
    ------
    UsageError
        If the chain has no such variable.
    """
    graph, loss = labelled(simulation.chain.graph), simulation.loss_gradient.norm()
    trace, norms = simulation.trace, TraceNorms(simulation.trace)
    bounds: Mapping[Variable, _Bound] = {}
    if all(trace.chain.activation(k).has_bound for k in range(1, graph.depth + 1)):
        bounds = dict(back(graph, BOUND, norms, norms.kept_at, _Bound(loss, loss)))
    gradients = back(graph, DENSE, trace.chain, trace.kept.__getitem__, simulation.loss_gradient)
    if is_shared(graph, by):
        return _measured_parts(graph, by, dict(gradients), bounds)
    # As they are written; the walk back meets the terms of a sum in another order.
    written = _factors(simulation.chain.graph, by)
    steps = list(zip(notation.reached(graph, by), written, strict=True))
    wanted = {variable for variable, _ in steps}
    found = {variable: each.norm() for variable, each in gradients if variable in wanted}
    records: list[MeasuredFactor] = []
    before, bound_before = ONE, ONE
    for variable, factor in steps:
        now, measured = found[variable], found[variable] / before if before else None
        before = now
        if variable not in bounds:
            records.append(MeasuredFactor(factor, measured, None, now, None))
            continue
        bound, last = bounds[variable]
        most = (bound / bound_before if bound_before else bound) if last is None else last
        records.append(MeasuredFactor(factor, measured, most, now, bound))
        bound_before = bound
    return records


def _measured_parts(
    graph: Graph,
    by: Variable,
    gradients: Mapping[Variable, Outer | Total],
    bounds: Mapping[Variable, _Bound],
) -> list[MeasuredFactor]:
    """Return the part of each layer in the gradient by a shared parameter, layer N first."""
    records: list[MeasuredFactor] = []
    so_far: Outer | Total | None = None
    bound_so_far: Magnitude | None = None
    for part in parts(graph, by):
        here = Variable(by.letter, part.layer)
        gradient, bound = gradients[here], bounds[here].bound if here in bounds else None
        so_far = gradient if so_far is None else so_far + gradient  # type: ignore[operator]  # of one kind
        if bound is not None:
            bound_so_far = bound if bound_so_far is None else bound_so_far + bound
        records.append(MeasuredFactor(part, gradient.norm(), bound, so_far.norm(), bound_so_far))
    return records


def is_shared(graph: Graph, by: Variable) -> bool:
    """Tell whether θ is a parameter that all layers share."""
    return not by.layer and by != X and innermost(graph, by) is not None


def parts(graph: Graph, by: Variable) -> list[Part]:
    """Return the part of each layer in the gradient by a parameter that they share, N first."""
    found = []
    for (letter, layer), each in notation.walk(graph):
        if letter == by.letter and layer:
            found.append(Part(each.formed() if isinstance(each, Parts) else each, layer))
    return found


def _factors(graph: Graph, by: Variable) -> Sequence[Factor | Sum]:
    if graph.is_plain:
        return notation.product(graph, by).factors()
    return named.factors(graph, by)


def labelled(graph: Graph) -> Graph:
    """Return a network in which every value has a name, so that none is passed by."""
    blocks = {
        block: Block(
            *(node._replace(name=node.name or f"#{place}") for place, node in block.placed)
        )
        for block in {run.block for run in graph.runs}
    }
    return Graph(*((blocks[block], last - first + 1) for block, first, last in graph.runs))


class Derivation(Record):
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
    matrix
        Whether to add shapes and the matrix form; None: for blocks other than S(Wx+b).
    """

    graph: Graph
    by: Variable
    full: bool = False
    factors: list[MeasuredFactor] | None = None
    activation: Activation | None = None
    matrix: bool | None = None

    @property
    def is_plain(self) -> bool:
        """Whether all layers are S(Wx+b), so that they are written as one nested expression."""
        return self.graph.is_plain

    @property
    def has_matrix_form(self) -> bool:
        """Whether to show shapes and the matrix form."""
        return not self.is_plain if self.matrix is None else self.matrix

    def lines(self, written: Notation) -> Iterator[str]:
        """Yield the right-hand sides, see `nested.lines` and `named.lines`."""
        lines = nested.lines if self.is_plain else named.lines
        return lines(self.graph, self.by, written, self.full)

    def products(self) -> Sequence[Factor | Sum | Part]:
        """Return the factors of the gradient, or the parts of its sum over the layers."""
        if is_shared(self.graph, self.by):
            return parts(self.graph, self.by)
        return _factors(self.graph, self.by)


def parse_variable(name: str, graph: Graph) -> Variable:
    """Return the variable that a name such as W1, b3, a2 or x means.

    Raises
    ------
    UsageError
        If the network has no such variable.
    """
    found = re.fullmatch(r"([A-Za-z]+?)([1-9][0-9]{0,17})?", name.strip())
    variable = Variable(found[1], int(found[2] or 0)) if found else None
    if variable is None or innermost(graph, variable) is None:
        known = listed(["x", *_listed(graph)])
        raise UsageError(
            f"cannot differentiate by {name!r}: a chain of {plural(graph.depth, 'layer')} has"
            f" {known}: give one of them"
        )
    return variable


def first_matrix(graph: Graph) -> str:
    """Return the name of what layer 1 multiplies by first, such as W1; x where there is none."""
    slots = (slot for node in graph.runs[0].block.nodes for slot in node.op.slots)
    first = next((slot for slot in slots if slot.letter.isupper()), None)
    return "x" if first is None else str(first.at(1))


def _listed(graph: Graph) -> Iterator[str]:
    """Yield the names of variables, those of parameters first."""
    spans: dict[tuple[str, bool], tuple[int, int]] = {}
    for by_name in (False, True):
        for block, first, last in graph.runs:
            for node in block.nodes:
                slots = [(node.name, False)] * bool(node.name) if by_name else node.op.slots
                for letter, tied in slots:
                    least, _ = spans.get((letter, tied), (first, last))
                    spans[letter, tied] = least, last
    for (letter, tied), (first, last) in spans.items():
        yield letter if tied else reach(f"{letter}{first}", f"{letter}{last}")
