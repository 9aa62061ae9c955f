"""The activations as rows, as a table for people, and one of them in full."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np

from vanish.numbers.words import listed, plural, short
from vanish.readings.slopes import slope_bound
from vanish.render.columns import ACTS
from vanish.render.drawing import curve
from vanish.render.view import View, said

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vanish.columns import Cell
    from vanish.network.activations import Activation
    from vanish.numbers.scaled import FloatArray

# The article's figures show about this part of the axis.
_FROM, _TO = -6.0, 6.0

# Columns of a drawing: labels and a little curve; and no more than the eye takes in.
_NARROWEST, _WIDEST = 20, 48


def rows(shown: Sequence[Activation], layers: int) -> list[dict[str, Cell]]:
    """Return one mapping an activation, with its bound on the product of `layers` slopes."""
    return [ACTS.row(each, layers) for each in shown]


def view(shown: Sequence[Activation], layers: int) -> View:
    """Return the activations as a table for people."""
    bound = plural(layers, "layer")
    columns = ("activation", "S(x)", "S'(x)", "domain", "range", "sup|S'|", "at", bound)
    return View(
        title=f"activations, and what the product of {plural(layers, 'slope')} is at most",
        columns=columns,
        rows=tuple(
            (
                each.name,
                each.formula,
                each.derivative,
                each.domain,
                f"{_about(each)}{each.range}",
                f"{_about(each)}{each.sup_slope:.5g}".replace("inf", "∞"),
                each.sup_place,
                _bound(each, layers),
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


def _bound(activation: Activation, layers: int) -> str:
    return short(slope_bound(activation, layers)) if activation.has_bound else "none"


def _ends(activation: Activation) -> str:
    """Return to what S tends on both sides, where that was found."""
    if activation.ends is None:
        return ""
    words = ["no limit" if end is None else f"{end:.6g}" for end in activation.ends]
    return f"≈ {words[0]}, {words[1]}".replace("inf", "∞")


def _about(activation: Activation) -> str:
    """Return what stands before a number of a formula: it was found, not proved."""
    return "≈ " if activation.is_formula else ""


_LATEX = ("S, LaTeX", "S', LaTeX")

# Narrower lines of a fact are hard to read.
_LEAST = 20


def _folded(fact: str, room: int) -> list[str]:
    """Return a fact in lines of so many columns, broken at blanks alone."""
    return textwrap.wrap(fact, max(room, _LEAST), break_on_hyphens=False, break_long_words=False)


def about(kink: float) -> FloatArray:
    """Return the places beside a kink, at it, and on its other side: as near as float64 comes."""
    return np.array([np.nextafter(kink, -np.inf), kink, np.nextafter(kink, np.inf)])


def slope_jumps(activation: Activation, kink: float) -> bool:
    """Whether S' has different limits on the sides of a kink: where S alone jumps it has not."""
    left, _, right = activation.slope(about(kink))
    # Beside a kink where both are 0 what counts is how large S' is farther off.
    reach = max(1.0, abs(kink))
    size = np.abs(activation.slope(np.array([kink - reach, kink + reach]))).max()
    return not np.isclose(left, right, rtol=_ALIKE, atol=_ALIKE * size)


# Limits of S' that differ by less do so by rounding.
_ALIKE = 1e-12


def portrait(activation: Activation, layers: int, columns: int) -> str:
    """Return one activation in full, with a drawing of S and S'."""
    about = _about(activation)
    value, slope = activation.latex if activation.is_formula else ("", "")
    jumping = [kink for kink in activation.kinks if slope_jumps(activation, kink)]
    facts = {
        "S(x)": activation.formula,
        "S'(x)": activation.derivative,
        _LATEX[0]: value,
        _LATEX[1]: slope,
        "domain": activation.domain,
        "range": f"{about}{activation.range}",
        "S(0)": f"{activation.around_zero()[0]:.6g}",
        "at -∞, ∞": _ends(activation),
        "kinks": f"S' jumps at {listed([f'{each:.6g}' for each in jumping])}" if jumping else "",
        "sup|S'|": f"{about}{activation.sup_slope!r} at {activation.sup_place}",
        "bound": f"{activation.sup_slope:.5g}^{layers} = {_bound(activation, layers)} on the"
        f" product of {plural(layers, 'slope')}",
        "init": f"{activation.init} by convention",
        "note": activation.note,
    }
    if not activation.has_bound:
        facts["sup|S'|"] = f"≈ ∞: no bound, |S'| grows without end ({activation.derivative})"
        facts["bound"] = f"none on the product of {plural(layers, 'slope')}"
    facts = {name: fact for name, fact in facts.items() if fact}
    indent = max(map(len, facts)) + 4
    names = ", ".join(activation.aliases)
    lines = [activation.name + (f" ({names})" if names else ""), ""]
    for name, fact in facts.items():
        # Formulas are to be copied as they are.
        whole = name in ("S(x)", *_LATEX)
        first, *others = [fact] if whole else _folded(fact, columns - indent)
        lines += [f"  {name:<{indent - 4}}  {first}", *(" " * indent + line for line in others)]
    x = np.linspace(_FROM, _TO, 4001)
    pair = activation.pair(x)
    side = min((columns - 4) // 2, _WIDEST)
    if side >= _NARROWEST:
        left, right = (
            curve(x, y, title, side, 12) for y, title in zip(pair, ("S", "S'"), strict=True)
        )
        lines += ["", *(f"{a:<{side}}    {b}".rstrip() for a, b in zip(left, right, strict=True))]
    elif columns >= _NARROWEST:
        for y, title in zip(pair, ("S", "S'"), strict=True):
            lines += ["", *curve(x, y, title, columns, 12)]
    return "".join(f"{line}\n" for line in lines)
