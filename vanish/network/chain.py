"""A network with its parameters at hand: what the dense engine runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vanish.errors import UsageError
from vanish.network.graph import Variable, article_graph
from vanish.network.weights import Weight
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vanish.network.activations import Activation
    from vanish.network.graph import Graph, Op
    from vanish.numbers.scaled import FloatArray

    # W_k as a `Weight`, b_k as an array of shape (n_k,), None for zero.
    Parameter = Weight | FloatArray | None


class Layer(Record):
    """One layer of the article's chain: W_k, b_k (None for zero) and S."""

    weight: Weight
    bias: FloatArray | None
    activation: Activation


class Chain:
    """A network whose parameters are known.

    Parameters
    ----------
    graph
        Its operations.
    parameters
        By address: ``Variable("W", k)``, with layer 0 for a tied one.
    activations
        S of each layer, layer 1 first.
    steps
        The fresh input u_k of each layer that takes one, shape (B, n_u).
    """

    def __init__(
        self,
        graph: Graph,
        parameters: Mapping[Variable, Parameter],
        activations: Sequence[Activation],
        steps: Mapping[int, FloatArray] | None = None,
    ) -> None:
        self.graph = graph
        self.parameters = parameters
        self._steps = steps or {}
        self._activations = dict(enumerate(activations, 1))

    @classmethod
    def of_layers(cls, layers: Sequence[Layer]) -> Chain:
        """Return the article's chain of these layers, layer 1 first.

        Raises
        ------
        UsageError
            If there is no layer, or if one's sizes do not fit its neighbour's or its bias.
        """
        if not layers:
            raise UsageError("a chain of 0 layers: give at least 1")
        parameters: dict[Variable, Parameter] = {}
        n_in = layers[0].weight.shape[1]
        for k, layer in enumerate(layers, 1):
            shape = layer.weight.shape
            if shape[1] != n_in:
                raise UsageError(
                    f"W{k} is {shape[0]} × {shape[1]}, but layer {k} gets {n_in} inputs:"
                    f" give W{k} {n_in} columns"
                )
            if layer.bias is not None and layer.bias.shape != shape[:1]:
                raise UsageError(
                    f"b{k} has shape {layer.bias.shape}, but W{k} has {shape[0]} rows:"
                    f" give b{k} {shape[0]} entries"
                )
            n_in = shape[0]
            parameters[Variable("W", k)] = layer.weight
            parameters[Variable("b", k)] = layer.bias
        return cls(article_graph(len(layers)), parameters, [layer.activation for layer in layers])

    def with_parameters(self, parameters: Mapping[Variable, Parameter]) -> Chain:
        """Return the same chain with other parameters of the same shapes."""
        return Chain(self.graph, parameters, (*self._activations.values(),), self._steps)

    def of(self, op: Op, k: int) -> list[Any]:
        """Return the parameters of an operation of layer k."""
        return [self.parameters[slot.at(k)] for slot in op.slots]

    def step(self, k: int) -> FloatArray:
        """Return the input u_k that is layer k's own, shape (B, n_u)."""
        return self._steps[k]

    def matrices(self, k: int) -> list[Weight]:
        """Return the matrices of layer k, each once."""
        found = (self.parameters[slot.at(k)] for slot in self.graph.block(k).slots)
        return [each for each in found if isinstance(each, Weight)]

    def let_go(self, first: int, last: int) -> list[FloatArray]:
        """Return the entries of the matrices of layers that have them no more.

        Those that all layers share stay. Their memory is free when the list is.
        """
        found = (
            self.parameters[Variable(slot.letter, k)]
            for block, start, stop in self.graph.within(first, last)
            for slot in block.slots
            if not slot.tied
            for k in range(start, stop + 1)
        )
        return [each.matrix.let_go() for each in found if isinstance(each, Weight)]

    def activation(self, k: int) -> Activation:
        """Return S of layer k."""
        return self._activations[k]

    def layer(self, k: int) -> Layer:
        """Return layer k of the article's chain."""
        weight, bias = self.parameters[Variable("W", k)], self.parameters[Variable("b", k)]
        assert isinstance(weight, Weight)
        assert not isinstance(bias, Weight)
        return Layer(weight, bias, self.activation(k))

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers of the article's chain, layer 1 first."""
        return tuple(map(self.layer, self._activations))
