"""Ranges of numbers on the command line: first:last:count, and what was taken of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vanish.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

# A longer one is a slip of the finger.
_LONGEST = 1_000_000


def numbers(option: str, listed: str) -> list[float]:
    """Return the numbers that a list of numbers and ranges names, in its order.

    A range ``first:last:count`` is that many equally spaced numbers, both ends included.

    Parameters
    ----------
    option
        What the list was given for.
    listed
        The list.

    Raises
    ------
    UsageError
        If an item is neither, or a range has no or too many numbers.
    """
    found: list[float] = []
    for item in listed.split(","):
        if ":" not in item:
            found.append(_ends(option, item)[0])
            continue
        first, last, count = _ends(option, item)
        step = (last - first) / max(count - 1, 1)
        found += [last if i and i == count - 1 else first + i * step for i in range(count)]
    return found


def _ends(option: str, item: str) -> tuple[float, float, int]:
    """Return the ends of a range and how many numbers it has; a number alone is one of one."""
    parts = item.split(":")
    try:
        if len(parts) == 1:
            return float(item), float(item), 1
        first, last, count = float(parts[0]), float(parts[1]), int(parts[2])
        if len(parts) != 3 or not math.isfinite(last - first) or not 1 <= count <= _LONGEST:
            raise ValueError
    except (ValueError, IndexError):
        raise UsageError(
            f"{option}: {item!r} is neither a number nor a range first:last:count of 1 to"
            f" {_LONGEST:,} numbers: give one of them"
        ) from None
    return first, last, count


def whole_numbers(option: str, items: Iterable[str]) -> list[int]:
    """Return the whole numbers that numbers and ranges name, unrounded however large.

    Parameters
    ----------
    option
        What they were given for.
    items
        Each of them.

    Raises
    ------
    UsageError
        If an item is neither, or one of its numbers is not whole.
    """
    found: list[int] = []
    for item in items:
        whole = _whole(item)
        if whole is not None:
            found += whole
            continue
        every = numbers(option, item)
        if not all(number.is_integer() for number in every):
            raise UsageError(_not_whole(option, item))
        found += map(int, every)
    return found


def _whole(item: str) -> list[int] | None:
    """Return the numbers of an item if all are whole; for anything else None.

    A float would round large ones.
    """
    try:
        first, last, count = map(int, (item if ":" in item else f"{item}:{item}:1").split(":"))
    except ValueError:
        return None
    if not 1 <= count <= _LONGEST:
        return None
    step, rest = divmod(last - first, max(count - 1, 1))
    return None if rest else [first + i * step for i in range(count)]


def _not_whole(option: str, item: str) -> str:
    parts = item.split(":")
    if len(parts) == 1:
        return f"{option} {item}: give whole numbers"
    first, last, count = parts
    return (
        f"{option} {item}: {count} numbers from {first} to {last} at equal distances are not all"
        " whole: give another count, which is how many there are and no step"
    )


def ends(given: Iterable[str]) -> list[str]:
    """Return the two ends of each range, as they were given; of numbers alone there are none."""
    items = _ranges(given)
    return [end for item in items for end in item.split(":")[:2]]


def _ranges(given: Iterable[str]) -> list[str]:
    items = [item.strip() for text in given if "=" not in text for item in text.split(",")]
    return [item for item in items if ":" in item]


def told(option: str, given: Iterable[str]) -> list[str]:
    """Return what was taken of each range, a sentence each.

    Parameters
    ----------
    option
        What they were given for.
    given
        Lists of numbers and ranges that `numbers` takes; what sets numbers by letters has none.
    """
    return [_taken(option, item) for item in _ranges(given)]


def _taken(option: str, item: str) -> str:
    first, last, count = _ends(option, item)
    if count == 1:
        return f"{option} {item}: 1 number, {first:g}"
    if first == last:
        return f"{option} {item}: {count:,} times {first:g}"
    apart = abs(last - first) / (count - 1)
    # Where a step of that size fits, too, one may have been meant.
    is_like_a_step = first.is_integer() and last.is_integer() and not (last - first) % count
    warning = f"; {count} is how many, and no step" if is_like_a_step and count > 2 else ""
    return (
        f"{option} {item}: {count:,} numbers from {first:g} to {last:g}, {apart:g} apart{warning}"
    )
