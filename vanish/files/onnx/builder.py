"""The graph as it grows while a file's nodes are read: operations, parameters, sizes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vanish.files.onnx.parameters import Parameters, fitting
from vanish.files.onnx.values import Known, RefusedError, UnreadError, Value
from vanish.network.graph import Constant, Op
from vanish.network.spread import Spread
from vanish.ops.affine_each import Positions
from vanish.records import Record

if TYPE_CHECKING:
    from vanish.files.onnx.load import FileNode
    from vanish.network.activations import Activation


class Made(Record):
    """A node of the graph that is built: what it computes, of which places, and a row's shape."""

    op: Op
    inputs: tuple[int, ...]
    shape: tuple[int, ...]


class Use(Record):
    """One use of a matrix.

    Attributes
    ----------
    name, weight, bias
        What the file calls it, its letter, and that of its bias; empty for none.
    place, a
        Where it is applied, and where W f + b is.
    shape
        (n_out, n_in) of this use.
    """

    name: str
    weight: str
    bias: str
    place: int
    a: int
    shape: tuple[int, int]


class Builder:
    """What is known of the graph so far.

    Parameters
    ----------
    source
        The file, for messages.
    shape
        Of a row of the input.
    batch
        The number that stands in the file for that of the rows, if one does.
    opset
        The version of ONNX's operators.

    Attributes
    ----------
    nodes
        What is computed, place 1 first.
    uses
        The matrices in the order of the file.
    parameters
        All arrays that they have.
    texts
        Of each place that is a function of others entry by entry, these and its formula with
        ``{}`` for each of them.
    products
        Of each place that is a product of functions of another one, that one and the formula.
    """

    def __init__(self, source: str, shape: tuple[int, ...], batch: int | None, opset: int) -> None:
        self.source = source
        self.batch = batch
        self.opset = opset
        self.nodes: list[Made] = []
        self.uses: list[Use] = []
        self.parameters = Parameters()
        self.texts: dict[int, tuple[tuple[int, ...], str]] = {}
        self.products: dict[int, tuple[int, str]] = {}
        self._shape = shape

    def shape(self, place: int) -> tuple[int, ...]:
        """Return the shape of a row of what is at a place."""
        return self.nodes[place - 1].shape if place else self._shape

    def add(
        self, op: Op, inputs: tuple[Value, ...], shape: tuple[int, ...], text: str = ""
    ) -> Value:
        """Add an operation, and return what it gives.

        Parameters
        ----------
        op, inputs
            What it is, and of what.
        shape
            Of a row of its value.
        text
            Its formula of its inputs, where it is one entry by entry.
        """
        places = tuple(each.place for each in inputs)
        self.nodes.append(Made(op, places, shape))
        if text:
            self.texts[len(self.nodes)] = (places, text)
        return Value(len(self.nodes), shape)

    def activate(self, value: Value, activation: Activation, text: str) -> Value:
        """Add an S; one that is the identity adds nothing."""
        if activation.name == "identity":
            return value
        return self.add(Op("activate", own=activation), (value,), value.shape, text)

    def scaled(self, value: Value, factor: float) -> Value:
        """Add a number times a value.

        Raises
        ------
        RefusedError
            If the number is not finite.
        """
        if not math.isfinite(factor):
            raise RefusedError("a factor that is no finite number")
        if factor == 1.0:
            return value
        constant = Constant(factor, f"{factor:g}")
        return self.add(
            Op("scale", constant=constant), (value,), value.shape, f"({{}}*({factor!r}))"
        )

    def summed(self, one: Value, other: Value) -> Value:
        """Add the sum of two values."""
        return self.add(Op("add"), (one, other), one.shape, "({}+{})")

    def matrix(self, node: FileNode, value: Value, weight: Known, bias: Known | None) -> Value:
        """Add W f + b: a matrix (n_out, n_in) along the last axis of a row.

        Raises
        ------
        UnreadError
            If the rows have not as many entries as W has columns.
        """
        if not value.shape or value.shape[-1] != weight.array.shape[1]:
            raise UnreadError(
                self.source,
                node,
                f"a matrix of {weight.array.shape[1]} columns beside rows of {value.shape}",
            )
        turned = self.parameters.is_turned(weight)
        own = Known(weight.array.T, weight.name, not weight.turned) if turned else weight
        slots = [self.parameters.slot("W", own)]
        vector = None if bias is None else fitting(bias, weight.array.shape[:1])
        whole = vector is not None and vector.array.size == weight.array.shape[0]
        if vector is not None and whole:
            slots.append(self.parameters.slot("b", vector))
        shape = (*value.shape[:-1], weight.array.shape[0])
        positions = math.prod(value.shape[:-1])
        op = Op("affine", tuple(slots))
        if len(value.shape) > 1 or turned:
            op = Op("affine_each", tuple(slots), own=Positions(positions, turned))
        found = self.add(op, (value,), shape)
        letters = [slot.letter for slot in slots]
        name = weight.name or f"W{len(self.uses) + 1}"
        self.uses.append(
            Use(
                *(name, letters[0], letters[1] if whole else "", found.place, found.place),
                (weight.array.shape[0], weight.array.shape[1]),
            )
        )
        return found if vector is None or whole else self.biased(found, vector)

    def biased(self, value: Value, bias: Known) -> Value:
        """Add a bias to a matrix's value: what came last is W f + b."""
        use = self.uses[-1]
        made = self.nodes[value.place - 1]
        vector = fitting(bias, value.shape)
        size = value.shape[-1]
        if use.place == value.place and vector.array.size == size and not use.bias:
            slot = self.parameters.slot("b", vector)
            op = made.op._replace(slots=(*made.op.slots, slot))
            self.nodes[value.place - 1] = made._replace(op=op)
            self.uses[-1] = use._replace(bias=slot.letter)
            return value
        slot = self.parameters.slot("b", vector)
        found = self.add(
            Op("plus", (slot,), own=Spread(vector.array.shape, value.shape)), (value,), value.shape
        )
        self.uses[-1] = use._replace(bias=slot.letter, a=found.place)
        return found

    def ends_here(self, value: Value) -> None:
        """Say that a value is what the last matrix gives, after its bias and its factors."""
        self.uses[-1] = self.uses[-1]._replace(a=value.place)

    def takes_bias(self, value: Value, bias: Known) -> bool:
        """Tell whether a constant that is added is the bias of the matrix just before."""
        if not self.uses or not value.sole:
            return False
        use, size = self.uses[-1], value.shape[-1]
        return (
            use.place == value.place == use.a
            # In rows of another shape than the matrix gives it would be another unit's.
            and value.shape == self.shape(value.place)
            and not use.bias
            and bias.array.size == size
            and bias.array.shape[-1:] in ((size,), ())
        )

    def plus(self, value: Value, known: Known) -> Value:
        """Add a constant."""
        number = known.scalar
        vector = fitting(known, value.shape)
        text = "" if number is None else f"({{}}+({number!r}))"
        op = Op(
            "plus",
            (self.parameters.slot("c", vector),),
            own=Spread(vector.array.shape, value.shape),
        )
        return self.add(op, (value,), value.shape, text)

    def times(self, value: Value, known: Known) -> Value:
        """Multiply by a constant."""
        number = known.scalar
        if number is not None:
            return self.scaled(value, number)
        vector = fitting(known, value.shape)
        op = Op(
            "times",
            (self.parameters.slot("g", vector),),
            own=Spread(vector.array.shape, value.shape),
        )
        return self.add(op, (value,), value.shape)
