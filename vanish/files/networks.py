"""Reading the parameters of a network, checked on the way in, and writing them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanish.errors import OutputError, plain
from vanish.files.content import read_bytes
from vanish.files.npz import load_npz
from vanish.network.arrays import Network
from vanish.network.layout import AUTO, OUT_IN

if TYPE_CHECKING:
    from typing import BinaryIO

    from vanish.numbers.scaled import FloatArray
    from vanish.simulation.run import Simulation


def read_network(path: str, layout: str = AUTO) -> Network:
    """Read the parameters of a real network.

    Parameters
    ----------
    path
        An .npz file with weights and biases, a missing bias being zero: W1, b1, W2, b2, …,
        the names of a PyTorch state_dict, of Keras or Flax, or any others that
        `arraynames.layers_of` understands. Beside them it may hold the input x and the
        readout r, as `write_network` writes them.
    layout
        Whether the weights are ``out_in``, (n_out, n_in) as PyTorch stores them, or
        ``in_out``; ``auto`` takes what fits. Where both fit it is what the names usually
        mean; for W1, W2, … with an input beside them it is known, as `write_network`'s.

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
    """Write the chain that is simulated, so that others can check it.

    Parameters
    ----------
    stream
        Where to: an .npz file with W1, b1, …, the input x and, where the loss is the
        readout, its vector r. Given back as weights it gives the same profile.
    simulation
        What to write.
    name
        The file's, for the error.

    Raises
    ------
    OutputError
        If float64 cannot hold a weight.
    """
    arrays: dict[str, FloatArray] = {"x": simulation.x}
    if not simulation.loss.takes_target:
        arrays["r"] = simulation.reference
    for k, layer in enumerate(simulation.chain.layers, 1):
        arrays[f"W{k}"] = layer.weight.multiplied_out()
        if not np.isfinite(arrays[f"W{k}"]).all():
            raise OutputError(f"{name}: W{k} exceeds float64: give a smaller --gain")
        if layer.bias is not None:
            arrays[f"b{k}"] = layer.bias
    np.savez(stream, **arrays)  # type: ignore[arg-type]  # its stub takes no ** mapping
