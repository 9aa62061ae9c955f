"""What measures: chains, several side by side, grids of them, trained networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from vanish.api.arguments import (
    axis,
    count,
    flag,
    one_record,
    products,
    records,
    require_alone,
)
from vanish.api.results import (
    Comparison,
    Profile,
    Sweep,
)
from vanish.api.trainings import Training, Trainings
from vanish.errors import UsageError, quoted
from vanish.network.converting import is_listed
from vanish.simulation import run
from vanish.simulation.settings import Settings
from vanish.simulation.table import named
from vanish.simulation.values import taken
from vanish.sweeps.grid import Grid
from vanish.training import run as training
from vanish.training.settings import TrainingSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from vanish.network.activations import Activation

    Act = str | Activation
    Watch = Callable[[int, int], None]


def simulate(
    settings: Settings | None = None,
    /,
    *,
    jobs: int | None = None,
    memory_limit: int | None = None,
    watch: Watch | None = None,
    **options: Any,
) -> Profile:
    """Simulate a chain: its gradients layer by layer, beside the bounds that theory sets them.

    Parameters
    ----------
    settings
        What to simulate; or its fields as keywords, see `Settings`.
    jobs
        The most threads that sampled trials may take; all processors by default. It
        changes no number.
    memory_limit
        Bytes that sampled trials may keep of their ways forward; 1 GB by default. Deeper
        chains are run in segments. It changes no number.
    watch
        Called with how many steps are done and how many there are, for a progress bar.

    Raises
    ------
    VanishError
        If the settings are at odds, the run does not fit into memory, or the forward
        pass overflows.

    Examples
    --------
    >>> profile = simulate(act="sigmoid", layers=20)
    >>> print(profile.verdict, round(profile.layers[0].grad_w.log10, 1))
    vanishing -11.6
    >>> profile.gradients["W3"].shape
    (64, 64)
    """
    one = one_record(Settings, settings, options)
    return compare([one], jobs=jobs, memory_limit=memory_limit, watch=watch)[0]


def compare(
    all_settings: Settings | Iterable[Settings] | None = None,
    /,
    *,
    jobs: int | None = None,
    memory_limit: int | None = None,
    watch: Watch | None = None,
    **options: Any,
) -> Comparison:
    """Simulate several chains side by side; of one seed and engine they share random numbers.

    Parameters
    ----------
    all_settings
        One record a chain, or a single one; or their fields as keywords, of which `act` (sigmoid
        and relu where it is not given), `init` and `block` may be lists.
    jobs, memory_limit, watch
        As for `simulate`.

    Raises
    ------
    VanishError
        If the settings are at odds, a run does not fit into memory, or a forward
        pass overflows.

    Examples
    --------
    >>> both = compare(act=["sigmoid", "relu"], layers=20)
    >>> [str(profile.verdict) for profile in both]
    ['vanishing', 'stable']
    >>> print(str(both).splitlines()[0])
    20 layers · width 64 · init auto · loss readout · seed 0
    """
    if all_settings is None:
        listed = products(options)
    else:
        require_alone(options)
        listed = records(Settings, all_settings)
    found = run.compare(
        listed,
        jobs=count("jobs", jobs),
        memory_limit=count("memory_limit", memory_limit),
        watch=watch,
    )
    return Comparison(Profile(each.settings, each.engine, each.measured) for each in found)


def sweep(
    grid: Grid | Mapping[str, Sequence[Any]] | None = None,
    /,
    *,
    jobs: int = 1,
    scheduler: str | None = None,
    per_layer: bool = False,
    **axes: Any,
) -> Sweep:
    """Simulate a grid: the product of all lists, a summary row a point.

    Where nothing is said of the engine, it is the faster one of each point; its row tells which.

    Parameters
    ----------
    grid
        The points; or the settings as keywords, each with a list of values or a single one.
    jobs
        How many processes of this machine take part. It changes no number.
    scheduler
        The address of a Dask scheduler whose workers do it instead.
    per_layer
        Whether to return a row a layer in place of a summary a point.

    Raises
    ------
    VanishError
        If the settings are at odds, or no worker of the scheduler can be asked. A point that fails
        is a row with its `error`.

    Examples
    --------
    >>> rows = sweep(act=["sigmoid", "relu"], layers=[10, 20])
    >>> [(row["act"], row["layers"], row["verdict"]) for row in rows][:3]
    [('sigmoid', 10, 'vanishing'), ('sigmoid', 20, 'vanishing'), ('relu', 10, 'stable')]
    """
    if grid is None:
        grid = Grid({name: axis(name, value) for name, value in axes.items()})
    else:
        require_alone(axes)
        grid = grid if isinstance(grid, Grid) else Grid(grid)
    per_layer = flag("per_layer", per_layer)
    rows = simulate_grid(grid, jobs=jobs, scheduler=scheduler, per_layer=per_layer)
    return Sweep.of(rows, grid, per_layer=per_layer)


def simulate_grid(
    grid: Grid | Mapping[str, Sequence[Any]],
    *,
    jobs: int = 1,
    scheduler: str | None = None,
    per_layer: bool = False,
) -> Iterator[dict[str, Any]]:
    """Simulate all points of a grid, yielding the rows of `sweep` one by one, as they come.

    Parameters
    ----------
    grid
        The points; or lists of values by the names of settings.
    jobs, scheduler, per_layer
        As for `sweep`.

    Raises
    ------
    VanishError
        As `sweep` does.

    Examples
    --------
    >>> grid = Grid({"act": ["sigmoid", "relu"], "layers": [10, 20]})
    >>> [row["verdict"] for row in simulate_grid(grid)]
    ['vanishing', 'vanishing', 'stable', 'stable']
    """
    from vanish.sweeps import run as sweeps  # noqa: PLC0415 - start-up: it needs asyncio

    return sweeps.simulate_grid(
        grid if isinstance(grid, Grid) else Grid(grid),
        jobs=count("jobs", jobs) or 1,
        scheduler=None if scheduler is None else taken(named("scheduler"), scheduler),
        per_layer=flag("per_layer", per_layer),
    )


@overload
def train(
    settings: TrainingSettings | None = None,
    /,
    *,
    history: Iterable[int] = (),
    watch: Watch | None = None,
    **options: Any,
) -> Training: ...


@overload
def train(
    settings: Iterable[TrainingSettings],
    /,
    *,
    history: Iterable[int] = (),
    watch: Watch | None = None,
) -> Trainings: ...


def train(
    settings: TrainingSettings | Iterable[TrainingSettings] | None = None,
    /,
    *,
    history: Iterable[int] = (),
    watch: Watch | None = None,
    **options: Any,
) -> Training | Trainings:
    """Train a network, or several on the same data, and see whether it learned.

    Parameters
    ----------
    settings
        What to train; or its fields as keywords, see `TrainingSettings`. Several records give
        several results; those of one seed share their random numbers.
    history
        After which epochs to measure every layer, such as ``range(101)``; 0 is the start.
    watch
        Called with how much work is done and how much there is, for a progress bar.

    Raises
    ------
    VanishError
        If the settings are at odds, or the run does not fit into memory.

    Examples
    --------
    >>> training = train(act="sigmoid", layers=8, epochs=1)
    >>> training.outcome.value
    'chance'
    """
    one: Any = settings
    several = is_listed(one)
    if several:
        require_alone(options)
        listed = records(TrainingSettings, one)
    else:
        listed = [one_record(TrainingSettings, one, options)]
    found = Trainings(
        Training(each.settings, each.trials)
        for each in training.train_all(listed, history=_epochs(history), watch=watch)
    )
    return found if several else found[0]


def _epochs(history: Iterable[int]) -> Collection[int]:
    """Return after which epochs to measure."""
    if isinstance(history, range):  # which may be long, and knows what is in it
        return history
    if not is_listed(history):
        raise UsageError(f"history {quoted(history)}: give a list of epochs, such as range(101)")
    return frozenset(taken(named("seed").but(name="history"), each) for each in history)
