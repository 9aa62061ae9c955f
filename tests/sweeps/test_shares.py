"""Shares of a sweep: short, even at the end, heavy points first, and none of them lost."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vanish.simulation import costs
from vanish.sweeps import run as sweep
from vanish.sweeps import shares as module
from vanish.sweeps.grid import Grid
from vanish.sweeps.run import Outcome, Task, run, simulate_points
from vanish.sweeps.shares import Shares, heaviest_first
from vanish.sweeps.workers import Here

if TYPE_CHECKING:
    from collections.abc import Sequence

UNEVEN: dict[str, list[Any]] = {
    "act": ["tanh", "relu"],
    "layers": [3, 300, 30],
    "width": [4, 64],
    "seed": [1, 2],
    "trials": [1, 10],
}


def sizes(workers: int, points: int, seconds: float) -> list[int]:
    """Return how many points are handed out at a time, if each takes so long."""
    shares = Shares(range(points), points, workers)
    taken: list[list[int]] = []
    while share := shares.take():
        taken.append(share)
        shares.note(len(share), seconds * len(share))
    assert [point for share in taken for point in share] == [*range(points)]
    return [len(share) for share in taken]


@pytest.mark.parametrize("workers", [1, 2, 7])
@pytest.mark.parametrize("seconds", [2.0**-20, 2.0**-10, 2.0**-5, 2.0**-3, 3.0])
@pytest.mark.parametrize("points", [1, 2, 10, 999])
def test_shares_are_short_and_end_together(workers: int, seconds: float, points: int) -> None:
    found = sizes(workers, points, seconds)
    assert found[0] == 1
    for i, share in enumerate(found[1:], 1):
        left = points - sum(found[:i])
        # About 0.2 s, and never more than its part of what is left.
        assert share == max(1, min(int(0.2 / seconds), -(-left // (4 * workers))))
    assert found[-1] == 1


def test_nothing_is_shared_of_nothing() -> None:
    assert Shares([], 0, 2).take() == []


@given(st.integers(0, 60), st.integers(1, 4), st.lists(st.integers(0, 5), max_size=30))
def test_what_is_given_back_comes_next_and_every_point_once(
    points: int, workers: int, left: list[int]
) -> None:
    shares = Shares(range(points), points, workers)
    done: list[int] = []
    while share := shares.take():
        count = len(share) - min(len(share) - 1, left.pop() if left else 0)
        done += share[:count]
        shares.note(count, 1e-6 * count)
        shares.give_back(share[count:])
    assert done == [*range(points)]


def test_a_share_ends_when_its_time_is_over_and_no_point_is_lost() -> None:
    task = Task(Grid(UNEVEN | {"layers": [2, 5, 4], "width": [4, 3]}))
    whole = simulate_points(task, range(len(task.grid)))
    assert [each.point for each in whole] == [*range(48)]
    (only,) = simulate_points(task, [7, 8, 9], seconds=0.0)
    assert only.rows == whole[7].rows
    crew = Here(partial(simulate_points, task, seconds=0.0))
    lots = [*run(task, range(48), crew, 48)]
    assert {len(lot) for lot in lots} == {1}
    assert sorted((each.point, each.rows) for lot in lots for each in lot) == [
        (each.point, each.rows) for each in whole
    ]


def test_no_work_is_long_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """What workers are given stops by itself, so that a kill costs a moment."""
    given: list[dict[str, Any]] = []

    def choose(work: Any, *_: Any) -> Here[list[Outcome]]:
        given.append(work.keywords)
        return Here(work)

    monkeypatch.setattr(sweep, "choose", choose)
    sweep.crew(Task(Grid({"layers": [2]})), 1, None)
    assert given == [{"seconds": module.SECONDS}]


def microseconds(grid: Grid, points: Sequence[int]) -> list[float]:
    return [costs.used(grid.settings(point)) for point in points]


def test_the_heaviest_points_come_first() -> None:
    grid = Grid(UNEVEN)
    found = [*heaviest_first(grid, range(48))]
    assert sorted(found) == [*range(48)]
    taken = microseconds(grid, found)
    assert taken == sorted(taken, reverse=True)
    assert taken[0] > 10.0 * taken[-1]
    # Those that differ by nothing that counts stay in the grid's order.
    first = [point for point in found if costs.used(grid.settings(point)) == taken[0]]
    assert first == sorted(first)
    some = [*heaviest_first(grid, [40, 3, 22])]
    assert some == sorted([40, 3, 22], key=lambda point: (-microseconds(grid, [point])[0], point))


def test_points_that_fail_come_last() -> None:
    grid = Grid({"layers": [2, 3], "layer_acts": [("relu", "tanh"), ("relu", "tanh", "relu")]})
    assert [*heaviest_first(grid, range(4))] == [3, 0, 1, 2]


@pytest.mark.parametrize(
    "axes",
    [
        {"layers": [*range(1, 200)]},  # as many kinds
        {"layers": [1, 50], "seed": [*range(1500)]},  # as many points
    ],
)
def test_a_large_grid_is_left_in_its_order_and_not_listed(axes: dict[str, list[Any]]) -> None:
    grid = Grid(axes)
    points = iter(range(10**9))
    found = heaviest_first(grid, points)
    assert [next(found) for _ in range(50)] == [*range(50)]
    assert next(points) < 3000


def test_what_sizes_do_not_tell_is_not_asked() -> None:
    """Only what the costs do not depend on may be left out of a kind of point."""
    plain = {"layers": 30, "width": 16, "trials": 3}
    other: dict[str, Any] = {
        "act": "relu",
        "weight_std": 1.3,
        "bias_std": 0.1,
        "gain": 0.5,
        "seed": 9,
        "vanish_below": 1e-9,
        "explode_above": 1e9,
        "last_act": "identity",
        "last_gain": 0.1,
        "loss": "mse",
    }
    assert other.keys() - {"last_gain"} <= module._NO_SIZES
    assert other.keys() >= module._NO_SIZES
    expected = microseconds(Grid({name: [value] for name, value in plain.items()}), [0])
    for name, value in other.items():
        axes = {each: [it] for each, it in plain.items()} | {name: [value]}
        assert microseconds(Grid(axes), [0]) == expected
