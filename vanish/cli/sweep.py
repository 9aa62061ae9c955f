"""`vanish sweep`: a grid of simulations, resumable, on one machine or on a cluster."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import typer

from vanish.cli import collect, parse
from vanish.cli import options as opt
from vanish.cli import output as out
from vanish.errors import InputError, UsageError, VanishError, unknown_name
from vanish.simulation import table
from vanish.simulation.option import Kind
from vanish.system.atomic import STANDARD_STREAM, is_stream

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from matplotlib.figure import Figure

    from vanish.network.arrays import Network
    from vanish.sweeps.grid import Grid
    from vanish.sweeps.run import Task

SOME_FAILED = 1

# More points than this are no picture for a terminal.
_MOST_VIEWED = 100_000


_FORMATS = out.Formats(
    {".txt": "table", ".tsv": "tsv", ".csv": "csv", ".jsonl": "jsonl"},
    terminal="table",
    piped="tsv",
)


# Every setting of `vanish` but a flag is an axis; the rest a configuration file may set, too.
_AXES = {option.name: option for option in table.of("sweep") if option.axis}
_OTHERS = {
    option.name: option for option in table.of("sweep") if not option.axis and not option.once
}


@opt.takes("sweep")
def command(ctx: typer.Context, **_: Any) -> None:
    """Simulate a grid: the product of all lists and ranges, a summary row a point.

    Results are collected in FILE.part as they come, and stand in FILE, in the grid's order,
    when all are there. Every setting of vanish itself can be a list.
    """
    from vanish.cli import networks
    from vanish.simulation.trials import processors
    from vanish.sweeps.grid import Grid
    from vanish.sweeps.run import Task, columns, crew

    options = _options(ctx)
    destination = _destination(options)
    axes = {
        name: parse.axis(option, options[name])
        for name, option in _AXES.items()
        if options.get(name) is not None
    }
    if "act" in axes and "layer_acts" in axes:
        raise UsageError("--act beside --layer-acts: give one of them")
    layout = options["weights_layout"]
    read_network = networks.reader(layout, wanted="weights" in axes)
    if "weights" in axes:
        axes["weights"] = [read_network(path) for path in axes["weights"]]
    if options["norm_bound"] is not None:
        axes["norm_bound"] = [options["norm_bound"]]
    grid = Grid(axes)
    task = Task(grid, options["per_layer"], parse.converted(options["memory"], parse.size))
    count = processors() if options["jobs"] is None else options["jobs"]
    _check(task, destination, count, options)
    if options["dry_run"]:
        destination._replace(output=None).write(*_estimate(task, count))
        return

    workers = partial(crew, task, count, options["scheduler"])
    is_viewed = _is_viewed(task, destination, options["plot"])
    seen = collect.Seen(columns(per_layer=task.per_layer), keep=is_viewed)
    figure = out.figure_writer(options["plot"], lambda: _draw(grid, seen))
    if _is_streamed(destination.output):
        collect.to_stream(task, workers, destination, seen, figure)
    else:
        again = {name: options[name] for name in ("resume", "force")}
        collect.to_file(task, workers, destination, seen, figure, **again)
    if not destination.quiet:
        networks.say_layouts(_as_run(axes), layout)
    if seen.failed:
        if not destination.quiet:
            out.say(
                f"{seen.failed:,} of {len(grid):,} points failed; the column error says why: the"
                f" first, {seen.first_error}"
            )
        raise typer.Exit(SOME_FAILED)


def _as_run(axes: Mapping[str, Sequence[Any]]) -> Iterator[Network]:
    """Yield the networks as a single input or target settles them."""
    data = [axes.get(name, [None]) for name in ("input", "target")]
    x, target = (values[0] if len(values) == 1 else None for values in data)
    for network in axes.get("weights", ()):
        yield network.settled(x, target)


def _draw(grid: Grid, seen: collect.Seen) -> Figure:
    from vanish.render.figure import sweep_figure

    return sweep_figure(grid, seen.rows)


def _destination(options: Mapping[str, Any]) -> out.Destination:
    """Return where the results go, having checked that they can."""
    output = options["output"]
    part = None if _is_streamed(output) else collect.part_of(output)
    return out.Destination.choose(
        options["format"],
        output,
        formats=_FORMATS,
        header=not options["no_header"],
        quiet=options["quiet"],
        plot=options["plot"],
        beside=[part],
    )


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
        for name, value in _read_config(options["config"]).items()
        if not parse.was_given(ctx, name)
    }


def _read_config(path: str) -> dict[str, Any]:
    """Return the options of a TOML file, those of axes as lists of text."""
    import tomllib

    from vanish.files.reading import read_bytes

    try:
        content = tomllib.loads(read_bytes(path).decode())
    except ValueError as error:
        # Not TOML, not UTF-8, or a number too long for Python.
        raise InputError(f"{path}: {error}: give option = value lines, as TOML has them") from None
    except RecursionError:
        raise InputError(
            f"{path}: lists in lists, too many to read: give option = value lines, a value or a"
            " list of values"
        ) from None
    known = [*_AXES, *_OTHERS]
    found = {}
    for written, value in content.items():
        name = written.replace("-", "_")
        if name not in known:
            names = [each.replace("_", "-") for each in known]
            raise unknown_name(f"option in {path}", written, names)
        found[name] = _texts(path, name, value) if name in _AXES else _plain(path, name, value)
    return found


def _texts(path: str, name: str, value: Any) -> list[str]:
    """Return a value of a TOML file as the command line would have it, one text a value."""
    texts = []
    for each in value if isinstance(value, list) else [value]:
        items = each if isinstance(each, list) else [each]
        if not all(isinstance(item, str | int | float) for item in items):
            raise UsageError(
                f"{path}: {name} = {value!r}: give texts and numbers, or a list of them"
            )
        texts.append(",".join(_text(path, name, str(item)) for item in items))
    return texts


def _text(path: str, name: str, value: str) -> str:
    """Refuse a text that no command line can hold."""
    if "\0" in value:
        raise UsageError(f"{path}: {name} = {value!r}: a NUL in it: leave it out")
    return value


def _plain(path: str, name: str, value: Any) -> Any:
    kind = {Kind.FLAG: bool, Kind.COUNT: int}.get(_OTHERS[name].kind, str)
    if type(value) is not kind:
        words = {bool: "true or false", int: "a whole number", str: "a text"}
        raise UsageError(f"{path}: {name} = {value!r}: give {words[kind]}")
    return _text(path, name, value) if isinstance(value, str) else value


def _check(
    task: Task, destination: out.Destination, count: int, options: Mapping[str, Any]
) -> None:
    """Refuse what does not go together, before the work is done."""
    if count < 1:
        raise UsageError(f"--jobs {count}: give at least 1")
    if destination.output is not None and destination.format == "table":
        raise UsageError(
            f"--output {destination.output} beside --format table: a file of results is tsv, csv"
            " or jsonl"
        )
    if options["resume"] and destination.output is None:
        raise UsageError("--resume without --output: give the file whose sweep is to go on")
    if options["force"] and destination.output is None:
        raise UsageError("--force without --output: give the file to write over")
    if options["resume"] and _is_streamed(destination.output):
        raise UsageError(
            f"--resume beside --output {destination.output}, which is no file: leave it out"
        )
    plot = options["plot"]
    if task.per_layer and (destination.format == "table" or plot is not None):
        raise UsageError(
            "--per-layer beside a table or --plot, which show summaries: give --format tsv, csv or"
            " jsonl, or leave one out"
        )
    if plot is not None:
        from vanish.render.sweep import require_map

        require_map(task.grid)


def _is_viewed(task: Task, destination: out.Destination, plot: str | None) -> bool:
    """Tell whether a person will see the summaries, so that they are to be kept."""
    at_terminal = destination.output is not None and out.window() is not None
    small = len(task.grid) <= _MOST_VIEWED and not task.per_layer and not destination.quiet
    return destination.format == "table" or plot is not None or (at_terminal and small)


# To estimate, so many points are tried, for so many seconds at most.
_TRIED, _PATIENCE = 20, 2.0


def _estimate(task: Task, jobs: int) -> Iterator[str]:
    """Yield how many points there are, and what they may take, by trying some."""
    import random
    import time

    from vanish.numbers.words import short
    from vanish.sweeps.run import simulate_points
    from vanish.system import memory

    count = len(task.grid)
    yield f"points  {count:,}\n"
    for name, values in task.grid.varying.items():
        yield f"        {len(values):,} {name}\n"
    # Spread over the grid; always the same ones.
    tried = sorted(random.Random(0).sample(range(count), min(_TRIED, count)))  # noqa: S311
    begun, seconds = time.monotonic(), []
    for point in tried:
        seconds += [each.seconds for each in simulate_points(task, [point])]
        if time.monotonic() > begun + _PATIENCE:
            break
    total = sum(seconds) / len(seconds) * count / min(jobs, count)
    workers = "1 process" if jobs == 1 else f"{jobs} processes"
    yield f"time    about {short(total)} s on {workers}, by {len(seconds)} points tried\n"
    most = max(map(_memory_of, map(task.grid.coordinates, tried)))
    yield f"memory  about {memory.amount(most)} a process\n"


def _memory_of(coordinates: dict[str, Any]) -> int:
    """Return about how many bytes a point takes; none where it fails at once."""
    from vanish.simulation.run import memory_needed
    from vanish.simulation.settings import Settings

    try:
        return memory_needed(Settings(**coordinates))
    except VanishError:
        return 0
