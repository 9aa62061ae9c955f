"""Operators that move no number of a row: only its axes change."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from vanish.files.onnx.values import BATCH, Known, RefusedError, known_at, value_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vanish.files.onnx.builder import Builder
    from vanish.files.onnx.load import FileNode
    from vanish.files.onnx.values import Read, Value


def shape(_: Builder, node: FileNode, inputs: Sequence[Read]) -> Known:
    """Return a shape, with what stands for the number of rows."""
    value = value_of(inputs)
    sizes = np.array([BATCH, *value.shape], dtype=np.int64)
    end = node.whole("end", len(sizes))
    return Known(sizes[node.whole("start", 0) : end])


def reshaped(value: Value, sizes: tuple[int, ...]) -> Value:
    """Return a value with rows of another shape.

    Raises
    ------
    RefusedError
        If that puts entries of several rows together.
    """
    if math.prod(sizes) != value.size or any(each < 1 for each in sizes):
        raise RefusedError("a shape that does not leave rows as they are")
    return value._replace(shape=sizes)


def flatten(_: Builder, node: FileNode, inputs: Sequence[Read]) -> Value:
    """Return rows of one axis.

    Raises
    ------
    RefusedError
        If the axis puts rows together.
    """
    value = value_of(inputs)
    axis = node.whole("axis", 1) % (len(value.shape) + 1)
    if axis != 1 and (axis == 0 or math.prod(value.shape[: axis - 1]) != 1):
        raise RefusedError(f"axis {axis}, which puts rows together")
    return reshaped(value, (value.size,))


def reshape(builder: Builder, node: FileNode, inputs: Sequence[Read]) -> Value:
    """Return rows of the shape that is asked for.

    Raises
    ------
    RefusedError
        If the shape is not known, or puts rows together.
    """
    value, target = value_of(inputs), known_at(inputs, 1)
    sizes = node.wholes("shape") if target is None else target.array.reshape(-1).tolist()
    if not sizes:
        raise RefusedError("a shape that is not known")
    first, *rest = [int(each) for each in sizes]
    if not node.whole("allowzero", 0):
        rest = [
            value.shape[axis] if each == 0 and axis < len(value.shape) else each
            for axis, each in enumerate(rest)
        ]
    if rest.count(-1) == 1 and first != -1:
        known = -math.prod(rest)
        rest = [value.size // max(1, known) if each == -1 else each for each in rest]
    # The number of rows that the file was made with, or any.
    if first not in (-1, 0, BATCH, builder.batch):
        raise RefusedError(f"a shape of {sizes}, which does not leave rows as they are")
    return reshaped(value, tuple(rest))


def _axes(node: FileNode, inputs: Sequence[Read], rank: int) -> list[int]:
    """Return the axes that a node is about, in their order."""
    known = known_at(inputs, 1)
    found = node.wholes("axes") if known is None else known.array.reshape(-1).tolist()
    axes = sorted(int(each) % rank for each in found or [])
    if not axes or axes[0] == 0:
        raise RefusedError("an axis that is the batch's")
    return axes


def squeeze(_: Builder, node: FileNode, inputs: Sequence[Read]) -> Value:
    """Return rows without axes of one."""
    value = value_of(inputs)
    axes = _axes(node, inputs, len(value.shape) + 1)
    kept = [size for axis, size in enumerate(value.shape, 1) if axis not in axes]
    return reshaped(value, tuple(kept))


def unsqueeze(_: Builder, node: FileNode, inputs: Sequence[Read]) -> Value:
    """Return rows with more axes of one."""
    value, count = value_of(inputs), len(node.wholes("axes") or [])
    known = known_at(inputs, 1)
    count = count if known is None else known.array.size
    shape = list(value.shape)
    for axis in _axes(node, inputs, len(value.shape) + 1 + min(count, 8)):
        shape.insert(axis - 1, 1)
    return reshaped(value, tuple(shape))
