"""The sizes of a layer's values and parameters."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from vanish.network.graph import LAYER, Block, Slot


class Sizes(NamedTuple):
    """Those of parameters, of the layer's own input, and of every place."""

    parameters: dict[Slot, tuple[int, ...]]
    step: int | None
    places: list[int]


@lru_cache
def sizes(block: Block, n_in: int, n_out: int, _hidden: int) -> Sizes:
    """Return the sizes of the article's layer."""
    assert block == LAYER
    return Sizes({Slot("W"): (n_out, n_in), Slot("b"): (n_out,)}, None, [n_in, n_out, n_out])
