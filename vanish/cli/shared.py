"""Options that several subcommands share; `vanish` itself has the table's."""

from __future__ import annotations

from typing import Annotated

from vanish.cli import options
from vanish.simulation import names

complete_activation = options.completer(names.ACTIVATIONS)
complete_initializer = options.completer(names.INITIALIZERS)

Layers = Annotated[int | None, options.option("layers")]
Width = Annotated[int | None, options.option("width")]
Widths = Annotated[str | None, options.option("widths")]
Hidden = Annotated[str | None, options.option("hidden")]
Init = Annotated[list[str] | None, options.option("init")]
OneInit = Annotated[str, options.option("init", "How weights are drawn.", "NAME")]
WeightStd = Annotated[
    float | None,
    options.option("weight_std", "Instead of --init: Gaussian weights of variance X²/n_in."),
]
WeightStds = Annotated[str | None, options.option("weight_std")]
OneBlock = Annotated[
    str,
    options.option(
        "block", "Every layer as a formula of its input x, or its name: see vanish blocks.", "TEXT"
    ),
]
BiasStd = Annotated[float, options.option("bias_std")]
BiasInit = Annotated[str | None, options.option("bias_init")]
Gain = Annotated[str, options.option("gain")]
Weights = Annotated[str | None, options.option("weights")]
WeightsLayout = Annotated[str | None, options.option("weights_layout")]
Select = Annotated[list[str] | None, options.option("select")]
CollapseActs = Annotated[
    list[str] | None,
    options.option("act", "Activation of every layer; several are compared. [default: identity]"),
]
Inputs = Annotated[int, options.option("batch", "How many random inputs to compare on.")]
Seed = Annotated[int, options.option("seed")]
Format = Annotated[str, options.option("format")]
Output = Annotated[str | None, options.option("output")]
NoHeader = Annotated[bool, options.option("no_header")]
Columns = Annotated[list[str] | None, options.option("columns")]
Quiet = Annotated[bool, options.option("quiet")]
Plot = Annotated[str | None, options.option("plot")]
