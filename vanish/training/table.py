"""The settings of a training, but for what it learns, as `simulation.table` has the others."""

from __future__ import annotations

from vanish.simulation.option import Group, Kind, Limits, Option
from vanish.simulation.table import PLAIN, SETTINGS

# Of the record `TrainingSettings`, but what it learns: that is checked by being read.
_TRAINED = {"act": "sigmoid", "layers": 2, "width": 32, "init": "auto", "batch": 16, "block": PLAIN}
DATA = Option("data", Kind.DATA, "What to learn.", group=Group.DATA)
TRAINING = {
    **{name: SETTINGS[name].but(default=default) for name, default in _TRAINED.items()},
    "epochs": Option("epochs", Kind.COUNT, "How often to go.", group=Group.RUNNING, default=100),
    "lr": Option(
        *("lr", Kind.NUMBER),
        "Learning rate.",
        group=Group.RUNNING,
        limits=Limits("a finite number of at least 0", least=0.0),
    ),
    "optimizer": Option("optimizer", Kind.NAME, "How to step.", group=Group.RUNNING, default="sgd"),
    "hidden": SETTINGS["hidden"],
    "seed": SETTINGS["seed"],
    "trials": SETTINGS["trials"],
}
