"""The Python API: a function a command, and the records that they take and return.

What is public is in `__all__`, which `vanish` itself has, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from vanish.arguments import (
    axis,
    count,
    one_or_several,
    one_record,
    products,
    require_alone,
)
from vanish.errors import UsageError, VanishError, unknown_name
from vanish.lessons import collapse as affine
from vanish.lessons.derivation import Derivation, measure, parse_variable
from vanish.lessons.spread import spread
from vanish.network import activations, initializers
from vanish.network.activations import Activation, register, verify
from vanish.network.arrays import Network, Rows
from vanish.network.chainrule import expression
from vanish.numbers.scaled import Magnitude
from vanish.render.derivation import BYTES_A_LAYER
from vanish.results import (
    Activations,
    Collapse,
    Comparison,
    Derived,
    Profile,
    Sweep,
    Theory,
    Training,
    Trainings,
)
from vanish.simulation import run
from vanish.simulation.profile import LayerRecord, Verdict
from vanish.simulation.run import Simulation
from vanish.simulation.settings import Settings
from vanish.simulation.table import LAYERS, SETTINGS, named
from vanish.simulation.values import taken
from vanish.sweeps.grid import Grid
from vanish.system import memory
from vanish.theories import infinitewidth
from vanish.training import run as training
from vanish.training.data import Data
from vanish.training.run import TrainingSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    Act = str | Activation
    Watch = Callable[[int, int], None]

__all__ = [
    "Activation",
    "Data",
    "Grid",
    "LayerRecord",
    "Magnitude",
    "Network",
    "Profile",
    "Rows",
    "Settings",
    "Simulation",
    "Training",
    "TrainingSettings",
    "UsageError",
    "VanishError",
    "Verdict",
    "acts",
    "collapse",
    "compare",
    "derive",
    "register",
    "simulate",
    "simulate_grid",
    "sweep",
    "theory",
    "train",
    "verify",
]


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
    all_settings: Iterable[Settings] | None = None,
    /,
    *,
    jobs: int | None = None,
    memory_limit: int | None = None,
    watch: Watch | None = None,
    **options: Any,
) -> Comparison:
    """Simulate several chains side by side; those of one seed share their random numbers.

    Parameters
    ----------
    all_settings
        One record a chain; or their fields as keywords, of which `act` (sigmoid and relu where
        it is not given) and `init` may be lists.
    jobs, memory_limit, watch
        As for `simulate`.

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
        listed = [one_record(Settings, each, {}) for each in all_settings]
    found = run.compare(
        listed,
        jobs=count("jobs", jobs),
        memory_limit=count("memory_limit", memory_limit),
        watch=watch,
    )
    return Comparison(Profile(each.settings, each.engine, each.measured) for each in found)


def derive(
    wrt: str = "W1",
    *,
    layers: int = 3,
    values: bool = False,
    full: bool = False,
    act: Act | None = None,
    **options: Any,
) -> Derived:
    """Derive a gradient step by step, as a person would write it.

    Parameters
    ----------
    wrt
        What to differentiate by: ``W1``, ``b1``, …, or ``x``.
    layers
        N.
    values
        Whether to put its numbers under each factor, measured on a chain of `act` (sigmoid
        where it is not given), `width`, `init` and `seed`.
    full
        Whether to write out every step of a deep chain.
    act
        What S is; any where it is not given.

    Examples
    --------
    >>> print(derive("W1", layers=1))
    L = L(S(W₁x+b₁))
    <BLANKLINE>
    ∂L/∂W₁ = ∂L/∂f₁ · ∂S(W₁x+b₁)/∂W₁
           = ∂L/∂f₁ · ∂S/∂a₁ · ∂(W₁x+b₁)/∂W₁
           = ∂L/∂f₁ · ∂S/∂a₁ · ∂a₁/∂W₁
    """
    for name in options:
        if name not in _MEASURED:
            raise unknown_name("setting", name, _MEASURED)
    settings = Settings(act="sigmoid" if act is None else act, layers=layers, **options)
    depth = settings.model.depth
    memory.require(
        BYTES_A_LAYER * depth, f"a derivation of {depth:,} layers", "give fewer --layers"
    )
    by = parse_variable(taken(named("loss")._replace(name="wrt"), wrt), depth)
    factors = measure(Simulation(settings), by) if values else None
    known = settings.model.activations[0] if act is not None or values else None
    return Derived(Derivation(expression(depth), by, full, factors, known))


_MEASURED = ("width", "init", "seed")


def theory(
    act: Act | Sequence[Act] | None = None,
    *,
    weight_std: float | Sequence[float] | None = None,
    bias_std: float | Sequence[float] = 0.0,
    input_rms: float = 1.0,
    init: str | None = None,
    layers: int | None = None,
    width: int | None = None,
) -> Theory:
    """Return what mean-field theory says: fixed points, phases, depth scales, critical points.

    Parameters
    ----------
    act
        Which activations; all without.
    weight_std
        One or several; the critical point without.
    bias_std
        One or several.
    input_rms
        The input's root mean square, where q starts from.
    init
        The weight_std of an initialiser between layers of equal width, instead.
    layers, width
        Of a chain, to say how its gradient at layer 1 spreads about theory.

    Examples
    --------
    >>> for point in theory("tanh", weight_std=[0.9, 1.0, 1.1]):
    ...     print(point.phase, round(point.chi_1, 2))
    ordered 0.81
    critical 1.0
    chaotic 1.01
    """
    shown = [activations.get(each) for each in one_or_several("act", act)] or [
        *activations.registered()
    ]
    if init is not None and weight_std is not None:
        raise UsageError("init beside weight_std: give one of them")
    if (layers is None) != (width is None):
        raise UsageError("layers without width, or the reverse: give both")
    stds: Sequence[float | None] = one_or_several("weight_std", weight_std) or [None]
    rms = taken(named("gain")._replace(name="input_rms"), input_rms)
    points = [
        infinitewidth.point(each, std, bias, rms)
        for each in shown
        for bias in one_or_several("bias_std", bias_std)
        for std in (stds if init is None else [_weight_std(each, init)])
    ]
    spreads = None
    if layers is not None and width is not None:
        depth, size = taken(SETTINGS["layers"], layers), taken(SETTINGS["width"], width)
        spreads = [spread(point, depth, size, rms) for point in points]
    return Theory.of(points, spreads, rms)


def acts(names: Act | Sequence[Act] | None = None, *, layers: int = LAYERS) -> Activations:
    """Return activations, with the bounds on the product of their slopes.

    Parameters
    ----------
    names
        Which ones; all without. A single one prints in full, with a drawing.
    layers
        Of how many slopes.

    Examples
    --------
    >>> for row in acts(["sigmoid", "relu"], layers=3).rows():
    ...     print(row["act"], row["derivative"], row["bound"])
    sigmoid S(1-S) 0.015625
    relu 1 if x > 0 else 0 1.0
    """
    shown = [activations.get(each) for each in one_or_several("act", names)]
    depth = Settings(layers=layers).model.depth
    return Activations.of(shown or activations.registered(), depth)


def collapse(act: Act | Sequence[Act] = "identity", *, batch: int = 16, **options: Any) -> Collapse:
    """Compare chains with the one affine map that they would be without activation.

    Parameters
    ----------
    act
        One or several.
    batch
        How many random inputs to compare on, at least 2.
    options
        The chain: `layers`, `width`, `widths`, `init`, `weight_std`, `bias_std`, `seed`.

    Examples
    --------
    >>> layers = collapse("identity", layers=5)
    >>> float(layers[-1].difference) < 1e-12  # five layers are one affine map
    True
    >>> float(collapse("tanh", layers=5)[-1].difference) > 1.0
    True
    """
    for name in options:
        if name not in _COLLAPSING:
            raise unknown_name("setting", name, _COLLAPSING)
    settings = [Settings(act=each, batch=batch, **options) for each in one_or_several("act", act)]
    if not settings:
        raise UsageError("act is empty: give at least one")
    if settings[0].rows < 2:
        raise UsageError(f"batch {settings[0].rows}: give at least 2 inputs, to add up")
    chains = [affine.collapse(Simulation(each)) for each in settings]
    return Collapse.of(settings, chains)


_COLLAPSING = ("layers", "width", "widths", "init", "weight_std", "bias_std", "seed")


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
    rows = simulate_grid(
        grid, jobs=count("jobs", jobs) or 1, scheduler=scheduler, per_layer=bool(per_layer)
    )
    return Sweep.of(rows, grid, per_layer=per_layer)


def simulate_grid(
    grid: Grid, *, jobs: int = 1, scheduler: str | None = None, per_layer: bool = False
) -> Iterator[dict[str, Any]]:
    """Simulate all points of a grid, yielding the rows of `sweep` one by one, as they come.

    Parameters
    ----------
    grid
        The points.
    jobs, scheduler, per_layer
        As for `sweep`.

    Examples
    --------
    >>> grid = Grid({"act": ["sigmoid", "relu"], "layers": [10, 20]})
    >>> [row["verdict"] for row in simulate_grid(grid)]
    ['vanishing', 'vanishing', 'stable', 'stable']
    """
    from vanish.sweeps import run as sweeps  # noqa: PLC0415 - start-up: it needs asyncio

    return sweeps.simulate_grid(grid, jobs=jobs, scheduler=scheduler, per_layer=per_layer)


@overload
def train(
    settings: TrainingSettings | None = None,
    /,
    *,
    history: Collection[int] = (),
    watch: Watch | None = None,
    **options: Any,
) -> Training: ...
@overload
def train(
    settings: Iterable[TrainingSettings],
    /,
    *,
    history: Collection[int] = (),
    watch: Watch | None = None,
) -> Trainings: ...
def train(
    settings: TrainingSettings | Iterable[TrainingSettings] | None = None,
    /,
    *,
    history: Collection[int] = (),
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
    several = isinstance(settings, Iterable)
    if isinstance(settings, Iterable):
        require_alone(options)
        listed = [one_record(TrainingSettings, each, {}) for each in settings]
    else:
        listed = [one_record(TrainingSettings, settings, options)]
    found = Trainings(
        Training(each.settings, each.trials)
        for each in training.train_all(listed, history=history, watch=watch)
    )
    return found if several else found[0]


def _weight_std(activation: Activation, init: str) -> float:
    """Return the weight_std of an initialiser between layers of one width."""
    name = activation.init if init == initializers.AUTO else init
    return initializers.get(name).weight_std(1, 1)
