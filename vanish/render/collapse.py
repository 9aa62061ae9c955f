"""What `vanish collapse` found, as a view for people."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from vanish.numbers.words import plural, reach, short
from vanish.render.columns import COLLAPSE
from vanish.render.view import Finding, Said, View, said

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vanish.columns import Cell
    from vanish.lessons.collapse import Departure, LayerCollapse
    from vanish.simulation.settings import Settings

_ALONE = "the layer alone,\nfrom additive"

# Nobody asks whether a departure is smaller still.
_SMALLEST = -12


def rows(found: Sequence[Sequence[LayerCollapse]]) -> list[dict[str, Cell]]:
    """Return one mapping of column to value a layer of each chain."""
    return [COLLAPSE.row(layer) for each in found for layer in each]


def given(settings: Sequence[Settings]) -> dict[str, Any]:
    """Return the settings that all chains share, and activation and initialiser of each."""
    own = {
        "act": [each.model.act_name for each in settings],
        "init": [each.model.init_name for each in settings],
    }
    return settings[0].as_dict() | own


def view(settings: Sequence[Settings], found: Sequence[Sequence[LayerCollapse]]) -> View:
    """Return one chain layer by layer, or the last layers of several compared."""
    several = len(found) > 1
    layers = [each[-1] for each in found] if several else found[0]
    return View(
        title=_title(settings[0].model.depth),
        columns=("activation" if several else "layer", "norm of W", "difference", _ALONE),
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
        findings=tuple(_finding(own.rows, each) for own, each in zip(settings, found, strict=True)),
        left=frozenset({"activation"}),
        dispensable=("norm of W", "difference"),
        legend=(
            said("norm of W", COLLAPSE.gist("log10_map_norm")),
            said("difference", COLLAPSE.gist("difference")),
            Said("the layer alone", COLLAPSE.gist("nonadditivity"), (_ALONE,)),
        ),
    )


def _title(depth: int) -> str:
    they = "it" if depth == 1 else "they"
    return (
        f"{plural(depth, 'layer')} and the one map x ↦ Wx + b that {they} would be without"
        " activation"
    )


def _finding(rows: int, found: Sequence[LayerCollapse]) -> Finding:
    depth = len(found)
    last = found[-1]
    departures = [each.nonadditivity for each in found if each.nonadditivity is not None]
    # Those that rounding hides first, the largest last.
    departures.sort(key=lambda each: (each.known is not None, _log10(each)))
    if departures and departures[-1].known is not None:
        outcome = (
            "gives 0"
            if last.difference is None
            else f"differs from the one map by {_number(last.difference)} times its output"
        )
        least = "up" if departures[0].known is None else _number(departures[0])
        return Finding(
            "not affine",
            last.act,
            f"On {rows} random inputs the chain {outcome}, and its layers depart from additivity"
            f" by {reach(least, _number(departures[-1]))}.",
        )
    # Of any other S rounding may only hide what it does.
    is_linear = all(each.act == "identity" for each in found)
    if is_linear and last.difference is not None and last.difference.known is None:
        return Finding(
            "affine",
            last.act,
            f"{plural(depth, 'layer')} {'is' if depth == 1 else 'are'} one affine map with a W of"
            f" {last.n_out} × {found[0].n_in}: on {rows} random inputs the two differ by"
            f" {_number(last.difference)} of the output, which is rounding."
            f"{' Depth has added nothing.' if depth > 1 else ''}",
        )
    if not any(_log10(each) < 0.0 for each in departures):
        sentence = (
            f"On {rows} random inputs no layer's output changes by more than its rounding: all are"
            " as good as constant. There, depth adds nothing."
        )
    else:
        sentence = (
            f"On {rows} random inputs no layer departs from additivity by more than rounding"
            f" hides, {_number(departures[-1])}: all of them fall where {last.act} is a straight"
            " line. There, depth adds nothing."
        )
    return Finding("affine", last.act, sentence)


def _log10(departure: Departure) -> float:
    size = departure.known or departure.below
    assert size is not None
    assert size.log10 is not None
    return size.log10


def _number(departure: Departure | None) -> str:
    """Return a departure; where rounding hides it, the power of ten that it is below."""
    if departure is None:
        return ""
    log10 = _log10(departure)
    if departure.known is not None and log10 >= _SMALLEST:
        return short(departure.known)
    return f"<1e{max(math.ceil(log10), _SMALLEST):+03d}"
