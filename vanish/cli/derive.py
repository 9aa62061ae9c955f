"""`vanish derive`: the chain rule, one application a line."""

from __future__ import annotations

from typing import Annotated

import typer

from vanish.cli import output as out
from vanish.cli import parse
from vanish.cli import shared as opt
from vanish.cli.formats import TEXTS
from vanish.errors import UsageError
from vanish.simulation.table import PLAIN

By = Annotated[
    str | None,
    typer.Option(
        "--wrt",
        metavar="NAME",
        help="Differentiate by this: W1, b1, a1, f1, ..., or x; W where all layers share it."
        " [default: layer 1's first matrix]",
    ),
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
Matrix = Annotated[
    bool | None,
    typer.Option(
        "--matrix/--no-matrix",
        help="Add the shapes, S'(x) and the gradients in matrix form. [default: for blocks other"
        " than S(Wx+b)]",
    ),
]
Fragment = Annotated[
    bool,
    typer.Option(
        "--fragment", help="LaTeX to paste into a document, which needs the package amsmath."
    ),
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


# What says which chain --values measures.
_MEASURED = (
    "width",
    "hidden",
    "init",
    "weight_std",
    "bias_std",
    "bias_init",
    "gain",
    "weights",
    "weights_layout",
    "select",
    "seed",
)


def command(
    ctx: typer.Context,
    layers: Depth = 3,
    by: By = None,
    block: opt.OneBlock = PLAIN,
    values: Values = False,
    full: Full = False,
    matrix: Matrix = None,
    act: MeasuredAct = None,
    width: opt.Width = None,
    hidden: opt.Hidden = None,
    init: opt.OneInit = "auto",
    weight_std: opt.WeightStds = None,
    bias_std: opt.BiasStd = 0.0,
    bias_init: opt.BiasInit = None,
    gain: opt.Gain = "1.0",
    weights: opt.Weights = None,
    weights_layout: opt.WeightsLayout = None,
    select: opt.Select = None,
    seed: opt.Seed = 0,
    format_name: TextFormat = "auto",
    fragment: Fragment = False,
    output: opt.Output = None,
) -> None:
    """Derive a gradient step by step, as a person would write it.

    Starts from the nested expression L(S(W_N S(... S(W_1 x + b_1) ...) + b_N)) and applies
    the chain rule once a line, to the same factors that the simulation evaluates.
    Of another --block than S(Wx+b) the values f_k are named, not nested.
    --width, --hidden, --init, --weight-std, --bias-std, --bias-init, --gain, --weights and --seed
    say what chain --values measures.
    """
    from vanish.cli import networks
    from vanish.lessons.derivation import (
        Derivation,
        first_matrix,
        measured_factors,
        parse_variable,
        rows_for,
    )
    from vanish.render import derivation as render
    from vanish.simulation.run import Simulation
    from vanish.simulation.settings import Settings
    from vanish.system import memory

    if not values:
        for name in _MEASURED:
            if parse.was_given(ctx, name):
                flag = name.replace("_", "-")
                raise UsageError(
                    f"--{flag} without --values: it says what chain is measured: give --values"
                )
    destination = out.Destination.choose(format_name, output, formats=TEXTS, inputs=[weights])
    if fragment and destination.format != "latex":
        raise UsageError("--fragment is one of LaTeX: give --format latex beside it")
    if matrix and destination.format == "json":
        raise UsageError(
            "--matrix beside --format json, which has the factors alone: leave one of them out"
        )
    block_given = parse.was_given(ctx, "block")
    parse.split_list([block], "--block")  # refuses an empty one, which the settings take for none
    wanted = weights is not None
    read = networks.reader(weights_layout, select, wanted=wanted, beside_block=block_given)
    network = parse.converted(weights, read)
    settings = Settings(
        # A network of a file has as many as it has.
        layers=None if network is not None and not parse.was_given(ctx, "layers") else layers,
        width=width,
        # A network of a file may have one, too.
        block=block if block_given else "",
        hidden=hidden,
        batch=rows_for(block if block_given else "", values=values),
        act="sigmoid" if act is None else act,
        init=init,
        weight_std=parse.converted(weight_std, parse.stds),
        bias_std=bias_std,
        bias_init=bias_init,
        gain=parse.gains(gain),
        weights=network,
        seed=seed,
    )
    depth = settings.model.depth
    memory.require(
        render.BYTES_A_LAYER * depth, f"a derivation of {depth:,} layers", "give fewer --layers"
    )
    graph = settings.model.graph
    by = first_matrix(graph) if by is None else by
    variable = parse_variable(by, graph)
    factors = measured_factors(Simulation(settings), variable) if values else None
    activation = settings.model.activations[0] if act is not None or values else None
    shown = Derivation(graph, variable, full, factors, activation, matrix)
    if destination.format == "json":
        from vanish.render.json import table

        asked = settings.as_dict() | {"wrt": by}
        # What is not said of S holds of any.
        asked |= {} if activation is not None else {"act": None}
        destination.write(table(render.rows(shown), asked))
    elif destination.format == "text":
        destination.stream(render.text(shown, destination.window, destination.say))
    elif destination.format == "latex":
        destination.stream(render.latex(shown, fragment=fragment))
    else:
        destination.stream(render.markdown(shown))
    if network is not None:
        networks.say_how_read([network], weights_layout, select)
