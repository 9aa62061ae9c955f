"""vanish: a gradient-vanishing simulator.

>>> import vanish
>>> profile = vanish.simulate(act="sigmoid", layers=20)
>>> print(f"{profile.bounds['sigmoid'].log10:.2f}")
-12.04
"""

from __future__ import annotations

__version__ = "0.1.0"

# As of `typing`, which takes longer to import than all of this: long enough to be interrupted.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from vanish.errors import VanishError
    from vanish.network.activations import Activation, register, verify
    from vanish.network.arrays import Network, Rows
    from vanish.numbers.scaled import Magnitude
    from vanish.simulation.layers import LayerRecord
    from vanish.simulation.profile import Profile, Verdict
    from vanish.simulation.run import Simulation, compare, simulate
    from vanish.simulation.settings import Settings
    from vanish.sweeps.grid import Grid
    from vanish.sweeps.run import simulate_grid
    from vanish.training.data import Data
    from vanish.training.result import Training
    from vanish.training.run import train, train_all
    from vanish.training.settings import TrainingSettings

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
    "VanishError",
    "Verdict",
    "compare",
    "register",
    "simulate",
    "simulate_grid",
    "train",
    "train_all",
    "verify",
]

# Where each public name lives: imported on first use, so that `vanish --help` does not
# wait for numpy.
_HOMES = {
    "network.activations": ("Activation", "register", "verify"),
    "network.arrays": ("Network", "Rows"),
    "training.data": ("Data",),
    "errors": ("VanishError",),
    "sweeps.grid": ("Grid",),
    "simulation.layers": ("LayerRecord",),
    "simulation.profile": ("Profile", "Verdict"),
    "numbers.scaled": ("Magnitude",),
    "simulation.settings": ("Settings",),
    "simulation.run": ("Simulation", "compare", "simulate"),
    "sweeps.run": ("simulate_grid",),
    "training.result": ("Training",),
    "training.run": ("train", "train_all"),
    "training.settings": ("TrainingSettings",),
}


def __getattr__(name: str) -> Any:
    from importlib import import_module  # noqa: PLC0415 - only when asked for

    for module, public in _HOMES.items():
        if name in public:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
