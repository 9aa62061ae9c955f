"""Weights that are drawn ahead of their use, by several threads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from vanish.network.graph import Variable
from vanish.network.streams import Streams
from vanish.simulation import drawing
from vanish.simulation.drawing import Draws
from vanish.simulation.run import Simulation
from vanish.simulation.settings import Settings

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
