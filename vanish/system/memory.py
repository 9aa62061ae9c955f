"""What a run needs and what it may take, compared before anything is allocated."""

from __future__ import annotations

from vanish.errors import MemoryLimitError

# What needs no more is never refused: all numbers here are estimates, and a system that says
# that nothing is free usually finds some.
FLOOR = 32 * 10**6


def available() -> int | None:
    """Return how many bytes a new array may take, or None where the system does not tell."""
    from vanish.system import limits  # noqa: PLC0415 - start-up

    known = [each for each in (limits.free(), limits.allowed()) if each is not None]
    return min(known, default=None)


def fits(needed: int) -> bool:
    """Tell whether so many bytes are available; up to `FLOOR` they are taken to be."""
    if needed <= FLOOR:
        return True
    have = available()
    return have is None or needed <= have


def require(needed: int, what: str, remedy: str) -> None:
    """Refuse a run that does not fit.

    Parameters
    ----------
    needed
        Bytes; up to `FLOOR` they are taken to fit.
    what, remedy
        What takes them, and what to do about it, for the message.

    Raises
    ------
    MemoryLimitError
        If `needed` exceeds what is available.
    """
    if fits(needed):
        return
    from vanish.system import limits  # noqa: PLC0415 - start-up

    have, may = available() or 0, limits.allowed()
    raise MemoryLimitError(
        f"{what} needs {amount(needed)} of memory",
        f"this machine has {amount(have)} free"
        if may is None or may > have
        else f"this process may take {amount(have)}",
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
