"""`vanish blocks`: the blocks that have names, with their formulas."""

from __future__ import annotations

from typing import Annotated

import typer

from vanish.cli import choice, parse
from vanish.cli import output as out
from vanish.cli import shared as opt

Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME]...", help="Which ones; all without.", show_default=False),
]


def command(
    names: Names = None,
    format_name: opt.Format = "auto",
    output: opt.Output = None,
    no_header: opt.NoHeader = False,
    columns: opt.Columns = None,
) -> None:
    """Show the blocks that have names: formula, source, and what one multiplies a gradient by."""
    from vanish.network.formulas.named import NAMED
    from vanish.render import blocks as render
    from vanish.render.columns import BLOCKS

    chosen = choice.columns(columns, lambda: BLOCKS.columns)
    destination = out.Destination.choose(format_name, output, header=not no_header, columns=chosen)
    asked = parse.split_list(names, "blocks")
    shown = [NAMED.get(name) for name in asked] or list(NAMED)
    destination.write_table(render.view(shown), render.rows(shown), {})
