"""Activations S beside their slopes S': one record each, one registry.

Every formula is stable in float64 for every finite input: with z = e^-|x| in (0, 1]
nothing overflows, and where S' is positive it keeps its relative accuracy down to the
smallest normal number (the textbook s·(1-s) is exactly 0 at x = 40, where the sigmoid's
slope is 4.2e-18). Where S' crosses zero (gelu, gelu_tanh, silu, mish, hard_swish, sin) it is
accurate absolutely. At a kink S' is what PyTorch takes; for relu that is S'(0) = 0, while the
article's table has 1 there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from vanish.errors import UsageError, unknown_name
from vanish.numbers import normal as gaussian

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from vanish.numbers.scaled import FloatArray

    Pair = tuple[FloatArray, FloatArray]

# Klambauer et al. 2017, "Self-normalizing neural networks", eq. 14: the pair for which
# mean 0 and variance 1 are a fixed point.
_SELU_LAMBDA = 1.0507009873554805
_SELU_ALPHA = 1.6732632423543772

# Hendrycks and Gimpel 2016, "Gaussian error linear units", section 2: the tanh form.
_GELU_TANH_SCALE = math.sqrt(2.0 / math.pi)
_GELU_TANH_CUBIC = 0.044715

# Maas et al. 2013, "Rectifier nonlinearities improve neural network acoustic models".
_LEAKY_SLOPE = 0.01


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Activation:
    """An activation S with its derivative and what theory needs to know of both.

    Attributes
    ----------
    name, aliases
        What it is called; other common names that select it.
    pair
        Maps an array a of any shape to (S(a), S'(a)), elementwise.
    sup_slope
        sup |S'|, rounded to float64.
    sup_at
        Where |S'| attains or approaches it: a number, or text for an interval.
    lower, upper
        The infimum and supremum of S.
    attained
        Which of them are values of S: ``"lower"``, ``"upper"``, both or none.
    formula, derivative
        S(x) and S'(x) as text.
    domain
        Where S is defined.
    latex
        The same two as LaTeX.
    note
        What a reader of the derivative should know besides.
    kinks
        Where S' jumps, in ascending order.
    init
        The initialiser that convention pairs it with.
    homogeneous
        Whether S(ca) = c S(a) for every c > 0.
    flat
        Whether S' is 0 on an interval, so that units can be inactive.
    """

    name: str
    pair: Callable[[FloatArray], Pair]
    sup_slope: float
    sup_at: float | str
    lower: float
    upper: float
    attained: tuple[str, ...] = ()
    formula: str = ""
    derivative: str = ""
    domain: str = "(-∞, ∞)"
    latex: tuple[str, str] = ("", "")
    note: str = ""
    aliases: tuple[str, ...] = ()
    kinks: tuple[float, ...] = ()
    init: str = "xavier_normal"
    homogeneous: bool = False
    flat: bool = False

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise UsageError(f"activation name {self.name!r}: use letters, digits and _")
        if not 0.0 < self.sup_slope < math.inf:
            raise UsageError(
                f"activation {self.name}: sup_slope is {self.sup_slope}: give the finite,"
                " positive supremum of |S'|"
            )
        if not self.lower < self.upper:
            raise UsageError(
                f"activation {self.name}: range [{self.lower}, {self.upper}] is empty:"
                " give lower < upper"
            )
        if list(self.kinks) != sorted(set(self.kinks)):
            raise UsageError(f"activation {self.name}: give its kinks in ascending order")

    @property
    def range(self) -> str:
        """The range of S as an interval, such as ``(0, 1)``."""
        opening = "[" if "lower" in self.attained else "("
        closing = "]" if "upper" in self.attained else ")"
        lower, upper = (f"{end:.5g}".replace("inf", "∞") for end in (self.lower, self.upper))
        return f"{opening}{lower}, {upper}{closing}"

    @property
    def sup_place(self) -> str:
        """Where |S'| attains or approaches its supremum, as text."""
        return self.sup_at if isinstance(self.sup_at, str) else f"x = {self.sup_at:.5g}"

    @property
    def bears_infinity(self) -> tuple[bool, bool]:
        """Whether S and S' are finite at ∞, and at -∞: there an a that overflows does no harm.

        For tanh and sigmoid both are, for relu those at -∞; silu's formula is -∞ · 0 there.
        """
        try:
            with np.errstate(all="ignore"):
                value, slope = self.pair(np.array([math.inf, -math.inf]))
        except (ArithmeticError, ValueError):  # a formula of the user's that refuses it
            return False, False
        above, below = (np.isfinite(value) & np.isfinite(slope)).tolist()
        return above, below

    def value(self, a: FloatArray) -> FloatArray:
        """Return S(a), elementwise."""
        return self.pair(a)[0]

    def slope(self, a: FloatArray) -> FloatArray:
        """Return S'(a), elementwise."""
        return self.pair(a)[1]

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[Any, ...]:
        # A built-in one is itself wherever it arrives: its closed forms go by its identity.
        if is_built_in(self):
            return _built_in, (self.name,)
        return super().__reduce_ex__(protocol)

    def around_zero(self) -> tuple[float, tuple[float, float, float]]:
        """Return S(0) and (S'(0-), S'(0), S'(0+))."""
        # The smallest normal numbers: beside a kink, yet S' differs from its limit by
        # less than rounding.
        beside = np.array([-(2.0**-1022), 0.0, 2.0**-1022])
        values, slopes = self.pair(beside)
        return float(values[1]), (float(slopes[0]), float(slopes[1]), float(slopes[2]))


def _identity(x: FloatArray) -> Pair:
    return x, np.ones_like(x)


def _sigmoid(x: FloatArray) -> Pair:
    # S = 1/(1+e^-x), S' = S(1-S) = z/(1+z)²
    z = np.exp(-np.abs(x))
    larger = 1.0 / (1.0 + z)
    smaller = z * larger
    # S(x) is the smaller one for x < 0, else 1 minus it. A choice by random signs would cost
    # more than all the rest.
    return np.abs(smaller - (x >= 0.0)), smaller * larger


def _tanh(x: FloatArray) -> Pair:
    # S' = 1-S² = 4/(e^x+e^-x)² = 4y/(1+y)² with y = e^(-2|x|), where 2|x| might overflow
    y = np.square(np.exp(-np.abs(x)))
    return np.tanh(x), 4.0 * y / np.square(1.0 + y)


def _relu(x: FloatArray) -> Pair:
    return np.maximum(x, 0.0), (x > 0.0).astype(np.float64)


def _leaky_relu(x: FloatArray) -> Pair:
    slope = np.where(x > 0.0, 1.0, _LEAKY_SLOPE)
    return slope * x, slope


def _elu(x: FloatArray) -> Pair:
    # Clevert et al. 2015, eq. 16 with α = 1: S = e^x-1 and S' = e^x below 0
    below = np.minimum(x, 0.0)
    return np.where(x > 0.0, x, np.expm1(below)), np.exp(below)


def _selu(x: FloatArray) -> Pair:
    # Klambauer et al. 2017, eq. 2: λx above 0; below, λα(e^x-1) with slope λα e^x
    below = np.minimum(x, 0.0)
    value = np.where(x > 0.0, x, _SELU_ALPHA * np.expm1(below))
    slope = np.where(x > 0.0, 1.0, _SELU_ALPHA * np.exp(below))
    return _SELU_LAMBDA * value, _SELU_LAMBDA * slope


def _gelu(x: FloatArray) -> Pair:
    # S = xΦ(x), S' = Φ(x) + xφ(x), as φ = Φ'
    below = gaussian.distribution(x)
    return x * below, below + x * gaussian.density(x)


def _gelu_tanh(x: FloatArray) -> Pair:
    # S = x σ(2u), S' = σ(2u) + 2x u' σ'(2u), u = √(2/π)(x + 0.044715x³)
    # At |x| = 32, e^(-2|u|) is already 0; beyond, x³ would overflow.
    c = np.clip(x, -32.0, 32.0)
    u = _GELU_TANH_SCALE * (c + _GELU_TANH_CUBIC * c * c * c)
    du = _GELU_TANH_SCALE * (1.0 + 3.0 * _GELU_TANH_CUBIC * c * c)
    gate, gate_slope = _sigmoid(2.0 * u)
    return x * gate, gate + 2.0 * c * du * gate_slope


def _silu(x: FloatArray) -> Pair:
    # S = xσ(x), S' = σ(x) + xσ'(x)
    gate, gate_slope = _sigmoid(x)
    return x * gate, gate + x * gate_slope


def _softplus(x: FloatArray) -> Pair:
    # S = ln(1+e^x), S' = σ(x)
    z = np.exp(-np.abs(x))
    return np.maximum(x, 0.0) + np.log1p(z), np.where(x >= 0.0, 1.0, z) / (1.0 + z)


def _softsign(x: FloatArray) -> Pair:
    # S = x/(1+|x|), S' = 1/(1+|x|)²
    r = 1.0 / (1.0 + np.abs(x))
    return x * r, r * r


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


def _hard_sigmoid(x: FloatArray) -> Pair:
    # Howard et al. 2019, "Searching for MobileNetV3", section 5.2: ReLU6(x+3)/6
    return np.clip(x + 3.0, 0.0, 6.0) / 6.0, np.where(np.abs(x) < 3.0, 1.0 / 6.0, 0.0)


def _hard_tanh(x: FloatArray) -> Pair:
    return np.clip(x, -1.0, 1.0), (np.abs(x) < 1.0).astype(np.float64)


def _relu6(x: FloatArray) -> Pair:
    return np.clip(x, 0.0, 6.0), ((x > 0.0) & (x < 6.0)).astype(np.float64)


def _hard_swish(x: FloatArray) -> Pair:
    # Howard et al. 2019, section 5.2: x·ReLU6(x+3)/6, slope (2x+3)/6 between -3 and 3
    slope = np.where(x >= 3.0, 1.0, x / 3.0 + 0.5)
    return x * (np.clip(x + 3.0, 0.0, 6.0) / 6.0), np.where(x <= -3.0, 0.0, slope)


def _sin(x: FloatArray) -> Pair:
    return np.sin(x), np.cos(x)


def _log_sigmoid(x: FloatArray) -> Pair:
    # S = ln σ(x), S' = σ(-x)
    z = np.exp(-np.abs(x))
    return np.minimum(x, 0.0) - np.log1p(z), np.where(x <= 0.0, 1.0, z) / (1.0 + z)


_REGISTRY: dict[str, Activation] = {}
_SPELLINGS: dict[str, str] = {}


def _spelling(name: str) -> str:
    """Fold case and separators, so that LeakyReLU and leaky-relu are leaky_relu."""
    return name.strip().lower().replace("_", "").replace("-", "").replace(" ", "")


def register(activation: Activation) -> Activation:
    """Add an activation to the registry, so that every command knows it by name.

    Parameters
    ----------
    activation
        The new record; call `verify` on it first when its formulas are your own.

    Raises
    ------
    UsageError
        If its name or one of its aliases is taken.
    """
    spellings = [_spelling(name) for name in (activation.name, *activation.aliases)]
    for name, spelling in zip((activation.name, *activation.aliases), spellings, strict=True):
        if spelling in _SPELLINGS or spellings.count(spelling) > 1:
            raise UsageError(f"activation name {name!r} is taken: choose another one")
    _REGISTRY[activation.name] = activation
    _SPELLINGS.update(dict.fromkeys(spellings, activation.name))
    return activation


def unregister(name: str) -> None:
    """Remove the activation called `name` and its aliases from the registry."""
    activation = _REGISTRY.pop(name)
    for spelled in (activation.name, *activation.aliases):
        del _SPELLINGS[_spelling(spelled)]


def get(name: str | Activation) -> Activation:
    """Return the activation that a name or alias means; one that is given is itself.

    Raises
    ------
    UsageError
        If there is none; the message names the nearest ones.
    """
    if isinstance(name, Activation):
        return name
    try:
        return _REGISTRY[_SPELLINGS[_spelling(name)]]
    except KeyError:
        aliases = (alias for known in _REGISTRY.values() for alias in known.aliases)
        raise unknown_name("activation", name, [*_REGISTRY, *aliases]) from None


def is_built_in(activation: Activation) -> bool:
    """Tell whether an activation is one that every process has."""
    return _BUILT_IN.get(activation.name) is activation


def _built_in(name: str) -> Activation:
    return _BUILT_IN[name]


def registered() -> Iterator[Activation]:
    """Iterate over the registered activations, in the order of registration."""
    return iter(_REGISTRY.values())


def names() -> tuple[str, ...]:
    """Return the names of the registered activations, in the order of registration."""
    return tuple(_REGISTRY)


def verify(activation: Activation) -> None:
    """Check a record against its own mathematics.

    On a grid of points away from its kinks, S' is compared with a central difference
    of S, |S'| with `sup_slope`, and S with its range.

    Raises
    ------
    UsageError
        If they disagree, naming the point and both values.
    """
    step = 2.0**-17  # truncation step² and rounding 2^-52/step are both about 1e-10
    x = np.linspace(-9.0, 9.0, 721) + 2.0**-9
    for kink in activation.kinks:
        x = x[np.abs(x - kink) > 2 * step]
    difference = (activation.value(x + step) - activation.value(x - step)) / (2.0 * step)
    value, slope = activation.pair(x)
    tolerance = 1e-8 * (1.0 + np.abs(value))
    checks: Mapping[str, FloatArray] = {
        "S' differs from the difference quotient of S": np.abs(slope - difference) - tolerance,
        "|S'| exceeds sup_slope": np.abs(slope) - activation.sup_slope * (1.0 + 1e-12),
        "S leaves its range": np.maximum(activation.lower - value, value - activation.upper)
        - tolerance,
    }
    for complaint, excess in checks.items():
        worst = int(np.argmax(np.where(np.isnan(excess), np.inf, excess)))
        if not excess[worst] <= 0.0:
            raise UsageError(
                f"activation {activation.name}: {complaint} at x = {x[worst]:.6g}"
                f" (S = {value[worst]:.6g}, S' = {slope[worst]:.6g},"
                f" difference quotient {difference[worst]:.6g}): correct the record"
            )
    if activation.homogeneous and not np.allclose(
        activation.value(4.0 * x), 4.0 * value, rtol=1e-12, atol=0.0
    ):
        raise UsageError(
            f"activation {activation.name}: S(4x) is not 4 S(x): it is not homogeneous"
        )


def _register_built_in() -> None:
    inf = math.inf
    # Suprema and minima that are not plain numbers are roots of S'' and S', solved at 40
    # digits and rounded; tests/test_activations.py solves them again.
    for record in (
        Activation(
            name="identity",
            formula="x",
            derivative="1",
            latex=(r"x", r"1"),
            aliases=("linear", "none"),
            pair=_identity,
            sup_slope=1.0,
            sup_at="every x",
            lower=-inf,
            upper=inf,
            homogeneous=True,
        ),
        Activation(
            name="sigmoid",
            formula="1/(1+e^-x)",
            derivative="S(1-S)",
            latex=(r"\frac{1}{1+e^{-x}}", r"S(x)(1-S(x))"),
            aliases=("logistic",),
            pair=_sigmoid,
            sup_slope=0.25,
            sup_at=0.0,
            lower=0.0,
            upper=1.0,
        ),
        Activation(
            name="tanh",
            formula="(e^x-e^-x)/(e^x+e^-x)",
            derivative="1-S²",
            latex=(r"\frac{e^{x}-e^{-x}}{e^{x}+e^{-x}}", r"1-S(x)^{2}"),
            pair=_tanh,
            sup_slope=1.0,
            sup_at=0.0,
            lower=-1.0,
            upper=1.0,
        ),
        Activation(
            name="relu",
            flat=True,
            formula="max(x, 0)",
            derivative="1 if x > 0 else 0",
            note="S'(0) = 0, as in PyTorch; the article's table has 1 there.",
            latex=(r"\max(x,0)", r"[x>0]"),
            attained=("lower",),
            aliases=("ramp",),
            pair=_relu,
            sup_slope=1.0,
            sup_at="x > 0",
            lower=0.0,
            upper=inf,
            kinks=(0.0,),
            init="he_normal",
            homogeneous=True,
        ),
        Activation(
            name="leaky_relu",
            formula="x if x > 0 else 0.01x",
            derivative="1 if x > 0 else 0.01",
            latex=(r"\max(x,0)+0.01\min(x,0)", r"[x>0]+0.01\,[x\leq 0]"),
            aliases=("lrelu",),
            pair=_leaky_relu,
            sup_slope=1.0,
            sup_at="x > 0",
            lower=-inf,
            upper=inf,
            kinks=(0.0,),
            init="he_normal",
            homogeneous=True,
        ),
        Activation(
            name="elu",
            formula="x if x > 0 else e^x-1",
            derivative="1 if x > 0 else e^x",
            latex=(r"\max(x,0)+e^{\min(x,0)}-1", r"e^{\min(x,0)}"),
            pair=_elu,
            sup_slope=1.0,
            sup_at="x ≥ 0",
            lower=-1.0,
            upper=inf,
            init="he_normal",
        ),
        Activation(
            name="selu",
            note="λ = 1.0507009873554805, α = 1.6732632423543772.",
            formula="λx if x > 0 else λα(e^x-1)",
            derivative="λ if x > 0 else λαe^x",
            latex=(
                r"\lambda\max(x,0)+\lambda\alpha(e^{\min(x,0)}-1)",
                r"\lambda[x>0]+\lambda\alpha e^{x}[x\leq 0]",
            ),
            pair=_selu,
            sup_slope=1.7580993408473768,  # λα
            sup_at="x → 0⁻",
            lower=-1.7580993408473768,
            upper=inf,
            kinks=(0.0,),
            init="lecun_normal",
        ),
        Activation(
            name="gelu",
            note="Φ and φ are the standard normal distribution function and density.",
            formula="xΦ(x)",
            derivative="Φ(x)+xφ(x)",
            latex=(r"x\,\Phi(x)", r"\Phi(x)+x\,\varphi(x)"),
            attained=("lower",),
            pair=_gelu,
            sup_slope=1.1289041451851547,
            sup_at=1.4142135623730951,
            lower=-0.16997120747990366,
            upper=inf,
            init="he_normal",
        ),
        Activation(
            name="gelu_tanh",
            note="σ is the sigmoid, u = √(2/π)(x+0.044715x³).",
            formula="xσ(2√(2/π)(x+0.044715x³))",
            derivative="σ(2u)+2xu'σ'(2u)",
            latex=(
                r"x\,\sigma(2u),\ u=\sqrt{2/\pi}\,(x+0.044715\,x^{3})",
                r"\sigma(2u)+2x\,u^{\prime}\,\sigma^{\prime}(2u)",
            ),
            attained=("lower",),
            aliases=("gelu_new",),
            pair=_gelu_tanh,
            sup_slope=1.1289930686587717,
            sup_at=1.4185040087908283,
            lower=-0.17004075057125406,
            upper=inf,
            init="he_normal",
        ),
        Activation(
            name="silu",
            note="σ is the sigmoid.",
            formula="xσ(x)",
            derivative="σ(x)+xσ'(x)",
            latex=(r"x\,\sigma(x)", r"\sigma(x)+x\,\sigma^{\prime}(x)"),
            attained=("lower",),
            aliases=("swish",),
            pair=_silu,
            sup_slope=1.099839320128867,
            sup_at=2.3993572805154677,
            lower=-0.2784645427610738,
            upper=inf,
            init="he_normal",
        ),
        Activation(
            name="softplus",
            note="σ is the sigmoid.",
            formula="ln(1+e^x)",
            derivative="σ(x)",
            latex=(r"\ln(1+e^{x})", r"\sigma(x)"),
            pair=_softplus,
            sup_slope=1.0,
            sup_at="x → ∞",
            lower=0.0,
            upper=inf,
        ),
        Activation(
            name="softsign",
            formula="x/(1+|x|)",
            derivative="1/(1+|x|)²",
            latex=(r"\frac{x}{1+|x|}", r"\frac{1}{(1+|x|)^{2}}"),
            pair=_softsign,
            sup_slope=1.0,
            sup_at=0.0,
            lower=-1.0,
            upper=1.0,
        ),
        Activation(
            name="mish",
            note="σ is the sigmoid, t = tanh(ln(1+e^x)).",
            formula="x tanh(ln(1+e^x))",
            derivative="t+xσ(x)(1-t²)",
            latex=(r"x\tanh(\ln(1+e^{x}))", r"t+x\,\sigma(x)(1-t^{2}),\ t=\tanh(\ln(1+e^{x}))"),
            attained=("lower",),
            pair=_mish,
            sup_slope=1.088498161251728,
            sup_at=1.4905711794854284,
            lower=-0.30884341301725043,
            upper=inf,
            init="he_normal",
        ),
        Activation(
            name="hard_sigmoid",
            note="clip(x, a, b) is min(max(x, a), b).",
            flat=True,
            formula="clip(x+3, 0, 6)/6",
            derivative="1/6 if |x| < 3 else 0",
            latex=(r"\frac{1}{6}\min(\max(x+3,0),6)", r"\frac{1}{6}[|x|<3]"),
            attained=(
                "lower",
                "upper",
            ),
            pair=_hard_sigmoid,
            sup_slope=1.0 / 6.0,
            sup_at="|x| < 3",
            lower=0.0,
            upper=1.0,
            kinks=(-3.0, 3.0),
        ),
        Activation(
            name="hard_tanh",
            note="clip(x, a, b) is min(max(x, a), b).",
            flat=True,
            formula="clip(x, -1, 1)",
            derivative="1 if |x| < 1 else 0",
            latex=(r"\min(\max(x,-1),1)", r"[|x|<1]"),
            attained=(
                "lower",
                "upper",
            ),
            pair=_hard_tanh,
            sup_slope=1.0,
            sup_at="|x| < 1",
            lower=-1.0,
            upper=1.0,
            kinks=(-1.0, 1.0),
        ),
        Activation(
            name="relu6",
            note="clip(x, a, b) is min(max(x, a), b).",
            flat=True,
            formula="clip(x, 0, 6)",
            derivative="1 if 0 < x < 6 else 0",
            latex=(r"\min(\max(x,0),6)", r"[0<x<6]"),
            attained=(
                "lower",
                "upper",
            ),
            pair=_relu6,
            sup_slope=1.0,
            sup_at="0 < x < 6",
            lower=0.0,
            upper=6.0,
            kinks=(0.0, 6.0),
            init="he_normal",
        ),
        Activation(
            name="hard_swish",
            note="clip(x, a, b) is min(max(x, a), b).",
            flat=True,
            formula="x clip(x+3, 0, 6)/6",
            derivative="0 if x ≤ -3, 1 if x ≥ 3, else (2x+3)/6",
            latex=(r"\frac{x}{6}\min(\max(x+3,0),6)", r"\frac{2x+3}{6}[|x|<3]+[x\geq 3]"),
            attained=("lower",),
            pair=_hard_swish,
            sup_slope=1.5,
            sup_at="x → 3⁻",
            lower=-0.375,
            upper=inf,
            kinks=(-3.0, 3.0),
            init="he_normal",
        ),
        Activation(
            name="sin",
            formula="sin x",
            derivative="cos x",
            latex=(r"\sin x", r"\cos x"),
            attained=(
                "lower",
                "upper",
            ),
            aliases=("sine",),
            pair=_sin,
            sup_slope=1.0,
            sup_at="x = kπ",
            lower=-1.0,
            upper=1.0,
        ),
        Activation(
            name="log_sigmoid",
            note="σ is the sigmoid.",
            formula="-ln(1+e^-x)",
            derivative="σ(-x)",
            latex=(r"-\ln(1+e^{-x})", r"\sigma(-x)"),
            pair=_log_sigmoid,
            sup_slope=1.0,
            sup_at="x → -∞",
            lower=-inf,
            upper=0.0,
        ),
    ):
        register(record)


_register_built_in()
_BUILT_IN = dict(_REGISTRY)
