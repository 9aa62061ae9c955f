"""The view of somebody's own network: a row a layer, repeated ones in one row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.numbers.words import plural, spans, which_layers
from vanish.records import Record
from vanish.render.folding import folded
from vanish.render.layercells import Decades, dead, factor, number
from vanish.render.view import Bar, Finding, Notes, Spark, View
from vanish.simulation.verdict import dead_units

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vanish.numbers.scaled import Magnitude
    from vanish.simulation.modules import ModuleCourse, ModuleRecord

_SIGNAL, _FACTOR, _RMS, _DEAD = (
    "signal\n‖∂L/∂a‖",
    "from the\nnext layer",
    "rms\nof a",
    "dead\nunits",
)
_GRAD_W, _KIND = "‖∂L/∂W‖", "module"

# Names of so many layers that were not called, or of parameters that are shared.
_FEW = 4


class _Row(Record):
    """A row of the table: a layer, or several that repeat."""

    name: str
    layers: tuple[ModuleRecord, ...]


def view(course: ModuleCourse, *, fold: bool = True) -> View:
    """Return the table of a network's layers, with the verdict.

    Parameters
    ----------
    course
        What was measured.
    fold
        Whether layers that repeat are one row.
    """
    rows = _rows(course, fold=fold)
    several = any(len(row.layers) > 1 for row in rows)
    decades = Decades.holding(layer.grad_a.log10 for layer in course.layers if layer.grad_a)
    axis = f"log scale\n{decades.name}"
    has_dead = any(dead_units(layer) for layer in course.layers)

    def cells(row: _Row) -> tuple[str | Bar | Spark, ...]:
        first, last, alone = row.layers[0], row.layers[-1], len(row.layers) == 1
        shares = tuple(
            None if layer.grad_a is None else decades.share(layer.grad_a.log10)
            for layer in row.layers
        )
        return (
            _numbers([layer.layer for layer in row.layers]),
            row.name,
            first.module,
            _reach(first.grad_a, last.grad_a, alone=alone),
            *(() if several else (factor(first.gain_back),)),
            Spark(shares) if several else Bar(shares[0]),
            _reach(first.grad_w, last.grad_w, alone=alone),
            _reach(_rms(first), _rms(last), alone=alone),
            *((dead(first) if alone else _most_dead(row.layers),) if has_dead else ()),
        )

    return View(
        title=_title(course),
        columns=(
            *("layer", "name", _KIND, _SIGNAL),
            *(() if several else (_FACTOR,)),
            *(axis, _GRAD_W, _RMS),
            *((_DEAD,) if has_dead else ()),
        ),
        rows=tuple(map(cells, rows)),
        notes=tuple(Notes(line, ()) for line in _notes(course, several=several)),
        findings=(_finding(course),),
        left=frozenset({"name", _KIND, axis}),
        dispensable=(_KIND, _RMS, _FACTOR, _GRAD_W, axis),
    )


def _rows(course: ModuleCourse, *, fold: bool) -> list[_Row]:
    if not fold:
        return [_Row(layer.name, (layer,)) for layer in course.layers]
    alike = [(layer.module, layer.n_in, layer.n_out) for layer in course.layers]
    groups = folded([layer.name for layer in course.layers], alike)
    return [_Row(name, tuple(course.layers[i] for i in places)) for name, places in groups]


def _title(course: ModuleCourse) -> str:
    run = course.run
    parts = (
        run.model,
        plural(len(course.layers), "layer"),
        plural(run.parameters, "parameter"),
        f"select {', '.join(run.select)}" if run.select else "",
        run.number_type,
        f"{run.mode} mode",
        f"loss {run.loss} {run.value:.4g}",
    )
    return " · ".join(filter(None, parts))


def _notes(course: ModuleCourse, *, several: bool) -> list[str]:
    run = course.run
    lines = [f"One parameter: {', '.join(names)}" for names in run.shared[:_FEW]]
    if len(run.shared) > _FEW:
        lines.append(f"and {len(run.shared) - _FEW:,} more parameters with several names")
    if run.unused:
        lines.append(f"Not called: {_few(run.unused)}")
    if run.outside:
        lines.append(f"Not measured, since they have no module of their own: {_few(run.outside)}")
    for word, status in (
        ("Frozen", "frozen"),
        ("The loss does not depend on W of", "unreached"),
    ):
        if numbers := [layer.layer for layer in course.layers if layer.status == status]:
            lines.append(f"{word}{':' * (status == 'frozen')} {which_layers(numbers)}")
    if several:
        lines.append(
            "A row of several layers has the numbers of the first and the last one, of dead units"
            " those of the worst"
        )
    return [*lines, *filter(None, [course.precision])]


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _FEW:,} more" if len(names) > _FEW else ""
    return f"{', '.join(names[:_FEW])}{more}"


def _finding(course: ModuleCourse) -> Finding:
    word, qualifier, sentence = course.story
    return Finding(word, course.run.model, sentence, qualifier)


def _numbers(numbers: Sequence[int]) -> str:
    told = spans(numbers)
    return told if len(told) <= 9 else f"{numbers[0]}, …, {numbers[-1]}"


def _reach(first: Magnitude | None, last: Magnitude | None, *, alone: bool) -> str:
    told = [number(first), number(last)]
    return told[0] if alone else " … ".join(filter(None, told))


def _rms(layer: ModuleRecord) -> Magnitude | None:
    size = layer.sizes.get("a")
    return None if size is None else size.rms


def _most_dead(layers: Sequence[ModuleRecord]) -> str:
    return dead(max(layers, key=lambda layer: (dead_units(layer), -layer.layer)))
