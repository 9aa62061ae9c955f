"""How far the gradient at layer 1 of chains of finite width lies from mean-field theory."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vanish.gauss.quadrature import NoLawError
from vanish.network.arrays import Rows
from vanish.network.initializers import Law
from vanish.numbers.scaled import Magnitude, Scaled
from vanish.readings import meanfield
from vanish.records import Record
from vanish.simulation.needs import require_memory
from vanish.simulation.run import measure
from vanish.simulation.sample import given_input
from vanish.simulation.settings import Settings
from vanish.theories import finitewidth

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vanish.numbers.scaled import FloatArray
    from vanish.theories.infinitewidth import TheoryPoint

# So many chains give a standard deviation to about 1/√(2·256), 4 % of itself.
MEASURED_CHAINS = 256

_EXACT = {"relu": finitewidth.relu, "identity": finitewidth.linear}


class Spread(Record):
    """The law of log10‖∂L/∂b_1‖ over random chains of N layers of one width.

    Attributes
    ----------
    layers, width
        N, and the size of the input and of every layer.
    log10_expected
        log10 of the root mean square that mean-field theory expects, -inf of 0; None where it has
        no law.
    log10_typical, log10_std
        Mean and standard deviation of log10‖∂L/∂b_1‖ where it is not zero; None where it
        always is.
    dead
        The probability that the chain is dead.
    source
        ``exact``, or ``measured`` on `MEASURED_CHAINS` trials.
    log10_typical_se, log10_std_se, dead_se
        Standard errors of what was measured; None of what is exact, of less than two chains
        that are alive, and of `dead` where all or none are: that many chains cannot tell.
    """

    layers: int
    width: int
    log10_expected: float | None
    log10_typical: float | None
    log10_std: float | None
    dead: float
    source: str
    log10_typical_se: float | None = None
    log10_std_se: float | None = None
    dead_se: float | None = None


def spread(point: TheoryPoint, layers: int, width: int, input_rms: float = 1.0) -> Spread | None:
    """Return the spread at a point of theory; None where it has no weight_std.

    ReLU and linear chains without biases have an exact law, see `finitewidth`; others are
    simulated.

    Parameters
    ----------
    point
        The activation, weight_std and bias_std.
    layers, width
        N, and the size of the input and of every layer.
    input_rms
        The root mean square of the input's entries: of random normal ones where it is 1,
        else each is as large as that.

    Raises
    ------
    VanishError
        If such a chain cannot be simulated, or does not fit into memory.
    """
    if point.weight_std is None:
        return None
    Settings(layers=layers, width=width)  # before an input as long as that is made
    settings = Settings(
        act=point.act,
        layers=layers,
        width=width,
        weight_std=point.weight_std,
        bias_std=point.bias_std,
        input=None if input_rms == 1.0 else Rows(np.full((1, max(width, 1)), input_rms)),
        trials=MEASURED_CHAINS,
        engine="sampled",
    )
    is_exact = point.act in _EXACT and point.bias_std == 0.0
    require_memory(replace(settings, trials=1) if is_exact else settings)
    expected = _expected(settings, input_rms)
    if is_exact:
        law = _EXACT[point.act](settings.model.sizes, settings.model.weight_variances)
        typical, std = float(law.mean[0]) / math.log(10.0), float(law.std[0]) / math.log(10.0)
        return Spread(layers, width, expected, typical, std, law.dead, "exact")
    logs = measure(settings).grad_b.at(0).log10
    alive = logs[np.isfinite(logs)]
    dead = 1.0 - alive.size / logs.size
    if alive.size < 2:
        only = float(alive[0]) if alive.size else None
        return Spread(layers, width, expected, only, None, dead, "measured")
    std = float(np.std(alive, ddof=1))
    return Spread(
        layers,
        width,
        expected,
        float(np.mean(alive)),
        std,
        dead,
        "measured",
        std / math.sqrt(alive.size),
        _error_of_std(alive),
        math.sqrt(dead * (1.0 - dead) / logs.size) or None,
    )


def medians(settings: Settings, shown: Sequence[int]) -> finitewidth.Medians | None:
    """Return theory's medians of some layers of random chains, where their law is known.

    Parameters
    ----------
    settings
        The chains.
    shown
        The layers asked for, in 1..N.

    Returns
    -------
    Medians
        None but for ReLU and linear chains of Gaussian weights without biases, one sample
        and the default loss.
    """
    if (
        settings.model.act_name not in _EXACT
        or not settings.model.graph.is_plain
        or settings.model.drawn_biases is not None
        or settings.weights is not None
        or settings.loss != "readout"
        or settings.rows > 1
        or any(each.law is not Law.NORMAL for each in settings.model.initializers)
    ):
        return None
    given = given_input(settings)
    return finitewidth.medians(
        settings.model.act_name,
        settings.model.sizes,
        settings.model.weight_variances,
        None if given is None else Scaled(given).norm(),
        shown,
    )


def _error_of_std(sample: FloatArray) -> float:
    """Return the standard error of a sample's standard deviation s, whatever its law.

    The variance of s² is (μ₄ - σ⁴)/m to leading order (Cramér 1946, "Mathematical methods
    of statistics", 27.4), and s² moves twice as fast as s, times s.
    """
    squares = (sample - sample.mean()) ** 2
    spread_of_squares = float(np.mean(squares**2) - np.mean(squares) ** 2)
    std = math.sqrt(float(np.mean(squares)))
    if std == 0.0:
        return 0.0
    return math.sqrt(max(spread_of_squares, 0.0) / sample.size) / (2.0 * std)


def _expected(settings: Settings, input_rms: float) -> float | None:
    """Return log10 of what theory expects of ‖∂L/∂b_1‖."""
    model = settings.model
    ensemble = meanfield.Ensemble.plain(
        model.activations, model.sizes, model.weight_variances, settings.bias_std
    )
    norm = Magnitude.of(math.sqrt(model.n_in) * input_rms)
    try:
        grad_b = meanfield.expected(ensemble, norm, model.graph)[0].grad_b
    except NoLawError:
        return None
    if grad_b is None:
        return None
    return -math.inf if grad_b.log10 is None else grad_b.log10
