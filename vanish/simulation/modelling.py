"""The network that settings describe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.network.given import Given
from vanish.network.model import Acts, Drawn, Uniform
from vanish.network.sizes import Hidden
from vanish.simulation.table import LAYERS, PLAIN, WIDTH

if TYPE_CHECKING:
    from vanish.network.blocks import Formula
    from vanish.network.model import Model
    from vanish.simulation.settings import Settings


def model_of(settings: Settings) -> Model:
    """Return the network: its shape and its parameters, whether drawn or given."""
    acts = Acts(settings.act, settings.last_act, settings.layer_acts)
    formula, gain = formula_of(settings.block), settings.gain
    if settings.weights is not None:
        return Given(acts, settings.weights, gain=gain, formula=formula)
    layers = settings.layers or (len(settings.layer_acts) if settings.layer_acts else LAYERS)
    width = settings.width or WIDTH
    n_in = width if settings.input is None else settings.input.values.shape[1]
    std = settings.weight_std
    return Drawn(
        acts,
        settings.widths or Uniform(layers, n_in, width),
        gain=gain,
        init=settings.init,
        weight_std=dict(std) if isinstance(std, tuple) else std,
        formula=formula,
        hidden=_hidden_of(settings),
    )


def formula_of(block: str) -> Formula | None:
    """Return a formula by its text or name; None for the article's, or where none is said."""
    if block in ("", PLAIN):
        return None
    from vanish.network.blocks import formula  # noqa: PLC0415 - start-up

    return formula(block)


def _hidden_of(settings: Settings) -> Hidden | None:
    """Return the size of what only a layer itself knows, where anything says it."""
    given = settings.hidden
    if isinstance(given, str):
        return Hidden(float(given.removesuffix("x")), per_output=True)
    if given is None and settings.steps is not None:
        given = settings.steps.values.shape[1]
    return None if given is None else Hidden(given, per_output=False)
