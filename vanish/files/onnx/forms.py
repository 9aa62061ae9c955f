"""What exporters write out in several nodes: x·σ(x) and its kin, and norms.

An S of several nodes is found where functions of one value are multiplied, divided or chosen from:
the formula from that value on is read, and is the S. So are

    Gelu by Erf         x·(1 + erf(x/√2))·½, in any order
    Gelu by Tanh        ½x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))
    Silu                x·σ(x)
    HardSwish           x·hard_sigmoid(x), x·clip(x + 3, 0, 6)/6
    Mish                x·tanh(softplus(x))
    Softsign            x/(1 + |x|)
    LogSigmoid          ln σ(x)

by their names, and any other by its formula. Norms begin with a mean over the last axes:

    LayerNorm           (x - mean x)/sqrt(mean (x - mean x)² + ε)
    RMSNorm             x/sqrt(mean x² + ε), or times its reciprocal
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vanish.files.onnx.functions import activation_of, template
from vanish.files.onnx.values import Known, Pending, RefusedError, UnreadError, Value
from vanish.network.graph import Op
from vanish.ops.normalise import RowNorm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vanish.files.onnx.builder import Builder
    from vanish.files.onnx.load import FileNode
    from vanish.files.onnx.values import Read

# A formula as long as this is none of those, nor one that begins so many operations before.
_LONGEST = 2000
_FARTHEST = 64


def combined(
    builder: Builder, node: FileNode, values: Sequence[Value], template: str, why: str
) -> Value:
    """Add a function of several functions of one value, which is an S of that value.

    Parameters
    ----------
    builder, node
        The graph, and the node that combines them.
    values, template
        Functions of one value, and what is made of them, with ``{}`` for each.
    why
        What is not read where they are of no one value.

    Raises
    ------
    UnreadError
        If they are of no one value, or it is no S.
    """
    refused = UnreadError(builder.source, node, why)
    nearest = min(each.place for each in values)
    for place in range(nearest, max(-1, nearest - _FARTHEST), -1):
        known = {place: "x"}
        texts = [_of(builder, each.place, place, known) for each in values]
        shapes = {each.shape for each in values}
        if all(texts) and len(shapes) == 1 and values[0].size == math.prod(builder.shape(place)):
            text = template.format(*(f"({each})" for each in texts))
            try:
                return _as_s(builder, node, place, text)._replace(shape=values[0].shape)
            except UnreadError as error:
                # Of a value further back it may be one: ln of a sigmoid is, of any x it is none.
                refused = error
    raise refused


def continued(builder: Builder, node: FileNode, value: Value, text: str) -> Value | None:
    """Add what is done to such a product by numbers alone as a part of it; None for no product."""
    made = builder.products.get(value.place)
    if made is None or not value.sole:
        return None
    place, formula = made
    found = _as_s(builder, node, place, text.format(f"({formula})"))
    return found._replace(shape=value.shape)


def _as_s(builder: Builder, node: FileNode, place: int, formula: str) -> Value:
    if len(formula) > _LONGEST:
        raise UnreadError(builder.source, node, "a formula that long")
    activation = activation_of(builder, node, formula)
    base = Value(place, builder.shape(place))
    found = builder.activate(base, activation, template(formula))
    builder.products[found.place] = place, formula
    return found


def _of(builder: Builder, place: int, base: int, known: dict[int, str]) -> str:
    """Return a value as a formula of another one; empty where it is none."""
    if place not in known:
        known[place] = ""
        if place > base and place in builder.texts:
            places, text = builder.texts[place]
            parts = [_of(builder, each, base, known) for each in places]
            if all(parts) and sum(map(len, parts)) <= _LONGEST:
                # An S of one value may have it in several places of its formula.
                count = text.count("{}")
                known[place] = text.format(*(parts if count == len(parts) else parts * count))
    return known[place]


def mean(builder: Builder, node: FileNode, inputs: Sequence[Read]) -> Pending:
    """Return a mean over the last axes, the beginning of a norm.

    Raises
    ------
    UnreadError
        If it is over other axes.
    """
    value = inputs[0]
    if isinstance(value, Pending):
        return Pending(node, value.first)
    if isinstance(value, Value) and _lines(node, inputs, value.shape):
        return Pending(node, node)
    raise UnreadError(builder.source, node, "a mean that is no part of a norm of rows")


def _lines(node: FileNode, inputs: Sequence[Read], shape: tuple[int, ...]) -> int:
    """Return over how many numbers a mean is taken; 0 where it is none over last axes."""
    axes = node.wholes("axes")
    if len(inputs) > 1 and isinstance(inputs[1], Known):
        axes = [int(each) for each in inputs[1].array.reshape(-1)]
    if not axes or not node.whole("keepdims", 1):
        return 0
    rank = len(shape) + 1
    found = sorted(axis % rank for axis in axes)
    if found != [*range(rank - len(found), rank)] or found[0] == 0:
        return 0
    return math.prod(shape[found[0] - 1 :])


class Norms:
    """Finds norms that are written out, by the names of their nodes' values.

    Parameters
    ----------
    builder
        The graph so far.
    made_by
        Of each value's name the node that gives it.
    reads
        What each name stands for.
    """

    def __init__(
        self, builder: Builder, made_by: dict[str, FileNode], reads: dict[str, Read]
    ) -> None:
        self._builder, self._made_by, self._reads = builder, made_by, reads

    def found(self, node: FileNode) -> Value | None:
        """Add the norm that ends in a node; None where none does."""
        if node.domain:
            return None
        if node.type == "Div":
            top, bottom = node.inputs
        elif node.type == "Mul":
            bottom = next(
                (self._inverted(each) for each in node.inputs if self._inverted(each)), ""
            )
            top = next((each for each in node.inputs if self._inverted(each) != bottom), "")
        else:
            return None
        under = self._node(bottom, "Sqrt")
        summed = None if under is None else self._node(under.inputs[0], "Add")
        if summed is None:
            return None
        epsilon, square_mean = self._split(summed)
        mean_node = self._node(square_mean, "ReduceMean")
        if mean_node is None or epsilon is None or not epsilon >= 0.0:
            return None
        base, own_mean = self._centre(top)
        if self._squared(mean_node.inputs[0]) != top or not isinstance(base, Value):
            return None
        length = self._length(mean_node, base)
        if not length or (own_mean is not None and self._length(own_mean, base) != length):
            return None
        return add_norm(self._builder, base, RowNorm(length, epsilon, own_mean is not None))

    def _length(self, mean_node: FileNode, base: Value) -> int:
        """Return over how many numbers a mean is taken; 0 if they are no lines of a row."""
        further = [self._reads[each] for each in mean_node.inputs if each]
        return _lines(mean_node, further, base.shape)

    def _node(self, name: str, kind: str) -> FileNode | None:
        node = self._made_by.get(name)
        while node is not None and node.type in ("Cast", "Identity"):
            node = self._made_by.get(node.inputs[0])
        return node if node is not None and (node.type, node.domain) == (kind, "") else None

    def _inverted(self, name: str) -> str:
        """Return what a value is one over; empty where it is no reciprocal."""
        node = self._node(name, "Reciprocal")
        if node is not None:
            return node.inputs[0]
        node = self._node(name, "Div")
        if node is not None:
            one = self._reads.get(node.inputs[0])
            if isinstance(one, Known) and one.scalar == 1.0:
                return node.inputs[1]
        return ""

    def _split(self, summed: FileNode) -> tuple[float | None, str]:
        """Return the constant and the other of two that are added."""
        for epsilon, other in (summed.inputs, summed.inputs[::-1]):
            known = self._reads.get(epsilon)
            if isinstance(known, Known):
                return known.scalar, other
        return None, ""

    def _squared(self, name: str) -> str:
        """Return what a value is the square of; empty where it is none."""
        power = self._node(name, "Pow")
        if power is not None:
            two = self._reads.get(power.inputs[1])
            return power.inputs[0] if isinstance(two, Known) and two.scalar == 2.0 else ""
        times = self._node(name, "Mul")
        return times.inputs[0] if times and times.inputs[0] == times.inputs[1] else ""

    def _centre(self, name: str) -> tuple[Read | None, FileNode | None]:
        """Return what is normalised, and the mean of it that is subtracted first, if one is."""
        less = self._node(name, "Sub")
        own_mean = less and self._node(less.inputs[1], "ReduceMean")
        if less and own_mean and own_mean.inputs[0] == less.inputs[0]:
            return self._reads.get(less.inputs[0]), own_mean
        return self._reads.get(name), None


def add_norm(builder: Builder, value: Value, norm: RowNorm) -> Value:
    """Add a norm of rows.

    Raises
    ------
    RefusedError
        If its epsilon is not finite, or below 0.
    """
    if not 0.0 <= norm.epsilon < math.inf:
        raise RefusedError("an epsilon that is no finite number from 0 on")
    return builder.add(Op("normalise", own=norm), (value,), value.shape)
