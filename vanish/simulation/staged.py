"""What is measured of a file's graph: a row a stage, of one way forward and one back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanish.network import activations
from vanish.network.chainrule import Passed
from vanish.network.graph import Variable
from vanish.network.stages import StagedGraph, address
from vanish.numbers.scaled import ZERO
from vanish.numbers.stack import Magnitudes
from vanish.readings import bounds, dense
from vanish.readings.bounds import BOUND
from vanish.readings.forwardsignal import ForwardTally
from vanish.readings.slopesizes import SlopeStatistics, statistics
from vanish.simulation.measured import Measured

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vanish.network.filegraph import StagedModel
    from vanish.network.stages import Stage
    from vanish.numbers.scaled import Magnitude
    from vanish.simulation.run import Simulation


def measure(simulation: Simulation, *, forward: bool, bounded: bool) -> Measured:
    """Return all that there is to measure of a file's graph, as one trial.

    Parameters
    ----------
    simulation
        Whose network has one block with stages.
    forward, bounded
        Whether to take note of the signal going forward, and to compute the norm bound.
    """
    graph = simulation.chain.graph
    assert isinstance(graph, StagedGraph)
    model: StagedModel = simulation.settings.model  # type: ignore[assignment]  # its graph has stages
    seen: list[Passed] = []
    trace = dense.trace(simulation.chain, simulation.x, seen.append)
    [passed] = seen
    seed = simulation.loss.gradient(trace.output, simulation.reference)
    wanted = _wanted(graph)
    norms = {
        variable: gradient.norm()
        for variable, gradient in dense.gradients(trace, seed)
        if variable in wanted
    }
    stages = graph.stages

    def column(letters: Sequence[str]) -> Magnitudes:
        return Magnitudes.column([norms.get(Variable(letter, 1), ZERO) for letter in letters])

    def at(places: Sequence[int]) -> Magnitudes:
        return Magnitudes.column([norms.get(graph.at(place), ZERO) for place in places])

    by_weight = column([stage.weight for stage in stages])
    by_bias = column([stage.bias for stage in stages])
    bound = bounded and not BOUND.refusal(graph)
    found = bounds.norm_bounds(trace, seed.norm()) if bound else {}
    tally = ForwardTally(1) if forward else None
    if tally is not None:
        for k, stage in enumerate(stages, 1):
            tally.take(_view(passed, stage, k))
    return Measured(
        grad_w=by_weight,
        grad_b=by_bias,
        grad_a=at([stage.a for stage in stages]),
        grad_f=at([stage.f for stage in stages]),
        weight=Magnitudes.column(
            [simulation.chain.matrices(k)[0].frobenius_norm() for k in range(1, graph.rows + 1)]
        ),
        value=Magnitudes.column(
            [passed.values[place].norm() for place in (0, *(stage.f for stage in stages))]
        ),
        graph=graph,
        slopes=SlopeStatistics.joined([_slopes(graph, stage, passed) for stage in stages]),
        constant=np.zeros((graph.rows, 1)),
        parameters={"W": by_weight, "b": by_bias} | _others(model, norms),
        totals={},
        norm_bound=Magnitudes.layers([found[stage.weight] for stage in stages]) if found else None,
        forward=None if tally is None else tally.read(),
    )


def _wanted(graph: StagedGraph) -> set[Variable]:
    """Return what a norm is asked for: of few values, and of all parameters."""
    places = {place for stage in graph.stages for place in (stage.a, stage.f)}
    letters = (slot.letter for slot in graph.whole.slots)
    return {*map(graph.at, places), *(Variable(letter, 1) for letter in letters)}


def _others(model: StagedModel, norms: Mapping[Variable, Magnitude]) -> dict[str, Magnitudes]:
    """Return the norms of the gradients by all vectors that are no b, by the file's names."""
    found: dict[str, Magnitudes] = {}
    for variable, norm in norms.items():
        name = model.file.called.get(address(variable.letter)) if _is_slot(variable) else None
        if name in ("W", "b"):
            # What a column of matrices or biases is called.
            name = f"{name} ({variable.letter})"
        if name:
            found.setdefault(name, Magnitudes.column([norm]))
    return found


def _is_slot(variable: Variable) -> bool:
    return variable.letter[1:].isdigit() and variable.letter[0] in "gc"


def _view(passed: Passed, stage: Stage, k: int) -> Passed:
    """Return a stage as a layer that was passed: its f_k is the last value."""
    values = [*passed.values, passed.values[stage.f]]
    return Passed(stage, k, values, passed.kept)  # type: ignore[arg-type]  # it answers as one


def _slopes(graph: StagedGraph, stage: Stage, passed: Passed) -> SlopeStatistics:
    """Return what the slopes of a stage say: of several S of each by its own supremum."""
    places = stage.places("activate")
    if not places:
        rows = len(passed.values[0].values)
        return statistics([np.ones((1, rows, 1))], [activations.get("identity")])
    parts = [statistics([passed.kept[place][None]], [graph.node(place).op.own]) for place in places]
    if len(parts) == 1:
        return parts[0]
    units = np.array([passed.kept[place].shape[1] for place in places], dtype=np.float64)
    shares = units / units.sum()

    def mean(numbers: Sequence[np.ndarray]) -> np.ndarray:
        return np.asarray(sum(share * each for share, each in zip(shares, numbers, strict=True)))

    return SlopeStatistics(
        mean=mean([each.mean for each in parts]),
        largest=np.max([each.largest for each in parts], axis=0),
        zero_fraction=mean([each.zero_fraction for each in parts]),
        active=np.sum([each.active for each in parts], axis=0),
        dead_fraction=mean([each.dead_fraction for each in parts]),
        saturated=mean([each.saturated for each in parts]),
    )
