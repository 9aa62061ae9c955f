"""Options for typer, made of the table of settings."""

from __future__ import annotations

from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperOption

from vanish import __version__
from vanish.cli.direct import NUMBERS, completing
from vanish.simulation import table
from vanish.simulation.option import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vanish.simulation.option import Option


def completer(names: str) -> Callable[[str], list[str]] | None:
    """Return what completes the last item of a comma-separated list, while a shell asks.

    Typer looks into each such function when it builds the command line, at every start.
    """
    if not names or not completing():
        return None

    def complete(incomplete: str) -> list[str]:
        done, comma, last = incomplete.rpartition(",")
        return [done + comma + name for name in names.split(", ") if name.startswith(last)]

    return complete


def _show_version(_: object, __: object, wanted: bool) -> bool:
    if wanted:
        typer.echo(f"vanish {__version__}")
        raise typer.Exit
    return wanted


def _list_or_none(_: object, __: object, given: Sequence[str] | None) -> list[str] | None:
    return [*given] if given else None


def option(name: str, help_text: str = "", metavar: str = "") -> Any:
    """Return an option of the table for a command of another one's making.

    Parameters
    ----------
    name
        What the table calls it.
    help_text, metavar
        What it means there, and what stands for its value, where that is something else.
    """
    row = table.named(name)
    return typer.Option(
        *row.flags,
        metavar=metavar or row.metavar,
        help=help_text or row.sentence,
        autocompletion=completer(row.choices),
    )


def _made(row: Option, command: str) -> TyperOption:
    """Return the option of a command that a row of the table is."""
    is_axis = command == "sweep" and bool(row.axis)
    several = is_axis or row.several
    complete = completer(row.choices)
    is_version = row.name == "version"
    return TyperOption(
        param_decls=[row.name, *row.flags],
        type=None if row.kind is Kind.FLAG else str if several else NUMBERS.get(row.kind, str),
        default=None if several else row.default,
        is_flag=row.kind is Kind.FLAG,
        multiple=several,
        callback=_show_version if is_version else _list_or_none if several else None,
        is_eager=is_version,
        metavar=row.axis_metavar if is_axis else row.metavar,
        help=row.axis if is_axis else row.sentence,
        autocompletion=complete and (lambda _, __, incomplete: complete(incomplete)),
        show_default=True,
        show_envvar=True,
    )


def takes(command: str) -> Callable[[Callable[..., object]], Callable[..., object]]:
    """Return what gives a function the options that the table has for a command.

    The function takes typer's context, and the options by their names as keywords. They are
    `made` for the command and not read from a signature, which typer takes apart twice: that
    was a fiftieth of the start.
    """

    def give(function: Callable[..., object]) -> Callable[..., object]:
        context = Parameter("ctx", Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
        function.__signature__ = Signature([context])  # type: ignore[attr-defined] # inspect reads it
        function.__annotations__ = {}
        function.takes = command  # type: ignore[attr-defined] # `made` reads it
        return function

    return give


def made(function: Callable[..., object] | None) -> list[TyperOption]:
    """Return the options that `takes` gave a function; none of another one."""
    command = getattr(function, "takes", None)
    return [] if command is None else [_made(row, command) for row in table.of(command)]
