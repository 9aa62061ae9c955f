"""The settings of a training: what is learned by what network, in one record that checks itself."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from vanish.simulation import values
from vanish.simulation.settings import Settings
from vanish.simulation.spelling import spell_all
from vanish.simulation.table import TRAINING
from vanish.system import memory
from vanish.training import data as datasets
from vanish.training import optimizers
from vanish.training.data import Data

LAYERS, WIDTH, EPOCHS, BATCH = 2, 32, 100, 16

# The gradient is measured on so many examples at most, a random sample of a larger
# training part; accuracies and the loss on all of them, so many at a time.
MEASURED_ROWS = 1000

# Of a hidden layer: its factors, operations and records, in bytes.
_BYTES_A_LAYER = 12_000


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
        start at 0.
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

    Raises
    ------
    VanishError
        If a setting is unknown or out of range, or the data cannot be read.
    """

    act: str = "sigmoid"
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

    def __post_init__(self) -> None:
        values.take_all(self, TRAINING)
        spell_all(self)
        object.__setattr__(self, "optimizer", optimizers.get(self.optimizer).name)
        if not isinstance(self.data, Data):
            object.__setattr__(self, "data", datasets.load(self.data))
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
        return Settings(
            act=self.act,
            last_act="identity",
            widths=sizes,
            init=self.init,
            loss="cross_entropy",
            seed=self.seed,
        )

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


def require_memory(settings: TrainingSettings, kept: int) -> None:
    """Refuse what does not fit, before any of it is made.

    Parameters
    ----------
    settings
        What is to be trained.
    kept
        After how many epochs the state of every layer is kept.

    Raises
    ------
    MemoryLimitError
        If it needs more memory than there is.
    """
    depth = settings.layers + 1
    what = f"a network of {settings.layers:,} hidden layers of width {settings.width:,}"
    remedy = "give fewer --layers or a smaller --width"
    sizes = settings.source.features, settings.width, len(settings.source.classes)
    weights = sizes[0] * sizes[1] + (settings.layers - 1) * sizes[1] ** 2 + sizes[1] * sizes[2]
    # Parameters: now, at first, their gradients, the optimizer's two, and to measure them.
    # Of an example: values before and after S, slopes and gradients, each way twice.
    needed = _BYTES_A_LAYER * depth + 8 * (7 * weights + 8 * MEASURED_ROWS * sum(sizes) * depth)
    needed += 3 * 8 * depth * kept * settings.trials
    memory.require(needed, what, remedy)
