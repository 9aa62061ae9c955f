"""Units that nothing tells apart: weights and biases that are one number everywhere.

Then all units of a hidden layer have the same value, and since the next W has equal columns the
same gradient. Steps that go by gradients alone keep it so: a layer is as good as one unit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.network.initializers import Law

if TYPE_CHECKING:
    from vanish.simulation.profile import Profile


def alike_units(profile: Profile) -> str:
    """Return that no step tells the units of the hidden layers apart, where that is so."""
    model, layers = profile.settings.model, profile.layers
    biases = model.drawn_biases
    constant = (
        profile.measured.graph.is_plain
        and bool(model.initializer_kinds)
        and all(each.law is Law.CONSTANT for each in model.initializer_kinds)
        and (biases is None or biases.law.law is Law.CONSTANT)
    )
    several = any(layer.n_out > 1 for layer in layers[:-1])
    # Where nothing moves there is nothing to tell.
    if not constant or not several or not any(layer.grad_w for layer in layers):
        return ""
    return (
        f"By init {model.init_name} the units of a hidden layer are all alike and get the same"
        " gradient, so no step tells them apart: each such layer is as good as one unit."
    )
