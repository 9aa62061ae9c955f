"""The option --columns: which columns of its rows a command prints, and in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vanish.cli import parse
from vanish.cli.streams import AnsweredError, for_stdout, piped_width, window, write_stdout
from vanish.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vanish.columns import Column

_HELP = "help"


def columns(
    given: Sequence[str] | None, known: Callable[[], Sequence[Column[Any]]]
) -> tuple[Column[Any], ...]:
    """Return the columns that the option names, in its order; none where it was not given.

    Where it asks for help, the command ends with a list of all of them.

    Parameters
    ----------
    given
        The text of each of its occurrences.
    known
        Returns the columns that the command prints.

    Raises
    ------
    UsageError
        If there is no such column, or one is named twice.
    AnsweredError
        If it asks for help, which is written then.
    """
    if not given:
        return ()
    from vanish.network.registry import choice, folded

    own = {column.name: column for column in known()}
    names = parse.split_list(given, "--columns")
    if [folded(name) for name in names] == [_HELP]:
        from vanish.render.chosen import described

        size = window()
        width = size[0] if size else piped_width()
        write_stdout([described(own.values(), width, for_stdout)], or_file=False)
        raise AnsweredError
    found: dict[str, Column[Any]] = {}
    for each in names:
        name = choice("column", each, own, "--columns help lists all there are")
        if name in found:
            raise UsageError(f"--columns: {name} is named twice: leave one out")
        found[name] = own[name]
    return tuple(found.values())
