"""`vanish derive`: the chain rule, one application a line."""

from __future__ import annotations

from typing import Annotated

import typer

from vanish.cli import options as opt
from vanish.cli import output as out
from vanish.cli import parse
from vanish.cli.formats import TEXTS
from vanish.errors import UsageError

By = Annotated[
    str,
    typer.Option("--wrt", metavar="NAME", help="Differentiate by this: W1, b1, ..., or x."),
]
Values = Annotated[
    bool,
    typer.Option(
        "--values",
        help="Put under each factor by how much it changes the gradient's norm, and by how"
        " much at most, with the products so far.",
    ),
]
Full = Annotated[
    bool, typer.Option("--full", help="Write out every step and factor of a deep chain.")
]
TextFormat = Annotated[
    str,
    typer.Option(
        "--format", "-f", metavar="NAME", help="text, latex, markdown or json; auto is text."
    ),
]


Depth = Annotated[int, typer.Option("--layers", "-n", metavar="N", help="Number of layers.")]

MeasuredAct = Annotated[
    str | None,
    typer.Option(
        "--act",
        "-a",
        metavar="NAME",
        help="What S is. [default: any; sigmoid with --values]",
        autocompletion=opt.complete_activation,
    ),
]


def command(
    ctx: typer.Context,
    layers: Depth = 3,
    by: By = "W1",
    values: Values = False,
    full: Full = False,
    act: MeasuredAct = None,
    width: opt.Width = None,
    init: opt.OneInit = "auto",
    seed: opt.Seed = 0,
    format_name: TextFormat = "auto",
    output: opt.Output = None,
) -> None:
    """Derive a gradient step by step, as a person would write it.

    Starts from the nested expression L(S(W_N S(... S(W_1 x + b_1) ...) + b_N)) and applies
    the chain rule once a line, to the same factors that the simulation evaluates.
    --width, --init and --seed say what chain --values measures.
    """
    from vanish.lessons.derivation import Derivation, measured_factors, parse_variable
    from vanish.render import derivation as render
    from vanish.simulation.run import Simulation
    from vanish.simulation.settings import Settings
    from vanish.system import memory

    if not values:
        for name in ("width", "init", "seed"):
            if parse.was_given(ctx, name):
                raise UsageError(
                    f"--{name} without --values: it says what chain is measured: give --values"
                )
    destination = out.Destination.choose(format_name, output, formats=TEXTS)
    settings = Settings(layers=layers, width=width, act=act or "sigmoid", init=init, seed=seed)
    memory.require(
        render.BYTES_A_LAYER * layers, f"a derivation of {layers:,} layers", "give fewer --layers"
    )
    variable = parse_variable(by, settings.model.depth)
    factors = measured_factors(Simulation(settings), variable) if values else None
    activation = settings.model.activations[0] if act is not None or values else None
    shown = Derivation(settings.model.graph, variable, full, factors, activation)
    if destination.format == "json":
        from vanish.render.json import table

        destination.write(table(render.rows(shown), settings.as_dict() | {"wrt": by}))
    else:
        written = {"text": render.text, "latex": render.latex, "markdown": render.markdown}
        destination.stream(written[destination.format](shown))
