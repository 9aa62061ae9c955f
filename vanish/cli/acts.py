"""`vanish acts`: the activations with their derivatives and bounds."""

from __future__ import annotations

from typing import Annotated

import typer

from vanish.cli import options as opt
from vanish.cli import output as out
from vanish.cli import parse

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME]...",
        help="Which ones; all without. A single one is shown in full, with a drawing.",
        show_default=False,
        autocompletion=opt.complete_activation,
    ),
]


def command(
    names: Names = None,
    layers: opt.Layers = None,
    format_name: opt.Format = "auto",
    output: opt.Output = None,
    no_header: opt.NoHeader = False,
    plot: opt.Plot = None,
) -> None:
    """Show the activations: formula, derivative, range, and the bound on their slopes."""
    from vanish import activations
    from vanish.render import acts as render
    from vanish.settings import LAYERS, Settings

    destination = out.Destination.choose(format_name, output, header=not no_header)
    out.check_figure(plot)
    asked = parse.split_list(names, "acts")
    shown = [activations.get(name) for name in asked] or list(activations.registered())
    depth = Settings(layers=LAYERS if layers is None else layers).depth
    if plot is not None:
        from vanish.render.figure import activation_figure

        out.write_figure(activation_figure(shown), plot)
    if destination.format == "table" and len(shown) == 1:
        destination.write(render.portrait(shown[0], depth, destination.columns))
    else:
        rows = render.rows(shown, depth)
        destination.write_table(render.view(shown, depth), rows, {"layers": depth})
