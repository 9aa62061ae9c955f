"""Weights that are drawn ahead of their use, by several threads."""

from __future__ import annotations

import weakref
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from vanish import Network
from vanish.errors import MemoryLimitError
from vanish.network.graph import Variable
from vanish.network.streams import Streams, Trials
from vanish.network.weights import Matrix
from vanish.simulation import drawing, run
from vanish.simulation.drawing import Draws
from vanish.simulation.needs import memory_needed
from vanish.simulation.run import Simulation
from vanish.simulation.sample import draw_input
from vanish.simulation.settings import Settings
from vanish.system import memory

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vanish.numbers.scaled import FloatArray

OPTIONS: dict[str, Any] = {"act": "tanh", "layers": 9, "width": 90, "engine": "dense"}


def entries(simulation: Simulation) -> list[FloatArray]:
    return [matrix.matrix.entries for k in range(1, 10) for matrix in simulation.chain.matrices(k)]


def alike(one: Iterable[FloatArray], other: Iterable[FloatArray]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("processors", [1, 2, 5])
@pytest.mark.parametrize(
    "options",
    [{}, {"init": "uniform(-1,2)"}, {"block": "x + V S(W~ LN(x)+b)", "bias_std": 0.5, "batch": 3}],
)
def test_numbers_do_not_depend_on_who_draws_them(
    options: dict[str, Any], processors: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(**OPTIONS | options, seed=4)
    expected = Simulation(settings)
    monkeypatch.setattr(drawing, "_WORTH_THREADS", 1)
    monkeypatch.setattr(drawing, "_PART", 10_000)
    monkeypatch.setattr(drawing, "processors", lambda: processors)
    found = Simulation(settings)
    assert found.norms.keys() == expected.norms.keys()
    for variable, norm in expected.norms.items():
        assert str(found.norms[variable]) == str(norm), variable
    assert alike(entries(found), entries(expected))
    assert len(found.chain.parameters) == len(expected.chain.parameters)
    assert set(found.chain.parameters) == set(expected.chain.parameters)


def test_what_was_drawn_is_not_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "_WORTH_THREADS", 1)
    draws = Draws(Streams(0))
    tanh, relu = (Simulation(Settings(**OPTIONS | {"act": act}), draws) for act in ("tanh", "relu"))
    assert all(a is b for a, b in zip(entries(tanh), entries(relu), strict=True))
    other = Simulation(Settings(**OPTIONS | {"init": "xavier_uniform"}), draws)
    assert not alike(entries(other), entries(tanh))


def test_a_layer_is_there_as_soon_as_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "_WORTH_THREADS", 1)
    monkeypatch.setattr(drawing, "_PART", 1)
    monkeypatch.setattr(drawing, "processors", lambda: 1)
    draws = Draws(Streams(0))
    settings = Settings(**OPTIONS)
    simulation = Simulation(settings, draws)
    assert simulation.chain.parameters[Variable("W", 2)] is not None
    assert not draws.holds(settings)
    _ = simulation.trace
    assert draws.holds(settings)


def test_the_input_of_a_seed_is_drawn_once_and_another_seeds_is_another() -> None:
    draws = Draws(Streams(0))
    settings = Settings(layers=2, width=5, batch=3)
    trials = Trials.one(0, settings.model.sizes)
    x = draws.input(settings, trials)
    assert draws.input(settings, trials) is x
    # A real network keeps its weights whatever the seed, and has other inputs.
    for other in (replace(settings, seed=1), replace(settings, batch=4)):
        expected = draw_input(other, Streams(other.seed), trials)[0]
        assert np.array_equal(draws.input(other, trials), expected)
    later = Trials.one(1, settings.model.sizes)
    assert not np.array_equal(draws.input(settings, later), x)


def test_weights_that_nobody_asks_for_again_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "_MANY", 0)
    monkeypatch.setattr(run, "_LET_GO", 5 * 16)
    settings = Settings(layers=30, width=4, batch=2, block="x + V S(W~ LN(x)+b)", norm_bound=False)
    kept, gone = (Simulation(settings, Draws(Streams(0), once=once)) for once in (False, True))
    one, other = (each.measure() for each in (kept, gone))
    assert np.array_equal(one.grad_w.mantissas, other.grad_w.mantissas)
    assert np.array_equal(one.weight.mantissas, other.weight.mantissas)

    def held(of: Simulation) -> int:
        weights = {id(each): each for k in range(1, 31) for each in of.chain.matrices(k)}
        return sum(each.matrix.entries.size for each in weights.values())

    assert held(kept) == 31 * 16
    # The matrix that all layers share, and what was too little for a call.
    assert 16 <= held(gone) < 7 * 16


@pytest.mark.slow
@pytest.mark.parametrize("init", [("auto", "auto"), ("he_normal", "uniform(-1,1)")])
def test_a_second_chain_asks_for_no_memory_that_the_first_one_has(
    init: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    draws = Draws(Streams(0))
    chains = [
        Settings(act=act, layers=24, width=512, init=each, engine="dense")
        for act, each in zip(("sigmoid", "relu"), init, strict=True)
    ]
    whole = 1.1 * memory_needed(chains[0])
    monkeypatch.setattr(memory, "available", lambda: int(whole) - draws.held(chains[0]))
    _, second = run.compare(chains, draws=draws)
    assert not memory.fits(memory_needed(chains[1]))
    monkeypatch.undo()
    [alone] = run.compare(chains[1:])
    assert np.array_equal(second.measured.grad_w.mantissas, alone.measured.grad_w.mantissas)


def test_a_second_chain_asks_for_what_the_first_one_has_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    draws = Draws(Streams(0))
    settings = Settings(act="relu", layers=24, width=512, engine="dense")
    whole = 1.1 * memory_needed(settings)
    monkeypatch.setattr(memory, "available", lambda: int(whole) - draws.held(settings))
    [*run.compare([settings], draws=draws)]
    more = replace(settings, layers=48)
    with pytest.raises(MemoryLimitError, match="needs 5"):
        [*run.compare([more], draws=draws)]


def test_weights_of_one_trial_make_room_for_the_next_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    chains = [
        Settings(act=act, layers=24, width=512, init="uniform(-0.1,0.1)", trials=2, engine="dense")
        for act in ("tanh", "relu")
    ]
    whole = int(1.1 * memory_needed(chains[0]))
    alive: weakref.WeakValueDictionary[int, Matrix] = weakref.WeakValueDictionary()
    made = Matrix.__init__

    def make(matrix: Matrix, entries: FloatArray) -> None:
        made(matrix, entries)
        alive[id(matrix)] = matrix

    expected = [profile.measured.grad_w.mantissas for profile in run.compare(chains)]
    monkeypatch.setattr(Matrix, "__init__", make)
    monkeypatch.setattr(
        memory, "available", lambda: whole - sum(each.entries.nbytes for each in alive.values())
    )
    found = [profile.measured.grad_w.mantissas for profile in run.compare(chains)]
    assert alike(found, expected)


@pytest.mark.parametrize("block", ["S(Wx+b)", "S(W~x+b)", "x + V S(W~ LN(x)+b)"])
def test_weights_that_all_layers_share_are_held_once(block: str) -> None:
    draws, settings = Draws(Streams(0)), Settings(**OPTIONS, block=block)
    [*run.compare([settings], draws=draws)]
    assert draws.held(settings) == 8 * settings.model.weight_count


def test_a_real_network_is_held_for_all_its_chains() -> None:
    network = Network.of([np.ones((3, 3)), np.ones((3, 3))])
    draws, settings = Draws(Streams(0)), Settings(act="tanh", weights=network)
    assert draws.held(settings) == 0
    [*run.compare([settings], draws=draws)]
    assert draws.held(settings) == 2 * 9 * 8


def test_what_the_bound_needs_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "_MANY", 0)
    monkeypatch.setattr(run, "_LET_GO", 1)
    settings = Settings(act="tanh", layers=6, width=4, norm_bound=True)
    of_once = Simulation(settings, Draws(Streams(0), once=True)).measure()
    expected = Simulation(settings).measure()
    assert of_once.norm_bound is not None
    assert expected.norm_bound is not None
    assert np.array_equal(of_once.norm_bound.mantissas, expected.norm_bound.mantissas)
