"""The command `vanish`: how every run of it begins and ends."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from vanish.cli import direct
from vanish.cli.streams import BAD_USAGE, AnsweredError, ReaderGoneError, complain, discard
from vanish.errors import VanishError
from vanish.system import threads
from vanish.system.atomic import reason

if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPTED = 130


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
        if given is None:
            from vanish.cli import commands

            return commands.run(arguments)
        from vanish.cli import simulate

        return simulate.run(given)
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
        complain(error.on_command_line)
    except MemoryError:
        complain("the run does not fit into memory: give fewer --layers or a smaller --width")
    except OSError as error:
        # What is written or read has its own message: this was help, or nobody foresaw it.
        if error.filename is None and _only_tells(arguments):
            discard(sys.stdout)
            complain(f"standard output: {reason(error)}: make room for it")
        else:
            complain(f"{_named(error)}: {reason(error)}: see to it, and try again")
    return BAD_USAGE
