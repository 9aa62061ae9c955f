"""What memory a run needs, and what is refused before it begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.network.streams import Trials
from vanish.numbers import freed
from vanish.readings import bounds
from vanish.simulation.names import DENSE, SAMPLED
from vanish.system import memory

if TYPE_CHECKING:
    from collections.abc import Callable

    from vanish.simulation.settings import Settings

# What is known of a layer takes about so many bytes until it is written, its arrays aside; and of
# a chain whose way back is a recursion of numbers.
_BYTES_A_LAYER = {DENSE: 4000, SAMPLED: 2200}
_BYTES_OF_ONE_ROW = 1200

# What a sampled run takes where the user does not say more, if that can be: the ways forward of all
# trials that run at a time have what is left by what is known of the layers, an eighth at least.
MEMORY = 10**9

# Blocks of trials that are run as one keep at most so many bytes of their ways forward.
BYTES_TOGETHER = 2**26

# So many bytes of Python objects are around the arrays of a layer's way forward.
_OBJECTS = 1400

# Of a layer and trial the results take about so many while they are put together.
_BYTES_A_RESULT = 440


def require_memory(
    settings: Settings, engine: str | None = None, held: Callable[[Settings], int] = lambda _: 0
) -> None:
    """Refuse what does not fit; before a list as long as the chain is made.

    Parameters
    ----------
    settings, engine
        What is run, and how, if not by the engine of the settings.
    held
        Returns how many bytes of the weights are taken already: those of another chain, which
        serve this one or make room for its own.

    Raises
    ------
    MemoryLimitError
        If it does not.
    """
    depth, trials = settings.model.depth, settings.trials
    a_layer = _a_layer(settings, engine)
    what = f"a chain of {depth:,} layers, each of which takes {memory.amount(a_layer)},"
    remedy = "give fewer --layers, a smaller --width or a smaller --batch"
    least = a_layer * depth
    memory.require(least, what, remedy)
    if trials > 1:
        what = f"a run of {trials:,} trials of {depth:,} layers"
        remedy = "give fewer --trials or --layers"
        memory.require(least + _BYTES_A_RESULT * depth * trials, what, remedy)
    if (engine or settings.engine_used) == SAMPLED:
        return
    needed = memory_needed(settings, DENSE)
    if memory.fits(needed):
        return
    # What the process keeps of runs that have ended counts as taken.
    freed.give_back()
    needed -= held(settings)
    remedy = "give fewer --layers, a smaller --width or a smaller --batch"
    if not settings.needs_matrices and 2 * 8 * settings.model.weight_count > needed:
        remedy += ", or --engine sampled"
    what = f"a chain of {depth:,} layers of width {settings.model.widest:,}"
    memory.require(needed, what, remedy)


def _a_layer(settings: Settings, engine: str | None = None) -> int:
    """Return how many bytes are known of a layer."""
    name = engine or settings.engine_used
    if name == SAMPLED and settings.rows == 1 and settings.model.is_gaussian_chain:
        return _BYTES_OF_ONE_ROW
    return _BYTES_A_LAYER[name]


def memory_needed(settings: Settings, engine: str | None = None) -> int:
    """Return about how many bytes a run takes while it lasts."""
    trials = settings.trials
    units = settings.model.unit_count
    name = engine or settings.engine_used
    least = (
        _a_layer(settings, name) + _BYTES_A_RESULT * (trials if trials > 1 else 0)
    ) * settings.model.depth
    # Of every layer its input and its slopes are kept, one row a sample.
    if name == DENSE:
        return 8 * (settings.model.weight_count + settings.rows * units) + least
    a_trial = 8 * 2 * settings.rows * units
    arrays = max(a_trial * a_block(settings), min(a_trial * trials, BYTES_TOGETHER))
    return min(arrays, ways_forward(settings)) + least


def ways_forward(settings: Settings) -> int:
    """Return how many bytes the arrays of sampled ways forward may take where nobody says."""
    model = settings.model
    left = max(MEMORY - _a_layer(settings, SAMPLED) * model.depth, MEMORY // 8)
    arrays = 8 * a_block(settings) * max(model.kept_count(settings.rows))
    return left * arrays // (arrays + _OBJECTS)


def a_block(settings: Settings) -> int:
    """Return how many trials make a block, or how many there are, if those are fewer."""
    return min(settings.trials, Trials.block_size((settings.model.widest,)))


def bounded(settings: Settings) -> bool:
    """Tell whether a run with stored weights computes the norm bound."""
    if settings.norm_bound is not None:
        return settings.norm_bound
    return bounds.are_cheap(settings.model.matrix_shapes, settings.trials)
