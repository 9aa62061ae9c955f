"""`vanish sweep`: a grid of simulations, resumable, on one machine or on a cluster."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import typer

from vanish.cli import choice, collect, parse, ranges, streams
from vanish.cli import options as opt
from vanish.cli import output as out
from vanish.cli.config import AXES, read_config
from vanish.cli.simulate import CONDITION_HOLDS
from vanish.errors import ConflictError, UsageError
from vanish.simulation.names import VERDICTS
from vanish.simulation.option import Kind
from vanish.system.atomic import STANDARD_STREAM, is_stream

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from matplotlib.figure import Figure

    from vanish.columns import Column
    from vanish.network.arrays import Network
    from vanish.network.blockarrays import BlockNetwork
    from vanish.sweeps.grid import Grid
    from vanish.sweeps.run import Task

SOME_FAILED = 1

# More points than this are no picture for a terminal.
_MOST_VIEWED = 100_000


_NUMBERS = (Kind.COUNT, Kind.NUMBER, Kind.NUMBERS, Kind.STDS)


@opt.takes("sweep")
def command(ctx: typer.Context, **_: Any) -> None:
    """Simulate a grid: the product of all lists and ranges, a summary row a point.

    Results are collected in FILE.part as they come, and stand in FILE, in the grid's order,
    when all are there. Every setting of vanish itself can be a list.
    """
    from vanish.cli import networks
    from vanish.cli.estimate import estimate
    from vanish.sweeps import columns
    from vanish.sweeps.grid import Grid
    from vanish.sweeps.run import Task, crew
    from vanish.system.threads import processors

    options = _options(ctx)
    if options["dry_run"]:
        streams.require_stdout(or_file=False)
    chosen = choice.columns(
        options["columns"], lambda: columns.records(per_layer=options["per_layer"])
    )
    destination = _destination(options, chosen)
    conditions = parse.names(options["fail_on"], "--fail-on", "condition", VERDICTS)
    axes = {
        name: parse.axis(option, options[name])
        for name, option in AXES.items()
        if options.get(name) is not None
    }
    if "act" in axes and "layer_acts" in axes:
        raise UsageError("--act beside --layer-acts: give one of them")
    layout, select = options["weights_layout"], options["select"]
    read_network = networks.reader(
        layout, select, wanted="weights" in axes, beside_block="block" in axes
    )
    if "weights" in axes:
        axes["weights"] = [read_network(path) for path in axes["weights"]]
    _check_ends(options)
    if options["norm_bound"] is not None:
        axes["norm_bound"] = [options["norm_bound"]]
    grid = Grid(axes)
    task = Task(grid, options["per_layer"], parse.converted(options["memory"], parse.size))
    count = processors() if options["jobs"] is None else options["jobs"]
    _check(task, destination, count, options)
    if not destination.quiet:
        for name, option in AXES.items():
            if name in axes and option.kind in _NUMBERS:
                for sentence in ranges.told(option.flag, options[name]):
                    streams.say(sentence)
    if options["dry_run"]:
        # How many workers a cluster has is not known.
        processes = count if options["scheduler"] is None else 1
        streams.write_stdout(estimate(task, processes), or_file=False)
        return

    workers = partial(crew, task, count, options["scheduler"])
    is_viewed = _is_viewed(task, destination, options["plot"])
    seen = collect.Seen(columns.names(per_layer=task.per_layer), keep=is_viewed)
    figure = out.figure_writer(options["plot"], lambda: _draw(grid, seen))
    if _is_streamed(destination.output):
        collect.to_stream(task, workers, destination, seen, figure)
    else:
        again = {name: options[name] for name in ("resume", "force")}
        collect.to_file(task, workers, destination, seen, figure, **again)
    if not destination.quiet:
        networks.say_how_read(_as_run(axes), layout, select)
    if seen.failed:
        if not destination.quiet:
            from vanish.numbers.words import plural

            says = "; the column error says why" if _has_errors(destination) else ""
            streams.say(
                f"{seen.failed:,} of {plural(len(grid), 'point')} failed{says}: the first,"
                f" {seen.first_error}"
            )
        raise typer.Exit(SOME_FAILED)
    if seen.verdicts & conditions:
        raise typer.Exit(CONDITION_HOLDS)


def _check_ends(options: Mapping[str, Any]) -> None:
    """Refuse the ends of a range that cannot be, before what lies between them is refused."""
    from vanish.simulation.settings import Settings

    for name, option in AXES.items():
        if option.kind in _NUMBERS and options.get(name) is not None:
            for value in parse.axis(option, ranges.ends(options[name])):
                # What is at odds with a default only may be fine beside what is given.
                with suppress(ConflictError):
                    Settings(**{name: value})


def _as_run(axes: Mapping[str, Sequence[Any]]) -> Iterator[Network | BlockNetwork]:
    """Yield the networks as a single input or target settles them."""
    data = [axes.get(name, [None]) for name in ("input", "target")]
    x, target = (values[0] if len(values) == 1 else None for values in data)
    for network in axes.get("weights", ()):
        yield network.settled(x, target)


def _draw(grid: Grid, seen: collect.Seen) -> Figure:
    from vanish.render.figure import sweep_figure

    return sweep_figure(grid, seen.rows)


def _destination(options: Mapping[str, Any], chosen: tuple[Column[Any], ...]) -> out.Destination:
    """Return where the results go, having checked that they can."""
    output = options["output"]
    part = None if _is_streamed(output) else collect.part_of(output)
    return out.Destination.choose(
        options["format"],
        output,
        header=not options["no_header"],
        quiet=options["quiet"],
        plot=options["plot"],
        beside=[part],
        inputs=[options["config"], *_read(options)],
        columns=chosen,
    )


def _read(options: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of the files that the axes of a sweep read."""
    for name, option in AXES.items():
        if option.kind in (Kind.ROWS, Kind.NETWORK):
            yield from options.get(name) or ()


def _has_errors(destination: out.Destination) -> bool:
    """Tell whether what is written has the column of errors."""
    if destination.chosen:
        return any(column.name == "error" for column in destination.chosen)
    return not destination.is_for_people


def _is_streamed(output: str | None) -> bool:
    """Tell whether results are written as they come: to stdout, a pipe or a device."""
    return output is None or output == STANDARD_STREAM or is_stream(output)


def _options(ctx: typer.Context) -> dict[str, Any]:
    """Return all options, those of the command line before those of the file."""
    # Typer has an empty list for one that was not given.
    options = {name: None if value in ([], ()) else value for name, value in ctx.params.items()}
    if options["config"] is None:
        return options
    return options | {
        name: value
        for name, value in read_config(options["config"]).items()
        if not parse.was_given(ctx, name)
    }


def _check(
    task: Task, destination: out.Destination, count: int, options: Mapping[str, Any]
) -> None:
    """Refuse what does not go together, before the work is done."""
    if count < 1:
        raise UsageError(f"--jobs {count}: give at least 1")
    if destination.output is not None and destination.format == "table":
        raise UsageError(
            f"--output {destination.output} beside --format table: a file of results is tsv, csv,"
            " json, jsonl or markdown"
        )
    if options["jobs"] is not None and options["scheduler"] is not None:
        raise UsageError(
            f"--jobs {count} beside --scheduler, whose workers are as many as they are: leave out"
            " --jobs"
        )
    if options["resume"] and destination.output is None and options["output"] is None:
        raise UsageError("--resume without --output: give the file whose sweep is to go on")
    if options["force"] and destination.output is None:
        raise UsageError("--force without --output: give the file to write over")
    if options["resume"] and _is_streamed(destination.output):
        raise UsageError(
            f"--resume beside --output {destination.output or STANDARD_STREAM}, which is no"
            " file: leave it out"
        )
    plot = options["plot"]
    if task.per_layer and destination.is_for_people and not destination.chosen:
        raise UsageError(
            "--per-layer beside a table, which shows summaries: give --format tsv, csv, json or"
            " jsonl, or name --columns"
        )
    if task.per_layer and plot is not None:
        raise UsageError("--per-layer beside --plot, which shows summaries: leave one out")
    if task.per_layer and options["fail_on"]:
        raise UsageError("--fail-on beside --per-layer, whose rows have no verdict: leave one out")
    if plot is not None:
        from vanish.render.sweep import require_drawn

        require_drawn(task.grid)


def _is_viewed(task: Task, destination: out.Destination, plot: str | None) -> bool:
    """Tell whether a person will see the summaries, so that they are to be kept."""
    at_terminal = destination.output is not None and streams.window() is not None
    small = len(task.grid) <= _MOST_VIEWED and not task.per_layer and not destination.quiet
    return destination.is_for_people or plot is not None or (at_terminal and small)
