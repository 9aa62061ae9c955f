"""What levels off on both sides, and the piecewise linear likenesses of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanish.network.activations.record import Activation, filling

if TYPE_CHECKING:
    from vanish.network.activations.record import Pair
    from vanish.numbers.scaled import FloatArray


@filling
def _sigmoid(
    x: FloatArray, value: FloatArray | None = None, slope: FloatArray | None = None
) -> Pair:
    # S = 1/(1+e^-x), S' = S(1-S) = z/(1+z)² with z = e^-|x|
    z = np.abs(x, out=value)
    np.negative(z, z)
    np.exp(z, z)
    larger = np.add(z, 1.0, out=slope)
    np.divide(1.0, larger, larger)
    z *= larger
    slope = np.multiply(z, larger, larger)
    # S(x) is the smaller one, now in z, for x < 0, else 1 minus it. A choice by random signs would
    # cost more than all the rest.
    z -= (x >= 0.0).astype(np.float64)
    return np.abs(z, z), slope


SIGMOID = Activation(
    name="sigmoid",
    aliases=("logistic",),
    meaning="the logistic curve, which levels off at 0 and 1",
    pair=_sigmoid,
    formula="1/(1+e^-x)",
    derivative="S(1-S)",
    latex=(r"\frac{1}{1+e^{-x}}", r"S(x)(1-S(x))"),
    source=(
        'Rumelhart, Hinton and Williams 1986, "Learning representations by back-propagating '
        'errors", eq. 2'
    ),
    sup_slope=0.25,
    sup_at=0.0,
    lower=0.0,
    upper=1.0,
    family="sigmoid",
    definition=("1/(1+exp(-x))", "sigmoid(x)*sigmoid(-x)"),
)


@filling
def _tanh(x: FloatArray, value: FloatArray | None = None, slope: FloatArray | None = None) -> Pair:
    # S' = 1-S² = 4/(e^x+e^-x)² = 4y/(1+y)² with y = e^(-2|x|), where 2|x| might overflow
    y = np.abs(x, out=slope)
    np.negative(y, y)
    np.exp(y, y)
    np.square(y, y)
    root = np.add(y, 1.0, out=value)
    y *= 4.0
    y /= np.square(root, root)
    return np.tanh(x, out=root), y


TANH = Activation(
    name="tanh",
    meaning="a sigmoid stretched to reach from -1 to 1, with slope 1 at 0",
    pair=_tanh,
    formula="(e^x-e^-x)/(e^x+e^-x)",
    derivative="1-S²",
    latex=(r"\frac{e^{x}-e^{-x}}{e^{x}+e^{-x}}", r"1-S(x)^{2}"),
    source='LeCun et al. 1998, "Efficient backprop", section 4.4',
    sup_slope=1.0,
    sup_at=0.0,
    lower=-1.0,
    upper=1.0,
    family="tanh",
    definition=("(exp(x)-exp(-x))/(exp(x)+exp(-x))", "sech(x)^2"),
)


def _softsign(x: FloatArray) -> Pair:
    # S = x/(1+|x|), S' = 1/(1+|x|)²
    r = 1.0 / (1.0 + np.abs(x))
    return x * r, r * r


SOFTSIGN = Activation(
    name="softsign",
    meaning="like tanh, but it levels off as 1/|x|, not exponentially",
    pair=_softsign,
    formula="x/(1+|x|)",
    derivative="1/(1+|x|)²",
    latex=(r"\frac{x}{1+|x|}", r"\frac{1}{(1+|x|)^{2}}"),
    source='Elliott 1993, "A better activation function for artificial neural networks"',
    sup_slope=1.0,
    sup_at=0.0,
    lower=-1.0,
    upper=1.0,
    family="softsign",
    definition=("x/(1+abs(x))", "1/(1+abs(x))^2"),
)


def _hard_sigmoid(x: FloatArray) -> Pair:
    return np.clip(x + 3.0, 0.0, 6.0) / 6.0, np.where(np.abs(x) < 3.0, 1.0 / 6.0, 0.0)


HARD_SIGMOID = Activation(
    name="hard_sigmoid",
    meaning="the sigmoid as three straight lines",
    pair=_hard_sigmoid,
    formula="clip(x+3, 0, 6)/6",
    derivative="1/6 if |x| < 3 else 0",
    latex=(r"\frac{1}{6}\min(\max(x+3,0),6)", r"\frac{1}{6}[|x|<3]"),
    note="clip(x, a, b) is min(max(x, a), b).",
    source='Howard et al. 2019, "Searching for MobileNetV3", section 5.2',
    sup_slope=1.0 / 6.0,
    sup_at="|x| < 3",
    kinks=(-3.0, 3.0),
    flat=True,
    lower=0.0,
    upper=1.0,
    attained=("lower", "upper"),
    family="hard_sigmoid",
    definition=("clip(x+3,0,6)/6", "where(abs(x)<3,1/6,0)"),
)


def _hard_tanh(x: FloatArray) -> Pair:
    return np.clip(x, -1.0, 1.0), (np.abs(x) < 1.0).astype(np.float64)


HARD_TANH = Activation(
    name="hard_tanh",
    meaning="tanh as three straight lines: x, cut at -1 and at 1",
    pair=_hard_tanh,
    formula="clip(x, -1, 1)",
    derivative="1 if |x| < 1 else 0",
    latex=(r"\min(\max(x,-1),1)", r"[|x|<1]"),
    note="clip(x, a, b) is min(max(x, a), b).",
    source='Collobert et al. 2011, "Natural language processing (almost) from scratch"',
    sup_slope=1.0,
    sup_at="|x| < 1",
    kinks=(-1.0, 1.0),
    flat=True,
    lower=-1.0,
    upper=1.0,
    attained=("lower", "upper"),
    family="hard_tanh",
    definition=("clip(x,-1,1)", "where(abs(x)<1,1,0)"),
)
