"""What `vanish theory` found, as rows and as a view for people."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vanish.numbers.words import plural, short
from vanish.render.columns import SPREAD, THEORY
from vanish.render.view import Notes, View, said

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vanish.columns import Cell
    from vanish.lessons.spread import Spread
    from vanish.theories.infinitewidth import TheoryPoint


_CRITICAL = "critical\nweight_std"


def rows(
    points: Sequence[TheoryPoint], spreads: Sequence[Spread | None] | None
) -> list[dict[str, Cell]]:
    """Return one mapping a point, with the spreads, if any; what is infinite is None."""
    if spreads is None:
        return [THEORY.row(point) for point in points]
    return [
        THEORY.row(point) | SPREAD.row(spread)
        for point, spread in zip(points, spreads, strict=True)
    ]


def title(input_rms: float) -> str:
    """Return what stands above a table or a figure of theory."""
    square = short(input_rms * input_rms)
    return f"mean-field theory, infinitely wide chains, input of mean square {square}"


def view(
    points: Sequence[TheoryPoint],
    spreads: Sequence[Spread | None] | None,
    input_rms: float = 1.0,
) -> View:
    """Return the points as a table for people, the spreads and the reasons under it."""
    reasons = dict.fromkeys((point.act, point.reason) for point in points if point.reason)
    notes = [Notes("Critical points", tuple(reasons))] if reasons else []
    if spreads is not None:
        lines = tuple(
            (point.act, _spread(spread))
            for point, spread in zip(points, spreads, strict=True)
            if spread is not None
        )
        measured = any(each is not None and each.log10_typical_se for each in spreads)
        heading = "At finite width" + (" (± standard errors)" if measured else "")
        notes.append(Notes(heading, lines))
    is_critical = all(point.weight_std == point.critical_weight_std for point in points)
    return View(
        title=title(input_rms),
        columns=(
            "activation",
            "weight_std",
            "bias_std",
            "q*",
            "χ₁",
            "χ_q",
            "depth ξ",
            "phase",
            _CRITICAL,
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
        dispensable=(
            *("χ_q", "stable"),
            *(("bias_std",) if len({point.bias_std for point in points}) == 1 else ()),
            "q*",
            # Without --weight-std it is the critical one.
            *(("depth ξ", "weight_std") if is_critical else (_CRITICAL, "depth ξ")),
            "χ₁",
        ),
        legend=(
            said("q*", THEORY.gist("q_star")),
            said("χ₁", THEORY.gist("chi_1")),
            said("χ_q", THEORY.gist("chi_q")),
            said("depth ξ", THEORY.gist("depth_scale")),
            said("phase", THEORY.gist("phase")),
            said(_CRITICAL, THEORY.gist("critical_weight_std")),
            said("stable", THEORY.gist("critical_stable")),
        ),
    )


def _number(value: float | None) -> str:
    if value is None:
        return ""
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"-{short(-value)}" if value < 0 else short(value)


def _spread(spread: Spread) -> str:
    """Return a spread in words; what was measured has its standard error behind it."""
    what = f"{plural(spread.layers, 'layer')} of {spread.width}:"
    expected = spread.log10_expected
    known = "" if expected is None else f"{expected:.4g}".replace("inf", "∞")
    theory = f"theory's root mean square {known}" if known else "theory has no law for it"
    if spread.log10_typical is None:
        told = f"log10 of {theory}" if known else theory
        return f"{what} ‖∂L/∂b₁‖ is exactly 0 in every chain ({spread.source}); {told}"
    mean = _with_error(spread.log10_typical, spread.log10_typical_se) or (
        f"{spread.log10_typical:.4g}"
    )
    std = dead = ""
    if spread.log10_std is not None:
        shown = _with_error(spread.log10_std, spread.log10_std_se) or f"{spread.log10_std:.3g}"
        std = f", its standard deviation {shown}"
    if spread.dead:
        share = _with_error(spread.dead, spread.dead_se) or short(spread.dead)
        dead = f"; dead with probability {share}"
    return f"{what} log10‖∂L/∂b₁‖ is {mean} on the mean{std} ({spread.source}); {theory}{dead}"


def _with_error(value: float, error: float | None) -> str:
    """Return a measured number with its standard error; nothing where it has none."""
    if not error:
        return ""
    # Two digits of the error, and the number as far as they go.
    decimals = max(0, 1 - math.floor(math.log10(error)))
    return f"{value:.{decimals}f} ± {error:.{decimals}f}"
