"""The settings of one simulation: what a run is, in one record that checks itself."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from vanish.simulation import consistency, values
from vanish.simulation.modelling import fit_block, fit_data, model_of
from vanish.simulation.names import AUTO_ENGINE
from vanish.simulation.spelling import spell_all
from vanish.simulation.table import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import SupportsIndex

    from numpy.typing import ArrayLike

    from vanish.network.activations import Activation
    from vanish.network.arrays import Network, Rows
    from vanish.network.blockarrays import BlockNetwork
    from vanish.network.filegraph import FileNetwork
    from vanish.network.model import Model

    Parameters = (
        Network | BlockNetwork | FileNetwork | Iterable[ArrayLike] | Mapping[str, ArrayLike | str]
    )

_DEFAULTS: dict[str, Any] = {name: option.default for name, option in SETTINGS.items()}


# A record that compares by identity has no use for generated methods, which would cost
# start-up time.
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Settings:
    """All that one simulation depends on.

    Attributes
    ----------
    act
        The activation of every layer: its name, or an `Activation` that need not be registered.
    layer_acts
        One activation a layer, layer 1 first, instead of `act`.
    last_act
        The activation of layer N alone, beside `act`.
    layers, width
        N and the size of x and of every layer; 20 and 64 where nothing else says.
    widths
        The whole list n_0, n_1, …, n_N instead of both.
    init
        The initialiser's name, with its numbers if it takes some, such as ``normal(0.02)``;
        ``auto`` takes each activation's conventional one.
    weight_std
        Instead of `init`: Gaussian entries of variance weight_std²/n_in; a mapping has one for
        each letter, and what it leaves out is drawn as `init` says.
    bias_std
        Standard deviation of the entries of b_k, which are normal.
    gain
        Multiplies the weights in every case; a list has one factor a layer.
    last_gain
        Multiplies the weights of layer N instead.
    input
        The input batch, `Rows` or an array; without it, `batch` rows of independent normal entries.
        k numbers without a second axis are one row, or k rows of a network with one input; a
        target likewise by the outputs.
    batch
        B, 1 where nothing else says.
    loss, target
        The loss's name, and for a loss that takes one its target, of one row or as many as
        the input (default: zeros); for ``cross_entropy`` one class a row, from 0, and for
        ``bce`` zeros and ones.
    weights
        A real network instead of a random one: a `Network`, the list of its weights, or all
        arrays by their names, see `BlockNetwork`. What its layout leaves open the input and the
        target settle, see `Network.settled`.
    seed
        What all random numbers follow from.
    trials
        T, how many independent chains to run.
    engine
        ``dense``, with stored weights; ``sampled``, with weights that are only drawn in
        law; ``auto``: dense where it must be, and where it takes little longer than the
        start of the program; in a sweep the faster one of each point.
    norm_bound
        Whether to compute the norm bound; None: where it is cheap beside the run.
    vanish_below, explode_above
        The verdict's thresholds on ‖∂L/∂a_1‖/‖∂L/∂a_N‖.

    block
        Every layer as a formula of its input x, or its name; a layer that a skip does not fit is
        S(Wx+b). Where it is not given it is that of `weights`, if they have one, else S(Wx+b).
    hidden
        The size of what only a layer itself knows; ``"4x"`` is four times its output. Where
        nothing says it, as large as that, or as a row of `steps`.
    steps
        The inputs u of a block that has one, a row a layer; without them normal numbers.
    bias_init
        How b_k is drawn, by name, instead of `bias_std`; without both as `init` has it: torch
        has biases of its own, all others zeros.

    Raises
    ------
    UsageError
        If a setting is unknown, out of range, or at odds with another one.
    """

    act: str | Activation = _DEFAULTS["act"]
    layer_acts: tuple[str | Activation, ...] | None = None
    layers: int | None = None
    width: int | None = None
    widths: tuple[int, ...] | None = None
    init: str = _DEFAULTS["init"]
    weight_std: float | tuple[tuple[str, float], ...] | None = None
    bias_std: float = _DEFAULTS["bias_std"]
    gain: float | tuple[float, ...] = _DEFAULTS["gain"]
    input: Rows | None = None
    batch: int | None = None
    loss: str = _DEFAULTS["loss"]
    target: Rows | None = None
    weights: Network | BlockNetwork | FileNetwork | None = None
    seed: int = _DEFAULTS["seed"]
    trials: int = _DEFAULTS["trials"]
    engine: str = _DEFAULTS["engine"]
    norm_bound: bool | None = None
    vanish_below: float = _DEFAULTS["vanish_below"]
    explode_above: float = _DEFAULTS["explode_above"]
    last_act: str | Activation | None = None
    block: str = ""
    hidden: int | str | None = None
    steps: Rows | None = None
    last_gain: float | None = None
    bias_init: str | None = None

    if TYPE_CHECKING:
        # What may be given, of which a field has what it means: see `values`.
        def __init__(
            self,
            *,
            act: str | Activation = ...,
            layer_acts: Iterable[str | Activation] | None = ...,
            layers: SupportsIndex | None = ...,
            width: SupportsIndex | None = ...,
            widths: Iterable[SupportsIndex] | None = ...,
            init: str = ...,
            weight_std: float | Mapping[str, float] | tuple[tuple[str, float], ...] | None = ...,
            bias_std: float = ...,
            gain: float | Iterable[float] = ...,
            input: Rows | ArrayLike | None = ...,
            batch: SupportsIndex | None = ...,
            loss: str = ...,
            target: Rows | ArrayLike | None = ...,
            weights: Parameters | None = ...,
            seed: SupportsIndex = ...,
            trials: SupportsIndex = ...,
            engine: str = ...,
            norm_bound: bool | None = ...,
            vanish_below: float = ...,
            explode_above: float = ...,
            last_act: str | Activation | None = ...,
            block: str = ...,
            hidden: SupportsIndex | str | None = ...,
            steps: Rows | ArrayLike | None = ...,
            last_gain: float | None = ...,
            bias_init: str | None = ...,
        ) -> None: ...

    def __post_init__(self) -> None:
        values.take_all(self, SETTINGS)
        spell_all(self)
        consistency.require_order(self)
        consistency.require_one_block(self)
        fit_block(self)
        consistency.require_one_shape(self)
        fit_data(self)
        consistency.require_fitting_data(self)
        consistency.require_known_names(self)
        consistency.require_fitting_block(self)
        consistency.require_one_output(self)
        consistency.require_engine(self)

    @cached_property
    def model(self) -> Model:
        """The network: its shape and its parameters, whether drawn or given."""
        return model_of(self)

    @property
    def needs_matrices(self) -> str:
        """What asks for stored weights, as part of a sentence; empty where nothing does."""
        from vanish.readings import drawable  # noqa: PLC0415 - start-up

        bound = "norm_bound" if self.norm_bound and self.weights is None else ""
        return bound or drawable.refusal(self.model)

    @cached_property
    def engine_used(self) -> str:
        """The engine that runs it, ``dense`` or ``sampled``."""
        if self.engine != AUTO_ENGINE:
            return self.engine
        from vanish.simulation import costs  # noqa: PLC0415 - start-up

        return costs.patient(self)

    def but(self, **changes: Any) -> Settings:
        """Return the same settings, of the same network, with some that nothing is at odds with.

        Parameters
        ----------
        changes
            Another seed, an engine that can run them, or ``norm_bound=False``.
        """
        found = object.__new__(type(self))
        vars(found).update(vars(self) | changes)
        vars(found).pop("engine_used", None)
        return found

    @property
    def rows(self) -> int:
        """B, the number of rows in the batch."""
        if self.input is not None:
            return len(self.input.values)
        if self.batch is None and self.weights is not None and self.weights.x is not None:
            return len(self.weights.x)
        return self.batch or 1

    def as_dict(self) -> dict[str, Any]:
        """Return every setting as it was used, ready for JSON."""
        from vanish.simulation.used import as_dict  # noqa: PLC0415 - start-up

        return as_dict(self)
