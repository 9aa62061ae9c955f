"""From a formula to an activation: S, its S' by the chain rule, and what is found of both."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import islice, pairwise
from typing import TYPE_CHECKING

import numpy as np

from vanish.errors import UsageError
from vanish.network.activations import catalogue
from vanish.network.activations.parametrised import for_leaky_slope
from vanish.network.activations.record import Activation
from vanish.network.expressions import functions
from vanish.network.expressions.differentiate import slope
from vanish.network.expressions.domain import (
    POINTS,
    jumps,
    nowhere,
    require_as_written,
    require_everywhere,
)
from vanish.network.expressions.evaluate import Program, constant
from vanish.network.expressions.findings import found
from vanish.network.expressions.latex import latex
from vanish.network.expressions.parser import parse
from vanish.network.expressions.soundness import soundness
from vanish.network.expressions.switching import (
    is_zero_somewhere,
    parts_written_out,
    roots,
    switches,
)
from vanish.network.expressions.tidy import tidy
from vanish.network.expressions.tree import (
    DECIMAL_BITS,
    ZERO,
    Call,
    Number,
    X,
    distinct,
    everywhere,
)
from vanish.network.expressions.written import written

if TYPE_CHECKING:
    from vanish.network.activations.record import Pair as Values
    from vanish.network.expressions.tree import Node
    from vanish.numbers.scaled import FloatArray


class Pair:
    """S and S' of a formula, evaluated together.

    Parameters
    ----------
    value, derivative
        Their trees.

    Attributes
    ----------
    guests
        The activations in them that no other process has by their names.
    """

    def __init__(self, value: Node, derivative: Node) -> None:
        self._program = Program(value, derivative)
        calls = (each for each in everywhere(value) if isinstance(each, Call))
        made = [functions.get(each.name).activation for each in calls]
        parts = [each() for each in made if each is not None]
        self.guests = tuple(each for each in parts if not catalogue.is_built_in(each))

    def __call__(self, x: FloatArray) -> Values:
        """Return S(x) and S'(x), elementwise."""
        value, derivative = self._program(x)
        return value, derivative


def spelled(text: str) -> str:
    """Return a formula as this language writes it; of a function of x alone its name.

    Raises
    ------
    UsageError
        If it is no formula; the message points at the character.
    """
    node = parse(text)
    alone = _alone(node)
    # What is written may be read back in another order of operations: it is what counts.
    return written(node) if alone is None else alone.name


def _alone(node: Node) -> Activation | None:
    """Return the activation that a formula such as gelu(x) is."""
    if not isinstance(node, Call) or node.arguments != (X,):
        return None
    if not catalogue.has(node.name):
        return None
    return catalogue.with_parameters(catalogue.get(node.name), *map(constant, node.parameters))


def activation_of(text: str) -> Activation:
    """Return the activation that a formula is, in the language's own spelling.

    Raises
    ------
    UsageError
        If it is no formula, S has no value somewhere, or S' is 0 everywhere.
    """
    value, derivative = _trees(text)
    if derivative == ZERO:
        raise _without_slope(text)
    if parts_written_out(derivative) > _MOST_WRITTEN_OUT:
        raise UsageError(
            f"activation {text}: choices in choices, whose S' has more than {_MOST_WRITTEN_OUT:,}"
            " parts once they are written out: give a shorter formula"
        )
    pair = Pair(value, derivative)
    require_everywhere(text, value, pair)
    require_as_written(text, parse(text))
    deciding = (*switches(value), *switches(derivative))
    known = found(pair, deciding, soundness(value, derivative))
    near = sorted({root for switch in deciding for root in roots(switch, POINTS)})
    jumping, bends = jumps(pair, near), sorted({*near, *known.kinks})
    between = [0.5 * (one + other) for one, other in pairwise(bends)]
    outside = [2.0 * each for each in (*bends[:1], *bends[-1:])]
    flat = is_zero_somewhere(derivative, np.concatenate((POINTS + 1.0 / 256.0, between, outside)))
    if known.undefined_at is not None:
        raise nowhere(text, "S or S'", known.undefined_at)
    if not known.sup_slope:
        raise _without_slope(text)
    if not known.lower < known.upper:
        raise UsageError(
            f"activation {text}: S is the same number everywhere in float64: give smaller numbers"
        )
    return Activation(
        name=text,
        pair=pair,
        formula=text,
        derivative=written(derivative),
        latex=(latex(parse(text)), latex(derivative)),
        note=_note(jumping, known.why_unbounded),
        sup_slope=known.sup_slope,
        sup_at=known.sup_at,
        lower=known.lower,
        upper=known.upper,
        attained=known.attained,
        kinks=tuple(sorted({*known.kinks, *jumping})),
        homogeneous=known.homogeneous,
        flat=flat,
        init=_convention(pair, homogeneous=known.homogeneous),
        definition=(text, written(derivative)),
        is_formula=True,
        ends=known.limits,
    )


def _without_slope(text: str) -> UsageError:
    return UsageError(
        f"activation {text}: S' is 0 everywhere, so that no gradient goes back: give an S with a"
        " slope"
    )


# Each choice in a choice makes about three of what is in it.
_MOST_WRITTEN_OUT = 20_000

# A formula of a thousand characters may have an S' of a million.
_MOST_PARTS = 5000

# Of a number of a formula, beyond which its products are none of float64.
_LEAST, _LARGEST = Fraction("1e-300"), Fraction("1e300")


def _trees(text: str) -> tuple[Node, Node]:
    """Return S and S' of a formula.

    Raises
    ------
    UsageError
        If it is none, or one that no run could bear.
    """
    value = tidy(parse(text))
    raw = slope(value)
    if sum(1 for _ in islice(everywhere(raw), _MOST_PARTS + 1)) > _MOST_PARTS:
        raise UsageError(
            f"activation {text}: its S' has more than {_MOST_PARTS:,} parts: give a shorter formula"
        )
    derivative = tidy(raw)
    for each in (*distinct(value), *distinct(derivative)):
        if not isinstance(each, Number) or not each.value:
            continue
        if max(map(int.bit_length, each.value.as_integer_ratio())) > DECIMAL_BITS:
            raise UsageError(
                f"activation {text}: a number in S or S' has thousands of digits: give shorter ones"
            )
        if not _LEAST <= abs(each.value) <= _LARGEST:
            raise UsageError(
                f"activation {text}: a number in S or S' leaves float64: give numbers between"
                " 1e-300 and 1e300"
            )
    return value, derivative


def has_guests(activation: Activation) -> bool:
    """Tell whether a formula has activations in it that no other process has by their names."""
    return not isinstance(activation.pair, Pair) or bool(activation.pair.guests)


def _note(jumping: tuple[float, ...], unbounded: str) -> str:
    """Return what a reader should know besides."""
    notes = [f"{unbounded}, so no bound on it exists."] if unbounded else []
    if jumping:
        places = ", ".join(f"{place:.6g}" for place in jumping)
        notes.append(f"S jumps at x = {places}, which S' does not see.")
    return " ".join(notes)


# Behind this, what levels off has done so; what oscillates has not, and is seen at its steepest.
_FAR = np.linspace(25.0, 50.0, 64)


def _convention(pair: Pair, *, homogeneous: bool) -> str:
    """Return the initialiser for S: He et al.'s where it is 0 at 0 and one side is the flatter.

    So are relu, leaky_relu, elu, gelu and silu, for which that is the convention. Of two straight
    lines it takes the slope of the other one, as of leaky_relu(0.2).
    """
    at_zero = float(pair(np.zeros(1))[0][0])
    low, high = sorted(float(np.abs(pair(side * _FAR)[1]).max()) for side in (-1.0, 1.0))
    if homogeneous and high == 1.0:
        return for_leaky_slope(low)
    one_sided = low < 0.5 * high and math.isfinite(low)
    return "he_normal" if at_zero == 0.0 and one_sided else "xavier_normal"
