"""What a dense layer of each framework does where nobody says anything, and what SIREN asks for.

PyTorch, nn.Linear: W by kaiming_uniform_(a=√5) and b both uniform in ±1/√n_in.
Keras, Dense: W by glorot_uniform, b = 0. Flax, nn.Dense: W by lecun_normal, which is a truncated
normal of variance 1/n_in, b = 0.
SIREN, for S = sin(ω x): Sitzmann et al. 2020, "Implicit neural representations with periodic
activation functions", section 3.2: W uniform in ±√(6/n_in)/ω, of layer 1 in ±1/n_in.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vanish.network.initializers.laws import Law
from vanish.network.initializers.record import Family, Initializer, Number, fan_average, fan_in

if TYPE_CHECKING:
    from collections.abc import Iterator


def _square_of_fan_in(n_in: int, _: int) -> float:
    return float(n_in) * n_in


def _torch() -> Initializer:
    third = 1.0 / math.sqrt(3.0)  # U(-e, e) has variance e²/3
    bias = Initializer("torch", Law.UNIFORM, third, fan_in)
    return bias._replace(bias=bias)


def _keras() -> Initializer:
    return Initializer("", Law.UNIFORM, 1.0, fan_average)


def _flax() -> Initializer:
    return Initializer("", Law.TRUNCATED, 1.0, fan_in)


def _siren(omega: float) -> Initializer:
    first = Initializer("", Law.UNIFORM, 1.0 / math.sqrt(3.0), _square_of_fan_in)
    return Initializer("", Law.UNIFORM, math.sqrt(2.0) / omega, fan_in, first=first)


def families() -> Iterator[Family]:
    """Yield them, in the order in which they are listed."""
    yield Family(
        "torch",
        _torch,
        "what PyTorch's nn.Linear has where nobody says anything: uniform entries in ±1/√n_in, a"
        " variance of 1/(3 n_in), and b the same. That is kaiming_uniform_ with a = √5, a sixth of"
        " the variance of he_uniform, which is kaiming_uniform_ by itself",
        "PyTorch's default",
        "reset_parameters of PyTorch's nn.Linear",
        example="torch",
        of_biases=True,
        aliases=("pytorch",),
    )
    yield Family(
        "keras",
        _keras,
        "what Keras' Dense has where nobody says anything: xavier_uniform (Keras says"
        " glorot_uniform), and b = 0",
        "Keras' default",
        "Dense of Keras; Glorot and Bengio 2010",
        example="keras",
    )
    yield Family(
        "flax",
        _flax,
        "what Flax' nn.Dense has where nobody says anything: normal entries of variance 1/n_in that"
        " are cut at 2 standard deviations of what they are before the cut, and b = 0",
        "Flax' default",
        "nn.Dense of Flax, lecun_normal of JAX; LeCun et al. 1998",
        example="flax",
    )
    yield Family(
        "siren",
        _siren,
        "uniform entries in ±√(6/n_in)/omega, of layer 1 in ±1/n_in, for S = sin(omega x)"
        ", and b = 0; the authors' own program draws b as `--bias-init torch` does",
        "keeps the law of the arguments of sines from layer to layer",
        'Sitzmann et al. 2020, "Implicit neural representations with periodic activation '
        'functions", section 3.2',
        (Number("omega", 30.0, ("w0", "omega_0")),),
        "siren(30)",
    )
