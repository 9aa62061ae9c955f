"""Options for typer, made of the table of settings; and those that several commands share."""

from __future__ import annotations

import os
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vanish import __version__
from vanish.simulation import names, table
from vanish.simulation.option import Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from vanish.simulation.option import Option

_TYPES: dict[Kind, type] = {Kind.COUNT: int, Kind.NUMBER: float, Kind.FLAG: bool}


def completing() -> bool:
    """Tell whether a shell asks for names, and no run is wanted."""
    return "_VANISH_COMPLETE" in os.environ


def _completer(names: str) -> Callable[[str], list[str]] | None:
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


complete_activation = _completer(names.ACTIVATIONS)
complete_initializer = _completer(names.INITIALIZERS)


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
        autocompletion=_completer(row.choices),
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


Layers = Annotated[int | None, option("layers")]
Width = Annotated[int | None, option("width")]
Widths = Annotated[str | None, option("widths")]
Hidden = Annotated[str | None, option("hidden")]
Init = Annotated[list[str] | None, option("init")]
OneInit = Annotated[str, option("init", "How weights are drawn.", "NAME")]
WeightStd = Annotated[
    float | None, option("weight_std", "Instead of --init: Gaussian weights of variance X²/n_in.")
]
WeightStds = Annotated[str | None, option("weight_std")]
OneBlock = Annotated[
    str,
    option(
        "block", "Every layer as a formula of its input x, or its name: see vanish blocks.", "TEXT"
    ),
]
BiasStd = Annotated[float, option("bias_std")]
BiasInit = Annotated[str | None, option("bias_init")]
Gain = Annotated[str, option("gain")]
Weights = Annotated[str | None, option("weights")]
WeightsLayout = Annotated[str | None, option("weights_layout")]
Select = Annotated[list[str] | None, option("select")]
CollapseActs = Annotated[
    list[str] | None,
    option("act", "Activation of every layer; several are compared. [default: identity]"),
]
Inputs = Annotated[int, option("batch", "How many random inputs to compare on.")]
Seed = Annotated[int, option("seed")]
Format = Annotated[str, option("format")]
Output = Annotated[str | None, option("output")]
NoHeader = Annotated[bool, option("no_header")]
Columns = Annotated[list[str] | None, option("columns")]
Quiet = Annotated[bool, option("quiet")]
Plot = Annotated[str | None, option("plot")]
