"""Reading the parameters of a network, checked on the way in, and writing them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from vanish.errors import InputError, OutputError, UsageError, plain
from vanish.files.content import read_bytes, room
from vanish.files.npz import load_npz
from vanish.network.arrays import Network
from vanish.network.blockarrays import BlockNetwork, is_lettered
from vanish.network.layout import AUTO, AXES, IN_OUT, LAYOUTS, OUT_IN
from vanish.network.registry import choice
from vanish.network.weights import Weight
from vanish.simulation.sample import given_steps, rows_of
from vanish.simulation.table import PLAIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any, BinaryIO

    from numpy.typing import ArrayLike

    from vanish.files.arraynames import Naming
    from vanish.files.numbertypes import Array
    from vanish.files.stored import Checkpoint, Stored
    from vanish.network.filegraph import FileNetwork
    from vanish.simulation.run import Simulation

# What stands beside the weights of a plain chain.
_SAMPLE = ("x", "r")

# Where arrays are numbers alone, the formula and the number of layers are texts beside them.
_NOTE = "vanish."
_FORMULA, _DEPTH = f"{_NOTE}block", f"{_NOTE}layers"


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
    path: str, layout: str = AUTO, *, beside_block: bool = False, select: Sequence[str] = ()
) -> Network | BlockNetwork:
    """Read the parameters of a real network.

    Parameters
    ----------
    path
        A file with weights and biases, a missing bias being zero: W1, b1, W2, b2, …, the names
        of a PyTorch state_dict, of Keras or Flax, or any others that `arraynames.layers_of`
        understands. Beside them it may hold the input x and the readout r, as `write_network`
        writes them. Or the parameters of a network of blocks by their letters, W1, V1, b1, …,
        with what else a `BlockNetwork` takes. An .npz file has to be of these alone; of what
        else a checkpoint in another format holds the longest chain is taken.
    layout
        Whether the weights are ``out_in``, (n_out, n_in) as PyTorch stores them, or
        ``in_out``; ``auto`` takes what fits. Where both fit it is what the names usually
        mean; for W1, W2, … with an input beside them it is known, as `write_network`'s. The
        parameters of blocks are (n_out, n_in).
    beside_block
        Whether a block is given beside it, whose parameters it may hold.
    select
        Globs for the names of the weights that are taken, see `selection.selected`.

    Raises
    ------
    InputError
        If the file cannot be read, or its names do not tell which array is which.
    UsageError
        If an array does not fit the others.
    """
    from vanish.files.formats import NPZ, format_of, opened  # noqa: PLC0415 - start-up

    layout = choice("weights layout", layout, (AUTO, *LAYOUTS))
    if format_of(path) == NPZ and not select:
        arrays = load_npz(path, read_bytes(path))
        if is_lettered(arrays, beside_block=beside_block):
            return _blocks(path, arrays, layout)
        from vanish.files.arraynames import layers_of  # noqa: PLC0415 - start-up

        sample = {name: arrays.pop(name) for name in _SAMPLE if name in arrays}
        return _network(path, layers_of(path, arrays), arrays | sample, layout)
    with opened(path) as checkpoint:
        return _taken(path, checkpoint, layout, select, beside_block=beside_block)


def _taken(
    path: str, checkpoint: Checkpoint, layout: str, select: Sequence[str], *, beside_block: bool
) -> Network | BlockNetwork:
    """Return the network that is chosen of a checkpoint."""
    from vanish.files.arraynames import layers_of, other_orders  # noqa: PLC0415 - start-up
    from vanish.files.formats import SAFETENSORS, format_of  # noqa: PLC0415 - start-up
    from vanish.files.selection import chained, selected  # noqa: PLC0415 - start-up

    stored = {each.name: each for each in checkpoint.arrays}
    if select:
        found = selected(path, stored, select, layout)
    elif _FORMULA in checkpoint.notes or is_lettered(stored, beside_block=beside_block):
        _require_room(path, checkpoint.arrays)
        read: dict[str, Any] = {name: each.array() for name, each in stored.items()}
        return _blocks(path, read | _noted(path, checkpoint.notes), layout)
    else:
        parameters = {name: each for name, each in stored.items() if name not in _SAMPLE}
        try:
            naming = layers_of(path, parameters)
            is_whole = naming.makes_chain(parameters)
        except InputError:
            is_whole = False
        if is_whole:
            sample = {name: stored[name].array() for name in _SAMPLE if name in stored}
            arrays = _read(path, naming, stored) | sample
            # Its names are sorted, and their order says nothing.
            others = other_orders(naming, parameters) if format_of(path) == SAFETENSORS else ()
            orders = tuple(each.groups for each in (naming, *others[:1])) if others else ()
            return _network(path, naming, arrays, layout, orders=orders)
        found = chained(path, stored, layout)
    arrays = _read(path, found.naming, stored)
    return _network(path, found.naming, arrays, layout, found.left, tuple(select))


def _read(path: str, naming: Naming, stored: Mapping[str, Stored]) -> dict[str, Array]:
    """Return the arrays that are named."""
    names = [*naming.weights, *(name for name in naming.biases if name is not None)]
    _require_room(path, [stored[name] for name in names])
    return {name: stored[name].array() for name in names}


def _require_room(path: str, arrays: Iterable[Stored]) -> None:
    """Require memory for some arrays as float64."""
    if sum(8 * each.size for each in arrays) > room():
        raise InputError(
            f"{path}: what is taken of it does not fit into memory: --select fewer weights"
        )


def _network(
    path: str,
    naming: Naming,
    arrays: Mapping[str, Array],
    layout: str,
    left: tuple[str, ...] = (),
    asked: tuple[str, ...] = (),
    orders: tuple[tuple[str, ...], ...] = (),
) -> Network:
    """Return the plain chain that some arrays are, with its input and its readout."""
    from vanish.network.fit import Labels  # noqa: PLC0415 - start-up
    from vanish.network.origin import Origin  # noqa: PLC0415 - start-up

    x, readout = (arrays.get(name) for name in _SAMPLE)
    is_ours = x is not None and naming.weights == Labels.numbered(len(naming.weights)).weights
    own = tuple(name for name in naming.biases if name is not None)
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
        origin=Origin(naming.weights, own, left, not left and naming.is_numbered, asked, orders),
    )


def _blocks(path: str, arrays: Mapping[str, Any], layout: str) -> BlockNetwork:
    """Return the network of blocks that some arrays are."""
    if layout == IN_OUT:
        raise UsageError(
            f"{plain(path)}: weights layout {IN_OUT}, but parameters of a block are"
            f" {AXES[OUT_IN]}: leave it out"
        )
    return BlockNetwork(arrays, plain(path))


def _noted(path: str, notes: Mapping[str, str]) -> dict[str, Any]:
    """Return the formula and the number of layers that stand beside arrays of numbers."""
    if _FORMULA not in notes:
        return {}
    layers = notes.get(_DEPTH, "")
    # As many digits as any number of layers has.
    if not re.fullmatch(r"[0-9]{1,18}", layers, re.ASCII):
        raise InputError(f"{path}: no number of layers in it: save it again")
    return {"block": notes[_FORMULA], "layers": int(layers)}


def write_network(stream: BinaryIO, simulation: Simulation, name: str) -> None:
    """Write the network that is simulated, so that others can check it.

    Parameters
    ----------
    stream
        Where to: arrays W1, b1, …, the input x and, where the loss is the readout, its vector
        r. Of blocks every parameter by its name, W where all layers share it, u where layers
        have inputs of their own, the formula and N. Given back as weights it gives the same
        profile.
    simulation
        What to write.
    name
        The file's: its format is that of the suffix, .npz of others than .safetensors.

    Raises
    ------
    OutputError
        If float64 cannot hold a weight.
    """
    from vanish.files.formats import SAFETENSORS, format_of  # noqa: PLC0415 - start-up

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
    notes: dict[str, Any] = {}
    if settings.block != PLAIN:
        arrays |= _steps(simulation)
        notes = {"block": settings.block, "layers": settings.model.depth}
    if format_of(name) == SAFETENSORS:
        from vanish.files import safetensors  # noqa: PLC0415 - start-up

        texts = {_NOTE + key: str(value) for key, value in notes.items()}
        safetensors.write(stream, arrays, texts)
    else:
        np.savez(stream, **arrays, **notes)  # type: ignore[arg-type]  # its stub takes no ** mapping


def require_writable(path: str) -> None:
    """Refuse to write a network under a name by which it could not be read.

    Raises
    ------
    UsageError
        If the suffix is that of a format that is only read.
    """
    from vanish.files.formats import NPZ, SAFETENSORS, format_of  # noqa: PLC0415 - start-up

    if format_of(path) not in (NPZ, SAFETENSORS):
        raise UsageError(
            f"--save-weights {path}: networks are written as .npz or .safetensors: give such a name"
        )


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
