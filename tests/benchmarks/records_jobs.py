"""What comes after the engine: theory, and the records of what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from measure import Allowance, Group, Job, work
from sampled_jobs import size_of

from vanish.simulation import run as simulation
from vanish.simulation.expected import expected_of
from vanish.simulation.layers import layers_of
from vanish.simulation.settings import Settings

if TYPE_CHECKING:
    from measure import Contender


def theory(layers: int, width: int, target: int) -> Group:
    """What mean field expects of one network, as a time a layer."""
    allowed = Allowance(f"{target} µs a layer", target * 1e-6 * layers)
    # Of gelu the second mode is followed, too, through moments of every octave that q passes.
    targets = {"sigmoid": 1.0, "tanh": 1.0, "relu": 1.0, "gelu": None}
    jobs = (Job(_expected(act, layers, width), allowed, target=t) for act, t in targets.items())
    return Group(f"Theory, {size_of(layers, width)}, in process", tuple(jobs))


def records(layers: int, width: int, trials: int, target: int) -> Group:
    """Theory and the quantiles of all columns over many trials, as a time a layer."""
    allowed = Allowance(f"{target} µs a layer", target * 1e-6 * layers)
    jobs = (
        Job(_records(act, layers, width, trials), allowed, target=1.0)
        for act in ("relu", "tanh", "sigmoid")
    )
    return Group(f"Records, {size_of(layers, width, trials)}, in process", tuple(jobs))


def _expected(act: str, layers: int, width: int) -> Contender:
    settings = Settings(act=act, layers=layers, width=width, engine="sampled")
    return work(f"{act}, what is expected of it", lambda: expected_of(settings))


def _records(act: str, layers: int, width: int, trials: int) -> Contender:
    settings = Settings(act=act, layers=layers, width=width, trials=trials, engine="sampled")
    measured = simulation.measure(settings, jobs=1, entries=True, forward=True)

    def run() -> None:
        expected, _ = expected_of(settings)
        layers_of(settings, measured, expected)

    return work(f"{act}, its records", run)


RECORD_GROUPS = (
    theory(1000, 64, 8),
    records(100, 64, 128, 35),
    records(100, 32, 256, 45),
)
