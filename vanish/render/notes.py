"""What stands under the table of a run: bounds, paths, totals, what theory is silent on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from vanish.network import activations
from vanish.numbers.words import bound_equation, short
from vanish.readings.slopes import bound_factors, graph_bound, log10_active_paths
from vanish.render.titles import names
from vanish.render.view import Notes
from vanish.simulation import precision_words
from vanish.simulation.course import Verdict
from vanish.simulation.measured import MEDIAN, magnitude_quantiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vanish.network.activations import Activation
    from vanish.simulation.profile import Profile


def bounds(*profiles: Profile) -> Notes:
    """Return the article's bound on the product of all slopes, beside what was measured."""
    own: dict[str, str] = {}
    unbounded: set[str] = set()
    for profile, called in zip(profiles, names(profiles), strict=True):
        mixed = profile.settings.model.act_name == "mixed"
        has_arguments = profile.measured.graph.has_arguments
        if not any(has_arguments):
            continue
        # The first ones of a file may have none.
        first = profile.layers[has_arguments.index(True)]
        if first.slope_bound is None:
            unbounded |= {each.name for each in _of(profile) if not each.has_bound}
        if not first.slope_bound:
            continue
        assert first.slope_product is not None
        measured = f" (measured {short(first.slope_product)})" if len(profiles) == 1 else ""
        name = "" if len(profiles) == 1 else f"{called} "
        where = f" from layer {first.layer} on" if first.layer > 1 else ""
        bound = (
            f"{short(first.slope_bound)}{where}"
            if mixed or where
            else _bound_of(profile.settings.model.activations[0], profile)
        )
        own.setdefault(called, f"{name}{bound}{measured}")
    # The article's two, where they are not among them or say the same.
    shown = {act.sup_slope for profile in profiles for act in _of(profile)}
    is_whole = all(profile.layers[0].slope_product is not None for profile in profiles)
    several_blocks = len({profile.settings.block for profile in profiles}) > 1
    named = [
        f"{act.name} {_bound_of(act, profiles[0])}"
        for act in map(activations.get, ("sigmoid", "relu"))
        if act.sup_slope not in shown and not several_blocks and is_whole
    ]
    # In the order in which they came.
    free = list(dict.fromkeys(each.name for p in profiles for each in _of(p)))
    without = [
        f"no bound on those of {name}: its |S'| grows without end"
        for name in free
        if name in unbounded
    ]
    if not own and without:
        return Notes(f"N{'; '.join(without)[1:].replace('those', 'the slopes', 1)}", ())
    if not own:
        none = all(layer.slope_max is None for layer in profiles[0].layers)
        why = "No layer has an S" if none else "S is applied to a layer's input as it is"
        return Notes(f"{why}, so there is no product of slopes to bound", ())
    skips = any(profile.measured.graph.has_sum for profile in profiles)
    paths = " along all paths together" if skips else ""
    told = "; ".join((f"{'; '.join((*own.values(), *named))}{paths}", *without))
    return Notes(f"Slopes multiply to at most {told}", ())


def _of(profile: Profile) -> Sequence[Activation]:
    return profile.settings.model.activations


def _bound_of(act: Activation, profile: Profile) -> str:
    """Return the bound on the slopes' product to layer 1, with one S everywhere, in words."""
    graph = profile.measured.graph
    factors = bound_factors(act, graph)
    if factors is None:
        return short(graph_bound(act, graph))
    first, gain = map(float, factors)
    return bound_equation(first, gain, graph.depth - 1)


def paths(profile: Profile) -> tuple[Notes, ...]:
    """Return how many paths of active units survive, for a chain where some do not."""
    counts = [layer.log10_active_paths for layer in profile.layers]
    # Towards the input there are ever fewer: the first count is that of the whole way, but
    # for the layers before it, in which every unit is active.
    found = next((count for count in counts if count is not None), None)
    if any(len(run.block.argument_places) > 1 for run in profile.measured.graph.runs):
        return ()
    bound = profile.layers[0].slope_bound
    if found is None or (bound is not None and not bound):
        return ()
    if profile.layers[0].slope_product is None:
        return ()
    graph = profile.measured.graph
    sizes = np.array([[[float(layer.units)]] for layer in profile.layers])
    possible = log10_active_paths(graph, sizes)[:, 0]
    every = float(possible[0])
    if found > -math.inf:
        known = next(k for k, count in enumerate(counts) if count is not None)
        found += every - float(possible[known])
    count = "none" if found == -math.inf else _count(found)
    has = "has" if count in ("none", "1") else "have"
    rows = profile.settings.rows
    told = f"On the mean over the {rows:,} rows {count}" if rows > 1 else count.capitalize()
    # Section 4 of the article, which speaks of slopes of 1.
    kinds = profile.settings.model.activations
    passes = profile.verdict is not Verdict.DEAD and all(each.is_gate for each in kinds)
    enough = "; one is enough" if passes and found > -math.inf else ""
    return (
        Notes(
            f"{told} of {_count(every)} path{'s' if every else ''} {has} a slope"
            f" other than 0 at every unit{enough}",
            (),
        ),
    )


def _count(log10: float) -> str:
    return f"{10.0**log10:.3g}" if log10 < 3.0 else f"10^{log10:.1f}"


def totals(profile: Profile) -> tuple[Notes, ...]:
    """Return the gradients by what all layers share: each layer's row has its part of them."""
    totals = profile.measured.totals
    if not totals:
        return ()
    found = {
        letter: magnitude_quantiles(total.at(None), MEDIAN)[0].listed()[0]
        for letter, total in totals.items()
    }
    told = ", ".join(f"‖∂L/∂{letter}‖ {short(total)}" for letter, total in found.items())
    return (Notes(f"Over all layers, which share them: {told}", ()),)


def no_law(profile: Profile) -> tuple[Notes, ...]:
    """Return why theory expects nothing, where that is not plain."""
    told = f"Theory expects nothing here: it has no law for {profile.no_law}"
    return (Notes(told, ()),) if profile.no_law else ()


def precision(profile: Profile) -> tuple[Notes, ...]:
    """Return what fewer bits lose in one line, where they do and the run took note of it."""
    told = precision_words.summary(profile) if profile.entries is not None else ""
    return (Notes(told, ()),) if told else ()
