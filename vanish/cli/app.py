"""The command `vanish`: its subcommands, and how every one of them ends."""

from __future__ import annotations

import sys

import typer
from typer.exceptions import TyperException

from vanish.cli import acts, collapse, derive, simulate
from vanish.cli.output import discard, say
from vanish.errors import VanishError

# Of the exit statuses, 0 and 3 are the commands' own; see README.
BAD_USAGE = 2
INTERRUPTED = 130

app = typer.Typer(
    name="vanish",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.callback(invoke_without_command=True)(simulate.command)
app.command("acts")(acts.command)
app.command("collapse")(collapse.command)
app.command("derive")(derive.command)


def main() -> int:
    """Run the command line and return its exit status."""
    try:
        status = app(prog_name="vanish", standalone_mode=False)
        return status if isinstance(status, int) else 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader went away (`| head`). Python flushes stdout once more at exit: let
        # that go nowhere.
        discard(sys.stdout)
        return 0
    except (VanishError, TyperException) as error:
        message = error.format_message() if isinstance(error, TyperException) else str(error)
        _complain(message)
        return BAD_USAGE
    except MemoryError:
        _complain("the run does not fit into memory: give fewer --layers or a smaller --width")
        return BAD_USAGE


def _complain(message: str) -> None:
    """Print an error on stderr, on one line whatever is in it."""
    say("Error: " + " ".join(message.split()))
