"""What bends once, near 0: the rectifier and its smooth or leaky relatives."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from vanish.errors import UsageError
from vanish.network.activations.parametrised import (
    Family,
    for_leaky_slope,
    require_positive,
    shortest,
)
from vanish.network.activations.record import Activation, filling, gate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vanish.network.activations.record import Pair
    from vanish.numbers.scaled import FloatArray


@gate
@filling
def _relu(x: FloatArray, value: FloatArray | None = None, slope: FloatArray | None = None) -> Pair:
    slope = np.empty(x.shape) if slope is None else slope
    np.copyto(slope, x > 0.0)
    return np.maximum(x, 0.0, out=value), slope


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
    family="relu",
    definition=("max(x,0)", "where(x>0,1,0)"),
)


# Maas, Hannun and Ng's own.
_LEAKY_SLOPE = 0.01


def _leaky_relu(slope: float, x: FloatArray) -> Pair:
    slopes = np.where(x > 0.0, 1.0, slope)
    return slopes * x, slopes


def leaky_relu(name: str, given: Mapping[str, float]) -> Activation:
    """Return x above 0 and a multiple of it below.

    Raises
    ------
    UsageError
        If the slope is beyond 1e100.
    """
    slope = given["slope"]
    # Values of float64, and what is multiplied with them, are to stay there.
    if not abs(slope) <= 1e100:
        raise UsageError(
            f"activation leaky_relu: slope is {slope:g}: give one from -1e100 to 1e100"
        )
    number = shortest(slope)
    below = f"{number}x"
    # The plain name keeps the rule of the whole family, 2/n_in.
    plain = slope == _LEAKY_SLOPE
    share = "a hundredth of" if plain else f"{number} times"
    return Activation(
        name=name,
        aliases=("lrelu",) if slope == _LEAKY_SLOPE else (),
        meaning=f"relu that passes {share} what is negative, so that no unit dies",
        pair=partial(_leaky_relu, slope),
        formula=f"x if x > 0 else {below}",
        derivative=f"1 if x > 0 else {number}",
        latex=(
            rf"\max(x,0){number if slope < 0.0 else '+' + number}\min(x,0)",
            rf"[x>0]{number if slope < 0.0 else '+' + number}\,[x\leq 0]",
        ),
        source=(
            'Maas, Hannun and Ng 2013, "Rectifier nonlinearities improve neural network acoustic '
            'models"'
        ),
        sup_slope=max(1.0, abs(slope)),
        sup_at="x > 0" if abs(slope) < 1.0 else "x ≤ 0" if abs(slope) > 1.0 else "every x",
        kinks=() if slope == 1.0 else (0.0,),
        homogeneous=True,
        flat=slope == 0.0,
        lower=-math.inf if slope > 0.0 else 0.0,
        upper=math.inf,
        attained=() if slope > 0.0 else ("lower",),
        init="he_normal" if plain else for_leaky_slope(abs(slope)),
        family="leaky_relu",
        parameters=given,
        definition=("where(x>0,x,slope*x)", "where(x>0,1,slope)"),
    )


LEAKY_RELU = leaky_relu("leaky_relu", {"slope": _LEAKY_SLOPE})


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
    family="relu6",
    definition=("clip(x,0,6)", "where(x>0,where(x<6,1,0),0)"),
)


def _elu(alpha: float, x: FloatArray) -> Pair:
    # S = α(e^x-1) and S' = αe^x below 0
    below = np.minimum(x, 0.0)
    if alpha == 1.0:
        return np.where(x > 0.0, x, np.expm1(below)), np.exp(below)
    value = np.where(x > 0.0, x, alpha * np.expm1(below))
    return value, np.where(x > 0.0, 1.0, alpha * np.exp(below))


def elu(name: str, given: Mapping[str, float]) -> Activation:
    """Return x above 0 and α(e^x-1) below."""
    require_positive("elu", given)
    alpha = given["alpha"]
    plain, number = alpha == 1.0, shortest(alpha)
    below = "e^x-1" if plain else f"{number}(e^x-1)"
    times = "" if plain else number
    at = "x ≥ 0" if plain else "x > 0" if alpha < 1.0 else "x → 0⁻"
    curve = r"e^{\min(x,0)}-1" if plain else rf"{number}\,(e^{{\min(x,0)}}-1)"
    return Activation(
        name=name,
        meaning=f"relu that bends to -{number} below 0, so that outputs have a mean nearer to 0",
        pair=partial(_elu, alpha),
        formula=f"x if x > 0 else {below}",
        derivative=f"1 if x > 0 else {times}e^x",
        latex=(
            rf"\max(x,0)+{curve}",
            r"e^{\min(x,0)}" if plain else rf"[x>0]+{number}\,e^{{x}}[x\leq 0]",
        ),
        source=(
            'Clevert, Unterthiner and Hochreiter 2016, "Fast and accurate deep network learning by '
            'exponential linear units (ELUs)", section 3'
        ),
        sup_slope=max(1.0, alpha),
        sup_at=at,
        kinks=() if plain else (0.0,),
        lower=-alpha,
        upper=math.inf,
        init="he_normal",
        family="elu",
        parameters=given,
        definition=("where(x>0,x,alpha*(exp(x)-1))", "where(x>0,1,alpha*exp(x))"),
    )


ELU = elu("elu", {"alpha": 1.0})


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
    family="selu",
    definition=(
        "1.0507009873554805*where(x>0,x,1.6732632423543772*(exp(x)-1))",
        "1.0507009873554805*where(x>0,1,1.6732632423543772*exp(x))",
    ),
)


def _softplus(beta: float, x: FloatArray) -> Pair:
    # S = ln(1+e^x), S' = σ(x); with β as PyTorch has it, ln(1+e^(βx))/β
    if beta == 1.0:
        z = np.exp(-np.abs(x))
        return np.maximum(x, 0.0) + np.log1p(z), np.where(x >= 0.0, 1.0, z) / (1.0 + z)
    far = _SOFTPLUS_FAR / max(beta, 1.0)
    z = np.exp(-beta * np.minimum(np.abs(x), far))
    return np.maximum(x, 0.0) + np.log1p(z) / beta, np.where(x >= 0.0, 1.0, z) / (1.0 + z)


# So far out e^(-βx) is 0, and βx does not overflow.
_SOFTPLUS_FAR = 1e300


def softplus(name: str, given: Mapping[str, float]) -> Activation:
    """Return ln(1+e^(βx))/β."""
    require_positive("softplus", given)
    beta = given["beta"]
    plain, number = beta == 1.0, shortest(beta)
    inside = "x" if plain else f"{number}x"
    return Activation(
        name=name,
        meaning="a smooth relu, whose slope is the sigmoid"
        if plain
        else f"a smooth relu, whose slope is the sigmoid of {inside}",
        pair=partial(_softplus, beta),
        formula="ln(1+e^x)" if plain else f"ln(1+e^({inside}))/{number}",
        derivative=f"σ({inside})",
        latex=(
            rf"\ln(1+e^{{{inside}}})" if plain else rf"\frac{{1}}{{{number}}}\ln(1+e^{{{inside}}})",
            rf"\sigma({inside})",
        ),
        note="σ is the sigmoid.",
        source=(
            'Dugas et al. 2001, "Incorporating second-order functional knowledge for better option '
            'pricing"'
        ),
        sup_slope=1.0,
        sup_at="x → ∞",
        lower=0.0,
        upper=math.inf,
        family="softplus",
        parameters=given,
        definition=("ln(1+exp(beta*x))/beta", "sigmoid(beta*x)"),
    )


SOFTPLUS = softplus("softplus", {"beta": 1.0})


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
    family="log_sigmoid",
    definition=("-ln(1+exp(-x))", "sigmoid(-x)"),
)


def parametrised() -> dict[str, Family]:
    """Return the families of this file whose names take numbers."""
    from vanish.network.formulas.calls import Parameter  # noqa: PLC0415 - start-up

    slope = Parameter(name="slope", default=_LEAKY_SLOPE, aliases=("alpha", "negative_slope", "a"))
    alpha = Parameter(name="alpha", default=1.0, aliases=("a",))
    beta = Parameter(name="beta", default=1.0, aliases=("b",))
    return {
        "leaky_relu": Family((slope,), leaky_relu),
        "elu": Family((alpha,), elu),
        "softplus": Family((beta,), softplus),
    }
