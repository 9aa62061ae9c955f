"""What a command line that is none was probably meant to be."""

from __future__ import annotations

import re
import shlex
from difflib import get_close_matches
from typing import TYPE_CHECKING

from vanish.simulation import names, table
from vanish.simulation.option import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

# Words that people try, and what has it.
_ELSEWHERE = {
    **dict.fromkeys(("activations", "activation"), "vanish acts"),
    **dict.fromkeys(("compare", "simulate", "run"), "vanish --act sigmoid,relu"),
    **dict.fromkeys(("critical", "phase"), "vanish theory"),
    **dict.fromkeys(("man", "manual", "docs"), "vanish help"),
    "grid": "vanish sweep",
    "version": "vanish --version",
}
_LISTS = ("list", "ls", "show")

# Options whose values are lists.
_SEVERAL = (Kind.ACTS, Kind.SIZES)


def advice(error: Exception, arguments: Sequence[str]) -> str:
    """Return what to do about a command line that typer has refused.

    Parameters
    ----------
    error
        What typer raised.
    arguments
        The command line, without the program's name.
    """
    context = getattr(error, "ctx", None)
    command = "vanish" if context is None else context.command_path
    guess = _guess(str(getattr(error, "message", "")), command, arguments)
    return f"did you mean {guess}?" if guess else f"see '{command} --help'"


def _guess(message: str, command: str, arguments: Sequence[str]) -> str:
    if found := re.match(r"'(\S+)' is not a valid (?:int|float)", message):
        return _listed(found[1], command, arguments)
    if found := re.match(r"No such command '(.*)'\.", message):
        return _joined(found[1], arguments) or _as_option(found[1], arguments)
    if found := re.match(r"Got unexpected extra argument\S* \((\S+?)[ )]", message):
        return _joined(found[1], arguments)
    return ""


def _listed(value: str, command: str, arguments: Sequence[str]) -> str:
    """Return a sweep in place of a list where one number may stand."""
    if command != "vanish" or not re.fullmatch(r"[\d.e+-]+(?:[,:][\d.e+-]+)+", value):
        return ""
    axes = {flag for row in table.of("sweep") for flag in row.flags if row.axis}
    given = [word.partition("=")[0] for word in arguments if value in word]
    place = list(arguments).index(value) if value in arguments else 0
    flag = arguments[place - 1] if place else next(iter(given), "")
    return f"'vanish sweep {flag} {value}'" if flag in axes else ""


def _joined(word: str, arguments: Sequence[str]) -> str:
    """Return an option with a list in one word, where a blank stands in it."""
    place = list(arguments).index(word) if word in arguments else 0
    if place < 2 or not arguments[place - 2].startswith("-"):
        return ""
    flag = arguments[place - 2]
    row = next((row for row in table.OPTIONS if flag in row.flags), None)
    if row is None or not (row.several or row.kind in _SEVERAL):
        return ""
    rest = list(arguments[place - 1 :])
    items = rest[: next((i for i, each in enumerate(rest) if each.startswith("-")), len(rest))]
    return f"{flag} {shlex.quote(','.join(each.strip(',') for each in items))}"


def _as_option(word: str, arguments: Sequence[str]) -> str:
    """Return the command or option that a word in a command's place stands for."""
    from vanish.cli.app import SUBCOMMANDS
    from vanish.manual.pages import TOPICS
    from vanish.network.formulas.named import NAMED
    from vanish.network.registry import folded, spelled

    if word.isascii() and word.isdigit():
        return f"'vanish --layers {word}'"
    if folded(word) in _LISTS:
        return "'vanish acts' (activations), 'vanish blocks' or 'vanish help' (topics)"
    if folded(word) in _ELSEWHERE:
        return f"'{_ELSEWHERE[folded(word)]}'"
    flags = {"--act": names.ACTIVATIONS.split(", "), "--init": names.INITIALIZERS.split(", ")}
    flags["--block"] = [*NAMED.names()]
    for flag, known in flags.items():
        name = spelled(word, known)
        if name in known:
            numbers = [each for each in arguments if each.isascii() and each.isdigit()]
            depth = f" --layers {numbers[0]}" if numbers and flag != "--init" else ""
            return f"'vanish {flag} {name}{depth}'"
    if near := get_close_matches(folded(word), SUBCOMMANDS, n=1):
        return f"'vanish {near[0]}'"
    topic = spelled(word, TOPICS)
    return f"'vanish help {topic}'" if topic in TOPICS else ""
