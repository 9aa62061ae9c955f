"""What came of a training: the states of its networks, and quantiles over its trials."""

from __future__ import annotations

import math
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

from vanish.records import Record
from vanish.simulation.measured import MEDIAN, rank
from vanish.training import columns
from vanish.training.state import known

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from vanish.columns import Cell
    from vanish.training.settings import TrainingSettings
    from vanish.training.state import State


class Outcome(StrEnum):
    """What came of the training."""

    LEARNED = "learned"
    PARTLY = "partly"
    CHANCE = "chance"
    DEAD = "dead"
    UNCHANGED = "unchanged"
    DIVERGED = "diverged"


class Trial(Record):
    """One network, trained.

    Attributes
    ----------
    start
        Before the first step.
    end
        After the last one; None where it diverged.
    epochs
        How many epochs were trained, up to and with the one in which it diverged.
    outcome
        What came of it.
    chance
        The test accuracy of whoever always names the most frequent class.
    history
        The state after each epoch that was asked for, 0 being the start; None from the one
        on in which it diverged.
    """

    start: State
    end: State | None
    epochs: int
    outcome: Outcome
    chance: float
    history: Mapping[int, State | None]


class Training:
    """All trials of one network.

    Parameters
    ----------
    settings
        What was trained.
    trials
        What came of it.
    """

    def __init__(self, settings: TrainingSettings, trials: Sequence[Trial]) -> None:
        self.settings: TrainingSettings = settings
        self.trials: tuple[Trial, ...] = tuple(trials)

    @cached_property
    def median(self) -> Trial:
        """The trial with the median test accuracy, one that diverged being the lowest."""
        return sorted(self.trials, key=_rank)[rank(MEDIAN, len(self.trials))]

    @property
    def outcome(self) -> Outcome:
        """What came of the median trial."""
        return self.median.outcome

    @property
    def outcome_share(self) -> float:
        """The share of the trials of which the same came."""
        same = sum(trial.outcome is self.outcome for trial in self.trials)
        return same / len(self.trials)

    def row(self) -> dict[str, Cell]:
        """Return the network in one row: medians over the trials, each by itself."""
        return columns.NETWORKS.row(self)

    def layer_rows(self) -> list[dict[str, Cell]]:
        """Return one row an epoch and layer, epoch 0 being the start; of a kept history."""
        return columns.layer_rows(self)

    def quantile(
        self,
        epoch: int,
        of: Callable[[State], float],
        share: float = MEDIAN,
        worst: float = math.inf,
    ) -> float | None:
        """Return a quantile over the trials of what they were after an epoch.

        Parameters
        ----------
        epoch
            Which one, 0 for the start, of a kept history.
        of
            What is asked of a state.
        share
            Which quantile.
        worst
            What stands for a trial that has diverged.
        """
        return known([trial.history[epoch] for trial in self.trials], of, share, worst)


def _rank(trial: Trial) -> float:
    return -math.inf if trial.end is None else trial.end.test_accuracy


def common_settings(trained: Sequence[Training]) -> dict[str, object]:
    """Return the settings that all share, and which of the others there are."""
    settings = [each.settings for each in trained]
    return settings[0].as_dict() | {
        name: list(dict.fromkeys(each.as_dict()[name] for each in settings))
        for name in ("act", "init", "layers", "block")
    }
