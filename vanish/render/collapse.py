"""What `vanish collapse` found, as a view for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.render.people import Finding, View
from vanish.words import short

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vanish.collapse import LayerCollapse
    from vanish.scaled import Magnitude
    from vanish.simulation import Simulation

# Rounding adds up to far less over thousands of layers; an activation bends by far more.
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
    bends = sorted(float(each.nonadditivity) for each in found if each.nonadditivity is not None)
    if bends and bends[-1] > _ROUNDING:
        outcome = (
            "gives 0"
            if last.difference is None
            else f"differs from the one map by {_number(last.difference)} times its output"
        )
        return Finding(
            "not affine",
            last.act,
            f"On {rows} random inputs the chain {outcome},"
            f" and its layers depart from additivity by {short(bends[0])} to {short(bends[-1])}.",
        )
    if last.difference is not None and float(last.difference) < _ROUNDING:
        return Finding(
            "affine",
            last.act,
            f"{depth} layers are one affine map with a W of {last.n_out} × {found[0].n_in}: on"
            f" {rows} random inputs the two differ by {_number(last.difference)} of the output,"
            " which is rounding. Depth has added nothing.",
        )
    return Finding(
        "affine",
        last.act,
        f"On {rows} random inputs no layer departs from additivity: all of them fall where"
        f" {last.act} is a straight line. There, depth adds nothing.",
    )


def _number(value: Magnitude | None) -> str:
    """Return a relative difference; of rounding, which is noise, an upper bound."""
    if value is None:
        return ""
    return "<1e-12" if float(value) < 1e-12 else short(value)
