"""Why a chain is dead: what makes the gradient of its first layers exactly 0.

In the order in which it happens: a weight that is all zeros, the first layer going forward
in which no unit has a slope, the loss, or no path through what is left.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from vanish.network import activations, losses
from vanish.network.arrays import Network
from vanish.network.graph import Variable
from vanish.numbers.scaled import Magnitude
from vanish.numbers.words import listed, short, spans, which_layers
from vanish.simulation.measured import MEDIAN, quantile, rank
from vanish.simulation.sample import given_input

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vanish.network.activations import Activation
    from vanish.simulation.layers import LayerRecord
    from vanish.simulation.profile import Profile


# A bias so much smaller than W f is not what makes a large.
_MUCH_MORE = 4.0


def explain_death(profile: Profile) -> tuple[str, str]:
    """Return what stands behind the word DEAD, and the sentences on it."""
    layers = profile.layers
    if profile.measured.graph.stages:
        return "", _where_a_file_ends(profile)
    if not profile.measured.graph.is_plain:
        return "", _where_it_ends(profile)
    zero = [layer.layer for layer in layers if not layer.weight]
    # What died behind them with an a that is not 0 did not die of weights that are.
    behind = layers[zero[-1] - 1 :] if zero else ()
    other = next((layer for layer in behind if layer.slope_max == 0.0 and layer.rms_a), None)
    if other is not None:
        return "", _without_slope(profile, other)
    if zero:
        return " at this step" * _moves(layers), _zero_weights(layers, zero)
    # Where every a is 0 the value is lost, too: with a slope at 0 this is not the first.
    first = next((layer for layer in layers if layer.slope_max == 0.0), None)
    if first is not None:
        return "", _without_slope(profile, first)
    if not layers[-1].grad_f:
        return "", _without_loss(profile)
    dying = int((profile.measured.slopes.largest == 0.0).any(axis=0).sum())
    # So many are the median's, and no layer above has as many to itself.
    if dying > rank(MEDIAN, profile.trials):
        return "", (
            f"In {dying:,} of {profile.trials:,} trials some layer has no unit with a slope, not"
            f" the same one in all of them: {_still(layers)}."
        )
    return "", (
        "Every layer has units with a slope, but what flows back cancels, or every path from the"
        f" loss to layer 1 meets a slope or a weight of 0: {_still(layers)}."
    )


def _where_it_ends(profile: Profile) -> str:
    """Return the layer of any block that lets nothing through, and why."""
    layers = profile.layers
    if not layers[-1].grad_f:
        return _without_loss(profile)
    last = next(layer for layer in reversed(layers) if not layer.grad_f)
    end = layers[last.layer]
    block = profile.measured.graph.block(end.layer)
    below = _layers(range(1, end.layer))
    if end.slope_max == 0.0:
        why = "every unit of it has slope 0"
    elif not end.weight and any(slot.letter.isupper() for slot in block.slots):
        why = "all its weights are zero"
    elif block.has_norm:
        why = "what norms and slopes leave of the gradient there is 0"
    elif profile.trials > 1:
        return (
            f"In at least half of the trials some layer from layer {end.layer} on lets nothing"
            f" through: {below} no gradient."
        )
    else:
        why = "what flows back cancels, or meets a slope or a weight of 0 on every path through it"
    return f"Layer {end.layer} lets nothing through, since {why}: {below} no gradient."


def _where_a_file_ends(profile: Profile) -> str:
    """Return the stage of a file's graph that lets nothing through, and why."""
    layers, graph = profile.layers, profile.measured.graph
    stages = graph.stages
    if not layers[-1].grad_f:
        return _without_loss(profile)
    end = next(layer for layer in reversed(layers) if not layer.grad_a)
    stage = stages[end.layer - 1]
    below = _layers([layer.layer for layer in layers if not layer.grad_a])
    is_last = end.layer == len(layers)
    if is_last and stage.places("softmax") and profile.settings.loss == "sum":
        why = "the outputs of its softmax add up to 1 whatever it is given"
        return f"The loss sum is constant, since {why}: {below} no gradient."
    if end.slope_max == 0.0:
        why = f"every unit of layer {end.layer} has slope 0"
    elif graph.is_chain and not is_last and not layers[end.layer].weight:
        why = f"all weights of layer {end.layer + 1} are zero"
    else:
        why = "what flows back to it cancels, or no path has a slope and a weight other than 0"
    return f"Nothing flows back through layer {end.layer}, since {why}: {below} no gradient."


def _moves(layers: Sequence[LayerRecord]) -> bool:
    """Tell whether gradient descent changes any weight."""
    return any(layer.grad_w for layer in layers)


def _zero_weights(layers: Sequence[LayerRecord], zero: Sequence[int]) -> str:
    """Return what weights that are all zeros do, the one nearest to the loss first."""
    last = zero[-1]
    named = listed([f"W{k}" for k in zero])
    told = f"{named} {'is' if len(zero) == 1 else 'are'} all zeros"
    if len(zero) == len(layers):
        told = "Every weight is zero"
    below = _layers(range(1, last))
    if layers[last - 1].grad_w:
        order = "once it has moved, the others learn"
        if len(zero) > 1:
            order = "once it has moved, those before it learn in their turn"
        stuck = [layer.layer for layer in layers[: last - 1] if layer.slope_max == 0.0]
        if not stuck:
            return f"{told}, so {below} no gradient yet. Layer {last} does; {order}."
        # Nothing comes through a slope of 0, so that what lies before stays as it is.
        never = f"{which_layers(range(1, stuck[-1] + 1))} never will"
        because = f"every unit of {which_layers(stuck)} has slope 0"
        return f"{told}, so {below} no gradient. Layer {last} does; {never}: {because}."
    if any(layer.grad_b or layer.grad_w for layer in layers):
        never = ", and none ever will" if len(zero) == len(layers) else ""
        if _moves(layers) and last == 1:
            return f"{told}, and gets no gradient itself."
        if _moves(layers):
            return f"{told}, so {below} no gradient, nor does W{last} itself."
        return f"{told}, so no weight gets a gradient{never}; only biases do."
    return f"{told}, so every gradient is exactly 0 and nothing ever moves."


def _without_slope(profile: Profile, first: LayerRecord) -> str:
    """Return what follows from a layer in which every unit has slope 0."""
    layers, k = profile.layers, first.layer
    activation = activations.get(first.act)
    before = layers[k - 2] if k > 1 else None
    # What it is given was a number, and S of it has become 0 in float64.
    is_lost = before is not None and before.slope_max and before.rms_a and not before.value
    if is_lost and activation.flat:
        return (
            f"The values of layer {k - 1} are so small that float64 rounds them to 0, where every"
            f" slope of layer {k} is 0: {_still(layers)}. Larger weights would give it"
            " slopes again."
        )
    if not activation.flat:
        return _with_slopes_too_small(profile, first, _still(layers))
    after = [layer.layer for layer in layers[k:] if layer.slope_max == 0.0]
    out = "" if first.value else " and puts out 0"
    too = f", as in {which_layers(after)}" if after else ""
    return (
        f"Layer {k} is the first to die going forward: every unit has slope 0{out}{too}. So"
        f" {_still(layers)}, and on this input never will."
    )


def _without_loss(profile: Profile) -> str:
    settings = profile.settings
    if settings.loss == "mse":
        return "The output equals the target, so the loss has no gradient: nothing learns."
    if losses.get(settings.loss).by_trial is not None and settings.model.n_out > 1:
        return (
            "The chain is so certain of the target that the loss's gradient, below"
            " 10^(-6.9·10^17), counts as 0: nothing learns."
        )
    return f"The gradient of the loss {settings.loss} is exactly 0: nothing learns."


def _with_slopes_too_small(profile: Profile, first: LayerRecord, still: str) -> str:
    """Return what follows where S' is 0 in float64 alone, or where it is 0 at 0."""
    size = first.rms_a
    if size is not None and not size and first.layer == 1:
        return f"In layer 1 every a is 0, where {first.act} has slope 0: {still}."
    is_large = size is None or _has_slope_below(activations.get(first.act), float(size))
    how, other = "small", "Larger weights"
    if is_large:
        how, other = "large", f"Smaller {_at_fault(profile, first)}"
    return (
        f"The values of layer {first.layer} are so {how} that every slope of {first.act} is below"
        f" 1e-308, which float64 rounds to 0: {still}. {other} would give them slopes again."
    )


def _at_fault(profile: Profile, layer: LayerRecord) -> str:
    """Return whether a is too large by W or by b: what is left without it has a slope or none."""
    k, activation = layer.layer, activations.get(layer.act)
    by_bias = _rms_of_bias(profile, k)
    # Of random entries the root mean square of W f is ‖W‖/√n_out times that of f.
    f = profile.layers[k - 2].value if k > 1 else _rms_of_input(profile)
    by_weight = layer.weight * f / Magnitude.of(math.sqrt(layer.n_out))
    if not by_bias:
        return "weights"
    if float(by_weight) > _MUCH_MORE * by_bias:
        return "weights" if _has_slope(activation, by_bias) else "weights and biases"
    if _has_slope(activation, float(by_weight)):
        return "biases"
    return "weights" if _has_slope(activation, by_bias) else "weights and biases"


def _rms_of_bias(profile: Profile, k: int) -> float:
    weights, drawn = profile.settings.weights, profile.settings.model.drawn_biases
    if isinstance(weights, Network):
        bias = weights.arrays.get(Variable("b", k))
        return 0.0 if bias is None else math.sqrt(np.mean(np.square(bias)))
    return 0.0 if drawn is None else drawn.rms(Variable("b", k))


def _rms_of_input(profile: Profile) -> Magnitude:
    x = given_input(profile.settings)
    return Magnitude.of(1.0 if x is None else math.sqrt(np.mean(np.square(x))))


def _has_slope(activation: Activation, size: float) -> bool:
    with np.errstate(all="ignore"):
        return bool(activation.slope(np.array([-size, size])).any())


def _has_slope_below(activation: Activation, size: float) -> bool:
    """Tell whether S' is not 0 at some smaller a, on either side."""
    smaller = size * 2.0 ** -np.arange(1.0, 1000.0)
    with np.errstate(all="ignore"):
        return bool(activation.slope(np.concatenate([smaller, -smaller])).any())


def _still(layers: Sequence[LayerRecord]) -> str:
    """Return which layers have no gradient."""
    return f"{_layers([layer.layer for layer in layers if not layer.grad_a])} no gradient"


def _layers(numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return f"layer {numbers[0]} gets"
    return f"layers {spans(numbers)} get"


def constant_lines(profile: Profile) -> str:
    """Return where a norm met what is constant, if it did."""
    shares = quantile(profile.measured.constant, MEDIAN)
    hit = [int(k) for k in np.flatnonzero(shares > 0.0) + 1]
    if not hit:
        return ""
    most = float(shares.max())
    lines = "lines" if most == 1.0 else f"up to {short(most)} of its lines"
    graph = profile.measured.graph
    # RMS takes no mean away: what it makes 0 of is 0.
    by_mean = any(graph.block(k).places(kind) for k in hit for kind in ("layernorm", "batchnorm"))
    what = "constant: it makes 0 of them" if by_mean else "0: it leaves them so"
    return (
        f"In {which_layers(hit)} a norm gets {lines} that are {what}, and lets no gradient through."
    )
