"""`vanish` itself: simulate one chain, or several side by side."""

# Not annotations from the future: typer would evaluate every option's at each start.
from typing import TYPE_CHECKING, Any

import typer

from vanish.cli import options as opt
from vanish.cli import output as out
from vanish.cli import parse, streams
from vanish.errors import UsageError
from vanish.system.atomic import STANDARD_STREAM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from vanish.simulation.profile import Profile
    from vanish.simulation.remedy import Search
    from vanish.simulation.run import Draws

CONDITION_HOLDS = 3


def command(
    ctx: typer.Context,
    act: opt.Act = None,
    layer_acts: opt.LayerActs = None,
    last_act: opt.LastAct = None,
    layers: opt.Layers = None,
    width: opt.Width = None,
    widths: opt.Widths = None,
    init: opt.Init = None,
    weight_std: opt.WeightStd = None,
    bias_std: opt.BiasStd = 0.0,
    gain: opt.Gain = 1.0,
    input_file: opt.Input = None,
    batch: opt.Batch = None,
    loss: opt.LossName = "readout",
    target: opt.Target = None,
    weights: opt.Weights = None,
    weights_layout: opt.WeightsLayout = None,
    save_weights: opt.SaveWeights = None,
    seed: opt.Seed = 0,
    trials: opt.Trials = 1,
    engine: opt.Engine = "auto",
    jobs: opt.Jobs = None,
    memory: opt.Memory = None,
    norm_bound: opt.NormBound = None,
    vanish_below: opt.VanishBelow = 1e-3,
    explode_above: opt.ExplodeAbove = 1e3,
    fail_on: opt.FailOn = None,
    format_name: opt.Format = "auto",
    output: opt.Output = None,
    no_header: opt.NoHeader = False,
    rows: opt.RowLimit = None,
    quiet: opt.Quiet = False,
    plot: opt.Plot = None,
    version: opt.Version = False,
) -> None:
    """See how large the gradient of every layer of a deep network is, and why.

    Builds the chain f_k = S(W_k f_(k-1) + b_k), differentiates it by the chain rule, and
    shows each layer's gradient beside the bounds that theory sets it.
    """
    if ctx.invoked_subcommand is not None:
        _refuse_options(ctx)
        return
    from vanish.cli import networks
    from vanish.cli.progress import progress
    from vanish.network.streams import Streams
    from vanish.simulation.run import Draws, Simulation, compare
    from vanish.simulation.settings import Settings

    if save_weights == STANDARD_STREAM:
        raise UsageError("--save-weights -: it is no text: give the name of a file")
    destination = out.Destination.choose(
        format_name,
        output,
        header=not no_header,
        rows=rows,
        quiet=quiet,
        plot=plot,
        beside=[save_weights],
    )
    conditions = _conditions(fail_on)
    if [input_file, target, weights].count(STANDARD_STREAM) > 1:
        raise UsageError("several inputs are -: standard input can be read once: give files")
    if jobs is not None and jobs < 1:
        raise UsageError(f"--jobs {jobs}: give at least 1")
    limit = parse.converted(memory, parse.size)
    if save_weights is not None:
        engine = _storing(engine, trials)
    acts = parse.split_list(act, "--act")
    if acts and layer_acts is not None:
        raise UsageError("--act beside --layer-acts: give one of them")
    if last_act is not None and layer_acts is not None:
        raise UsageError(
            "--last-act beside --layer-acts, which names the last one, too: give one of them"
        )
    common: dict[str, Any] = {
        "layer_acts": parse.converted(layer_acts, _layer_acts),
        "last_act": last_act,
        "layers": layers,
        "width": width,
        "widths": parse.converted(widths, parse.split_sizes),
        "weight_std": weight_std,
        "bias_std": bias_std,
        "gain": gain,
        "input": parse.converted(input_file, parse.rows),
        "batch": batch,
        "loss": loss,
        "target": parse.converted(target, parse.rows),
        "weights": parse.converted(
            weights, networks.reader(weights_layout, wanted=weights is not None)
        ),
        "seed": seed,
        "trials": trials,
        "engine": engine,
        "norm_bound": norm_bound,
        "vanish_below": vanish_below,
        "explode_above": explode_above,
    }
    if not acts:
        acts = ["sigmoid"] if layer_acts is not None else ["sigmoid", "relu"]
    inits = parse.split_list(init, "--init") or ["auto"]
    runs = [Settings(act=a, init=i, **common) for a in acts for i in inits]
    if save_weights is not None and len(runs) > 1:
        raise UsageError(f"--save-weights beside {len(runs)} chains: give one --act and one --init")
    draws = Draws(Streams(seed))
    beside = out.figure_writer(plot, lambda: _draw(profiles))
    if save_weights is None:
        with progress("simulating", len(runs), quiet=quiet) as watch:
            # Only these tell what a number format loses.
            entries = destination.is_for_people or destination.format == "json"
            limits = {"jobs": jobs, "memory_limit": limit}
            profiles = list(compare(runs, draws=draws, watch=watch, entries=entries, **limits))
    else:
        simulation = Simulation(runs[0], draws)
        profiles = [simulation.profile()]
        from vanish.files.networks import write_network

        beside[save_weights] = lambda stream: write_network(stream, simulation, save_weights)
    advises = _advises(destination, len(runs))
    searches = [_search(profile, draws, jobs, limit) if advises else None for profile in profiles]
    del draws  # the weights
    destination.write(_render(profiles, searches, destination), beside=beside)
    if not destination.quiet and not destination.is_for_people:
        _say_verdicts(profiles, searches)
        read = (profile.settings.weights for profile in profiles)
        networks.say_layouts(filter(None, read), weights_layout)
    if any(profile.verdict.value in conditions for profile in profiles):
        raise typer.Exit(CONDITION_HOLDS)


def _storing(engine: str, trials: int) -> str:
    """Return the engine whose weights can be saved."""
    from vanish.network.registry import choice
    from vanish.simulation.settings import ENGINES, SAMPLED

    if choice("engine", engine, ENGINES) == SAMPLED:
        raise UsageError(
            "--save-weights beside --engine sampled, which has no weights: give --engine dense"
        )
    if trials > 1:
        raise UsageError(f"--save-weights beside {trials} --trials: give one")
    return "dense"


def _refuse_options(ctx: typer.Context) -> None:
    """Refuse options in front of a subcommand, where they would mean nothing."""
    for parameter in ctx.command.params:
        if parse.was_given(ctx, parameter.name or ""):
            raise UsageError(
                f"{parameter.opts[0]} before {ctx.invoked_subcommand}: put it behind"
                f" {ctx.invoked_subcommand}, if it has such an option"
            )


def _draw(profiles: "Sequence[Profile]") -> "Figure":
    from vanish.render.figure import gradient_figure

    return gradient_figure(profiles)


def _advises(destination: out.Destination, runs: int) -> bool:
    """Tell whether anybody will see a remedy."""
    if destination.quiet:
        return False
    if destination.is_for_people:
        from vanish.render.profiles import MOST_TOLD

        return runs <= MOST_TOLD
    return True


def _search(
    profile: "Profile", draws: "Draws", jobs: int | None, memory_limit: int | None
) -> "Search | None":
    """Look for a remedy, where there is something to mend."""
    from vanish.simulation.profile import Verdict

    if profile.verdict is Verdict.STABLE:
        return None
    from vanish.simulation.remedy import find

    return find(profile, draws, jobs=jobs, memory_limit=memory_limit)


def _render(
    profiles: "Sequence[Profile]",
    searches: "Sequence[Search | None]",
    destination: out.Destination,
) -> str:
    """Return the profiles in the format of their destination."""
    if destination.is_for_people:
        from vanish.render.profiles import view

        return destination.draw_fitting(lambda rows: view(profiles, rows, searches))
    if destination.format == "json":
        from vanish.render.json import document

        return document(profiles, searches)
    return destination.list_rows(row for profile in profiles for row in profile.rows())


def _say_verdicts(profiles: "Sequence[Profile]", searches: "Sequence[Search | None]") -> None:
    from vanish.simulation.verdict import explain, subject

    for profile, search in zip(profiles, searches, strict=True):
        name = subject(profile, profiles)
        streams.say(f"{name}: {explain(profile, search).text}")


def _layer_acts(names: str) -> tuple[str, ...]:
    return tuple(parse.split_list([names], "--layer-acts"))


def _conditions(fail_on: list[str] | None) -> set[str]:
    from vanish.network.registry import choice

    known = opt.VERDICTS.split(", ")
    return {choice("condition", each, known) for each in parse.split_list(fail_on, "--fail-on")}
