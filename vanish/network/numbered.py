"""Names that differ in numbers only, drawn together: layers.{0-11}.mlp.fc1."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vanish.numbers.words import spans
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

# A number as a count is written: 01 is none, and longer ones count nothing.
_NUMBER = re.compile(r"(?<!\d)(0|[1-9][0-9]{0,8})(?!\d)")

# Names with more numbers are no blocks in blocks, and are not compared.
_MOST_NUMBERS = 8


class Numbered(Record):
    """Names that are the same but for their numbers.

    Attributes
    ----------
    name
        What stands for all of them; a single one as it is.
    members
        Their places in the list that was given, ascending.
    """

    name: str
    members: tuple[int, ...]


class _Drawn(Record):
    """Names with the same words, and the numbers that stand between these."""

    words: tuple[str, ...]
    numbers: tuple[tuple[int, ...], ...]
    members: tuple[int, ...]
    kind: Hashable


def drawn_together(names: Iterable[tuple[str, Hashable]]) -> list[Numbered]:
    """Return names drawn together, in the order of the first of each.

    Every one is a full product: ``a.{0-1}.b.{0-2}`` stands for six names.

    Parameters
    ----------
    names
        Each with what else must be alike.
    """
    found = []
    for place, (name, kind) in enumerate(names):
        parts = _NUMBER.split(name)
        if len(parts) > 2 * _MOST_NUMBERS:
            parts = [name]
        numbers = tuple((int(number),) for number in parts[1::2])
        found.append(_Drawn(tuple(parts[::2]), numbers, (place,), kind))
    for at in range(_MOST_NUMBERS):
        found = _drawn_at(found, at)
    return [Numbered(_name(each), each.members) for each in found]


def _drawn_at(found: list[_Drawn], at: int) -> list[_Drawn]:
    """Return the names with those drawn together that differ in their number at one place."""
    alike: dict[Hashable, list[_Drawn]] = {}
    for each in found:
        others = (*each.numbers[:at], *each.numbers[at + 1 :])
        # What has no such number stays alone.
        key = each.members if len(each.numbers) <= at else (each.words, others, each.kind)
        alike.setdefault(key, []).append(each)
    return [each[0] if len(each) == 1 else _union(each, at) for each in alike.values()]


def _union(several: list[_Drawn], at: int) -> _Drawn:
    first = several[0]
    numbers = sorted({number for each in several for number in each.numbers[at]})
    members = sorted(member for each in several for member in each.members)
    drawn = (*first.numbers[:at], tuple(numbers), *first.numbers[at + 1 :])
    return first._replace(numbers=drawn, members=tuple(members))


def _name(drawn: _Drawn) -> str:
    first, *others = drawn.words
    return first + "".join(
        f"{_listed(numbers)}{word}" for numbers, word in zip(drawn.numbers, others, strict=True)
    )


def _listed(numbers: tuple[int, ...]) -> str:
    if len(numbers) == 1:
        return str(numbers[0])
    return f"{{{spans(numbers).replace(' ', '')}}}"
