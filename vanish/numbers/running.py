"""Sums and products of all rows up to each one."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Rows so wide are taken one by one.
_WIDE = 32


def running(ufunc: np.ufunc, rows: NDArray[Any]) -> NDArray[Any]:
    """Return what a function of two makes of all rows up to each one; they are overwritten."""
    if rows[0].size < _WIDE:
        return np.asarray(ufunc.accumulate(rows, axis=0))
    # numpy goes down the columns, whose numbers lie far apart in memory.
    for above, row in pairwise(rows):
        ufunc(above, row, row)
    return rows
