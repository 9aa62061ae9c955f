"""Activations as ONNX names them, by the numbers of their nodes: names here, or formulas.

Numbers are the file's own, as float32 has them: 0.1 is 0.10000000149011612 there, and so is every
value computed with it. (ONNX 1.16, Operators.md.)
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vanish.errors import UsageError
from vanish.files.onnx.values import Known, UnreadError
from vanish.network import activations

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vanish.files.onnx.builder import Builder
    from vanish.files.onnx.load import FileNode
    from vanish.files.onnx.values import Read, Value
    from vanish.network.activations import Activation
    from vanish.numbers.scaled import FloatArray

    Pair = tuple[FloatArray, FloatArray]

    # Makes the formula of x of a node, with its further inputs.
    Formula = Callable[[FileNode, Sequence[float | None]], str]

# Written with numbers of float32 they are these to within so much.
_ALIKE = (
    *("gelu", "gelu_tanh", "silu", "mish", "hard_swish", "selu", "hard_sigmoid"),
    *("softplus", "softsign", "log_sigmoid"),
)
_WITHIN = 1e-5
_X = re.compile(r"(?<![A-Za-z_])x(?![A-Za-z0-9_])")
_POINTS = np.linspace(-7.0, 7.0, 141)


def _leaky(node: FileNode, further: Sequence[float | None]) -> str:
    alpha = further[0] if node.type == "PRelu" else node.number("alpha", 0.01)
    assert alpha is not None
    return f"leaky_relu({alpha!r})" if alpha != 0.01 else "leaky_relu"


def _elu(node: FileNode, _: Sequence[float | None]) -> str:
    alpha = node.number("alpha", 1.0)
    return "elu" if alpha == 1.0 else f"elu({alpha!r})"


def _selu(node: FileNode, _: Sequence[float | None]) -> str:
    alpha = node.number("alpha", 1.67326319217681884765625)
    gamma = node.number("gamma", 1.05070102214813232421875)
    return f"where(x>0,{gamma!r}*x,{gamma * alpha!r}*expm1(x))"


def _celu(node: FileNode, _: Sequence[float | None]) -> str:
    alpha = node.number("alpha", 1.0)
    return "elu" if alpha == 1.0 else f"where(x>0,x,{alpha!r}*expm1(x/{alpha!r}))"


def _hard_sigmoid(node: FileNode, _: Sequence[float | None]) -> str:
    alpha, beta = node.number("alpha", 0.2), node.number("beta", 0.5)
    return f"max(0,min(1,{alpha!r}*x+({beta!r})))"


def _clip(node: FileNode, further: Sequence[float | None]) -> str:
    low, high = [*further, None, None][:2]
    # Attributes of operator sets below 11.
    if low is None and node.has("min"):
        low = node.number("min", 0.0)
    if high is None and node.has("max"):
        high = node.number("max", 0.0)
    # Infinity on its own side is no bound.
    low = None if low == -math.inf else low
    high = None if high == math.inf else high
    named: dict[tuple[float | None, float | None], str] = {
        (0.0, 6.0): "relu6",
        (-1.0, 1.0): "hard_tanh",
        (0.0, None): "relu",
    }
    if (low, high) in named:
        return named[low, high]
    if low is None or high is None:
        return "x" if low is high else f"max(x,{low!r})" if high is None else f"min(x,{high!r})"
    return f"clip(x,{low!r},{high!r})"


def _shrink(node: FileNode, _: Sequence[float | None]) -> str:
    bias, edge = node.number("bias", 0.0), node.number("lambd", 0.5)
    return f"where(x<-({edge!r}),x+({bias!r}),where(x>{edge!r},x-({bias!r}),0))"


_NAMES = {
    "Relu": "relu",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Mish": "mish",
    "HardSwish": "hard_swish",
    "Erf": "erf(x)",
    "Exp": "exp(x)",
    "Abs": "abs(x)",
    "Sin": "sin",
    "Cos": "cos(x)",
    "Atan": "atan(x)",
    "Asinh": "asinh(x)",
    "Sinh": "sinh(x)",
    "Cosh": "cosh(x)",
}

FORMULAS: dict[str, Formula] = {
    **{kind: lambda node, _: _NAMES[node.type] for kind in _NAMES},
    "Gelu": lambda node, _: "gelu_tanh" if node.text("approximate", "none") == "tanh" else "gelu",
    "LeakyRelu": _leaky,
    "PRelu": _leaky,
    "Elu": _elu,
    "Selu": _selu,
    "Celu": _celu,
    "HardSigmoid": _hard_sigmoid,
    "ThresholdedRelu": lambda node, _: f"where(x>{node.number('alpha', 1.0)!r},x,0)",
    "Swish": lambda node, _: f"x*sigmoid(({node.number('alpha', 1.0)!r})*x)",
    "Clip": _clip,
    "Shrink": _shrink,
    "Pow": lambda _, further: f"x^({further[0]!r})",
}


def applied(builder: Builder, node: FileNode, value: Value, further: Sequence[Read]) -> Value:
    """Add the activation that a node is.

    Raises
    ------
    UnreadError
        If it has numbers that none has, or differs from unit to unit.
    """
    numbers = []
    for each in further:
        number = each.scalar if isinstance(each, Known) else None
        if number is None and not (isinstance(each, Known) and each.array.size == 0):
            raise UnreadError(builder.source, node, "numbers that differ from unit to unit")
        numbers.append(number)
    if node.type in ("PRelu", "Pow") and (not numbers or numbers[0] is None):
        raise UnreadError(builder.source, node, "its second input left out")
    text = FORMULAS[node.type](node, numbers)
    if text == "x":
        return value
    activation = activation_of(builder, node, text)
    return builder.activate(value, activation, template(text))


def activation_of(builder: Builder, node: FileNode, text: str) -> Activation:
    """Return the activation of a name or a formula, by the name that it nearly has.

    Raises
    ------
    UnreadError
        If it is none, such as one with no value somewhere.
    """
    try:
        found = activations.get(text)
    except UsageError as error:
        why = str(error).partition(": ")[2].partition(":")[0]
        raise UnreadError(builder.source, node, f"no S ({why})") from None
    return named(found) if found.is_formula else found


def named(found: Activation) -> Activation:
    """Return a formula by the name of what it is but for the digits of its numbers.

    What it computes stays the formula's own, unless it is the same to the last digits.
    """
    values, slopes = found.pair(_POINTS)
    for name in _ALIKE:
        known = activations.get(name)
        exact_values, exact_slopes = known.pair(_POINTS)
        off = max(
            float(np.abs(values - exact_values).max()), float(np.abs(slopes - exact_slopes).max())
        )
        if off < 1e-14:
            return known
        if off < _WITHIN:
            sup = max(known.sup_slope, found.sup_slope if np.isfinite(found.sup_slope) else 0.0)
            return replace(known, pair=_or(found, known), sup_slope=sup, family="")
    return found


def _or(formula: Activation, known: Activation) -> Callable[[FloatArray], Pair]:
    """Return S and S' of a formula, and those of the known one where parts of it overflow."""

    def pair(x: FloatArray) -> Pair:
        value, slope = formula.pair(x)
        held = np.isfinite(value) & np.isfinite(slope)
        if held.all():
            return value, slope
        other, its_slope = known.pair(x)
        return np.where(held, value, other), np.where(held, slope, its_slope)

    return pair


def template(text: str) -> str:
    """Return an activation as a formula with ``{}`` in the place of x; empty for one with none."""
    if text.isidentifier() and text != "x":
        return f"{text}({{}})"
    return f"({_X.sub('({})', text)})" if _X.search(text) else ""
