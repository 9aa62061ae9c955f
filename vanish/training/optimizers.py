"""Optimizers: how a step changes the parameters, all of them at once, in place.

θ are the parameters, g the gradient of the batch's loss by them, η the learning rate.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from vanish.network.registry import Registry
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from vanish.numbers.scaled import FloatArray

    # Takes θ and g, changes θ, and may use g as it likes.
    Update = Callable[[FloatArray, FloatArray], None]

_MOMENTUM = 0.9

# Kingma and Ba's own constants.
_BETA_1, _BETA_2, _EPSILON = 0.9, 0.999, 1e-8


class Optimizer(Record):
    """An optimizer.

    Attributes
    ----------
    name
        What it is called.
    lr
        The learning rate where none is given.
    meaning
        What it is, in a line.
    formula
        What a step does, as text.
    source
        Who has it: the paper, its year, the place in it where that is known.
    start
        Maps a learning rate and the number of parameters to the function that makes the
        steps of one run, with what it has to remember.
    """

    name: str
    lr: float
    meaning: str
    formula: str
    source: str
    start: Callable[[float, int], Update]


def _sgd(lr: float, _: int) -> Update:
    def update(theta: FloatArray, g: FloatArray) -> None:
        np.multiply(g, lr, g)
        np.subtract(theta, g, theta)

    return update


def _momentum(lr: float, size: int) -> Update:
    # v ← μv + g, θ ← θ - ηv, in the form of PyTorch's SGD. Sutskever et al. 2013, "On the
    # importance of initialization and momentum in deep learning", eq. 1, put η into v, which
    # is the same as long as η does not change.
    v, step = np.zeros(size), np.empty(size)

    def update(theta: FloatArray, g: FloatArray) -> None:
        np.multiply(v, _MOMENTUM, v)
        np.add(v, g, v)
        np.multiply(v, lr, step)
        np.subtract(theta, step, theta)

    return update


def _adam(lr: float, size: int) -> Update:
    # m ← β₁m + (1-β₁)g, v ← β₂v + (1-β₂)g², θ ← θ - η m̂/(√v̂+ε) with m̂ = m/(1-β₁ᵗ) and
    # v̂ = v/(1-β₂ᵗ)
    m, v, work = np.zeros(size), np.zeros(size), np.empty(size)
    t = 0

    def update(theta: FloatArray, g: FloatArray) -> None:
        nonlocal t
        t += 1
        np.multiply(m, _BETA_1, m)
        np.multiply(g, 1.0 - _BETA_1, work)
        np.add(m, work, m)
        np.multiply(v, _BETA_2, v)
        np.multiply(g, g, g)
        np.multiply(g, 1.0 - _BETA_2, g)
        np.add(v, g, v)
        np.sqrt(v, work)
        np.multiply(work, 1.0 / math.sqrt(1.0 - _BETA_2**t), work)
        np.add(work, _EPSILON, work)
        np.divide(m, work, work)
        np.multiply(work, lr / (1.0 - _BETA_1**t), work)
        np.subtract(theta, work, theta)

    return update


_REGISTRY = Registry(
    "optimizer",
    (
        Optimizer(
            "sgd",
            0.02,
            "plain gradient descent, the default: it shows the symptom",
            "θ ← θ - ηg",
            'Robbins and Monro 1951, "A stochastic approximation method"',
            _sgd,
        ),
        Optimizer(
            "momentum",
            0.002,
            "gradient descent with a velocity",
            f"v ← {_MOMENTUM:g} v + g, θ ← θ - ηv",
            'Polyak 1964, "Some methods of speeding up the convergence of iteration methods"',
            _momentum,
        ),
        Optimizer(
            "adam",
            0.001,
            "divides by the gradient's own size, and so hides the symptom",
            f"m ← {_BETA_1:g} m + {1 - _BETA_1:.1g} g, v ← {_BETA_2:g} v + {1 - _BETA_2:.1g} g²,"
            f" θ ← θ - η m̂/(√v̂+{_EPSILON:g}), m̂ and v̂ being m and v over 1 - βᵗ",
            'Kingma and Ba 2015, "Adam: a method for stochastic optimization", algorithm 1',
            _adam,
        ),
    ),
)


def names() -> tuple[str, ...]:
    """Return the names of the optimizers, the default first."""
    return _REGISTRY.names()


def get(name: str) -> Optimizer:
    """Return the optimizer called `name`.

    Raises
    ------
    UsageError
        If there is none; the message names the nearest ones.
    """
    return _REGISTRY.get(name)
