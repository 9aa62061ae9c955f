"""What a command line that is none was probably meant to be."""

from __future__ import annotations

import re
import shlex
from difflib import get_close_matches
from itertools import takewhile
from typing import TYPE_CHECKING

from vanish.simulation import names, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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


def advice(error: Exception, arguments: Sequence[str], subcommands: Iterable[str]) -> str:
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
            guess = _joined(found[1], context, arguments) or _flagged(found[1], context)
        elif found := re.match(r"No such command '(.*)'\.", message):
            word = found[1]
            guess = _joined(word, context, arguments) or _as_option(word, arguments, subcommands)
    return f"did you mean {guess}?" if guess else f"see '{command} --help'"


def _sweep(listed: str, context: typer.Context, arguments: Sequence[str]) -> str:
    """Return a sweep in place of a list where one number may stand."""
    if context.command_path != "vanish":
        return ""
    before = [""]
    if listed in arguments:
        place = arguments.index(listed)
        before = [*arguments[:place]]
        # With blanks in it, the list goes on.
        whole = _list_from(place, arguments)
        listed = whole if _LIST.fullmatch(whole) else listed
    given = [word.partition("=")[0] for word in arguments if word.endswith(f"={listed}")]
    flag = (given or before)[-1]
    row = next((row for row in table.of("sweep") if flag in row.flags and row.axis), None)
    is_list = _LIST.fullmatch(listed) is not None
    return f"'vanish sweep {flag} {listed}'" if is_list and row is not None else ""


def _list_from(place: int, arguments: Sequence[str]) -> str:
    """Return what stands from a place to the next option, as one list."""
    items = takewhile(lambda each: not each.startswith("-"), arguments[place:])
    return ",".join(each.strip(",") for each in items)


def _joined(word: str, context: typer.Context, arguments: Sequence[str]) -> str:
    """Return an option with its list in one word, where a blank stands in it."""
    place = arguments.index(word) if word in arguments else 0
    flag = arguments[place - 2] if place >= 2 else ""
    parameter = next((each for each in context.command.params if flag in each.opts), None)
    if parameter is None:
        return ""
    listed = _list_from(place - 1, arguments)
    metavar = getattr(parameter, "metavar", None) or ""
    if metavar == "NAME,..." and _is_number(word):
        return f"{flag} {arguments[place - 1]} --layers {word}" if _has("--layers", context) else ""
    if metavar.endswith(",..."):
        return f"{flag} {shlex.quote(listed)}"
    return _sweep(listed, context, [flag, listed])


def _flagged(word: str, context: typer.Context) -> str:
    """Return a word behind a subcommand with the option that takes it."""
    flag, name = ("--layers", word) if _is_number(word) else _named(word)
    return f"{flag} {name}" if flag and _has(flag, context) else ""


def _has(flag: str, context: typer.Context) -> bool:
    return any(flag in each.opts for each in context.command.params)


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdigit()


def _named(word: str) -> tuple[str, str]:
    """Return the option that takes a name, and how it writes it; two empty texts for none."""
    from vanish.network.formulas.named import NAMED
    from vanish.network.registry import spelled

    flags = {"--act": names.ACTIVATIONS.split(", "), "--init": names.INITIALIZERS.split(", ")}
    flags["--block"] = [*NAMED.names()]
    for flag, known in flags.items():
        if (name := spelled(word, known)) in known:
            return flag, name
    return "", ""


def _as_option(word: str, arguments: Sequence[str], subcommands: Iterable[str]) -> str:
    """Return the command or option that a word in a command's place stands for."""
    from vanish.manual.pages import TOPICS
    from vanish.network.registry import folded, spelled

    if _is_number(word):
        return f"'vanish --layers {word}'"
    if folded(word) in _LISTS:
        return "'vanish acts' (activations), 'vanish blocks' or 'vanish help' (topics)"
    if folded(word) in _ELSEWHERE:
        return f"'{_ELSEWHERE[folded(word)]}'"
    # A name that an option takes; a number beside it is the depth.
    flag, name = _named(word)
    if flag:
        numbers = [each for each in arguments if _is_number(each)]
        depth = f" --layers {numbers[0]}" if numbers and flag != "--init" else ""
        return f"'vanish {flag} {name}{depth}'"
    if (topic := spelled(word, TOPICS)) in TOPICS:
        return f"'vanish help {topic}'"
    near = get_close_matches(folded(word), subcommands, n=1)
    return f"'vanish {near[0]}'" if near else ""
