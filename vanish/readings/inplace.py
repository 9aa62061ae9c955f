"""The in-place reading: every factor an operation on float64 arrays, for training.

The network is read once, when the arrays for it are made: each rule appends operations that
work on them to a list. A training step runs the lists; the chain rule itself costs it
nothing.

There are no exponents here. What falls below 1e-308 becomes 0 and what grows past 1.8e308
infinite, as in any framework: at depths at which networks are trained that changes no
weight in float64. Whoever wants to know how small a gradient is asks the dense reading.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from vanish.network.chainrule import Reading, back, forward

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from vanish.network.activations import Activation
    from vanish.network.graph import Graph, Op, Slot, Variable
    from vanish.numbers.scaled import FloatArray

    Operation = Callable[[], object]


class Parameters:
    """All parameters of a network, or their gradients, in one vector.

    Parameters
    ----------
    shapes
        By address the shape of each, in the order in which they are to stand.

    Attributes
    ----------
    vector
        All of them, zero at first: what an optimizer changes in one go.
    by_address
        Views into it, by their variables.
    """

    def __init__(self, shapes: Mapping[Variable, tuple[int, ...]]) -> None:
        self.vector = np.zeros(sum(map(math.prod, shapes.values())))
        self.by_address: dict[Variable, FloatArray] = {}
        at = 0
        for address, shape in shapes.items():
            end = at + math.prod(shape)
            self.by_address[address] = self.vector[at:end].reshape(shape)
            at = end

    @property
    def weights(self) -> list[FloatArray]:
        """All matrices, whose letters are upper-case, in their order."""
        return [view for address, view in self.by_address.items() if address.letter.isupper()]

    @property
    def biases(self) -> list[FloatArray]:
        """All biases, whose letters are lower-case, in their order."""
        return [view for address, view in self.by_address.items() if address.letter.islower()]


class Cell:
    """A batch of rows, or a parameter's gradient, which is filled anew with every pass.

    Attributes
    ----------
    rows
        What is in it now; on the way back always in the same array, since it may be lent.
    then
        Appends an operation to the pass that fills it.
    shared
        Whether more than one operation will read it: then none of them may write over it.
    """

    __slots__ = ("rows", "shared", "then")

    def __init__(
        self, rows: FloatArray, then: Callable[[Operation], object], *, shared: bool = False
    ) -> None:
        self.rows = rows
        self.then = then
        self.shared = shared

    def with_rows(self, rows: FloatArray) -> Cell:
        """Return another cell of the same pass."""
        return Cell(rows, self.then)

    def lent(self) -> Cell:
        """Return the same rows for one of several operations that read them."""
        return Cell(self.rows, self.then, shared=True)

    def __add__(self, other: Cell) -> Cell:
        # In the first of them that nobody else reads.
        free = [cell for cell in (self, other) if not cell.shared]
        total = free[0] if free else self.with_rows(np.empty_like(self.rows))
        self.then(lambda: np.add(self.rows, other.rows, total.rows))
        return total


IN_PLACE = Reading.called("in-place")


class Passes:
    """The passes forward and back of batches of one size, with arrays of their own.

    Parameters
    ----------
    graph
        The network's operations.
    activations
        S of each layer, layer 1 first.
    parameters
        Every parameter, as it is whenever a pass is made.
    found
        Where `backward` puts the gradients by them.
    n_in, n_out, rows
        The sizes of x and of f_N, and B, the rows of a batch.
    steps
        The fresh input u_k of each layer that takes one, shape (B, n_u).

    Attributes
    ----------
    loss_gradient
        ∂L/∂f_N, shape (B, n_N): fill it in between the two passes.
    """

    def __init__(
        self,
        graph: Graph,
        activations: Sequence[Activation],
        parameters: Mapping[Variable, FloatArray],
        found: Mapping[Variable, FloatArray],
        n_in: int,
        n_out: int,
        rows: int,
        steps: Mapping[int, FloatArray] | None = None,
    ) -> None:
        self.rows = rows
        self._activations = dict(enumerate(activations, 1))
        self._parameters, self._found = parameters, found
        self._steps = steps or {}
        self._taken: set[Variable] = set()
        self._forward: list[Operation] = []
        self._back: list[Operation] = []
        self._x = self._output = Cell(np.empty((rows, n_in)), self._forward.append, shared=True)
        kept: dict[int, list[Any]] = {}
        for passed in forward(graph, IN_PLACE, self, self._x):
            kept[passed.layer], self._output = passed.kept, passed.named("f")
        self.loss_gradient = np.empty((rows, n_out))
        seed = Cell(self.loss_gradient, self._back.append)
        # Nobody trains x: what only leads to it is not computed.
        waiting = {*parameters}
        for variable, _ in back(graph, IN_PLACE, self, kept.__getitem__, seed):
            waiting.discard(variable)
            if not waiting:
                break

    def forward(self, x: FloatArray) -> FloatArray:
        """Return f_N, shape (B, n_N), of a batch x of shape (B, n_0)."""
        self._x.rows = x
        for operation in self._forward:
            operation()
        return self._output.rows

    def backward(self) -> None:
        """Differentiate by every parameter, at the last pass forward."""
        for operation in self._back:
            operation()

    def of(self, op: Op, k: int) -> list[FloatArray]:
        """Return the parameters of an operation of layer k."""
        return [self._parameters[slot.at(k)] for slot in op.slots]

    def activation(self, k: int) -> Activation:
        """Return S of layer k."""
        return self._activations[k]

    def step(self, k: int) -> Cell:
        """Return the fresh input of layer k."""
        return Cell(self._steps[k], self._forward.append, shared=True)

    def gradient(self, slot: Slot, k: int) -> Cell:
        """Return where to put the gradient by one use of a parameter.

        That of its first use goes to its place, those of others are added to it.
        """
        address = slot.at(k)
        place = self._found[address]
        first = address not in self._taken
        self._taken.add(address)
        return Cell(place if first else np.empty_like(place), self._back.append)
