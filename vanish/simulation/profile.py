"""The result: the gradients layer by layer, their ratio from end to end, and the verdict."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

from vanish.network import activations
from vanish.readings.slopes import graph_bound
from vanish.simulation.cells import log10
from vanish.simulation.columns import LAYERS
from vanish.simulation.course import Course, Flow
from vanish.simulation.expected import expected_of, expected_signal
from vanish.simulation.layers import layers_of
from vanish.simulation.measured import MEDIAN, Measured, magnitude_quantiles
from vanish.simulation.thresholds import Thresholds

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from vanish.columns import Cell, Lot
    from vanish.numbers.scaled import Magnitude
    from vanish.readings.expectations import Expectations
    from vanish.simulation.census import Entries
    from vanish.simulation.faults import Faults
    from vanish.simulation.layers import LayerRecord, Layers
    from vanish.simulation.settings import Settings


class Profile(Course):
    """The gradients of one chain, or of the median of several trials, layer by layer.

    Parameters
    ----------
    settings
        What was simulated.
    engine
        How: the name of the reading, ``dense`` or ``sampled``.
    measured
        All that was measured, trial by trial.
    """

    def __init__(self, settings: Settings, engine: str, measured: Measured) -> None:
        self.settings: Final[Settings] = settings
        self.engine: Final[str] = engine
        self.measured: Final[Measured] = measured
        super().__init__(
            Flow(measured.signal, measured.grad_w, measured.weight),
            Thresholds(settings.vanish_below, settings.explode_above),
        )

    @property
    def entries(self) -> Entries | None:
        """The entries of the first trial's signals; None where nobody takes note of them.

        Where a sampled run left them for later, see `compare`, its first trials are run once more
        when they are first asked for.
        """
        later = self.measured.later
        return self.measured.entries if later is None else later.found

    @cached_property
    def layers(self) -> Layers:
        """One record a layer, layer 1 first; they are made when they are read."""
        return layers_of(self.settings, self.measured, self.expected)

    @property
    def expected(self) -> Expectations | None:
        """What mean-field theory expects of each layer; None where it is silent."""
        return self._theory[0]

    @property
    def no_law(self) -> str:
        """What mean-field theory has no law for, where that is why nothing is expected."""
        return self._theory[1]

    @cached_property
    def _theory(self) -> tuple[Expectations | None, str]:
        return expected_of(self.settings)

    @cached_property
    def bounds(self) -> Mapping[str, Magnitude]:
        """The slopes' bound for the sigmoid, ReLU and every activation of the run, by name.

        sup|S'|^N in the article's chain. Those whose slopes have no supremum have none.
        """
        own = {each.name: each for each in self.settings.model.activations}
        wanted = {"sigmoid", "relu", *own}
        known = {name: activations.get(name) for name in activations.names() if name in wanted}
        # In the order of the registry, behind it those that are not in it.
        graph = self.measured.graph
        shown = {name: each for name, each in (known | own).items() if each.has_bound}
        return {name: graph_bound(each, graph) for name, each in shown.items()}

    @property
    def signal(self) -> str:
        """What is compared from layer to layer, by its letter: see `Graph.signal`."""
        return self.measured.graph.signal

    @property
    def ends(self) -> tuple[int, int]:
        """1 and N."""
        return 1, self.settings.model.depth

    @property
    def learners(self) -> Sequence[LayerRecord]:
        """The layers whose weights move: all of them, if they have any."""
        return self.layers if self.settings.model.matrices else ()

    @property
    def is_chain(self) -> bool:
        """Whether each layer takes what the one before it gives: a file's graph may branch."""
        return self.measured.graph.is_chain

    @property
    def is_made_for_its_depth(self) -> bool:
        """Whether other numbers of layers would have other layers, as x + S(Wx+b)/√layers has."""
        formula = self.settings.model.formula
        return formula is not None and formula.block(2) != formula.block(3)

    @property
    def is_drawn_alike(self) -> bool:
        """Whether no setting tells one layer from another, so that what stands out is chance."""
        model, gains = self.settings.model, self.settings.model.gains
        one_gain = not isinstance(gains.each, tuple) or len({*gains.each}) == 1
        one_s = len({activation.name for activation in model.activations}) == 1
        return self.settings.weights is None and one_s and one_gain and gains.last is None

    @property
    def shares_weights(self) -> bool:
        """Whether all layers share a matrix, so that none of them learns by itself."""
        return bool(self.measured.graph.shared_matrices)

    @property
    def is_rank_one(self) -> bool:
        """Whether ∂L/∂W_k is a column times a row, so that it is 0 where the input of W_k is."""
        return self.settings.rows == 1 and self.measured.graph.is_plain

    @property
    def log10_growth(self) -> float | None:
        """log10(‖f_{N-1}‖/‖f_0‖), by how much activations grow on their way to W_N."""
        value = self.measured.value
        (found,) = magnitude_quantiles(value.at(-2).over(value.at(0)).at(None), MEDIAN)
        return log10(found.listed()[0]) if self.steps > 0 else None

    @cached_property
    def faults(self) -> Faults:
        """The layers that change the signal going back quite unlike the others."""
        from vanish.simulation import faults  # noqa: PLC0415 - start-up

        return faults.find(self.measured)

    @property
    def predicted_log10_ratio(self) -> float | None:
        """What mean-field theory expects of `log10_ratio`, if it applies."""
        if self.steps == 0 or not self.expected:
            return None
        signal, depth = expected_signal(self.measured.graph, self.expected), len(self.expected)
        [first], [last] = (signal.part(slice(k, k + 1)) for k in (0, depth - 1))
        return (first / last).log10 if first and last else None

    @property
    def predicted_decades_per_layer(self) -> float | None:
        """What mean-field theory expects of `decades_per_layer`, if it applies."""
        ratio = self.predicted_log10_ratio
        return None if ratio is None else ratio / self.steps

    def rows(self) -> list[dict[str, Cell]]:
        """Return the output contract: one mapping of column to value a layer."""
        return [
            dict(zip(lot, cells, strict=True))
            for lot in self.lots()
            for cells in zip(*lot.values(), strict=True)
        ]

    def lots(self, names: Collection[str] = ()) -> Iterator[Lot]:
        """Yield the same some rows at a time, by column; of those named, if any are."""
        return LAYERS.lots(self, names)
