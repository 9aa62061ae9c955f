"""Lost precision, beside numpy's own numbers of fewer bits and exact fractions."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import pytest
from command import run_in_process
from hypothesis import given
from hypothesis import strategies as st

import vanish
from vanish import Magnitude
from vanish.precision import FORMATS, Loss, losses, sentences, typical_entry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vanish.profile import LayerRecord

NUMPY: dict[str, Any] = {"float16": np.float16, "float32": np.float32, "float64": np.float64}
NAMES = ["float16", "bfloat16", "float32", "float64"]

ONE_LAYER = vanish.simulate(act="relu", layers=1, width=1, init="orthogonal")


def layers_of(*entries: Magnitude) -> list[LayerRecord]:
    """Return layers with these typical entries."""
    (layer,) = ONE_LAYER.layers
    assert layer.n_in == layer.n_out == 1
    return [layer._replace(layer=k, grad_w=entry) for k, entry in enumerate(entries, start=1)]


def of_powers(*powers: int) -> list[LayerRecord]:
    return layers_of(*(Magnitude.of(1.0, power) for power in powers))


def loss_of(layers: Sequence[LayerRecord], name: str) -> Loss:
    (found,) = (each for each in losses(layers) if each.format == name)
    return found


def numbered(ranges: list[tuple[int, int]]) -> list[int]:
    return [layer for first, last in ranges for layer in range(first, last + 1)]


def fraction(entry: Magnitude) -> Fraction:
    return Fraction(entry.mantissa) * Fraction(2) ** entry.exponent


def limits(name: str) -> tuple[Fraction, Fraction]:
    """Return a format's smallest normal and smallest subnormal number."""
    if name == "bfloat16":  # 8 bits of exponent with bias 127, 7 of significand
        return Fraction(1, 2**126), Fraction(1, 2 ** (126 + 7))
    found = np.finfo(NUMPY[name])
    return Fraction(float(found.smallest_normal)), Fraction(float(found.smallest_subnormal))


@pytest.mark.parametrize("number_format", FORMATS, ids=lambda each: each.name)
def test_formats_have_the_limits_of_numpy(number_format: Any) -> None:
    normal, subnormal = limits(number_format.name)
    assert Fraction(2) ** number_format.normal == normal
    assert Fraction(2) ** number_format.subnormal == subnormal
    if number_format.name in NUMPY:
        largest = Fraction(float(np.finfo(NUMPY[number_format.name]).max))
        assert Fraction(2) ** (number_format.overflow - 1) < largest
        assert largest < Fraction(2) ** number_format.overflow


def test_formats_are_told_in_the_order_of_the_issue() -> None:
    assert [each.format for each in losses(ONE_LAYER.layers)] == NAMES


@pytest.mark.parametrize(
    "options",
    [
        {"act": "sigmoid", "layers": 20},
        {"act": "sigmoid", "layers": 300, "width": 8},
        {"act": "sigmoid", "layers": 700, "width": 8},
        {"act": "tanh", "layers": 40, "width": 16, "weight_std": 0.5},
        {"act": "relu", "widths": (7, 30, 3, 11), "gain": 1e-3},
        {"act": "relu", "layers": 20, "width": 16, "gain": 30.0},
    ],
    ids=str,
)
def test_losses_are_those_of_exact_arithmetic(options: dict[str, Any]) -> None:
    profile = vanish.simulate(**options)
    # (‖∂L/∂W_k‖ / √(n_in n_out))² beside the square of a limit: no root is taken.
    squares = {
        layer.layer: fraction(layer.grad_w) ** 2 / (layer.n_in * layer.n_out)
        for layer in profile.layers
        if layer.grad_w
    }
    assert squares
    for found in losses(profile.layers):
        normal, subnormal = limits(found.format)
        assert numbered(found.blurred) == [k for k, v in squares.items() if v < normal**2]
        assert numbered(found.lost) == [k for k, v in squares.items() if v < subnormal**2]


@pytest.mark.parametrize(
    ("name", "layers", "width"), [("float16", 20, 64), ("float32", 120, 8), ("float64", 700, 4)]
)
def test_lost_layers_are_those_that_a_cast_makes_zero(name: str, layers: int, width: int) -> None:
    profile = vanish.simulate(act="sigmoid", layers=layers, width=width)
    cast = NUMPY[name]
    # Halved, since a cast to nearest makes half the smallest subnormal number a whole one.
    halves = [float(typical_entry(layer) * Magnitude.of(0.5)) for layer in profile.layers]
    zero = [k for k, half in enumerate(halves, start=1) if cast(half) == 0.0]
    found = loss_of(profile.layers, name)
    assert len(zero) > 5
    assert found.lost == [(1, len(zero))]
    assert numbered(found.lost) == zero
    for other in NAMES[NAMES.index(name) + 1 :]:
        assert loss_of(profile.layers, other).lost == []


@pytest.mark.parametrize("name", NAMES)
def test_limits_themselves_are_held_and_the_next_number_below_is_not(name: str) -> None:
    number_format = next(each for each in FORMATS if each.name == name)
    below = Magnitude(math.nextafter(1.0, 0.0), number_format.normal)
    at = Magnitude.of(1.0, number_format.normal)
    assert loss_of(layers_of(at), name) == Loss(name, [], [], [], 0)
    assert loss_of(layers_of(below), name) == Loss(name, [(1, 1)], [], [], 1)
    below = Magnitude(math.nextafter(1.0, 0.0), number_format.subnormal)
    at = Magnitude.of(1.0, number_format.subnormal)
    steps = number_format.normal - number_format.subnormal
    assert loss_of(layers_of(at), name) == Loss(name, [(1, 1)], [], [], steps)
    assert loss_of(layers_of(below), name) == Loss(name, [(1, 1)], [(1, 1)], [], steps + 1)


def test_layers_are_listed_as_ranges() -> None:
    found = loss_of(of_powers(-30, -30, 0, -15, 0, -30, -14, -24, -25), "float16")
    assert found.blurred == [(1, 2), (4, 4), (6, 6), (8, 9)]
    assert found.lost == [(1, 2), (6, 6), (9, 9)]


def test_true_zeros_are_not_lost() -> None:
    zero = Magnitude.of(0.0)
    assert losses(layers_of(zero, zero)) == [Loss(name, [], [], [], 0) for name in NAMES]
    found = loss_of(layers_of(zero, Magnitude.of(1.0, -30), zero), "float16")
    assert found == Loss("float16", [(2, 2)], [(2, 2)], [], 16)
    dead = vanish.simulate(act="relu", layers=8, width=2).layers
    assert not dead[0].grad_w
    assert sentences(dead) == []


@given(
    powers=st.lists(st.floats(-1200.0, 200.0), min_size=1, max_size=6),
    name=st.sampled_from(NAMES),
)
def test_loss_scale_is_the_power_of_two_nearest_to_1_that_saves_every_layer(
    powers: list[float], name: str
) -> None:
    entries = [Magnitude.of(2.0 ** (power % 1.0), math.floor(power)) for power in powers]
    values = [fraction(entry) for entry in entries]
    number_format = next(each for each in FORMATS if each.name == name)
    normal = limits(name)[0]
    top = Fraction(2) ** number_format.overflow * (1 - Fraction(1, 2 ** (number_format.digits + 1)))

    def saves(m: int) -> bool:
        return all(normal <= value * Fraction(2) ** m < top for value in values)

    scale = loss_of(layers_of(*entries), name).loss_scale
    if scale is None:
        assert not any(saves(m) for m in range(-1300, 1300))
    else:
        towards_0 = (scale < 0) - (scale > 0)
        assert saves(scale)
        assert scale == 0 or not saves(scale + towards_0)


def test_no_loss_scale_saves_a_range_that_does_not_fit() -> None:
    # From 2^-14 to below 2^16 there are 30 powers of two.
    assert loss_of(of_powers(-20, 9), "float16").loss_scale == 6
    assert loss_of(of_powers(-20, 10), "float16").loss_scale is None
    assert loss_of(of_powers(20, 0), "float16").loss_scale == -5
    assert loss_of(of_powers(-20, 10), "float32").loss_scale == 0


def test_sentences() -> None:
    assert sentences(of_powers(-20, 0)) == [
        ("float16", "blurs layer 1; a loss scale of 2^6 saves them")
    ]
    assert sentences(of_powers(-28, -28, 0)) == [
        ("float16", "loses layers 1-2; a loss scale of 2^14 saves them")
    ]
    assert sentences(of_powers(-40, 0, -40)) == [
        ("float16", "loses layers 1, 3; no loss scale saves all of them")
    ]
    assert sentences(of_powers(20, 0)) == [
        ("float16", "overflows in layer 1; a loss scale of 2^-5 saves them")
    ]
    assert sentences(of_powers(0)) == []


@pytest.mark.parametrize("value", [65504.0, 65519.0, 65520.0, 65535.0])
def test_what_numpy_makes_infinite_needs_no_loss_scale_of_0(value: float) -> None:
    with np.errstate(over="ignore"):
        held = bool(np.isfinite(np.float16(value)))
    assert (loss_of(layers_of(Magnitude.of(value)), "float16").loss_scale == 0) is held


def no_constant(name: str) -> NoReturn:
    raise AssertionError(f"{name} is not JSON")


def test_json_tells_the_precision_of_every_format() -> None:
    options = ("--act", "sigmoid,relu", "--layers", "20", "--format", "json")
    result = run_in_process(*options)
    assert result.status == 0
    document = json.loads(result.stdout, parse_constant=no_constant)
    for run in document["runs"]:
        profile = vanish.simulate(act=run["settings"]["act"], layers=20)
        assert list(run["precision"]) == NAMES
        for found in losses(profile.layers):
            assert run["precision"][found.format] == {
                "blurred": [list(span) for span in found.blurred],
                "lost": [list(span) for span in found.lost],
                "infinite": [list(span) for span in found.infinite],
                "log2_loss_scale": found.loss_scale,
            }


def table(*options: str) -> str:
    result = run_in_process(*options, "--format", "table")
    assert result.status == 0
    return result.stdout.decode()


def test_table_tells_what_float16_loses_of_a_sigmoid_chain() -> None:
    shown = table("--act", "sigmoid", "--layers", "20")
    first, last = loss_of(vanish.simulate(act="sigmoid", layers=20).layers, "float16").lost[0]
    assert f"float16  loses layers {first}-{last};" in shown
    assert "float32" not in shown


def test_table_of_a_relu_chain_loses_nothing() -> None:
    assert "float" not in table("--act", "relu", "--layers", "20", "--init", "he_normal")
