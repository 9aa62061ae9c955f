"""Entries of a law that is said, whatever the layers' sizes are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vanish.errors import UsageError
from vanish.network.initializers.laws import CUT_STD, Law
from vanish.network.initializers.record import (
    LARGEST,
    SMALLEST,
    Family,
    Initializer,
    Number,
    one,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_STD = Number("std", aliases=("stddev", "sigma"))


def normal(std: float) -> Initializer:
    """Return normal entries of mean 0."""
    return Initializer("", Law.NORMAL, std, one)


def _uniform(low: float, high: float) -> Initializer:
    # Half of each, since their difference may leave float64.
    factor, mean = (0.5 * high - 0.5 * low) / math.sqrt(3.0), 0.5 * low + 0.5 * high
    if factor < SMALLEST:
        raise UsageError(
            f"uniform from {low:g} to {high:g}: give the smaller number first, or constant for one"
        )
    return Initializer("", Law.UNIFORM, factor, one, mean / factor)


def _truncated(std: float) -> Initializer:
    return Initializer("", Law.TRUNCATED, std * CUT_STD, one)


def _constant(value: float) -> Initializer:
    # Zeros have no scale that a product could divide by.
    return Initializer(
        "", Law.CONSTANT, abs(value) or 1.0, one, math.copysign(1.0, value) if value else 0.0
    )


def _zeros() -> Initializer:
    return _constant(0.0)


def _identity() -> Initializer:
    return Initializer("", Law.IDENTITY, 1.0, one)


def families() -> Iterator[Family]:
    """Yield them, in the order in which they are listed."""
    yield Family(
        "normal",
        normal,
        "normal entries of standard deviation std, whatever n_in is",
        "one spread for all layers; 0.02 where norms keep the sizes",
        'Radford et al. 2018, "Improving language understanding by generative pre-training", with'
        " 0.02",
        (_STD,),
        "normal(0.02)",
        of_biases=True,
    )
    edges = (
        Number("low", aliases=("a",), least=-LARGEST),
        Number("high", aliases=("b",), least=-LARGEST),
    )
    yield Family(
        "uniform",
        _uniform,
        "uniform entries from low to high, whatever n_in is; where their mean is not 0 theory has"
        " no law for it",
        "one interval for all layers",
        "uniform_ of PyTorch's nn.init",
        edges,
        "uniform(-1,1)",
        of_biases=True,
    )
    yield Family(
        "truncated_normal",
        _truncated,
        "normal entries that are drawn again beyond 2 std, whatever n_in is; std is that before the"
        f" cut, as in Keras and JAX, and {CUT_STD:.4f} std is left of it. PyTorch's"
        " trunc_normal_(std=0.02) cuts at ±2 itself, which is 100 std: that is normal(0.02)",
        "normal entries without outliers",
        "TruncatedNormal of Keras and truncated_normal of JAX",
        (_STD,),
        "truncated_normal(0.02)",
        aliases=("trunc_normal",),
    )
    yield Family(
        "constant",
        _constant,
        "one number everywhere; where biases are, too, the units of a hidden layer are alike and"
        " stay so; theory has no law for it",
        "shows what weights that are alike do",
        "constant_ of PyTorch's nn.init",
        (Number("value", aliases=("c", "val"), least=-LARGEST),),
        "constant(0.5)",
        of_biases=True,
    )
    yield Family(
        "zeros",
        _zeros,
        "zeros everywhere; theory has no law for it",
        "for biases, and to show that nothing flows through zeros",
        "zeros_ of PyTorch's nn.init",
        example="zeros",
        of_biases=True,
    )
    yield Family(
        "identity",
        _identity,
        "ones on its diagonal and zeros elsewhere, also where it is not square; theory has no law"
        " for it",
        "hands the signal on as it is",
        'Le, Jaitly and Hinton 2015, "A simple way to initialize recurrent networks of rectified '
        'linear units"',
        example="identity",
        aliases=("eye",),
    )
