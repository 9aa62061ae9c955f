"""What bends once, near 0: the rectifier and its smooth or leaky relatives."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from vanish.network.activations.record import Activation

if TYPE_CHECKING:
    from vanish.network.activations.record import Pair
    from vanish.numbers.scaled import FloatArray


def _relu(x: FloatArray) -> Pair:
    return np.maximum(x, 0.0), (x > 0.0).astype(np.float64)


RELU = Activation(
    name="relu",
    aliases=("ramp",),
    meaning="the ramp: what is positive passes, all else becomes 0",
    pair=_relu,
    formula="max(x, 0)",
    derivative="1 if x > 0 else 0",
    latex=(r"\max(x,0)", r"[x>0]"),
    note="S'(0) = 0, as in PyTorch; the article's table has 1 there.",
    source='Nair and Hinton 2010, "Rectified linear units improve restricted Boltzmann machines"',
    sup_slope=1.0,
    sup_at="x > 0",
    kinks=(0.0,),
    flat=True,
    homogeneous=True,
    lower=0.0,
    upper=math.inf,
    attained=("lower",),
    init="he_normal",
)


# Maas, Hannun and Ng's own.
_LEAKY_SLOPE = 0.01


def _leaky_relu(x: FloatArray) -> Pair:
    slope = np.where(x > 0.0, 1.0, _LEAKY_SLOPE)
    return slope * x, slope


LEAKY_RELU = Activation(
    name="leaky_relu",
    aliases=("lrelu",),
    meaning="relu that passes a hundredth of what is negative, so that no unit dies",
    pair=_leaky_relu,
    formula="x if x > 0 else 0.01x",
    derivative="1 if x > 0 else 0.01",
    latex=(r"\max(x,0)+0.01\min(x,0)", r"[x>0]+0.01\,[x\leq 0]"),
    source=(
        'Maas, Hannun and Ng 2013, "Rectifier nonlinearities improve neural network acoustic '
        'models"'
    ),
    sup_slope=1.0,
    sup_at="x > 0",
    kinks=(0.0,),
    homogeneous=True,
    lower=-math.inf,
    upper=math.inf,
    init="he_normal",
)


def _relu6(x: FloatArray) -> Pair:
    return np.clip(x, 0.0, 6.0), ((x > 0.0) & (x < 6.0)).astype(np.float64)


RELU6 = Activation(
    name="relu6",
    meaning="relu, cut at 6",
    pair=_relu6,
    formula="clip(x, 0, 6)",
    derivative="1 if 0 < x < 6 else 0",
    latex=(r"\min(\max(x,0),6)", r"[0<x<6]"),
    note="clip(x, a, b) is min(max(x, a), b).",
    source='Krizhevsky 2010, "Convolutional deep belief networks on CIFAR-10"',
    sup_slope=1.0,
    sup_at="0 < x < 6",
    kinks=(0.0, 6.0),
    flat=True,
    lower=0.0,
    upper=6.0,
    attained=("lower", "upper"),
    init="he_normal",
)


def _elu(x: FloatArray) -> Pair:
    # S = e^x-1 and S' = e^x below 0
    below = np.minimum(x, 0.0)
    return np.where(x > 0.0, x, np.expm1(below)), np.exp(below)


ELU = Activation(
    name="elu",
    meaning="relu that bends to -1 below 0, so that outputs have a mean nearer to 0",
    pair=_elu,
    formula="x if x > 0 else e^x-1",
    derivative="1 if x > 0 else e^x",
    latex=(r"\max(x,0)+e^{\min(x,0)}-1", r"e^{\min(x,0)}"),
    source=(
        'Clevert, Unterthiner and Hochreiter 2016, "Fast and accurate deep network learning by '
        'exponential linear units (ELUs)", section 3, with α = 1'
    ),
    sup_slope=1.0,
    sup_at="x ≥ 0",
    lower=-1.0,
    upper=math.inf,
    init="he_normal",
)


# Klambauer et al. 2017, eq. 14: the pair for which mean 0 and variance 1 are a fixed point.
_SELU_LAMBDA = 1.0507009873554805
_SELU_ALPHA = 1.6732632423543772


def _selu(x: FloatArray) -> Pair:
    # λx above 0; below, λα(e^x-1) with slope λα e^x
    below = np.minimum(x, 0.0)
    value = np.where(x > 0.0, x, _SELU_ALPHA * np.expm1(below))
    slope = np.where(x > 0.0, 1.0, _SELU_ALPHA * np.exp(below))
    return _SELU_LAMBDA * value, _SELU_LAMBDA * slope


SELU = Activation(
    name="selu",
    meaning="elu, scaled so that mean 0 and variance 1 are a fixed point of wide layers",
    pair=_selu,
    formula="λx if x > 0 else λα(e^x-1)",
    derivative="λ if x > 0 else λαe^x",
    latex=(
        r"\lambda\max(x,0)+\lambda\alpha(e^{\min(x,0)}-1)",
        r"\lambda[x>0]+\lambda\alpha e^{x}[x\leq 0]",
    ),
    note="λ = 1.0507009873554805, α = 1.6732632423543772.",
    source='Klambauer et al. 2017, "Self-normalizing neural networks", eq. 2',
    sup_slope=1.7580993408473768,  # λα
    sup_at="x → 0⁻",
    kinks=(0.0,),
    lower=-1.7580993408473768,
    upper=math.inf,
    init="lecun_normal",
)


def _softplus(x: FloatArray) -> Pair:
    # S = ln(1+e^x), S' = σ(x)
    z = np.exp(-np.abs(x))
    return np.maximum(x, 0.0) + np.log1p(z), np.where(x >= 0.0, 1.0, z) / (1.0 + z)


SOFTPLUS = Activation(
    name="softplus",
    meaning="a smooth relu, whose slope is the sigmoid",
    pair=_softplus,
    formula="ln(1+e^x)",
    derivative="σ(x)",
    latex=(r"\ln(1+e^{x})", r"\sigma(x)"),
    note="σ is the sigmoid.",
    source=(
        'Dugas et al. 2001, "Incorporating second-order functional knowledge for better option '
        'pricing"'
    ),
    sup_slope=1.0,
    sup_at="x → ∞",
    lower=0.0,
    upper=math.inf,
)


def _log_sigmoid(x: FloatArray) -> Pair:
    # S = ln σ(x), S' = σ(-x)
    z = np.exp(-np.abs(x))
    return np.minimum(x, 0.0) - np.log1p(z), np.where(x <= 0.0, 1.0, z) / (1.0 + z)


LOG_SIGMOID = Activation(
    name="log_sigmoid",
    meaning="the logarithm of the sigmoid: softplus, mirrored",
    pair=_log_sigmoid,
    formula="-ln(1+e^-x)",
    derivative="σ(-x)",
    latex=(r"-\ln(1+e^{-x})", r"\sigma(-x)"),
    note="σ is the sigmoid.",
    source=(
        "-softplus(-x), Dugas et al. 2001; the log-likelihood of a logistic regression, Cox "
        '1958, "The regression analysis of binary sequences"'
    ),
    sup_slope=1.0,
    sup_at="x → -∞",
    lower=-math.inf,
    upper=0.0,
)
