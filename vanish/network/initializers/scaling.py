"""What keeps the size of a signal whatever the layers' sizes are: xavier, he, lecun, orthogonal.

By itself he is one law for the whole family of relu; with the slope a below 0 it is another.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

from vanish.network.initializers.laws import Law
from vanish.network.initializers.record import (
    Family,
    Initializer,
    Number,
    fan_average,
    fan_in,
    one,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

LSUV = "lsuv"

_GAIN = Number("gain", 1.0)

_XAVIER = (
    "between 1/n_in, which keeps the mean square of a_k where S has slope 1, and 1/n_out, which"
    " keeps that of the signal going back"
)
_GLOROT = (
    'Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural '
    'networks", eq. '
)
_KAIMING = "keeps the mean square of a_k where relu makes half of it 0"
_DELVING = (
    'He et al. 2015, "Delving deep into rectifiers: surpassing human-level performance on '
    'ImageNet classification", eq. 10, of a leaky slope eq. 15'
)
_FORWARD = "keeps the mean square of a_k where S has slope 1; selu is made for it"
_BACKPROP = 'LeCun et al. 1998, "Efficient backprop", eq. 16'

# The slope of a leaky relu below 0.
_SLOPE = Number("a", 0.0, ("slope", "alpha", "negative_slope"), -1e150, 1e150)

# People take it for what PyTorch does by itself.
_NOTES = {"he_uniform": "; nn.Linear of PyTorch has another one, see `vanish help kaiming_uniform`"}


def _xavier(law: Law, gain: float) -> Initializer:
    return Initializer("", law, gain, fan_average)


def _he(law: Law, a: float) -> Initializer:
    return Initializer("", law, math.sqrt(2.0) / math.hypot(1.0, a), fan_in)


def _lecun(law: Law) -> Initializer:
    return Initializer("", law, 1.0, fan_in)


def _orthogonal(gain: float) -> Initializer:
    return Initializer("", Law.ORTHOGONAL, gain, one)


def _lsuv() -> Initializer:
    return Initializer("", Law.ORTHOGONAL, 1.0, one, by_data=True)


def families() -> Iterator[Family]:
    """Yield them, in the order in which they are listed."""
    for name, make, takes, example, variance, purpose, sources in (
        (
            "xavier",
            _xavier,
            (_GAIN,),
            "1.414",
            "2/(n_in + n_out), times gain² where one is said",
            _XAVIER,
            (f"{_GLOROT}12", f"{_GLOROT}16"),
        ),
        (
            "he",
            _he,
            (_SLOPE,),
            "0.2",
            "2/n_in, or 2/((1 + a²) n_in) where the slope below 0 is a",
            _KAIMING,
            (_DELVING, _DELVING),
        ),
        ("lecun", _lecun, (), "", "1/n_in", _FORWARD, (_BACKPROP, _BACKPROP)),
    ):
        for law, source in zip((Law.NORMAL, Law.UNIFORM), sources, strict=True):
            full = f"{name}_{law.value}"
            yield Family(
                full,
                partial(make, law),
                f"{law.value} entries of variance {variance}{_NOTES.get(full, '')}",
                purpose,
                source,
                takes,
                f"{full}({example})" if example else full,
            )
    meaning = "the corner of a random orthogonal matrix: its rows or columns are orthonormal"
    meaning += ", times gain where one is said"
    yield Family(
        "orthogonal",
        _orthogonal,
        meaning,
        "keeps lengths exactly from the narrower to the wider of the two layers",
        'Saxe, McClelland and Ganguli 2014, "Exact solutions to the nonlinear dynamics of learning '
        'in deep linear neural networks", section 3',
        (_GAIN,),
        "orthogonal(1.414)",
    )
    yield Family(
        LSUV,
        _lsuv,
        "an orthogonal matrix times what gives W f + b variance 1 over the batch and the units,"
        " layer after layer; it scales given weights, too",
        "starts every layer with values of one size, whatever the activation does",
        'Mishkin and Matas 2016, "All you need is a good init", algorithm 1',
        example=LSUV,
    )
