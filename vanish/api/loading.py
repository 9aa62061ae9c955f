"""Networks from files, and what is in these."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from vanish.api.arguments import flag
from vanish.api.shown import Shown, as_table
from vanish.errors import UsageError, quoted
from vanish.files import survey as surveys
from vanish.files.formats import ONNX, format_of
from vanish.files.networks import read_graph, read_network
from vanish.files.survey import Listed
from vanish.network.converting import is_listed
from vanish.network.layout import AUTO
from vanish.numbers.words import plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vanish.columns import Cell
    from vanish.network.arrays import Network
    from vanish.network.blockarrays import BlockNetwork
    from vanish.network.filegraph import FileNetwork

    Path = str | os.PathLike[str]


class Contents(Shown, tuple[Listed, ...]):  # noqa: SLOT001 - has more than items
    """What is in a file of weights.

    Attributes
    ----------
    survey
        All that was found.
    """

    survey: surveys.Survey

    @classmethod
    def of(cls, found: surveys.Survey) -> Contents:
        """Return what was found in a file."""
        contents = cls(found.listed)
        contents.survey = found
        return contents

    def draw(self) -> str:
        """Return the table."""
        from vanish.render.checkpoint import view  # noqa: PLC0415 - only to print

        return as_table(view(self.survey))

    def given(self) -> Mapping[str, Any]:
        """Return what is said of the whole file."""
        return self.survey.as_dict()

    def rows(self) -> list[dict[str, Cell]]:
        """Return a mapping of column to value an array, or several that are alike."""
        from vanish.render.checkpoint import rows  # noqa: PLC0415 - only to print

        return rows(self.survey)

    def summary(self) -> str:
        """Return how much there is."""
        arrays = plural(self.survey.arrays, "array")
        return f"{self.survey.file}, {arrays}, {plural(self.survey.parameters, 'parameter')}"


def load(
    path: Path, select: str | Sequence[str] = (), *, layout: str = AUTO
) -> Network | BlockNetwork | FileNetwork:
    """Read a real network from a file, for the setting `weights`.

    Parameters
    ----------
    path
        A .npz, .safetensors or .onnx file, or, where torch is installed, .pt.
    select
        Which weights make the chain, by globs such as ``layers.*.mlp.fc1``, in natural order; of
        several the weights of each behind those of the one before. Without any all of an
        .npz file, of the others the longest chain of matrices that fit each other.
    layout
        How weights lie: ``out_in``, ``in_out``, or ``auto`` for what fits.

    Raises
    ------
    VanishError
        If the file cannot be read, or what is taken of it does not fit together.
    """
    globs: list[Any] = list(select) if is_listed(select) else [select]
    if not all(isinstance(each, str) for each in globs):
        raise UsageError(f"select {quoted(select)}: give a glob, or a list of globs")
    name = _name_of(path)
    if format_of(name) != ONNX:
        return read_network(name, layout, select=globs)
    if globs or layout != AUTO:
        raise UsageError(f"{name}: an ONNX file holds its own graph: leave out select and layout")
    return read_graph(name)


def show(path: Path, *, full: bool = False, layout: str = AUTO) -> Contents:
    """Show what is in a file of weights.

    Parameters
    ----------
    path
        As for `load`.
    full
        Whether to list every array, those of repeated blocks, too.
    layout
        How weights lie; ``auto`` is ``out_in``.

    Raises
    ------
    VanishError
        If the file cannot be read, or holds no arrays.
    """
    return Contents.of(surveys.survey(_name_of(path), layout, full=flag("full", full)))


def _name_of(path: Path) -> str:
    try:
        return os.fsdecode(path)
    except TypeError:
        kind = type(path).__name__
        raise UsageError(f"path of type {kind}: give the name of a file") from None
