"""Arrays that lie in a file until they are asked for, and are read a piece at a time.

Not mapped into memory: pages of a mapped file that were read count as taken, and a file that
becomes shorter meanwhile ends the program.
"""

from __future__ import annotations

import math
import os
import stat
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from vanish.errors import InputError
from vanish.files.content import empty, require_name, room, too_large
from vanish.records import Record
from vanish.system.atomic import reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import ExitStack

    from vanish.files.numbertypes import Array, NumberType

# So many numbers are read at a time: as float64 8 MB.
PIECE = 2**20


class Stored(Record):
    """An array of a file.

    Attributes
    ----------
    source, name
        What messages call the file, and the array.
    shape, kind
        Its shape and the type of its numbers.
    pieces
        Yields its numbers, flat, in types that numpy has; not more than `PIECE` at a time.
    first_axis_fastest
        Whether they lie in Fortran's order.
    """

    source: str
    name: str
    shape: tuple[int, ...]
    kind: NumberType
    pieces: Callable[[], Iterator[Array]]
    first_axis_fastest: bool = False

    @property
    def ndim(self) -> int:
        """How many axes it has."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)

    def array(self) -> Array:
        """Return all of it.

        Raises
        ------
        InputError
            If it does not fit into memory, or its numbers are of a type that cannot be read.
        """
        if not self.kind.storage:
            raise InputError(
                f"{self.source}: {self.name} has numbers of type {self.kind.name}, which cannot be"
                " read: save them as float32"
            )
        # As float64, whatever it is now.
        if 8 * self.size > room():
            raise too_large(f"{self.source}: {self.name}")
        try:
            found = [*self.pieces()]
            flat = np.concatenate(found) if found else np.empty(0)
        except MemoryError:
            raise too_large(f"{self.source}: {self.name}") from None
        try:
            return flat.reshape(self.shape, order="F" if self.first_axis_fastest else "C")
        except ValueError:  # no entries, and an axis beyond any array
            raise too_large(f"{self.source}: {self.name}") from None

    def closed(self) -> Stored:
        """Return what it is without what reads it: its file is closed, and a pickle has none."""
        return self._replace(pieces=_closed)


def _closed() -> Iterator[Array]:
    raise InputError("the file of this array is closed: give its name to vanish.load")


class Checkpoint(Record):
    """What a file of arrays holds.

    Attributes
    ----------
    format
        The format's name.
    arrays
        All arrays, in the order of the file.
    notes
        Texts beside them, by name.
    size
        Of the file, in bytes.
    """

    format: str
    arrays: tuple[Stored, ...]
    notes: Mapping[str, str]
    size: int


def open_file(path: str, files: ExitStack) -> tuple[IO[bytes], int]:
    """Open a file that is read here and there; return it with its size in bytes.

    Parameters
    ----------
    path
        The file, no pipe and no device.
    files
        What closes it.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    require_name(path)
    try:
        # A pipe without a writer would be waited for.
        if not stat.S_ISREG(Path(path).stat().st_mode):
            what = "a directory" if Path(path).is_dir() else "no regular file"
            raise InputError(f"{path}: {what}: give a file")
        stream = files.enter_context(Path(path).open("rb"))  # noqa: SIM115 - `files` closes it
        size = os.fstat(stream.fileno()).st_size
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        why = reason(error) if isinstance(error, OSError) else str(error)
        raise InputError(f"{path}: {why}: give a file that can be read") from None
    if not size:
        raise empty(path)
    return stream, size


def pieces_at(
    path: str, stream: IO[bytes], start: int, size: int, kind: NumberType
) -> Callable[[], Iterator[Array]]:
    """Return what yields the numbers that lie somewhere in a file.

    Parameters
    ----------
    path
        What messages call the file.
    stream
        It, open.
    start, size
        Where they begin, in bytes, and how many there are.
    kind
        Their type.
    """

    def pieces() -> Iterator[Array]:
        storage = np.dtype(kind.storage)
        for first in range(0, size, PIECE):
            wanted = min(PIECE, size - first) * storage.itemsize
            try:
                stream.seek(start + first * storage.itemsize)
                content = stream.read(wanted)
            except OSError as error:
                raise InputError(f"{path}: {reason(error)}: see to it, and try again") from None
            if len(content) != wanted:
                raise InputError(f"{path}: it became shorter while it was read: try again")
            found = np.frombuffer(content, storage)
            yield found if kind.decoded is None else kind.decoded(found)

    return pieces
