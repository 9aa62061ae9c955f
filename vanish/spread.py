"""How far the gradient at layer 1 of chains of finite width lies from mean-field theory."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanish.readings import finitewidth, meanfield
from vanish.scaled import Magnitude
from vanish.settings import Settings
from vanish.simulation import measure, require_memory

if TYPE_CHECKING:
    from vanish.theory import TheoryPoint

# So many chains give a standard deviation to about 1/√(2·256), 4 % of itself.
MEASURED_CHAINS = 256

_EXACT = {"relu": finitewidth.relu, "identity": finitewidth.linear}


class Spread(NamedTuple):
    """The law of log10‖∂L/∂b_1‖ over random chains of N layers of one width.

    Attributes
    ----------
    layers, width
        N, and the size of the input and of every layer.
    log10_expected
        log10 of the root mean square that mean-field theory expects.
    log10_typical, log10_std
        Mean and standard deviation of log10‖∂L/∂b_1‖ where it is not zero; None where it
        always is.
    dead
        The probability that the chain is dead.
    source
        ``exact``, or ``measured`` on `MEASURED_CHAINS` trials.
    """

    layers: int
    width: int
    log10_expected: float | None
    log10_typical: float | None
    log10_std: float | None
    dead: float
    source: str


def spread(point: TheoryPoint, layers: int, width: int) -> Spread | None:
    """Return the spread at a point of theory; None where it has no weight_std.

    ReLU and linear chains without biases have an exact law, see `finitewidth`; others are
    simulated.

    Raises
    ------
    VanishError
        If such a chain cannot be simulated, or does not fit into memory.
    """
    if point.weight_std is None:
        return None
    settings = Settings(
        act=point.act,
        layers=layers,
        width=width,
        weight_std=point.weight_std,
        bias_std=point.bias_std,
        trials=MEASURED_CHAINS,
        engine="sampled",
    )
    is_exact = point.act in _EXACT and point.bias_std == 0.0
    require_memory(replace(settings, trials=1) if is_exact else settings)
    expected = _expected(settings)
    if is_exact:
        law = _EXACT[point.act](settings.sizes, settings.weight_variances)
        typical, std = float(law.mean[0]) / math.log(10.0), float(law.std[0]) / math.log(10.0)
        return Spread(layers, width, expected, typical, std, law.dead, "exact")
    logs = measure(settings).grad_b.at(0).log10
    alive = logs[np.isfinite(logs)]
    return Spread(
        layers,
        width,
        expected,
        float(np.mean(alive)) if alive.size else None,
        float(np.std(alive, ddof=1)) if alive.size > 1 else None,
        1.0 - alive.size / logs.size,
        "measured",
    )


def _expected(settings: Settings) -> float | None:
    """Return log10 of what theory expects of ‖∂L/∂b_1‖, for an input of mean square 1."""
    typical_input = Magnitude.of(math.sqrt(settings.n_in))
    return meanfield.expected(
        settings.activations,
        settings.sizes,
        settings.weight_variances,
        settings.bias_std,
        typical_input,
    )[0].grad_b.log10
