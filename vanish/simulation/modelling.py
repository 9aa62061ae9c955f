"""The network that settings describe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.network import initializers, losses
from vanish.network.described import Acts, Gains, Uniform
from vanish.network.model import Drawn
from vanish.network.sizes import Hidden
from vanish.simulation.table import LAYERS, PLAIN, WIDTH

if TYPE_CHECKING:
    from vanish.network.blocks import Formula
    from vanish.network.initializers import Initializer
    from vanish.network.model import Model
    from vanish.simulation.settings import Settings


def model_of(settings: Settings, *, classifies: bool = False) -> Model:
    """Return the network: its shape and its parameters, whether drawn or given.

    Parameters
    ----------
    settings
        What says so.
    classifies
        Whether the last layer of a drawn one is S(Wx+b) whatever the block is.
    """
    acts = Acts(settings.act, settings.last_act, settings.layer_acts)
    gains = Gains(settings.gain, settings.last_gain)
    formula, hidden = formula_of(settings.block), hidden_of(settings.hidden)
    if hidden is None and settings.steps is not None:
        hidden = hidden_of(settings.steps.values.shape[1])
    if settings.weights is not None and settings.weights.graph is not None:
        return settings.weights.model(gains)
    if settings.weights is not None:
        from vanish.network.given import Given  # noqa: PLC0415 - start-up

        by_data = settings.init == initializers.LSUV
        return Given(acts, settings.weights, gains=gains, formula=formula, by_data=by_data)
    layers = settings.layers or (len(settings.layer_acts) if settings.layer_acts else LAYERS)
    width = settings.width or WIDTH
    n_in = width if settings.input is None else settings.input.values.shape[1]
    std = settings.weight_std
    return Drawn(
        acts,
        settings.widths or Uniform(layers, n_in, width),
        gains=gains,
        init=settings.init,
        weight_std=dict(std) if isinstance(std, tuple) else std,
        bias=_bias_of(settings),
        formula=formula,
        hidden=hidden,
        classifies=classifies,
    )


def _bias_of(settings: Settings) -> Initializer | None:
    """Return how biases are drawn; None where nothing is said of them."""
    if settings.bias_init is not None:
        return initializers.get_of_biases(settings.bias_init)
    return initializers.from_bias_std(settings.bias_std) if settings.bias_std else None


def given_depth(settings: Settings) -> int | None:
    """Return N where the weights, the list of all sizes or `layers` say it."""
    if settings.weights is not None:
        return settings.weights.depth
    return settings.layers if settings.widths is None else len(settings.widths) - 1


def fit_block(settings: Settings) -> None:
    """Let a network have the block that it was saved with, and as many layers as are said."""
    block, network = settings.block or PLAIN, settings.weights
    if network is not None:
        if network.graph is not None:
            object.__setattr__(settings, "weights", network.before(losses.get(settings.loss)))
        block = block if network.block is None else network.block.text
        if not network.knows_depth:
            object.__setattr__(settings, "weights", network.of_depth(settings.layers))
            object.__setattr__(settings, "layers", None)
    object.__setattr__(settings, "block", block)


def fit_data(settings: Settings) -> None:
    """Let the network, its input and its target settle what they leave open in each other."""
    target, network = settings.target, settings.weights
    if target is not None and losses.get(settings.loss).takes_classes:
        target = None
    if network is not None:
        object.__setattr__(settings, "weights", network.settled(settings.input, target))
    if settings.input is not None:
        n_in = None if settings.widths is None else settings.widths[0]
        if network is not None:
            n_in = settings.model.n_in
        object.__setattr__(settings, "input", settings.input.of(n_in or settings.width))
    if target is not None:
        object.__setattr__(settings, "target", target.of(settings.model.n_out))


def formula_of(block: str) -> Formula | None:
    """Return a formula by its text or name; None for the article's, or where none is said."""
    if block in ("", PLAIN):
        return None
    from vanish.network.blocks import formula  # noqa: PLC0415 - start-up

    return formula(block)


def hidden_of(given: int | str | None) -> Hidden | None:
    """Return the size of what only a layer itself knows, as settings have it."""
    if isinstance(given, str):
        return Hidden(float(given.removesuffix("x")), per_output=True)
    return None if given is None else Hidden(given, per_output=False)
