"""Reading arrays and networks, checked on the way in, and writing networks."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vanish import memory
from vanish.atomic import STANDARD_STREAM, reason
from vanish.errors import InputError, OutputError, VanishError
from vanish.settings import Network, Rows

if TYPE_CHECKING:
    from typing import BinaryIO

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


def read_network(path: str) -> Network:
    """Read the parameters of a real network.

    Parameters
    ----------
    path
        An .npz file with W1, b1, W2, b2, …: each W_k of shape (n_out, n_in), as PyTorch
        stores it, each b_k, zero if missing, of shape (n_out,). Beside them it may hold
        the input x and the readout r, as `write_network` writes them.

    Raises
    ------
    InputError
        If the file cannot be read, or holds anything else.
    """
    arrays = load_npz(path, read_bytes(path))
    layers = sorted(int(name[1:]) for name in arrays if re.fullmatch(r"W[1-9]\d*", name))
    known = {"x", "r"} | {f"{letter}{k}" for letter in "Wb" for k in layers}
    if not layers:
        raise InputError(f"{path}: no array W1 in it: name the weights W1, W2, …")
    if layers != list(range(1, len(layers) + 1)):
        gap = min(set(range(1, layers[-1])) - set(layers))
        raise InputError(f"{path}: W{layers[-1]} but no W{gap}: name the weights W1, W2, …")
    unknown = sorted(set(arrays) - known)
    if unknown:
        raise InputError(
            f"{path}: an array {unknown[0]!r} in it: name the arrays W1, b1, W2, b2, …, x, r"
        )
    return Network(
        weights=tuple(arrays[f"W{k}"] for k in layers),
        biases=tuple(arrays.get(f"b{k}") for k in layers),
        x=arrays.get("x"),
        readout=arrays.get("r"),
        name=path,
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
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{name}: neither .npy nor text: give one of them") from None
    rows: list[list[float]] = []
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.partition("#")[0].replace(",", " ").split()
        row = []
        for field in fields:
            try:
                row.append(float(field))
            except ValueError:
                raise InputError(
                    f"{name}: line {number}: {field[:40]!r} is not a number: give numbers"
                    " separated by commas or blanks"
                ) from None
        if rows and row and len(row) != len(rows[0]):
            raise InputError(
                f"{name}: line {number} has {len(row)} numbers, the first row {len(rows[0])}:"
                " give rows of equal length"
            )
        if row:
            rows.append(row)
    if not rows:
        raise InputError(f"{name}: no numbers in it: give one row a line")
    values = np.array(rows)
    # A column of numbers, one a line, is one vector.
    return values.T if values.shape[1] == 1 else values
