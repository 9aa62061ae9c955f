"""What memory a run needs, and what is refused before it begins."""

from __future__ import annotations

from vanish.network.streams import Trials
from vanish.readings import bounds
from vanish.simulation.settings import DENSE, SAMPLED, Settings
from vanish.system import memory

# Beside its arrays a layer takes about this many bytes of Python objects.
_BYTES_A_LAYER = 6000

# What the ways forward of all sampled trials that run at a time may take together where the
# user does not say.
MEMORY = 10**9

# Of a layer and trial the results take about so many while they are put together.
_BYTES_A_RESULT = 440


def require_memory(settings: Settings, engine: str | None = None) -> None:
    """Refuse what does not fit; before a list as long as the chain is made."""
    depth, trials = settings.model.depth, settings.trials
    what = f"a chain of {depth:,} layers"
    remedy = "give fewer --layers, a smaller --width or a smaller --batch"
    least = _BYTES_A_LAYER * depth
    memory.require(least, what, remedy)
    if trials > 1:
        what = f"{trials:,} trials of {depth:,} layers"
        remedy = "give fewer --trials or --layers"
        memory.require(least + _BYTES_A_RESULT * depth * trials, what, remedy)
    if (engine or settings.engine_used) == SAMPLED:
        return
    needed = memory_needed(settings, DENSE)
    if memory.fits(needed):
        return
    remedy = "give fewer --layers, a smaller --width or a smaller --batch"
    if not settings.needs_matrices and 2 * 8 * settings.model.weight_count > needed:
        remedy += ", or --engine sampled"
    what = f"a chain of {depth:,} layers of width {max(settings.model.sizes):,}"
    memory.require(needed, what, remedy)


def memory_needed(settings: Settings, engine: str | None = None) -> int:
    """Return about how many bytes a run takes while it lasts."""
    trials = settings.trials
    # Not by a list of the sizes, which may not fit into memory itself.
    sizes: tuple[int, ...] = (settings.model.n_in, settings.model.n_out)
    if settings.widths is not None or settings.weights is not None:
        sizes = settings.model.sizes
    units = settings.model.unit_count
    least = (
        _BYTES_A_LAYER + _BYTES_A_RESULT * (trials if trials > 1 else 0)
    ) * settings.model.depth
    # Of every layer its input and its slopes are kept, one row a sample.
    if (engine or settings.engine_used) == DENSE:
        return 8 * (settings.model.weight_count + settings.rows * units) + least
    at_once = min(trials, Trials.block_size(sizes))
    return min(8 * 2 * settings.rows * units * at_once, MEMORY) + least


def bounded(settings: Settings) -> bool:
    """Tell whether a run with stored weights computes the norm bound."""
    if settings.norm_bound is not None:
        return settings.norm_bound
    operations = settings.trials * bounds.operations(settings.model.matrix_shapes)
    return operations <= bounds.CHEAP_OPERATIONS
