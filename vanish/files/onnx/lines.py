"""Operators along an axis of a row: softmax, norms, what stands side by side."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from vanish.files.onnx import forms
from vanish.files.onnx.values import Known, RefusedError, Value, known_at, value_of
from vanish.network.graph import Op
from vanish.network.spread import Lines
from vanish.ops.normalise import RowNorm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vanish.files.onnx.builder import Builder
    from vanish.files.onnx.load import FileNode
    from vanish.files.onnx.values import Read


def lines_of(value: Value, axis: int) -> Lines:
    """Return where the lines along an axis lie.

    Raises
    ------
    RefusedError
        If it is the axis of the batch.
    """
    axis %= len(value.shape) + 1
    if axis == 0:
        raise RefusedError("the axis of the batch")
    before, behind = value.shape[: axis - 1], value.shape[axis:]
    return Lines((math.prod(before), value.shape[axis - 1], math.prod(behind)))


def softmax(builder: Builder, node: FileNode, inputs: Sequence[Read]) -> Value:
    """Add a softmax or its logarithm.

    Raises
    ------
    RefusedError
        If it is along the axis of the batch.
    """
    value, kind = value_of(inputs), "softmax" if node.type == "Softmax" else "log_softmax"
    if builder.opset >= 13:
        own = lines_of(value, node.whole("axis", -1))
    else:
        # All axes from that one on were one (Softmax-11).
        axis = node.whole("axis", 1) % (len(value.shape) + 1)
        if axis == 0:
            raise RefusedError("the axis of the batch")
        own = Lines((math.prod(value.shape[: axis - 1]), math.prod(value.shape[axis - 1 :]), 1))
    return builder.add(Op(kind, own=own), (value,), value.shape)


def norm(builder: Builder, node: FileNode, inputs: Sequence[Read]) -> Value:
    """Add a norm of rows with its scale and shift.

    Raises
    ------
    RefusedError
        If it is along the axis of the batch.
    """
    value = value_of(inputs)
    axis = node.whole("axis", -1) % (len(value.shape) + 1)
    if axis == 0:
        raise RefusedError("the axis of the batch")
    length = math.prod(value.shape[axis - 1 :])
    centred = node.type == "LayerNormalization"
    norm = RowNorm(length, node.number("epsilon", 1e-5), centred)
    found = forms.add_norm(builder, value, norm)
    gamma, beta = known_at(inputs, 1), known_at(inputs, 2)
    if gamma is not None:
        found = builder.times(found, gamma)
    return found if beta is None else builder.plus(found, beta)


def batch_norm(builder: Builder, node: FileNode, inputs: Sequence[Read]) -> Value:
    """Add a norm of batches as it is after training: fixed numbers a channel.

    Raises
    ------
    RefusedError
        If it is as in training, lacks a vector, has a variance below 0 or rows of no axis.
    """
    value = value_of(inputs)
    if node.whole("training_mode", 0):
        raise RefusedError("training_mode (export it in eval mode)")
    gamma, beta, mean, variance = (known_at(inputs, place) for place in range(1, 5))
    if gamma is None or beta is None or mean is None or variance is None:
        raise RefusedError("one of its four vectors left out")
    if not value.shape:
        raise RefusedError("rows of no axis")
    # One number a channel, the first axis of a row.
    axes = (-1, *(1,) * (len(value.shape) - 1))
    epsilon = node.number("epsilon", 1e-5)
    inverse = 1.0 / np.sqrt(np.asarray(variance.array, dtype=np.float64) + epsilon)
    if not np.isfinite(inverse).all():
        raise RefusedError("a variance below 0")
    found = builder.plus(value, Known(-mean.array.astype(np.float64).reshape(axes)))
    found = builder.times(found, Known(inverse.reshape(axes)))
    found = builder.times(found, gamma._replace(array=gamma.array.reshape(axes)))
    return builder.plus(found, beta._replace(array=beta.array.reshape(axes)))


def concat(builder: Builder, node: FileNode, inputs: Sequence[Read]) -> Value:
    """Add values one beside the other.

    Raises
    ------
    RefusedError
        If one of them is a constant, they do not fit, or the axis is that of the batch.
    """
    values = [each for each in inputs if isinstance(each, Value)]
    if len(values) < len(inputs):
        raise RefusedError("a constant beside a value")
    axis = node.whole("axis", 1) % (len(values[0].shape) + 1)
    if axis == 0:
        raise RefusedError("the axis of the batch")
    own = tuple([lines_of(each, axis) for each in values])
    rest = {(each.shape[: axis - 1], each.shape[axis:]) for each in values}
    if len(rest) > 1:
        raise RefusedError("rows that do not fit")
    shape = list(values[0].shape)
    shape[axis - 1] = sum(length for _, length, _ in own)
    return builder.add(Op("join", own=own), tuple(values), tuple(shape))
