"""What the peers are compared with: vanish, as it is called in Python."""

from __future__ import annotations

import vanish


def answer(
    act: str, layers: int, width: int, engine: str = "dense"
) -> list[tuple[float | None, float | None]]:
    """Return log10 of ‖∂L/∂a_k‖ and ‖∂L/∂W_k‖ of a chain that is drawn, layer 1 first."""
    profile = vanish.simulate(act=act, layers=layers, width=width, engine=engine)
    return [(layer.grad_a.log10, layer.grad_w.log10) for layer in profile.layers]
