"""The sampled engine far outside float64: exact where orthogonal weights leave no chance.

Of N identity layers with square orthogonal weights of gain g, ‖f_k‖ = g^k ‖x‖ and
‖∂L/∂a_k‖ = g^(N-k) ‖r‖ = g^(N-k) in every draw. With the readout of a batch, which is the same
for every row, ‖∂L/∂W_k‖ is g^(N-1) times the norm of the mean row.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import vanish
from vanish.numbers import scaled

DEPTH, WIDTH = 4, 6

# 2^±100 is the last scale that is a plain factor, 2^±200 about the largest norm that is one.
GAINS = (1e300, 2.0**830, 1e150, 2.0**101, 2.0**100, 2.0**99)
SIZES = (1e45, 1e60, 1e61, 1e149, 1e153, 1e300)


def check(gain: float, size: float, rows: int, act: str = "identity", **options: Any) -> None:
    """Compare all that a chain measures with what it must be."""
    x = np.arange(1.0, rows * WIDTH + 1.0).reshape(rows, WIDTH)
    x *= size / float(np.linalg.norm(x.mean(axis=0)))
    shape: dict[str, Any] = {"init": "orthogonal", "layers": DEPTH, "width": WIDTH, "trials": 3}
    profile = vanish.simulate(engine="sampled", act=act, gain=gain, input=x, **shape, **options)
    log_gain = math.log10(gain)
    for k, row in enumerate(profile.rows(), 1):
        expected = {
            "log10_grad_w": (DEPTH - 1) * log_gain + math.log10(size),
            "log10_grad_b": (DEPTH - k) * log_gain,
            "log10_grad_a": (DEPTH - k) * log_gain - 0.5 * math.log10(rows),
            "log10_grad_f": (DEPTH - k) * log_gain - 0.5 * math.log10(rows),
            "log10_rel_grad_w": (DEPTH - 2) * log_gain + math.log10(size / math.sqrt(WIDTH)),
        }
        for name, value in expected.items():
            assert row[name] == pytest.approx(value, rel=1e-13, abs=1e-12), (name, k)
        assert row["status"] == "ok"
    assert profile.log10_ratio == pytest.approx((DEPTH - 1) * log_gain, rel=1e-13)


@pytest.mark.slow
@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("gain", [*GAINS, *(1.0 / gain for gain in GAINS)])
def test_nothing_is_lost_at_any_gain_and_input(gain: float, rows: int) -> None:
    for size in SIZES:
        check(gain, size, rows)
        check(gain, 1.0 / size, rows)


@pytest.mark.parametrize("size", [1e45, 1e60, 1e300])
def test_a_bias_beside_values_that_outgrow_it_changes_nothing(size: float) -> None:
    check(1e300, size, rows=1, bias_std=1.0)
    check(1e300, size, rows=2, bias_std=1e-300)


@pytest.mark.parametrize("size", [1e-45, 1e-153, 1e-300])
def test_an_activation_on_its_tangent_is_an_identity(size: float) -> None:
    check(1e-300, size, rows=1, act="tanh")
    check(1e-300, size, rows=2, act="softsign")
    check(2.0**-101, size, rows=1, act="sin")


@pytest.mark.parametrize("act", ["tanh", "sigmoid", "gelu"])
@pytest.mark.parametrize("bias_std", [0.0, 1.0])
def test_what_float64_cannot_hold_is_an_error_and_no_number(act: str, bias_std: float) -> None:
    x = np.full((1, WIDTH), 1e45)
    with pytest.raises(vanish.VanishError, match=f"layer 1: the values of {act} grow past 1.8e308"):
        vanish.simulate(
            engine="sampled", act=act, layers=3, gain=1e300, bias_std=bias_std, input=x, trials=2
        )


@pytest.mark.parametrize(("gain", "size"), [(1e300, 1e45), (1e-300, 1e-45)])
def test_a_scale_that_is_taken_for_a_plain_factor_is_noticed(
    monkeypatch: pytest.MonkeyPatch, gain: float, size: float
) -> None:
    # The planted fault: the product of the two is infinite, or 0.
    monkeypatch.setattr(scaled, "BORNE", 1000)
    with pytest.raises((AssertionError, ValueError, TypeError)):
        check(gain, size, rows=1)
