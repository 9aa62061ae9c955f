"""`vanish train`: train deep and shallow networks, and see which of them learn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from vanish.cli import choice, options, parse
from vanish.cli import output as out
from vanish.cli import shared as opt
from vanish.cli.simulate import CONDITION_HOLDS
from vanish.errors import UsageError
from vanish.simulation.names import OUTCOMES
from vanish.simulation.table import PLAIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from vanish.training.result import Training

# Beside the rows themselves, which may end with an early divergence.
_BYTES_AN_EPOCH = 200

# Written out, since `--help` does not wait for numpy and the registries; a test compares.
OPTIMIZERS = "sgd, momentum, adam"

TrainActs = Annotated[
    list[str] | None,
    typer.Option(
        "--act",
        "-a",
        metavar="NAME,...",
        help="Activation of every hidden layer; several are compared. [default: sigmoid,relu]",
        autocompletion=opt.complete_activation,
    ),
]
TrainBlocks = Annotated[
    list[str] | None,
    options.option(
        "block",
        "A hidden layer as a formula of its input x, such as 'x + S(Wx+b)', or the name of one, see"
        f" vanish blocks; several are compared. [default: {PLAIN}]",
    ),
]
Depths = Annotated[
    str,
    typer.Option(
        "--layers",
        "-n",
        metavar="N,...",
        help="Numbers of hidden layers; an identity layer, one unit a class, follows them.",
    ),
]
DataName = Annotated[
    str,
    typer.Option(
        "--data",
        metavar="NAME",
        help="What to learn: spirals (generated), digits (real handwritten ones, from"
        " scikit-learn; needs the extra 'data'), or a file. FILE.csv: one example a line, its"
        " label last or in a column named label. FILE.npz: arrays X and y, and, if the test"
        " part is given, X_test and y_test.",
    ),
]
Epochs = Annotated[
    int, typer.Option(metavar="N", help="How often to go through the training part.")
]
LearningRate = Annotated[
    float | None,
    typer.Option(
        metavar="X", help="Learning rate. [default: sgd 0.02, momentum 0.002, adam 0.001]"
    ),
]
BatchSize = Annotated[int, typer.Option("--batch", metavar="B", help="Examples to a step.")]
HiddenWidth = Annotated[
    int, typer.Option("--width", "-w", metavar="N", help="Size of every hidden layer.")
]
OptimizerName = Annotated[
    str, typer.Option("--optimizer", metavar="NAME", help=f"How to step: {OPTIMIZERS}.")
]
Repeats = Annotated[
    int,
    typer.Option(
        "--trials",
        metavar="T",
        help="Number of independent runs, each with data, weights and order of its own; shown"
        " are their medians, and 5 % and 95 % quantiles of the accuracies.",
    ),
]
PerLayer = Annotated[
    bool,
    typer.Option(
        "--per-layer",
        help="Show every layer: one row a layer and epoch; in a table one row a layer, the"
        " epochs from left to right.",
    ),
]

FailOn = Annotated[
    list[str] | None,
    options.option("fail_on", f"Exit with status 3 if one of these came of a network: {OUTCOMES}."),
]


def command(
    act: TrainActs = None,
    block: TrainBlocks = None,
    hidden: opt.Hidden = None,
    layers: Depths = "1,2,4,8,16",
    data: DataName = "spirals",
    epochs: Epochs = 100,
    lr: LearningRate = None,
    batch: BatchSize = 16,
    width: HiddenWidth = 32,
    init: opt.Init = None,
    optimizer: OptimizerName = "sgd",
    seed: opt.Seed = 0,
    trials: Repeats = 1,
    per_layer: PerLayer = False,
    format_name: opt.Format = "auto",
    output: opt.Output = None,
    no_header: opt.NoHeader = False,
    columns: opt.Columns = None,
    fail_on: FailOn = None,
    quiet: opt.Quiet = False,
    plot: opt.Plot = None,
) -> None:
    """Train deep and shallow networks on the same data, and see which of them learn.

    Where the gradient vanishes the first layers stand still, and accuracy falls as hidden
    layers are added: to that of guessing. A fifth of the data is held out as the test part.
    """
    from vanish.cli.progress import progress
    from vanish.render import train as render
    from vanish.system import memory
    from vanish.training import data as datasets
    from vanish.training.columns import LAYERS, NETWORKS
    from vanish.training.result import common_settings
    from vanish.training.run import train_all
    from vanish.training.settings import TrainingSettings

    table = LAYERS if per_layer else NETWORKS
    chosen = choice.columns(columns, lambda: table.columns)
    destination = out.Destination.choose(
        format_name,
        output,
        header=not no_header,
        quiet=quiet,
        plot=plot,
        inputs=[data],
        columns=chosen,
    )
    conditions = parse.names(fail_on, "--fail-on", "condition", OUTCOMES)
    depths = _depths(layers)
    acts = parse.acts(act, "--act") or ["sigmoid", "relu"]
    inits = parse.split_list(init, "--init") or ["auto"]
    blocks = parse.split_list(block, "--block") or [PLAIN]
    common: dict[str, Any] = {
        "data": datasets.load(data),
        "epochs": epochs,
        "lr": lr,
        "batch": batch,
        "width": width,
        "optimizer": optimizer,
        "seed": seed,
        "trials": trials,
        "hidden": hidden,
    }
    runs = [
        TrainingSettings(block=b, act=a, init=i, layers=depth, **common)
        for b in blocks
        for a in acts
        for i in inits
        for depth in depths
    ]
    if per_layer:
        # Before a list as long as the training is made.
        memory.require(
            _BYTES_AN_EPOCH * epochs, f"a row for each of {epochs:,} epochs", "give fewer --epochs"
        )
    history = list(range(epochs + 1)) if per_layer else []
    if plot is not None:
        from vanish.render.training_figure import shown_epochs

        history += shown_epochs(epochs)
    with progress("training", 1, quiet=quiet) as watch:
        trained = list(train_all(runs, history=set(history), watch=watch))
    view = render.layer_view(trained) if per_layer else render.view(trained)
    rows = render.layer_rows(trained) if per_layer else render.rows(trained)
    figure = out.figure_writer(plot, lambda: _draw(trained))
    destination.write_table(view, rows, common_settings(trained), figure)
    if any(each.outcome.value in conditions for each in trained):
        raise typer.Exit(CONDITION_HOLDS)


def _draw(trained: Sequence[Training]) -> Figure:
    from vanish.render.training_figure import training_figure

    return training_figure(trained)


def _depths(listed: str) -> list[int]:
    """Return the numbers of hidden layers, each once."""
    depths = []
    for item in parse.split_list([listed], "--layers"):
        try:
            depths.append(int(item))
        except ValueError:
            raise UsageError(
                f"--layers {listed!r}: {item!r} is not a whole number: give numbers of hidden"
                " layers such as 1,2,4,8,16"
            ) from None
    return list(dict.fromkeys(depths))
