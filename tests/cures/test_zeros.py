"""Zeros that are nearest to 0, of functions whose zeros are known."""

from __future__ import annotations

import math
from itertools import islice
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vanish.cures.zeros import NEAR, OutOfReachError, Walk

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

DEPTHS = st.integers(1, 999)


class Counted:
    """A function that knows how often it was looked at."""

    def __init__(self, function: Callable[[float], float]) -> None:
        self.function, self.looks = function, 0

    def __call__(self, x: float) -> float:
        self.looks += 1
        return self.function(x)


@given(zero=st.floats(-2.5, 2.5), slope=DEPTHS)
def test_the_zero_of_a_line_takes_few_looks(zero: float, slope: int) -> None:
    line = Counted(lambda x: slope * (x - zero))
    start = -slope * zero
    place, found = next(Walk(line, start, slope).zeros())
    assert abs(slope * (place - zero)) <= NEAR or abs(place - zero) < 1e-12
    assert found == pytest.approx(slope, rel=1e-6)
    assert line.looks <= 12


@given(zero=st.floats(-250.0, 250.0), slope=DEPTHS)
def test_a_line_is_followed_as_far_as_it_leads(zero: float, slope: int) -> None:
    # Weights of 1e-200 are mended by a gain of 1e200.
    line = Counted(lambda x: slope * (x - zero))
    place, _ = next(Walk(line, -slope * zero, slope).zeros())
    assert slope * abs(place - zero) <= NEAR or place == pytest.approx(zero, rel=1e-12)
    assert line.looks <= 15


@given(critical=st.floats(-1.5, 1.5), slope=DEPTHS, bend=st.floats(0.5, 3.0))
def test_a_curve_that_saturates(critical: float, slope: int, bend: float) -> None:
    # As of sigmoid: steep where small gains make a chain linear, flat where S saturates.
    def curve(x: float) -> float:
        return slope * bend * (1.0 - math.exp((critical - x) / bend))

    place, _ = next(Walk(curve, curve(0.0), slope).zeros())
    assert abs(curve(place)) <= max(NEAR, 0.01 * slope * abs(critical))


# Vanishes where the gain is small, and where it is so large that S is flat.
def humped(x: float) -> float:
    return 6.0 - 8.0 * (x + 1.5) ** 2


LEFT, RIGHT = -1.5 - math.sqrt(0.75), -1.5 + math.sqrt(0.75)


def test_zeros_come_nearest_first_although_the_likely_way_leads_nowhere() -> None:
    # The start is negative: were S to scale, a larger gain would help.
    zeros = [place for place, _ in islice(Walk(humped, humped(0.0), 19).zeros(), 2)]
    assert zeros == [pytest.approx(RIGHT, abs=0.05), pytest.approx(LEFT, abs=0.05)]


def test_a_walk_that_saw_no_zero_knows_the_best_place() -> None:
    def below(x: float) -> float:
        return -1.0 - (x - 0.7) ** 2

    walk = Walk(below, below(0.0), 19)
    assert not list(walk.zeros())
    assert walk.best.place == pytest.approx(0.7, abs=0.3)


def test_a_walk_ends_where_the_function_does() -> None:
    def short(x: float) -> float:
        if abs(x) > 0.3:
            raise OutOfReachError
        return 19.0 * (x - 1.0)

    walk = Walk(short, -19.0, 19)
    assert not list(walk.zeros())
    assert 0.0 <= walk.best.place <= 0.3


def test_other_errors_end_the_walk_with_what_was_seen() -> None:
    def broken(x: float) -> float:
        if x > 0.5:
            raise InterruptedError
        return math.sqrt(x) * 4.0 - 7.0

    walk = Walk(broken, -7.0, 19)
    with pytest.raises(InterruptedError):
        next(walk.zeros())
    assert 0.0 < walk.best.place <= 0.5


def test_a_hint_saves_looks() -> None:
    def curve(x: float) -> float:
        return 300.0 * 2.0 * (1.0 - math.exp((1.03 - x) / 2.0))

    counts = []
    for hint in (None, (1.0, curve(1.0))):
        counted = Counted(curve)
        place, _ = next(Walk(counted, curve(0.0), 299, hint).zeros())
        assert abs(curve(place)) <= NEAR
        counts.append(counted.looks)
    assert counts[1] < counts[0]
    assert counts[1] <= 3


@example(start=-math.inf)
@example(start=math.inf)
@given(start=st.floats(allow_nan=False))
def test_any_walk_ends(start: float) -> None:
    # A plateau leads no nearer anywhere, a true zero is -inf.
    flat = Counted(lambda _: start)
    zeros = list(islice(Walk(flat, start, 19).zeros(), 5))
    assert bool(zeros) == (abs(start) <= NEAR)
    assert flat.looks <= 10


@given(st.randoms(use_true_random=False), st.integers(1, 999))
def test_a_walk_through_noise_ends(random: Random, slope: int) -> None:
    noise = Counted(lambda _: random.uniform(-9.0, 9.0))
    list(islice(Walk(noise, -9.0, slope).zeros(), 4))
    assert noise.looks < 2000


def test_a_jump_over_zero_is_found_from_its_nearer_side() -> None:
    # Chains that are bistable jump: no gain gives a ratio between.
    def jump(x: float) -> float:
        return -2.5 if x < 0.0645 else 5.0

    place, _ = next(Walk(jump, -2.5, 49).zeros())
    assert jump(place) == -2.5
    assert place == pytest.approx(0.0645, abs=2e-3)


def test_where_it_stays_below_zero_the_nearest_place_will_do_if_it_is_near_enough() -> None:
    def below(x: float) -> float:
        return -0.5 - 8.0 * (x - 1.2) ** 2

    place, _ = next(Walk(below, below(0.0), 11, enough=2.0).zeros())
    assert place == pytest.approx(1.2, abs=0.4)
    assert not list(Walk(below, below(0.0), 11).zeros())
