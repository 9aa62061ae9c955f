"""`vanish help`: the manual."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from vanish.cli import streams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vanish.manual.lookup import Usage

Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[TOPIC|TERM]...",
        help="A topic, or any word that a table, a verdict or an option shows; without one, the"
        " topics.",
        show_default=False,
    ),
]


def command(words: Words = None) -> None:
    """Show the manual: a topic, or what a word on the screen means.

    Terms are understood in any spelling: norm-bound, chi_1, dL/da, --act.
    """
    from vanish.manual import pages
    from vanish.manual.lookup import answer

    streams.require_stdout(or_file=False)
    asked, size = " ".join(words or []), streams.window()
    if size is not None and not asked.strip():
        text = pages.topics(size[0])
    else:
        text = answer(asked, tuple(usages()))
    if size is not None:
        from vanish.render.manual import page
        from vanish.render.table import Canvas

        text = page(text, Canvas(size[0], streams.in_colour(), streams.lacks_symbols(sys.stdout)))
    streams.write_stdout([text], or_file=False)


def usages() -> Iterator[Usage]:
    """Yield every command and option, as the command line itself has them."""
    from vanish.cli.commands import build, every
    from vanish.manual.lookup import Usage

    root = typer.main.get_command(build(every()))
    commands = {"vanish": root} | {
        f"vanish {name}": each for name, each in getattr(root, "commands", {}).items()
    }
    for name, each in commands.items():
        first_lines, _, _ = (each.help or "").partition("\n\n")
        yield Usage(name, "", " ".join(first_lines.split()))
        for parameter in each.params:
            if isinstance(parameter, typer.core.TyperOption) and parameter.help:
                flags = ", ".join([*parameter.opts, *parameter.secondary_opts])
                yield Usage(name, flags, parameter.help, parameter.metavar or "")
