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

    from vanish.activations import Activation, register, verify
    from vanish.arrays import Network, Rows
    from vanish.data import Data
    from vanish.errors import VanishError
    from vanish.grid import Grid
    from vanish.profile import LayerRecord, Profile, Verdict
    from vanish.scaled import Magnitude
    from vanish.settings import Settings
    from vanish.simulation import Simulation, compare, simulate
    from vanish.sweep import simulate_grid
    from vanish.training import Training, TrainingSettings, train, train_all

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
    "activations": ("Activation", "register", "verify"),
    "arrays": ("Network", "Rows"),
    "data": ("Data",),
    "errors": ("VanishError",),
    "grid": ("Grid",),
    "profile": ("LayerRecord", "Profile", "Verdict"),
    "scaled": ("Magnitude",),
    "settings": ("Settings",),
    "simulation": ("Simulation", "compare", "simulate"),
    "sweep": ("simulate_grid",),
    "training": ("Training", "TrainingSettings", "train", "train_all"),
}


def __getattr__(name: str) -> Any:
    from importlib import import_module  # noqa: PLC0415 - only when asked for

    for module, public in _HOMES.items():
        if name in public:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
