"""x times a gate that opens from 0 to 1.

Suprema and minima that are not plain numbers are roots of S'' and S', solved at 40 digits and
rounded; tests/network/test_activations.py solves them again.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from vanish.network.activations.parametrised import Family, require_positive, shortest
from vanish.network.activations.record import Activation, filling
from vanish.network.activations.sigmoids import SIGMOID
from vanish.numbers import normal as gaussian

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vanish.network.activations.record import Pair
    from vanish.numbers.scaled import FloatArray


@filling
def _gelu(x: FloatArray, value: FloatArray | None = None, slope: FloatArray | None = None) -> Pair:
    # S = xΦ(x), S' = Φ(x) + xφ(x), as φ = Φ'
    below, density = gaussian.both(x, value, slope)
    density *= x
    density += below
    below *= x
    return below, density


GELU = Activation(
    name="gelu",
    meaning="x times the probability that a standard normal number is below x",
    pair=_gelu,
    formula="xΦ(x)",
    derivative="Φ(x)+xφ(x)",
    latex=(r"x\,\Phi(x)", r"\Phi(x)+x\,\varphi(x)"),
    note="Φ and φ are the standard normal distribution function and density.",
    source='Hendrycks and Gimpel 2016, "Gaussian error linear units (GELUs)", section 2',
    sup_slope=1.1289041451851547,
    sup_at=1.4142135623730951,
    lower=-0.16997120747990366,
    upper=math.inf,
    attained=("lower",),
    init="he_normal",
    family="gelu",
    definition=("x*Phi(x)", "Phi(x)+x*phi(x)"),
)


# The tanh form, ½x(1 + tanh u), is xσ(2u).
_GELU_TANH_SCALE = math.sqrt(2.0 / math.pi)
_GELU_TANH_CUBIC = 0.044715


def _gelu_tanh(x: FloatArray) -> Pair:
    # S = x σ(2u), S' = σ(2u) + 2x u' σ'(2u), u = √(2/π)(x + 0.044715x³)
    # At |x| = 32, e^(-2|u|) is already 0; beyond, x³ would overflow.
    c = np.clip(x, -32.0, 32.0)
    u = _GELU_TANH_SCALE * (c + _GELU_TANH_CUBIC * c * c * c)
    du = _GELU_TANH_SCALE * (1.0 + 3.0 * _GELU_TANH_CUBIC * c * c)
    gate, gate_slope = SIGMOID.pair(2.0 * u)
    return x * gate, gate + 2.0 * c * du * gate_slope


GELU_TANH = Activation(
    name="gelu_tanh",
    aliases=("gelu_new",),
    meaning="gelu with a tanh in place of Φ, as GPT-2 has it",
    pair=_gelu_tanh,
    formula="xσ(2√(2/π)(x+0.044715x³))",
    derivative="σ(2u)+2xu'σ'(2u)",
    latex=(
        r"x\,\sigma(2u),\ u=\sqrt{2/\pi}\,(x+0.044715\,x^{3})",
        r"\sigma(2u)+2x\,u^{\prime}\,\sigma^{\prime}(2u)",
    ),
    note="σ is the sigmoid, u = √(2/π)(x+0.044715x³).",
    source='Hendrycks and Gimpel 2016, "Gaussian error linear units (GELUs)", section 2',
    sup_slope=1.1289930686587717,
    sup_at=1.4185040087908283,
    lower=-0.17004075057125406,
    upper=math.inf,
    attained=("lower",),
    init="he_normal",
    family="gelu_tanh",
    definition=(
        "x/2*(1+tanh(sqrt(2/pi)*(x+0.044715*x^3)))",
        "sigmoid(2*sqrt(2/pi)*(x+0.044715*x^3))"
        "+2*sqrt(2/pi)*x*(1+0.134145*x^2)"
        "*sigmoid(2*sqrt(2/pi)*(x+0.044715*x^3))*sigmoid(-2*sqrt(2/pi)*(x+0.044715*x^3))",
    ),
)


# sup|S'| and min S of xσ(x), and where S' is that; those of xσ(βx) = (βx)σ(βx)/β follow.
_SILU_SUP, _SILU_SUP_AT, _SILU_LOWER = 1.099839320128867, 2.3993572805154677, -0.2784645427610738

# βx does not overflow, and far behind where S' is 0 or 1 to the last digit.
_SILU_FAR = 1e300


def _silu(beta: float, x: FloatArray) -> Pair:
    # S = xσ(x), S' = σ(x) + xσ'(x); with a β, Ramachandran et al. 2017, section 4: S = xσ(βx)
    far = _SILU_FAR / max(beta, 1.0)
    scaled = x if beta == 1.0 else beta * np.clip(x, -far, far)
    gate, gate_slope = SIGMOID.pair(scaled)
    return x * gate, gate + scaled * gate_slope


def silu(name: str, given: Mapping[str, float]) -> Activation:
    """Return xσ(βx)."""
    require_positive("silu", given)
    beta = given["beta"]
    inside = "x" if beta == 1.0 else f"{shortest(beta)}x"
    return Activation(
        name=name,
        aliases=("swish",) if beta == 1.0 else (),
        meaning="x times its sigmoid" if beta == 1.0 else f"x times the sigmoid of {inside}",
        pair=partial(_silu, beta),
        formula=f"xσ({inside})",
        derivative=f"σ({inside})+{inside}σ'({inside})",
        latex=(
            rf"x\,\sigma({inside})",
            rf"\sigma({inside})+{inside}\,\sigma^{{\prime}}({inside})",
        ),
        note="σ is the sigmoid.",
        source=(
            'Elfwing, Uchibe and Doya 2018, "Sigmoid-weighted linear units for neural network '
            'function approximation in reinforcement learning"; as swish Ramachandran, Zoph and Le '
            '2017, "Searching for activation functions"'
        ),
        sup_slope=_SILU_SUP,
        sup_at=_SILU_SUP_AT / beta,
        lower=_SILU_LOWER / beta,
        upper=math.inf,
        attained=("lower",),
        init="he_normal",
        family="silu",
        parameters=given,
        definition=(
            "x/(1+exp(-beta*x))",
            "sigmoid(beta*x)+beta*x*sigmoid(beta*x)*sigmoid(-beta*x)",
        ),
    )


SILU = silu("silu", {"beta": 1.0})


def parametrised() -> dict[str, Family]:
    """Return the families of this file whose names take numbers."""
    from vanish.network.formulas.calls import Parameter  # noqa: PLC0415 - start-up

    return {"silu": Family((Parameter(name="beta", default=1.0, aliases=("b",)),), silu)}


def _mish(x: FloatArray) -> Pair:
    # S = x t with t = tanh(ln(1+e^x)), S' = t + xσ(x)(1-t²)
    # With n = e^x, t = ((1+n)²-1)/((1+n)²+1) and 1-t² = 4(1+n)²/((1+n)²+1)²; for x > 0
    # numerator and denominator are divided by n², and n⁴, to be written in z = 1/n.
    z = np.exp(-np.abs(x))
    right = x >= 0.0
    square = (1.0 + z) ** 2
    total = np.where(right, square + z * z, square + 1.0)
    t = np.where(right, 1.0 + 2.0 * z, z * (z + 2.0)) / total
    sech_squared = 4.0 * square * np.where(right, z * z, 1.0) / total**2
    gate = np.where(right, 1.0, z) / (1.0 + z)
    return x * t, t + x * gate * sech_squared


MISH = Activation(
    name="mish",
    meaning="x times the tanh of its softplus, close to silu",
    pair=_mish,
    formula="x tanh(ln(1+e^x))",
    derivative="t+xσ(x)(1-t²)",
    latex=(r"x\tanh(\ln(1+e^{x}))", r"t+x\,\sigma(x)(1-t^{2}),\ t=\tanh(\ln(1+e^{x}))"),
    note="σ is the sigmoid, t = tanh(ln(1+e^x)).",
    source='Misra 2019, "Mish: a self regularized non-monotonic activation function"',
    sup_slope=1.088498161251728,
    sup_at=1.4905711794854284,
    lower=-0.30884341301725043,
    upper=math.inf,
    attained=("lower",),
    init="he_normal",
    family="mish",
    definition=("x*tanh(ln(1+exp(x)))", "tanh(softplus(x))+x*sigmoid(x)*sech(softplus(x))^2"),
)


def _hard_swish(x: FloatArray) -> Pair:
    # x·ReLU6(x+3)/6, with slope (2x+3)/6 between -3 and 3
    slope = np.where(x >= 3.0, 1.0, x / 3.0 + 0.5)
    return x * (np.clip(x + 3.0, 0.0, 6.0) / 6.0), np.where(x <= -3.0, 0.0, slope)


HARD_SWISH = Activation(
    name="hard_swish",
    meaning="silu with the hard sigmoid as its gate",
    pair=_hard_swish,
    formula="x clip(x+3, 0, 6)/6",
    derivative="0 if x ≤ -3, 1 if x ≥ 3, else (2x+3)/6",
    latex=(r"\frac{x}{6}\min(\max(x+3,0),6)", r"\frac{2x+3}{6}[|x|<3]+[x\geq 3]"),
    note="clip(x, a, b) is min(max(x, a), b).",
    source='Howard et al. 2019, "Searching for MobileNetV3", section 5.2',
    sup_slope=1.5,
    sup_at="x → 3⁻",
    kinks=(-3.0, 3.0),
    flat=True,
    lower=-0.375,
    upper=math.inf,
    attained=("lower",),
    init="he_normal",
    family="hard_swish",
    definition=("x*clip(x+3,0,6)/6", "where(x>-3,where(x<3,(2*x+3)/6,1),0)"),
)
