"""The arrays of an .npz file that are read when they are asked for.

What is not compressed is read from its place; what is, is unpacked from its beginning each time.
"""

from __future__ import annotations

import struct
import zipfile
from typing import IO, TYPE_CHECKING

import numpy as np

from vanish.errors import VanishError
from vanish.files.content import ZIP_MAGIC
from vanish.files.npy import damaged as damaged_array
from vanish.files.npy import read_header
from vanish.files.npz import damaged, members_of, name_of, no_archive, opened, twice
from vanish.files.numbertypes import NumberType
from vanish.files.stored import PIECE, Checkpoint, Stored, open_file, pieces_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import ExitStack

    from vanish.files.numbertypes import Array

NAME = "npz"

# A member's own header: its length without the name and what else is of any length, and the
# place of the lengths of these two. APPNOTE.TXT, 4.3.7.
_MEMBER_HEADER, _LENGTHS = 30, struct.Struct("<26xHH")


def checkpoint(path: str, files: ExitStack) -> Checkpoint:
    """Return what an .npz file holds.

    Parameters
    ----------
    path
        The file.
    files
        What closes it.

    Raises
    ------
    InputError
        If it cannot be read, is none, or holds pickled objects.
    """
    stream, size = open_file(path, files)
    try:
        if stream.read(len(ZIP_MAGIC)) != ZIP_MAGIC:
            raise no_archive(path)
        archive = files.enter_context(zipfile.ZipFile(stream))
        members = members_of(path, archive, size)
        names = [name_of(each) for each in members]
        if len({*names}) < len(names):
            raise twice(path, next(name for name in names if names.count(name) > 1))
        arrays = tuple(_stored(path, archive, each, stream, size) for each in members)
    except VanishError:
        raise
    except Exception:  # noqa: BLE001 - zipfile and zlib raise a dozen kinds for damaged bytes
        raise damaged(path) from None
    return Checkpoint(NAME, arrays, {}, size)


def _stored(
    path: str, archive: zipfile.ZipFile, member: zipfile.ZipInfo, stream: IO[bytes], size: int
) -> Stored:
    name = name_of(member)
    with opened(path, archive, member) as unpacked:
        shape, is_fortran, dtype = read_header(f"{path}: {name}", unpacked)
        begin = unpacked.tell()
    numbers = dtype.kind in "fiubc"
    kind = NumberType(
        dtype.name if numbers else "text" if dtype.kind in "US" else str(dtype),
        8 * dtype.itemsize,
        dtype.str if numbers else "",
    )
    found = Stored(path, name, shape, kind, _no_pieces, is_fortran)
    if member.compress_type != zipfile.ZIP_STORED:
        return found._replace(pieces=_unpacked(found, dtype, archive, member, begin))
    stream.seek(member.header_offset)
    behind = sum(_LENGTHS.unpack(stream.read(_MEMBER_HEADER)))
    start = member.header_offset + _MEMBER_HEADER + behind + begin
    if start + found.size * dtype.itemsize > size:
        raise damaged_array(f"{path}: {name}")
    return found._replace(pieces=pieces_at(path, stream, start, found.size, kind))


def _no_pieces() -> Iterator[Array]:
    return iter(())


def _unpacked(
    stored: Stored,
    dtype: np.dtype[np.generic],
    archive: zipfile.ZipFile,
    member: zipfile.ZipInfo,
    begin: int,
) -> Callable[[], Iterator[Array]]:
    """Return what yields the numbers of a compressed array."""

    def pieces() -> Iterator[Array]:
        try:
            with archive.open(member) as unpacked:
                unpacked.read(begin)
                for first in range(0, stored.size, PIECE):
                    wanted = min(PIECE, stored.size - first) * dtype.itemsize
                    content = unpacked.read(wanted)
                    if len(content) != wanted:
                        raise damaged_array(f"{stored.source}: {stored.name}")
                    yield np.frombuffer(content, dtype)
        except VanishError:
            raise
        except Exception:  # noqa: BLE001 - zipfile and zlib raise a dozen kinds
            raise damaged(stored.source) from None

    return pieces
