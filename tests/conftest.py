"""What all tests share."""

from __future__ import annotations

import signal
from collections.abc import Callable

import hypothesis
import pytest

from vanish.numbers.scaled import Scaled
from vanish.readings import dense
from vanish.simulation.run import Simulation

hypothesis.settings.register_profile(
    "vanish",
    derandomize=True,  # the same examples on every run
    deadline=None,  # how long an example takes says nothing about whether it is right
    max_examples=50,
)
hypothesis.settings.load_profile("vanish")

# A shell's background jobs ignore interrupts, and what they start inherits it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

Differentiate = Callable[[Simulation], dict[str, Scaled]]


@pytest.fixture(scope="session")
def differentiate() -> Differentiate:
    """Return a function that gives all gradients of a simulation: W1, b1, a1, f1, …, x."""

    def gradients(simulation: Simulation) -> dict[str, Scaled]:
        chain, trace = simulation.chain, simulation.trace
        arrays = dense.arrays(chain, trace, simulation.loss_gradient)
        return {str(variable): array for variable, array in arrays}

    return gradients
