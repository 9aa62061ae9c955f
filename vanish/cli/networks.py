"""Real networks on the command line: reading them, and saying how they were read."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

from vanish.cli import streams
from vanish.cli.parse import split_list
from vanish.errors import UsageError, plain
from vanish.files.formats import ONNX, format_of
from vanish.network.layout import AUTO, AXES, LAYOUTS, OUT_IN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from vanish.network.arrays import Network
    from vanish.network.blockarrays import BlockNetwork
    from vanish.network.filegraph import FileNetwork

    AnyNetwork = Network | BlockNetwork | FileNetwork


def holds_graph(path: str | None) -> bool:
    """Tell whether a file of --weights has a graph of its own: one of ONNX."""
    return path is not None and format_of(path) == ONNX


def graph_reader(options: Mapping[str, Any], path: str) -> Callable[[str], FileNetwork]:
    """Return what reads an ONNX file of --weights.

    Parameters
    ----------
    options
        All that was given.
    path
        The file.

    Raises
    ------
    UsageError
        If an option says what its graph does.
    """
    for name in ("act", "layer_acts", "last_act", "block", "steps", "weights_layout", "select"):
        if options.get(name) is not None:
            flag = f"--{name.replace('_', '-')}"
            raise UsageError(
                f"{flag} beside {plain(path)}: an ONNX file holds its own graph, with its"
                f" activations and sizes: leave out {flag}"
            )

    if options["save_weights"] is not None:
        raise UsageError(
            f"--save-weights beside {plain(path)}: an ONNX file holds its graph with its weights:"
            " leave out --save-weights"
        )

    def read(path: str) -> FileNetwork:
        from vanish.files.networks import read_graph

        return read_graph(path, options["until"] or "")

    return read


def refuse_graph(path: str | None) -> None:
    """Refuse an ONNX file where only arrays are taken.

    Raises
    ------
    UsageError
        If that is what the file of --weights is.
    """
    if path is not None and holds_graph(path):
        raise UsageError(
            f"--weights {plain(path)}: an ONNX file holds a graph, which vanish itself takes"
            " alone: give it to vanish, or arrays in an .npz file"
        )


def reader(
    weights_layout: str | None,
    select: Sequence[str] | None = None,
    *,
    wanted: bool,
    beside_block: bool,
) -> Callable[[str], AnyNetwork]:
    """Return what reads a file of --weights.

    Parameters
    ----------
    weights_layout
        What --weights-layout says, None where it was not given.
    select
        The text of each --select.
    wanted
        Whether there is a file to read.
    beside_block
        Whether --block is given.

    Raises
    ------
    UsageError
        If the layout or a selection is given for nothing.
    """
    patterns = split_list(select, "--select")
    if patterns and not wanted:
        raise UsageError("--select without --weights: it says which of these: leave it out")
    if weights_layout is not None and not wanted:
        raise UsageError(
            "--weights-layout without --weights: it says how to read these: leave it out"
        )

    def read(path: str) -> AnyNetwork:
        refuse_graph(path)
        from vanish.files.networks import read_network

        layout = weights_layout or AUTO
        return read_network(path, layout, beside_block=beside_block, select=patterns)

    return read


def say_how_read(
    networks: Iterable[AnyNetwork], weights_layout: str | None, select: Sequence[str] | None = None
) -> None:
    """Say of each network how it was read, where that may surprise and was not asked for."""
    from vanish.network.registry import spelled

    networks = dict.fromkeys(networks)
    if not select:
        for network in networks:
            if network.origin is not None and network.origin.left_out:
                streams.say(
                    f"{network.name}: {network.origin.told}: the longest chain of its weights is"
                    " taken; --select takes others."
                )
            if network.origin is not None and network.origin.orders:
                taken, another = network.origin.orders
                streams.say(
                    f"{network.name}: the names in it are sorted, and its layers fit in several"
                    f" orders: {plain(', '.join(taken))} is assumed; --select"
                    f" {quote(plain(','.join(another)))} is another."
                )

    if weights_layout is not None and spelled(weights_layout, LAYOUTS) in LAYOUTS:
        return
    for network in networks:
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
