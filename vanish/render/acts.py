"""The activations as rows, as a table for people, and one of them in full."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanish.numbers.words import short
from vanish.readings.slopes import slope_bound
from vanish.render.columns import ACTS
from vanish.render.drawing import curve
from vanish.render.view import View, said

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vanish.columns import Cell
    from vanish.network.activations import Activation

# The article's figures show about this part of the axis.
_FROM, _TO = -6.0, 6.0

# Columns of a drawing: labels and a little curve; and no more than the eye takes in.
_NARROWEST, _WIDEST = 20, 48


def rows(shown: Sequence[Activation], layers: int) -> list[dict[str, Cell]]:
    """Return one mapping an activation, with its bound on the product of `layers` slopes."""
    return [ACTS.row(each, layers) for each in shown]


def view(shown: Sequence[Activation], layers: int) -> View:
    """Return the activations as a table for people."""
    bound = f"{layers} layers"
    columns = ("activation", "S(x)", "S'(x)", "domain", "range", "sup|S'|", "at", bound)
    return View(
        title=f"activations, and what the product of {layers} slopes is at most",
        columns=columns,
        rows=tuple(
            (
                each.name,
                each.formula,
                each.derivative,
                each.domain,
                each.range,
                f"{each.sup_slope:.5g}",
                each.sup_place,
                short(slope_bound(each, layers)),
            )
            for each in shown
        ),
        notes=(),
        findings=(),
        left=frozenset({"activation", "S(x)", "S'(x)", "domain", "range", "at"}),
        dispensable=("domain", "S'(x)", "at", "range", "S(x)"),
        legend=(
            said("sup|S'|", ACTS.gist("sup_slope")),
            said("at", ACTS.gist("sup_at")),
            said(bound, ACTS.gist("bound")),
        ),
    )


def portrait(activation: Activation, layers: int, columns: int) -> str:
    """Return one activation in full, with a drawing of S and S'."""
    bound = slope_bound(activation, layers)
    facts = {
        "S(x)": activation.formula,
        "S'(x)": activation.derivative,
        "domain": activation.domain,
        "range": activation.range,
        "sup|S'|": f"{activation.sup_slope!r} at {activation.sup_place}",
        "bound": f"{activation.sup_slope:.5g}^{layers} = {short(bound)} on the product of"
        f" {layers} slopes",
        "init": f"{activation.init} by convention",
        "note": activation.note,
    }
    wide = max(map(len, facts))
    names = ", ".join(activation.aliases)
    lines = [activation.name + (f" ({names})" if names else ""), ""]
    lines += [f"  {name:<{wide}}  {fact}" for name, fact in facts.items() if fact]
    x = np.linspace(_FROM, _TO, 4001)
    value, slope = activation.pair(x)
    side = min((columns - 4) // 2, _WIDEST)
    if side >= _NARROWEST:
        left, right = (curve(x, y, title, side, 12) for y, title in ((value, "S"), (slope, "S'")))
        lines += ["", *(f"{a:<{side}}    {b}".rstrip() for a, b in zip(left, right, strict=True))]
    elif columns >= _NARROWEST:
        for y, title in ((value, "S"), (slope, "S'")):
            lines += ["", *curve(x, y, title, columns, 12)]
    return "".join(f"{line}\n" for line in lines)
