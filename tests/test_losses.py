from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import sympy
from mpmath import mp

from vanish import losses
from vanish.errors import UsageError
from vanish.losses import draw_readout
from vanish.scaled import Scaled

OUTPUT = np.array([[1.0, -2.0], [0.5, 4.0], [0.0, 0.25]])


def gradient(loss: str, output: Scaled, reference: np.ndarray) -> np.ndarray:
    return losses.get(loss).gradient(output, reference).with_exponent(0).values


def test_names_start_with_the_default() -> None:
    assert losses.names() == ("readout", "sum", "mse", "cross_entropy")


def test_a_loss_is_the_mean_over_the_rows() -> None:
    output, r, target = Scaled(OUTPUT), np.array([0.6, -0.8]), np.arange(6.0).reshape(3, 2)
    assert gradient("readout", output, r) == pytest.approx(np.array([r, r, r]) / 3, rel=1e-15)
    assert gradient("sum", output, r) == pytest.approx(np.full((3, 2), 1 / 3), rel=1e-15)
    assert gradient("mse", output, target) == pytest.approx((OUTPUT - target) / 3, rel=1e-15)


def test_one_row_of_targets_is_the_target_of_every_row() -> None:
    target = np.array([[1.0, 2.0]])
    expected = gradient("mse", Scaled(OUTPUT), np.repeat(target, 3, axis=0))
    assert gradient("mse", Scaled(OUTPUT), target).tolist() == expected.tolist()


@pytest.mark.parametrize("exponent", [-5000, -700, 700, 5000])
def test_the_gradient_of_mse_has_the_size_of_an_output_of_any_size(exponent: int) -> None:
    found = losses.get("mse").gradient(Scaled(np.array([[0.75]]), exponent), np.zeros((1, 1)))
    size = Fraction(found.values.item()) * Fraction(2) ** found.exponent
    assert size == Fraction(3, 4) * Fraction(2) ** exponent


def test_which_losses_take_a_target() -> None:
    records = [losses.get(name) for name in losses.names()]
    assert [each.name for each in records if each.takes_target] == ["mse", "cross_entropy"]
    assert [each.name for each in records if each.takes_classes] == ["cross_entropy"]


# --- cross-entropy ---

CLASSES = np.array([[1], [0], [1]])


def test_sympy_differentiates_the_cross_entropy() -> None:
    f = sympy.symbols("f0:3", real=True)
    logits = np.array([[0.5, -1.25, 3.0], [2.0, 2.0, -0.75]])
    target = np.array([[2], [0]])
    expected = [
        [
            sympy.diff(sympy.log(sum(map(sympy.exp, f))) - f[t], each)
            .subs(dict(zip(f, map(sympy.Rational, row), strict=True)))
            .evalf(30)
            for each in f
        ]
        for row, (t,) in zip(logits.tolist(), target.tolist(), strict=True)
    ]
    found = gradient("cross_entropy", Scaled(logits), target)
    assert found == pytest.approx(np.array(expected, dtype=float) / 2, rel=1e-14)


@pytest.mark.parametrize("gap", [1.0, 40.0, 700.0, 800.0, 1e5, 1e9])
def test_a_row_that_is_certain_of_its_class_has_a_small_gradient_and_no_zero(gap: float) -> None:
    # Two classes: ∂L/∂f is (-e, e) with e = 1/(1+exp(gap)), where float64 has long a zero.
    found = losses.get("cross_entropy").gradient(Scaled(np.array([[gap, 0.0]])), np.zeros((1, 1)))
    with mp.workdps(30):
        exact = 1 / (1 + mp.exp(mp.mpf(gap)))
        for value, sign in zip(found.values[0].tolist(), (-1, 1), strict=True):
            left = mp.ldexp(mp.mpf(value), found.exponent)
            assert abs(left / (sign * exact) - 1) <= 1e-15 * max(gap, 10.0)


@pytest.mark.parametrize("exponent", [-5000, -700, 0, 700, 5000])
def test_the_cross_entropy_of_an_output_of_any_size(exponent: int) -> None:
    # Far down all classes are equally likely; far up the larger logit is certain.
    output = Scaled(np.array([[0.5, 0.75]]), exponent)
    found = losses.get("cross_entropy").gradient(output, np.zeros((1, 1)))
    values = found.with_exponent(0).values
    expected = 0.5 if exponent < 0 else 1.0 if exponent else 1 / (1 + math.exp(-0.25))
    assert values == pytest.approx(np.array([[-expected, expected]]), rel=1e-15)


def test_a_single_class_leaves_nothing_to_learn() -> None:
    found = losses.get("cross_entropy").gradient(Scaled(np.array([[3.0]])), np.zeros((1, 1)))
    assert found.values.tolist() == [[0.0]]


def test_one_class_is_that_of_every_row_and_trials_go_together() -> None:
    one = gradient("cross_entropy", Scaled(OUTPUT), np.array([[1]]))
    assert one.tolist() == gradient("cross_entropy", Scaled(OUTPUT), np.full((3, 1), 1)).tolist()
    stacked = np.stack([OUTPUT, 2.0 * OUTPUT])
    both = gradient("cross_entropy", Scaled(stacked), np.broadcast_to(CLASSES, (2, 3, 1)))
    for found, logits in zip(both, stacked, strict=True):
        expected = gradient("cross_entropy", Scaled(logits), CLASSES)
        assert found == pytest.approx(expected, rel=1e-15)


def test_training_has_the_same_cross_entropy() -> None:
    generator = np.random.default_rng(0)
    logits = 5.0 * generator.standard_normal((50, 4))
    classes = generator.integers(4, size=50)
    found = np.empty_like(logits)
    losses.cross_entropy_gradient(logits, classes, found)
    expected = gradient("cross_entropy", Scaled(logits), classes[:, None])
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-17)

    def loss(at: np.ndarray) -> float:
        return losses.cross_entropy(at, classes)

    for entry in ((0, 0), (7, 2), (49, 3)):
        step = np.zeros_like(logits)
        step[entry] = 1e-5
        slope = (loss(logits + step) - loss(logits - step)) / 2e-5
        assert slope == pytest.approx(expected[entry], rel=1e-6)


def test_the_cross_entropy_is_stable() -> None:
    assert losses.cross_entropy(np.array([[1e300, 0.0]]), np.array([0])) == 0.0
    assert losses.cross_entropy(np.array([[1e300, 0.0]]), np.array([1])) == 1e300
    assert losses.cross_entropy(np.zeros((2, 4)), np.array([0, 3])) == pytest.approx(math.log(4.0))
    assert losses.cross_entropy(np.array([[1e308, -1e308]]), np.array([1])) == math.inf


@pytest.mark.parametrize("size", [1, 2, 30])
def test_a_readout_is_signs_of_norm_1(size: int) -> None:
    readout = draw_readout(np.random.default_rng(0), (size,))
    assert np.abs(readout) == pytest.approx(np.full(size, 1 / math.sqrt(size)), rel=1e-15)


def test_the_signs_of_a_readout_are_fair() -> None:
    signs = np.sign(draw_readout(np.random.default_rng(0), (10_000,)))
    assert abs(signs.mean()) <= 4 / math.sqrt(10_000)


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    assert losses.get(" MSE ").name == "mse"
    with pytest.raises(UsageError) as caught:
        losses.get("msee")
    assert str(caught.value) == "unknown loss 'msee': did you mean mse?"
