"""The bytes of a file that may be anything, and as long as it likes."""

from __future__ import annotations

import io
import os
import stat
import sys
from pathlib import Path
from typing import IO

from vanish.errors import InputError
from vanish.system import memory
from vanish.system.atomic import STANDARD_STREAM, reason

# How files of arrays begin: .npy, and zip archives such as .npz.
NPY_MAGIC = b"\x93NUMPY"
ZIP_MAGIC = b"PK"

# The bytes of a file, its array, and that array as float64.
_COPIES = 3

# More text takes minutes to read, and is better given as an array; and what comes from a pipe or
# a device may have no end. In bytes.
LARGEST_TEXT = 250 * 10**6

# So much is read at a time, in bytes.
PIECE = 2**20


def read_bytes(path: str, *, binary: bool = False) -> bytes:
    """Read a file that may be endless.

    A file of arrays may be as large as memory has room for; text, and whatever comes from a
    pipe or a device, up to `LARGEST_TEXT`.

    Parameters
    ----------
    path
        The file.
    binary
        Whether it is of a format that is no text and does not tell itself by its first bytes.

    Raises
    ------
    InputError
        If it cannot be read, is too large, or is neither text nor a file of arrays.
    """
    require_name(path)
    try:
        if path == STANDARD_STREAM:
            if sys.stdin is None:
                raise InputError("standard input is closed: give a file")
            return _read(path, sys.stdin.buffer, binary=binary)
        with Path(path).open("rb") as stream:
            content = _read(path, stream, binary=binary)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        why = reason(error) if isinstance(error, OSError) else str(error)
        raise InputError(f"{path}: {why}: give a file that can be read") from None
    except (MemoryError, OverflowError):
        raise too_large(_called(path)) from None
    if binary and not content:
        raise empty(path)
    return content


def require_name(path: str) -> None:
    """Refuse a file that is not named.

    Raises
    ------
    InputError
        If its name is empty.
    """
    if not path:
        raise InputError("an empty file name: give a file that can be read")


def _called(path: str) -> str:
    return "standard input" if path == STANDARD_STREAM else path


def _read(path: str, stream: IO[bytes], *, binary: bool) -> bytes:
    """Read to the end, a piece at a time: one read takes memory for all that it asks for."""
    name = _called(path)
    most = room()
    size = _size(stream)
    if size is not None and size > most:
        raise too_large(name)
    content = io.BytesIO()
    while piece := stream.read(PIECE):
        content.write(piece)
        if content.tell() == len(piece):
            is_text = not (binary or piece.startswith((NPY_MAGIC, ZIP_MAGIC)))
        # Not to wait for the end of a device; a short text is told by its line.
        if is_text and len(piece) == PIECE and b"\0" in piece:
            raise InputError(f"{name}: neither .npy nor text: give one of them")
        if content.tell() > LARGEST_TEXT and (is_text or size is None):
            kind = "text" if is_text else "a pipe"
            raise InputError(
                f"{name}: more than {memory.amount(LARGEST_TEXT)} by {kind}: give less, or a"
                " .npy or .npz file"
            )
        if content.tell() > most:
            raise too_large(name)
    return content.getvalue()


def _size(stream: IO[bytes]) -> int | None:
    """Return how long a file is, None where it is a pipe or a device."""
    try:
        status = os.fstat(stream.fileno())
    except OSError:  # a stream in memory: io.UnsupportedOperation is one, too
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def room() -> int:
    """Return how large a file may be, for its content and its arrays to fit into memory."""
    have = memory.available()
    return sys.maxsize if have is None else max(have, memory.FLOOR) // _COPIES


def empty(name: str) -> InputError:
    """Return the error for a file of no bytes."""
    return InputError(f"{name}: an empty file: save it again, or give another one")


def too_large(name: str) -> InputError:
    """Return the error for a file that does not fit into memory."""
    return InputError(f"{name}: it does not fit into memory: give a smaller file")
