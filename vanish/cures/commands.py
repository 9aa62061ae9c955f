"""Settings as a command line: what is not said there is what `vanish` takes by itself."""

from __future__ import annotations

import shlex
from itertools import groupby
from typing import TYPE_CHECKING, Any

from vanish.network.layout import LAYOUTS
from vanish.simulation.option import Kind
from vanish.simulation.table import PLAIN, SETTINGS
from vanish.system.atomic import STANDARD_STREAM

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vanish.simulation.settings import Settings

# What is said though it is what there is without a word: the same numbers are to come out
# whatever a later version takes by itself.
_SAID = ("seed", "trials", "engine")

# What rows that were read from standard input are called.
_STANDARD_INPUT = "standard input"


def command(settings: Settings) -> str:
    """Return the command line of a run, as a shell takes it.

    Arrays that were given in Python stand in it by their names: files of these names have to
    hold them.
    """
    return shlex.join(["vanish", *_words(settings)])


def _words(settings: Settings) -> Iterator[str]:
    for name, option in SETTINGS.items():
        value = _said(settings, name)
        if value is None:
            continue
        if option.kind is Kind.FLAG:
            yield option.flag if value else f"--no-{option.flag[2:]}"
            continue
        yield from (option.flag, as_text(value))
    network = settings.weights
    if network is not None and network.layout in LAYOUTS and network.block is None:
        # As it was read, and not as it would be read beside another block or input.
        yield from ("--weights-layout", network.layout)
    if network is not None and network.origin is not None and network.origin.asked:
        yield from ("--select", ",".join(network.origin.asked))


def _said(settings: Settings, name: str) -> Any:
    """Return what a command line has to say of a setting; None for nothing."""
    value = getattr(settings, name)
    if name == "engine":
        return settings.engine_used
    if name == "act":
        return None if settings.layer_acts is not None else value
    if name == "layers" and settings.weights is not None:
        return settings.weights.said_depth
    default = PLAIN if name == "block" else SETTINGS[name].default
    return None if value == default and name not in _SAID else value


def as_text(value: Any) -> str:
    """Return a value of a setting as the command line takes it."""
    if isinstance(value, float):
        text = f"{value:.15g}"
        return text if float(text) == value else repr(value)
    if isinstance(value, tuple):
        return ",".join(_items(value))
    # An activation, rows or a network, which are called by their names.
    name = getattr(value, "name", None)
    if name == _STANDARD_INPUT:
        return STANDARD_STREAM
    return str(value) if name is None else str(name)


def _items(values: Sequence[Any]) -> Iterator[str]:
    """Yield the items of a list: of numbers, equal ones that follow each other once, 1x19."""
    for value, alike in groupby(values):
        count = len([*alike])
        if isinstance(value, tuple):  # a letter and its number
            yield from (f"{value[0]}={as_text(value[1])}",) * count
        elif isinstance(value, int | float) and count > 1:
            yield f"{as_text(value)}x{count}"
        else:
            yield from (as_text(value),) * count
