"""What the sampled reading can read: of which networks all is drawn in law, without a matrix.

Every choice of an engine asks it; how it is drawn is for `sampled` to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.network.chainrule import Reading
from vanish.network.initializers import Law

if TYPE_CHECKING:
    from vanish.network.model import Model

# What is known of a matrix of such entries by its products with vectors, see `conditioning`.
LAWS = (Law.NORMAL, Law.ORTHOGONAL)

# What flows is a batch of rows for each trial, every time balanced. A matrix that is met twice
# in a direction has another law, see `conditioning`.
SAMPLED = Reading.called("sampled").flowing(
    plus=lambda one, other: (one + other).balanced(), once=True
)


def refusal(model: Model) -> str:
    """Return what cannot be drawn in law, as part of a sentence; empty where all can."""
    kinds = model.initializer_kinds
    if not kinds:
        return "weights"
    # Of uniform entries the products of a matrix and a vector have no simple law.
    undrawn = (f"init {each.name}" for each in kinds if each.law not in LAWS or each.by_data)
    return next(undrawn, SAMPLED.refusal(model.graph))
