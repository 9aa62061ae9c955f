"""Reading one vector or a batch of rows: .npy or text, checked on the way in."""

from __future__ import annotations

import io

from vanish.errors import InputError, plain
from vanish.files.content import NPY_MAGIC, read_bytes, room
from vanish.files.npy import load_npy
from vanish.files.npz import is_archive
from vanish.files.text import parse_text
from vanish.network.arrays import Rows
from vanish.system.atomic import STANDARD_STREAM


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
    if content.startswith(NPY_MAGIC):
        stream = io.BytesIO(content)
        stream.seek(len(NPY_MAGIC))
        values = load_npy(name, stream, room())
    elif is_archive(content):
        raise InputError(f"{name}: a zip or npz archive: give one array, as .npy or text")
    else:
        values = parse_text(name, content)
    return Rows(values, name)
