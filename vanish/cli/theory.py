"""`vanish theory`: what mean-field theory says of an activation, without a simulation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from vanish.cli import choice, parse, ranges, streams
from vanish.cli import output as out
from vanish.cli import shared as opt
from vanish.errors import UsageError
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from vanish.columns import Column
    from vanish.network.activations import Activation
    from vanish.network.blocks import Formula
    from vanish.theories.infinitewidth import TheoryPoint

WeightStds = Annotated[
    str | None,
    typer.Option(
        "--weight-std",
        metavar="X,...",
        help="Weights of variance X²/n_in: numbers, or ranges such as 0.5:3:26 (26 numbers"
        " from 0.5 to 3); with --block also W=1.5,V=0.1 by letters. [default: the critical point;"
        " with --block the activation's --init]",
    ),
]
BiasStds = Annotated[
    str,
    typer.Option(
        "--bias-std", metavar="X,...", help="Standard deviations of the biases: numbers or ranges."
    ),
]
InputRms = Annotated[
    float,
    typer.Option(
        metavar="X",
        help="The input's root mean square: q starts from weight_std²·X² + bias_std² and settles"
        " at q*. Where there are several such points it matters.",
    ),
]
InitOfWidth = Annotated[
    str | None,
    typer.Option(
        "--init",
        metavar="NAME",
        help="The weight_std of an initialiser between layers of equal width, instead of"
        " --weight-std.",
        autocompletion=opt.complete_initializer,
    ),
]
Depth = Annotated[
    int | None,
    typer.Option(
        "--layers",
        "-n",
        metavar="N",
        help="With --width: how the gradient at layer 1 of such a chain spreads about theory."
        " With --block: a row a layer, of a chain of N blocks.",
    ),
]
Width = Annotated[
    int | None,
    typer.Option(
        *("--width", "-w"), metavar="N", help="With --layers: the size of every layer of the chain."
    ),
]
Blocks = Annotated[
    list[str] | None,
    typer.Option(
        metavar="TEXT,...",
        help="Layers as formulas of their input x, such as 'x + S(Wx+b)', or their names, see"
        " vanish blocks: a row a block says where its values settle and by what it multiplies the"
        " mean of ‖∂L/∂f‖².",
    ),
]
TheoryActs = Annotated[
    list[str] | None,
    typer.Option(
        "--act",
        "-a",
        metavar="NAME,...",
        help="Which activations. [default: all]",
        autocompletion=opt.complete_activation,
    ),
]


def command(
    act: TheoryActs = None,
    block: Blocks = None,
    weight_std: WeightStds = None,
    bias_std: BiasStds = "0",
    input_rms: InputRms = 1.0,
    init: InitOfWidth = None,
    layers: Depth = None,
    width: Width = None,
    format_name: opt.Format = "auto",
    output: opt.Output = None,
    no_header: opt.NoHeader = False,
    columns: opt.Columns = None,
    quiet: opt.Quiet = False,
    plot: opt.Plot = None,
) -> None:
    """Show what mean-field theory says: fixed points, phases, depth scales, critical points.

    One row an activation and point. Without --weight-std the row is at the critical point,
    where gradients neither vanish nor explode. q* is where the length map settles from an
    input of mean square 1 on; --input-rms gives another one. With --block the rows are about
    blocks, and their columns others.
    """
    from vanish.network import activations, initializers
    from vanish.render import theory as render
    from vanish.theories import infinitewidth as theory

    formulas = _formulas(block, width)
    chosen = choice.columns(columns, lambda: _columns(formulas, layers, width))
    destination = out.Destination.choose(
        format_name, output, header=not no_header, quiet=quiet, plot=plot, columns=chosen
    )
    init = parse.converted(init, initializers.spelled)
    if init is not None and weight_std is not None:
        raise UsageError("--init beside --weight-std: give one of them")
    names = parse.acts(act, "--act") or activations.names()
    shown = [activations.get(name) for name in names]
    if formulas:
        if plot is not None:
            raise UsageError("--plot beside --block: only S(Wx+b) has a figure: leave out one")
        given = _Given(weight_std, bias_std, init, layers, input_rms)
        _write_blocks(destination, formulas, shown, given)
        _tell_ranges(destination, weight_std, bias_std)
        return
    if (layers is None) != (width is None):
        raise UsageError("--layers without --width, or the reverse: give both")
    weight_stds: Sequence[float | None] | None = None
    if weight_std is not None:
        weight_stds = ranges.numbers("--weight-std", weight_std)
    bias_stds = ranges.numbers("--bias-std", bias_std)
    _check_ends(weight_std, bias_std)
    points = [
        theory.point(each, std, bias, input_rms)
        for each in shown
        for bias in bias_stds
        for std in ([_weight_std(each, init, width)] if init else weight_stds or [None])
    ]
    spreads = None
    if layers is not None and width is not None:
        from vanish.lessons.spread import spread

        spreads = [spread(point, layers, width, input_rms) for point in points]
    settings = {
        "act": [each.name for each in shown],
        "weight_std": weight_stds,
        "bias_std": bias_stds,
        "init": init,
        "layers": layers,
        "width": width,
        "input_rms": input_rms,
    }
    destination.write_table(
        render.view(points, spreads, input_rms),
        render.rows(points, spreads),
        settings,
        out.figure_writer(plot, lambda: _draw(points, input_rms)),
    )
    _tell_ranges(destination, weight_std, bias_std)


def _check_ends(weight_std: str | None, bias_std: str) -> None:
    """Refuse what a range asks for, before what lies in it is."""
    from vanish.theories.infinitewidth import require

    for end in ranges.ends([] if weight_std is None else [weight_std]):
        require("weight_std", float(end))
    for end in ranges.ends([bias_std]):
        if float(end):
            require("bias_std", float(end), "0, or ")


def _tell_ranges(destination: out.Destination, weight_std: str | None, bias_std: str) -> None:
    """Say what was taken of ranges, once it is known that there is nothing wrong with them."""
    if destination.quiet:
        return
    given = {"--weight-std": weight_std, "--bias-std": bias_std}
    for option, listed in given.items():
        for sentence in ranges.told(option, [] if listed is None else [listed]):
            streams.say(sentence)


class _Given(Record):
    """What the options say of every block."""

    weight_std: str | None
    bias_std: str
    init: str | None
    layers: int | None
    input_rms: float


def _formulas(block: Sequence[str] | None, width: int | None) -> list[Formula]:
    """Return the blocks that are asked for; none where --width asks for the plain one's spread."""
    if block is None:
        return []
    from vanish.network.blocks import formula

    found = [formula(text) for text in parse.split_list(block, "--block")]
    if width is None:
        return found
    other = next((each for each in found if not each.is_plain), None)
    if other is not None:
        raise UsageError(
            f"--width beside --block {other.name or other.text!r}: how gradients spread at finite"
            " width is known of S(Wx+b) alone: leave out --width"
        )
    return []


def _columns(
    formulas: Sequence[Formula], layers: int | None, width: int | None
) -> Sequence[Column[Any]]:
    """Return the columns that are printed."""
    from vanish.render import blockcolumns
    from vanish.render.columns import SPREAD, THEORY

    if formulas:
        return (blockcolumns.POINTS if layers is None else blockcolumns.LAYERS).columns
    spread = SPREAD.columns if layers is not None and width is not None else ()
    return (*THEORY.columns, *spread)


def _write_blocks(
    destination: out.Destination,
    formulas: Sequence[Formula],
    shown: Sequence[Activation],
    given: _Given,
) -> None:
    """Write what theory says of blocks: a row a point, or a row a layer."""
    from vanish.network import initializers
    from vanish.render import blocktheory as render
    from vanish.simulation.table import SETTINGS
    from vanish.simulation.values import check_count, taken
    from vanish.theories import blocks

    stds: Sequence[Any] = [None]
    if given.weight_std is not None:
        weight_std = SETTINGS["weight_std"]
        stds = [taken(weight_std, std) for std in parse.axis(weight_std, [given.weight_std])]
    bias_stds = ranges.numbers("--bias-std", given.bias_std)
    if given.layers is not None:
        check_count("layers", given.layers)
    points, profiles = blocks.survey(
        [
            blocks.Setting(
                formula,
                each,
                blocks.weight_stds(formula, each, std, given.init or initializers.AUTO),
                bias_std,
                given.input_rms,
            )
            for formula in formulas
            for each in shown
            for bias_std in bias_stds
            for std in stds
        ],
        given.layers,
    )
    settings = {
        "block": [each.name or each.text for each in formulas],
        "act": [each.name for each in shown],
        **given._asdict(),
        "weight_std": None
        if given.weight_std is None
        else [dict(std) if isinstance(std, tuple) else std for std in stds],
        "bias_std": bias_stds,
    }
    destination.write_table(
        render.view(points, profiles, given.input_rms),
        render.rows(points, profiles),
        settings,
    )


def _draw(points: Sequence[TheoryPoint], input_rms: float) -> Figure:
    from vanish.render.figure import phase_figure

    return phase_figure(points, input_rms)


def _weight_std(activation: Activation, init: str, width: int | None) -> float:
    """Return the weight_std of an initialiser between layers of one width."""
    from vanish.network import initializers
    from vanish.simulation.values import check_count

    name = activation.init if init == initializers.AUTO else init
    if width is not None:
        check_count("width", width)
    return initializers.get(name).std_between(width)
