"""All that machines read: every table of every command, column by column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vanish.render import blockcolumns, checkpointcolumns, columns
from vanish.simulation.columns import LAYERS
from vanish.sweeps import columns as sweep
from vanish.training import columns as train

if TYPE_CHECKING:
    from vanish.columns import Table

# In the order of the commands; of a command that prints several, their columns follow
# each other in this order.
TABLES: tuple[Table[Any], ...] = (
    sweep.SETTINGS,
    LAYERS,
    sweep.SUMMARY,
    sweep.ERROR,
    sweep.LATER,
    sweep.LAST,
    train.NETWORKS,
    train.LAYERS,
    columns.THEORY,
    columns.SPREAD,
    blockcolumns.POINTS,
    blockcolumns.LAYERS,
    columns.ACTS,
    columns.BLOCKS,
    columns.COLLAPSE,
    columns.DERIVE,
    checkpointcolumns.ARRAYS,
)
