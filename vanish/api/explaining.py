"""What explains: a derivation, what theory expects, activations, the collapse without them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, overload

from vanish.api.arguments import axis, count, flag, one_or_several
from vanish.api.results import Activations, Blocks, Collapse, Derived
from vanish.api.theories import BlockTheory, Theory
from vanish.errors import UsageError, unknown_name
from vanish.lessons import collapse as affine
from vanish.lessons.derivation import (
    Derivation,
    first_matrix,
    measured_factors,
    parse_variable,
    rows_for,
)
from vanish.lessons.spread import spread
from vanish.network import activations, initializers
from vanish.network.blocks import formula as formula_of
from vanish.network.formulas.named import NAMED
from vanish.render.derivation import BYTES_A_LAYER
from vanish.simulation.run import Simulation
from vanish.simulation.settings import Settings
from vanish.simulation.table import LAYERS, SETTINGS, named
from vanish.simulation.values import check_count, taken
from vanish.system import memory
from vanish.theories import infinitewidth
from vanish.theories.blocks import Setting, survey, weight_stds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from vanish.network.activations import Activation

    Act = str | Activation
    Watch = Callable[[int, int], None]
    Stds = float | Mapping[str, float]

_MEASURED = (
    *("width", "hidden", "init", "weight_std", "bias_std", "gain", "weights", "seed"),
    "bias_init",
)

# What is no setting of a run, but of the kind of one.
_NUMBER, _NAME = SETTINGS["bias_std"], SETTINGS["init"]

# Layers of a derivation where nobody says how many: it fits on a page.
_DERIVED = 3

_COLLAPSING = ("layers", "width", "widths", "init", "weight_std", "bias_std", "bias_init", "seed")


def derive(
    wrt: str | None = None,
    *,
    layers: int | None = None,
    values: bool = False,
    full: bool = False,
    act: Act | None = None,
    matrix: bool | None = None,
    block: str = "",
    **options: Any,
) -> Derived:
    """Derive a gradient step by step, as a person would write it.

    Parameters
    ----------
    wrt
        What to differentiate by: ``W1``, ``b1``, ``a1``, ``f1``, …, or ``x``; layer 1's first
        matrix where it is not given.
    layers
        N; 3 where neither it nor `weights` are given.
    values
        Whether to put its numbers under each factor, measured on a chain of `act` (sigmoid
        where it is not given), `width`, `hidden`, `init`, `weight_std`, `bias_std`,
        `bias_init`, `gain`, `weights` and `seed`.
    full
        Whether to write out every step of a deep chain.
    act
        What S is; any where it is not given.
    matrix
        Whether to add the shapes, S' and the gradients in matrix form; by default for blocks other
        than S(Wx+b).
    block
        Every layer as a formula, or its name.

    Raises
    ------
    VanishError
        If there is no such gradient, the settings are at odds, or a chain that is to be written or
        measured does not fit into memory.

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
    act_used = "sigmoid" if act is None else act
    # A network has as many as it has.
    if layers is None and options.get("weights") is None:
        layers = _DERIVED
    values, full = flag("values", values), flag("full", full)
    matrix = None if matrix is None else flag("matrix", matrix)
    rows = rows_for(taken(SETTINGS["block"], block), values=values)
    settings = Settings(act=act_used, layers=layers, block=block, batch=rows, **options)
    depth = settings.model.depth
    memory.require(
        BYTES_A_LAYER * depth, f"a derivation of {depth:,} layers", "give fewer --layers"
    )
    graph = settings.model.graph
    if graph.stages:
        raise UsageError(
            "weights with a graph of their own: no derivation is written of it: give weights of"
            " layers"
        )
    name = first_matrix(graph) if wrt is None else taken(named("loss").but(name="wrt"), wrt)
    by = parse_variable(name, graph)
    factors = measured_factors(Simulation(settings), by) if values else None
    known = settings.model.activations[0] if act is not None or values else None
    found = Derivation(graph, by, full, factors, known, matrix)
    # What is not said of S holds of any.
    said = {} if known is not None else {"act": None}
    return Derived(found, settings.as_dict() | {"wrt": name} | said)


@overload
def theory(
    act: Act | Iterable[Act] | None = None,
    *,
    weight_std: float | Iterable[float] | None = None,
    bias_std: float | Iterable[float] = 0.0,
    input_rms: float = 1.0,
    init: str | None = None,
    layers: int | None = None,
    width: int | None = None,
) -> Theory: ...


@overload
def theory(
    act: Act | Iterable[Act] | None = None,
    *,
    block: str | Iterable[str],
    weight_std: Stds | Iterable[Stds] | None = None,
    bias_std: float | Iterable[float] = 0.0,
    input_rms: float = 1.0,
    init: str | None = None,
    layers: int | None = None,
) -> BlockTheory: ...


def theory(
    act: Act | Iterable[Act] | None = None,
    *,
    block: str | Iterable[str] | None = None,
    weight_std: Stds | Iterable[Stds] | None = None,
    bias_std: float | Iterable[float] = 0.0,
    input_rms: float = 1.0,
    init: str | None = None,
    layers: int | None = None,
    width: int | None = None,
) -> Theory | BlockTheory:
    """Return what mean-field theory says: fixed points, phases, depth scales, critical points.

    Parameters
    ----------
    act
        Which activations; all without.
    block
        One or several, as formulas or by their names: then a point is a block's, see
        `BlockTheory`.
    weight_std
        One or several; the critical point without. With `block` also a mapping of letters to
        numbers; the activation's initialiser without.
    bias_std
        One or several.
    input_rms
        The input's root mean square, where q starts from.
    init
        The weight_std of an initialiser between layers of equal width, instead.
    layers, width
        Of a chain, to say how its gradient at layer 1 spreads about theory. With `block` and
        without `width`: to list all layers of such a chain.

    Raises
    ------
    UsageError
        If the settings are at odds.

    Examples
    --------
    >>> for point in theory("sigmoid", block=["layernorm", "layernorm_after"]):
    ...     print(point.block, round(point.chi, 3))
    layernorm 0.153
    layernorm_after 1.034
    >>> for point in theory("tanh", weight_std=[0.9, 1.0, 1.1]):
    ...     print(point.phase, round(point.chi_1, 2))
    ordered 0.81
    critical 1.0
    chaotic 1.01
    """
    shown = [activations.get(each) for each in one_or_several("act", act)] or [
        *activations.registered()
    ]
    if init is not None:
        init = initializers.spelled(taken(SETTINGS["init"], init))
        if weight_std is not None:
            raise UsageError("init beside weight_std: give one of them")
    # Without any there would be no point.
    given: Any = bias_std
    biases = one_or_several("bias_std", [None] if given is None else given)
    rms = taken(_NUMBER.but(name="input_rms"), input_rms)
    if block is not None:
        if width is not None:
            raise UsageError("width beside block: leave out one of them")
        return _of_blocks(shown, block, weight_std, biases, rms, init, layers)
    if (layers is None) != (width is None):
        raise UsageError("layers without width, or the reverse: give both")
    listed = None if weight_std is None else axis("weight_std", weight_std)
    if any(isinstance(each, Mapping) for each in listed or ()):
        raise UsageError("weight_std by letters without block: give a number")
    stds = one_or_several("weight_std", listed, _NUMBER) or [None]
    points = [
        infinitewidth.point(each, std, bias, rms)
        for each in shown
        for bias in biases
        for std in (stds if init is None else [_weight_std(each, init, width)])
    ]
    spreads = None
    if layers is not None and width is not None:
        depth, size = taken(SETTINGS["layers"], layers), taken(SETTINGS["width"], width)
        spreads = [spread(point, depth, size, rms) for point in points]
    asked = {
        "act": [each.name for each in shown],
        "weight_std": None if weight_std is None else stds,
        "bias_std": biases,
        "init": init,
        "layers": None if layers is None else taken(SETTINGS["layers"], layers),
        "width": None if width is None else taken(SETTINGS["width"], width),
        "input_rms": rms,
    }
    return Theory.of(points, spreads, asked)


def _of_blocks(
    shown: Sequence[Activation],
    block: str | Iterable[str],
    weight_std: Stds | Iterable[Stds] | None,
    biases: Sequence[float],
    rms: float,
    init: str | None,
    layers: int | None,
) -> BlockTheory:
    formulas = [formula_of(text) for text in one_or_several("block", block, _NAME)]
    listed = None if weight_std is None else axis("weight_std", weight_std)
    stds = one_or_several("weight_std", listed) or [None]
    points, profiles = survey(
        [
            Setting(
                formula,
                each,
                weight_stds(formula, each, std, init or initializers.AUTO),
                bias,
                rms,
            )
            for formula in formulas
            for each in shown
            for bias in biases
            for std in stds
        ],
        count("layers", layers),
    )
    asked = {
        "block": [each.name or each.text for each in formulas],
        "act": [each.name for each in shown],
        "weight_std": None
        if weight_std is None
        else [dict(each) if isinstance(each, tuple) else each for each in stds],
        "bias_std": biases,
        "init": init,
        "layers": count("layers", layers),
        "input_rms": rms,
    }
    return BlockTheory.of(points, profiles, asked)


def acts(names: Act | Iterable[Act] | None = None, *, layers: int = LAYERS) -> Activations:
    """Return activations, with the bounds on the product of their slopes.

    Parameters
    ----------
    names
        Which ones; all without. A single one prints in full, with a drawing.
    layers
        Of how many slopes.

    Raises
    ------
    UsageError
        If there is no such activation.

    Examples
    --------
    >>> for row in acts(["sigmoid", "relu"], layers=3).rows():
    ...     print(row["act"], row["range"], row["bound"])
    sigmoid (0, 1) 0.015625
    relu [0, ∞) 1.0
    """
    shown = [activations.get(each) for each in one_or_several("act", names)]
    depth = Settings(layers=layers).model.depth
    return Activations.of(shown or activations.registered(), depth)


def blocks(names: str | Iterable[str] | None = None) -> Blocks:
    """Return the blocks that have names, with their formulas.

    Parameters
    ----------
    names
        Which ones; all without.

    Raises
    ------
    UsageError
        If none has that name.

    Examples
    --------
    >>> for row in blocks(["residual", "layernorm"]).rows():
    ...     print(row["block"], row["formula"], row["growth"], sep=": ")
    residual: x + S(Wx+b): 1 + σ_w² C(q)
    layernorm: S(LN(Wx+b)): σ_w² C(1)/q
    """
    shown = [NAMED.get(each) for each in one_or_several("block", names, _NAME)]
    return Blocks(shown or NAMED)


def collapse(act: Act | Iterable[Act] = "identity", *, batch: int = 16, **options: Any) -> Collapse:
    """Compare chains with the one affine map that they would be without activation.

    Parameters
    ----------
    act
        One or several.
    batch
        How many random inputs to compare on, at least 2.
    options
        The chain: `layers`, `width`, `widths`, `init`, `weight_std`, `bias_std`,
        `bias_init`, `seed`.

    Raises
    ------
    VanishError
        If the settings are at odds, or the chains do not fit into memory.

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


def _weight_std(activation: Activation, init: str, width: int | None) -> float:
    """Return the weight_std of an initialiser between layers of one width."""
    name = activation.init if init == initializers.AUTO else init
    if width is not None:
        check_count("width", width := taken(SETTINGS["width"], width))
    return initializers.get(name).std_between(width)
