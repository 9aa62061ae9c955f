"""`vanish` itself: simulate one chain, or several side by side."""

# Not annotations from the future: each start would make a text of them.
from functools import partial
from typing import TYPE_CHECKING, Any

from vanish.cli import choice, parse, streams
from vanish.cli import output as out
from vanish.cli.formats import WITH_PAGE
from vanish.errors import UsageError
from vanish.simulation.names import VERDICTS
from vanish.simulation.option import Kind
from vanish.simulation.table import SETTINGS
from vanish.system.atomic import STANDARD_STREAM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from matplotlib.figure import Figure

    from vanish.cures.remedy import Search
    from vanish.simulation.profile import Profile

CONDITION_HOLDS = 3

INPUTS = ("input", "steps", "target", "weights")


def run(options: dict[str, Any]) -> int:
    """Simulate what the options of the table say, and return the exit status."""
    from vanish.cli.progress import progress
    from vanish.network.streams import Streams
    from vanish.simulation.columns import LAYERS
    from vanish.simulation.course import Verdict
    from vanish.simulation.drawing import Draws
    from vanish.simulation.run import Simulation, compare
    from vanish.simulation.settings import Settings

    save_weights, plot = options["save_weights"], options["plot"]
    if save_weights == STANDARD_STREAM:
        raise UsageError("--save-weights -: it is no text: give the name of a file")
    if save_weights is not None:
        from vanish.files.networks import require_writable, write_network

        require_writable(save_weights)
    chosen = choice.columns(options["columns"], lambda: LAYERS.columns)
    destination = out.Destination.choose(
        options["format"],
        options["output"],
        formats=WITH_PAGE,
        header=not options["no_header"],
        rows=options["rows"],
        quiet=options["quiet"],
        plot=plot,
        beside=[save_weights],
        inputs=[options[name] for name in INPUTS],
        columns=chosen,
    )
    conditions = parse.names(options["fail_on"], "--fail-on", "condition", VERDICTS)
    jobs, limit = limits_of(options)
    if save_weights is not None:
        options["engine"] = _storing(options["engine"], options["trials"])
    runs = [Settings(**each) for each in settings_of(options)]
    if save_weights is not None and len(runs) > 1:
        raise UsageError(f"--save-weights beside {len(runs)} chains: give one --act and one --init")
    advises = _advises(destination, len(runs))
    # Of one run that nobody tries to mend no weight is asked for again.
    once = len(runs) == 1 and save_weights is None and not advises
    draws = Draws(Streams(options["seed"]), once=once)
    beside = out.figure_writer(plot, lambda: _draw(profiles))
    if save_weights is None:
        with progress("simulating", len(runs), quiet=options["quiet"]) as watch:
            # Only these tell what a number format loses.
            entries = destination.is_for_people or destination.format in ("json", "html")
            # And these have the columns of the signal going forward, or draw it.
            forward = bool(chosen) or plot is not None or not destination.is_for_people
            run_all = partial(compare, runs, jobs=jobs, memory_limit=limit, entries=entries)
            profiles = list(run_all(draws=draws, watch=watch, forward=forward))
            if not forward and any(each.verdict is Verdict.DEAD for each in profiles):
                # Only the way forward tells what a signal died of.
                draws = Draws(Streams(options["seed"]), once=once)
                profiles = list(run_all(draws=draws, forward=True))
    else:
        simulation = Simulation(runs[0], draws)
        profiles = [simulation.profile()]
        beside[save_weights] = lambda stream: write_network(stream, simulation, save_weights)
    searches: list[Search | None] = [None] * len(profiles)
    if advises and any(profile.verdict is not Verdict.STABLE for profile in profiles):
        from vanish.cures.remedy import advise

        searches = [advise(profile, draws, jobs=jobs, memory_limit=limit) for profile in profiles]
    del draws  # the weights
    destination.stream(_rendered(profiles, searches, destination), beside)
    if not destination.quiet and not destination.is_for_people:
        _say_verdicts(profiles, searches)
        _say_how_read(profiles, options)
    return CONDITION_HOLDS if any(each.verdict.value in conditions for each in profiles) else 0


def limits_of(options: dict[str, Any]) -> tuple[int | None, int | None]:
    """Return the most threads and the most memory, from the text of the options.

    Raises
    ------
    UsageError
        If they are none, or standard input is to be read twice.
    """
    if [options[name] for name in INPUTS].count(STANDARD_STREAM) > 1:
        raise UsageError("several inputs are -: standard input can be read once: give files")
    jobs = options["jobs"]
    if jobs is not None and jobs < 1:
        raise UsageError(f"--jobs {jobs}: give at least 1")
    return jobs, parse.converted(options["memory"], parse.size)


def settings_of(options: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the settings of each chain, from the text of the options.

    Raises
    ------
    UsageError
        If one is none, or two are at odds.
    """
    acts = parse.acts(options["act"], "--act")
    if acts and options["layer_acts"] is not None:
        raise UsageError("--act beside --layer-acts: give one of them")
    if options["last_act"] is not None and options["layer_acts"] is not None:
        raise UsageError(
            "--last-act beside --layer-acts, which names the last one, too: give one of them"
        )
    readers: dict[Kind, Callable[[str], Any]] = {
        Kind.ACTS: parse.split_acts,
        Kind.SIZES: parse.split_sizes,
        Kind.ROWS: parse.rows,
        Kind.STDS: parse.stds,
        Kind.NUMBERS: parse.gains,
    }
    wanted = options["weights"] is not None
    says_how = options["weights_layout"] is not None or options["select"]
    if wanted or says_how:
        from vanish.cli import networks

    reads_graph = wanted and networks.holds_graph(options["weights"])
    if options["until"] is not None and not reads_graph:
        raise UsageError(
            "--until without --weights FILE.onnx: it says how far to read its graph: leave it out"
        )
    if reads_graph:
        readers[Kind.NETWORK] = networks.graph_reader(options, options["weights"])
        acts = [str(SETTINGS["act"].default)]
    elif wanted or says_how:
        readers[Kind.NETWORK] = networks.reader(
            options["weights_layout"],
            options["select"],
            wanted=wanted,
            beside_block=bool(options["block"]),
        )
    settings = {
        row.name: parse.converted(options[row.name], readers[row.kind])
        if row.kind in readers
        else options[row.name]
        for row in SETTINGS.values()
    }
    if not acts:
        acts = ["sigmoid"] if options["layer_acts"] is not None else ["sigmoid", "relu"]
    inits = parse.split_list(options["init"], "--init") or ["auto"]
    blocks = parse.split_list(options["block"], "--block") or [""]
    return [
        settings | {"block": block, "act": act, "init": init}
        for block in blocks
        for act in acts
        for init in inits
    ]


def _storing(engine: str, trials: int) -> str:
    """Return the engine whose weights can be saved."""
    from vanish.network.registry import choice
    from vanish.simulation.names import ENGINE_NAMES, SAMPLED

    if choice("engine", engine, ENGINE_NAMES) == SAMPLED:
        raise UsageError(
            "--save-weights beside --engine sampled, which has no weights: give --engine dense"
        )
    if trials > 1:
        raise UsageError(f"--save-weights beside {trials} --trials: give one")
    return "dense"


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


def _rendered(
    profiles: "Sequence[Profile]",
    searches: "Sequence[Search | None]",
    destination: out.Destination,
) -> "Iterable[str]":
    """Return the profiles in the format of their destination, part by part."""
    if destination.is_for_people:
        return [_drawn(profiles, searches, destination)]
    if destination.format == "json":
        from vanish.render.json import document_parts

        return document_parts(profiles, searches)
    if destination.format == "html":
        return [_page(profiles, searches, destination)]
    names = [column.name for column in destination.chosen]
    return destination.lots(lot for profile in profiles for lot in profile.lots(names))


def _drawn(
    profiles: "Sequence[Profile]",
    searches: "Sequence[Search | None]",
    destination: out.Destination,
) -> str:
    """Return the profiles as people read them."""
    from vanish.render.profiles import view

    narrow = bool(destination.chosen)
    listed = [row for profile in profiles for row in profile.rows()] if narrow else []
    return destination.draw_fitting(
        lambda rows: destination.narrowed(view(profiles, rows, searches), listed, rows, "--rows 0")
    )


def _page(
    profiles: "Sequence[Profile]",
    searches: "Sequence[Search | None]",
    destination: out.Destination,
) -> str:
    """Return the profiles as a page, with the command line of this process."""
    import shlex
    import sys

    from vanish.render.report import Asked, page

    line = shlex.join(["vanish", *sys.argv[1:]])
    names = [column.name for column in destination.chosen]
    return page(profiles, searches, Asked(line, names, told=not destination.quiet))


def _say_verdicts(profiles: "Sequence[Profile]", searches: "Sequence[Search | None]") -> None:
    from vanish.render.titles import names
    from vanish.simulation.verdict import explain

    for profile, name, search in zip(profiles, names(profiles), searches, strict=True):
        streams.say(f"{name}: {explain(profile, search).text}")


def _say_how_read(profiles: "Sequence[Profile]", options: dict[str, Any]) -> None:
    read = [network for each in profiles if (network := each.settings.weights) is not None]
    if read:
        from vanish.cli import networks

        networks.say_how_read(read, options["weights_layout"], options["select"])
