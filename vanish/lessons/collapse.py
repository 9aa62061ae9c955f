"""Why an activation: without one, N layers are one affine map.

A chain of identities f_k = W_k f_{k-1} + b_k is x ↦ W x + b with W = W_N … W_1, however
many layers it has (section 1 of the article). This module builds that map, and measures
how far each layer of a chain is from being affine.

Such a departure is a difference of numbers that may be far larger: biases of 1e12 leave
twelve digits fewer of it, and tanh of 1e-9 departs by 1e-18 from a line. So each departure
comes with what rounding may make of it. A result of S(Wf + b) is off by about
2^-52·(|S'|(|W||f| + |b|) + |S|): each |.| is the size of what was rounded (Higham 2002,
"Accuracy and Stability of Numerical Algorithms", section 3.1, without its factor n, which
errors of either sign do not reach; tests compare with mpmath).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanish.errors import ForwardOverflowError
from vanish.network.chainrule import forward
from vanish.numbers.scaled import Magnitude, Scaled
from vanish.ops.affine import terms as affine_terms
from vanish.readings.affinemap import AffineMap, affine_maps
from vanish.readings.dense import DENSE
from vanish.records import Record

if TYPE_CHECKING:
    from vanish.network.chain import Chain, Layer
    from vanish.numbers.scaled import FloatArray
    from vanish.simulation.run import Simulation


# The distance from 1.0 to the next float64.
_UNIT = Magnitude.of(2.0**-52)

# A departure of so many times its rounding error has three digits.
_KNOWN = 128.0

# At least so many rows of random rounding errors are sent through the chain.
_PROBES = 32


class Departure(Record):
    """How far something is from affine, relative to it.

    Attributes
    ----------
    value
        As it was computed.
    error
        How far rounding may have moved it.
    """

    value: Magnitude
    error: Magnitude

    def __float__(self) -> float:
        return float(self.value)

    @property
    def known(self) -> Magnitude | None:
        """The departure, None where rounding hides it."""
        hidden = self.error and float(self.value / self.error) < _KNOWN
        return None if hidden else self.value

    @property
    def below(self) -> Magnitude | None:
        """What the departure is at most, where rounding hides it; else None."""
        if self.known is not None:
            return None
        return self.error * Magnitude.of(1.0 + float(self.value / self.error))


class LayerCollapse(Record):
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
        How far the layer alone is from affine, see `nonadditivity`; None if it is constant.
    """

    act: str
    layer: int
    n_in: int
    n_out: int
    map_norm: Magnitude
    difference: Departure | None
    nonadditivity: Departure | None


def collapse(simulation: Simulation) -> list[LayerCollapse]:
    """Compare a chain with the one map that it would be without activations.

    Parameters
    ----------
    simulation
        The chain, with a batch of at least two rows to compare on.

    Raises
    ------
    ForwardOverflowError
        If its values leave the range of float64.
    """
    try:
        return _compared(simulation)
    except ForwardOverflowError as error:
        # There is no gain here.
        raise error.advising("give a smaller --weight-std, or fewer --layers") from None


def _compared(simulation: Simulation) -> list[LayerCollapse]:
    chain, trace = simulation.chain, simulation.trace
    maps = affine_maps(chain, simulation.x.shape[1])
    errors = _rounding_errors(simulation, maps)
    return [
        LayerCollapse(
            act=layer.activation.name,
            layer=k,
            n_in=layer.weight.shape[1],
            n_out=layer.weight.shape[0],
            map_norm=affine.weight.norm(),
            difference=_relative(output - affine(simulation.x), error, output),
            nonadditivity=nonadditivity(chain, k, inputs),
        )
        for k, (layer, affine, inputs, output, error) in enumerate(
            zip(chain.layers, maps, trace.inputs, trace.outputs[1:], errors, strict=True), 1
        )
    ]


def nonadditivity(chain: Chain, k: int, inputs: Scaled) -> Departure | None:
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
    Departure or None
        0 for an affine layer, up to rounding; None if the layer is constant.
    """
    u = inputs
    v = Scaled(np.roll(inputs.values, 1, axis=0), inputs.exponent)
    zero = Scaled(np.zeros((1, inputs.values.shape[1])))
    (at_u, by_u), (at_v, by_v), (at_sum, by_sum), (at_zero, by_zero) = (
        _applied(chain, k, each) for each in (u, v, u + v, zero)
    )
    change = at_sum - at_zero
    weight, bias, _ = chain.layer(k)
    terms = affine_terms(weight, bias, u)
    of_u, of_v = terms.values, np.roll(terms.values, 1, axis=0)
    # |u+v| is at most |u|+|v|, and b is a term of them all.
    by = (by_u, of_u), (by_v, of_v), (by_sum, of_u + of_v), (by_zero, of_u)
    moved = np.asarray(sum(np.abs(slope) * size for slope, size in by))
    values = abs(at_u) + abs(at_v) + abs(at_sum) + abs(at_zero)
    error = (Scaled(moved, terms.exponent) + values).times(_UNIT)
    return _relative(change - (at_u - at_zero) - (at_v - at_zero), error.norm(), change)


def _applied(chain: Chain, k: int, inputs: Scaled) -> tuple[Scaled, FloatArray]:
    """Return S(a) and S'(a) with a = W_k f + b_k, for each row f of any inputs to layer k."""
    [passed] = forward(chain.graph, DENSE, chain, inputs.normalized(), k, k)
    return passed.named("f"), passed.kept[passed.block.place("f")]


def _rounding(terms: Scaled, value: Scaled, slope: FloatArray | float) -> Scaled:
    """Return how far rounding may move each entry of S(W f + b).

    Parameters
    ----------
    terms
        |W||f| + |b|.
    value, slope
        S and S' at W f + b.
    """
    moved = Scaled(np.abs(slope) * terms.values, terms.exponent)
    return (moved + abs(value)).times(_UNIT)


def _rounding_errors(simulation: Simulation, maps: list[AffineMap]) -> list[Magnitude]:
    """Return how far rounding may move f_k - (W x + b), for k = 1..N, as a norm.

    Bounds of every step would multiply to nothing of use. Random errors of their size go
    through the chain instead, and through the chain without activations.
    """
    trace = simulation.trace
    generator = np.random.default_rng(0)
    x = np.abs(simulation.x)
    largest = Scaled(x)  # |W||x| + |b| of the map so far, which its value is added up from
    probes = -(-_PROBES // len(x))
    of_chain = of_map = Scaled(np.zeros((probes, *x.shape)))
    found = []
    outputs = trace.outputs[1:]
    steps = zip(simulation.chain.layers, trace.inputs, outputs, trace.slopes, maps, strict=True)
    for layer, inputs, output, slope, affine in steps:
        fresh = _rounding(affine_terms(layer.weight, layer.bias, inputs), output, slope)
        of_chain = _sent(layer, of_chain, slope, fresh, generator)
        value = AffineMap(abs(affine.weight), abs(affine.bias))(x)
        terms = affine_terms(layer.weight, layer.bias, largest)
        fresh = _rounding(terms, value, 1.0)
        of_map = _sent(layer, of_map, 1.0, fresh, generator)
        largest = value
        found.append((of_chain + of_map).norm() * Magnitude.of(probes**-0.5))
    return found


def _sent(
    layer: Layer,
    errors: Scaled,
    slope: FloatArray | float,
    fresh: Scaled,
    generator: np.random.Generator,
) -> Scaled:
    """Return errors of a layer's input as those of its output, with fresh ones of that size.

    Parameters
    ----------
    layer, slope
        W, and S'(a), shape (B, n_out).
    errors
        Shape (probes, B, n_in).
    fresh
        The size of the layer's own errors, shape (B, n_out).
    generator
        Where these come from.
    """
    moved = layer.weight.forward(errors).normalized()
    noise = generator.standard_normal((len(errors.values), *fresh.values.shape))
    own = Scaled(noise * fresh.values, fresh.exponent)
    return (Scaled(slope * moved.values, moved.exponent) + own).normalized()


def _relative(difference: Scaled, error: Magnitude, whole: Scaled) -> Departure | None:
    norm = whole.norm()
    return Departure(difference.norm() / norm, error / norm) if norm else None
