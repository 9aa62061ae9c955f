"""Reading arrays and networks, checked on the way in, and writing networks."""

from __future__ import annotations

import io
import math
import os
import re
import stat
import struct
import sys
import warnings
from array import array
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from vanish.errors import InputError, OutputError, VanishError, plain
from vanish.network.arrays import Network, Rows
from vanish.network.layout import AUTO, OUT_IN
from vanish.system import memory
from vanish.system.atomic import STANDARD_STREAM, reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO

    from vanish.numbers.scaled import FloatArray
    from vanish.simulation.run import Simulation

_NPY_MAGIC = b"\x93NUMPY"
_ZIP_MAGIC = b"PK"
_ZIP_ZSTANDARD = 93

# The bytes of a file, its array, and that array as float64.
_COPIES = 3

# More text takes minutes to read, and is better given as an array; and what comes from a pipe or
# a device may have no end. In bytes.
LARGEST_TEXT = 250 * 10**6

# So much is read at a time, in bytes.
_PIECE = 2**20

# What numpy itself takes for a header, in bytes; and no number has so many digits.
_LONGEST_HEADER = 10_000
_LONGEST_NUMBER = 1_000_000


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
    name = "standard input" if path == STANDARD_STREAM else plain(path)
    content = read_bytes(path)
    if content.startswith(_NPY_MAGIC):
        stream = io.BytesIO(content)
        stream.seek(len(_NPY_MAGIC))
        values = _load_npy(name, stream, _room())
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


def read_bytes(path: str) -> bytes:
    """Read a file that may be endless.

    A file of arrays may be as large as memory has room for; text, and whatever comes from a
    pipe or a device, up to `LARGEST_TEXT`.

    Raises
    ------
    InputError
        If it cannot be read, is too large, or is neither text nor a file of arrays.
    """
    if not path:
        raise InputError("an empty file name: give a file that can be read")
    try:
        if path == STANDARD_STREAM:
            if sys.stdin is None:
                raise InputError("standard input is closed: give a file")
            return _read(path, sys.stdin.buffer)
        with Path(path).open("rb") as stream:
            return _read(path, stream)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        why = reason(error) if isinstance(error, OSError) else str(error)
        raise InputError(f"{path}: {why}: give a file that can be read") from None
    except (MemoryError, OverflowError):
        raise _too_large(path) from None


def _read(path: str, stream: IO[bytes]) -> bytes:
    """Read to the end, a piece at a time: one read takes memory for all that it asks for."""
    name = "standard input" if path == STANDARD_STREAM else path
    room = _room()
    size = _size(stream)
    if size is not None and size > room:
        raise _too_large(path)
    content = io.BytesIO()
    while piece := stream.read(_PIECE):
        content.write(piece)
        if content.tell() == len(piece):
            is_text = not piece.startswith((_NPY_MAGIC, _ZIP_MAGIC))
        # Not to wait for the end of a device; a short text is told by its line.
        if is_text and len(piece) == _PIECE and b"\0" in piece:
            raise InputError(f"{name}: neither .npy nor text: give one of them")
        if content.tell() > LARGEST_TEXT and (is_text or size is None):
            kind = "text" if is_text else "a pipe"
            raise InputError(
                f"{name}: more than {memory.amount(LARGEST_TEXT)} by {kind}: give less, or a"
                " .npy or .npz file"
            )
        if content.tell() > room:
            raise _too_large(path)
    return content.getvalue()


def _size(stream: IO[bytes]) -> int | None:
    """Return how long a file is, None where it is a pipe or a device."""
    try:
        status = os.fstat(stream.fileno())
    except OSError:  # a stream in memory: io.UnsupportedOperation is one, too
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _room() -> int:
    """Return how large a file may be, for its content and its arrays to fit into memory."""
    have = memory.available()
    return sys.maxsize if have is None else max(have, memory.FLOOR) // _COPIES


def _too_large(name: str) -> InputError:
    return InputError(f"{name}: it does not fit into memory: give a smaller file")


def _load_npy(name: str, stream: IO[bytes], room: int) -> np.ndarray:
    """Return the array of a .npy file.

    Parameters
    ----------
    name
        What messages call it.
    stream
        Its bytes, of which no more are read than its shape asks for.
    room
        How many bytes its entries may take. Those are counted which are there, since a
        header may say anything.
    """
    try:
        shape, is_fortran, dtype = _header(stream)
    except Exception:  # noqa: BLE001 - numpy's header parser raises half a dozen kinds
        raise _damaged(name) from None
    if dtype.hasobject:
        raise _pickled(name)
    if dtype.names is not None or dtype.subdtype is not None or not dtype.itemsize:
        what = "no size" if dtype.names is None and not dtype.itemsize else "a type of several"
        raise InputError(f"{name}: entries of {what}: save an array of numbers")
    size = math.prod(shape) * dtype.itemsize
    content = io.BytesIO()
    while piece := stream.read(min(_PIECE, size - content.tell())):
        content.write(piece)
        if content.tell() > room:
            raise _too_large(name)
    if content.tell() != size:
        raise _damaged(name)
    flat = np.frombuffer(content.getbuffer(), dtype) if size else np.empty(0, dtype)
    try:
        return flat.reshape(shape, order="F" if is_fortran else "C")
    except ValueError:  # no entries, and an axis beyond any array
        raise _damaged(name) from None


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return shape, whether the first axis is the fastest, and type; see numpy.lib.format."""
    major, minor = stream.read(2)
    kind = "<H" if major == 1 else "<I"
    start = stream.read(struct.calcsize(kind))
    (length,) = struct.unpack(kind, start)
    if (major, minor) not in ((1, 0), (2, 0), (3, 0)) or length > _LONGEST_HEADER:
        raise ValueError
    header = io.BytesIO(start + stream.read(length))
    # It is a Python literal, about whose spelling the parser may have something to say.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Version 3 is version 2 with other names of fields, of which there must be none.
        parse = (np.lib.format.read_array_header_1_0, np.lib.format.read_array_header_2_0)
        shape, is_fortran, dtype = parse[major > 1](header)
    if any(axis < 0 for axis in shape):
        raise ValueError
    return shape, is_fortran, dtype


def _damaged(name: str) -> InputError:
    return InputError(f"{name}: a damaged .npy file: save it again")


def _pickled(name: str) -> InputError:
    return InputError(f"{name}: pickled objects, which can run code: save an array of numbers")


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
    arrays: dict[str, np.ndarray] = {}
    room = _room()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            for member in members:
                # These give a thousand times what a single piece holds, and more, in one go.
                if member.compress_type in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, _ZIP_ZSTANDARD):
                    raise InputError(
                        f"{path}: packed in a way that numpy does not: save it with numpy.savez"
                    )
            # Members that share their bytes can unpack to any size.
            if sum(member.compress_size for member in members) > len(content):
                raise zipfile.BadZipFile
            for member in members:
                name = member.filename.removesuffix(".npy")
                with archive.open(member) as stream:
                    if stream.read(len(_NPY_MAGIC)) != _NPY_MAGIC:
                        raise _pickled(f"{path}: {name}")
                    arrays[name] = _load_npy(f"{path}: {name}", stream, room)
                room -= arrays[name].nbytes
    except VanishError:
        raise
    except MemoryError:
        raise _too_large(path) from None
    except Exception:  # noqa: BLE001 - zipfile and zlib raise a dozen kinds for damaged bytes
        raise InputError(f"{path}: a damaged .npz file: save it again") from None
    return arrays


def _parse_text(name: str, content: bytes) -> FloatArray:
    """Return the rows of a text; of one number a line, an array of one axis."""
    # Not lists of lists: a number of two characters would take a hundred bytes.
    numbers = array("d")
    most = _room() // numbers.itemsize
    count = width = 0
    header: InputError | None = None
    try:
        for number, line in enumerate(text_lines(content), 1):
            row, words = array("d"), []
            for field in _fields(line):
                try:
                    row.append(float(field) if len(field) < _LONGEST_NUMBER else float(""))
                except ValueError:
                    words.append(field[:40])
                    break
            if words:
                error = InputError(
                    f"{name}: line {number}: {words[0]!r} is not a number: give numbers"
                    " separated by commas or blanks"
                )
                # The first line may be a header, if it is of words alone and numbers follow.
                if row or count or header or any(map(_is_number, _fields(line))):
                    raise error
                header = error
            elif count and row and len(row) != width:
                raise InputError(
                    f"{name}: line {number} has {len(row)} numbers, the first row {width}:"
                    " give rows of equal length"
                )
            elif row:
                count, width = count + 1, len(row)
                numbers += row
                if len(numbers) > most:
                    raise _too_large(name)
    except UnicodeDecodeError:
        raise InputError(f"{name}: neither .npy nor text: give one of them") from None
    except MemoryError:
        raise _too_large(name) from None
    if not count:
        raise header or InputError(f"{name}: no numbers in it: give one row a line")
    values = np.frombuffer(numbers)
    return values if width == 1 else values.reshape(count, width)


def text_lines(content: bytes) -> Iterator[str]:
    """Yield the lines of a text, without making a list of them.

    Raises
    ------
    UnicodeDecodeError
        If it is none.
    """
    with io.TextIOWrapper(io.BytesIO(content), "utf-8-sig") as text:
        for line in text:
            yield from line.splitlines()


def _fields(line: str) -> Iterable[str]:
    """Return what stands between commas and blanks, up to a comment."""
    line = line.partition("#")[0]
    if len(line) < _PIECE:
        return line.replace(",", " ").split()
    return (found[0] for found in re.finditer(r"[^\s,]+", line))


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True
