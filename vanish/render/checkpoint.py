"""What is in a checkpoint, as rows and as a table for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.errors import plain
from vanish.files.survey import LANCZOS, LANCZOS_STEPS
from vanish.network.layout import AXES
from vanish.numbers.words import plural, short
from vanish.render.checkpointcolumns import ARRAYS
from vanish.render.view import Notes, View
from vanish.system import memory

if TYPE_CHECKING:
    from vanish.columns import Cell
    from vanish.files.survey import Listed, Survey
    from vanish.numbers.scaled import Magnitude

# A longer name is cut in the middle: the table has other columns, too.
_LONGEST_NAME = 60

_STD, _NORM = "weight_std\nstd·√n_in", "largest\nsingular value"


def rows(found: Survey) -> list[dict[str, Cell]]:
    """Return one mapping for arrays that are alike."""
    return [ARRAYS.row(each) for each in found.listed]


def view(found: Survey) -> View:
    """Return the arrays as a table for people."""
    several = any(len(each.members) > 1 for each in found.listed)
    broken = any(each.non_finite for each in found.listed)

    def row(each: Listed) -> tuple[str, ...]:
        mark = "~" if each.spectral_by == LANCZOS else ""
        return (
            _cut(plain(each.name)),
            *((f"{len(each.members):,}",) if several else ()),
            " × ".join(map(str, each.first.shape)) or "scalar",
            each.first.kind.name,
            f"{each.parameters:,}",
            _range(each.weight_stds),
            *((f"{each.non_finite:,}" if each.non_finite else "",) if broken else ()),
            _range(each.spectral_norms, mark),
        )

    return View(
        title=" · ".join(
            (
                plain(found.file),
                found.format,
                plural(found.arrays, "array"),
                plural(found.parameters, "parameter"),
                memory.amount(found.size),
                f"n_in as of {AXES[found.layout]}",
            )
        ),
        columns=(
            "name",
            *(("arrays",) if several else ()),
            "shape",
            "type",
            "parameters",
            _STD,
            *(("not\nfinite",) if broken else ()),
            _NORM,
        ),
        rows=tuple(map(row, found.listed)),
        notes=_notes(found),
        findings=(),
        left=frozenset({"name", "shape", "type"}),
        dispensable=("type", "parameters", _NORM, _STD, "shape"),
    )


def _notes(found: Survey) -> tuple[Notes, ...]:
    norms = [each for each in found.listed if each.first.ndim == 2]
    told = []
    if any(each.spectral_by == LANCZOS for each in norms):
        told.append(f"~ is of {LANCZOS_STEPS} Lanczos steps, never more than the value itself")
    if any(not each.spectral_by and each.weight_stds for each in norms):
        told.append("large matrices are left out")
    return (Notes(f"Singular values: {'; '.join(told)}", ()),) if told else ()


def _range(ends: tuple[Magnitude, Magnitude] | None, mark: str = "") -> str:
    """Return the least and the largest number, one of them where they look alike."""
    if ends is None:
        return ""
    least, most = map(short, ends)
    return f"{mark}{least}" if least == most else f"{mark}{least} … {most}"


def _cut(name: str) -> str:
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[: _LONGEST_NAME // 2]}…{name[-(_LONGEST_NAME // 2) + 1 :]}"
