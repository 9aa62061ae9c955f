"""Reading arrays and networks, checked on the way in, and writing networks."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vanish import memory
from vanish.arrays import Network, Rows
from vanish.atomic import STANDARD_STREAM, reason, replacing
from vanish.errors import InputError, OutputError, VanishError
from vanish.layout import AUTO, OUT_IN

if TYPE_CHECKING:
    from vanish.scaled import FloatArray
    from vanish.simulation import Simulation

_NPY_MAGIC = b"\x93NUMPY"
_ZIP_MAGIC = b"PK"

# The bytes of a file, its array, and that array as float64.
_COPIES = 3


def read_rows(path: str) -> Rows:
    """Read one vector or a batch of rows.

    Parameters
    ----------
    path
        A .npy file, or text with one row a line, numbers separated by commas or blanks
        and ``#`` before a comment; ``-`` for either on standard input.

    Raises
    ------
    InputError
        If the file cannot be read, or holds anything but finite numbers in equal rows.
    """
    name = "standard input" if path == STANDARD_STREAM else path
    content = read_bytes(path)
    if content.startswith(_NPY_MAGIC):
        values = _load_npy(name, content)
    elif is_archive(content):
        raise InputError(f"{name}: a zip or npz archive: give one array, as .npy or text")
    else:
        values = _parse_text(name, content)
    return Rows(values, name)


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
    from vanish.arraynames import layers_of  # noqa: PLC0415 - start-up
    from vanish.fit import Labels  # noqa: PLC0415 - start-up

    arrays = load_npz(path, read_bytes(path))
    x, readout = arrays.pop("x", None), arrays.pop("r", None)
    naming = layers_of(path, arrays)
    is_ours = x is not None and naming.weights == Labels.numbered(len(naming.weights)).weights
    return Network.of(
        weights=[arrays[name] for name in naming.weights],
        biases=[None if name is None else arrays[name] for name in naming.biases],
        x=x,
        readout=readout,
        name=path,
        layout=layout,
        usual=OUT_IN if is_ours else naming.usual,
        is_known=is_ours,
        labels=Labels(naming.weights, tuple(name or "" for name in naming.biases)),
    )


def write_network(path: str, simulation: Simulation) -> None:
    """Write the chain that is simulated, so that others can check it.

    Parameters
    ----------
    path
        Where to: an .npz file with W1, b1, …, the input x and, where the loss is the
        readout, its vector r. Given back as weights it gives the same profile.
    simulation
        What to write.

    Raises
    ------
    OutputError
        If the file cannot be written, or float64 cannot hold a weight.
    """
    arrays: dict[str, FloatArray] = {"x": simulation.x}
    if not simulation.loss.takes_target:
        arrays["r"] = simulation.reference
    for k, layer in enumerate(simulation.chain.layers, 1):
        arrays[f"W{k}"] = layer.weight.multiplied_out()
        if not np.isfinite(arrays[f"W{k}"]).all():
            raise OutputError(f"{path}: W{k} exceeds float64: give a smaller --gain")
        if layer.bias is not None:
            arrays[f"b{k}"] = layer.bias
    with replacing(path) as stream:
        np.savez(stream, **arrays)  # type: ignore[arg-type]  # its stub takes no ** mapping


def read_bytes(path: str) -> bytes:
    """Read a file that may be endless, up to what memory has room for."""
    if not path:
        raise InputError("an empty file name: give a file that can be read")
    limit = (memory.available() or sys.maxsize) // _COPIES
    try:
        if path == STANDARD_STREAM:
            if sys.stdin is None:
                raise InputError("standard input is closed: give a file")
            content = sys.stdin.buffer.read(limit + 1)
        else:
            with Path(path).open("rb") as stream:
                content = stream.read(limit + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        why = reason(error) if isinstance(error, OSError) else str(error)
        raise InputError(f"{path}: {why}: give a file that can be read") from None
    except (MemoryError, OverflowError):
        raise InputError(f"{path}: it does not fit into memory: give a smaller file") from None
    if len(content) > limit:
        raise InputError(f"{path}: it does not fit into memory: give a smaller file")
    return content


def _load_npy(name: str, content: bytes) -> np.ndarray:
    try:
        with io.BytesIO(content) as stream:
            return np.load(stream, allow_pickle=False)  # type: ignore[no-any-return]  # its stub says Any
    except Exception as error:  # noqa: BLE001 - numpy's header parser raises half a dozen kinds
        if "pickle" in str(error) or "Object" in str(error):
            raise InputError(
                f"{name}: pickled objects, which can run code: save an array of numbers"
            ) from None
        raise InputError(f"{name}: a damaged .npy file: save it again") from None


def is_archive(content: bytes) -> bool:
    """Tell whether these are the bytes of a zip file, such as an .npz file."""
    return content.startswith(_ZIP_MAGIC)


def load_npz(path: str, content: bytes) -> dict[str, np.ndarray]:
    """Return all arrays of an .npz file with that content.

    Raises
    ------
    InputError
        If it is none, or holds pickled objects.
    """
    import zipfile  # noqa: PLC0415 - start-up

    if not is_archive(content):
        raise InputError(f"{path}: not an .npz file: save one with numpy.savez")
    arrays = {}
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
            memory.require(_COPIES * unpacked, path, "give a smaller file")
            for member in archive.namelist():
                name = member.removesuffix(".npy")
                arrays[name] = _load_npy(f"{path}: {name}", archive.read(member))
    except VanishError:
        raise
    except Exception:  # noqa: BLE001 - zipfile and zlib raise a dozen kinds for damaged bytes
        raise InputError(f"{path}: a damaged .npz file: save it again") from None
    return arrays


def _parse_text(name: str, content: bytes) -> FloatArray:
    """Return the rows of a text; of one number a line, an array of one axis."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{name}: neither .npy nor text: give one of them") from None
    rows: list[list[float]] = []
    header: InputError | None = None
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.partition("#")[0].replace(",", " ").split()
        row, words = [], []
        for field in fields:
            try:
                row.append(float(field))
            except ValueError:
                words.append(field)
        if words:
            error = InputError(
                f"{name}: line {number}: {words[0][:40]!r} is not a number: give numbers"
                " separated by commas or blanks"
            )
            # The first line may be a header, if it is of words alone and numbers follow.
            if row or rows or header:
                raise error
            header = error
        elif rows and row and len(row) != len(rows[0]):
            raise InputError(
                f"{name}: line {number} has {len(row)} numbers, the first row {len(rows[0])}:"
                " give rows of equal length"
            )
        elif row:
            rows.append(row)
    if not rows:
        raise header or InputError(f"{name}: no numbers in it: give one row a line")
    values = np.array(rows)
    return values[:, 0] if values.shape[1] == 1 else values
