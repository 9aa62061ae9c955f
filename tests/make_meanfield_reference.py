"""Write meanfield_reference.json: mpmath's moments and critical points, in about ten minutes.

Run it with `python tests/make_meanfield_reference.py`. It shares nothing with vanish: the
formulas are those of `oracles.py`, the integrals mpmath's tanh-sinh quadrature at 30 digits,
the critical points roots that mpmath finds.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import oracles
from mpmath import mp

if TYPE_CHECKING:
    from collections.abc import Callable

FILE = Path(__file__).with_name("meanfield_reference.json")
DIGITS = 30
VARIANCES = ("1e-6", "1e-3", "0.1", "1", "10", "1e3", "1e6")
BIASES = ("0", "1e-4", "0.01", "0.1", "0.5", "2")

# Where S has kinks, bends, and grows simple.
_SPLITS = (0.5, 1, 2, 3, 4, 6, 8, 16, 64, 256, 1024, 4096)


def expectation(act: str, q: Any, name: str) -> Any:
    """V, C or X at the variance q."""
    root = mp.sqrt(q)
    if act == "sin":
        # By the characteristic function of x: E[cos 2x] = e^(-2q); X = √q dV/dq.
        cosine = mp.exp(-2 * q)
        return {"V": (1 - cosine) / 2, "C": (1 + cosine) / 2, "X": root * cosine}[name]
    value, slope = oracles.derivative(act), oracles.derivative(act, 1)
    integrands: dict[str, Callable[[Any], Any]] = {
        "V": lambda z: value(root * z) ** 2,
        "C": lambda z: slope(root * z) ** 2,
        "X": lambda z: z * value(root * z) * slope(root * z),
    }
    integrand = integrands[name]
    # E[f(z)] over z > 0 of f(z) + f(-z): for X at small q two halves nearly cancel.
    reach = mp.mpf(16)
    ends = sorted({*(split / root for split in _SPLITS), 1, 2, 3, 5, 8, 12})
    total, error = mp.quad(
        lambda z: (integrand(z) + integrand(-z)) * mp.npdf(z),
        [mp.mpf(0), *(end for end in ends if end < reach), reach],
        error=True,
    )
    assert error < abs(total) * mp.mpf(10) ** -20, (act, q, name, error)
    return total


def excess(act: str, q: Any) -> Any:
    """q - V(q)/C(q), which is bias_std² at a critical point."""
    return q - expectation(act, q, "V") / expectation(act, q, "C")


def critical(act: str, bias_std: Any) -> tuple[Any, Any] | None:
    """The critical weight_std and q > 0, or None."""
    target = bias_std**2
    last = mp.mpf(2) ** -20
    for exponent in range(-18, 16, 2):
        following = mp.mpf(2) ** exponent
        if excess(act, following) > target:
            q = mp.findroot(
                lambda q: (excess(act, q) - target) / q, (last, following), solver="anderson"
            )
            return 1 / mp.sqrt(expectation(act, q, "C")), q
        last = following
    return None


def main() -> None:
    reference: dict[str, dict[str, Any]] = {"moments": {}, "critical": {}}
    homogeneous = "identity", "relu", "leaky_relu"
    with mp.workdps(DIGITS):
        for act in oracles.FORMULAS:
            reference["moments"][act] = {
                q: [mp.nstr(expectation(act, mp.mpf(q), name), 20) for name in "VCX"]
                for q in VARIANCES
            }
            at_zero = oracles.derivative(act)(mp.mpf(0))
            found = {
                bias: critical(act, mp.mpf(bias))
                for bias in BIASES
                if act not in homogeneous and (at_zero or mp.mpf(bias))
            }
            reference["critical"][act] = {
                bias: pair and [mp.nstr(number, 20) for number in pair]
                for bias, pair in found.items()
            }
    FILE.write_text(json.dumps(reference, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
