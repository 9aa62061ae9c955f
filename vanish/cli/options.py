"""The options that several commands share: their names, types and help, once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from vanish import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

# Written out, since `--help` does not wait for numpy and the registries; a test compares.
ACTIVATIONS = (
    "identity, sigmoid, tanh, relu, leaky_relu, elu, selu, gelu, gelu_tanh, silu, softplus,"
    " softsign, mish, hard_sigmoid, hard_tanh, relu6, hard_swish, sin, log_sigmoid"
)
INITIALIZERS = (
    "auto, xavier_normal, xavier_uniform, he_normal, he_uniform, lecun_normal,"
    " lecun_uniform, orthogonal"
)
LOSSES = "readout, sum, mse, cross_entropy, bce"
FORMATS = "auto, table, tsv, csv, json, jsonl, markdown"
VERDICTS = "vanishing, exploding, dead"
ENGINES = "auto, dense, sampled"
LAYOUTS = "auto, out_in, in_out"


def _completer(names: str) -> Callable[[str], list[str]]:
    """Return a function that completes the last item of a comma-separated list."""

    def complete(incomplete: str) -> list[str]:
        done, comma, last = incomplete.rpartition(",")
        return [done + comma + name for name in names.split(", ") if name.startswith(last)]

    return complete


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vanish {__version__}")
        raise typer.Exit


complete_activation = _completer(ACTIVATIONS)
complete_initializer = _completer(INITIALIZERS)

Act = Annotated[
    list[str] | None,
    typer.Option(
        "--act",
        "-a",
        metavar="NAME,...",
        help=f"Activation of every layer; several are compared: {ACTIVATIONS}."
        " [default: sigmoid,relu]",
        autocompletion=complete_activation,
    ),
]
CollapseActs = Annotated[
    list[str] | None,
    typer.Option(
        "--act",
        "-a",
        metavar="NAME,...",
        help="Activation of every layer; several are compared. [default: identity]",
        autocompletion=complete_activation,
    ),
]
LayerActs = Annotated[
    str | None,
    typer.Option(
        metavar="NAME,...",
        help="One activation a layer, input side first, instead of --act.",
        autocompletion=complete_activation,
    ),
]
LastAct = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="The activation of layer N alone, such as identity before cross_entropy or bce.",
        autocompletion=complete_activation,
    ),
]
Layers = Annotated[
    int | None,
    typer.Option("--layers", "-n", metavar="N", help="Number of layers. [default: 20]"),
]
Width = Annotated[
    int | None,
    typer.Option(
        "--width", "-w", metavar="N", help="Size of the input and of every layer. [default: 64]"
    ),
]
Widths = Annotated[
    str | None,
    typer.Option(
        metavar="N,N,...",
        help="All sizes, input first, such as 784,30,30,10, instead of --layers and --width.",
    ),
]
Init = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME,...",
        help=f"How weights are drawn; several are compared: {INITIALIZERS}. auto is the"
        " activation's convention: he_normal for the relu family, lecun_normal for selu,"
        " xavier_normal for the others. [default: auto]",
        autocompletion=complete_initializer,
    ),
]
OneInit = Annotated[
    str,
    typer.Option(
        "--init",
        metavar="NAME",
        help="How weights are drawn.",
        autocompletion=complete_initializer,
    ),
]
WeightStd = Annotated[
    float | None,
    typer.Option(metavar="X", help="Instead of --init: Gaussian weights of variance X²/n_in."),
]
BiasStd = Annotated[
    float,
    typer.Option(metavar="X", help="Standard deviation of the Gaussian biases."),
]
Gain = Annotated[float, typer.Option(metavar="X", help="Multiply all weights by X.")]
Input = Annotated[
    str | None,
    typer.Option(
        "--input",
        metavar="FILE",
        help="Input: one vector or a batch of rows, .npy or text; - for standard input. One"
        " number a line is one vector, or a row a line for a chain of one input.",
    ),
]
Batch = Annotated[
    int | None,
    typer.Option(
        metavar="B",
        help="Without --input: B random normal rows; the loss is their mean. [default: 1]",
    ),
]
Inputs = Annotated[
    int,
    typer.Option("--batch", metavar="B", help="How many random inputs to compare on."),
]
LossName = Annotated[
    str,
    typer.Option(
        "--loss",
        metavar="NAME",
        help="Loss: readout (r·f_N with random signs r, ‖r‖ = 1), sum of the outputs, mse"
        " (½‖f_N - target‖²), cross_entropy of the softmax of f_N, or bce, binary cross-entropy"
        " of the sigmoid of f_N: both contain the output's softmax or sigmoid, so give"
        " --last-act identity.",
        autocompletion=_completer(LOSSES),
    ),
]
Target = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Target of the mse loss, one row or as many as the input; of bce the same, of zeros"
        " and ones; of cross_entropy one class a row, from 0. [default: zeros]",
    ),
]
Weights = Annotated[
    str | None,
    typer.Option(
        metavar="FILE.npz",
        help="A real network instead of a random one: arrays W1, b1, W2, b2, ..., or those of a"
        " saved state_dict or the like; a missing b is zero.",
    ),
]
WeightsLayout = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="How the weights of --weights lie: out_in is (n_out, n_in), as PyTorch stores them,"
        " in_out is (n_in, n_out), as Keras does. [default: auto, which takes what fits and"
        " says so]",
        autocompletion=_completer(LAYOUTS),
    ),
]
SaveWeights = Annotated[
    str | None,
    typer.Option(
        metavar="FILE.npz",
        help="Write the chain that was simulated, for others to check; it takes the place of a"
        " file that is there.",
    ),
]
Seed = Annotated[int, typer.Option(metavar="N", help="What all random numbers follow from.")]
Trials = Annotated[
    int,
    typer.Option(
        metavar="T",
        help="Number of independent chains; what is measured is their median, with 5 % and"
        " 95 % quantiles.",
    ),
]
Engine = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="dense stores the weights; sampled draws the same gradients in law without them,"
        " in a fraction of time and memory, for Gaussian and orthogonal weights; auto is dense"
        " up to 16 million weights in all trials.",
        autocompletion=_completer(ENGINES),
    ),
]
Memory = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        help="Most memory that sampled chains may keep at a time, such as 500MB; deeper ones"
        " are run in segments. It changes no number. [default: 1GB]",
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        "-j",
        metavar="N",
        help="Most threads for sampled trials. It changes no number. [default: all processors]",
    ),
]
NormBound = Annotated[
    bool | None,
    typer.Option(
        "--norm-bound/--no-norm-bound",
        help="Compute the norm bound, which takes exact spectral norms. [default: where that"
        " is cheap beside the run]",
    ),
]
VanishBelow = Annotated[
    float,
    typer.Option(
        metavar="X", help="Call it vanishing if layer 1 gets less than X times layer N's gradient."
    ),
]
ExplodeAbove = Annotated[
    float,
    typer.Option(
        metavar="X", help="Call it exploding if layer 1 gets more than X times layer N's."
    ),
]
FailOn = Annotated[
    list[str] | None,
    typer.Option(
        metavar="VERDICT,...",
        help=f"Exit with status 3 if a chain is one of these: {VERDICTS}.",
        autocompletion=_completer(VERDICTS),
    ),
]
Format = Annotated[
    str,
    typer.Option(
        "--format",
        "-f",
        metavar="NAME",
        help=f"{FORMATS}; auto is a table on a terminal, else tsv.",
        autocompletion=_completer(FORMATS),
    ),
]
Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write to FILE, whole or not at all, in the format of its suffix; it takes the"
        " place of a file that is there.",
    ),
]
NoHeader = Annotated[
    bool, typer.Option("--no-header", help="Leave out the header line of tsv and csv.")
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="The data only: no verdict, nothing on stderr.")
]
RowLimit = Annotated[
    int | None,
    typer.Option(
        "--rows",
        metavar="N",
        help="Most rows of a table, the middle elided; 0 for all. [default: what fits on a"
        " terminal, else all]",
    ),
]
Plot = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Draw a figure, too: .png, .svg or .pdf; it takes the place of a file that is"
        " there. Needs the extra 'plot'.",
    ),
]
Version = Annotated[
    bool,
    typer.Option(
        "--version", help="Show the version and exit.", callback=_show_version, is_eager=True
    ),
]
