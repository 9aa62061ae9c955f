"""Names of layers that repeat, drawn together: ``layers.{0-3}.linear1``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.numbers.words import spans
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence


class _Group(Record):
    """Names that are one: its parts, those that are numbers still so, and whose they are."""

    parts: tuple[int | str, ...]
    places: tuple[int, ...]
    like: Hashable


def folded(names: Sequence[str], alike: Sequence[Hashable]) -> list[tuple[str, tuple[int, ...]]]:
    """Return names with those that differ in one number alone drawn together.

    The number of a block is folded, ``blocks.{0-11}.mlp``; a last part is a layer's own name, as
    in an nn.Sequential, and stays. Outer blocks are folded before inner ones.

    Parameters
    ----------
    names
        Names whose parts are divided by dots.
    alike
        Of each what has to be equal, such as its shape.

    Returns
    -------
    list
        Each name with the places of those that it stands for, in the order of the first ones.

    Examples
    --------
    >>> folded(["in", "block.0.fc", "block.1.fc"], ["", "", ""])
    [('in', (0,)), ('block.{0-1}.fc', (1, 2))]
    """
    groups = [
        _Group(_parts(name), (i,), like)
        for i, (name, like) in enumerate(zip(names, alike, strict=True))
    ]
    for place in range(max((len(group.parts) for group in groups), default=0)):
        groups = _folded_at(place, groups)
    return [
        (names[group.places[0]] if len(group.places) == 1 else _joined(group.parts), group.places)
        for group in groups
    ]


def _parts(name: str) -> tuple[int | str, ...]:
    return tuple(int(part) if part.isdecimal() else part for part in name.split("."))


def _folded_at(place: int, groups: Sequence[_Group]) -> list[_Group]:
    """Fold the numbers that stand at one place."""
    found: dict[Hashable, list[_Group]] = {}
    for i, group in enumerate(groups):
        parts = group.parts
        inner = place < len(parts) - 1 and isinstance(parts[place], int)
        # As many of each: folded inner blocks of other numbers are other names.
        key = (parts[:place], parts[place + 1 :], group.like) if inner else i
        found.setdefault(key, []).append(group)
    return [_together(place, each) for each in found.values()]


def _together(place: int, groups: Sequence[_Group]) -> _Group:
    if len(groups) == 1:
        return groups[0]
    parts, _, like = groups[0]
    numbers = sorted(int(group.parts[place]) for group in groups)
    braced = f"{{{spans(numbers).replace(' ', '')}}}"
    places = tuple(sorted(i for group in groups for i in group.places))
    return _Group((*parts[:place], braced, *parts[place + 1 :]), places, like)


def _joined(parts: Sequence[int | str]) -> str:
    return ".".join(map(str, parts))
