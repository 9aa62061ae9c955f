"""What all results of the Python API share: they print, and they are handed on as data."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from html import escape
from typing import TYPE_CHECKING, Any

from vanish.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pandas import DataFrame

    from vanish.columns import Cell
    from vanish.render.view import View

# What a table in a pipe is made for.
COLUMNS = 80


def as_table(view: View) -> str:
    """Return a view as the commands write it into a pipe."""
    from vanish.render.table import Canvas, table  # noqa: PLC0415 - rich, only to print

    return table(view, Canvas(COLUMNS, colour=False))


def listed(rows: Iterable[Mapping[str, Cell]]) -> str:
    """Return rows that are too many for a table as tab-separated values."""
    from vanish.render.delimited import delimited  # noqa: PLC0415 - only to print

    return delimited(rows, "\t")


class Shown(ABC):
    """A result that people can look at, and programs go on with."""

    @abstractmethod
    def draw(self) -> str:
        """Return it as the command writes it into a pipe."""

    @abstractmethod
    def summary(self) -> str:
        """Return it in a few words."""

    @abstractmethod
    def rows(self) -> Iterable[Mapping[str, Cell]]:
        """Return a mapping of column to value a row."""

    @abstractmethod
    def given(self) -> Mapping[str, Any]:
        """Return the settings of all rows, ready for JSON."""

    def to_dict(self) -> dict[str, Any]:
        """Return what the command writes with ``--format json``, as Python has it.

        Numbers outside float64 are text there, and what has no value is None.
        """
        from vanish.render.json import table  # noqa: PLC0415 - only to hand on

        return read(table(self.rows(), self.given()))

    def to_pandas(self) -> DataFrame:
        """Return the rows as a pandas DataFrame, with the values of `to_dict`.

        What has no value is NaN in a column of numbers, and in one without any value.
        What is infinite is a number there, and text in `to_dict`, as in JSON.

        Raises
        ------
        UsageError
            If pandas is not installed.
        """
        try:
            from pandas import DataFrame  # noqa: PLC0415 - only where it is asked for
        except ImportError:
            raise UsageError("to_pandas: pandas is not installed: pip install pandas") from None
        from vanish.render.json import plain  # noqa: PLC0415 - only to hand on

        frame = DataFrame([plain(row) for row in self.rows()])
        # What is None throughout is no number to pandas, and cannot be reckoned with.
        empty = frame.columns[frame.isna().all()]
        return frame.astype(dict.fromkeys(empty, float))

    def __str__(self) -> str:
        return self.draw().removesuffix("\n")

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.summary()}>"

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


def read(text: str) -> dict[str, Any]:
    """Return a JSON object as Python has it."""
    found: dict[str, Any] = json.loads(text)
    return found
