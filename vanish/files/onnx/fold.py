"""What a file computes with constants and with shapes: known before any row comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vanish.files.onnx.values import Known, real

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from vanish.files.onnx.load import FileNode

    Array = NDArray[Any]
    Fold = Callable[[FileNode, Sequence[Known]], Array | Known]

# What computes with numbers, and moves none.
_ARITHMETIC = ("Cast", "Add", "Sub", "Mul", "Div", "Pow", "Neg", "Sqrt", "Reciprocal", "Exp")

# More numbers than this, and more than what they are made of, no shape has.
_MOST = 2**16


def fold(node: FileNode, inputs: Sequence[Known]) -> Known | None:
    """Return what a node of constants gives; None where that is not known here.

    Raises
    ------
    ValueError, IndexError, OverflowError
        If its inputs are none that it takes.
    """
    rule = _FOLDS.get(node.type) if not node.domain else None
    if rule is None:
        return None
    with np.errstate(all="ignore"):
        found = rule(node, inputs)
    known = found if isinstance(found, Known) else Known(real(np.asarray(found)))
    # As a number; what else of a shape is taken or joined may be of its other axes alone.
    is_of_rows = node.type in _ARITHMETIC and any(each.counts_rows for each in inputs)
    return known._replace(of_rows=True) if is_of_rows else known


def _constant(node: FileNode, _: Sequence[Known]) -> Array:
    tensor = node.array("value")
    if tensor is not None:
        return tensor
    for name, kind in (("value_float", float), ("value_int", int)):
        if node.has(name):
            return np.asarray(kind(node.number(name, 0.0)))
    if (reals := node.numbers("value_floats")) is not None:
        return np.asarray(reals)
    if (wholes := node.wholes("value_ints")) is not None:
        return np.asarray(wholes, dtype=np.int64)
    raise ValueError


def _cast(node: FileNode, inputs: Sequence[Known]) -> Known:
    # To a real type (FLOAT, FLOAT16, DOUBLE, BFLOAT16) or a whole one.
    kind = np.float64 if node.whole("to", 1) in (1, 10, 11, 16) else np.int64
    return inputs[0]._replace(array=inputs[0].array.astype(kind))


def _transpose(node: FileNode, inputs: Sequence[Known]) -> Known:
    axes = node.wholes("perm")
    array, name, turned, _ = inputs[0]
    found = np.transpose(array, axes)
    if array.ndim == 2 and axes in (None, [1, 0]):
        return Known(found, name, not turned)
    return Known(found, name if axes == [*range(array.ndim)] else "", turned)


def _axes(node: FileNode, inputs: Sequence[Known], place: int = 1) -> tuple[int, ...] | None:
    """Return axes, which older files have as an attribute and newer ones as an input."""
    if len(inputs) > place:
        return tuple(int(each) for each in inputs[place].array.reshape(-1))
    found = node.wholes("axes")
    return None if found is None else tuple(found)


def _unsqueeze(node: FileNode, inputs: Sequence[Known]) -> Array:
    axes = _axes(node, inputs)
    if axes is None or len(axes) > 8:
        raise ValueError
    return np.asarray(np.expand_dims(inputs[0].array, axes))


def _slice(node: FileNode, inputs: Sequence[Known]) -> Array:
    array = inputs[0].array
    if len(inputs) > 2:
        lists = [each.array.reshape(-1).tolist() for each in inputs[1:]]
    else:
        lists = [node.wholes("starts") or [], node.wholes("ends") or []]
        lists += [axes] if (axes := node.wholes("axes")) is not None else []
    starts, ends, *more = lists
    along = more[0] if more else [*range(len(starts))]
    steps = more[1] if len(more) > 1 else [1] * len(starts)
    cut: list[Any] = [slice(None)] * array.ndim
    for axis, start, end, step in zip(along, starts, ends, steps, strict=True):
        cut[int(axis)] = slice(int(start), int(end), int(step))
    return np.asarray(array[tuple(cut)])


def _reshape(node: FileNode, inputs: Sequence[Known]) -> Known | Array:
    array, name, turned, _ = inputs[0]
    shape = inputs[1].array.reshape(-1).tolist() if len(inputs) > 1 else node.wholes("shape")
    if shape is None:
        raise ValueError
    shape = [
        array.shape[axis] if each == 0 and axis < array.ndim else int(each)
        for axis, each in enumerate(shape)
    ]
    found = array.reshape(shape)
    # A vector may be given an axis of one: it is still what its name says.
    return Known(found, name, turned) if min(array.ndim, found.ndim) < 2 else found


def _filled(node: FileNode, inputs: Sequence[Known]) -> Array:
    shape = [int(each) for each in inputs[0].array.reshape(-1)]
    tensor = node.array("value")
    _require_few(shape, 0)
    return np.full(shape, 0.0 if tensor is None else tensor.reshape(-1)[0])


def _shape(node: FileNode, inputs: Sequence[Known]) -> Array:
    sizes = np.asarray(inputs[0].array.shape, dtype=np.int64)
    return sizes[node.whole("start", 0) : node.whole("end", len(sizes))]


def _of_two(rule: Callable[[Array, Array], Array]) -> Fold:
    def apply(_: FileNode, inputs: Sequence[Known]) -> Array:
        one, other = (each.array for each in inputs)
        _require_few(np.broadcast_shapes(one.shape, other.shape), one.size + other.size)
        return np.asarray(rule(one, other))

    return apply


def _divided(one: Array, other: Array) -> Array:
    if one.dtype.kind == other.dtype.kind == "i":
        return np.asarray(np.trunc(one / other).astype(np.int64))
    return np.asarray(one / other)


def _require_few(shape: Sequence[int], made_of: int) -> None:
    count = 1
    for each in shape:
        count *= int(each)
    if not 0 <= count <= max(_MOST, made_of):
        raise ValueError


def _joined(node: FileNode, inputs: Sequence[Known]) -> Array:
    return np.concatenate([each.array for each in inputs], axis=node.whole("axis", 0))


def _taken(node: FileNode, inputs: Sequence[Known]) -> Array:
    array, places = inputs[0].array, inputs[1].array
    _require_few(places.shape, array.size)
    return np.asarray(np.take(array, places.astype(np.int64), axis=node.whole("axis", 0)))


_FOLDS: dict[str, Fold] = {
    "Constant": _constant,
    "Identity": lambda _, inputs: inputs[0],
    "Cast": _cast,
    "Transpose": _transpose,
    "Reshape": _reshape,
    "Unsqueeze": _unsqueeze,
    "Squeeze": lambda node, inputs: np.squeeze(inputs[0].array, _axes(node, inputs)),
    "Flatten": lambda node, inputs: inputs[0].array.reshape(
        int(np.prod(inputs[0].array.shape[: node.whole("axis", 1)])), -1
    ),
    "Gather": _taken,
    "Slice": _slice,
    "Concat": _joined,
    "ConstantOfShape": _filled,
    "Shape": _shape,
    "Size": lambda _, inputs: np.asarray(inputs[0].array.size),
    "Add": _of_two(np.add),
    "Sub": _of_two(np.subtract),
    "Mul": _of_two(np.multiply),
    "Div": _of_two(_divided),
    "Pow": _of_two(np.power),
    "Neg": lambda _, inputs: -inputs[0].array,
    "Sqrt": lambda _, inputs: np.sqrt(inputs[0].array),
    "Reciprocal": lambda _, inputs: 1.0 / inputs[0].array,
    "Exp": lambda _, inputs: np.exp(inputs[0].array),
}
