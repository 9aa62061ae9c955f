"""`vanish collapse`: without an activation, N layers are one affine map."""

from __future__ import annotations

from vanish.cli import choice, parse
from vanish.cli import output as out
from vanish.cli import shared as opt
from vanish.errors import UsageError

# Enough pairs of inputs for a mean, few enough to cost nothing.
_INPUTS = 16


def command(
    layers: opt.Layers = None,
    act: opt.CollapseActs = None,
    width: opt.Width = None,
    widths: opt.Widths = None,
    init: opt.OneInit = "auto",
    weight_std: opt.WeightStd = None,
    bias_std: opt.BiasStd = 0.0,
    bias_init: opt.BiasInit = None,
    batch: opt.Inputs = _INPUTS,
    seed: opt.Seed = 0,
    format_name: opt.Format = "auto",
    output: opt.Output = None,
    no_header: opt.NoHeader = False,
    columns: opt.Columns = None,
    quiet: opt.Quiet = False,
) -> None:
    """Show why a network needs an activation: without one, N layers are one affine map.

    Builds that map, compares the chain with it on random inputs, and measures how far each
    layer is from affine.
    """
    from vanish.lessons.collapse import collapse
    from vanish.render import collapse as render
    from vanish.render.columns import COLLAPSE
    from vanish.simulation.run import Simulation
    from vanish.simulation.settings import Settings

    chosen = choice.columns(columns, lambda: COLLAPSE.columns)
    destination = out.Destination.choose(
        format_name, output, header=not no_header, quiet=quiet, columns=chosen
    )
    if batch < 2:
        raise UsageError(f"--batch {batch}: give at least 2 inputs, to add up")
    simulations = [
        Simulation(
            Settings(
                act=name,
                layers=layers,
                width=width,
                widths=parse.converted(widths, parse.split_sizes),
                init=init,
                weight_std=weight_std,
                bias_std=bias_std,
                bias_init=bias_init,
                batch=batch,
                seed=seed,
            )
        )
        for name in parse.acts(act, "--act") or ["identity"]
    ]
    found = [collapse(simulation) for simulation in simulations]
    settings = [simulation.settings for simulation in simulations]
    shown = render.view(settings, found)
    destination.write_table(shown, render.rows(found), render.given(settings))
