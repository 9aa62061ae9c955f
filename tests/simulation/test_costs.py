"""Which engine ``auto`` takes: by the settings alone, and by what the engines take."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import vanish
from vanish.simulation import costs
from vanish.simulation.settings import Settings
from vanish.sweeps.grid import Grid
from vanish.system import memory, threads

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MANY = {"layers": 65, "width": 512}

SIZES = st.fixed_dictionaries(
    {
        "layers": st.integers(1, 2000),
        "width": st.integers(2, 20_000),
        "batch": st.integers(1, 2000),
    },
    optional={
        "init": st.sampled_from(["orthogonal", "he_normal"]),
        "block": st.sampled_from(["residual", "prenorm", "x + V S(W LN(x) + b)"]),
    },
)


def alone(**options: Any) -> str:
    return Settings(**options).engine_used


def in_a_sweep(**options: Any) -> str:
    return Grid({name: [value] for name, value in options.items()}).settings(0).engine


@pytest.mark.parametrize(
    ("options", "engine"),
    [
        ({}, "dense"),
        # As `vanish help trials` says.
        ({"trials": 7}, "dense"),
        ({"trials": 8}, "sampled"),
        ({"trials": 100}, "sampled"),
        ({"layers": 100}, "dense"),
        ({"layers": 100, "width": 256}, "sampled"),
        ({"batch": 64}, "dense"),
        (MANY, "sampled"),
        (MANY | {"init": "he_uniform"}, "dense"),
        (MANY | {"norm_bound": True}, "dense"),
        (MANY | {"block": "rnn"}, "dense"),
        (MANY | {"init": "orthogonal"}, "sampled"),
        (MANY | {"weight_std": 1.5}, "sampled"),
        (MANY | {"engine": "dense"}, "dense"),
        ({"engine": "sampled"}, "sampled"),
        ({"widths": (64, 64, 1)}, "dense"),
        ({"widths": (8193, 2048, 1)}, "sampled"),
    ],
)
def test_a_run_by_itself_is_dense_while_that_is_little_beside_the_start(
    options: dict[str, Any], engine: str
) -> None:
    assert alone(**options) == engine


@pytest.mark.parametrize(
    ("options", "engine"),
    [
        ({}, "sampled"),
        ({"batch": 4, "width": 256}, "sampled"),
        ({"layers": 1, "width": 1}, "dense"),
        ({"layers": 100, "width": 64, "batch": 64}, "dense"),
        ({"init": "he_uniform"}, "dense"),
        ({"norm_bound": True}, "dense"),
        ({"block": "rnn"}, "dense"),
        ({"engine": "dense"}, "dense"),
    ],
)
def test_a_point_of_a_sweep_takes_the_faster_one(options: dict[str, Any], engine: str) -> None:
    assert in_a_sweep(**options) == engine
    (row,) = vanish.sweep(**options)
    assert row["engine"] == engine
    same = vanish.simulate(**options | {"engine": engine})
    assert (row["log10_ratio"], row["verdict"]) == (same.log10_ratio, same.verdict.value)


@given(SIZES, st.lists(st.integers(1, 10**6), min_size=2, max_size=3))
def test_more_trials_never_turn_sampled_back_into_dense(
    sizes: dict[str, Any], counts: list[int]
) -> None:
    for engine in (alone, in_a_sweep):
        found = [engine(**sizes, trials=trials) for trials in sorted(counts)]
        assert found == sorted(found)


@given(SIZES, st.integers(1, 10**6))
def test_a_sweep_is_sampled_wherever_a_run_by_itself_is(sizes: dict[str, Any], trials: int) -> None:
    assert in_a_sweep(**sizes, trials=trials) >= alone(**sizes, trials=trials)


@given(SIZES, st.integers(1, 1000))
def test_wider_layers_and_more_of_them_take_longer(sizes: dict[str, Any], trials: int) -> None:
    settings = Settings(**sizes, trials=trials)
    for name in ("layers", "width", "trials"):
        larger = Settings(**{**sizes, "trials": trials, name: 1 + getattr(settings, name)})
        for taken in (costs.dense, costs.sampled):
            assert 0.0 < taken(settings) < taken(larger)


def test_a_single_run_takes_longer_than_the_better_one_by_what_is_not_felt() -> None:
    """Of the whole command, by the model's own word; the benchmark asks the clock."""
    for layers in (1, 5, 20, 100, 1000):
        for width in (1, 8, 64, 256, 1024):
            for trials, batch in ((1, 1), (3, 1), (1, 16), (10, 64), (1000, 1)):
                settings = Settings(layers=layers, width=width, trials=trials, batch=batch)
                taken = {"dense": costs.dense(settings), "sampled": costs.sampled(settings)}
                start = 100_000.0
                best = start + min(taken.values())
                assert start + taken[settings.engine_used] <= 1.2 * best * (1.0 + 1e-12)


@pytest.mark.parametrize(
    "options",
    [
        {"layers": 10**6, "width": 100_000, "trials": 10**6, "batch": 10**6},
        {"layers": 10**6, "width": 1},
        {"layers": 1, "width": 100_000},
        {"layers": 10**8, "width": 10**6},
        {"layers": 10**6, "width": 100_000, "block": "prenorm", "init": "orthogonal"},
    ],
)
def test_extreme_sizes_have_a_cost_and_are_not_listed(options: dict[str, Any]) -> None:
    settings = Settings(**options)
    for taken in (costs.dense(settings), costs.sampled(settings)):
        assert 0.0 < taken < math.inf
    assert settings.engine_used == "sampled"
    assert "sizes" not in vars(settings.model)


def test_nothing_but_the_settings_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    def chosen() -> list[str]:
        several: Sequence[Mapping[str, Any]] = (
            {},
            {"trials": 6},
            {"batch": 64},
            {"layers": 2, "width": 8},
            MANY,
        )
        return [engine(**options) for engine in (alone, in_a_sweep) for options in several]

    before = chosen()
    monkeypatch.setattr(memory, "available", lambda: 10**6)
    monkeypatch.setattr(threads, "processors", lambda: 64)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert chosen() == before
    more = [Settings(seed=5, act="gelu", gain=3.0, vanish_below=1e-9).engine_used]
    assert more == [Settings().engine_used]


def test_more_weights_than_a_gigabyte_are_not_stored_unasked() -> None:
    """Rows so many that sampled is slower do not help: who wants that can say so."""
    many: dict[str, Any] = {"layers": 10, "width": 4096, "batch": 4096}
    settings = Settings(**many)
    assert costs.dense(settings) < costs.sampled(settings)
    assert (alone(**many), in_a_sweep(**many)) == ("sampled", "sampled")
    assert alone(**many | {"layers": 7}) == "dense"
