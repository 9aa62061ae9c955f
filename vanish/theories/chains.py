"""Chains of equal blocks at infinite width: where their values lead, and their factors.

The mean-field reading takes p_{k-1} = E f², of what block k is given, to p_k, and tells q_k = E a²
and χ_k, by which the block multiplies E‖∂L/∂f‖² on the way back. These lead to a fixed point, or
p grows without bound, and then `growth` says what becomes of the product of the χ_k.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from vanish.network.chainrule import across, forward
from vanish.network.graph import Graph
from vanish.numbers.scaled import ONE, Magnitude
from vanish.numbers.stack import Magnitudes
from vanish.readings.magnitudes import stacked
from vanish.readings.meanfield import MEAN_FIELD, Ensemble
from vanish.readings.sources import NOTHING, Cotangent, Unit
from vanish.records import Record
from vanish.theories import growth
from vanish.theories.bisection import flip

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vanish.network.activations import Activation
    from vanish.network.blocks import Formula
    from vanish.network.graph import Block, Slot

# How many layers are walked through: at first, before a fixed point is looked for otherwise,
# and at most.
_FIRST, _PATIENCE, MOST = 16, 64, 512

# Relative differences from layer to layer below this are none.
_SETTLED = 1e-12

# A fixed point is looked for from 2^-_REACH to 2^_REACH, beyond which are 0 and infinity; within
# 2^±_NEAR by octaves.
_REACH, _NEAR = 130.0, 20.0


class Alike(Ensemble):
    """Random networks of equal layers, however many.

    Parameters
    ----------
    activation
        S.
    weight_std
        Of each matrix by its letter.
    bias_std
        Of all biases.
    """

    def __init__(
        self, activation: Activation, weight_std: Mapping[str, float], bias_std: float
    ) -> None:
        super().__init__((), (), {}, bias_std)
        self._activation = activation
        stds = {letter: Magnitude.of(std) for letter, std in weight_std.items()}
        self._squares = {letter: std * std for letter, std in stds.items()}

    def activation(self, _: int) -> Activation:
        """Return S, which is that of all."""
        return self._activation

    def variance(self, slot: Slot, _: int) -> Magnitude:
        """Return σ² of a matrix, which is that of all."""
        return self._squares[slot.letter]

    def n_in(self, _: Slot, layers: range) -> Magnitudes:
        """Return 1 for each layer: nobody asks for gradients by matrices."""
        return Magnitudes.column([ONE for _ in layers])


class Layers(Record):
    """What theory says of some equal blocks, one after the other.

    Attributes
    ----------
    p
        E f_k².
    q
        E a_k²; None where nothing is called a.
    chi
        What block k multiplies E‖∂L/∂f‖² by, shape (L, 1).
    last
        f_k of the last one, as the next one takes it.
    """

    p: list[Magnitude]
    q: list[Magnitude] | None
    chi: Magnitudes
    last: Unit

    @property
    def factors(self) -> list[float]:
        """χ as numbers."""
        return [float(each) for each in self.chi.at((..., 0)).listed()]


class Limit(Record):
    """Where equal blocks lead.

    Attributes
    ----------
    p, q
        E f² and E a²: infinite where they grow without bound; None for q where nothing is
        called a.
    chi
        The limit of χ; None where it has none that was found.
    growth
        What becomes of the gradient, in words.
    """

    p: float
    q: float | None
    chi: float | None
    growth: str


def given(square: Magnitude) -> Unit:
    """Return an input of that mean square and mean 0."""
    return Unit(square, lambda: NOTHING).alone()


def walk(block: Block, ensemble: Ensemble, start: Unit, layers: int) -> Layers:
    """Walk through equal blocks, and back through each.

    Parameters
    ----------
    block, ensemble
        The layer, and what is known of its parameters.
    start
        f_0.
    layers
        How many.
    """
    graph = Graph((block, layers))
    place = next((place for place, node in block.placed if node.name == "a"), None)
    p: list[Magnitude] = []
    q: list[Magnitude] = []
    kept = []
    last = start
    for layer in forward(graph, MEAN_FIELD, ensemble, start):
        last = layer.values[-1]
        p.append(last.square)
        kept.append(layer.kept)
        if place is not None:
            q.append(layer.values[place].square)
    columns = [stacked(numbers) for numbers in zip(*kept, strict=True)]
    ones = Cotangent.of(Magnitudes.of(np.ones((layers, 1))))
    nodes, _ = across(block, MEAN_FIELD, ensemble, columns, ones, range(1, layers + 1))
    return Layers(p, q or None, nodes[0].square, last.alone())


def limit(block: Block, ensemble: Ensemble, start: Unit, *, critical: bool = True) -> Limit:
    """Return where equal blocks lead.

    Parameters
    ----------
    block, ensemble, start
        As for `walk`.
    critical
        Whether it is asked how a factor tends to 1.
    """
    p: list[Magnitude] = []
    q: list[Magnitude] = []
    chi: list[float] = []
    for chunk in _walks(block, ensemble, start):
        p, q, chi = p + chunk.p, q + (chunk.q or []), chi + chunk.factors
        if _is_settled(p, chi):
            return Limit(_end(p), _end(q) if q else None, chi[-1], growth.settled(chi[-1]))
        if len(p) == _PATIENCE and _hangs_on_p(block, ensemble, chunk.last):
            found = _fixed_point(block, ensemble, p[-1])
            if found is None:
                continue
            there = walk(block, ensemble, given(_inside(found)), 4)
            factor = there.factors[-1]
            words = growth.settled(factor)
            if critical and words == growth.STAYS:
                words = growth.tending(walk(block, ensemble, start, MOST).factors) or words
            outside = not 0.0 < found < math.inf
            return Limit(
                found if outside else float(there.p[-1]),
                None if there.q is None else _end(q) if outside else float(there.q[-1]),
                factor,
                words,
            )
    if _are_equal(chi[-_PATIENCE:]):
        return Limit(_end(p), _end(q) if q else None, chi[-1], growth.settled(chi[-1]))
    # What a skip passes on in part settles, if slowly: it only looks like a tendency.
    share = skip(block, ensemble, p[-1])
    words = "" if share is not None and abs(share) < 1.0 else growth.tending(chi)
    return Limit(_end(p), _end(q) if q else None, 1.0 if words else None, words or "not settled")


def limit_of_depth(formula: Formula, ensemble: Ensemble, start: Unit, layers: int) -> Limit:
    """Return the last of N layers, of a block that depends on N, and the law over all N."""

    def log_product(depth: int) -> float:
        chi = walk(formula.block(depth), ensemble, start, depth).chi
        return float(chi.log2[1:].sum()) * math.log(2.0)

    found = walk(formula.block(layers), ensemble, start, layers)
    q = None if found.q is None else float(found.q[-1])
    return Limit(float(found.p[-1]), q, found.factors[-1], growth.with_depth(log_product))


def _walks(block: Block, ensemble: Ensemble, start: Unit) -> Iterator[Layers]:
    """Yield stretches of a chain, together as long as the powers of two up to `MOST`."""
    done = 0
    while done < MOST:
        chunk = walk(block, ensemble, start, max(done, _FIRST))
        yield chunk
        start, done = chunk.last, done + len(chunk.p)


def skip(block: Block, ensemble: Ensemble, p: Magnitude) -> float | None:
    """Return what an x of mean square p is multiplied by in what a block makes of it.

    None where x is no part of that. On p it hangs where x is normed.
    """
    [layer] = forward(Graph((block, 1)), MEAN_FIELD, ensemble, given(p))
    [(x, own)] = layer.values[0].terms
    for source, share in layer.values[-1].terms:
        if source is x:
            return math.ldexp(share.mantissa / own.mantissa, share.exponent - own.exponent)
    return None


def _hangs_on_p(block: Block, ensemble: Ensemble, value: Unit) -> bool:
    """Tell whether p of a layer hangs on p of the one before alone, and not on its mean too."""
    share = skip(block, ensemble, value.square)
    if share is None:
        return True
    mean = value.mean().squared()
    return abs(share) < 1.0 and _ratio(mean, value.square) < _SETTLED**2


def _ratio(after: Magnitude, before: Magnitude) -> float:
    return float(after / before) if before else 1.0


def _are_equal(factors: list[float]) -> bool:
    return max(factors) - min(factors) <= _SETTLED * max(factors)


def _is_settled(p: list[Magnitude], chi: list[float]) -> bool:
    """Tell whether the last factors are equal, and p is, or what multiplies it."""
    return _are_equal(chi[-4:]) and _are_equal([_ratio(b, a) for a, b in pairwise(p[-4:])])


def _end(squares: list[Magnitude]) -> float:
    """Return where mean squares lead of which the last are known."""
    step = _ratio(squares[-1], squares[-2])
    if abs(step - 1.0) <= 4.0 * _SETTLED:
        return float(squares[-1])
    return math.inf if step > 1.0 else 0.0


def _inside(p: float) -> Magnitude:
    """Return a mean square, in place of 0 and infinity one that is as good."""
    return Magnitude.of(p) if 0.0 < p < math.inf else Magnitude.of(1.0, -200 if p == 0.0 else 200)


def _fixed_point(block: Block, ensemble: Ensemble, start: Magnitude) -> float | None:
    """Return where p leads, of a block whose p depends on the p that it is given alone.

    As in `infinitewidth.fixed_point` p goes one way, to the first fixed point on it.

    Returns
    -------
    float
        0 or infinity where there is none on the way; None where p does not go one way.
    """

    def step(p: float) -> float:
        square = Magnitude.of(p)
        [layer] = forward(Graph((block, 1)), MEAN_FIELD, ensemble, given(square))
        return _ratio(layer.values[-1].square, square) - 1.0

    last = float(start)
    if not 2.0**-_REACH < last < 2.0**_REACH:
        return 0.0 if last < 1.0 else math.inf
    way = math.copysign(1.0, step(last))
    while 2.0**-_REACH < last < 2.0**_REACH:
        # Far from 1 there is nothing to miss.
        p = last * (2.0 if abs(math.log2(last)) < _NEAR else 16.0) ** way
        if way * step(p) < -_SETTLED:
            with_it = flip(lambda between: way * step(between) < 0.0, last, p)
            return with_it if abs(step(with_it)) < 1e-9 else None
        last = p
    return 0.0 if way < 0.0 else math.inf
