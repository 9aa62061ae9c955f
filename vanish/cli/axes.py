"""The axes of a sweep: how the text of each of them is read, as lists and ranges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vanish.cli import parse
from vanish.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def _one_list(convert: Callable[[str], Any]) -> Callable[[str, Sequence[str]], list[Any]]:
    """Return a reader for an option whose every occurrence is one value."""
    return lambda _, given: [convert(each) for each in given]


def _whole_numbers(option: str, given: Sequence[str]) -> list[int]:
    numbers: list[int] = []
    for item in parse.split_list(given, option):
        # As they stand: a float would round large ones. A number alone is a range of one.
        whole = parse.whole_range(item if ":" in item else f"{item}:{item}:1")
        if whole is not None:
            numbers += whole
            continue
        for number in parse.numbers(item):
            if not number.is_integer():
                raise UsageError(f"{option} {number:g}: give whole numbers")
            numbers.append(int(number))
    return numbers


def _numbers(_: str, given: Sequence[str]) -> list[float]:
    return [number for each in given for number in parse.numbers(each)]


def _names(option: str, given: Sequence[str]) -> list[str]:
    return parse.split_list(given, option)


def _layer_acts(names: str) -> tuple[str, ...]:
    return tuple(parse.split_list([names], "--layer-acts"))


# How the text of each axis is read; every setting of the main command is one.
AXES: Mapping[str, Callable[[str, Sequence[str]], list[Any]]] = {
    "act": _names,
    "layer_acts": _one_list(_layer_acts),
    "last_act": _names,
    "layers": _whole_numbers,
    "width": _whole_numbers,
    "widths": _one_list(parse.split_sizes),
    "init": _names,
    "weight_std": _numbers,
    "bias_std": _numbers,
    "gain": _numbers,
    "input": _one_list(parse.rows),
    "batch": _whole_numbers,
    "loss": _names,
    "target": _one_list(parse.rows),
    "weights": _one_list(str),  # read once it is known how they lie
    "seed": _whole_numbers,
    "trials": _whole_numbers,
    "engine": _names,
    "vanish_below": _numbers,
    "explode_above": _numbers,
}
