"""Tables of examples with their labels: text, delimited by commas, tabs or semicolons."""

from __future__ import annotations

import csv
import io
import math
from typing import TYPE_CHECKING

import numpy as np

from vanish.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vanish.numbers.scaled import FloatArray

# What a column of labels may be called.
LABELS = ("label", "class", "target", "y")


def labelled(path: str, content: bytes) -> tuple[FloatArray, list[str]]:
    """Return the features, one row an example, and the labels of a table.

    Parameters
    ----------
    path
        What messages call it.
    content
        Text of one example a line, its label last or in a column named so.

    Raises
    ------
    InputError
        If it is no such table.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path}: neither .npz nor text: give one of them") from None
    first = text.lstrip("\r\n").partition("\n")[0]
    delimiter = next((each for each in ",\t;" if each in first), ",")
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True)
    try:
        rows = [
            (reader.line_num, [cell.strip() for cell in row])
            for row in reader
            if any(map(str.strip, row))
        ]
    except csv.Error as error:
        raise InputError(f"{path}: line {reader.line_num}: {error}: mend it") from None
    if not rows:
        raise InputError(f"{path}: no rows in it: give one example a line, its label last")
    names = [cell.lower() for cell in rows[0][1]]
    at = next((names.index(each) for each in LABELS if each in names), len(names) - 1)
    if _is_header(names, at, [row for _, row in rows[1:]]):
        rows = rows[1:]
    if len(names) < 2:
        raise InputError(
            f"{path}: one column: give features and, last or named {', '.join(LABELS)}, a label"
        )
    return _columns(path, rows, len(names), at)


def _is_header(names: Sequence[str], at: int, rows: Sequence[Sequence[str]]) -> bool:
    """Tell whether a first row names the columns, the label's being `at`.

    One with a number in it is an example where its label comes again: y of yes and no.
    """
    if not any(map(is_number, names)):
        return True
    again = any(len(row) > at and row[at].lower() == names[at] for row in rows)
    return any(each in names for each in LABELS) and not again


def _columns(
    path: str, rows: Sequence[tuple[int, list[str]]], width: int, at: int
) -> tuple[FloatArray, list[str]]:
    """Return the features and the labels, which stand in column `at`, of rows of text."""
    features = np.empty((len(rows), width - 1))
    labels = []
    for i, (line, row) in enumerate(rows):
        if len(row) != width:
            raise InputError(
                f"{path}: line {line} has {len(row)} cells, the first one {width}: give rows of"
                " equal length"
            )
        label = row.pop(at)
        if not label:
            raise InputError(f"{path}: line {line} has no label: give one, or leave the line out")
        labels.append(label)
        for j, cell in enumerate(row):
            if not (is_number(cell) and math.isfinite(float(cell))):
                column = j + 1 + (j >= at)
                raise InputError(
                    f"{path}: line {line}, column {column}: {cell[:40]!r} is no finite number:"
                    " give numbers, and the label last or in a column named label"
                )
            features[i, j] = float(cell)
    return features, labels


def is_number(text: str) -> bool:
    """Tell whether a text is one."""
    try:
        float(text)
    except ValueError:
        return False
    return True
