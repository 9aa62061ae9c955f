"""The chain rule: from the nested expression of a chain to the factors of its gradients.

The expression of three layers is L(S(W₃S(W₂S(W₁x+b₁)+b₂)+b₃)). Each node knows its own
partial derivatives and nothing else; `differentiate` applies the chain rule once a node,
from the loss inwards, and what it yields is the product

    ∂L/∂W_k = ∂L/∂f_N · ∂S/∂a_N · W_N · ∂S/∂a_{N-1} · … · ∂S/∂a_k · ∂a_k/∂W_k

as data. What the factors mean - symbols, arrays, bounds - is for a reading to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

from vanish.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


class Variable(NamedTuple):
    """Something to differentiate by: W_k, b_k, a_k, f_k or, with layer 0, the input x."""

    letter: str
    layer: int

    def __str__(self) -> str:
        return f"{self.letter}{self.layer}" if self.layer else self.letter


class Factor:
    """One factor of the product; `layer` is its k."""

    __slots__ = ("layer",)

    def __init__(self, layer: int) -> None:
        self.layer: Final = layer


class LossGradient(Factor):
    """∂L/∂f_N, a row vector."""


class Slope(Factor):
    """∂S/∂a_k = diag(S'(a_k))."""


class Weight(Factor):
    """∂a_k/∂f_{k-1} = W_k."""


class ByWeight(Factor):
    """∂a_k/∂W_k: makes the outer product of what stands before it with f_{k-1}."""


class ByBias(Factor):
    """∂a_k/∂b_k, the identity."""


class Input:
    """x = f_0."""

    __slots__ = ()

    @property
    def variable(self) -> Variable:
        """The variable x."""
        return Variable("x", 0)


class Affine:
    """a_k = W_k f_{k-1} + b_k."""

    __slots__ = ("inner", "layer")

    def __init__(self, layer: int, inner: Activated | Input) -> None:
        self.layer: Final = layer
        self.inner: Final = inner

    @property
    def variable(self) -> Variable:
        """The variable a_k that stands for this node's value."""
        return Variable("a", self.layer)

    def inwards(self) -> Factor:
        """Return ∂a_k/∂f_{k-1}."""
        return Weight(self.layer)

    def parameters(self) -> tuple[tuple[Variable, Factor], ...]:
        """Return each parameter θ of this node with ∂a_k/∂θ."""
        return (
            (Variable("W", self.layer), ByWeight(self.layer)),
            (Variable("b", self.layer), ByBias(self.layer)),
        )


class Activated:
    """f_k = S(a_k)."""

    __slots__ = ("inner", "layer")

    def __init__(self, layer: int, inner: Affine) -> None:
        self.layer: Final = layer
        self.inner: Final = inner

    @property
    def variable(self) -> Variable:
        """The variable f_k that stands for this node's value."""
        return Variable("f", self.layer)

    def inwards(self) -> Factor:
        """Return ∂f_k/∂a_k."""
        return Slope(self.layer)

    def parameters(self) -> tuple[tuple[Variable, Factor], ...]:
        """Return nothing: S has no parameters."""
        return ()


class Loss:
    """L, a function of f_N."""

    __slots__ = ("inner", "layer")

    def __init__(self, layer: int, inner: Activated | Input) -> None:
        self.layer: Final = layer
        self.inner: Final = inner

    def inwards(self) -> Factor:
        """Return ∂L/∂f_N."""
        return LossGradient(self.layer)

    def parameters(self) -> tuple[tuple[Variable, Factor], ...]:
        """Return nothing: L has no parameters."""
        return ()


Expression = Loss | Activated | Affine | Input


def expression(layers: int) -> Loss:
    """Return L(S(W_N … S(W_1 x + b_1) … + b_N)) for N = `layers`."""
    node: Activated | Input = Input()
    for layer in range(1, layers + 1):
        node = Activated(layer, Affine(layer, node))
    return Loss(layers, node)


class Step(NamedTuple):
    """One application of the chain rule, at one node of the expression.

    Attributes
    ----------
    outer
        The node that is differentiated.
    factor
        Its derivative by what is inside it: the product's next factor.
    parameters
        Its own parameters with its derivatives by them: each ends the product of that
        parameter.
    """

    outer: Loss | Activated | Affine
    factor: Factor
    parameters: tuple[tuple[Variable, Factor], ...]


def differentiate(outer: Expression) -> Iterator[Step]:
    """Apply the chain rule to an expression, one node a step, from the loss inwards.

    All gradients share their prefixes: ∂L/∂θ for a parameter θ of the node of a step is
    the product of the factors of all steps before it and that step's factor for θ.
    """
    while not isinstance(outer, Input):
        yield Step(outer, outer.inwards(), outer.parameters())
        outer = outer.inner


def product(outer: Expression, by: Variable) -> Iterator[Factor]:
    """Yield the factors of ∂L/∂θ for one variable, as the chain rule finds them.

    Raises
    ------
    UsageError
        If the expression has no such variable.
    """
    for step in differentiate(outer):
        for parameter, factor in step.parameters:
            if parameter == by:
                yield factor
                return
        yield step.factor
    if by != Input().variable:
        raise UsageError(
            f"the chain has no {by} to differentiate by: give x, or W or b and a layer's number"
        )


Prefix = TypeVar("Prefix")
End = TypeVar("End")


class Reading(NamedTuple, Generic[Prefix, End]):
    """A meaning for the factors.

    Attributes
    ----------
    one
        The empty product.
    through
        For each kind of factor that a product goes on after, a function of the product
        before it and of the factor's layer that returns the product with it.
    ends
        The same for the factors that end a product.
    """

    one: Prefix
    through: Mapping[type[Factor], Callable[[Prefix, int], Prefix]]
    ends: Mapping[type[Factor], Callable[[Prefix, int], End]]


def gradients(
    outer: Expression, reading: Reading[Prefix, End]
) -> Iterator[tuple[Variable, Prefix | End]]:
    """Read all gradients of an expression in one walk, from the loss inwards.

    Yields
    ------
    variable, gradient
        For every node inside the loss the gradient by its own value (f_k, a_k and at
        last x), each followed by those by its parameters (W_k, b_k after a_k).
    """
    value = reading.one
    for step in differentiate(outer):
        for variable, factor in step.parameters:
            yield variable, reading.ends[type(factor)](value, factor.layer)
        value = reading.through[type(step.factor)](value, step.factor.layer)
        yield step.outer.inner.variable, value


def signal(outer: Loss, reading: Reading[Prefix, End]) -> tuple[Prefix, Prefix]:
    """Return the gradients by a_N and by a_1, in a walk that forms no other one and ends there.

    They are those of `gradients`, to the last digit.
    """
    value = last = reading.one
    for step in differentiate(outer):
        value = reading.through[type(step.factor)](value, step.factor.layer)
        variable = step.outer.inner.variable
        if variable == Variable("a", outer.layer):
            last = value
        if variable == Variable("a", 1):
            break
    return last, value
