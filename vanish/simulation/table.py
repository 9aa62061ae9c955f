"""The settings of a simulation, and all options of `vanish` and `vanish sweep`: once.

From this table come the options and their help, what they are by default, what the record
`Settings` takes and refuses, and the manual's list. `--help` reads it, so it imports nothing.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from vanish.simulation import names
from vanish.simulation.handling import HANDLING, JOBS, MEMORY
from vanish.simulation.option import Group, Kind, Limits, Option

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vanish.simulation.option import Entry

LAYERS, WIDTH = 20, 64

# The article's layer.
PLAIN = "S(Wx+b)"

# Of anything: more are a slip of the finger. Products of a few of them stay in float64.
LARGEST_COUNT = 10**15

# Normal numbers times this stay in float64.
_LARGEST_STD = 1e300

_FACTOR = Limits("a finite number above 0", above=0.0)

_setting = partial(Option, is_setting=True)

_VANISH = ("vanish",)
_ALL = ("vanish", "sweep", "train")

# In the order in which help lists them.
_TABLE = (
    _setting(
        *("act", Kind.ACT),
        "Activation of every layer; several are compared, all of them for all:"
        f" {names.ACTIVATIONS}, one with a number as 'leaky_relu(0.2)', or a formula as"
        " 'x*sigmoid(1.702*x)': see vanish help formulas.",
        group=Group.NETWORK,
        metavar="NAME,...",
        short="-a",
        default="sigmoid",
        shown="sigmoid,relu",
        choices=names.ACTIVATIONS,
        several=True,
        axis="Activations. [default: sigmoid]",
        axis_metavar="NAME,...",
        commands=_ALL,
    ),
    _setting(
        *("layer_acts", Kind.ACTS),
        "One activation a layer, input side first, instead of --act.",
        group=Group.NETWORK,
        metavar="NAME,...",
        choices=names.ACTIVATIONS,
        axis="One activation a layer; give the option again for another list.",
        axis_metavar="NAME,...",
    ),
    _setting(
        *("last_act", Kind.ACT),
        "The activation of layer N alone, such as identity before cross_entropy or bce.",
        group=Group.NETWORK,
        metavar="NAME",
        choices=names.ACTIVATIONS,
        axis="Activations of the last layer.",
    ),
    _setting(
        *("block", Kind.BLOCK),
        "A layer as a formula of its input x, such as 'x + S(Wx+b)', or the name of one, see"
        " vanish blocks; several are compared.",
        group=Group.NETWORK,
        metavar="TEXT,...",
        default="",
        shown=PLAIN,
        several=True,
        axis=f"Blocks. [default: {PLAIN}]",
        axis_metavar="TEXT,...",
        commands=_ALL,
    ),
    _setting(
        *("hidden", Kind.HIDDEN),
        "What a block leaves open between two of its matrices: a size, or so many times the"
        " layer's output, such as 4x.",
        group=Group.NETWORK,
        metavar="H",
        shown="the size of the layer's output",
        axis="Sizes inside a block.",
        axis_metavar="H,...",
        commands=_ALL,
    ),
    _setting(
        *("steps", Kind.ROWS),
        "The inputs u of a block that has one: a row a layer, .npy or text, in place of normal"
        " numbers.",
        group=Group.DATA,
        metavar="FILE",
        axis="A file of each layer's input; give the option again for another.",
        axis_metavar="FILE",
    ),
    _setting(
        *("layers", Kind.COUNT),
        "Number of layers.",
        group=Group.NETWORK,
        metavar="N",
        short="-n",
        shown=str(LAYERS),
        axis="Numbers of layers: a list, or ranges such as 10:100:10.",
        commands=_ALL,
    ),
    _setting(
        *("width", Kind.COUNT),
        "Size of the input and of every layer.",
        group=Group.NETWORK,
        metavar="N",
        short="-w",
        shown=str(WIDTH),
        axis="Sizes of every layer.",
        commands=_ALL,
    ),
    _setting(
        *("widths", Kind.SIZES),
        "All sizes, input first, instead of --layers and --width: 784,30,30,10, or 784,100x20,10"
        " for twenty layers of 100.",
        group=Group.NETWORK,
        metavar="N,N,...",
        axis="All sizes of a chain, input first; give the option again for another chain.",
        axis_metavar="N,N,...",
    ),
    _setting(
        *("init", Kind.NAME),
        f"How weights are drawn; several are compared: {names.INITIALIZERS}. auto is the"
        " activation's convention: he_normal for the relu family, lecun_normal for selu,"
        " xavier_normal for the others. Some take numbers: normal(0.02), uniform(-1,1),"
        " he_normal(0.2) for a leaky slope, see vanish help init.",
        group=Group.WEIGHTS,
        metavar="NAME,...",
        default="auto",
        shown="auto",
        choices=names.INITIALIZERS,
        several=True,
        axis="How weights are drawn.",
        axis_metavar="NAME,...",
        commands=_ALL,
    ),
    _setting(
        *("weight_std", Kind.STDS),
        "Instead of --init: Gaussian weights of variance X²/n_in; W=1.5,V=0.1 sets each matrix of"
        " a block by its letter.",
        group=Group.WEIGHTS,
        metavar="X",
        axis="Gaussian weights of variance X²/n_in: numbers, or ranges such as 0.5:3:26.",
    ),
    _setting(
        *("bias_std", Kind.NUMBER),
        "Standard deviation of the Gaussian biases.",
        group=Group.WEIGHTS,
        metavar="X",
        default=0.0,
        limits=Limits(f"a number from 0 to {_LARGEST_STD:g}", least=0.0, most=_LARGEST_STD),
        axis="Standard deviations of the biases.",
    ),
    _setting(
        *("bias_init", Kind.NAME),
        "Instead of --bias-std: how biases are drawn, zeros, normal(0.1), uniform(-1,1),"
        " constant(0.1) or torch, in ±1/√n_in.",
        group=Group.WEIGHTS,
        metavar="NAME",
        shown="zeros, but of --init torch",
        choices=names.OF_BIASES,
        axis="How biases are drawn.",
        axis_metavar="NAME,...",
    ),
    _setting(
        *("gain", Kind.NUMBERS),
        "Multiply all weights by X, or those of each layer by its own: X,X,..., input side first,"
        " or 1x19,0.01 for nineteen of 1 and a last one.",
        group=Group.WEIGHTS,
        metavar="X",
        default=1.0,
        limits=_FACTOR,
        axis="Factors for all weights.",
    ),
    _setting(
        *("last_gain", Kind.NUMBER),
        "Multiply the weights of layer N by X, in place of --gain: 0.01 for a small output.",
        group=Group.WEIGHTS,
        metavar="X",
        limits=_FACTOR,
        axis="Factors for the weights of the last layer.",
    ),
    _setting(
        *("input", Kind.ROWS),
        "Input: one vector or a batch of rows, .npy or text; - for standard input. One number a"
        " line is one vector, or a row a line for a chain of one input.",
        group=Group.DATA,
        metavar="FILE",
        axis="An input file; give the option again for another.",
        axis_metavar="FILE",
    ),
    _setting(
        *("batch", Kind.COUNT),
        "Without --input: B random normal rows; the loss is their mean.",
        group=Group.DATA,
        metavar="B",
        shown="1",
        axis="Numbers of random rows.",
        commands=_ALL,
    ),
    _setting(
        *("loss", Kind.NAME),
        "Loss: readout (r·f_N with random signs r, ‖r‖ = 1), sum of the outputs, mse"
        " (½‖f_N - target‖²), cross_entropy of the softmax of f_N, or bce, binary cross-entropy"
        " of the sigmoid of f_N: both contain the output's softmax or sigmoid, so give"
        " --last-act identity.",
        group=Group.DATA,
        metavar="NAME",
        default="readout",
        choices=names.LOSSES,
        axis="Losses.",
        axis_metavar="NAME,...",
    ),
    _setting(
        *("target", Kind.ROWS),
        "Target of the mse loss, one row or as many as the input; of bce the same, of zeros and"
        " ones; of cross_entropy one class a row, from 0.",
        group=Group.DATA,
        metavar="FILE",
        shown="zeros",
        axis="A target file; give the option again for another.",
        axis_metavar="FILE",
    ),
    _setting(
        *("weights", Kind.NETWORK),
        "A real network instead of a random one: arrays W1, b1, W2, b2, ..., those of a saved"
        " state_dict or the like, or what --save-weights wrote; a missing b is zero. A .npz,"
        " .safetensors or, where torch is installed, .pt file; of an .onnx file the graph is the"
        " network.",
        group=Group.WEIGHTS,
        metavar="FILE",
        axis="A real network; give the option again for another.",
        axis_metavar="FILE",
    ),
    Option(
        *("select", Kind.TEXT),
        "Which weights of the file of --weights make the chain, by names such as"
        " 'layers.*.mlp.fc1', in natural order; of several the ones behind the others, or in"
        " turns.",
        group=Group.WEIGHTS,
        metavar="GLOB,...",
        shown="all of an .npz file; of others the matrices that fit each other",
        several=True,
    ),
    Option(
        *("weights_layout", Kind.NAME),
        "How the weights of --weights lie: out_in is (n_out, n_in), as PyTorch stores them,"
        " in_out is (n_in, n_out), as Keras does.",
        group=Group.WEIGHTS,
        metavar="NAME",
        shown="auto, which takes what fits and says so",
        choices=names.LAYOUTS,
    ),
    Option(
        *("until", Kind.TEXT),
        "Read an ONNX file of --weights as far as this node, by its name or that of its value.",
        group=Group.WEIGHTS,
        metavar="NODE",
        shown="its output",
        commands=_VANISH,
    ),
    Option(
        *("save_weights", Kind.TEXT),
        "Write the chain that was simulated, for others to check, as .npz or .safetensors; it takes"
        " the place of a file that is there.",
        group=Group.OUTPUT,
        metavar="FILE",
        commands=_VANISH,
    ),
    _setting(
        *("seed", Kind.COUNT),
        "What all random numbers follow from.",
        group=Group.RUNNING,
        metavar="N",
        default=0,
        limits=Limits("an integer of at least 0", least=0.0),
        axis="Seeds.",
        commands=_ALL,
    ),
    _setting(
        *("trials", Kind.COUNT),
        "Number of independent chains; what is measured is their median, with 5 % and 95 %"
        " quantiles.",
        group=Group.RUNNING,
        metavar="T",
        default=1,
        axis="Numbers of independent chains a point.",
        commands=_ALL,
    ),
    _setting(
        *("engine", Kind.NAME),
        "dense stores the weights; sampled draws the same gradients in law without them, in a"
        " fraction of time and memory, for Gaussian and orthogonal weights; auto is dense while"
        " that takes little longer than the start, in a sweep the faster one of each point.",
        group=Group.RUNNING,
        metavar="NAME",
        default=names.AUTO_ENGINE,
        choices=names.ENGINES,
        axis="Engines.",
        axis_metavar="NAME,...",
    ),
    JOBS,
    MEMORY,
    _setting(
        *("norm_bound", Kind.FLAG),
        "Compute the norm bound, which takes exact spectral norms.",
        group=Group.RUNNING,
        shown="where that is cheap beside the run",
    ),
    _setting(
        *("vanish_below", Kind.NUMBER),
        "Call it vanishing if layer 1 gets less than X times layer N's gradient.",
        group=Group.RUNNING,
        metavar="X",
        default=1e-3,
        axis="Thresholds of the verdict vanishing.",
    ),
    _setting(
        *("explode_above", Kind.NUMBER),
        "Call it exploding if layer 1 gets more than X times layer N's.",
        group=Group.RUNNING,
        metavar="X",
        default=1e3,
        axis="Thresholds of the verdict exploding.",
    ),
    *HANDLING,
)

SETTINGS = {option.name: option for option in _TABLE if option.is_setting}


def every() -> Iterator[Option]:
    """Yield all options; those of `vanish fix` last, made when they are reached."""
    yield from _TABLE
    yield from _of_fix()


def _of_fix() -> Iterator[Option]:
    from vanish.simulation.fixing import of_fix  # noqa: PLC0415 - start-up

    return of_fix(_TABLE)


def of(command: str) -> Iterator[Option]:
    """Yield the options of a command, in the order of its help."""
    options = _of_fix() if command == "fix" else _TABLE
    return (option for option in options if command in option.commands)


def named(name: str) -> Option:
    """Return the option of that name; of several, the first."""
    return next(option for option in every() if option.name == name)


def manual() -> Iterator[Entry]:
    """Yield the manual's list, a line an option; of what two commands have, the first."""
    return (named(name).entry for name in dict.fromkeys(option.name for option in every()))
