"""`vanish acts`: the activations with their derivatives and bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from vanish.cli import choice, parse
from vanish.cli import output as out
from vanish.cli import shared as opt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from vanish.network.activations import Activation

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME]...",
        help="Which ones; all without. A single one is shown in full, with a drawing. Formulas,"
        " such as 'x*tanh(x)', with their derivatives: see vanish help formulas.",
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
    columns: opt.Columns = None,
    plot: opt.Plot = None,
) -> None:
    """Show the activations: formula, derivative, range, and the bound on their slopes."""
    from vanish.network import activations
    from vanish.render import acts as render
    from vanish.render.columns import ACTS
    from vanish.simulation.settings import Settings
    from vanish.simulation.table import LAYERS

    chosen = choice.columns(columns, lambda: ACTS.columns)
    destination = out.Destination.choose(
        format_name, output, header=not no_header, plot=plot, columns=chosen
    )
    asked = parse.acts(names, "acts")
    shown = [activations.get(name) for name in asked] or list(activations.registered())
    depth = Settings(layers=LAYERS if layers is None else layers).model.depth
    figure = out.figure_writer(plot, lambda: _draw(shown))
    if destination.format == "table" and len(shown) == 1 and not chosen:
        portrait = render.portrait(shown[0], depth, destination.width)
        destination.write(portrait, beside=figure)
    else:
        rows = render.rows(shown, depth)
        destination.write_table(render.view(shown, depth), rows, {"layers": depth}, figure)


def _draw(shown: Sequence[Activation]) -> Figure:
    from vanish.render.figure import activation_figure

    return activation_figure(shown)
