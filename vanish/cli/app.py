"""The command `vanish`: its subcommands, and how every one of them ends."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

from vanish.cli import direct, simulate
from vanish.cli.streams import AnsweredError, ReaderGoneError, discard, say
from vanish.errors import VanishError, plain, shortened
from vanish.system import threads
from vanish.system.atomic import reason

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import typer

# Of the exit statuses, 0 and 3 are the commands' own; see `vanish help scripts`.
BAD_USAGE = 2
INTERRUPTED = 130

# What `vanish --help` says of each, in the columns that 80 leave it.
SUBCOMMANDS = {
    "acts": "Show the activations, or one with its formula and its slopes.",
    "blocks": "Show the blocks that have names, or one and its gradient.",
    "collapse": "Show that without activations N layers are one affine map.",
    "derive": "Derive a gradient step by step, as a person would write it.",
    "fix": "Try every cure of a gradient that vanishes or explodes.",
    "help": "Show the manual: a topic, or what a word on the screen means.",
    "show": "Show what is in a file of weights: names, shapes, and sizes.",
    "sweep": "Simulate a grid of settings, and sum each point up in a row.",
    "theory": "Show what mean-field theory says: phases and critical points.",
    "train": "Train deep and shallow networks, and see which of them learn.",
}


def build(subcommands: Mapping[str, Callable[..., object]]) -> typer.Typer:
    """Return the command line, with some subcommands: `every` one, or those that are `needed`."""
    import typer

    from vanish.cli import grouped, options

    app = typer.Typer(
        name="vanish",
        cls=grouped.Root,
        suggest_commands=False,  # see vanish/cli/meant.py
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    # Not in its own module, which need not know of typer.
    itself = options.takes("vanish")(simulate.command)
    app.callback(invoke_without_command=True)(itself)
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

    One costs some milliseconds, which `vanish` itself does not pay at every start.
    """
    first = arguments[0] if arguments else ""
    if first in SUBCOMMANDS:
        return {first: _imported(first)}
    # A word in their place may be meant for one; behind options, one is refused by name.
    a_word_first = bool(first) and not first.startswith("-")
    named = any(each in SUBCOMMANDS for each in arguments)
    if a_word_first or named or direct.completing():
        return every()
    listed = any(each in ("-h", "--help") for each in arguments)
    return dict.fromkeys(SUBCOMMANDS, _listed) if listed else {}


def _imported(name: str) -> Callable[..., object]:
    command: Callable[..., object] = import_module(f"vanish.cli.{name}").command
    return command


def _listed() -> None:
    """Stand for a subcommand that is listed, and not run."""


def _only_tells(arguments: Sequence[str]) -> bool:
    """Tell whether these arguments ask for help, the version or the names for a shell."""
    asked = ("-h", "--help", "--version")
    return direct.completing() or any(each in asked for each in arguments)


def _named(error: OSError) -> str:
    """Return what an error is about, as far as the system says."""
    names = [str(name) for name in (error.filename, error.filename2) if name is not None]
    return " and ".join(names) or "the system refuses"


def main() -> int:
    """Run the command line and return its exit status."""
    threads.one_for_linear_algebra()
    arguments = sys.argv[1:]
    try:
        given = direct.options(arguments)
        return _by_typer(arguments) if given is None else simulate.run(given)
    except KeyboardInterrupt:
        return INTERRUPTED
    except AnsweredError:
        return 0
    except (ReaderGoneError, BrokenPipeError, SystemExit):
        # `| head` has seen enough. Typer turns a closed pipe, while it prints help, into a
        # SystemExit; it has no other one in this mode.
        discard(sys.stdout)
        return 0
    except VanishError as error:
        _complain(error.on_command_line)
    except MemoryError:
        _complain("the run does not fit into memory: give fewer --layers or a smaller --width")
    except OSError as error:
        # What is written or read has its own message: this was help, or nobody foresaw it.
        if error.filename is None and _only_tells(arguments):
            discard(sys.stdout)
            _complain(f"standard output: {reason(error)}: make room for it")
        else:
            _complain(f"{_named(error)}: {reason(error)}: see to it, and try again")
    return BAD_USAGE


def _by_typer(arguments: Sequence[str]) -> int:
    """Let typer read the command line and run what it says; return the exit status."""
    from typer.exceptions import TyperException

    try:
        status = build(needed(arguments))(prog_name="vanish", standalone_mode=False)
    except TyperException as error:
        from vanish.cli.meant import advice

        told = advice(error, arguments, SUBCOMMANDS)
        _complain(f"{error.format_message().rstrip('.')}: {told}")
        return BAD_USAGE
    return status if isinstance(status, int) else 0


def _complain(message: str) -> None:
    """Print an error on stderr, on one line whatever is in it."""
    say(f"Error: {plain(' '.join(shortened(message).split()))}")
