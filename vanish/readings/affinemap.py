"""The reading without activations: N layers are one affine map x ↦ W x + b (article, section 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanish.errors import UsageError
from vanish.network.chainrule import Reading, forward
from vanish.network.weights import Matrix, Weight
from vanish.numbers.scaled import Magnitude, Scaled
from vanish.records import Record

if TYPE_CHECKING:
    from vanish.network.chain import Chain
    from vanish.numbers.scaled import FloatArray


class AffineMap(Record):
    """x ↦ W x + b.

    Attributes
    ----------
    weight
        W, shape (n_out, n_in).
    bias
        b as one row, shape (1, n_out).
    """

    weight: Scaled
    bias: Scaled

    def __call__(self, x: FloatArray) -> Scaled:
        """Return W x + b for each row x, shape (B, n_in) to (B, n_out)."""
        weight = Weight(Matrix(self.weight.values), Magnitude.of(1.0, self.weight.exponent))
        return weight.forward(Scaled(x)) + self.bias

    def __add__(self, other: AffineMap) -> AffineMap:  # type: ignore[override]  # a sum
        return AffineMap(self.weight + other.weight, self.bias + other.bias)


# What flows is the map from x to a value, S being passed by.
AFFINE_MAP = Reading.called("affine-map")


def affine_maps(chain: Chain, n_0: int) -> list[AffineMap]:
    """Return the map that the first k layers would be without activation, for k = 1..N.

    Parameters
    ----------
    chain
        The network.
    n_0
        The size of x.

    Raises
    ------
    UsageError
        If its blocks hold what is not affine even so: a norm.
    """
    if why := AFFINE_MAP.refusal(chain.graph):
        raise UsageError(f"no affine map stands for {why}: give a block without it")
    identity = AffineMap(Scaled(np.eye(n_0)), Scaled(np.zeros((1, n_0))))
    return [passed.named("f") for passed in forward(chain.graph, AFFINE_MAP, chain, identity)]
