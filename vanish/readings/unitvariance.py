"""LSUV: what every matrix makes of the data gets variance 1, one layer after the other.

Mishkin and Matas 2016, "All you need is a good init", algorithm 1: weights start orthogonal; then
the data go forward, and each W is divided by the standard deviation of its layer's values, over
the batch and the units. Since W f scales with W, one division does; with a bias it is the root of
a quadratic equation.

A reading for the way forward alone: every operation means what it means to the dense one, but
W f + b, whose W is scaled before it is taken.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from vanish.errors import ConflictError
from vanish.network.chainrule import Reading, forward
from vanish.network.weights import Weight
from vanish.numbers.scaled import Magnitude, Scaled
from vanish.readings.dense import DENSE

if TYPE_CHECKING:
    from collections.abc import Callable

    from vanish.network.chain import Chain
    from vanish.network.chainrule import Rule
    from vanish.network.graph import Op, Variable
    from vanish.numbers.scaled import FloatArray


class _UnitVariance(Reading):
    """What flows are the rows of the dense reading."""

    def rule(self, op: Op) -> Rule:
        """Return what an operation means: what it means to the dense reading, if nothing else."""
        return self._rules.get(op.kind) or DENSE.rule(op)


UNIT_VARIANCE = _UnitVariance("unit-variance")


class _Scaling:
    """The scaling of one chain: what the rules of the dense reading ask, as far as it has come.

    Parameters
    ----------
    chain
        What is scaled.
    std
        The standard deviation that the values of layer k are to have.

    Attributes
    ----------
    parameters
        The chain's, those of the layers that the data have reached scaled.
    """

    def __init__(self, chain: Chain, std: Callable[[int], Magnitude]) -> None:
        self.parameters = dict(chain.parameters)
        self.std = std
        self.activation, self.step = chain.activation, chain.step
        self._reached: set[Variable] = set()

    def of(self, op: Op, k: int) -> list[Any]:
        """Return the parameters of an operation of layer k."""
        return [self.parameters[slot.at(k)] for slot in op.slots]

    def is_new(self, address: Variable) -> bool:
        """Tell whether the data reach a matrix for the first time: a shared one is scaled there."""
        known = address in self._reached
        self._reached.add(address)
        return not known


def _forward(run: _Scaling, op: Op, k: int, f: Scaled) -> tuple[Scaled, Any]:
    address = op.slots[0].at(k)
    if run.is_new(address):
        weight, *biases = run.of(op, k)
        found = weight.forward(f.normalized()).normalized()
        bias = biases[0] if biases else None
        factor = _factor(found.values, bias, run.std(k), k) / Magnitude.of(1.0, found.exponent)
        run.parameters[address] = Weight(weight.matrix, weight.scale * factor)
    return DENSE.rule(op).forward(run, op, k, f)


UNIT_VARIANCE.means("affine", forward=_forward)


def _factor(u: FloatArray, bias: FloatArray | None, std: Magnitude, k: int) -> Magnitude:
    """Return the s > 0 for which s·u + b has a standard deviation, over rows and units.

    Parameters
    ----------
    u, bias
        W f, shape (B, n_out), and b; None for zeros.
    std
        What is wanted.
    k
        The layer, for messages.
    """
    apart = u - u.mean()
    variance = float(np.vecdot(apart, apart).sum()) / u.size
    if not variance > (_ROUNDING * float(np.abs(u).max())) ** 2:
        raise ConflictError(
            f"init lsuv: the values of layer {k} are all alike, and no factor makes their variance"
            " 1: give a larger batch, or another init",
            *("init", "batch", "input"),
        )
    if bias is None or not bias.any():
        return std / Magnitude.of(math.sqrt(variance))
    # All in units of what is wanted, whose square may leave float64.
    with np.errstate(all="ignore"):
        of_bias = (bias - bias.mean()) / float(std)
        short = 1.0 - float((of_bias * of_bias).mean())
        covariance = float((apart * of_bias).sum()) / u.size
    if not short > 0.0:
        raise ConflictError(
            f"init lsuv: the biases of layer {k} alone have a standard deviation of"
            f" {float(bias.std()):.3g}, and that of its values is to be {float(std):.3g}: give"
            " smaller biases",
            *("init", "bias_std", "bias_init"),
        )
    # s²·variance + 2s·covariance = short, by the form of the root that does not cancel
    root = math.sqrt(covariance * covariance + variance * short)
    if covariance > 0.0:
        return std * Magnitude.of(short / (covariance + root))
    return std * Magnitude.of((root - covariance) / variance)


# Values that differ by less than so much of the largest are alike.
_ROUNDING = 1e-12


def unit_variance(chain: Chain, x: FloatArray, std: Callable[[int], Magnitude]) -> Chain:
    """Return the chain with its matrices scaled to the data.

    Parameters
    ----------
    chain
        The chain.
    x
        The batch, shape (B, n_0).
    std
        The standard deviation that the values W f + b of layer k are to have: 1, or a gain.

    Raises
    ------
    ConflictError
        If no factor gives the values of a layer that standard deviation.
    """
    run = _Scaling(chain, std)
    for _ in forward(chain.graph, UNIT_VARIANCE, run, Scaled(x)):
        pass
    return chain.with_parameters(run.parameters)
