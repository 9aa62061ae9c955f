"""The settings of a training: what is learned by what network, in one record that checks itself."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

from vanish.errors import ConflictError
from vanish.network.graph import LAYER
from vanish.network.sizes import LayerRun, graph_of, least_rows
from vanish.network.sizes import sizes as sizes_of
from vanish.numbers.words import plural
from vanish.simulation import values
from vanish.simulation.modelling import formula_of, hidden_of, model_of
from vanish.simulation.settings import Settings
from vanish.simulation.spelling import spell_all
from vanish.simulation.table import PLAIN
from vanish.system import memory
from vanish.training import data as datasets
from vanish.training import optimizers
from vanish.training.data import Data
from vanish.training.table import DATA, TRAINING

if TYPE_CHECKING:
    import os
    from typing import SupportsIndex

    from vanish.network.activations import Activation
    from vanish.network.model import Model
    from vanish.network.sizes import Sizes
    from vanish.training.data import Split

LAYERS, WIDTH, EPOCHS, BATCH = 2, 32, 100, 16

# The gradient is measured on so many examples at most, a random sample of a larger
# training part; accuracies and the loss on all of them, so many at a time.
MEASURED_ROWS = 1000

# Of an operation of a hidden layer: its factors, what the passes do and records, in bytes.
_BYTES_AN_OPERATION = 6_000


class Classifier(Settings):
    """The settings of a network whose last layer is S(Wx+b), whatever the block is."""

    @cached_property
    def model(self) -> Model:
        """The network: its shape and its parameters."""
        return model_of(self, classifies=True)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class TrainingSettings:
    """All that the training of one network depends on.

    Attributes
    ----------
    act
        The activation of every hidden layer.
    layers
        How many hidden layers there are; an identity layer to as many units as there are
        classes follows.
    width
        The size of each.
    init
        The initialiser's name; ``auto`` takes each activation's conventional one. Biases
        start at 0, but where it draws them, as torch does.
    data
        What to learn: ``spirals``, ``digits``, the path of a .csv or .npz file, or `Data`.
    epochs
        How often to go through the training part.
    lr
        The learning rate; the optimizer's own where it is not given.
    batch
        How many examples there are to a step, all of them at most.
    optimizer
        ``sgd``, ``momentum`` or ``adam``.
    seed
        What all random numbers follow from.
    trials
        How many independent runs: data, weights and order are drawn anew for each.
    block
        Every hidden layer as a formula of its input x, or its name. One that it does not fit,
        since it gives more or fewer values than it takes, is S(Wx+b).
    hidden
        The size of what only such a layer itself knows; ``"4x"`` is four times its output.

    Raises
    ------
    VanishError
        If a setting is unknown or out of range, or the data cannot be read.
    """

    act: str | Activation = "sigmoid"
    layers: int = LAYERS
    width: int = WIDTH
    init: str = "auto"
    data: str | Data = datasets.SPIRALS
    epochs: int = EPOCHS
    lr: float | None = None
    batch: int = BATCH
    optimizer: str = "sgd"
    seed: int = 0
    trials: int = 1
    block: str = PLAIN
    hidden: int | str | None = None

    if TYPE_CHECKING:
        # What may be given, of which a field has what it means: see `simulation.values`.
        def __init__(
            self,
            *,
            act: str | Activation = ...,
            layers: SupportsIndex = ...,
            width: SupportsIndex = ...,
            init: str = ...,
            data: str | os.PathLike[str] | Data = ...,
            epochs: SupportsIndex = ...,
            lr: float | None = ...,
            batch: SupportsIndex = ...,
            optimizer: str = ...,
            seed: SupportsIndex = ...,
            trials: SupportsIndex = ...,
            block: str = ...,
            hidden: SupportsIndex | str | None = ...,
        ) -> None: ...

    def __post_init__(self) -> None:
        values.take_all(self, TRAINING)
        spell_all(self)
        object.__setattr__(self, "optimizer", optimizers.get(self.optimizer).name)
        if not isinstance(self.data, Data):
            object.__setattr__(self, "data", datasets.load(values.taken(DATA, self.data)))
        _require_no_steps(self)
        # Before a list as long as the chain is made.
        require_memory(self, 0)
        # The others are checked by those who use them.
        _ = self.chain.model.activations, self.chain.model.initializers

    @property
    def source(self) -> Data:
        """The data themselves."""
        assert isinstance(self.data, Data)
        return self.data

    @cached_property
    def chain(self) -> Settings:
        """The chain that is trained, as settings of a simulation."""
        sizes = (self.source.features, *(self.width,) * self.layers, len(self.source.classes))
        common: dict[str, Any] = {
            "act": self.act,
            "last_act": "identity",
            "widths": sizes,
            "init": self.init,
            "loss": "cross_entropy",
            "seed": self.seed,
            "batch": self.batch,
            "block": self.block,
        }
        chain = Classifier(**common)
        # A hidden layer alone that the block does not fit has no size inside, either.
        lifts_only = self.block != PLAIN and chain.model.graph.is_plain
        if self.hidden is None or lifts_only:
            return chain
        return Classifier(**common, hidden=self.hidden)

    @property
    def signal(self) -> str:
        """What is compared from layer to layer: ∂L/∂a of S(Wx+b), ∂L/∂f of another block."""
        return "a" if self.block == PLAIN else "f"

    @property
    def compares_rows(self) -> bool:
        """Whether what becomes of an example depends on the others of its batch."""
        return any(least_rows(block) > 1 for block, _, _ in self.chain.model.graph.runs)

    @property
    def lifts(self) -> bool:
        """Whether a hidden layer is S(Wx+b) since the block does not fit it."""
        return self.block != PLAIN and self.chain.model.graph.block(1) == LAYER

    def units(self, k: int) -> int:
        """Return how many values S is applied to in a layer."""
        section = self.chain.model.section(k)
        return sum(section.sizes.places[place] for place in section.block.places("activate"))

    @property
    def act_name(self) -> str:
        """The hidden layers' activation by its own name."""
        return self.chain.model.activations[0].name

    @property
    def init_name(self) -> str:
        """The hidden layers' initialiser by its own name."""
        return self.chain.model.initializers[0].name

    @property
    def lr_used(self) -> float:
        """The learning rate, given or the optimizer's own."""
        return optimizers.get(self.optimizer).lr if self.lr is None else self.lr

    def as_dict(self) -> dict[str, Any]:
        """Return every setting as it was used, ready for JSON."""
        used = {field.name: getattr(self, field.name) for field in fields(self)}
        return used | {
            "act": self.act_name,
            "init": self.init_name,
            "data": self.source.name,
            "lr": self.lr_used,
        }


def require_rows(settings: TrainingSettings, split: Split) -> None:
    """Refuse batches of one example for a norm over a batch, and parts that are too large for it.

    It goes by the rows of the batch that it is given, in training and where it is measured: then
    that is a whole part.

    Parameters
    ----------
    settings
        What is to be trained.
    split
        What on.

    Raises
    ------
    UsageError
        If a step or a measurement has one example.
    MemoryLimitError
        If a part needs more memory than there is.
    """
    if not settings.compares_rows:
        return
    examples, of_test = len(split.train.y), len(split.test.y)
    batch = min(settings.batch, examples)
    last = examples % batch or batch
    if last == 1:
        raise ConflictError(
            f"block {settings.block!r} of the last batch of {examples:,} examples in batches of"
            f" {batch:,}, which has 1: BN compares the rows of a batch: give another batch",
            *("block", "batch", "data"),
        )
    if of_test == 1:
        raise ConflictError(
            f"block {settings.block!r} beside a test part of 1 example: BN compares the rows of a"
            " batch: give a test part of 2 or more",
            *("block", "data"),
        )
    require_memory(settings, 0, max(examples, of_test, MEASURED_ROWS))


def _require_no_steps(settings: TrainingSettings) -> None:
    formula = formula_of(settings.block)
    if formula is not None and formula.uses_step:
        raise formula.fault(
            "u", "an example has one input, and none for each layer: give a block without u"
        )


def _hidden_layer(settings: TrainingSettings) -> Sizes:
    """Return the sizes of a hidden layer that takes as many values as it gives."""
    formula, hidden, width = formula_of(settings.block), hidden_of(settings.hidden), settings.width
    block = LAYER
    if formula is not None:
        runs = LayerRun(width, width, settings.layers), LayerRun(width, 1, 1)
        block = graph_of(formula, runs, hidden, classifies=True).block(1)
    return sizes_of(block, width, width, hidden)


def require_memory(settings: TrainingSettings, kept: int, rows: int = MEASURED_ROWS) -> None:
    """Refuse what does not fit, before any of it is made.

    Parameters
    ----------
    settings
        What is to be trained.
    kept
        After how many epochs the state of every layer is kept.
    rows
        How many examples are run at a time.

    Raises
    ------
    MemoryLimitError
        If it needs more memory than there is.
    """
    depth = settings.layers + 1
    what = f"a network of {plural(settings.layers, 'hidden layer')} of width {settings.width:,}"
    remedy = "give fewer --layers or a smaller --width"
    sizes = settings.source.features, settings.width, len(settings.source.classes)
    found = _hidden_layer(settings)
    inner = sum(math.prod(shape) for shape in found.parameters.values() if len(shape) == 2)
    weights = sizes[0] * sizes[1] + (settings.layers - 1) * inner + sizes[1] * sizes[2]
    values = sizes[0] + sum(found.places[1:]) // 2 + sizes[2]
    # Parameters: now, at first, their gradients, the optimizer's two, and to measure them.
    # Of an example: values before and after S, slopes and gradients, each way twice.
    needed = _BYTES_AN_OPERATION * (len(found.places) - 1) * depth
    needed += 8 * (7 * weights + 8 * rows * values * depth)
    needed += 3 * 8 * depth * kept * settings.trials
    memory.require(needed, what, remedy)
