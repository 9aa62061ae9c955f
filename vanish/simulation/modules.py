"""The modules of somebody's own network: what was measured of each, and the signal's course.

What a framework measured comes in as numbers; nothing here knows of it. A *layer* is a matrix W
of a module, k its number in the order in which the forward pass called them; a_k is what the
module gives.
"""

from __future__ import annotations

import math
import re
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from vanish.numbers.stack import Magnitudes
from vanish.numbers.words import listed, which_layers
from vanish.records import Record
from vanish.simulation import precision_words
from vanish.simulation.course import Course, Flow, Verdict
from vanish.simulation.fault_words import advice_on
from vanish.simulation.faults import FEWEST_LAYERS, Faults, Half, of_halves
from vanish.simulation.module_precision import losses
from vanish.simulation.modulecolumns import MODULES
from vanish.simulation.verdict import Story, told_of_dead_units
from vanish.simulation.verdict import story as story_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vanish.columns import Cell
    from vanish.numbers.scaled import Magnitude
    from vanish.numbers.signed import Signed
    from vanish.simulation.module_precision import Size
    from vanish.simulation.precision import Loss
    from vanish.simulation.thresholds import Thresholds


class Spread(Record):
    """Where the entries of a tensor lie.

    Attributes
    ----------
    mean, std
        Their mean and standard deviation.
    """

    mean: Signed
    std: Magnitude


class Slopes(Record):
    """What the slopes S'(a_k) say, where it is known which S is applied to a_k.

    Attributes
    ----------
    mean, largest, zero_fraction, saturated
        As the columns ``slope_mean``, ``slope_max`` and so on.
    active_units, dead_fraction
        None where S' is never 0 on an interval.
    """

    mean: float
    largest: float
    zero_fraction: float
    saturated: float
    active_units: float | None
    dead_fraction: float | None


class ModuleRecord(Record):
    """What was measured of layer k, over all calls of its module; None for what is not seen.

    Attributes
    ----------
    layer
        k.
    name, module, parameter
        What the layer is called in its network, the class of the module, and W's own name.
    n_in, n_out
        W has n_in · n_out entries.
    calls
        How often the module was called.
    act
        S, where what takes a_k is one; empty where nobody knows.
    is_act_alone
        Whether f_k = S(a_k), with nothing else in between.
    grad_w, grad_b
        ‖∂L/∂W_k‖ and ‖∂L/∂b_k‖, of all that uses them; None where they are frozen, or the loss
        does not depend on them.
    grad_a, grad_input
        ‖∂L/∂a_k‖ and that by what goes into the module, through the module.
    grad_f
        ‖∂L/∂f_k‖, f_k being what enters the next layer, where that is made of a_k alone.
    weight
        ‖W_k‖.
    gain_back
        ‖∂L/∂a_k‖ over that of the next layer in which it is seen.
    sizes
        The entries of W, a, input, grad_a, grad_input and grad_w, as far as they are seen.
    spread_a, spread_f
        Where the entries of a_k and f_k lie.
    size_f
        How large those of f_k are.
    slopes
        What S'(a_k) says.
    units
        How many numbers S is applied to in each row.
    is_affine
        Whether the module is W times its input plus b.
    is_frozen
        Whether W needs no gradient.
    by_call
        Of a module that was called several times ‖∂L/∂a‖, ‖∂L/∂input‖ and ‖∂L/∂W‖ of each call.
    """

    layer: int
    name: str
    module: str
    parameter: str
    n_in: int
    n_out: int
    calls: int
    act: str
    is_act_alone: bool
    grad_w: Magnitude | None
    grad_b: Magnitude | None
    grad_a: Magnitude | None
    grad_input: Magnitude | None
    grad_f: Magnitude | None
    weight: Magnitude
    gain_back: Magnitude | None
    sizes: Mapping[str, Size]
    spread_a: Spread | None
    spread_f: Spread | None
    size_f: Size | None
    slopes: Slopes | None
    units: int
    is_affine: bool
    is_frozen: bool = False
    by_call: tuple[Mapping[str, Magnitude | None], ...] = ()

    @property
    def relative(self) -> Magnitude | None:
        """‖∂L/∂W_k‖/‖W_k‖; None where W_k is zero, or there is no ∂L/∂W_k."""
        return self.grad_w / self.weight if self.grad_w is not None and self.weight else None

    @property
    def dead_fraction(self) -> float | None:
        """The share of units that have slope 0 on every row."""
        return None if self.slopes is None else self.slopes.dead_fraction

    @property
    def status(self) -> str:
        """What becomes of ∂L/∂W_k.

        ``ok``, ``zero`` where it is exactly 0, ``frozen`` where W needs none, ``unreached`` where
        the loss does not depend on W.
        """
        if self.grad_w is None:
            return "frozen" if self.is_frozen else "unreached"
        return "ok" if self.grad_w else "zero"


class Moving(Record):
    """A layer whose weights move."""

    layer: int
    grad_w: Magnitude
    relative: Magnitude | None


class Run(Record):
    """What was run.

    Attributes
    ----------
    model, loss
        The class of the network; what the loss is called.
    parameters
        How many numbers the network has.
    number_type
        Of the copy that was run: float64, or as it is.
    mode
        ``training``, ``evaluation`` or ``mixed``.
    value
        L.
    gradients
        ‖∂L/∂θ‖ of every parameter that moves, by its name.
    shared
        The names of each parameter that has several.
    unused
        The layers that the forward pass did not call.
    outside
        The matrices that no module of their own computes with, whose products nobody sees.
    select
        Which layers were asked for; empty for all that have a matrix.
    is_chain
        Whether each layer takes what is made of the one before it, and of no other.
    """

    model: str
    loss: str
    parameters: int
    number_type: str
    mode: str
    value: float
    gradients: Mapping[str, Magnitude]
    shared: tuple[tuple[str, ...], ...]
    unused: tuple[str, ...]
    outside: tuple[str, ...]
    select: tuple[str, ...]
    is_chain: bool


class ModuleCourse(Course):
    """The gradients of any network, layer by layer, and what follows from them.

    Parameters
    ----------
    run
        What was run.
    layers
        One record a layer, in the order of the forward pass; in one of them at least the signal
        is seen.
    thresholds
        By which the verdict is made.
    """

    def __init__(self, run: Run, layers: Sequence[ModuleRecord], thresholds: Thresholds) -> None:
        self.run = run
        self.layers = tuple(layers)
        self._seen = [each for each in layers if each.grad_a is not None]
        self._learners = tuple(
            Moving(each.layer, each.grad_w, each.relative)
            for each in layers
            if each.grad_w is not None
        )
        moving = [each.weight for each in layers if each.grad_w is not None]
        super().__init__(
            Flow(
                Magnitudes.column([each.grad_a for each in layers if each.grad_a is not None]),
                Magnitudes.column([each.grad_w for each in self._learners]),
                Magnitudes.column(moving),
            ),
            thresholds,
        )

    @property
    def signal(self) -> str:
        """The letter of what a module gives."""
        return "a"

    @property
    def is_chain(self) -> bool:
        """Whether each layer takes what is made of the one before it, and of no other."""
        return self.run.is_chain

    @property
    def has_one_layer(self) -> bool:
        """Whether there is nothing but the layer in which the signal is seen."""
        return len(self.layers) == 1 and self.layers[0].calls == 1

    @property
    def ends(self) -> tuple[int, int]:
        """The numbers of the first and of the last layer in which the signal is seen."""
        return self._seen[0].layer, self._seen[-1].layer

    @property
    def learners(self) -> tuple[Moving, ...]:
        """The layers whose weights move."""
        return self._learners

    @cached_property
    def faults(self) -> Faults:
        """The layers that change the signal going back quite unlike the others.

        By what W_k makes of it, and in a chain by what follows layer k, too.
        """
        gains = np.array(self.log10_gains_back)
        if len(self._seen) < FEWEST_LAYERS or len(gains) < self.steps:
            return Faults()
        first, last = self.ends
        weights = {
            each.layer: _decades(each.grad_input, each.grad_a)
            for each in self._seen
            if each.is_affine and each.grad_input is not None and each.layer != first
        }
        slopes = {
            each.layer: _decades(each.grad_a, each.grad_f)
            for each in self._seen
            if self.is_chain and each.grad_f is not None and each.layer != last
        }
        mixed = not all(each.is_act_alone for each in self._seen if each.layer in slopes)
        of_weights, of_slopes = (
            Half([*each], np.array([*each.values()])) for each in (weights, slopes)
        )
        return of_halves(of_weights, of_slopes, gains, mixed=mixed)

    @cached_property
    def losses(self) -> list[Loss]:
        """What fewer bits lose of W, a, what goes into the layers, and the gradients by them."""
        return losses([each.sizes for each in self.layers], self.run.number_type)

    @property
    def precision(self) -> str:
        """What fewer bits lose, in a line; empty where they lose nothing."""
        return precision_words.summary_of(self.losses)

    @cached_property
    def story(self) -> Story:
        """The verdict in words."""
        death = ("", self._death()) if self.verdict is Verdict.DEAD else ("", "")
        dead = told_of_dead_units(self.layers, "every row of the batch")
        advice = advice_on(self.named_faults) if self.named_faults else ""
        told = story_of(self, death, [dead, advice])
        return told._replace(sentence=f"{told.sentence} {self._called(told.sentence)}".rstrip())

    def rows(self) -> list[dict[str, Cell]]:
        """Return a mapping of column to value a layer."""
        return [MODULES.row(self, record) for record in self.layers]

    def _death(self) -> str:
        """Return where the signal is exactly 0."""
        dead, alive = (
            [each.layer for each in self._seen if bool(each.grad_a) is wanted]
            for wanted in (False, True)
        )
        if not alive:
            return f"The signal is exactly 0 in {self.run.number_type} in every layer."
        return (
            f"The signal is exactly 0 in {self.run.number_type} in {which_layers(dead)}, and not in"
            f" {which_layers(alive)}."
        )

    def _called(self, sentence: str) -> str:
        """Return what the layers that a sentence is about are called in their network."""
        numbers = sorted(
            {int(k) for k in re.findall(r"(?:\b[Ll]ayer |\bW)(\d+)\b(?!\.\d)", sentence)}
        )
        named = {layer.layer: layer.name for layer in self.layers}
        names = [f"layer {k} is {named[k]!r}" for k in numbers]
        if not names:
            return ""
        told = listed(names)
        return f"{told[0].upper()}{told[1:]}."


def _decades(one: Magnitude | None, other: Magnitude | None) -> float:
    """Return log10 of a quotient; NaN where either is nothing."""
    if not one or not other:
        return math.nan
    return (one / other).log10 or 0.0
