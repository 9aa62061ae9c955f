"""What neural-tangents is compared with: vanish's theory, as it is called in Python."""

from __future__ import annotations

from phase_grid import grid

import vanish

# What vanish calls what neural-tangents does.
ACTS = {"tanh": "tanh", "erf": "erf(x)"}


def answer(act: str, steps: int) -> list[tuple[float | None, float | None]]:
    """Return q* and χ₁ at each point, those of one weight_std behind one another."""
    weight_stds, bias_stds = grid(steps)
    points = vanish.theory(ACTS[act], weight_std=weight_stds, bias_std=bias_stds)
    found = {(point.weight_std, point.bias_std): (point.q_star, point.chi_1) for point in points}
    return [found[weight, bias] for weight in weight_stds for bias in bias_stds]
