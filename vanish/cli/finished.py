"""A finished file of a sweep: whether it holds the results of a grid, and which."""

from __future__ import annotations

import math
from itertools import islice
from typing import TYPE_CHECKING, Any

from vanish.cli.formats import DELIMITERS
from vanish.columns import Scale
from vanish.errors import InputError, OutputError, UsageError, VanishError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vanish.cli import output as out
    from vanish.sweeps.run import Task

# By so much results of one grid may differ from machine to machine.
_ROUNDED = 1e-9

# The settings that are read from files.
_FILES = ("weights", "input", "target", "steps")


def tells_its_grid(destination: out.Destination) -> bool:
    """Tell whether a finished file says of which grid its results are."""
    return not destination.is_for_people and not destination.chosen


def silent(destination: out.Destination) -> OutputError:
    """Return the error for a file of which nobody can tell whose results it holds."""
    what = "columns that were chosen" if destination.chosen else "a table for people"
    return OutputError(
        f"{destination.output}: whether it holds results of this grid is not to be told from"
        f" {what}: give another name, or --force to write over it"
    )


def points_of(task: Task, destination: out.Destination) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows of each point of a finished file, if it holds the results of this grid.

    Raises
    ------
    UsageError
        If it does not.
    """
    from vanish.render.delimited import cell
    from vanish.simulation.columns import LAYERS
    from vanish.sweeps.run import known_cells, settings_cells

    if not tells_its_grid(destination):
        raise silent(destination)
    path = destination.output
    other = UsageError(f"{path}: results of another grid: give its own options, or another name")
    rows = _rows_of(task, destination)
    # Of each choice of files one point is run: their names do not say what is in them.
    compared: set[tuple[int, ...]] = set()
    for point in range(len(task.grid)):
        row = next(rows, None)
        if row is None:
            raise other
        try:
            settings = task.grid.settings(point)
        except VanishError:
            if not row.get("error"):
                raise other from None
            yield [row]
            continue
        failed = bool(row["error"])
        expected = (
            known_cells(settings) if failed else settings_cells(settings, settings.engine_used)
        )
        shared = expected.keys() & row.keys()
        if task.per_layer:
            shared -= {*LAYERS.names}  # what is a layer's own
        if any(cell(row[name]) != cell(expected[name]) for name in shared):
            raise other
        depth = settings.model.depth if task.per_layer and not failed else 1
        further = list(islice(rows, depth - 1))
        if len(further) < depth - 1:
            raise other
        at = task.grid.coordinates(point)
        files = tuple(id(at[name]) for name in _FILES if at.get(name) is not None)
        if files and files not in compared and not failed:
            compared.add(files)
            if not _are_of_today(task, point, [row, *further]):
                raise other
        yield [row, *further]
    if next(rows, None) is not None:
        raise other


def _are_of_today(task: Task, point: int, rows: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether a point has the results that a file says."""
    from vanish.sweeps import columns
    from vanish.sweeps.run import simulate_points

    known = columns.records(per_layer=task.per_layer)
    names = [column.name for column in known]
    (outcome,) = simulate_points(task, [point])
    found = [dict(zip(names, cells, strict=True)) for cells in outcome.rows]
    return len(found) == len(rows) and all(
        _agree(own[column.name], row[column.name], column.scale)
        for own, row in zip(found, rows, strict=True)
        for column in known
    )


def _agree(one: Any, other: Any, scale: Scale) -> bool:
    """Tell whether two cells say the same, but for last digits, which depend on the machine."""
    from vanish.render.delimited import cell

    one, other = _value(cell(one), scale), _value(cell(other), scale)
    numbers = isinstance(one, float) and isinstance(other, float)
    return bool(math.isclose(one, other, rel_tol=_ROUNDED) if numbers else one == other)


def _rows_of(task: Task, destination: out.Destination) -> Iterator[dict[str, Any]]:
    """Yield the rows of a finished file by column; numbers as numbers."""
    import csv
    import io
    import json
    from pathlib import Path

    from vanish.sweeps import columns
    from vanish.system.atomic import reason

    path = destination.output
    assert path is not None
    known = columns.records(per_layer=task.per_layer)
    scales = {column.name: column.scale for column in known}
    names = [*scales]
    other = UsageError(f"{path}: results of another grid: give its own options, or another name")
    try:
        # However large: it may be this program's own.
        text = Path(path).read_bytes().decode()
        found: Any
        if destination.format == "jsonl":
            found = [json.loads(line) for line in text.splitlines()]
        elif destination.format == "json":
            found = json.loads(text)["rows"]
        else:
            table = csv.reader(io.StringIO(text), delimiter=DELIMITERS[destination.format])
            if destination.header and next(table, None) != names:
                raise other
            found = [
                {name: _value(each, scales[name]) for name, each in zip(names, line, strict=True)}
                for line in table
            ]
    except OSError as error:
        raise InputError(f"{path}: {reason(error)}: give a file that can be read") from None
    except (ValueError, TypeError, KeyError, RecursionError, csv.Error):
        # No text, no JSON, no such document, not so many cells.
        raise other from None
    if not isinstance(found, list) or not all(
        isinstance(row, dict) and list(row) == names for row in found
    ):
        raise other
    yield from found


def _value(text: str, scale: Scale) -> Any:
    """Return what a cell stands for: a text may look like a number, and is none."""
    if not text:
        return None
    if scale is Scale.TEXT:
        return text
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return {"true": True, "false": False}.get(text, text)
