"""How sampled trials are run: in which blocks, how many of them at a time, and in what memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.errors import MemoryLimitError
from vanish.network.streams import Trials
from vanish.numbers.words import plural
from vanish.readings import onerow
from vanish.readings.recursion import AT_ONCE
from vanish.records import Record
from vanish.simulation.needs import BYTES_TOGETHER, a_block, ways_forward
from vanish.system import memory

if TYPE_CHECKING:
    from vanish.simulation.settings import Settings

# At most so many blocks are run as one, in arrays so large that a call costs little beside them.
# Fewer numbers than these are no large array.
_TOGETHER, _MANY = 8, 2048

# Several workers read so many times as many numbers at once as one: at every call they wait for
# each other, for the interpreter's lock.
_OF_SEVERAL = 4


class Plan(Record):
    """How the trials are run.

    Attributes
    ----------
    blocks
        The trials of each block.
    segment
        How many layers' ways forward are kept at a time.
    workers
        How many blocks are run at a time.
    room
        Bytes that the way forward of each may take.
    """

    blocks: list[Trials]
    segment: int
    workers: int
    room: int

    @property
    def at_once(self) -> int:
        """How many numbers of some layers each worker reads at once."""
        return AT_ONCE if self.workers == 1 else _OF_SEVERAL * AT_ONCE


def plan(settings: Settings, jobs: int, limit: int | None) -> Plan:
    """Return how to run all trials of some settings.

    Parameters
    ----------
    settings
        What to run.
    jobs
        The most workers.
    limit
        Bytes that the ways forward may take together; where it is not given `ways_forward`, but
        not more than half of what this process may take.

    Raises
    ------
    MemoryLimitError
        If even one segment at a time takes more.
    """
    limit = _limit(settings) if limit is None else limit
    model, depth, rows = settings.model, settings.model.depth, settings.rows
    what = f"{plural(settings.trials, 'trial')} of {plural(depth, 'layer')}"
    blocks = _blocks(settings, jobs, limit)
    workers = max(1, min(jobs, len(blocks)))
    room = limit // workers
    if onerow.applies(model, rows):
        # It needs nothing that it keeps.
        return Plan(blocks, depth, workers, room)
    at_once = blocks[0].width
    kept = 8 * at_once * max(model.kept_count(rows))
    checkpoint = 8 * at_once * rows * model.widest
    # Two checkpoints are the ends of the chain.
    share = room - 2 * checkpoint
    if kept * depth <= share:
        return Plan(blocks, depth, workers, room)
    # The longest segment with kept · segment + checkpoint · depth/segment <= share.
    spread = share * share - 4 * kept * checkpoint * depth
    segment = int((share + max(spread, 0) ** 0.5) / (2 * kept))
    if share < 0 or spread < 0 or segment < 1:
        least = int((4 * kept * checkpoint * depth) ** 0.5 + 2 * checkpoint) * workers
        raise MemoryLimitError(
            f"the ways forward of {what} take at least {memory.amount(least)} of memory",
            f"the limit is {memory.amount(limit)}",
            "give a larger --memory, fewer --jobs or a smaller --width",
        )
    return Plan(blocks, segment, workers, room)


def _blocks(settings: Settings, jobs: int, limit: int) -> list[Trials]:
    """Return the trials that are run at a time: some blocks, where that spares calls."""
    model, sizes = settings.model, settings.model.sizes
    size = Trials.block_size(sizes)
    whole = settings.trials // size
    # The normal distribution function of few numbers is another one, by last digits.
    if min(sizes) * size < _MANY or whole < 2:
        return Trials.blocks(settings.trials, sizes)
    kept = 8 * size * max(model.kept_count(settings.rows)) * model.depth
    fit = min(BYTES_TOGETHER, limit // (2 * jobs)) // kept
    return Trials.blocks(settings.trials, sizes, max(1, min(_TOGETHER, fit, whole // jobs)))


def _limit(settings: Settings) -> int:
    """Return what the ways forward may take where the user does not say, in bytes."""
    most = ways_forward(settings)
    if 8 * 4 * settings.rows * sum(settings.model.sizes) * a_block(settings) <= memory.FLOOR:
        return most
    have = memory.available()
    return most if have is None else min(most, max(have, memory.FLOOR) // 2)
