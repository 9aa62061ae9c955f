"""The columns of `vanish train`: a row a network, or a row an epoch and layer of it."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

from vanish.columns import Column, Scale, Table
from vanish.simulation.measured import HIGH, LOW, MEDIAN, rank
from vanish.training.state import known

if TYPE_CHECKING:
    from collections.abc import Callable

    from vanish.columns import Cell
    from vanish.training.result import Training
    from vanish.training.state import State


def _of_start(of: Callable[[State], float]) -> Callable[[Training], Cell]:
    return lambda training: known([each.start for each in training.trials], of)


def _of_end(
    of: Callable[[State], float], share: float = MEDIAN, worst: float = math.inf
) -> Callable[[Training], Cell]:
    return lambda training: known([each.end for each in training.trials], of, share, worst)


def _spread(of: Callable[[State], float], share: float) -> Callable[[Training], Cell]:
    """Return what gives a quantile of several trials, of which one that diverged is the lowest."""
    read = _of_end(of, share, -math.inf)
    return lambda training: read(training) if len(training.trials) > 1 else None


def _train_accuracy(state: State) -> float:
    return state.train_accuracy


def _test_accuracy(state: State) -> float:
    return state.test_accuracy


def _most_dead(state: State) -> float:
    return float(state.dead[:-1].max())


def _if_flat(read: Callable[[Training], Cell]) -> Callable[[Training], Cell]:
    """Return what reads of networks whose S' is 0 on an interval, and nothing of others."""
    return lambda training: (
        read(training) if training.settings.chain.model.activations[0].flat else None
    )


def _epochs(training: Training) -> int:
    trained = sorted(trial.epochs for trial in training.trials)
    return trained[rank(MEDIAN, len(trained))]


NETWORKS: Table[[Training]] = Table(
    ("vanish train",),
    "a network, medians over the trials, each by itself: order statistics for which a trial that"
    " diverged has the lowest accuracy and the largest of anything else",
    Column(
        "act",
        Scale.TEXT,
        "the activation of every hidden layer",
        lambda training: training.settings.act_name,
    ),
    Column(
        "layers",
        Scale.COUNT,
        "how many hidden layers; an identity layer follows them",
        lambda training: training.settings.layers,
    ),
    Column(
        "width",
        Scale.COUNT,
        "the size of every hidden layer",
        lambda training: training.settings.width,
    ),
    Column("init", Scale.TEXT, "the initialiser", lambda training: training.settings.init_name),
    Column(
        "train_accuracy",
        Scale.SHARE,
        "the share of the training part that is right at the end; empty where it diverged",
        _of_end(_train_accuracy, worst=-math.inf),
    ),
    Column(
        "test_accuracy",
        Scale.SHARE,
        "the share of the test part that is right at the end; empty where it diverged",
        _of_end(_test_accuracy, worst=-math.inf),
    ),
    Column(
        "loss",
        Scale.NUMBER,
        "the mean loss of the training part at the end; empty where it diverged",
        _of_end(lambda state: state.loss),
    ),
    Column(
        "log10_ratio_start",
        Scale.LOG10,
        "of ‖∂L/∂a_1‖/‖∂L/∂a_N‖, or of ∂L/∂f for another block than S(Wx+b), before the first step;"
        " empty where either is exactly 0",
        _of_start(lambda state: state.log10_ratio),
    ),
    Column(
        "log10_ratio_end",
        Scale.LOG10,
        "of the same at the end; empty where it diverged, too",
        _of_end(lambda state: state.log10_ratio),
    ),
    Column(
        "log10_ratio_w_start",
        Scale.LOG10,
        "of ‖∂L/∂W_1‖/‖∂L/∂W_N‖, over all matrices of a layer, before the first step; empty where"
        " either is exactly 0",
        _of_start(lambda state: state.log10_ratio_w),
    ),
    Column(
        "log10_ratio_w_end",
        Scale.LOG10,
        "of the same at the end; empty where it diverged, too",
        _of_end(lambda state: state.log10_ratio_w),
    ),
    Column(
        "change_first",
        Scale.NUMBER,
        "‖ΔW_1‖/‖W_1‖, by how much of its size the first weight moved, all matrices of a layer"
        " taken together; empty where it diverged, or has none",
        _of_end(lambda state: float(state.change[0])),
    ),
    Column(
        "change_last",
        Scale.NUMBER,
        "‖ΔW_N‖/‖W_N‖, by how much of its size the last weight moved; empty where it diverged",
        _of_end(lambda state: float(state.change[-1])),
    ),
    Column(
        "outcome",
        Scale.TEXT,
        "what came of the median trial: learned, partly, chance, dead, unchanged or diverged",
        lambda training: training.outcome.value,
    ),
    Column(
        "epochs",
        Scale.COUNT,
        "how many epochs were trained, up to and with one in which it diverged",
        _epochs,
    ),
    Column(
        "chance",
        Scale.SHARE,
        "the test accuracy of always naming the most frequent class",
        lambda training: training.median.chance,
    ),
    Column(
        "train_accuracy_p05",
        Scale.SHARE,
        "the 5 % quantile of train_accuracy over the trials; empty for one trial",
        _spread(_train_accuracy, LOW),
    ),
    Column(
        "train_accuracy_p95",
        Scale.SHARE,
        "the 95 % quantile of train_accuracy over the trials; empty for one trial",
        _spread(_train_accuracy, HIGH),
    ),
    Column(
        "test_accuracy_p05",
        Scale.SHARE,
        "the 5 % quantile of test_accuracy over the trials; empty for one trial",
        _spread(_test_accuracy, LOW),
    ),
    Column(
        "test_accuracy_p95",
        Scale.SHARE,
        "the 95 % quantile of test_accuracy over the trials; empty for one trial",
        _spread(_test_accuracy, HIGH),
    ),
    Column(
        "outcome_share",
        Scale.SHARE,
        "the share of the trials with this outcome; empty for one trial",
        lambda training: training.outcome_share if len(training.trials) > 1 else None,
    ),
    Column(
        "dead_fraction_start",
        Scale.SHARE,
        "the largest share of dead units of a hidden layer before the first step, those with slope"
        " 0 on every example; empty where S' is never 0 on an interval",
        _if_flat(_of_start(_most_dead)),
    ),
    Column(
        "dead_fraction_end",
        Scale.SHARE,
        "the same at the end; empty where it diverged, too",
        _if_flat(_of_end(_most_dead)),
    ),
    Column(
        "block",
        Scale.TEXT,
        "the formula of every hidden layer",
        lambda training: training.settings.block,
    ),
)


def _dead_of(training: Training, epoch: int, k: int) -> float | None:
    if not training.settings.chain.model.activations[k].flat:
        return None
    return training.quantile(epoch, partial(_entry, "dead", k))


def _entry(name: str, k: int, state: State) -> float:
    return float(getattr(state, name)[k])


# Of a network, an epoch and a layer, from 0: the epoch 0 is the start.
LAYERS: Table[[Training, int, int]] = Table(
    ("vanish train --per-layer",),
    "a layer after an epoch, medians over the trials, each by itself",
    Column(
        "act",
        Scale.TEXT,
        "the activation of every hidden layer",
        lambda training, *_: training.settings.act_name,
    ),
    Column(
        "layers",
        Scale.COUNT,
        "how many hidden layers; an identity layer follows them",
        lambda training, *_: training.settings.layers,
    ),
    Column(
        "width",
        Scale.COUNT,
        "the size of every hidden layer",
        lambda training, *_: training.settings.width,
    ),
    Column("init", Scale.TEXT, "the initialiser", lambda training, *_: training.settings.init_name),
    Column("epoch", Scale.COUNT, "after which epoch; 0 is the start", lambda _, epoch, __: epoch),
    Column("layer", Scale.COUNT, "k, from 1 at the input to N", lambda _, __, k: k + 1),
    Column(
        "log10_grad_w",
        Scale.LOG10,
        "of ‖∂L/∂W_k‖ over all matrices of the layer, of one that all layers share its part; this"
        " and all numbers that follow are empty where it diverged, a logarithm also where it is"
        " exactly 0",
        lambda training, epoch, k: training.quantile(epoch, partial(_entry, "log10_grad_w", k)),
    ),
    Column(
        "log10_grad_a",
        Scale.LOG10,
        "of ‖∂L/∂a_k‖, the signal going back",
        lambda training, epoch, k: training.quantile(epoch, partial(_entry, "log10_grad_a", k)),
    ),
    Column(
        "change",
        Scale.NUMBER,
        "‖ΔW_k‖/‖W_k‖, by how much of its size the weight has moved, all matrices of the layer"
        " taken together; empty of none",
        lambda training, epoch, k: training.quantile(epoch, partial(_entry, "change", k)),
    ),
    Column(
        "train_accuracy",
        Scale.SHARE,
        "the share of the training part that is right",
        lambda training, epoch, _: training.quantile(epoch, _train_accuracy, worst=-math.inf),
    ),
    Column(
        "test_accuracy",
        Scale.SHARE,
        "the share of the test part that is right",
        lambda training, epoch, _: training.quantile(epoch, _test_accuracy, worst=-math.inf),
    ),
    Column(
        "loss",
        Scale.NUMBER,
        "the mean loss of the training part",
        lambda training, epoch, _: training.quantile(epoch, lambda state: state.loss),
    ),
    Column(
        "dead_fraction",
        Scale.SHARE,
        "the share of units with slope 0 on every example; empty where S' is never 0 on an"
        " interval",
        _dead_of,
    ),
    Column(
        "block",
        Scale.TEXT,
        "the formula of every hidden layer",
        lambda training, *_: training.settings.block,
    ),
    Column(
        "log10_grad_f",
        Scale.LOG10,
        "of ‖∂L/∂f_k‖, the signal going back for another block than S(Wx+b)",
        lambda training, epoch, k: training.quantile(epoch, partial(_entry, "log10_grad_f", k)),
    ),
)


def layer_rows(training: Training) -> list[dict[str, Cell]]:
    """Return one row an epoch and layer; of the epochs that the network's history kept."""
    return [
        LAYERS.row(training, epoch, k)
        for epoch in training.trials[0].history
        for k in range(training.settings.layers + 1)
    ]
