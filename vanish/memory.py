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
            f"{what} needs {amount(needed)} of memory",
            f"this machine has {amount(have)} free",
            remedy,
        )


def amount(size: int) -> str:
    """Return a number of bytes as people read it, in decimal units, as memory is sold."""
    if size >= 10**15:
        return "more than 1,000,000 GB"
    power, unit = next(
        (p, u) for p, u in ((9, "GB"), (6, "MB"), (3, "kB"), (0, "bytes")) if size >= 10**p or not p
    )
    # Of an integer, for sizes beyond a float.
    tenths = 10 * size // 10**power
    return f"{tenths // 10:,}.{tenths % 10} {unit}" if power else f"{size} {unit}"
