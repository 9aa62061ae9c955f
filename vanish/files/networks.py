"""Reading the parameters of a network, checked on the way in, and writing them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanish.errors import OutputError, UsageError, plain
from vanish.files.content import read_bytes
from vanish.files.npz import load_npz
from vanish.network.arrays import Network
from vanish.network.blockarrays import BlockNetwork, is_lettered
from vanish.network.layout import AUTO, AXES, IN_OUT, LAYOUTS, OUT_IN
from vanish.network.registry import choice
from vanish.network.weights import Weight
from vanish.simulation.sample import given_steps, rows_of
from vanish.simulation.table import PLAIN

if TYPE_CHECKING:
    from typing import BinaryIO

    from numpy.typing import ArrayLike

    from vanish.network.filegraph import FileNetwork
    from vanish.simulation.run import Simulation


def read_graph(path: str, until: str = "") -> FileNetwork:
    """Read a network that an ONNX file holds with its graph.

    Parameters
    ----------
    path
        The file.
    until
        The name of the node whose value the network gives; without it the file's own output.

    Raises
    ------
    InputError
        If it cannot be read; the message names the node that is not.
    """
    from vanish.files.onnx.network import read_onnx  # noqa: PLC0415 - start-up

    return read_onnx(path, read_bytes(path, binary=True), until)


def read_network(
    path: str, layout: str = AUTO, *, beside_block: bool = False
) -> Network | BlockNetwork:
    """Read the parameters of a real network.

    Parameters
    ----------
    path
        An .npz file with weights and biases, a missing bias being zero: W1, b1, W2, b2, …,
        the names of a PyTorch state_dict, of Keras or Flax, or any others that
        `arraynames.layers_of` understands. Beside them it may hold the input x and the
        readout r, as `write_network` writes them. Or the parameters of a network of blocks by
        their letters, W1, V1, b1, …, with what else a `BlockNetwork` takes.
    layout
        Whether the weights are ``out_in``, (n_out, n_in) as PyTorch stores them, or
        ``in_out``; ``auto`` takes what fits. Where both fit it is what the names usually
        mean; for W1, W2, … with an input beside them it is known, as `write_network`'s. The
        parameters of blocks are (n_out, n_in).
    beside_block
        Whether a block is given beside it, whose parameters it may hold.

    Raises
    ------
    InputError
        If the file cannot be read, or its names do not tell which array is which.
    UsageError
        If an array does not fit the others.
    """
    from vanish.files.arraynames import layers_of  # noqa: PLC0415 - start-up
    from vanish.network.fit import Labels  # noqa: PLC0415 - start-up

    arrays = load_npz(path, read_bytes(path))
    if is_lettered(arrays, beside_block=beside_block):
        if choice("weights layout", layout, (AUTO, *LAYOUTS)) == IN_OUT:
            raise UsageError(
                f"{plain(path)}: weights layout {IN_OUT}, but parameters of a block are"
                f" {AXES[OUT_IN]}: leave it out"
            )
        return BlockNetwork(arrays, plain(path))
    x, readout = arrays.pop("x", None), arrays.pop("r", None)
    naming = layers_of(path, arrays)
    is_ours = x is not None and naming.weights == Labels.numbered(len(naming.weights)).weights
    return Network.of(
        weights=[arrays[name] for name in naming.weights],
        biases=[None if name is None else arrays[name] for name in naming.biases],
        x=x,
        readout=readout,
        name=plain(path),
        layout=layout,
        usual=OUT_IN if is_ours else naming.usual,
        is_known=is_ours,
        labels=Labels(naming.weights, tuple(name or "" for name in naming.biases)),
    )


def write_network(stream: BinaryIO, simulation: Simulation, name: str) -> None:
    """Write the network that is simulated, so that others can check it.

    Parameters
    ----------
    stream
        Where to: an .npz file with W1, b1, …, the input x and, where the loss is the
        readout, its vector r. Of blocks with every parameter by its name, W where all layers
        share it, u where layers have inputs of their own, the formula and N. Given back as
        weights it gives the same profile.
    simulation
        What to write.
    name
        The file's, for the error.

    Raises
    ------
    OutputError
        If float64 cannot hold a weight.
    """
    arrays: dict[str, ArrayLike] = {"x": simulation.x}
    if not simulation.loss.takes_target:
        arrays["r"] = simulation.reference
    for address, parameter in simulation.chain.parameters.items():
        if isinstance(parameter, Weight):
            arrays[str(address)] = entries = parameter.multiplied_out()
            if not np.isfinite(entries).all():
                raise OutputError(f"{name}: {address} exceeds float64: give a smaller --gain")
        elif parameter is not None:
            arrays[str(address)] = parameter
    settings = simulation.settings
    if settings.block != PLAIN:
        arrays |= _steps(simulation) | {"block": settings.block, "layers": settings.model.depth}
    np.savez(stream, **arrays)  # type: ignore[arg-type]  # its stub takes no ** mapping


def _steps(simulation: Simulation) -> dict[str, ArrayLike]:
    """Return what goes into each layer from outside: as one array u, where it makes one."""
    settings = simulation.settings
    steps = {k: simulation.chain.step(k) for k in settings.model.step_sizes}
    given = given_steps(settings)
    if settings.rows == 1 or (given and rows_of(given) == 1):
        steps = {k: rows[0] for k, rows in steps.items()}
    if len(steps) == settings.model.depth and len({rows.shape for rows in steps.values()}) == 1:
        return {"u": np.stack([*steps.values()])}
    return {f"u{k}": rows for k, rows in steps.items()}
