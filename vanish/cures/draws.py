"""Cures of how parameters are drawn: by theory, by convention, by the data."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vanish.cures.digits import rounded
from vanish.network import initializers
from vanish.theories import infinitewidth as theory

if TYPE_CHECKING:
    from vanish.cures.cure import Proposals
    from vanish.cures.workbench import Bench
    from vanish.network.activations import Activation
    from vanish.simulation.settings import Settings

# Biases that are tried where theory has none. A constant above 0 keeps units of the relu family
# alive at the start: Goodfellow, Bengio and Courville 2016, "Deep learning", section 6.3.1.
_BIAS = 0.1

# Up to here theory's bias_std is looked for, in so many halvings.
_LARGEST_BIAS, _HALVINGS = 10.0, 20


def critical(bench: Bench) -> Proposals:
    """Propose theory's critical weight_std, whatever gain is in force.

    The ratio is one of S' in layers 1 to N-1, so that layer N may have another S.
    """
    settings = bench.settings
    gain, std = settings.gain, critical_std(bench)
    if std is not None and isinstance(gain, float):
        seen = yield {"weight_std": rounded(std / gain, settings.model.depth)}
        if seen:
            bench.at_critical = 0.5 * (min(seen) + max(seen))


def critical_std(bench: Bench) -> float | None:
    """Return the weight_std, the gain included, at which χ₁ is 1; None where there is none."""
    settings = bench.settings
    hidden = set(settings.model.activations[:-1])
    if len(hidden) > 1:
        return None
    # The initialiser goes, and with it what it makes of biases.
    bias_std = settings.bias_std
    if settings.bias_init is not None:
        law = initializers.get_of_biases(settings.bias_init)
        middle = settings.model.sizes[settings.model.depth // 2]
        bias_std = law.weight_std(middle, middle) / math.sqrt(middle)
    return _critical_beside(settings, hidden.pop(), bias_std)


def _critical_beside(settings: Settings, activation: Activation, bias_std: float) -> float | None:
    """Return the critical weight_std of the layers as they are; None where theory has none."""
    formula = settings.model.formula
    if formula is None or formula.is_plain:
        return theory.critical(activation, bias_std).weight_std
    from vanish.theories import blockcrossing, blocks  # noqa: PLC0415 - most networks have none

    if blocks.refusal(formula, activation):
        return None
    return blockcrossing.critical_point(formula, activation, bias_std).weight_std


def conventional(_: Bench) -> Proposals:
    """Propose each activation's own initialiser."""
    yield {"init": initializers.AUTO, "gain": 1.0}


def unit_variance(_: Bench) -> Proposals:
    """Propose weights that the data scale, see `readings.unitvariance`."""
    yield {"init": initializers.LSUV, "gain": 1.0}


def bias(bench: Bench) -> Proposals:
    """Propose biases where there are none.

    At first those that make the weights as they are critical, on the line in the plane of
    weight_std and bias_std (Poole et al. 2016); then small ones.
    """
    if bench.has_biases:
        return
    settings = bench.settings
    std = _critical_bias(bench)
    if std is not None:
        yield {"bias_std": rounded(std, settings.model.depth)}
    if any(each.flat for each in settings.model.activations[:-1]):
        yield {"bias_init": f"constant({_BIAS:g})"}
    else:
        yield {"bias_std": _BIAS}


def _critical_bias(bench: Bench) -> float | None:
    """Return the bias_std beside which the weights are critical; None where theory has none.

    Of other layers than the article's nobody has shown which way it goes.
    """
    hidden = set(bench.settings.model.activations[:-1])
    if len(hidden) > 1 or not bench.settings.model.graph.is_plain:
        return None
    (activation,) = hidden
    stds = sorted(each.log10 or 0.0 for each in bench.settings.model.variances.values())
    own = 10.0 ** (0.5 * min(max(stds[len(stds) // 2], -300.0), 300.0))

    def excess(bias_std: float) -> float | None:
        found = theory.critical(activation, bias_std)
        return found.weight_std - own if found.weight_std is not None and found.stable else None

    low, high = 0.0, _LARGEST_BIAS
    first, last = excess(low), excess(high)
    # Biases push towards saturation, and the weights that are critical beside them are larger.
    if first is None or last is None or not first < 0.0 < last:
        return None
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        there = excess(middle)
        if there is None:
            return None
        low, high = (middle, high) if there < 0.0 else (low, middle)
    return high
