"""The Python API: a function a command, and the records that they take and return.

What is public is in `__all__`, which `vanish` itself has, too.
"""

from __future__ import annotations

from vanish.api.explaining import acts, blocks, collapse, derive, theory
from vanish.api.fixing import Fix, fix
from vanish.api.loading import load, show
from vanish.api.measuring import compare, simulate, simulate_grid, sweep, train
from vanish.api.results import Profile
from vanish.api.trainings import Training
from vanish.errors import UsageError, VanishError
from vanish.network.activations import Activation, register, verify
from vanish.network.arrays import Network, Rows
from vanish.numbers.scaled import Magnitude
from vanish.simulation.course import Verdict
from vanish.simulation.layers import LayerRecord
from vanish.simulation.run import Simulation
from vanish.simulation.settings import Settings
from vanish.sweeps.grid import Grid
from vanish.training.data import Data
from vanish.training.settings import TrainingSettings

__all__ = [
    "Activation",
    "Data",
    "Fix",
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
    "blocks",
    "collapse",
    "compare",
    "derive",
    "fix",
    "load",
    "register",
    "show",
    "simulate",
    "simulate_grid",
    "sweep",
    "theory",
    "train",
    "verify",
]
