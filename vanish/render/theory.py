"""What `vanish theory` found, as rows and as a view for people."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vanish.render.people import Notes, View
from vanish.words import short

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vanish.profile import Cell
    from vanish.spread import Spread
    from vanish.theory import TheoryPoint


def rows(
    points: Sequence[TheoryPoint], spreads: Sequence[Spread | None] | None
) -> list[dict[str, Cell]]:
    """Return one mapping a point, with the spreads, if any; what is infinite is None."""
    found = []
    for number, point in enumerate(points):
        row: dict[str, Cell] = {name: _cell(value) for name, value in point._asdict().items()}
        if spreads is not None:
            spread = spreads[number]
            row |= {name: getattr(spread, name, None) for name in _SPREAD_COLUMNS}
        found.append(row)
    return found


_SPREAD_COLUMNS = (
    "layers",
    "width",
    "log10_expected",
    "log10_typical",
    "log10_std",
    "dead",
    "source",
)


def _cell(value: object) -> Cell:
    if isinstance(value, float) and math.isinf(value):
        return None
    if value is None or isinstance(value, float | int):
        return value
    return str(value)


def view(points: Sequence[TheoryPoint], spreads: Sequence[Spread | None] | None) -> View:
    """Return the points as a table for people, the spreads and the reasons under it."""
    reasons = dict.fromkeys((point.act, point.reason) for point in points if point.reason)
    notes = [Notes("Critical points", tuple(reasons))] if reasons else []
    if spreads is not None:
        lines = tuple(
            (point.act, _spread(spread))
            for point, spread in zip(points, spreads, strict=True)
            if spread is not None
        )
        notes.append(Notes("At finite width", lines))
    return View(
        title="mean-field theory, infinitely wide chains",
        columns=(
            "activation",
            "weight_std",
            "bias_std",
            "q*",
            "χ₁",
            "χ_q",
            "depth ξ",
            "phase",
            "critical\nweight_std",
            "stable",
        ),
        rows=tuple(
            (
                point.act,
                _number(point.weight_std),
                _number(point.bias_std),
                _number(point.q_star),
                _number(point.chi_1),
                _number(point.chi_q),
                _number(point.depth_scale),
                point.phase.value if point.phase else "",
                _number(point.critical_weight_std),
                {None: "", True: "yes", False: "no"}[point.critical_stable],
            )
            for point in points
        ),
        notes=tuple(notes),
        findings=(),
        left=frozenset({"activation", "phase", "stable"}),
        dispensable=("χ_q", "stable", "bias_std", "q*"),
    )


def _number(value: float | None) -> str:
    if value is None:
        return ""
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"-{short(-value)}" if value < 0 else short(value)


def _spread(spread: Spread) -> str:
    what = f"{spread.layers} layers of {spread.width}: log10‖∂L/∂b₁‖"
    if spread.log10_typical is None or spread.log10_expected is None:
        return f"{what} is that of a true zero in every chain"
    std = "" if spread.log10_std is None else f" ± {spread.log10_std:.3g}"
    dead = f"; dead with probability {short(spread.dead)}" if spread.dead else ""
    return (
        f"{what} is {spread.log10_typical:.4g}{std} ({spread.source}), theory's root mean"
        f" square {spread.log10_expected:.4g}{dead}"
    )
