"""Bounds bound, for random blocks of up to four operations that are given as texts.

The gradients are autograd's judged ones (tests/simulation/test_blocks_autograd.py); here no
gradient may exceed the norm bound, nor any product of slopes the bound on it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
from exceeding import exceeding, exceeds
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from known import known

from vanish.numbers.scaled import Magnitude
from vanish.numbers.stack import Magnitudes
from vanish.readings.bounds import BOUND
from vanish.simulation.run import Simulation
from vanish.simulation.settings import Settings

if TYPE_CHECKING:
    from conftest import Plant

COEFFICIENTS = ("0.5", "-2/3", "3", "1/sqrt(layers)", "-layers/2", "1e-3")


class Block(NamedTuple):
    """A formula's text, and how many operations are in it."""

    text: str
    operations: int


@st.composite
def blocks(draw: st.DrawFn, most: int = 4) -> Block:
    """Return a block of one to `most` operations: a product, S, a norm, a number, a sum."""
    shared = {letter: draw(st.sampled_from(["", "", "~"])) for letter in "WVbc"}
    whole = [draw(st.sampled_from(["x", "x", "x", "u"]))]
    for _ in range(draw(st.integers(1, most))):
        kind = draw(st.sampled_from(["matrix", "S", "S", "norm", "number", "skip", "bias"]))
        last = whole[-1]
        if kind == "matrix":
            letter = draw(st.sampled_from("WV"))
            whole.append(f"{letter}{shared[letter]}({last})")
        elif kind == "S":
            whole.append(f"S({last})")
        elif kind == "norm":
            whole.append(f"{draw(st.sampled_from(['LN', 'RMS', 'BN']))}({last})")
        elif kind == "number":
            whole.append(f"{draw(st.sampled_from(COEFFICIENTS))} ({last})")
        elif kind == "skip":
            sign = draw(st.sampled_from("+-"))
            whole.append(f"{draw(st.sampled_from(whole))} {sign} ({last})")
        else:
            letter = draw(st.sampled_from("bc"))
            whole.append(f"({last}) + {letter}{shared[letter]}")
    text = whole[-1]
    # x must be in it, and a block of x alone is none.
    assume("x" in text)
    return Block(text, len(whole) - 1)


ACTS = ("sigmoid", "tanh", "relu", "gelu", "softplus", "selu", "hard_swish")


@st.composite
def simulations(draw: st.DrawFn) -> Simulation:
    text = draw(blocks()).text
    has_bias = any(letter in text.replace("sqrt", "").replace("layers", "") for letter in "bc")
    options: dict[str, Any] = {
        "act": draw(st.sampled_from(ACTS)),
        "weight_std": draw(st.sampled_from([1e-3, 0.5, 1.0, 2.0, 30.0])),
        "bias_std": draw(st.sampled_from([0.0, 0.3, 5.0])) if has_bias else 0.0,
        "batch": draw(st.integers(2 if "BN" in text else 1, 4)),
        "layers": draw(st.integers(1, 4)),
        "width": draw(st.integers(2, 5)),
        "loss": draw(st.sampled_from(["readout", "sum", "mse"])),
        "seed": draw(st.integers(0, 1000)),
    }
    return Simulation(Settings(block=text, norm_bound=True, **options))


@pytest.mark.slow
@settings(max_examples=400)
@given(simulations())
def test_no_gradient_of_any_block_exceeds_its_norm_bound(simulation: Simulation) -> None:
    assert exceeding(simulation) == []


@pytest.mark.slow
@settings(max_examples=400)
@given(simulations())
def test_columns_of_any_block_keep_their_bounds(simulation: Simulation) -> None:
    profile = simulation.profile()
    for layer in profile.layers:
        assert layer.norm_bound is not None
        assert not exceeds(layer.grad_w, layer.norm_bound)
        assert (layer.slope_product is None) == (layer.slope_bound is None)
        if layer.slope_product is not None:
            assert not exceeds(layer.slope_product, known(layer.slope_bound))


@given(blocks())
def test_random_blocks_have_up_to_four_operations(block: Block) -> None:
    assert 1 <= block.operations <= 4


# --- that these tests would notice ---


def some(text: str, **options: Any) -> Simulation:
    common: dict[str, Any] = {"act": "tanh", "width": 4, "layers": 3, "batch": 3, "seed": 3}
    return Simulation(Settings(block=text, norm_bound=True, **(common | options)))


def nothing(g: Any) -> Any:
    """Return g times 0, be it one magnitude or many."""
    return g * (Magnitude.of(0.0) if isinstance(g, Magnitude) else Magnitudes.of(np.zeros(1)))


@pytest.mark.parametrize(
    ("kind", "text", "back"),
    [
        ("add", "x + 0.01 S(Wx+b)", lambda _, __, ___, ____, g: (nothing(g), g)),
        ("add", "0.01 S(x) + W x", lambda _, __, ___, ____, g: (g, nothing(g))),
        ("layernorm", "x + V LN(0.001 S(Wx+b))", lambda _, __, ___, ____, g: (g,)),
        ("batchnorm", "x + V BN(0.001 S(Wx+b))", lambda _, __, ___, ____, g: (g,)),
        ("scale", "100 S(Wx+b)", lambda _, __, ___, ____, g: (g,)),
    ],
)
def test_a_bound_that_forgets_something_is_noticed(
    kind: str, text: str, back: Any, plant: Plant
) -> None:
    # All rows of a readout's ∂L/∂f_N are one, of which BN leaves nothing.
    options = {"act": "identity", "batch": 20, "loss": "mse"}
    assert exceeding(some(text, **options)) == []
    plant(BOUND, kind, back=back)
    assert exceeding(some(text, **options)) != []


def test_sigmoid_skips_slopes_multiply_to_a_quarter_times_powers_of_five_quarters() -> None:
    layers = some("x + S(Wx+b)", act="sigmoid", layers=4).profile().layers
    assert [float(known(each.slope_bound)) for each in layers] == pytest.approx(
        [0.25 * 1.25**j for j in (3, 2, 1, 0)], rel=1e-14
    )


@pytest.mark.parametrize(
    ("text", "factor"),
    [
        # Coefficients count, matrices and norms count 1.
        ("x + 0.5 S(Wx+b)", 1.125),
        ("x - V S(W LN(x)+b)", 1.25),
        ("-2 S(RMS(Wx))", 0.5),
        ("x + S(Wx) + V S(S(Ux))", 1 + 0.25 + 0.25**2),
    ],
)
def test_what_one_layer_multiplies_the_slope_bound_by(text: str, factor: float) -> None:
    layers = some(text, act="sigmoid").profile().layers
    for one, other in pairwise(layers):
        assert float(known(one.slope_bound) / known(other.slope_bound)) == pytest.approx(
            factor, rel=1e-14
        )
