"""The arrays of an .npz file."""

from __future__ import annotations

import io
from typing import IO, TYPE_CHECKING

from vanish.errors import InputError, VanishError, plain
from vanish.files.content import NPY_MAGIC, ZIP_MAGIC, empty, room, too_large
from vanish.files.npy import load_npy, pickled

if TYPE_CHECKING:
    from zipfile import ZipFile, ZipInfo

    import numpy as np

_ZIP_ZSTANDARD = 93


def is_archive(content: bytes) -> bool:
    """Tell whether these are the bytes of a zip file, such as an .npz file."""
    return content.startswith(ZIP_MAGIC)


def load_npz(path: str, content: bytes) -> dict[str, np.ndarray]:
    """Return all arrays of an .npz file with that content.

    Raises
    ------
    InputError
        If it is none, or holds pickled objects.
    """
    import zipfile  # noqa: PLC0415 - start-up

    if not content:
        raise empty(path)
    if not is_archive(content):
        raise no_archive(path)
    arrays: dict[str, np.ndarray] = {}
    left = room()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in members_of(path, archive, len(content)):
                name = name_of(member)
                if name in arrays:
                    raise twice(path, name)
                with opened(path, archive, member) as stream:
                    arrays[name] = load_npy(f"{path}: {name}", stream, left)
                left -= arrays[name].nbytes
    except VanishError:
        raise
    except MemoryError:
        raise too_large(path) from None
    except Exception:  # noqa: BLE001 - zipfile and zlib raise a dozen kinds for damaged bytes
        raise damaged(path) from None
    return arrays


def twice(path: str, name: str) -> InputError:
    """Return the error for two arrays of one name, of which a reader would take either."""
    return InputError(f"{path}: two arrays in it are called {plain(name)!r}: keep one of them")


def no_archive(path: str) -> InputError:
    """Return the error for what is no .npz file at all."""
    return InputError(f"{path}: not an .npz file: save one with numpy.savez")


def damaged(path: str) -> InputError:
    """Return the error for an archive that cannot be read."""
    return InputError(f"{path}: a damaged .npz file: save it again")


def members_of(path: str, archive: ZipFile, size: int) -> list[ZipInfo]:
    """Return the members of an archive, having checked that they can be unpacked.

    Parameters
    ----------
    path
        What messages call it.
    archive
        It, open.
    size
        Of its file, in bytes.

    Raises
    ------
    InputError
        If one is packed as numpy packs none.
    BadZipFile
        If they share bytes.
    """
    import zipfile  # noqa: PLC0415 - start-up

    members = archive.infolist()
    for member in members:
        # These give a thousand times what a single piece holds, and more, in one go.
        if member.compress_type in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, _ZIP_ZSTANDARD):
            raise InputError(
                f"{path}: packed in a way that numpy does not: save it with numpy.savez"
            )
    # Members that share their bytes can unpack to any size.
    if sum(member.compress_size for member in members) > size:
        raise zipfile.BadZipFile
    return members


def name_of(member: ZipInfo) -> str:
    """Return the name of the array that a member is."""
    return member.filename.removesuffix(".npy")


def opened(path: str, archive: ZipFile, member: ZipInfo) -> IO[bytes]:
    """Open a member of an archive, behind what every array begins with.

    Raises
    ------
    InputError
        If it is no array.
    """
    stream = archive.open(member)
    if stream.read(len(NPY_MAGIC)) != NPY_MAGIC:
        stream.close()
        raise pickled(f"{path}: {name_of(member)}")
    return stream
