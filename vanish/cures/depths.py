"""How many layers a chain may have and be stable: found by running more of them, or fewer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vanish.cures import effort
from vanish.cures.workbench import ALLOWANCE, in_law
from vanish.errors import VanishError
from vanish.records import Record
from vanish.simulation.names import SAMPLED

if TYPE_CHECKING:
    from vanish.cures.workbench import Bench
    from vanish.simulation.settings import Settings

# A chain is doubled so often at most, and the last doubling halved so often.
_DOUBLINGS, _HALVINGS = 4, 3

# What that may take, in runs of the user's settings.
_RUNS = 2.0


class Reach(Record):
    """How deep a change holds.

    Attributes
    ----------
    layers
        The most layers that were run and stable.
    is_open
        Whether no more were run that were not.
    """

    layers: int
    is_open: bool


def can_differ(settings: Settings) -> bool:
    """Tell whether the number of layers is a setting of its own, and the others go with any."""
    listed = settings.widths, settings.layer_acts, settings.weights, settings.steps
    return all(each is None for each in listed) and isinstance(settings.gain, float)


def reach(bench: Bench, settings: Settings) -> Reach | None:
    """Return how deep a change holds that is stable; None where the depth is no setting.

    The chain is doubled while it is stable, drawn in law where that can be done, and the last
    doubling halved.

    Parameters
    ----------
    bench
        Where.
    settings
        The settings with the change.
    """
    if not can_differ(settings):
        return None
    left = _RUNS * effort.running(bench.settings) + ALLOWANCE
    low, high = settings.model.depth, None

    def holds(layers: int) -> bool | None:
        """Tell whether so many layers are stable; None where that takes too long."""
        nonlocal left
        free = replace(settings, layers=layers, norm_bound=False)
        deep = in_law(free, free.trials) or free
        cost = effort.sampling(deep, deep.trials)
        if deep.engine_used != SAMPLED:
            cost = deep.trials * (effort.drawing(deep) + effort.passing(deep))
        if cost > left:
            return None
        left -= cost
        try:
            return bench.stable.holds(bench.median(deep))
        except (VanishError, MemoryError):
            return None

    for _ in range(_DOUBLINGS):
        held = holds(2 * low)
        if held is None:
            return Reach(low, is_open=True)
        if not held:
            high = 2 * low
            break
        low *= 2
    if high is None:
        return Reach(low, is_open=True)
    for _ in range(_HALVINGS):
        middle = (low + high) // 2
        held = holds(middle) if low < middle < high else None
        if held is None:
            break
        low, high = (middle, high) if held else (low, middle)
    return Reach(low, is_open=False)


def most_layers(bench: Bench) -> int | None:
    """Return how many layers the user's own settings may have and be stable, if fewer are.

    They are run by the engine that the same command takes with fewer layers, so that it is stable.
    None where the depth is no setting, or not even two are.
    """
    settings = bench.settings
    if not can_differ(settings):
        return None

    def holds(layers: int) -> bool:
        try:
            return bench.stable.holds(bench.median(replace(settings, layers=layers)))
        except (VanishError, MemoryError):
            return False

    low, high = 1, settings.model.depth
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low if low > 1 else None
