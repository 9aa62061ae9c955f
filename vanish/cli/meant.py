"""What a command line that is none was probably meant to be."""

from __future__ import annotations

import re
import shlex
from difflib import get_close_matches
from itertools import takewhile
from typing import TYPE_CHECKING

from vanish.simulation import names, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    import typer

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

# A list of numbers, or a range.
_LIST = re.compile(r"[\d.e+-]+(?:[,:][\d.e+-]+)+")


def advice(error: Exception, arguments: Sequence[str], subcommands: Sequence[str]) -> str:
    """Return what to do about a command line that typer has refused.

    Parameters
    ----------
    error
        What typer raised.
    arguments
        The command line, without the program's name.
    subcommands
        The names of all.
    """
    context = getattr(error, "ctx", None)
    command = "vanish" if context is None else context.command_path
    guess = ""
    message = str(getattr(error, "message", ""))
    if context is not None:
        if found := re.match(r"'(\S+)' is not a valid (?:int|float)", message):
            guess = _sweep(found[1], context, arguments)
        elif found := re.match(r"Got unexpected extra argument\S* \((\S+?)[ )]", message):
            guess = _joined(found[1], context, arguments)
        elif found := re.match(r"No such command '(.*)'\.", message):
            word = found[1]
            guess = _joined(word, context, arguments) or _as_option(word, arguments, subcommands)
    return f"did you mean {guess}?" if guess else f"see '{command} --help'"


def _sweep(listed: str, context: typer.Context, arguments: Sequence[str]) -> str:
    """Return a sweep in place of a list where one number may stand."""
    if context.command_path != "vanish" or not _LIST.fullmatch(listed):
        return ""
    before = [*arguments[: arguments.index(listed)]] if listed in arguments else [""]
    given = [word.partition("=")[0] for word in arguments if word.endswith(f"={listed}")]
    flag = (given or before)[-1]
    row = next((row for row in table.of("sweep") if flag in row.flags and row.axis), None)
    return f"'vanish sweep {flag} {listed}'" if row is not None else ""


def _joined(word: str, context: typer.Context, arguments: Sequence[str]) -> str:
    """Return an option with its list in one word, where a blank stands in it."""
    place = arguments.index(word) if word in arguments else 0
    flag = arguments[place - 2] if place >= 2 else ""
    parameter = next((each for each in context.command.params if flag in each.opts), None)
    if parameter is None:
        return ""
    items = takewhile(lambda each: not each.startswith("-"), arguments[place - 1 :])
    listed = ",".join(each.strip(",") for each in items)
    metavar = getattr(parameter, "metavar", None) or ""
    if metavar.endswith(",..."):
        return f"{flag} {shlex.quote(listed)}"
    return _sweep(listed, context, [flag, listed])


def _as_option(word: str, arguments: Sequence[str], subcommands: Sequence[str]) -> str:
    """Return the command or option that a word in a command's place stands for."""
    from vanish.manual.pages import TOPICS
    from vanish.network.formulas.named import NAMED
    from vanish.network.registry import folded, spelled

    if word.isascii() and word.isdigit():
        return f"'vanish --layers {word}'"
    if folded(word) in _LISTS:
        return "'vanish acts' (activations), 'vanish blocks' or 'vanish help' (topics)"
    if folded(word) in _ELSEWHERE:
        return f"'{_ELSEWHERE[folded(word)]}'"
    # A name that an option takes; a number beside it is the depth.
    flags = {"--act": names.ACTIVATIONS.split(", "), "--init": names.INITIALIZERS.split(", ")}
    flags["--block"] = [*NAMED.names()]
    for flag, known in flags.items():
        name = spelled(word, known)
        if name in known:
            numbers = [each for each in arguments if each.isascii() and each.isdigit()]
            depth = f" --layers {numbers[0]}" if numbers and flag != "--init" else ""
            return f"'vanish {flag} {name}{depth}'"
    if (topic := spelled(word, TOPICS)) in TOPICS:
        return f"'vanish help {topic}'"
    near = get_close_matches(folded(word), subcommands, n=1)
    return f"'vanish {near[0]}'" if near else ""
