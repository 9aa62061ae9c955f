"""The functions of calculus, of one argument, with their derivatives in the language itself."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from vanish.network.expressions.functions.record import Function
from vanish.network.expressions.tree import HALF, Power
from vanish.numbers import normal as gaussian

if TYPE_CHECKING:
    from vanish.numbers.scaled import FloatArray


def _at_zero() -> tuple[float, ...]:
    return (0.0,)


def _sech(x: FloatArray) -> FloatArray:
    # 2/(e^x+e^-x) = 2z/(1+z²) with z = e^-|x|, where nothing overflows
    z = np.exp(-np.abs(x))
    return np.asarray(2.0 * z / (1.0 + z * z))


# Up to |x| = 1/2, the error function is its series 2/√π Σ (-1)^n x^(2n+1)/(n! (2n+1)), whose
# 13th term is below 2^-56 of the first. Beyond, it is 1 - 2Φ(-√2|x|), where no digit cancels.
_SERIES_TO = 0.5
_SERIES = tuple((-1) ** n / (math.factorial(n) * (2 * n + 1)) for n in range(13))


def _erf(x: FloatArray) -> FloatArray:
    size = np.abs(x)
    square = np.square(np.minimum(size, _SERIES_TO))
    series = np.full_like(square, _SERIES[-1])
    for coefficient in _SERIES[-2::-1]:
        series *= square
        series += coefficient
    near = 2.0 / math.sqrt(math.pi) * size * series
    far = 1.0 - 2.0 * gaussian.distribution(-math.sqrt(2.0) * size)
    return np.asarray(np.copysign(np.where(size <= _SERIES_TO, near, far), x))


EXP = Function(name="exp", value=np.exp, slope="exp(x)", latex="e^{{{}}}")

FUNCTIONS = (
    EXP,
    Function(name="expm1", value=np.expm1, slope="exp(x)", latex=r"\left(e^{{{}}}-1\right)"),
    Function(name="ln", aliases=("log",), value=np.log, slope="1/x", latex=r"\ln\left({}\right)"),
    Function(name="log1p", value=np.log1p, slope="1/(1+x)", latex=r"\ln\left(1+{}\right)"),
    Function(name="sqrt", means=lambda u: Power(u, HALF)),
    Function(name="abs", value=np.abs, slope="sign(x)", latex=r"\left|{}\right|", bends=_at_zero),
    Function(
        name="sign",
        value=np.sign,
        slope="0",
        latex=r"\mathrm{{sign}}\left({}\right)",
        bends=_at_zero,
    ),
    Function(name="sin", value=np.sin, slope="cos(x)", latex=r"\sin\left({}\right)"),
    Function(name="cos", value=np.cos, slope="-sin(x)", latex=r"\cos\left({}\right)"),
    Function(name="tan", value=np.tan, slope="1+tan(x)^2", latex=r"\tan\left({}\right)"),
    Function(name="tanh", value=np.tanh, slope="sech(x)^2", latex=r"\tanh\left({}\right)"),
    Function(name="sinh", value=np.sinh, slope="cosh(x)", latex=r"\sinh\left({}\right)"),
    Function(name="cosh", value=np.cosh, slope="sinh(x)", latex=r"\cosh\left({}\right)"),
    Function(
        name="sech",
        value=_sech,
        slope="-sech(x)*tanh(x)",
        latex=r"\mathrm{{sech}}\left({}\right)",
    ),
    Function(
        name="atan",
        aliases=("arctan",),
        value=np.arctan,
        slope="1/(1+x^2)",
        latex=r"\arctan\left({}\right)",
    ),
    Function(
        name="asinh",
        aliases=("arcsinh",),
        value=np.arcsinh,
        slope="1/sqrt(1+x^2)",
        latex=r"\mathrm{{arsinh}}\left({}\right)",
    ),
    Function(
        name="erf",
        value=_erf,
        slope="2/sqrt(pi)*exp(-x^2)",
        latex=r"\mathrm{{erf}}\left({}\right)",
    ),
    # The standard normal distribution function and density.
    Function(name="Phi", value=gaussian.distribution, slope="phi(x)", latex=r"\Phi\left({}\right)"),
    Function(
        name="phi", value=gaussian.density, slope="-x*phi(x)", latex=r"\varphi\left({}\right)"
    ),
)
