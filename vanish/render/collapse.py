"""What `vanish collapse` found, as a view for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.render.people import Finding, View
from vanish.verdict import short

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vanish.collapse import LayerCollapse
    from vanish.simulation import Simulation

# Rounding adds up to about this much over a hundred layers; an activation bends by far more.
_ROUNDING = 1e-9


def view(simulations: Sequence[Simulation], found: Sequence[Sequence[LayerCollapse]]) -> View:
    """Return one chain layer by layer, or the last layers of several compared."""
    several = len(found) > 1
    layers = [each[-1] for each in found] if several else found[0]
    settings = simulations[0].settings
    return View(
        title=f"{settings.depth} layers and the one map x ↦ Wx + b that they would be without"
        " activation",
        columns=(
            "activation" if several else "layer",
            "norm of W",
            "difference",
            "the layer alone,\nfrom additive",
        ),
        rows=tuple(
            (
                layer.act if several else str(layer.layer),
                short(layer.map_norm),
                _number(layer.difference),
                _number(layer.nonadditivity),
            )
            for layer in layers
        ),
        notes=(),
        findings=tuple(
            _finding(simulation, each) for simulation, each in zip(simulations, found, strict=True)
        ),
        left=frozenset({"activation"}),
        dispensable=(),
    )


def _finding(simulation: Simulation, found: Sequence[LayerCollapse]) -> Finding:
    depth, rows = len(found), simulation.settings.rows
    last = found[-1]
    bends = [layer.nonadditivity for layer in found if layer.nonadditivity is not None]
    if max([last.difference or 0.0, *bends]) < _ROUNDING:
        return Finding(
            "affine",
            last.act,
            f"{depth} layers are one affine map with a W of {last.n_out} × {found[0].n_in}: on"
            f" {rows} random inputs the two differ by {_number(last.difference)} of the output,"
            " which is rounding. Depth has added nothing.",
        )
    return Finding(
        "not affine",
        last.act,
        f"On {rows} random inputs the chain differs from the one map by"
        f" {_number(last.difference)} times its output, and its layers depart from additivity"
        f" by {_number(min(bends, default=None))} to {_number(max(bends, default=None))}.",
    )


def _number(value: float | None) -> str:
    """Return a relative difference; of rounding, which is noise, an upper bound."""
    if value is None:
        return ""
    return "<1e-12" if value < 1e-12 else short(value)
