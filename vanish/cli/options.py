"""Options for typer, made of the table of settings."""

from __future__ import annotations

import os
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vanish import __version__
from vanish.simulation import table
from vanish.simulation.option import Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from vanish.simulation.option import Option

_TYPES: dict[Kind, type] = {Kind.COUNT: int, Kind.NUMBER: float, Kind.FLAG: bool}


def completing() -> bool:
    """Tell whether a shell asks for names, and no run is wanted."""
    return "_VANISH_COMPLETE" in os.environ


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


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vanish {__version__}")
        raise typer.Exit


def option(name: str, help_text: str = "", metavar: str = "") -> Any:
    """Return an option of the table for a command of another one's making.

    Parameters
    ----------
    name
        What the table calls it.
    help_text, metavar
        What it means there, and what stands for its value, where that is something else.
    """
    return _of(table.named(name), help_text, metavar)


def _of(row: Option, help_text: str = "", metavar: str = "") -> Any:
    special: dict[str, Any] = (
        {"callback": _show_version, "is_eager": True} if row.name == "version" else {}
    )
    return typer.Option(
        *row.flags,
        metavar=metavar or row.metavar,
        help=help_text or row.sentence,
        autocompletion=completer(row.choices),
        **special,
    )


def _parameter(row: Option, command: str) -> Parameter:
    """Return the parameter of `vanish` or `sweep` that an option is."""
    if command == "sweep" and row.axis:
        kind: Any = list[str] | None
        default, made = None, _of(row, row.axis, row.axis_metavar)
    else:
        kind = list[str] if row.several else _TYPES.get(row.kind, str)
        default, made = None if row.several else row.default, _of(row)
        kind = kind | None if default is None else kind
    return Parameter(
        row.name, Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, made]
    )


def takes(command: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return what gives a function the options that the table has for a command.

    The function takes typer's context, and the options by their names as keywords.
    """

    def give(function: Callable[..., None]) -> Callable[..., None]:
        context = Parameter("ctx", Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
        options = [_parameter(row, command) for row in table.of(command)]
        function.__signature__ = Signature([context, *options])  # type: ignore[attr-defined] # inspect reads it
        function.__annotations__ = {}
        return function

    return give
