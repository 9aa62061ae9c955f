"""Why an activation: without one, N layers are one affine map.

A chain of identities f_k = W_k f_{k-1} + b_k is x ↦ W x + b with W = W_N … W_1, however
many layers it has (section 1 of the article). This module builds that map, and measures
how far each layer of a chain is from being affine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanish.scaled import Magnitude, Scaled

if TYPE_CHECKING:
    from vanish.chain import Chain
    from vanish.profile import Cell
    from vanish.scaled import FloatArray
    from vanish.simulation import Simulation


class AffineMap(NamedTuple):
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
        rows = Scaled(x)
        return Scaled(rows.values @ self.weight.values.T, self.weight.exponent) + self.bias


class LayerCollapse(NamedTuple):
    """What layer k does to the collapse.

    Attributes
    ----------
    act, layer, n_in, n_out
        As in a profile.
    map_norm
        ‖W_k … W_1‖_F, of the one map that the first k layers would be without activation.
    difference
        ‖f_k - (W x + b)‖/‖f_k‖, how far layer k's output is from that map's; None if f_k
        is zero.
    nonadditivity
        How far the layer alone is from affine, see `nonadditivity`.
    """

    act: str
    layer: int
    n_in: int
    n_out: int
    map_norm: Magnitude
    difference: Magnitude | None
    nonadditivity: Magnitude | None

    def row(self) -> dict[str, Cell]:
        """Return the output's columns."""
        return {
            "act": self.act,
            "layer": self.layer,
            "n_in": self.n_in,
            "n_out": self.n_out,
            "log10_map_norm": self.map_norm.log10,
            "difference": self.difference.exact() if self.difference is not None else None,
            "nonadditivity": self.nonadditivity.exact() if self.nonadditivity is not None else None,
        }


def affine_maps(chain: Chain) -> list[AffineMap]:
    """Return the map that the first k layers would be without activation, for k = 1..N."""
    n_0 = chain.sizes[0]
    weight, bias = Scaled(np.eye(n_0)), Scaled(np.zeros((1, n_0)))
    maps = []
    for layer in chain.layers:
        # Wᵀ as rows: what `forward` does to a batch of basis vectors.
        columns = layer.weight.forward(Scaled(weight.values.T, weight.exponent)).normalized()
        weight = Scaled(columns.values.T, columns.exponent)
        bias = layer.weight.forward(bias)
        if layer.bias is not None:
            bias += Scaled(layer.bias)
        bias = bias.normalized()
        maps.append(AffineMap(weight, bias))
    return maps


def collapse(simulation: Simulation) -> list[LayerCollapse]:
    """Compare a chain with the one map that it would be without activations.

    Parameters
    ----------
    simulation
        The chain, with a batch of at least two rows to compare on.
    """
    chain, trace = simulation.chain, simulation.trace
    outputs = [*trace.inputs[1:], trace.output]
    return [
        LayerCollapse(
            act=layer.activation.name,
            layer=k,
            n_in=layer.weight.shape[1],
            n_out=layer.weight.shape[0],
            map_norm=affine.weight.norm(),
            difference=_relative(outputs[k - 1] - affine(simulation.x), outputs[k - 1]),
            nonadditivity=nonadditivity(chain, k, trace.inputs[k - 1]),
        )
        for k, (layer, affine) in enumerate(zip(chain.layers, affine_maps(chain), strict=True), 1)
    ]


def nonadditivity(chain: Chain, k: int, inputs: Scaled) -> Magnitude | None:
    """Return how far layer k alone is from affine on the inputs that it gets.

    An affine g has g(u+v) + g(0) = g(u) + g(v); this is the norm of the difference of the
    two sides over that of g(u+v) - g(0), with u and v neighbouring rows of the batch.
    One layer at a time: of a deep chain only rounding noise would be left to compare.

    Parameters
    ----------
    chain
        The chain.
    k
        Which layer, from 1.
    inputs
        f_{k-1}, shape (B, n_{k-1}), B at least 2.

    Returns
    -------
    Magnitude or None
        0 for an affine layer, up to rounding; None if the layer is constant.
    """
    u = inputs
    v = Scaled(np.roll(inputs.values, 1, axis=0), inputs.exponent)
    zero = Scaled(np.zeros((1, inputs.values.shape[1])))
    at_u, at_v, at_sum, at_zero = (chain.apply(k, each) for each in (u, v, u + v, zero))
    change = at_sum - at_zero
    return _relative(change - (at_u - at_zero) - (at_v - at_zero), change)


def _relative(difference: Scaled, whole: Scaled) -> Magnitude | None:
    norm = whole.norm()
    return difference.norm() / norm if norm else None
