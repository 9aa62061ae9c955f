from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from vanish import losses
from vanish.errors import UsageError
from vanish.losses import draw_readout
from vanish.scaled import Scaled

OUTPUT = np.array([[1.0, -2.0], [0.5, 4.0], [0.0, 0.25]])


def gradient(loss: str, output: Scaled, reference: np.ndarray) -> np.ndarray:
    return losses.get(loss).gradient(output, reference).with_exponent(0).values


def test_names_start_with_the_default() -> None:
    assert losses.names() == ("readout", "sum", "mse")


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


def test_only_mse_takes_a_target() -> None:
    assert [name for name in losses.names() if losses.get(name).takes_target] == ["mse"]


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
