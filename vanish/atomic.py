"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from vanish.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

# The file name that means standard input or standard output.
STANDARD_STREAM = "-"


@contextmanager
def replacing(path: str) -> Iterator[BinaryIO]:
    """Open a file to write whole or not at all.

    The bytes go to a temporary file beside it that takes its place at the end, and is
    removed if anything goes wrong. What is not a regular file (a device, a pipe) is
    written directly.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    from tempfile import mkstemp  # noqa: PLC0415 - start-up

    target = Path(path)
    try:
        check_writable(path)
        if target.exists() and not target.is_file():
            with target.open("wb") as stream:
                yield stream
            return
        with suppress(FileNotFoundError):
            target.stat()  # a link to itself is an error here, and not in every resolve()
        target = target.resolve()
        handle, temporary = mkstemp(dir=target.parent, prefix=".vanish-")
        try:
            with os.fdopen(handle, "wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            Path(temporary).chmod(_mode(target))
            Path(temporary).replace(target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OutputError(f"{path}: {reason(error)}: give a file that can be written") from None


def check_writable(path: str) -> None:
    """Refuse what cannot be a file to write, as far as that shows beforehand.

    Raises
    ------
    OutputError
        If it is a directory, or read-only.
    """
    target = Path(path)
    if target.is_dir():
        raise OutputError(f"{path}: a directory: give the name of a file")
    effective = os.access in os.supports_effective_ids
    if target.exists() and not os.access(target, os.W_OK, effective_ids=effective):
        raise OutputError(f"{path}: it is read-only: give another name")


def _mode(target: Path) -> int:
    """Return the permissions that a plain open() would have left the file with."""
    if target.exists():
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def reason(error: OSError) -> str:
    """Return what the system says is wrong, as part of a sentence."""
    return (error.strerror or str(error)).lower()
