"""What is no more than an elementary function: x itself, and sin x."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from vanish.network.activations.record import Activation, gate

if TYPE_CHECKING:
    from vanish.network.activations.record import Pair
    from vanish.numbers.scaled import FloatArray


@gate
def _identity(x: FloatArray) -> Pair:
    return x, np.ones_like(x)


IDENTITY = Activation(
    name="identity",
    aliases=("linear", "none"),
    meaning="no activation: however many layers, they are one affine map",
    pair=_identity,
    formula="x",
    derivative="1",
    latex=(r"x", r"1"),
    source=(
        'no activation: the linear chains of Saxe, McClelland and Ganguli 2014, "Exact solutions '
        'to the nonlinear dynamics of learning in deep linear neural networks"'
    ),
    sup_slope=1.0,
    sup_at="every x",
    homogeneous=True,
    lower=-math.inf,
    upper=math.inf,
    family="identity",
    definition=("x", "1"),
)


def _sin(x: FloatArray) -> Pair:
    return np.sin(x), np.cos(x)


SIN = Activation(
    name="sin",
    aliases=("sine",),
    meaning="the sine, for networks that stand for pictures, sounds and fields",
    pair=_sin,
    formula="sin x",
    derivative="cos x",
    latex=(r"\sin x", r"\cos x"),
    source=(
        'Sitzmann et al. 2020, "Implicit neural representations with periodic activation functions"'
    ),
    sup_slope=1.0,
    sup_at="x = kπ",
    lower=-1.0,
    upper=1.0,
    attained=("lower", "upper"),
    family="sin",
    definition=("sin(x)", "cos(x)"),
)
