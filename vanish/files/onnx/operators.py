"""What each operator of ONNX is as operations of a graph: one function a kind.

Of every value the first axis is the batch's, and operations are on rows. (ONNX 1.16, Operators.md.)
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from vanish.files.onnx import forms, lines, shapes
from vanish.files.onnx.functions import FORMULAS, applied
from vanish.files.onnx.values import (
    Condition,
    Known,
    Pending,
    RefusedError,
    UnreadError,
    Value,
    known_at,
    value_of,
)
from vanish.network import activations

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vanish.files.onnx.builder import Builder
    from vanish.files.onnx.load import FileNode
    from vanish.files.onnx.values import Read

    Rule = Callable[[Builder, FileNode, Sequence[Read]], Read]


def read(builder: Builder, node: FileNode, inputs: Sequence[Read]) -> Read:
    """Add a node of the file that depends on the input.

    Raises
    ------
    UnreadError
        If it is none that is read.
    """
    rules = {"": _RULES, "ai.onnx.ml": _OF_TABLES}.get(node.domain, {})
    try:
        _require_of_today(builder, node, inputs)
        _require_no_batch_size(node, inputs)
        # What overflows is refused as no finite number.
        with np.errstate(all="ignore"):
            if node.type in rules:
                return rules[node.type](builder, node, inputs)
            if not node.domain and node.type in FORMULAS and isinstance(inputs[0], Value):
                return applied(builder, node, inputs[0], inputs[1:])
    except UnreadError:
        raise
    except (ValueError, IndexError, TypeError, OverflowError) as error:
        why = str(error) if isinstance(error, RefusedError) else "inputs that do not fit"
        raise UnreadError(builder.source, node, why) from None
    raise UnreadError(builder.source, node)


def _require_of_today(builder: Builder, node: FileNode, inputs: Sequence[Read]) -> None:
    """Refuse what an operator meant before version 7 by attributes that it has no more."""
    if builder.opset >= 7:
        return
    # To rows of one axis it means what it means today.
    several = any(isinstance(each, Value) and len(each.shape) > 1 for each in inputs)
    if several and node.whole("broadcast", 0):
        raise RefusedError("broadcast, which opset 7 has no more: convert the file to a newer one")
    if node.type in ("Dropout", "BatchNormalization") and not node.whole("is_test", 0):
        raise RefusedError("no is_test, so that it is for training: export it in eval mode")


def _require_no_batch_size(node: FileNode, inputs: Sequence[Read]) -> None:
    """Refuse to compute with the number of rows, which a file leaves open: see `BATCH`."""
    known = [each for each in inputs if isinstance(each, Known)]
    if node.type in _ARITHMETIC and any(each.counts_rows for each in known):
        raise RefusedError("the number of rows as a number: export it without")


# What takes a constant as a number, and not as a shape.
_ARITHMETIC = ("Add", "Sub", "Mul", "Div", "Pow", "Where", "Greater", "Less")


def is_read(node: FileNode) -> bool:
    """Tell whether nodes of a kind may be read."""
    if node.domain == "ai.onnx.ml":
        return node.type in _OF_TABLES
    return not node.domain and (node.type in _RULES or node.type in FORMULAS)


def _matrix(known: Known | None, *, transposed: bool) -> Known:
    if known is None or known.array.ndim != 2 or not known.array.size:
        raise RefusedError("a matrix that is no constant of two axes")
    array = np.asarray(known.array, dtype=np.float64)
    if not np.isfinite(array).all():
        raise RefusedError("a matrix with an entry that is no finite number")
    turned = known.turned if transposed else not known.turned
    return Known(np.ascontiguousarray(array if transposed else array.T), known.name, turned)


def _gemm(builder: Builder, node: FileNode, inputs: Sequence[Read]) -> Value:
    value = value_of(inputs)
    if node.whole("transA", 0):
        raise RefusedError("transA, which takes rows for columns")
    if len(value.shape) != 1:
        raise RefusedError("rows of more than one axis")
    weight = _matrix(known_at(inputs, 1), transposed=bool(node.whole("transB", 0)))
    bias = known_at(inputs, 2)
    alpha, beta = node.number("alpha", 1.0), node.number("beta", 1.0)
    if bias is None or beta == 0.0:
        found = builder.scaled(builder.matrix(node, value, weight, None), alpha)
    elif alpha == beta == 1.0:
        return builder.matrix(node, value, weight, bias)
    else:
        # β((α/β) W f + c): so that c itself is a parameter.
        found = builder.scaled(builder.matrix(node, value, weight, None), alpha / beta)
        found = builder.scaled(builder.biased(found, bias), beta)
    builder.ends_here(found)
    return found


def _matmul(builder: Builder, node: FileNode, inputs: Sequence[Read]) -> Value:
    weight = _matrix(known_at(inputs, 1), transposed=False)
    return builder.matrix(node, value_of(inputs), weight, None)


def _two(inputs: Sequence[Read]) -> tuple[Read, Read]:
    one, other = inputs
    return one, other


def _pending(node: FileNode, inputs: Sequence[Read]) -> Pending | None:
    """Return a part of a norm, where what goes in is one."""
    first = next((each.first for each in inputs if isinstance(each, Pending)), None)
    return None if first is None else Pending(node, first)


def _add(builder: Builder, node: FileNode, inputs: Sequence[Read]) -> Read:
    if (part := _pending(node, inputs)) is not None:
        return part
    one, other = _two(inputs)
    if isinstance(one, Known):
        one, other = other, one
    assert isinstance(one, Value)
    if isinstance(other, Known):
        return _shifted(builder, node, one, other)
    assert isinstance(other, Value)
    if one.shape != other.shape:
        raise RefusedError(f"rows of {one.shape} and of {other.shape}")
    return builder.summed(one, other)


def _shifted(builder: Builder, node: FileNode, value: Value, known: Known) -> Value:
    if builder.takes_bias(value, known):
        return builder.biased(value, known)
    number = known.scalar
    text = "" if number is None else f"({{}}+({number!r}))"
    return (text and forms.continued(builder, node, value, text)) or builder.plus(value, known)


def _sub(builder: Builder, node: FileNode, inputs: Sequence[Read]) -> Read:
    if (part := _pending(node, inputs)) is not None:
        return part
    one, other = _two(inputs)
    if isinstance(other, Known):
        return _add(builder, node, [one, Known(-other.array, other.name)])
    assert isinstance(other, Value)
    return _add(builder, node, [one, builder.scaled(other, -1.0)])


def _mul(builder: Builder, node: FileNode, inputs: Sequence[Read]) -> Read:
    if (part := _pending(node, inputs)) is not None:
        return part
    one, other = _two(inputs)
    if isinstance(one, Known):
        one, other = other, one
    assert isinstance(one, Value)
    if isinstance(other, Value):
        why = "a product of two values, neither of them constant"
        return forms.combined(builder, node, [one, other], "{}*{}", why)
    assert isinstance(other, Known)
    return _factored(builder, node, one, other)


def _factored(builder: Builder, node: FileNode, value: Value, known: Known) -> Value:
    number = known.scalar
    text = "" if number is None else f"({{}}*({number!r}))"
    return (text and forms.continued(builder, node, value, text)) or builder.times(value, known)


def _div(builder: Builder, node: FileNode, inputs: Sequence[Read]) -> Read:
    if (part := _pending(node, inputs)) is not None:
        return part
    one, other = _two(inputs)
    why = "a division by a value that is no constant"
    if isinstance(one, Value) and isinstance(other, Value):
        return forms.combined(builder, node, [one, other], "{}/{}", why)
    if not isinstance(other, Known) or not isinstance(one, Value):
        raise RefusedError(why)
    if not np.asarray(other.array).all():
        raise RefusedError("a division by 0")
    number = other.scalar
    if number is not None:
        text = f"({{}}/({number!r}))"
        found = forms.continued(builder, node, one, text)
        return found or builder.scaled(one, 1.0 / number)
    # What the file holds is the divisor: its inverse is no parameter of it.
    return builder.times(one, Known(1.0 / np.asarray(other.array, dtype=np.float64)))


def _same(_: Builder, __: FileNode, inputs: Sequence[Read]) -> Read:
    return inputs[0]


def _cast(_: Builder, node: FileNode, inputs: Sequence[Read]) -> Read:
    # FLOAT, FLOAT16, DOUBLE, BFLOAT16: it is computed in float64 throughout.
    if node.whole("to", 1) not in (1, 10, 11, 16):
        raise RefusedError("a type that is none of real numbers")
    return inputs[0]


def _dropout(_: Builder, __: FileNode, inputs: Sequence[Read]) -> Read:
    training = known_at(inputs, 2)
    if training is not None and training.array.any():
        raise RefusedError("units dropped at random (export it in eval mode)")
    return inputs[0]


def _neg(builder: Builder, _: FileNode, inputs: Sequence[Read]) -> Value:
    return builder.scaled(value_of(inputs), -1.0)


def _root(_: Builder, node: FileNode, inputs: Sequence[Read]) -> Read:
    part = _pending(node, inputs)
    if part is None:
        raise RefusedError("a value that is no part of a norm of rows")
    return part


def _pow(builder: Builder, node: FileNode, inputs: Sequence[Read]) -> Read:
    part = _pending(node, inputs)
    return part or applied(builder, node, value_of(inputs), inputs[1:])


def _log(builder: Builder, node: FileNode, inputs: Sequence[Read]) -> Value:
    return forms.combined(builder, node, [value_of(inputs)], "ln({})", "no S")


_SIGNS = {"Greater": ">", "GreaterOrEqual": ">=", "Less": "<", "LessOrEqual": "<="}


def _compared(_: Builder, node: FileNode, inputs: Sequence[Read]) -> Condition:
    value, known = value_of(inputs), known_at(inputs, 1)
    number = None if known is None else known.scalar
    if number is None or not math.isfinite(number):
        raise RefusedError("a comparison with what is no number")
    return Condition(value, f"{{}}{_SIGNS[node.type]}({number!r})")


def _where(builder: Builder, node: FileNode, inputs: Sequence[Read]) -> Value:
    condition, *chosen = inputs
    if not isinstance(condition, Condition):
        raise RefusedError("a choice by what is no comparison")
    values, texts = [condition.value], [condition.text]
    for each in chosen:
        number = each.scalar if isinstance(each, Known) else None
        if isinstance(each, Value):
            values.append(each)
        elif number is None or not math.isfinite(number):
            raise RefusedError("a choice of what is no value and no number")
        texts.append("{}" if number is None else f"({number!r})")
    template = f"where({','.join(texts)})"
    return forms.combined(builder, node, values, template, "a choice between several values")


def _prelu(builder: Builder, node: FileNode, inputs: Sequence[Read]) -> Value:
    value, slope = value_of(inputs), known_at(inputs, 1)
    if slope is None or slope.scalar is not None:
        return applied(builder, node, value, inputs[1:])
    # A slope a unit, which is a parameter: relu(x) + α∘min(x, 0).
    above = builder.activate(value, activations.get("relu"), "relu({})")
    below = builder.activate(value, activations.get("min(x,0)"), "min({},0)")
    return builder.summed(above, builder.times(below, slope))


def _scaler(builder: Builder, node: FileNode, inputs: Sequence[Read]) -> Value:
    value = value_of(inputs)
    offset, scale = (np.array(node.numbers(name) or [default]) for name, default in _SCALER)
    found = builder.plus(value, Known(-offset))
    return builder.times(found, Known(scale))


_SCALER = (("offset", 0.0), ("scale", 1.0))

_RULES: dict[str, Rule] = {
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Add": _add,
    "Sub": _sub,
    "Mul": _mul,
    "Div": _div,
    "Neg": _neg,
    "Identity": _same,
    "Dropout": _dropout,
    "Cast": _cast,
    "Shape": shapes.shape,
    "Flatten": shapes.flatten,
    "Reshape": shapes.reshape,
    "Squeeze": shapes.squeeze,
    "Unsqueeze": shapes.unsqueeze,
    "Softmax": lines.softmax,
    "LogSoftmax": lines.softmax,
    "LayerNormalization": lines.norm,
    "RMSNormalization": lines.norm,
    "BatchNormalization": lines.batch_norm,
    "Concat": lines.concat,
    "ReduceMean": forms.mean,
    "Sqrt": _root,
    "Reciprocal": _root,
    "Pow": _pow,
    "PRelu": _prelu,
    "Log": _log,
    **dict.fromkeys(_SIGNS, _compared),
    "Where": _where,
}

# Those of tables, which scikit-learn's exporter uses.
_OF_TABLES: dict[str, Rule] = {"Scaler": _scaler, "ZipMap": _same}
