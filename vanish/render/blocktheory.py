"""What `vanish theory --block` found, as rows and as views for people."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vanish.numbers.words import short
from vanish.render.blockcolumns import LAYERS, POINTS, by_letters
from vanish.render.theory import title
from vanish.render.view import Notes, Said, View, said
from vanish.theories.blockcrossing import NONE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vanish.columns import Cell
    from vanish.theories.blocks import BlockLayer, BlockPoint

_CRITICAL, _RMS = "critical\nweight_std", "log10 rms\n‖∂L/∂f‖"

Profiles = list[list["BlockLayer"]]


def rows(points: Sequence[BlockPoint], profiles: Profiles | None = None) -> list[dict[str, Cell]]:
    """Return one mapping a point; or one a layer of each, with the layers of each point."""
    if profiles is None:
        return [POINTS.row(point) for point in points]
    return [LAYERS.row(point, layer) for point, layer in _layers(points, profiles)]


def view(
    points: Sequence[BlockPoint], profiles: Profiles | None = None, input_rms: float = 1.0
) -> View:
    """Return points as a table for people, or their layers; laws and reasons stand under it."""
    if profiles is None:
        return _of_points(points, input_rms)
    notes = _notes("E‖∂L/∂f‖² over l layers, or N", points, [each.growth for each in points])
    return View(
        title=title(input_rms),
        columns=(
            *("block", "act", "weight_std", "bias_std", "layer", "p", "q"),
            *("χ", _RMS),
        ),
        rows=tuple(_layer_row(*each) for each in _layers(points, profiles)),
        notes=(*notes, *_refused(points)),
        findings=(),
        left=frozenset({"block", "act"}),
        dispensable=("bias_std", "weight_std", "q", "p"),
        legend=(
            said("p", LAYERS.gist("p")),
            said("q", LAYERS.gist("q")),
            said("χ", LAYERS.gist("chi")),
            said(_RMS, LAYERS.gist("log10_predicted_f")),
        ),
    )


def _of_points(points: Sequence[BlockPoint], input_rms: float) -> View:
    growth = "E‖∂L/∂f‖²\nover l layers, or N"
    alike = ("weight_std",) if len({point.weight_std for point in points}) == 1 else ()
    return View(
        title=title(input_rms),
        columns=(
            *("block", "act", "weight_std", "bias_std", "p*", "q*", "χ", growth),
            _CRITICAL,
        ),
        rows=tuple(
            (
                *_about(point),
                _number(point.p_star),
                _number(point.q_star),
                _number(point.chi),
                point.growth,
                _number(point.critical_weight_std),
            )
            for point in points
        ),
        notes=(
            *_notes(
                "Critical points",
                points,
                [each.reason.removeprefix(f"{NONE}: ") if each.growth else "" for each in points],
            ),
            *_refused(points),
        ),
        findings=(),
        left=frozenset({"block", "act", growth}),
        dispensable=("bias_std", "q*", _CRITICAL, "p*", *alike, "χ"),
        legend=(
            said("p*", POINTS.gist("p_star")),
            said("q*", POINTS.gist("q_star")),
            said("χ", POINTS.gist("chi")),
            Said("E‖∂L/∂f‖²", POINTS.gist("growth"), (growth,)),
            said(_CRITICAL, POINTS.gist("critical_weight_std")),
        ),
    )


def _layers(
    points: Sequence[BlockPoint], profiles: Profiles
) -> Iterator[tuple[BlockPoint, BlockLayer | None]]:
    for point, layers in zip(points, profiles, strict=True):
        yield from ((point, layer) for layer in layers)
        if not layers:
            yield point, None


def _about(point: BlockPoint) -> tuple[str, ...]:
    std = point.weight_std
    shown = by_letters(std) if isinstance(std, tuple) else short(float(std))
    return point.block, point.act, shown or "", _number(point.bias_std)


def _layer_row(point: BlockPoint, layer: BlockLayer | None) -> tuple[str, ...]:
    if layer is None:
        return *_about(point), "", "", "", "", ""
    log10 = layer.log10_predicted_f
    return (
        *_about(point),
        str(layer.layer),
        short(layer.p),
        "" if layer.q is None else short(layer.q),
        short(layer.chi),
        "-∞" if log10 is None else f"{log10:.3f}",
    )


def _refused(points: Sequence[BlockPoint]) -> tuple[Notes, ...]:
    """Return why theory says nothing of some."""
    return _notes("No law", points, ["" if each.growth else each.reason for each in points])


def _notes(heading: str, points: Sequence[BlockPoint], texts: list[str]) -> tuple[Notes, ...]:
    """Return what is to be said of points, what holds for all activations of a block once."""
    lines: dict[tuple[str, str], dict[str, None]] = {}
    acts: dict[str, dict[str, None]] = {}
    for point, text in zip(points, texts, strict=True):
        acts.setdefault(point.block, {})[point.act] = None
        if text:
            lines.setdefault((point.block, text), {})[point.act] = None
    labelled = tuple(
        (block if said == acts[block] else f"{block}, {' '.join(said)}", text)
        for (block, text), said in lines.items()
    )
    return (Notes(heading, labelled),) if labelled else ()


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return "∞" if math.isinf(value) else short(float(value))
