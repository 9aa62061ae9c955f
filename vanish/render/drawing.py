"""Curves drawn in a terminal, in Braille patterns: eight points a character."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vanish.numbers.scaled import FloatArray

# The bit of each point of a Braille pattern (Unicode 2800 to 28FF), by row and column.
_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
_BLANK = 0x2800


def curve(x: FloatArray, y: FloatArray, title: str, columns: int, lines: int) -> list[str]:
    """Return a drawing of y over x with its axes.

    Parameters
    ----------
    x, y
        The points, x ascending; enough of them that neighbours touch.
    title
        What stands above it.
    columns, lines
        Its size in characters, everything included.
    """
    low, high = float(y.min()), float(y.max())
    if low == high:
        low, high = min(low, 0.0), max(high, 0.0)
    if low == high:  # 0 all along
        high = 1.0
    labels = f"{high:.3g}", f"{low:.3g}"
    margin = max(map(len, labels))
    width, height = columns - margin - 2, lines - 3
    across = np.round((x - x[0]) / (x[-1] - x[0]) * (2 * width - 1)).astype(int)
    down = np.round((high - y) / (high - low) * (4 * height - 1)).astype(int)
    points = np.zeros((4 * height, 2 * width), dtype=int)
    points[down, across] = 1
    cells = points.reshape(height, 4, width, 2).transpose(0, 2, 1, 3)
    codes = _BLANK + (cells * _BITS).sum(axis=(2, 3))
    drawn = [" " * (margin + 2) + title]
    for number, row in enumerate(codes):
        label = {0: labels[0], height - 1: labels[1]}.get(number, "")
        drawn.append(f"{label:>{margin}} │" + "".join(map(chr, row)).replace(chr(_BLANK), " "))
    left, right = f"{x[0]:g}", f"{x[-1]:g}"
    drawn.append(" " * (margin + 1) + "└" + "─" * width)
    drawn.append(" " * (margin + 2) + left + right.rjust(width - len(left)))
    return drawn
