"""From the tree of a formula to its block, for a number of layers."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from vanish.network.formulas.tree import FUNCTIONS, Bias, Call, Input, Product
from vanish.network.graph import Block, Constant, Node, Op

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vanish.network.formulas.tree import Sum, Value
    from vanish.network.graph import Slot

# What S takes, the first one first: a_k, then letters that mean nothing else.
_ARGUMENTS = "aghijklmnopqrst"

# What a matrix gives is called by its letter, but for these: biases, x, u, f and a.
_TAKEN = "abcdfux"


def build(tree: Sum, layers: int) -> Block:
    """Return the block that a formula means in a network of so many layers."""
    nodes = _Nodes(layers)
    last = nodes.sum(tree)
    if last == 0:  # x times what is 1 in so many layers
        nodes.put(Op("scale", constant=Constant(1.0, "1")), 0)
    return nodes.block()


class _Nodes:
    """The nodes of a block that is being built; what makes one returns its place."""

    def __init__(self, layers: int) -> None:
        self._layers = layers
        self._made: list[tuple[Op, tuple[int, ...]]] = []
        self._step: int | None = None

    def put(self, op: Op, *inputs: int) -> int:
        self._made.append((op, inputs))
        return len(self._made)

    def sum(self, tree: Sum) -> int:
        """Put the terms, left to right, and then what biases no matrix takes."""
        biases: list[tuple[Slot, Constant | None]] = []
        values: list[tuple[Value, Constant | None]] = []
        for term in tree.terms:
            constant = term.constant(self._layers)
            if isinstance(term.value, Bias):
                biases.append((term.value.slot, constant))
            else:
                values.append((term.value, constant))
        # One affine map holds the first matrix and the first bias that stand as they are.
        own = next((i for i, (_, by) in enumerate(biases) if by is None), None)
        plain = (i for i, (value, by) in enumerate(values) if by is None and _is_affine(value))
        affine = next(plain, None) if own is not None else None
        bias = None if own is None or affine is None else biases.pop(own)[0]
        total: int | None = None
        for i, (value, constant) in enumerate(values):
            place = self._scaled(self._value(value, bias if i == affine else None), constant)
            total = place if total is None else self.put(Op("add"), total, place)
        assert total is not None, "a sum has a term that is no bias"
        for slot, constant in biases:
            total = self._shifted(total, slot, constant)
        return total

    def _scaled(self, place: int, constant: Constant | None) -> int:
        return place if constant is None else self.put(Op("scale", constant=constant), place)

    def _shifted(self, place: int, bias: Slot, constant: Constant | None) -> int:
        """Put f + c b, which is c (f/c + b)."""
        place = self._scaled(place, None if constant is None else _inverse(constant))
        return self._scaled(self.put(Op("shift", (bias,)), place), constant)

    def _value(self, value: Value, bias: Slot | None = None) -> int:
        if isinstance(value, Input):
            return self._input(value.letter)
        if isinstance(value, Product):
            slots = (value.matrix,) if bias is None else (value.matrix, bias)
            return self.put(Op("affine", slots), self._value(value.value))
        if isinstance(value, Call):
            return self.put(Op(FUNCTIONS[value.word]), self.sum(value.argument))
        return self.sum(value.inside)

    def _input(self, letter: str) -> int:
        if letter == "x":
            return 0
        if self._step is None:
            self._step = self.put(Op("step"))
        return self._step

    def block(self) -> Block:
        names = self._names()
        return Block(
            *(
                Node(op, inputs, names.get(place, ""))
                for place, (op, inputs) in enumerate(self._made, 1)
            )
        )

    def _names(self) -> dict[int, str]:
        """Return what the values are called, by their places."""
        names = {len(self._made): "f"}
        if self._step is not None:
            names[self._step] = "u"
        # aa, gg, … once there are no others.
        letters = (letter * times for times in count(1) for letter in _ARGUMENTS)
        for place in self._arguments():
            if place not in names:
                names[place] = next(letters)
        for place, (op, _) in enumerate(self._made, 1):
            if op.kind == "affine" and place not in names:
                letter = op.slots[0].letter.lower()
                if letter not in _TAKEN and letter not in names.values():
                    names[place] = letter
        return names

    def _arguments(self) -> Iterator[int]:
        """Yield the places of what S takes, but for x."""
        for op, inputs in self._made:
            if op.kind == "activate" and inputs[0]:
                yield inputs[0]


def _is_affine(value: Value) -> bool:
    return isinstance(value, Product)


def _inverse(constant: Constant) -> Constant:
    if constant.value == -1.0:
        return constant
    text = constant.text if constant.text.isdecimal() else f"({constant.text})"
    return Constant(1.0 / constant.value, f"1/{text}")
