"""The functions that are one of their arguments, each as the `where` that it is.

At a tie the slope is that of the argument without x, if one has none: so max(x,0) and
max(0,x) have the slope 0 at 0, as PyTorch's relu has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanish.network.expressions.functions.record import Function
from vanish.network.expressions.tree import Comparison, Node, Where, has_x

if TYPE_CHECKING:
    from vanish.numbers.scaled import FloatArray


def _larger(a: Node, b: Node) -> Where:
    if not has_x(a):
        a, b = b, a
    return Where(Comparison(a, ">", b), a, b)


def _smaller(a: Node, b: Node) -> Where:
    if not has_x(a):
        a, b = b, a
    return Where(Comparison(a, "<", b), a, b)


def _between(a: Node, low: Node, high: Node) -> Where:
    below_high = Where(Comparison(a, "<", high), a, high)
    return Where(Comparison(a, ">", low), below_high, low)


def _clip(a: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    return np.asarray(np.minimum(np.maximum(a, low), high))


FUNCTIONS = (
    Function(
        name="max",
        value=np.maximum,
        arguments=("x", "0"),
        chosen=_larger,
        latex=r"\max\left({},{}\right)",
    ),
    Function(
        name="min",
        value=np.minimum,
        arguments=("x", "0"),
        chosen=_smaller,
        latex=r"\min\left({},{}\right)",
    ),
    Function(
        name="clip",
        value=_clip,
        arguments=("x", "-1", "1"),
        chosen=_between,
        latex=r"\min\left(\max\left({},{}\right),{}\right)",
    ),
)
