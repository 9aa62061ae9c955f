"""The settings of one simulation: what a run is, in one record that checks itself."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import cached_property, partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from vanish.errors import ConflictError, UsageError, whole
from vanish.network import activations, initializers, losses
from vanish.network.arrays import Network, Rows
from vanish.network.initializers import Law
from vanish.network.registry import choice, spelled
from vanish.numbers.scaled import Magnitude

if TYPE_CHECKING:
    from collections.abc import Callable

    from vanish.network.activations import Activation
    from vanish.network.initializers import Initializer
    from vanish.numbers.scaled import FloatArray

LAYERS = 20
WIDTH = 64

# Up to so many weights, over all trials, a dense run takes a fraction of a second; a layer
# with fewer takes as long as one of so many.
DENSE_WEIGHTS = 2**24
_LEAST_WEIGHTS = 10_000

AUTO_ENGINE, DENSE, SAMPLED = ENGINES = ("auto", "dense", "sampled")

# Of anything: more are a slip of the finger. Products of a few of them stay in float64.
LARGEST_COUNT = 10**15

# Normal numbers times this stay in float64.
_LARGEST_STD = 1e300


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
        The initialiser's name; ``auto`` takes each activation's conventional one.
    weight_std
        Instead of `init`: Gaussian entries of variance weight_std²/n_in.
    bias_std
        Standard deviation of the entries of b_k.
    gain
        Multiplies the weights in every case.
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
        A real network instead of a random one. What its layout leaves open the input and the
        target settle, see `Network.settled`.
    seed
        What all random numbers follow from.
    trials
        T, how many independent chains to run.
    engine
        ``dense``, with stored weights; ``sampled``, with weights that are only drawn in
        law; ``auto``: dense up to `DENSE_WEIGHTS` weights in all trials, a layer counting
        as 10,000 at least, and where it must be.
    norm_bound
        Whether to compute the norm bound; None: where it is cheap beside the run.
    vanish_below, explode_above
        The verdict's thresholds on ‖∂L/∂a_1‖/‖∂L/∂a_N‖.

    Raises
    ------
    UsageError
        If a setting is unknown, out of range, or at odds with another one.
    """

    act: str | Activation = "sigmoid"
    layer_acts: tuple[str | Activation, ...] | None = None
    layers: int | None = None
    width: int | None = None
    widths: tuple[int, ...] | None = None
    init: str = initializers.AUTO
    weight_std: float | None = None
    bias_std: float = 0.0
    gain: float = 1.0
    input: Rows | None = None
    batch: int | None = None
    loss: str = "readout"
    target: Rows | None = None
    weights: Network | None = None
    seed: int = 0
    trials: int = 1
    engine: str = AUTO_ENGINE
    norm_bound: bool | None = None
    vanish_below: float = 1e-3
    explode_above: float = 1e3
    last_act: str | Activation | None = None

    def __post_init__(self) -> None:
        self._check_types()
        self._spell()
        self._check_ranges()
        self._check_shape()
        self._fit_data()
        self._check_data()
        # Names are checked by looking them up.
        for name in self._act_names:
            activations.get(name)
        if self.init != initializers.AUTO:
            initializers.get(self.init)
        if self.weight_std is not None:
            initializers.from_weight_std(self.weight_std)
        self._check_loss()
        self._check_engine()

    def _check_types(self) -> None:
        """Accept plain arrays as rows; refuse what no option of the command line can be."""
        for name in ("input", "target"):
            given = getattr(self, name)
            if given is not None and not isinstance(given, Rows):
                object.__setattr__(self, name, Rows(given))
        for name in ("layers", "width", "batch", "seed", "trials"):
            given = getattr(self, name)
            if given is not None and not isinstance(given, int):
                raise UsageError(f"{name} {given!r}: give a whole number")
        for name in ("init", "loss", "engine"):
            given = getattr(self, name)
            if not isinstance(given, str):
                raise UsageError(f"{name} {given!r}: give one name")
        for name in ("act", "last_act"):
            given = getattr(self, name)
            left_out = name == "last_act" and given is None
            if not (left_out or isinstance(given, str | activations.Activation)):
                raise UsageError(f"{name} {given!r}: give one name")

    def _spell(self) -> None:
        """Write every name as its registry does; an unknown one is told when its turn comes."""
        for name in _SPELLINGS:
            object.__setattr__(self, name, in_own_spelling(name, getattr(self, name)))

    def _check_ranges(self) -> None:
        for name in ("layers", "width", "batch", "trials"):
            value = getattr(self, name)
            if value is not None:
                check_count(name, value)
        for value in self.widths or ():
            if value < 1:
                raise UsageError(f"widths {_listed(self.widths)}: give sizes of at least 1")
            check_count("widths: one", value)
        if self.seed < 0:
            raise UsageError(f"seed {whole(self.seed)}: give an integer of at least 0")
        if not 0.0 <= self.bias_std <= _LARGEST_STD:
            raise UsageError(
                f"bias_std {self.bias_std:g}: give a number from 0 to {_LARGEST_STD:g}"
            )
        if not 0.0 < self.gain < math.inf:
            raise UsageError(f"gain {self.gain:g}: give a finite number above 0")
        thresholds = self.vanish_below, self.explode_above
        wrong = (
            f"vanish_below {self.vanish_below:g} and explode_above {self.explode_above:g}:"
            " give 0 < vanish_below ≤ explode_above"
        )
        if not all(0.0 < each < math.inf for each in thresholds):
            raise UsageError(wrong)
        if self.vanish_below > self.explode_above:
            raise ConflictError(wrong, "vanish_below", "explode_above")

    def _check_shape(self) -> None:
        if self.weights is not None:
            for name in ("layers", "width", "widths", "weight_std"):
                if getattr(self, name) is not None:
                    raise ConflictError(
                        f"{name} beside weights: {self.weights.name} has sizes and weights of"
                        f" its own: leave out {name}",
                        *(name, "weights"),
                    )
            if self.init != initializers.AUTO or self.bias_std:
                name = "bias_std" if self.bias_std else "init"
                raise ConflictError(
                    f"{name} beside weights: {self.weights.name} holds its parameters:"
                    f" leave out {name}",
                    *(name, "weights"),
                )
        elif self.widths is not None:
            if len(self.widths) < 2:
                raise UsageError(
                    f"widths {_listed(self.widths)}: give at least two sizes, input first"
                )
            if self.width is not None:
                raise ConflictError("width beside widths: give one of them", "width", "widths")
            if self.layers is not None and self.layers != len(self.widths) - 1:
                raise ConflictError(
                    f"layers {self.layers} beside widths of {len(self.widths) - 1} layers:"
                    " leave out layers",
                    *("layers", "widths"),
                )
        if self.weight_std is not None and self.init != initializers.AUTO:
            raise ConflictError(
                f"weight_std beside init {self.init}: both set the weights: give one of them",
                *("weight_std", "init"),
            )
        if self.layer_acts is not None:
            if self.last_act is not None:
                raise ConflictError(
                    "last_act beside layer_acts, which names the last one, too: give one of them",
                    *("last_act", "layer_acts"),
                )
            given = len(self.layer_acts)
            if self._sizes_are_given and given != self.depth:
                raise ConflictError(
                    f"layer_acts names {given} activations for {self.depth} layers:"
                    " give one a layer",
                    *("layer_acts", "layers", "widths", "weights"),
                )
            if not given:
                raise UsageError("layer_acts is empty: give one activation a layer")

    @property
    def _sizes_are_given(self) -> bool:
        return not (self.layers is None and self.widths is None and self.weights is None)

    def _fit_data(self) -> None:
        """Let the network, its input and its target settle what they leave open in each other."""
        target = self.target
        if target is not None and losses.get(self.loss).takes_classes:
            target = None
        if self.weights is not None:
            object.__setattr__(self, "weights", self.weights.settled(self.input, target))
        if self.input is not None:
            given = self.weights.sizes if self.weights is not None else self.widths
            n_in = self.width if given is None else given[0]
            object.__setattr__(self, "input", self.input.of(n_in))
        if target is not None:
            object.__setattr__(self, "target", target.of(self.n_out))

    def _check_data(self) -> None:
        if self.input is not None:
            rows, columns = self.input.values.shape
            if self.batch is not None:
                raise ConflictError(
                    f"batch beside input: {self.input.name} has {rows} rows: leave out batch",
                    *("batch", "input"),
                )
            given = self.weights.sizes if self.weights is not None else self.widths
            if given is not None and columns != given[0]:
                raise ConflictError(
                    f"{self.input.name}: rows of {columns} numbers for a chain of"
                    f" {given[0]} inputs: give rows of {given[0]}",
                    *("input", "widths", "weights"),
                )
        if self.target is not None:
            if not losses.get(self.loss).takes_target:
                raise ConflictError(
                    f"target beside loss {self.loss}: it takes none: leave it out, or give loss"
                    f" {' or '.join(losses.names_with_target())}",
                    *("target", "loss"),
                )
            if losses.get(self.loss).takes_classes:
                self._check_classes(self.target)
                return
            rows, columns = self.target.values.shape
            if columns != self.n_out:
                raise ConflictError(
                    f"{self.target.name}: rows of {columns} numbers for a chain of"
                    f" {self.n_out} outputs: give rows of {self.n_out}",
                    *("target", "loss", "width", "widths", "weights"),
                )
            if rows not in (1, self.rows):
                raise ConflictError(
                    f"{self.target.name}: {rows} rows for a batch of {self.rows}:"
                    f" give 1 or {self.rows}",
                    *("target", "loss", "batch", "input", "weights"),
                )
            if losses.get(self.loss).takes_bits:
                self._check_bits(self.target)

    def _check_bits(self, target: Rows) -> None:
        """Check that every entry of a target is 0 or 1."""
        wrong = np.argwhere((target.values != 0.0) & (target.values != 1.0))
        if len(wrong):
            index = ", ".join(str(i + 1) for i in wrong[0])
            raise ConflictError(
                f"{target.name}: entry {index} is {target.values[tuple(wrong[0])]}: give loss"
                f" {losses.get(self.loss).name} a target of zeros and ones",
                *("target", "loss"),
            )

    def _check_classes(self, target: Rows) -> None:
        """Check that a target is one class for each row of the input, or one for all."""
        classes = target.values.ravel()
        if min(target.values.shape) > 1 or classes.size not in (1, self.rows):
            what = " × ".join(map(str, target.values.shape))
            raise ConflictError(
                f"{target.name}: {what} numbers as the target of {self.rows} rows: give loss"
                f" cross_entropy one class a row, 1 or {self.rows} of them",
                *("target", "loss", "batch", "input", "weights"),
            )
        wrong = (classes != np.floor(classes)) | (classes < 0.0) | (classes >= self.n_out)
        if wrong.any():
            first = int(wrong.argmax())
            raise ConflictError(
                f"{target.name}: class {first + 1} is {classes[first]:g}: give whole numbers from"
                f" 0 to {self.n_out - 1}, for a chain of {self.n_out} outputs",
                *("target", "loss", "width", "widths", "weights"),
            )

    def _check_loss(self) -> None:
        """Check that what the loss applies to f_N is not applied twice."""
        loss = losses.get(self.loss)
        last = activations.get(self._act_names[-1]).name
        if last == loss.contains:
            remedy = "end layer_acts with" if self.layer_acts else "give --last-act"
            raise ConflictError(
                f"loss beside last activation {last}: {loss.name} contains the output {last}:"
                f" {remedy} identity",
                *("loss", "act", "last_act", "layer_acts"),
            )

    def _check_engine(self) -> None:
        choice("engine", self.engine, ENGINES)
        if self.engine == SAMPLED and self.needs_matrices:
            raise ConflictError(
                f"engine sampled beside {self.needs_matrices}, which it cannot draw in law:"
                " give engine dense",
                *("engine", "weights", "norm_bound", "init", "weight_std"),
                *("act", "layer_acts", "last_act"),
            )

    @cached_property
    def needs_matrices(self) -> str:
        """What asks for stored weights, as part of a sentence; empty where nothing does."""
        if self.weights is not None:
            return "weights"
        if self.norm_bound:
            return "norm_bound"
        if self.weight_std is None:
            conventional = (activations.get(name).init for name in self._act_names)
            for name in conventional if self.init == initializers.AUTO else (self.init,):
                if (initializer := initializers.get(name)).law is Law.UNIFORM:
                    return f"init {initializer.name}"
        return ""

    @cached_property
    def engine_used(self) -> str:
        """The engine that runs it, ``dense`` or ``sampled``."""
        if self.engine != AUTO_ENGINE:
            return self.engine
        weights = max(self.weight_count, _LEAST_WEIGHTS * self.depth)
        small = weights * self.trials <= DENSE_WEIGHTS
        return DENSE if small or self.needs_matrices else SAMPLED

    @property
    def weight_count(self) -> int:
        """How many weights one chain has."""
        if self.widths is None and self.weights is None:
            # Not by the sizes: a list of them may not fit into memory.
            return self.n_in * self.n_out + (self.depth - 1) * self.n_out**2
        return sum(n_in * n_out for n_in, n_out in pairwise(self.sizes))

    @property
    def depth(self) -> int:
        """N, the number of layers."""
        if self.weights is not None:
            return len(self.weights.weights)
        if self.widths is not None:
            return len(self.widths) - 1
        if self.layers is not None:
            return self.layers
        return LAYERS if self.layer_acts is None else len(self.layer_acts)

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """n_0, n_1, …, n_N."""
        if self.weights is not None:
            return self.weights.sizes
        if self.widths is not None:
            return self.widths
        return (self.n_in, *(self.n_out,) * self.depth)

    @property
    def n_in(self) -> int:
        """n_0, the size of the input."""
        if self.weights is not None:
            return self.weights.sizes[0]
        if self.widths is not None:
            return self.widths[0]
        return self.input.values.shape[1] if self.input is not None else self.width or WIDTH

    @property
    def n_out(self) -> int:
        """n_N, the size of the output."""
        if self.weights is not None:
            return self.weights.sizes[-1]
        return self.widths[-1] if self.widths is not None else self.width or WIDTH

    @property
    def rows(self) -> int:
        """B, the number of rows in the batch."""
        if self.input is not None:
            return len(self.input.values)
        if self.batch is None and self.weights is not None and self.weights.x is not None:
            return len(self.weights.x)
        return self.batch or 1

    @property
    def given_input(self) -> FloatArray | None:
        """The input batch, shape (B, n_0), where it is not random."""
        if self.input is not None:
            return self.input.values
        return self.weights.x if self.weights is not None and not self.batch else None

    @property
    def given_reference(self) -> FloatArray | None:
        """The target or readout, shape (1 or B, n_N), where it is not random.

        Of a loss that takes classes, shape (1 or B, 1).
        """
        if losses.get(self.loss).takes_classes:
            first = np.zeros((1, 1))
            return first if self.target is None else self.target.values.reshape(-1, 1)
        if losses.get(self.loss).takes_target:
            zeros = np.zeros((self.rows, self.n_out))
            return zeros if self.target is None else self.target.values
        readout = self.weights.readout if self.weights is not None else None
        return None if readout is None else readout[None]

    @cached_property
    def activations(self) -> tuple[Activation, ...]:
        """The activation of each layer."""
        if self.layer_acts is not None:
            return tuple(activations.get(name) for name in self.layer_acts)
        each = activations.get(self.act)
        last = each if self.last_act is None else activations.get(self.last_act)
        return (*(each,) * (self.depth - 1), last)

    @property
    def _act_names(self) -> tuple[str | Activation, ...]:
        """The names, or the records, as they were given."""
        last = () if self.last_act is None else (self.last_act,)
        return self.layer_acts or (self.act, *last)

    @cached_property
    def act_name(self) -> str:
        """The activation's name, ``mixed`` where the layers differ."""
        kinds = {activation.name for activation in self.activations}
        return kinds.pop() if len(kinds) == 1 else "mixed"

    @property
    def act_label(self) -> str:
        """What people are shown: the name, of layer N too where `last_act` sets it apart."""
        if self.last_act is None or self.act_name != "mixed":
            return self.act_name
        return f"{self.activations[0].name} (last {self.activations[-1].name})"

    @cached_property
    def initializers(self) -> tuple[Initializer, ...]:
        """The initialiser of each layer; empty for given weights."""
        if self.weights is not None:
            return ()
        if self.weight_std is not None:
            return (initializers.from_weight_std(self.weight_std),) * self.depth
        if self.init == initializers.AUTO:
            return tuple(initializers.get(each.init) for each in self.activations)
        return (initializers.get(self.init),) * self.depth

    @cached_property
    def weight_variances(self) -> tuple[Magnitude, ...]:
        """σ_w² of each layer, the gain included: n_in times the variance of W's entries."""
        gain = Magnitude.of(self.gain)
        stds = [
            Magnitude.of(each.weight_std(n_in, n_out)) * gain
            for each, (n_in, n_out) in zip(self.initializers, pairwise(self.sizes), strict=True)
        ]
        return tuple(std * std for std in stds)

    @cached_property
    def init_name(self) -> str:
        """The initialiser's name, ``mixed`` where the layers differ, else ``weights``."""
        kinds = {initializer.name for initializer in self.initializers}
        return "weights" if not kinds else kinds.pop() if len(kinds) == 1 else "mixed"

    def as_dict(self) -> dict[str, Any]:
        """Return every setting as it was used, ready for JSON."""
        uniform = len(set(self.sizes)) == 1
        used = {field.name: getattr(self, field.name) for field in fields(self)}
        return used | {
            "act": self.act_name,
            "layer_acts": [each.name for each in self.activations]
            if self.layer_acts or self.act_name == "mixed"
            else None,
            "last_act": self.activations[-1].name if self.last_act is not None else None,
            "layers": self.depth,
            "width": self.sizes[0] if uniform else None,
            "widths": None if uniform else list(self.sizes),
            "init": None if self.weights or self.weight_std is not None else self.init_name,
            "input": self.input.name if self.input else None,
            "batch": self.rows,
            "loss": losses.get(self.loss).name,
            "target": self.target.name if self.target else None,
            "weights": self.weights.name if self.weights else None,
            "weights_layout": self.weights.layout if self.weights else None,
            "weights_layout_assumed": self.weights.assumed if self.weights else None,
        }


# Of the settings that are names: what returns a name as its registry writes it.
_SPELLINGS: dict[str, Callable[[str], str]] = {
    "act": activations.spelled,
    "layer_acts": activations.spelled,
    "last_act": activations.spelled,
    "init": initializers.spelled,
    "loss": losses.spelled,
    "engine": partial(spelled, known=ENGINES),
}


def in_own_spelling(setting: str, value: Any) -> Any:
    """Return a value of a setting, with every name that is known as its registry writes it."""
    if setting not in _SPELLINGS:
        return value
    if isinstance(value, tuple | list):
        return tuple(in_own_spelling(setting, each) for each in value)
    return _SPELLINGS[setting](value) if isinstance(value, str) else value


def check_count(name: str, value: int) -> None:
    """Refuse how many there are to be of something, unless it is from 1 to `LARGEST_COUNT`.

    Raises
    ------
    UsageError
        If it is not.
    """
    if value < 1:
        raise UsageError(f"{name} {whole(value)}: give at least 1")
    if value > LARGEST_COUNT:
        raise UsageError(f"{name} {whole(value)}: give at most {LARGEST_COUNT:,}")


def _listed(values: tuple[object, ...] | None) -> str:
    return ",".join(map(str, values or ()))
