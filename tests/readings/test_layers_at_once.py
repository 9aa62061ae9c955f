"""Layers that are read at once say what they say one by one, to the last bit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from vanish.network import activations
from vanish.network.chainrule import Passed
from vanish.network.graph import LAYER, Variable
from vanish.numbers.stack import Stack, listed_exponents
from vanish.readings.forwardsignal import ForwardTally, LayerRows
from vanish.readings.slopesizes import SlopeTally
from vanish.simulation.census import Census

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vanish.numbers.scaled import FloatArray

# By act, so that slopes are of one sign or both, none low, some, or 0.
ACTS = ["sigmoid", "tanh", "relu", "gelu", "hard_swish", "leaky_relu(-0.01)", "exp(x)"]
# T, B and n, the last ones longer than a piece.
SHAPES = [(1, 1, 64), (3, 1, 5), (2, 4, 31), (1, 1, 40000), (130, 1, 128)]
LAYERS = 12


class Chain:
    """a_k, f_k, slopes and exponents of some layers."""

    def __init__(self, act: str, shape: tuple[int, int, int], *, alike: bool) -> None:
        rng = np.random.default_rng(3)
        self.activation = activations.get(act)
        self.a = rng.standard_normal((LAYERS, *shape))
        # A trial of large values, one of constant ones and a layer of zeros.
        self.a[3, 0] *= 20.0
        self.a[5, -1] = 0.7
        self.a[7] = 0.0
        self.f, self.slopes = self.activation.pair(self.a)
        trials = shape[0]
        powers = rng.integers(-2000, 2000, (LAYERS, trials))
        self.powers = [0] * LAYERS if alike else list(powers)

    def stacks(self) -> Iterable[tuple[Stack, Stack]]:
        for a, f, powers in zip(self.a, self.f, self.powers, strict=True):
            one = Stack(a, powers), Stack(f, powers)
            assert one[1].squares is not None
            yield one

    def rows(self, values: FloatArray, here: slice, *, squares: bool) -> LayerRows:
        powers = self.powers[here]
        exponents = 0 if isinstance(powers[0], int) else listed_exponents(powers, len(powers[0]))
        found = np.array([Stack(each).squares for each in values[here]]) if squares else None
        return LayerRows(values[here], exponents, found)


def cut(ends: Sequence[int]) -> list[slice]:
    return [slice(start, end) for start, end in zip([0, *ends], [*ends, LAYERS], strict=True)]


def same(one: object, other: object) -> None:
    """Compare records of records of arrays, byte by byte."""
    if isinstance(one, np.ndarray) or not isinstance(one, tuple):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
        assert np.array_equal(np.signbit(np.asarray(one)), np.signbit(np.asarray(other)))
        return
    assert isinstance(other, tuple)
    for mine, yours in zip(one, other, strict=True):
        same(mine, yours)


@pytest.mark.slow
@pytest.mark.parametrize("ends", [[], [1, 2, 7], list(range(1, LAYERS))])
@pytest.mark.parametrize("alike", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("act", ACTS)
def test_layers_at_once_are_the_layers_one_by_one(
    act: str, shape: tuple[int, int, int], alike: bool, ends: list[int]
) -> None:
    chain = Chain(act, shape, alike=alike)
    kinds = [chain.activation] * LAYERS
    single = SlopeTally(kinds), ForwardTally(shape[0]), Census(np.ones((1, 1)))
    for k, (a, f) in enumerate(chain.stacks(), 1):
        passed = Passed(LAYER, k, [f, a, f], [None, None, chain.slopes[k - 1]])
        for tally in single:
            tally.take(passed)
    for a, f in reversed(list(chain.stacks())):
        single[2].take_back(Variable("f", 1), f)
        single[2].take_back(Variable("a", 1), a)
    several = SlopeTally(kinds), ForwardTally(shape[0]), Census(np.ones((1, 1)))
    for here in cut(ends):
        several[0].add_layers(chain.slopes[here], here.start + 1)
        rows = chain.rows(chain.a, here, squares=False), chain.rows(chain.f, here, squares=True)
        several[1].add_layers(here.start + 1, *rows)
        several[2].take_layers(*rows)
    for here in reversed(cut(ends)):
        for letter, values in (("f", chain.f), ("a", chain.a)):
            last = chain.rows(values, here, squares=False)
            powers = last.exponents if isinstance(last.exponents, int) else last.exponents[::-1]
            several[2].take_back_layers(letter, LayerRows(last.values[::-1], powers))
    same(single[0].read(), several[0].read())
    same(single[1].read(), several[1].read())
    for one, other in zip(ends_of(single[2]), ends_of(several[2]), strict=True):
        same(one, other)


def ends_of(census: Census) -> list[tuple[FloatArray, FloatArray]]:
    return [each.read() for each in (census._a, census._f, census._grad_f, census._grad_a)]
