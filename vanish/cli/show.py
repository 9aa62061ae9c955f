"""`vanish show`: what is in a file of weights."""

from __future__ import annotations

from typing import Annotated

import typer

from vanish.cli import choice, options
from vanish.cli import output as out
from vanish.cli import shared as opt

File = Annotated[
    str,
    typer.Argument(
        metavar="FILE", help="A .npz, .safetensors or, where torch is installed, .pt file."
    ),
]
Full = Annotated[
    bool, typer.Option("--full", help="List every array, those of repeated blocks, too.")
]
Layout = Annotated[
    str | None,
    options.option(
        "weights_layout",
        "How weights lie: out_in is (n_out, n_in), the default, in_out (n_in, n_out).",
    ),
]


def command(
    file: File,
    full: Full = False,
    weights_layout: Layout = None,
    format_name: opt.Format = "auto",
    output: opt.Output = None,
    no_header: opt.NoHeader = False,
    columns: opt.Columns = None,
) -> None:
    """Show what is in a file of weights: names, shapes, types, and how large they are.

    Its arrays are read a piece at a time, whatever the size of the file. weight_std is the
    standard deviation of the entries times sqrt(n_in), as of --weight-std; blocks that repeat are
    drawn together.
    """
    from vanish.files.survey import survey
    from vanish.network.layout import AUTO
    from vanish.render import checkpoint as render
    from vanish.render.checkpointcolumns import ARRAYS

    chosen = choice.columns(columns, lambda: ARRAYS.columns)
    destination = out.Destination.choose(
        format_name, output, header=not no_header, inputs=[file], columns=chosen
    )
    found = survey(file, weights_layout or AUTO, full=full)
    destination.write_table(render.view(found), render.rows(found), found.as_dict())
