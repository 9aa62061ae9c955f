"""The derivation of one gradient with its numbers: each factor, measured and at most."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from vanish.errors import UsageError
from vanish.network.chainrule import (
    ByBias,
    ByWeight,
    Factor,
    LossGradient,
    Slope,
    Variable,
    Weight,
    product,
)
from vanish.numbers.scaled import ONE, Magnitude

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vanish.network.activations import Activation
    from vanish.network.chainrule import Loss
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

    factor: Factor
    measured: Magnitude | None
    largest: Magnitude
    product: Magnitude
    bound: Magnitude


def measure(simulation: Simulation, by: Variable) -> list[MeasuredFactor]:
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
    chain, trace = simulation.chain, simulation.trace
    largest: Mapping[type[Factor], Callable[[int], Magnitude]] = {
        LossGradient: lambda _: simulation.loss_gradient.norm(),
        Slope: lambda k: Magnitude.of(chain.layers[k - 1].activation.sup_slope),
        Weight: lambda k: chain.layers[k - 1].weight.spectral_norm(),
        ByWeight: lambda k: trace.inputs[k - 1].norm(),
        ByBias: lambda _: ONE,
    }
    records: list[MeasuredFactor] = []
    before, bound = ONE, ONE
    for factor in product(chain.expression(), by):
        now = simulation.norms[_reached(factor)]
        most = largest[type(factor)](factor.layer)
        bound *= most
        records.append(MeasuredFactor(factor, now / before if before else None, most, now, bound))
        before = now
    return records


def _reached(factor: Factor) -> Variable:
    """Return the variable whose gradient is the product up to and with a factor."""
    k = factor.layer
    reached = {
        LossGradient: Variable("f", k),
        Slope: Variable("a", k),
        Weight: Variable("f", k - 1) if k > 1 else Variable("x", 0),
        ByWeight: Variable("W", k),
        ByBias: Variable("b", k),
    }
    return reached[type(factor)]


class Derivation(NamedTuple):
    """What a derivation shows.

    Attributes
    ----------
    expression
        The loss.
    by
        The variable to differentiate by.
    full
        Whether to write out everything.
    factors
        The numbers; None for a derivation in symbols only.
    activation
        What S is; None for any.
    """

    expression: Loss
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
    return Variable(found[1], int(found[2])) if found[1] else Variable("x", 0)
