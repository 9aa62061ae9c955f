"""Real networks on the command line: reading them, and saying how they were read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.cli import streams
from vanish.errors import UsageError
from vanish.network.layout import AUTO, AXES, LAYOUTS, OUT_IN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vanish.network.arrays import Network
    from vanish.network.blockarrays import BlockNetwork

    AnyNetwork = Network | BlockNetwork


def reader(
    weights_layout: str | None, *, wanted: bool, beside_block: bool
) -> Callable[[str], AnyNetwork]:
    """Return what reads a file of --weights.

    Parameters
    ----------
    weights_layout
        What --weights-layout says, None where it was not given.
    wanted
        Whether there is a file to read.
    beside_block
        Whether --block is given.

    Raises
    ------
    UsageError
        If the layout is given for nothing.
    """
    if weights_layout is not None and not wanted:
        raise UsageError(
            "--weights-layout without --weights: it says how to read these: leave it out"
        )

    def read(path: str) -> AnyNetwork:
        from vanish.files.networks import read_network

        return read_network(path, weights_layout or AUTO, beside_block=beside_block)

    return read


def say_layouts(networks: Iterable[AnyNetwork], weights_layout: str | None) -> None:
    """Say of each network how it was read, where that may surprise and was not asked for."""
    from vanish.network.registry import spelled

    if weights_layout is not None and spelled(weights_layout, LAYOUTS) in LAYOUTS:
        return
    for network in dict.fromkeys(networks):
        (other,) = {*LAYOUTS} - {network.layout}
        if network.assumed:
            streams.say(
                f"{network.name}: its weights fit as {AXES[network.layout]} and as {AXES[other]}:"
                f" {AXES[network.layout]} is assumed; --weights-layout {other} reads them the"
                " other way."
            )
        elif network.layout != OUT_IN:
            streams.say(
                f"{network.name}: its weights fit as {AXES[network.layout]} only, and were read so."
            )
