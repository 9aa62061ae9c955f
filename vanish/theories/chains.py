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
    from collections.abc import Callable, Iterator, Mapping

    from vanish.network.activations import Activation
    from vanish.network.blocks import Formula
    from vanish.network.graph import Block, Slot

# How many layers are walked through: at first, before a fixed point is looked for otherwise,
# at most, and at most where a skip passes on a part of x, which settles slowly.
_FIRST, _PATIENCE, MOST, _LONGEST = 16, 64, 512, 8192

# Relative differences from layer to layer below this are none.
_SETTLED = 1e-12

# Factors of p are one where what they are above 1 differs by less than this part of it.
_EVEN = 1e-6

# A fixed point is looked for from 2^-_REACH to 2^_REACH, beyond which are 0 and infinity; within
# 2^±_NEAR by octaves, and between them where there may be two.
_REACH, _NEAR = 130.0, 20.0

# Golden section: which part of a bracket remains, and how often one is cut: to its 10^-8th part,
# nearer than which a minimum cannot be told.
_GOLDEN, _CUTS = (math.sqrt(5.0) - 1.0) / 2.0, 38


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
        E f² and E a²: infinite where they grow without bound; None where they have not settled,
        and for q where nothing is called a.
    chi
        The limit of χ; None where it has none that was found.
    growth
        What becomes of the gradient, in words.
    """

    p: float | None
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
        Whether it is asked how a factor tends to 1, and where what settles slowly leads.
    """
    p: list[Magnitude] = []
    q: list[Magnitude] = []
    chi: list[float] = []
    for chunk in _walks(block, ensemble, start, _LONGEST if critical else MOST):
        p, q, chi = p + chunk.p, q + (chunk.q or []), chi + chunk.factors
        if _is_settled(p, chi) and _holds_there(block, ensemble, p):
            return Limit(_end(p), _end(q) if q else None, chi[-1], growth.settled(chi[-1]))
        if len(p) == _PATIENCE and _hangs_on_p(block, ensemble, chunk.last):
            found = _fixed_point(block, ensemble, p[-1])
            if found is None:
                continue
            there = walk(block, ensemble, given(_inside(found)), 4)
            factor = there.factors[-1]
            words = growth.settled(factor)
            if critical and words == growth.STAYS:
                words = growth.tending(walk(block, ensemble, start, MOST).factors)
            outside = not 0.0 < found < math.inf
            return Limit(
                found if outside else float(there.p[-1]),
                None if there.q is None else _end(q) if outside else float(there.q[-1]),
                factor,
                words or growth.UNSETTLED,
            )
    # What a skip passes on in part settles, if slowly: it only looks like a tendency.
    in_part = _is_passed_in_part(block, ensemble, p[-1])
    p_end = None if in_part else _end(p)
    q_end = None if in_part or not q else _end(q)
    if _are_equal(chi[-_PATIENCE:]) and (in_part or _holds_there(block, ensemble, p)):
        return Limit(p_end, q_end, chi[-1], growth.settled(chi[-1]))
    words = "" if in_part else growth.tending(chi)
    if not words:
        # Behind a norm q may stand still while p does not.
        steps = list(map(float, q[-_PATIENCE:])) if q else [0.0]
        return Limit(
            None, q_end if all(steps) and _are_equal(steps) else None, None, growth.UNSETTLED
        )
    return Limit(p_end, q_end, 1.0, words)


def limit_of_depth(formula: Formula, ensemble: Ensemble, start: Unit, layers: int) -> Limit:
    """Return the last of N layers, of a block that depends on N, and the law over all N."""

    def log_product(depth: int) -> float:
        chi = walk(formula.block(depth), ensemble, start, depth).chi
        return float(chi.log2[1:].sum()) * math.log(2.0)

    found = walk(formula.block(layers), ensemble, start, layers)
    q = None if found.q is None else float(found.q[-1])
    return Limit(float(found.p[-1]), q, found.factors[-1], growth.with_depth(log_product))


def _walks(block: Block, ensemble: Ensemble, start: Unit, longest: int) -> Iterator[Layers]:
    """Yield stretches of a chain, together as long as the powers of two up to `MOST`.

    Where a skip passes on a part of x, up to `longest`.
    """
    done = 0
    while done < MOST or (done < longest and _is_passed_in_part(block, ensemble, start.square)):
        chunk = walk(block, ensemble, start, max(done, _FIRST))
        yield chunk
        start, done = chunk.last, done + len(chunk.p)


def _is_passed_in_part(block: Block, ensemble: Ensemble, p: Magnitude) -> bool:
    share = skip(block, ensemble, p)
    return share is not None and abs(share) < 1.0


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
    """Tell whether the last factors are equal, and p is, or what multiplies it.

    What p settles at slowly it nears by factors that look alike, but for what they are above 1.
    """
    steps = [_ratio(after, before) for before, after in pairwise(p[-4:])]
    beyond = [step - 1.0 for step in steps]
    is_still = max(map(abs, beyond)) <= 4.0 * _SETTLED
    is_even = max(beyond) - min(beyond) <= _EVEN * max(map(abs, beyond))
    return _are_equal(chi[-4:]) and _are_equal(steps) and (is_still or is_even)


def _holds_there(block: Block, ensemble: Ensemble, p: list[Magnitude]) -> bool:
    """Tell whether a block does the same where p is on its way to as where it is.

    While S is straight on all that it is given, factors are equal from layer to layer for long.
    """
    if abs(_ratio(p[-1], p[-2]) - 1.0) <= 4.0 * _SETTLED:
        return True
    # Both without a mean, whatever share of it there is here.
    here, there = (walk(block, ensemble, given(start), 4) for start in (p[-1], _inside(_end(p))))
    return _is_alike(here.factors[-1], there.factors[-1]) and _is_alike(
        _ratio(here.p[-1], here.p[-2]), _ratio(there.p[-1], there.p[-2])
    )


def _is_alike(one: float, other: float) -> bool:
    """Tell whether two factors are the same by what they are beyond 1."""
    return abs(one - other) <= _EVEN * max(abs(one - 1.0), abs(other - 1.0)) + 4.0 * _SETTLED


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

    def ahead(p: float) -> float:
        return way * step(p)

    # Each place with how far p goes on from there.
    before = here = last, ahead(last)
    while 2.0**-_REACH < here[0] < 2.0**_REACH:
        # Far from 1 there is nothing to miss.
        p = here[0] * (2.0 if abs(math.log2(here[0])) < _NEAR else 16.0) ** way
        after = p, ahead(p)
        crossed = after[0] if after[1] < -_SETTLED else None
        beside = sorted((before[1], after[1]))
        # Far from 1 rounding makes minima of what is one number.
        is_dip = here[1] <= beside[0] and here[1] < (1.0 - _EVEN) * beside[1]
        if crossed is None and is_dip:
            # Between the two beside it p may stop, twice.
            least = _least(ahead, before[0], after[0])
            crossed = least if ahead(least) < -_SETTLED else None
        if crossed is not None:
            begin = here[0] if crossed == after[0] else before[0]
            found = flip(lambda between: ahead(between) < 0.0, begin, crossed)
            return found if abs(step(found)) < 1e-9 else None
        before, here = here, after
    return 0.0 if way < 0.0 else math.inf


def _least(function: Callable[[float], float], one: float, other: float) -> float:
    """Return where a function of ln p is least between two places, by golden section.

    Kiefer 1953, "Sequential minimax search for a maximum".
    """
    low, high = sorted((math.log(one), math.log(other)))
    for _ in range(_CUTS):
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        if function(math.exp(left)) < function(math.exp(right)):
            high = right
        else:
            low = left
    return math.exp(0.5 * (low + high))
