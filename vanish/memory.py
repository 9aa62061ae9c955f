"""What a run needs and what the machine has, compared before anything is allocated."""

from __future__ import annotations

import os
import re
from pathlib import Path

from vanish.errors import MemoryLimitError


def available() -> int | None:
    """Return how many bytes a new array may take, or None where the system does not tell.

    On Linux that is what it can free without swapping; elsewhere all that is installed.
    """
    try:
        found = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text("ascii"))
        if found:
            return int(found[1]) * 1024
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def require(needed: int, what: str, remedy: str) -> None:
    """Refuse a run that does not fit.

    Parameters
    ----------
    needed
        Bytes.
    what, remedy
        What takes them, and what to do about it, for the message.

    Raises
    ------
    MemoryLimitError
        If `needed` exceeds what is available.
    """
    have = available()
    if have is not None and needed > have:
        raise MemoryLimitError(
            f"{what} needs {_gigabytes(needed)} of memory, this machine has"
            f" {_gigabytes(have)} free: {remedy}"
        )


def _gigabytes(size: int) -> str:
    # Decimal units, as disks and memory are sold; an integer, for sizes beyond a float.
    tenths = size // 10**8
    return f"{tenths // 10:,}.{tenths % 10} GB" if tenths < 10**7 else "more than 1,000,000 GB"
