"""The command line as typer reads it: all commands, their help, and what is wrong with a line."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import typer
from typer.exceptions import TyperException

from vanish.cli import direct, grouped, options
from vanish.cli.grouped import SUBCOMMANDS
from vanish.cli.parse import was_given
from vanish.cli.streams import BAD_USAGE, complain
from vanish.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@options.takes("vanish")
def _itself(ctx: typer.Context, **given: Any) -> int:
    """See how large the gradient of every layer of a deep network is, and why.

    Builds the chain f_k = S(W_k f_(k-1) + b_k), differentiates it by the chain rule, and
    shows each layer's gradient beside the bounds that theory sets it.
    """
    if ctx.invoked_subcommand is not None:
        _refuse_options(ctx)
        return 0
    from vanish.cli import simulate

    return simulate.run(given)


def _refuse_options(ctx: typer.Context) -> None:
    """Refuse options in front of a subcommand, where they would mean nothing."""
    for parameter in ctx.command.params:
        if was_given(ctx, parameter.name or ""):
            raise UsageError(
                f"{parameter.opts[0]} before {ctx.invoked_subcommand}: put it behind"
                f" {ctx.invoked_subcommand}, if it has such an option"
            )


def build(subcommands: Mapping[str, Callable[..., object]]) -> typer.Typer:
    """Return the command line, with some subcommands: `every` one, or those that are `needed`."""
    app = typer.Typer(
        name="vanish",
        cls=grouped.Root,
        suggest_commands=False,  # see vanish/cli/meant.py
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(_itself)
    for name, run in subcommands.items():
        app.command(
            name,
            cls=grouped.Command,
            short_help=SUBCOMMANDS[name],
            # Options are among what help is asked about.
            context_settings={"ignore_unknown_options": True} if name == "help" else None,
        )(run)
    return app


def every() -> dict[str, Callable[..., object]]:
    """Return all subcommands, with what runs them."""
    return {name: _imported(name) for name in SUBCOMMANDS}


def needed(arguments: Sequence[str]) -> dict[str, Callable[..., object]]:
    """Return the subcommands that these arguments may be about, with what runs them.

    One costs some milliseconds, which `vanish --help` does not pay at every start.
    """
    first = arguments[0] if arguments else ""
    if first in SUBCOMMANDS:
        return {first: _imported(first)}
    # A word in their place may be meant for one; behind options, one is refused by name.
    a_word_first = bool(first) and not first.startswith("-")
    named = any(each in SUBCOMMANDS for each in arguments)
    return every() if a_word_first or named or direct.completing() else {}


def _imported(name: str) -> Callable[..., object]:
    command: Callable[..., object] = import_module(f"vanish.cli.{name}").command
    return command


def run(arguments: Sequence[str]) -> int:
    """Run what a command line says, and return the exit status."""
    try:
        status = build(needed(arguments))(prog_name="vanish", standalone_mode=False)
    except TyperException as error:
        from vanish.cli.meant import advice

        told = advice(error, arguments, SUBCOMMANDS)
        complain(f"{error.format_message().rstrip('.')}: {told}")
        return BAD_USAGE
    return status if isinstance(status, int) else 0
