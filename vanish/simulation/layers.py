"""A record a layer: what was measured over the trials, summed up, beside what theory expects."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial, reduce
from operator import add, eq
from typing import TYPE_CHECKING, Final, overload

import numpy as np

from vanish.columns import PIECE
from vanish.network.activations.record import of_each
from vanish.numbers.fields import Listed, Numbers, Piecewise, Roots, Same, SignedSizes, Sizes
from vanish.numbers.stack import Magnitudes
from vanish.readings.expectations import Expectations
from vanish.readings.slopes import slope_bounds
from vanish.records import Record
from vanish.simulation import layerfields
from vanish.simulation.expected import expected_signal
from vanish.simulation.layerfields import middle
from vanish.simulation.measured import (
    HIGH,
    LOW,
    MEDIAN,
    Measured,
    magnitude_quantiles,
    quantile,
    signed_quantile,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from vanish.network.graph import Graph
    from vanish.numbers.fields import Field, Known
    from vanish.numbers.scaled import FloatArray, Magnitude
    from vanish.numbers.signed import Signed
    from vanish.simulation.settings import Settings

# The most pieces of records that are kept, see `columns.PIECE`.
_MOST_PIECES = 8


class LayerRecord(Record):
    """What was measured and computed of layer k: what the columns of these names say.

    Where a column has a decimal logarithm, here is the magnitude; None where it is empty,
    but for zeros. Norms are Frobenius norms, `columns.LAYERS` has the meanings.

    Attributes
    ----------
    grad_b, grad_a, grad_f, slope_product, slope_bound, norm_bound, gain_back
        Those of the columns ``log10_grad_b`` and so on.
    weight, relative
        ‖W_k‖ and ‖∂L/∂W_k‖/‖W_k‖; the latter None where W_k is zero.
    value
        The root mean square of the entries of f_k.
    predicted, predicted_b
        Root mean squares of grad_w and grad_b that mean-field theory expects.
    log10_active_paths
        -inf where there is no path.
    grad_w_p05, grad_w_p95, grad_a_p05, grad_a_p95
        Quantiles over several trials.
    signal, signal_p05, signal_p95
        What is compared from layer to layer, and its quantiles: ‖∂L/∂a_k‖ in the article's chain,
        else ‖∂L/∂f_k‖.
    predicted_f, predicted_signal
        Root mean squares of ‖∂L/∂f_k‖ and of the signal that mean-field theory expects.
    rms_a, predicted_rms_a, mean_f, std_f, saturated, max_abs_a
        The signal going forward; what is measured of it is None where nobody asked.
    units
        How many numbers S is applied to on each row, in all its places together.
    """

    act: str
    layer: int
    n_in: int
    n_out: int
    grad_w: Magnitude
    grad_b: Magnitude
    grad_a: Magnitude
    grad_f: Magnitude
    gain_back: Magnitude | None
    weight: Magnitude
    relative: Magnitude | None
    value: Magnitude
    slope_mean: float | None
    slope_max: float | None
    slope_product: Magnitude | None
    slope_bound: Magnitude | None
    norm_bound: Magnitude | None
    predicted: Magnitude | None
    predicted_b: Magnitude | None
    zero_fraction: float | None
    active_units: float | None
    dead_fraction: float | None
    log10_active_paths: float | None
    grad_w_p05: Magnitude | None
    grad_w_p95: Magnitude | None
    dead_share: float | None
    grad_a_p05: Magnitude | None
    grad_a_p95: Magnitude | None
    signal: Magnitude
    signal_p05: Magnitude | None
    signal_p95: Magnitude | None
    predicted_f: Magnitude | None
    predicted_signal: Magnitude | None
    rms_a: Magnitude | None
    predicted_rms_a: Magnitude | None
    mean_f: Signed | None
    std_f: Magnitude | None
    saturated: float | None
    max_abs_a: Magnitude | None
    units: int

    @property
    def status(self) -> str:
        """``ok``, or ``zero`` for a gradient that is exactly 0."""
        return "ok" if self.grad_w else "zero"


class Layers(Sequence[LayerRecord]):
    """The records of all layers, layer 1 first: made some at a time, when they are read.

    A sequence like the tuple of them, and equal to that.

    Parameters
    ----------
    fields
        Those of the records, by name.
    depth
        How many there are.
    """

    def __init__(self, fields: Mapping[str, Field], depth: int) -> None:
        self.fields: Final = fields
        self._depth = depth
        # Those that were made last, by the number of their piece.
        self._made: dict[int, tuple[LayerRecord, ...]] = {}

    def __len__(self) -> int:
        return self._depth

    @overload
    def __getitem__(self, index: int) -> LayerRecord: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[LayerRecord, ...]: ...
    def __getitem__(self, index: int | slice) -> LayerRecord | tuple[LayerRecord, ...]:
        places = range(self._depth)[index]
        if isinstance(places, range):
            return tuple(map(self._at, places))
        return self._at(places)

    def __iter__(self) -> Iterator[LayerRecord]:
        for number in range(-(-self._depth // PIECE)):
            yield from self._piece(number)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Layers | tuple):
            return NotImplemented
        return len(self) == len(other) and all(map(eq, self, other))

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))

    def _at(self, place: int) -> LayerRecord:
        return self._piece(place // PIECE)[place % PIECE]

    def _piece(self, number: int) -> tuple[LayerRecord, ...]:
        if number not in self._made:
            if len(self._made) == _MOST_PIECES:
                self._made.clear()
            rows = slice(number * PIECE, min((number + 1) * PIECE, self._depth))
            cells = [self.fields[name].part(rows) for name in LayerRecord._fields]
            self._made[number] = tuple(map(LayerRecord._make, zip(*cells, strict=True)))
        return self._made[number]


def layers_of(settings: Settings, measured: Measured, expected: Expectations | None) -> Layers:
    """Return what was measured of each layer, summed up over the trials, beside theory.

    Parameters
    ----------
    settings
        What was simulated.
    measured
        What was measured, trial by trial.
    expected
        What mean-field theory expects of each layer; None where it is silent.
    """
    model, several, graph = settings.model, measured.trials > 1, measured.graph
    depth, sizes, activations = model.depth, np.array(model.sizes), model.activations
    # Of a file's graph they are those of its matrices, else two views of the sizes.
    n_in, n_out = np.array(model.shapes).T if graph.stages else (sizes[:-1], sizes[1:])
    low, median, high = magnitude_quantiles(measured.grad_w, LOW, MEDIAN, HIGH)
    of_a = low_a, median_a, high_a = magnitude_quantiles(measured.grad_a, LOW, MEDIAN, HIGH)
    if measured.signal is measured.grad_a:
        low_s, median_s, high_s = of_a
    else:
        low_s, median_s, high_s = magnitude_quantiles(measured.signal, LOW, MEDIAN, HIGH)
    nothing = Same(None)
    has_s, has_arguments = np.array(graph.has_s), np.array(graph.has_arguments)
    flat = has_s & of_each(activations, lambda each: each.flat)
    bounded = has_s & of_each(activations, lambda each: each.has_bound)

    # Of arrays and their medians: some are asked for under several names.
    medians: list[tuple[FloatArray, FloatArray]] = []

    def of_slopes(numbers: FloatArray, known: Known = has_s) -> Field:
        found = next((median for array, median in medians if array is numbers), None)
        if found is None:
            found = quantile(numbers, MEDIAN)
            medians.append((numbers, found))
        return Numbers(found, known)

    def of_arguments(magnitudes: Magnitudes) -> Field:
        return Sizes(middle(magnitudes), has_s)

    def quantiles(magnitudes: Magnitudes) -> Field:
        return Sizes(magnitudes) if several else nothing

    def piecewise(make: Callable[[slice], Field]) -> Field:
        return Piecewise(make, PIECE)

    bounds, has_bounds = slope_bounds(graph, activations)
    bound, forward, has_flat = measured.norm_bound, measured.forward, flat.any()
    theory = expected or Expectations.none()
    signal = expected_signal(graph, theory)
    fields: dict[str, Field] = {
        "act": piecewise(partial(layerfields.names, activations)),
        "layer": Listed(range(1, depth + 1)),
        "n_in": Numbers(n_in),
        "n_out": Numbers(n_out),
        "grad_w": Sizes(median),
        "grad_b": Sizes(
            median_a if measured.grad_b is measured.grad_a else middle(measured.grad_b)
        ),
        "grad_a": Sizes(median_a),
        "grad_f": Sizes(middle(measured.grad_f)),
        "gain_back": piecewise(partial(layerfields.gains, measured.signal)),
        "weight": Sizes(middle(measured.weight)),
        "value": piecewise(
            partial(layerfields.values, middle(measured.value), settings.rows * sizes)
        ),
        "slope_mean": of_slopes(measured.slopes.mean),
        "slope_max": of_slopes(measured.slopes.largest),
        "slope_product": Sizes(middle(measured.slope_product).narrow(), has_arguments),
        "slope_bound": Sizes(bounds, has_arguments & has_bounds),
        "norm_bound": nothing if bound is None else Sizes(middle(bound)),
        "predicted": theory.grad_w,
        "predicted_b": theory.grad_b,
        "zero_fraction": of_slopes(measured.slopes.zero_fraction),
        "relative": piecewise(partial(layerfields.relative, measured.grad_w, measured.weight)),
        "active_units": of_slopes(measured.slopes.active_units, flat) if has_flat else nothing,
        "dead_fraction": of_slopes(measured.slopes.dead_fraction, flat) if has_flat else nothing,
        "log10_active_paths": of_slopes(measured.log10_active_paths, flat & _has_paths(graph))
        if has_flat
        else nothing,
        "grad_w_p05": quantiles(low),
        "grad_w_p95": quantiles(high),
        "dead_share": Numbers(np.mean(measured.grad_w.mantissas == 0.0, axis=1))
        if several
        else nothing,
        "grad_a_p05": quantiles(low_a),
        "grad_a_p95": quantiles(high_a),
        "signal": Sizes(median_s),
        "signal_p05": quantiles(low_s),
        "signal_p95": quantiles(high_s),
        "predicted_f": theory.grad_f,
        "predicted_signal": signal,
        "rms_a": nothing if forward is None else of_arguments(forward.rms_a),
        "predicted_rms_a": nothing if expected is None else _rms_a(settings, expected),
        "mean_f": nothing
        if forward is None
        else SignedSizes(signed_quantile(forward.mean_f, MEDIAN)),
        "std_f": nothing if forward is None else Sizes(middle(forward.std_f)),
        "saturated": nothing if forward is None else of_slopes(measured.slopes.saturated, bounded),
        "max_abs_a": nothing if forward is None else of_arguments(forward.largest_a),
        "units": Numbers(np.fromiter(model.units, np.int64, depth)),
    }
    return Layers(fields, depth)


def _has_paths(graph: Graph) -> Known:
    """Return from which layers on paths are counted: where every layer on the way has one S.

    The units of several S of a layer are counted together, and a path meets some of them.
    """
    parts = [(k, stage.argument_places) for k, stage in enumerate(graph.stages, 1)] or [
        (last, block.argument_places) for block, _, last in graph.runs
    ]
    last = max((last for last, places in parts if len(places) > 1), default=0)
    return np.arange(1, graph.rows + 1) > last


def _rms_a(settings: Settings, expected: Expectations) -> Field:
    """Return √q of each layer, of all arguments of S together; None without S."""
    parts, known = [], []
    for section in settings.model.sections:
        places = section.block.argument_places
        squares = expected.of_s(section.first, section.last)
        if len(places) > 1:
            units = [Magnitudes.of(np.array([float(section.sizes.places[p])])) for p in places]
            squares = [n * q for n, q in zip(units, squares, strict=True)]
            squares = [reduce(add, squares).over(reduce(add, units))]
        length = section.length
        parts.append(squares[0] if places else Magnitudes.of(np.zeros(length)))
        known.append(np.full(length, bool(places)))
    return Roots(Magnitudes.layers(parts), np.concatenate(known))
