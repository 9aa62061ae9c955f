"""The bytes of numpy's files."""

from __future__ import annotations

import io
from typing import Any

import numpy as np


def npy(array: Any) -> bytes:
    """Return what numpy.save writes."""
    stream = io.BytesIO()
    np.save(stream, np.asarray(array))
    return stream.getvalue()


def npz(**arrays: Any) -> bytes:
    """Return what numpy.savez writes."""
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()
