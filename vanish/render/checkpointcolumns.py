"""The columns of `vanish show`: the arrays of a checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.columns import Column, Scale, Table
from vanish.errors import plain

if TYPE_CHECKING:
    from decimal import Decimal

    from vanish.files.survey import Listed
    from vanish.numbers.scaled import Magnitude


def _end(ends: tuple[Magnitude, Magnitude] | None, which: int) -> float | Decimal | None:
    return None if ends is None else ends[which].exact()


ARRAYS: Table[[Listed]] = Table(
    ("vanish show",),
    "an array of a file, or several whose names differ in numbers only",
    Column(
        "name",
        Scale.TEXT,
        "its name in the file, with numbers drawn together such as layers.{0-11}.fc1.weight",
        lambda each: plain(each.name),
    ),
    Column(
        "arrays", Scale.COUNT, "how many arrays have such a name", lambda each: len(each.members)
    ),
    Column(
        "shape",
        Scale.TEXT,
        "of each of them, such as 64x32; scalar of a single number",
        lambda each: "x".join(map(str, each.first.shape)) or "scalar",
    ),
    Column("dtype", Scale.TEXT, "the type of their numbers", lambda each: each.first.kind.name),
    Column("parameters", Scale.COUNT, "how many numbers they have", lambda each: each.parameters),
    Column(
        "n_in",
        Scale.COUNT,
        "how many numbers a unit takes, by the layout of the weights; empty without two axes",
        lambda each: each.members[0].n_in,
    ),
    Column(
        "weight_std_min",
        Scale.EXACT,
        "std·√n_in, the least of them; empty where n_in is, and of what is no floating-point number"
        " or not finite",
        lambda each: _end(each.weight_stds, 0),
    ),
    Column(
        "weight_std_max",
        Scale.EXACT,
        "the largest of them; empty where weight_std_min is",
        lambda each: _end(each.weight_stds, 1),
    ),
    Column(
        "spectral_norm_min",
        Scale.EXACT,
        "the largest singular value, the least of them; empty but of matrices where it is cheap",
        lambda each: _end(each.spectral_norms, 0),
    ),
    Column(
        "spectral_norm_max",
        Scale.EXACT,
        "the largest of them; empty where spectral_norm_min is",
        lambda each: _end(each.spectral_norms, 1),
    ),
    Column(
        "spectral_norm_by",
        Scale.TEXT,
        "how singular values were got: svd, exactly, or lanczos, which is never above the value",
        lambda each: each.spectral_by or None,
    ),
    Column(
        "non_finite",
        Scale.COUNT,
        "how many numbers are infinite or NaN",
        lambda each: each.non_finite,
    ),
)
