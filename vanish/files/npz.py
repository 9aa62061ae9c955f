"""The arrays of an .npz file."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from vanish.errors import InputError, VanishError
from vanish.files.content import NPY_MAGIC, ZIP_MAGIC, room, too_large
from vanish.files.npy import load_npy, pickled

if TYPE_CHECKING:
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

    if not is_archive(content):
        raise InputError(f"{path}: not an .npz file: save one with numpy.savez")
    arrays: dict[str, np.ndarray] = {}
    left = room()
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
                    if stream.read(len(NPY_MAGIC)) != NPY_MAGIC:
                        raise pickled(f"{path}: {name}")
                    arrays[name] = load_npy(f"{path}: {name}", stream, left)
                left -= arrays[name].nbytes
    except VanishError:
        raise
    except MemoryError:
        raise too_large(path) from None
    except Exception:  # noqa: BLE001 - zipfile and zlib raise a dozen kinds for damaged bytes
        raise InputError(f"{path}: a damaged .npz file: save it again") from None
    return arrays
