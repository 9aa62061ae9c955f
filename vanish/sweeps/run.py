"""Sweeps: every point of a grid simulated, in any order, by any number of workers.

A point's result is a function of its settings alone. So it does not matter who computes it,
beside how many others, or how often a worker died before: what is collected is the same.
"""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from dataclasses import replace
from decimal import Decimal
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any

from vanish import __version__
from vanish.errors import MemoryLimitError, UsageError, VanishError, in_python
from vanish.network.streams import Streams
from vanish.numbers.scaled import decimal_text
from vanish.records import Record
from vanish.simulation import costs
from vanish.simulation.drawing import Draws
from vanish.simulation.profile import Profile
from vanish.simulation.run import measure
from vanish.sweeps import columns, shares
from vanish.sweeps.grid import Grid, written
from vanish.sweeps.sending import UnsendableError
from vanish.sweeps.workers import choose

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from vanish.simulation.settings import Settings
    from vanish.sweeps.workers import Workers

    # One point's results: each a row of cells that JSON can hold.
    Rows = list[list[Any]]

# A point that failed is described layer by layer up to so many; it may be no longer because it
# has too many. It does not depend on the machine, so that neither do the bytes.
_LISTED = 100_000

# Where nothing comes for so many seconds it is looked whether the workers live.
_LOOK_EVERY = 1.0


class Task(Record):
    """What a sweep is to do.

    Attributes
    ----------
    grid
        The points.
    per_layer
        Whether to return a row a layer in place of a summary a point.
    memory_limit
        As for `simulation.run.compare`.
    """

    grid: Grid
    per_layer: bool = False
    memory_limit: int | None = None

    @property
    def header(self) -> dict[str, Any]:
        """What results of this task may be mixed with: those of the same header."""
        return {
            "vanish": __version__,
            "grid": self.grid.fingerprint(),
            "points": len(self.grid),
            "columns": columns.names(per_layer=self.per_layer),
            # Another rule would go on with another engine.
            **({"auto": costs.RULE} if self.grid.chooses_engines else {}),
        }


class Outcome(Record):
    """What became of one point.

    Attributes
    ----------
    point
        Its number in the grid.
    rows
        Its rows, one for a summary or for an error.
    failed
        Whether it is an error.
    seconds
        How long it took; no part of the results.
    """

    point: int
    rows: Rows
    failed: bool
    seconds: float


def simulate_points(task: Task, points: Sequence[int], seconds: float = inf) -> list[Outcome]:
    """Simulate some points of a grid: what a worker does.

    After so many seconds it is enough: the rest is left. The first point is always done.
    """
    begun = time.perf_counter()
    outcomes: list[Outcome] = []
    each = _Each(task)
    for point in points:
        outcomes.append(each.outcome(point))
        if time.perf_counter() - begun > seconds:
            break
    return outcomes


class _Each:
    """Simulates points one after the other, those of one seed with the same random numbers."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._draws: Draws | None = None
        # The point before: its values, and what they were made to.
        self._before: tuple[dict[str, Any], Settings] | None = None

    def outcome(self, point: int) -> Outcome:
        """Return what becomes of a point."""
        begun = time.perf_counter()
        failed, task = False, self._task
        try:
            rows = self._simulated(self._settings(point))
        except MemoryLimitError as error:
            rows, failed = error_rows(task, point, error.lasting), True
        except VanishError as error:
            rows, failed = error_rows(task, point, error.on_command_line), True
        except MemoryError:
            rows, failed = error_rows(task, point, "it does not fit into memory"), True
        except Exception as error:  # noqa: BLE001 - hours of other points are worth more
            why = f"a fault of vanish's own, please report it: {type(error).__name__}: {error}"
            rows, failed = error_rows(task, point, why), True
        return Outcome(point, rows, failed, time.perf_counter() - begun)

    def _settings(self, point: int) -> Settings:
        """Return the settings of a point: another seed is no reason to check them again."""
        at = self._task.grid.coordinates(point)
        if self._before is not None:
            known, settings = self._before
            if all(at[name] is known[name] for name in at if name != "seed"):
                return settings.but(seed=at.get("seed", settings.seed))
        settings = self._task.grid.settings(point)
        self._before = at, settings
        return settings

    def _simulated(self, settings: Settings) -> Rows:
        task = self._task
        if self._draws is None or self._draws.seed != settings.seed:
            self._draws = Draws(Streams(settings.seed))
        measured = measure(
            # A summary says nothing of the norm bound.
            settings if task.per_layer else settings.but(norm_bound=False),
            draws=self._draws,
            jobs=1,
            memory_limit=task.memory_limit,
            forward=task.per_layer,
        )
        return _rows(Profile(settings, settings.engine, measured), task.per_layer)


def _rows(profile: Profile, per_layer: bool) -> Rows:
    shared = settings_cells(profile.settings, profile.engine) | {"error": None}
    of_each = profile.rows() if per_layer else [columns.SUMMARY.row(profile)]
    names = columns.names(per_layer=per_layer)
    found = (shared | {name: _plain(cell) for name, cell in row.items()} for row in of_each)
    return [[cells[name] for name in names] for cells in found]


def settings_cells(settings: Settings, engine: str) -> dict[str, Any]:
    """Return the settings of a point as cells, with the engine that runs it."""
    used = settings.as_dict() | {"engine": engine}
    cells = {
        name: written(each) if isinstance(each, list | dict) else each
        for name, each in used.items()
    }
    tables = (columns.SETTINGS, columns.LATER, columns.LAST)
    return {name: cell for table in tables for name, cell in table.row(cells).items()}


def error_rows(task: Task, point: int, message: str) -> Rows:
    """Return the row of a point that failed: its settings as far as they are known, and why."""
    try:
        known = known_cells(task.grid.settings(point))
    except VanishError:
        known = {
            name: value if isinstance(value, int | float | str | None) else written(value)
            for name, value in task.grid.coordinates(point).items()
        }
    known["error"] = " ".join(message.split())
    return [[known.get(name) for name in columns.names(per_layer=task.per_layer)]]


def known_cells(settings: Settings) -> dict[str, Any]:
    """Return the settings of a point as cells, without a list as long as a long chain."""
    engine = settings.engine_used
    if settings.layers is None or settings.layers <= _LISTED:
        return settings_cells(settings, engine)
    # Two layers have all that N have: what is said of each of them is left out.
    known = settings_cells(replace(settings, layers=2), engine)
    return known | {"layers": settings.layers, "layer_acts": None, "widths": None}


def _plain(cell: Any) -> Any:
    return decimal_text(cell) if isinstance(cell, Decimal) else cell


def crew(task: Task, jobs: int, scheduler: str | None) -> Workers[list[Outcome]]:
    """Return workers that simulate points of a grid.

    Parameters
    ----------
    task
        The grid, and what is wanted of it; activations and networks go with it.
    jobs, scheduler
        As for `simulate_grid`.

    Raises
    ------
    VanishError
        If they cannot be had, or cannot be sent what they need.
    """
    try:
        work = partial(simulate_points, task, seconds=shares.SECONDS)
        return choose(work, min(jobs, len(task.grid)), scheduler)
    except UnsendableError as error:
        for activation in task.grid.guests.values():
            try:
                error.dumps(activation)
            except Exception as why:  # noqa: BLE001 - whatever its functions have to say
                raise UsageError(
                    f"activation {activation.name} cannot be sent to other processes: {why}: define"
                    " its functions in a module, or give jobs=1"
                ) from None
        raise error from None


def run(
    task: Task, points: Iterable[int], workers: Workers[list[Outcome]], count: int
) -> Iterator[list[Outcome]]:
    """Simulate points of a grid, yielding outcomes as they come, in no fixed order.

    Parameters
    ----------
    task
        The grid, and what is wanted of it.
    points
        Which of its points.
    workers
        Who does it, see `crew`. The points of one that dies are given to others; a point that
        kills every worker fails.
    count
        How many points there are, to share the last ones evenly.
    """
    waiting = shares.Shares(points, count, workers.count)
    # Points whose worker died, or was let go because another one had: each is run again
    # with no other under way, to know for certain which one it is that kills.
    suspects: deque[int] = deque()
    deaths: dict[int, int] = {}
    under_way: dict[Future[list[Outcome]], list[int]] = {}
    while True:
        alone = bool(suspects)
        while len(under_way) < (1 if alone else 2 * workers.count):
            share = [suspects.popleft()] if alone else waiting.take()
            if not share:
                break
            under_way[workers.submit(share)] = share
        if not under_way:
            return
        done: set[Future[list[Outcome]]] = set()
        while not done:
            done, _ = wait(under_way, _LOOK_EVERY, return_when=FIRST_COMPLETED)
            if not done:
                workers.look()
        lost = False
        for future in done:
            share = under_way.pop(future)
            try:
                outcomes = future.result()
            except workers.died:
                lost = True
                if alone and len(share) == 1:
                    deaths[share[0]] = deaths.get(share[0], 0) + 1
                if deaths.get(share[0], 0) < workers.deaths:
                    suspects.extend(share)
                    continue
                why = "its worker died again and again, perhaps for want of memory"
                rows = error_rows(task, share[0], why)
                yield [Outcome(share[0], rows, failed=True, seconds=0.0)]
            except CancelledError:
                raise workers.lost() from None
            except Exception as error:  # noqa: BLE001 - whatever it is, it goes on
                raise workers.explained(error) from None
            else:
                waiting.note(len(outcomes), sum(each.seconds for each in outcomes))
                waiting.give_back(share[len(outcomes) :])
                yield outcomes
        if lost:
            workers.renew()


def in_order(lots: Iterable[list[Outcome]]) -> Iterator[list[Outcome]]:
    """Put outcomes of the points 0, 1, … in order, yielding each as soon as that allows."""
    waiting: dict[int, Outcome] = {}
    following = 0
    for outcomes in lots:
        waiting |= {outcome.point: outcome for outcome in outcomes}
        ready = []
        while following in waiting:
            ready.append(waiting.pop(following))
            following += 1
        if ready:
            yield ready


def simulate_grid(
    grid: Grid, *, jobs: int = 1, scheduler: str | None = None, per_layer: bool = False
) -> Iterator[dict[str, Any]]:
    """Simulate all points of a grid, yielding rows in its order.

    Parameters
    ----------
    grid
        The points.
    jobs
        How many processes of this machine take part.
    scheduler
        The address of a Dask scheduler whose workers do it instead.
    per_layer
        Whether to yield a row a layer in place of a summary a point.

    Yields
    ------
    row
        Cells by column, see `columns.names`; ``error`` says why a point failed, else it is None.

    Examples
    --------
    >>> grid = Grid({"act": ["sigmoid", "relu"], "layers": [10, 20]})
    >>> [row["verdict"] for row in simulate_grid(grid)]
    ['vanishing', 'vanishing', 'stable', 'stable']
    """
    task, names = Task(grid, per_layer), columns.names(per_layer=per_layer)
    with crew(task, jobs, scheduler) as workers:
        for outcomes in in_order(run(task, range(len(grid)), workers, len(grid))):
            for outcome in outcomes:
                for cells in outcome.rows:
                    row = dict(zip(names, cells, strict=True))
                    if outcome.failed:
                        row["error"] = in_python(row["error"])
                    yield row
