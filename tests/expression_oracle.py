"""What judges the language of formulas: sympy reads the same text, and knows none of ours.

Functions are typed here as textbooks have them; S' is sympy's own derivative.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import oracles
import sympy
from mpmath import mp
from sympy.parsing.sympy_parser import parse_expr, rationalize, standard_transformations

from vanish.network import activations

if TYPE_CHECKING:
    from collections.abc import Callable

    from vanish.numbers.scaled import FloatArray

X = oracles.X

# Of this size a unit in the last place is, relatively.
ULP = 2.0**-52


def _where(condition: Any, yes: Any, no: Any) -> Any:
    return sympy.Piecewise((yes, condition), (no, True))


def _max(a: Any, b: Any) -> Any:
    # At a tie the argument without x counts, as PyTorch has it for relu.
    return _where(b > a, b, a) if not sympy.sympify(a).has(X) else _where(a > b, a, b)


def _min(a: Any, b: Any) -> Any:
    return _where(b < a, b, a) if not sympy.sympify(a).has(X) else _where(a < b, a, b)


def _abs(x: Any) -> Any:
    return sympy.Piecewise((x, x > 0), (-x, x < 0), (0, True))


def _sign(x: Any) -> Any:
    return sympy.Piecewise((1, x > 0), (-1, x < 0), (0, True))


def _leaky_relu(x: Any, slope: Any = None) -> Any:
    return _where(x > 0, x, x / 100 if slope is None else slope * x)


def _elu(x: Any, alpha: Any = 1) -> Any:
    return _where(x > 0, x, alpha * (sympy.exp(x) - 1))


def _softplus(x: Any, beta: Any = 1) -> Any:
    return sympy.log(1 + sympy.exp(beta * x)) / beta


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + sympy.exp(-x))


def _silu(x: Any, beta: Any = 1) -> Any:
    return x * _sigmoid(beta * x)


def _normal_distribution(x: Any) -> Any:
    return sympy.erfc(-x / sympy.sqrt(2)) / 2


def _normal_density(x: Any) -> Any:
    return sympy.exp(-(x**2) / 2) / sympy.sqrt(2 * sympy.pi)


def _functions() -> dict[str, Any]:
    names = ("exp", "sqrt", "sin", "cos", "tan", "tanh", "sinh", "cosh", "sech", "atan", "asinh")
    found: dict[str, Any] = {name: getattr(sympy, name) for name in (*names, "erf")}
    # A family of records is read from the texts that judge them, too.
    for name, formula in oracles.FORMULAS.items():
        found[name] = functools.partial(lambda formula, x: formula.subs(X, x), formula)
    return found | {
        "abs": _abs,
        "sign": _sign,
        "ln": sympy.log,
        "log1p": lambda x: sympy.log(1 + x),
        "expm1": lambda x: sympy.exp(x) - 1,
        "Phi": _normal_distribution,
        "phi": _normal_density,
        "max": _max,
        "min": _min,
        "clip": lambda x, low, high: _max(_min(x, high), low),
        "where": _where,
        "leaky_relu": _leaky_relu,
        "elu": _elu,
        "softplus": _softplus,
        "silu": _silu,
        "x": X,
        "e": sympy.E,
        "pi": sympy.pi,
    }


def read(text: str) -> Any:
    """Return a formula as sympy reads it, its numbers exact."""
    found = parse_expr(
        text.replace("^", "**"),
        local_dict=_functions(),
        transformations=(*standard_transformations, rationalize),
    )
    return sympy.sympify(found)


class Judge(NamedTuple):
    """A function of x, and how far float64 may be from it.

    Attributes
    ----------
    value
        Maps a number of mpmath to one.
    size
        By how much that may be wrong for each unit in the last place that its argument and its
        terms are: |x f'(x)| and their sizes.
    """

    value: Callable[[Any], Any]
    size: Callable[[Any], Any]

    @classmethod
    def of(cls, formula: Any) -> Judge:
        """Return the judge of a formula of sympy's."""
        terms = [abs(term) for term in sympy.Add.make_args(formula)]
        size = sum(terms) + abs(X * sympy.diff(formula, X))
        return cls(sympy.lambdify(X, formula, "mpmath"), sympy.lambdify(X, size, "mpmath"))

    def excess(self, x: FloatArray, found: FloatArray) -> float:
        """Return by how many units in the last place numbers are wrong at most."""
        worst = 0.0
        # With so many digits no textbook formula cancels before float64 has no digits left.
        with mp.workdps(450):
            for each, number in zip(x.tolist(), found.tolist(), strict=True):
                right = self.value(mp.mpf(each))
                error = abs(mp.mpf(number) - right)
                # Numbers below the smallest normal one have few digits or none.
                least = mp.mpf(2) ** -1022
                allowed = ULP * (self.size(mp.mpf(each)) + abs(right)) + least
                if error > 0:
                    worst = max(worst, float(error / allowed))
        return worst


def pair(text: str, x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return S(x) and S'(x) of a formula, as vanish has them."""
    value, slope = activations.get(text).pair(x)
    return np.asarray(value), np.asarray(slope)
