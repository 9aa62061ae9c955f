"""Initialisers: variance scaling once, the named rules as its special cases.

Weights are drawn with unit scale and carried beside one factor, so that activations
that differ only in that factor share a draw, and no matrix is ever multiplied by it.
"""

from __future__ import annotations

import math
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanish.errors import UsageError
from vanish.network.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from vanish.numbers.scaled import FloatArray


class Law(Enum):
    """The law of a weight matrix before it is scaled."""

    NORMAL = "normal"
    UNIFORM = "uniform"
    ORTHOGONAL = "orthogonal"


def draw(law: Law, generator: np.random.Generator, n_out: int, n_in: int) -> FloatArray:
    """Draw an (n_out, n_in) matrix.

    Entries are independent with mean 0 and variance 1, or, for `Law.ORTHOGONAL`, the
    matrix is the n_out × n_in corner of a Haar-distributed orthogonal one, so that its
    rows or its columns are orthonormal.
    """
    if law is Law.NORMAL:
        return generator.standard_normal((n_out, n_in))
    if law is Law.UNIFORM:
        edge = math.sqrt(3.0)  # U(-√3, √3) has variance 1
        return generator.uniform(-edge, edge, (n_out, n_in))
    tall = generator.standard_normal((max(n_out, n_in), min(n_out, n_in)))
    q, r = np.linalg.qr(tall)
    # Without these signs Q is not Haar-distributed (Mezzadri 2007, "How to generate
    # random matrices from the classical compact groups", section 5).
    q *= np.where(np.diagonal(r) < 0.0, -1.0, 1.0)
    return q if n_out >= n_in else np.ascontiguousarray(q.T)


def _fan_in(n_in: int, _: int) -> float:
    return n_in


def _fan_average(n_in: int, n_out: int) -> float:
    return (n_in + n_out) / 2


def _one(_: int, __: int) -> float:
    return 1.0


class Initializer(NamedTuple):
    """W = `factor` / √fan(n_in, n_out) times a draw of `law`.

    Attributes
    ----------
    name
        What it is called.
    law
        The law of the unscaled matrix.
    factor
        The square root of variance × fan.
    fan
        Maps (n_in, n_out) to what the variance is divided by.
    meaning
        What it is for, in a line.
    source
        Who has it: the paper, its year, the place in it where that is known.
    """

    name: str
    law: Law
    factor: float
    fan: Callable[[int, int], float]
    meaning: str
    source: str

    def scale(self, n_in: int, n_out: int) -> float:
        """Return the factor between the unscaled draw and W."""
        return self.factor / math.sqrt(self.fan(n_in, n_out))

    def weight_std(self, n_in: int, n_out: int) -> float:
        """Return σ_w: an entry of W has variance σ_w²/n_in, as theory parametrises it."""
        # A corner of an orthogonal matrix of that size has entries of variance 1/max.
        entry = 1.0 if self.law is not Law.ORTHOGONAL else 1.0 / math.sqrt(max(n_in, n_out))
        return self.scale(n_in, n_out) * entry * math.sqrt(n_in)


_AS_THEORY = (
    "as theory parametrises it",
    'Poole et al. 2016, "Exponential expressivity in deep neural networks through transient chaos"',
)


def from_weight_std(weight_std: float) -> Initializer:
    """Return Gaussian entries of variance weight_std²/n_in, as theory parametrises them.

    Raises
    ------
    UsageError
        If `weight_std` is out of range.
    """
    # Beyond these, even divided by √n_in, float64 would run out.
    if not 1e-290 <= weight_std <= 1e300:
        raise UsageError(f"weight_std {weight_std:g}: give a number from 1e-290 to 1e300")
    return Initializer("weight_std", Law.NORMAL, weight_std, _fan_in, *_AS_THEORY)


AUTO = "auto"

# Other words for families.
SYNONYMS = {"glorot": "xavier", "kaiming": "he"}

_XAVIER = (
    "between 1/n_in, which keeps the mean square of a_k where S has slope 1, and 1/n_out, which"
    " keeps that of the signal going back"
)
_GLOROT = (
    'Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural '
    'networks", eq. '
)
_KAIMING = "keeps the mean square of a_k where relu makes half of it 0"
_HE = (
    'He et al. 2015, "Delving deep into rectifiers: surpassing human-level performance on '
    'ImageNet classification", eq. 10'
)
_FORWARD = "keeps the mean square of a_k where S has slope 1; selu is made for it"
_LECUN = 'LeCun et al. 1998, "Efficient backprop", eq. 16'
_ISOMETRY = "keeps lengths exactly from the narrower to the wider of the two layers"
_SAXE = (
    'Saxe, McClelland and Ganguli 2014, "Exact solutions to the nonlinear dynamics of learning in '
    'deep linear neural networks", section 3'
)

# The slope of leaky_relu is not put into he: the rule is the same for the whole family.
_REGISTRY = Registry(
    "initialiser",
    (
        Initializer("xavier_normal", Law.NORMAL, 1.0, _fan_average, _XAVIER, f"{_GLOROT}12"),
        Initializer("xavier_uniform", Law.UNIFORM, 1.0, _fan_average, _XAVIER, f"{_GLOROT}16"),
        Initializer("he_normal", Law.NORMAL, math.sqrt(2.0), _fan_in, _KAIMING, _HE),
        Initializer("he_uniform", Law.UNIFORM, math.sqrt(2.0), _fan_in, _KAIMING, _HE),
        Initializer("lecun_normal", Law.NORMAL, 1.0, _fan_in, _FORWARD, _LECUN),
        Initializer("lecun_uniform", Law.UNIFORM, 1.0, _fan_in, _FORWARD, _LECUN),
        Initializer("orthogonal", Law.ORTHOGONAL, 1.0, _one, _ISOMETRY, _SAXE),
    ),
    synonyms=SYNONYMS,
    beside=(AUTO,),
)


def names() -> tuple[str, ...]:
    """Return the names of the initialisers, `auto` first."""
    return _REGISTRY.names()


def spelled(name: str) -> str:
    """Return an initialiser's own name, or `auto`, for any spelling; an unknown one as it is."""
    return _REGISTRY.spelled(name)


def get(name: str) -> Initializer:
    """Return the initialiser called `name`.

    Raises
    ------
    UsageError
        If there is none; the message names the nearest ones.
    """
    return _REGISTRY.get(name)
