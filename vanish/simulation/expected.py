"""What mean-field theory is asked of a run, from its settings."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from vanish.gauss.quadrature import NoLawError
from vanish.network.initializers import Law
from vanish.network.streams import Streams, Trials
from vanish.numbers.scaled import Magnitude, Scaled
from vanish.numbers.signed import Signed
from vanish.readings import meanfield
from vanish.readings.sources import NOTHING
from vanish.simulation.sample import draw_input, given_input, given_steps

if TYPE_CHECKING:
    from vanish.network.graph import Graph
    from vanish.numbers.fields import Field
    from vanish.readings.expectations import Expectations
    from vanish.simulation.settings import Settings


def expected_of(settings: Settings) -> tuple[Expectations | None, str]:
    """Return what mean-field theory expects of each layer, None where it is silent, and why.

    It speaks of random weights, one sample, and a readout that knows nothing of f_N. Of such
    networks the second item says what it has no law for; it is empty for all others.
    """
    if settings.weights is not None or settings.loss != "readout" or settings.rows > 1:
        return None, ""
    model, biases = settings.model, settings.model.drawn_biases
    if reason := _oddity(settings):
        return None, reason
    # Those that do not take what the layer is given.
    n_in = {
        slot.at(k): shape[1]
        for section in model.sections
        for slot, shape in section.sizes.parameters.items()
        if len(shape) == 2 and shape[1] != model.sizes[section.first - 1]
        for k in range(section.first, section.last + 1)
    }
    ensemble = meanfield.Ensemble(
        *(model.activations, model.sizes, model.variance_columns, settings.bias_std),
        n_in=n_in,
        steps=_steps(settings),
        bias_variances=None
        if biases is None or settings.bias_std
        else {
            address: Magnitude.of(biases.rms(address)) ** 2
            for address, _, shape in model.parameters
            if len(shape) == 1
        },
    )
    try:
        norm, mean = _input(settings)
        return meanfield.expected(ensemble, norm, model.graph, mean), ""
    except NoLawError as error:
        return None, error.reason


def expected_signal(graph: Graph, theory: Expectations) -> Field:
    """Return what is expected of the signal of each layer, see `Graph.signal`."""
    return theory.grad_b if graph.is_plain else theory.grad_f


def _oddity(settings: Settings) -> str:
    """Return what is drawn by a law that theory does not know; empty where nothing is.

    Entries of W need a mean of 0, and b must be normal, but where it is small: that of torch
    has the variance 1/(3 n_in), and what its law adds is of the order 1/n_in².
    """
    for each in settings.model.initializer_kinds:
        if each.oddity:
            return f"init {each.name}, {each.oddity}"
    if tied := _tied_without_news(settings):
        return f"{tied} shared by all layers, whose inputs u are all the same"
    biases = settings.model.drawn_biases
    if biases is None or biases.law.law is Law.NORMAL or not biases.law.has_fixed_scale:
        return ""
    odd = biases.law.oddity or "which is not normal"
    return f"bias_init {biases.law.name}, {odd}"


def _tied_without_news(settings: Settings) -> str:
    """Return a matrix of all layers that repeat each other, as without inputs of their own."""
    steps = given_steps(settings)
    if steps is None or len(steps) < 2:
        return ""
    first = steps[1]
    if not all(np.array_equal(u, first) for u in steps.values()):
        return ""
    graph = settings.model.graph
    # A matrix of each layer's own makes something else of what they all are given.
    own = (slot for run in graph.runs for slot in run.block.slots if slot.letter.isupper())
    return next(iter(graph.shared_matrices), "") if all(slot.tied for slot in own) else ""


def _steps(settings: Settings) -> dict[int, tuple[Magnitude, Signed]] | None:
    """Return mean square and mean of the inputs of the layers' own; None for normal ones."""
    steps = given_steps(settings)
    if steps is None:
        return None
    return {k: (Magnitude.of(float(np.mean(u**2))), _mean(Scaled(u))) for k, u in steps.items()}


def _input(settings: Settings) -> tuple[Magnitude, Signed]:
    """Return ‖x‖ and the mean of its entries: of several random inputs what they are expected."""
    if given_input(settings) is None and settings.trials > 1:
        return Magnitude.of(math.sqrt(settings.model.n_in)), NOTHING
    trials = Trials.one(0, settings.model.sizes)
    x = Scaled(draw_input(settings, Streams(settings.seed), trials)[0])
    return x.norm(), _mean(x)


def _mean(rows: Scaled) -> Signed:
    rows = rows.normalized()
    return Signed(float(rows.values.mean()), rows.exponent)
