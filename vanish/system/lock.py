"""Files that one program at a time writes."""

from __future__ import annotations

import os
import stat
import time

from vanish.errors import OutputError
from vanish.system.atomic import reason, reported

# A program that was killed has a lock until its workers have noticed, see
# `sweeps.processes`: a quarter of a second, on a machine that has time for them.
_PATIENCE = 2.0
_AGAIN = 0.02


def open_locked(path: str, other: str) -> int:
    """Open a file to read and write, locked for as long as it is open; make it if need be.

    Parameters
    ----------
    path
        Its name.
    other
        Who else may have it, for the error.

    Returns
    -------
    int
        Its descriptor.

    Raises
    ------
    OutputError
        If it cannot be written or locked, is no regular file, or another program has it.
    """
    while True:
        with reported(path):
            file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise OutputError(f"{path}: no regular file: remove it")
            _lock(path, file, other)
            if _is_there(path, file):
                return file
        except BaseException:
            os.close(file)
            raise
        # Who had it has ended meanwhile, and removed it.
        os.close(file)


def _lock(path: str, file: int, other: str) -> None:
    try:
        import fcntl  # noqa: PLC0415 - not on Windows
    except ImportError:
        return
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise OutputError(
                    f"{path}: {other} is writing it: wait for it, or give another name"
                ) from None
            time.sleep(_AGAIN)
        except OSError as error:
            raise OutputError(
                f"{path}: it cannot be locked ({reason(error)}): give a file on another file system"
            ) from None
        else:
            return


def _is_there(path: str, file: int) -> bool:
    """Tell whether a file that is open is still the one of this name."""
    try:
        return os.path.samestat(os.fstat(file), os.stat(path))  # noqa: PTH116 - as open
    except FileNotFoundError:
        return False
