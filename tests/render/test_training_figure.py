"""The figure of `vanish train`: the same faults are looked for as in the others."""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import drawn
import numpy as np
import pytest
from command import run_in_process

from vanish import Data, TrainingSettings
from vanish.network import activations
from vanish.render.train import title
from vanish.render.training_figure import shown_epochs, training_figure
from vanish.simulation.measured import MEDIAN, rank
from vanish.training.run import train_all

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from vanish.training.result import Training

EPOCHS = 4


def blobs() -> Data:
    generator = np.random.default_rng(0)
    y = np.arange(40) % 2
    return Data.of(generator.standard_normal((40, 2)) + 3.0 * y[:, None], y)


BLOBS = blobs()

RUNS: dict[str, dict[str, Any]] = {
    "two": {"acts": ["sigmoid", "relu"], "layers": [1, 2, 9]},
    "one depth": {"acts": ["tanh"], "layers": [3]},
    "one layer": {"acts": ["tanh", "relu"], "layers": [1]},
    "dead": {"acts": ["relu"], "layers": [12], "width": 1},
    "dead and alive": {"acts": ["relu", "tanh"], "layers": [12], "width": 1},
    "trials": {"acts": ["sigmoid", "relu"], "layers": [1, 8], "trials": 5, "width": 3},
    "diverged": {"acts": ["tanh", "relu"], "layers": [2], "lr": 1e250},
    "many": {"acts": [*activations.names()], "layers": [2], "width": 2},
    "many depths": {"acts": ["tanh"], "layers": [*range(1, 16)], "width": 2},
}


@cache
def figure_of(name: str) -> tuple[list[Training], Figure]:
    options: dict[str, Any] = {"width": 4, "epochs": EPOCHS, "data": BLOBS} | RUNS[name]
    acts, depths = options.pop("acts"), options.pop("layers")
    runs = [TrainingSettings(act=act, layers=n, **options) for act in acts for n in depths]
    trained = list(train_all(runs, history=set(shown_epochs(EPOCHS))))
    return trained, training_figure(trained)


def log10_of(training: Training, epoch: int) -> list[float]:
    """Return the median of log10‖∂L/∂W_k‖ by counting; inf for what diverged."""
    states = [trial.history[epoch] for trial in training.trials]
    layers = range(training.settings.layers + 1)
    columns = [
        sorted(math.inf if state is None else float(state.log10_grad_w[k]) for state in states)
        for k in layers
    ]
    return [column[rank(MEDIAN, len(column))] for column in columns]


def deepest(trained: Sequence[Training]) -> list[Training]:
    depth = max(each.settings.layers for each in trained)
    return [each for each in trained if each.settings.layers == depth]


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_nothing_is_drawn_nowhere_hidden_or_without_a_scale(name: str) -> None:
    trained, figure = figure_of(name)
    assert drawn.is_finite(figure)
    assert not drawn.hidden(figure)
    _, gradients = figure.axes
    assert drawn.decades(gradients) >= 3.0
    depth = max(each.settings.layers for each in trained)
    # The identity behind the hidden layers is layer N.
    assert {1.0, depth + 1.0} <= set(drawn.shown_layers(gradients))
    assert len(drawn.tick_labels(gradients)) >= 3
    assert figure.get_suptitle() == f"Training by depth\n{title(trained)}"
    assert not drawn.crowded(figure)


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_zeros_lie_in_the_strip_and_what_diverged_is_not_drawn(name: str) -> None:
    trained, figure = figure_of(name)
    _, gradients = figure.axes
    strip = drawn.strip(gradients)
    shown = [log10_of(each, epoch) for each in deepest(trained) for epoch in shown_epochs(EPOCHS)]
    if len(deepest(trained)) > 3:
        shown = [log10_of(each, epoch) for each in deepest(trained) for epoch in (0, EPOCHS)]
    expected = [logs for logs in shown if math.inf not in logs]
    heights = [drawn.points(line)[1] for line in drawn.lines(gradients)]
    assert len(heights) == len(expected)
    assert (strip is not None) == any(-math.inf in logs for logs in expected)
    assert ("0" in drawn.tick_labels(gradients)) == (strip is not None)
    for drawn_at, logs in zip(heights, expected, strict=True):
        for height, log10 in zip(drawn_at, logs, strict=True):
            if log10 == -math.inf:
                assert strip is not None
                assert strip[0] < height < strip[1]
            else:
                assert height == log10
    assert ("diverged" in drawn.legend_texts(figure)) == (name == "diverged")


def test_accuracies_are_drawn_by_depth() -> None:
    trained, figure = figure_of("two")
    accuracy, _ = figure.axes
    for act in ("sigmoid", "relu"):
        (line,) = drawn.called(accuracy, act)
        rows = [each.row() for each in trained if each.settings.act == act]
        assert drawn.points(line) == ([1.0, 2.0, 9.0], [row["test_accuracy"] for row in rows])
    assert {"sigmoid", "relu", "guessing", f"epoch {EPOCHS}"} <= set(drawn.legend_texts(figure))


def test_nineteen_kinds_are_told_apart() -> None:
    _, figure = figure_of("many")
    accuracy, gradients = figure.axes
    looks = [
        (line.get_color(), line.get_marker())
        for name in activations.names()
        for line in drawn.called(accuracy, name)
    ]
    assert len(set(looks)) == 19
    assert set(looks) == {(line.get_color(), line.get_marker()) for line in drawn.lines(gradients)}
    # Each is named at both: on the right at the end of the line of the last epoch.
    last = {
        (line.get_color(), line.get_marker()): line
        for line in drawn.labelled(gradients, f"epoch {EPOCHS}")
    }
    at_end = dict(zip(activations.names(), map(last.__getitem__, looks), strict=True))
    for axes, known in ((accuracy, None), (gradients, at_end)):
        ends = drawn.end_names(axes)
        assert drawn.led_to(axes, known) == sorted(ends, key=ends.__getitem__)
        assert {*ends} == {*activations.names()}


def test_many_depths_do_not_run_into_each_other() -> None:
    _, figure = figure_of("many depths")
    accuracy, _ = figure.axes
    labels = [tick.get_text() for tick in accuracy.get_xticklabels()]
    assert (labels[0], labels[-1]) == ("1", "15")
    figure.draw_without_rendering()
    boxes = [tick.get_window_extent() for tick in accuracy.get_xticklabels()]
    assert all(one.x1 < other.x0 for one, other in pairwise(boxes))


def test_text_stays_text() -> None:
    trained, figure = figure_of("two")
    texts = drawn.svg_texts(figure)
    assert {"sigmoid", "relu", "test accuracy", "hidden layers", "‖∂L/∂Wₖ‖"} <= set(texts)
    assert title(trained) in texts


def test_a_gradient_of_0_is_0_in_the_table_and_what_diverged_is_blank() -> None:
    def cells(options: str) -> list[dict[str, str]]:
        common = "train --epochs 2 -f markdown -q"
        lines = run_in_process(*f"{common} {options}".split()).stdout.decode().splitlines()
        rows = [[cell.strip() for cell in line.split("|")] for line in lines if line[:1] == "|"]
        return [dict(zip(rows[0], row, strict=True)) for row in rows[2:]]

    (dead,) = cells("--act relu --layers 12 --width 1")
    assert (dead["gradient at start"], dead["gradient at end"]) == ("0", "0")
    (diverged,) = cells("--act tanh --layers 2 --width 4 --lr 1e250")
    assert diverged["gradient at start"] not in {"", "0"}
    assert diverged["gradient at end"] == ""
    for layer in cells("--act relu --layers 12 --width 1 --per-layer"):
        assert (layer["at start"], layer["at end"]) == ("0", "0")
