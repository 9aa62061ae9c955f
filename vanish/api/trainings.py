"""What `vanish.train` returns: networks, and their layers epoch by epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vanish.api.shown import Shown, as_table, listed
from vanish.errors import UsageError
from vanish.numbers.words import plural
from vanish.training import result as training

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vanish.columns import Cell


class Training(Shown, training.Training):
    """A network after its training, of every trial."""

    __doc__ = training.Training.__doc__

    def draw(self) -> str:
        """Return the table."""
        return Trainings([self]).draw()

    def rows(self) -> list[dict[str, Cell]]:
        """Return a single mapping of column to value."""
        return Trainings([self]).rows()

    def given(self) -> Mapping[str, Any]:
        """Return its settings as they were used."""
        return Trainings([self]).given()

    @property
    def by_layer(self) -> TrainedLayers:
        """Its layers epoch by epoch, see `Trainings.by_layer`."""
        return Trainings([self]).by_layer

    def summary(self) -> str:
        """Return the activation, the depth and what came of it."""
        settings = self.settings
        layers = plural(settings.layers, "hidden layer")
        return f"{settings.act_name}, {layers}, {self.outcome.value}"


class Trainings(Shown, tuple[Training, ...]):
    """Trained networks side by side."""

    __slots__ = ()

    def draw(self) -> str:
        """Return the table."""
        from vanish.render.train import view  # noqa: PLC0415 - only to print

        return as_table(view(self))

    def rows(self) -> list[dict[str, Cell]]:
        """Return a mapping of column to value a network."""
        from vanish.render.train import rows  # noqa: PLC0415 - only to print

        return list(rows(self))

    def given(self) -> Mapping[str, Any]:
        """Return the settings that all share, and which of the others there are."""
        return training.common_settings(self)

    @property
    def by_layer(self) -> TrainedLayers:
        """Their layers epoch by epoch, of the history that was kept.

        Raises
        ------
        UsageError
            If none was.
        """
        if not all(trial.history for each in self for trial in each.trials):
            raise UsageError("by_layer: no epoch was kept: give history, such as range(101)")
        return TrainedLayers.of(self)

    def summary(self) -> str:
        """Return each outcome."""
        return "; ".join(each.summary() for each in self)


class TrainedLayers(Shown, tuple[dict[str, Any], ...]):  # noqa: SLOT001 - has more than items
    """Rows of trained networks, one an epoch and layer, epoch 0 being the start.

    Attributes
    ----------
    trained
        The networks.
    """

    trained: Trainings

    @classmethod
    def of(cls, trained: Trainings) -> TrainedLayers:
        """Return the layers of some networks that have a history."""
        found = cls(row for each in trained for row in each.layer_rows())
        found.trained = trained
        return found

    def draw(self) -> str:
        """Return the table of a history without gaps; of another one, tab-separated values."""
        every = all(
            {*range(each.settings.epochs + 1)} <= {*trial.history}
            for each in self.trained
            for trial in each.trials
        )
        if not every:
            return listed(self)
        from vanish.render.train import layer_view  # noqa: PLC0415 - only to print

        return as_table(layer_view(self.trained))

    def rows(self) -> list[dict[str, Cell]]:
        """Return the rows themselves."""
        return [*self]

    def given(self) -> Mapping[str, Any]:
        """Return the settings that all share, and which of the others there are."""
        return self.trained.given()

    def summary(self) -> str:
        """Return each outcome."""
        return self.trained.summary()
