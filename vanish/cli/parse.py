"""What the text of options means: lists, sizes, numbers and ranges."""

from __future__ import annotations

import math
import re
import sys
from typing import TYPE_CHECKING, Any, TypeVar

from vanish.errors import UsageError
from vanish.simulation.names import ACTIVATIONS, ALL
from vanish.simulation.option import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import typer

    from vanish.network.arrays import Rows
    from vanish.simulation.option import Option

Converted = TypeVar("Converted")

# Each takes memory of its own; a longer list is a slip of the finger.
_MOST_SIZES = 10_000_000


def converted(given: str | None, convert: Callable[[str], Converted]) -> Converted | None:
    """Return what an option's text means, None where it was not given."""
    return None if given is None else convert(given)


def was_given(ctx: typer.Context, name: str) -> bool:
    """Tell whether a parameter stands on the command line."""
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def split_list(values: Iterable[str] | None, option: str) -> list[str]:
    """Return the items of an option that may be repeated, comma-separated, or both.

    Raises
    ------
    UsageError
        If an item is empty.
    """
    from vanish.network.registry import apart

    items: list[str] = []
    for value in values or ():
        found = [item.strip() for item in apart(value)]
        if found == [""]:
            raise UsageError(f"{option} {value!r}: it is empty: give something, or leave it out")
        if not all(found):
            raise UsageError(f"{option} {value!r}: an empty name in it: leave out a comma")
        items += found
    return items


def acts(values: Iterable[str] | None, option: str) -> list[str]:
    """Return the activations that an option lists; all that are built in for ``all``.

    Raises
    ------
    UsageError
        If an item is empty.
    """
    return [
        each
        for item in split_list(values, option)
        for each in (ACTIVATIONS.split(", ") if item.lower() == ALL else [item])
    ]


def names(values: Iterable[str] | None, option: str, kind: str, known: str) -> set[str]:
    """Return the known names that an option lists, in any spelling.

    Parameters
    ----------
    values, option
        As for `split_list`.
    kind
        What a name should name.
    known
        Every name that would be right, with commas between them.

    Raises
    ------
    UsageError
        If an item is none of them.
    """
    from vanish.network.registry import choice

    return {choice(kind, each, known.split(", ")) for each in split_list(values, option)}


def split_sizes(widths: str) -> tuple[int, ...]:
    """Return the sizes that --widths lists.

    Raises
    ------
    UsageError
        If an item is no whole number.
    """
    sizes: list[int] = []
    for item in split_list([widths], "--widths"):
        try:
            size, count = _repeated(item)
            n = int(size)
        except ValueError:
            raise UsageError(
                f"--widths {widths!r}: {item!r} is not a whole number, or one so many times: give"
                " sizes such as 784,30,30,10, or 784,30x2,10"
            ) from None
        if not 1 <= count <= _MOST_SIZES - len(sizes):
            raise UsageError(
                f"--widths {widths!r}: {item!r}: give 1 to {_MOST_SIZES:,} sizes in all"
            )
        sizes += [n] * count
    return tuple(sizes)


def _repeated(item: str) -> tuple[str, int]:
    """Return what an item such as 30x2 says, and how many times: once where nothing is said.

    Raises
    ------
    ValueError
        If what stands behind the x is no whole number.
    """
    what, cross, times = item.replace("×", "x").partition("x")
    return what, int(times) if cross else 1


def split_acts(names: str) -> tuple[str, ...]:
    """Return the activations that --layer-acts lists.

    Raises
    ------
    UsageError
        If an item is empty.
    """
    return tuple(split_list([names], "--layer-acts"))


def gains(given: str) -> float | tuple[float, ...]:
    """Return the number of --gain, or its numbers, one a layer.

    Raises
    ------
    UsageError
        If an item is no number.
    """
    found: list[float] = []
    for item in given.split(","):
        try:
            number, count = _repeated(item)
            gain = float(number)
        except ValueError:
            count = 0
        if not 1 <= count <= _MOST_SIZES - len(found):
            raise UsageError(
                f"--gain {given!r}: give a number above 0, or one a layer such as 1.4,1.4,0.01, or"
                " 1.4x19,0.01"
            )
        found += [gain] * count
    return tuple(found) if len(found) > 1 else found[0]


def stds(given: str) -> float | tuple[tuple[str, float], ...]:
    """Return the number of --weight-std, or the numbers that it has by letters.

    Raises
    ------
    UsageError
        If there is no number.
    """
    try:
        if "=" not in given:
            return float(given)
        pairs = [item.split("=") for item in given.split(",")]
        found = {letter.strip(): float(number) for letter, number in pairs}
    except ValueError:
        found = {}
    if not all(found) or len(found) < max(1, given.count("=")):
        raise UsageError(
            f"--weight-std {given!r}: give a number, or one a letter such as W=1.5,V=0.1"
        )
    return tuple(found.items())


def axis(option: Option, given: Sequence[str]) -> list[Any]:
    """Return the values on the axis of a sweep that a setting is.

    Parameters
    ----------
    option
        The setting. Files of networks are named only: how they are read is said elsewhere.
    given
        The text of each of its occurrences.

    Raises
    ------
    UsageError
        If a text means no such value.
    """
    from vanish.cli import ranges

    if option.kind is Kind.COUNT:
        return ranges.whole_numbers(option.flag, split_list(given, option.flag))
    if option.kind in (Kind.NUMBER, Kind.NUMBERS):
        return [number for each in given for number in ranges.numbers(option.flag, each)]
    if option.kind is Kind.STDS:
        return [
            number
            for each in given
            for number in ([stds(each)] if "=" in each else ranges.numbers(option.flag, each))
        ]
    if option.kind is Kind.ACT:
        return acts(given, option.flag)
    if option.kind in _ONE_A_TEXT:
        return [_ONE_A_TEXT[option.kind](each) for each in given]
    return split_list(given, option.flag)


def size(given: str) -> int:
    """Return the bytes that a text such as 500MB, 2G or 1.5 GiB means.

    Raises
    ------
    UsageError
        If it is none, or not above 0.
    """
    found = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([KMGT]?)(i?)B?\s*", given, re.IGNORECASE)
    if found is None or not 0.0 < float(found[1]) < math.inf:
        raise UsageError(f"{given!r} is no amount of memory: give one such as 500MB or 2GB")
    power = "KMGT".find(found[2].upper()) + 1 if found[2] else 0
    unit = (1024 if found[3] else 1000) ** power
    # No machine has as much as float64's end.
    return max(1, int(min(float(found[1]) * unit, sys.float_info.max)))


def rows(path: str) -> Rows:
    """Read a file of rows, see `files.rows`."""
    from vanish.files.rows import read_rows

    return read_rows(path)


# Of these, every occurrence of the option is one value.
_ONE_A_TEXT: Mapping[Kind, Callable[[str], Any]] = {
    Kind.ACTS: split_acts,
    Kind.SIZES: split_sizes,
    Kind.ROWS: rows,
    Kind.NETWORK: str,
}
