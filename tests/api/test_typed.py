"""What records take, type checkers let pass: mypy checks this file as it checks the package."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

import vanish
from vanish import Activation, Network, Rows, Settings, TrainingSettings
from vanish.network import activations

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike

    from vanish.numbers.scaled import FloatArray


def test_settings_take_what_they_say() -> None:
    act: Activation = activations.get("tanh")
    weights: list[ArrayLike] = [np.eye(2), [[1.0, 2.0], [3.0, 4.0]]]
    for settings in (
        Settings(input=np.ones(3), width=3, layers=np.int64(2)),
        Settings(input=[[1.0, 2.0], [3.0, 4.0]], width=2, loss="mse", target=[0.0, 1.0]),
        Settings(widths=[3, 4], act=act, gain=[1.0]),
        Settings(widths=np.array([3, 4, 2]), gain=np.array([1.0, 2.0])),
        Settings(layers=2, gain=[1.0, 2.0], layer_acts=["relu", act]),
        Settings(weight_std={"W": 1.0}, block="residual", last_act=act),
        Settings(weight_std=(("W", 1.0),), block="residual", hidden=None),
        Settings(weights=weights),
        Settings(weights={"W1": np.eye(2), "b1": [1.0, 2.0]}, block="residual"),
        Settings(weights=Network.of(weights, [None, [1.0, 2.0]], x=[1.0, 2.0])),
        Settings(block="rnn", steps=np.ones((2, 3)), layers=2, width=3),
    ):
        assert vanish.simulate(settings).layers
    # What a field has is what was meant.
    widths: tuple[int, ...] | None = Settings(widths=[3, 4]).widths
    rows: Rows | None = Settings(input=np.ones(3), width=3).input
    assert widths == (3, 4)
    assert rows is not None
    values: FloatArray = rows.values
    assert values.shape == (1, 3)


def test_rows_and_trainings_take_what_they_say(tmp_path: Path) -> None:
    assert Rows([1.0, 2.0]).values.shape == Rows(((1, 2),), "x").values.shape == (1, 2)
    path = tmp_path / "d.csv"
    path.write_text("".join(f"{i},{i % 3},{'ab'[i % 2]}\n" for i in range(20)))
    settings = TrainingSettings(
        act=activations.get("tanh"), layers=np.int64(1), width=2, epochs=1, data=path, lr=1
    )
    assert vanish.train(settings).trials
    assert vanish.train([settings], history=iter([0])).by_layer
    assert vanish.compare(Settings(layers=1, width=2)).rows()
    assert [*vanish.simulate_grid({"layers": [1], "width": [2]})]
