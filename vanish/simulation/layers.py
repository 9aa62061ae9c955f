"""A record a layer: what was measured over the trials, summed up, beside what theory expects."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from vanish.gauss.quadrature import NoLawError
from vanish.network.initializers import Law
from vanish.network.streams import Streams, Trials
from vanish.numbers.scaled import ZERO, Magnitude, Scaled
from vanish.readings import meanfield
from vanish.readings.slopes import slope_bounds
from vanish.records import Record
from vanish.simulation.measured import (
    HIGH,
    LOW,
    MEDIAN,
    Measured,
    magnitude_quantiles,
    quantile,
    signed_quantile,
)
from vanish.simulation.sample import draw_input, given_input, given_steps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vanish.network.graph import Graph
    from vanish.numbers.scaled import FloatArray
    from vanish.numbers.signed import Signed
    from vanish.numbers.stack import Magnitudes
    from vanish.simulation.settings import Settings


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
    slope_product: Magnitude
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


def records(
    settings: Settings, measured: Measured, expected: Sequence[meanfield.Expected]
) -> Iterator[LayerRecord]:
    """Yield what was measured of each layer, summed up over the trials, beside theory.

    Parameters
    ----------
    settings
        What was simulated.
    measured
        What was measured, trial by trial.
    expected
        What mean-field theory expects of each layer; empty where it is silent.
    """
    depth, sizes, several = settings.model.depth, settings.model.sizes, measured.trials > 1
    graph = measured.graph
    low, median, high = magnitude_quantiles(measured.grad_w, LOW, MEDIAN, HIGH)
    low_a, median_a, high_a = magnitude_quantiles(measured.grad_a, LOW, MEDIAN, HIGH)
    low_s, median_s, high_s = magnitude_quantiles(measured.signal, LOW, MEDIAN, HIGH)
    has_s, shapes = graph.has_s, settings.model.shapes
    relative = measured.grad_w.over(measured.weight)
    nothing: list[None] = [None] * depth

    def middle(magnitudes: Magnitudes) -> list[Magnitude]:
        return magnitude_quantiles(magnitudes, MEDIAN)[0].listed()

    def number(numbers: FloatArray) -> list[float]:
        return list(quantile(numbers, MEDIAN).tolist())

    def of_slopes(numbers: FloatArray) -> list[float | None]:
        return [each if has else None for each, has in zip(number(numbers), has_s, strict=True)]

    def if_flat(numbers: FloatArray) -> list[float | None]:
        flat = (activation.flat for activation in settings.model.activations)
        return [
            each if is_flat else None
            for each, is_flat in zip(of_slopes(numbers), flat, strict=True)
        ]

    def if_bounded(numbers: FloatArray) -> list[float | None]:
        has_sup = (activation.has_bound for activation in settings.model.activations)
        return [
            each if has else None for each, has in zip(of_slopes(numbers), has_sup, strict=True)
        ]

    def of_arguments(magnitudes: Magnitudes) -> list[Magnitude | None]:
        return [each if has else None for each, has in zip(middle(magnitudes), has_s, strict=True)]

    weight = middle(measured.weight)
    has_flat = any(activation.flat for activation in settings.model.activations)
    bound, forward = measured.norm_bound, measured.forward
    columns: dict[str, Sequence[Any]] = {
        "act": [activation.name for activation in settings.model.activations],
        "layer": range(1, depth + 1),
        "n_in": [n_in for n_in, _ in shapes],
        "n_out": [n_out for _, n_out in shapes],
        "grad_w": median.listed(),
        "grad_b": middle(measured.grad_b),
        "grad_a": median_a.listed(),
        "grad_f": middle(measured.grad_f),
        "gain_back": [*(each or None for each in middle(measured.gain_back)), None],
        "weight": weight,
        "value": [
            norm / Magnitude.of(math.sqrt(settings.rows * n))
            for norm, n in zip(middle(measured.value)[1:], sizes[1:], strict=True)
        ],
        "slope_mean": of_slopes(measured.slopes.mean),
        "slope_max": of_slopes(measured.slopes.largest),
        "slope_product": middle(measured.slope_product),
        "slope_bound": slope_bounds(graph, settings.model.activations),
        "norm_bound": nothing if bound is None else middle(bound),
        "predicted": [each.grad_w for each in expected] or nothing,
        "predicted_b": [expected_signal(graph, each) for each in expected] or nothing,
        "zero_fraction": of_slopes(measured.slopes.zero_fraction),
        "relative": [
            each if norm else None for each, norm in zip(middle(relative), weight, strict=True)
        ],
        "active_units": if_flat(measured.slopes.active_units) if has_flat else nothing,
        "dead_fraction": if_flat(measured.slopes.dead_fraction) if has_flat else nothing,
        "log10_active_paths": _paths(graph, if_flat(measured.log10_active_paths))
        if has_flat
        else nothing,
        "grad_w_p05": low.listed() if several else nothing,
        "grad_w_p95": high.listed() if several else nothing,
        "dead_share": np.mean(measured.grad_w.mantissas == 0.0, axis=1).tolist()
        if several
        else nothing,
        "grad_a_p05": low_a.listed() if several else nothing,
        "grad_a_p95": high_a.listed() if several else nothing,
        "signal": median_s.listed(),
        "signal_p05": low_s.listed() if several else nothing,
        "signal_p95": high_s.listed() if several else nothing,
        "predicted_f": [each.grad_f for each in expected] or nothing,
        "predicted_signal": [expected_signal(graph, each) for each in expected] or nothing,
        "rms_a": nothing if forward is None else of_arguments(forward.rms_a),
        "predicted_rms_a": list(_rms_a(settings, expected)) if expected else nothing,
        "mean_f": nothing if forward is None else signed_quantile(forward.mean_f, MEDIAN),
        "std_f": nothing if forward is None else middle(forward.std_f),
        "saturated": nothing if forward is None else if_bounded(measured.slopes.saturated),
        "max_abs_a": nothing if forward is None else of_arguments(forward.largest_a),
        "units": list(settings.model.units),
    }
    rows = zip(*(columns[name] for name in LayerRecord._fields), strict=True)
    return map(LayerRecord._make, rows)


def expected_of(settings: Settings) -> tuple[list[meanfield.Expected], str]:
    """Return what mean-field theory expects of each layer, nothing where it is silent, and why.

    It speaks of random weights, one sample, and a readout that knows nothing of f_N. Of such
    networks the second item says what it has no law for; it is empty for all others.
    """
    if settings.weights is not None or settings.loss != "readout" or settings.rows > 1:
        return [], ""
    model, biases = settings.model, settings.model.drawn_biases
    if reason := _oddity(settings):
        return [], reason
    n_in = {address: shape[1] for address, _, shape in model.parameters if len(shape) == 2}
    ensemble = meanfield.Ensemble(
        *(model.activations, model.sizes, model.variances, settings.bias_std),
        n_in=n_in,
        steps=_step_squares(settings),
        bias_variances=None
        if biases is None or settings.bias_std
        else {
            address: Magnitude.of(biases.rms(address)) ** 2
            for address, _, shape in model.parameters
            if len(shape) == 1
        },
    )
    try:
        return meanfield.expected(ensemble, _input_norm(settings), model.graph), ""
    except NoLawError as error:
        return [], error.reason


def expected_signal(graph: Graph, expected: meanfield.Expected) -> Magnitude | None:
    """Return what is expected of the signal of a layer, see `Graph.signal`."""
    return expected.grad_b if graph.is_plain else expected.grad_f


def _paths(graph: Graph, counts: list[float | None]) -> list[float | None]:
    """Return how many paths go on from each layer, where every layer on the way has one S.

    The units of several S of a layer are counted together, and a path meets some of them.
    """
    parts = [(k, stage.argument_places) for k, stage in enumerate(graph.stages, 1)] or [
        (last, block.argument_places) for block, _, last in graph.runs
    ]
    last = max((last for last, places in parts if len(places) > 1), default=0)
    return [None if k <= last else count for k, count in enumerate(counts, 1)]


def _oddity(settings: Settings) -> str:
    """Return what is drawn by a law that theory does not know; empty where nothing is.

    Entries of W need a mean of 0, and b must be normal, but where it is small: that of torch
    has the variance 1/(3 n_in), and what its law adds is of the order 1/n_in².
    """
    for each in settings.model.initializer_kinds:
        if each.oddity:
            return f"init {each.name}, {each.oddity}"
    biases = settings.model.drawn_biases
    if biases is None or biases.law.law is Law.NORMAL or not biases.law.has_fixed_scale:
        return ""
    odd = biases.law.oddity or "which is not normal"
    return f"bias_init {biases.law.name}, {odd}"


def _rms_a(
    settings: Settings, expected: Sequence[meanfield.Expected]
) -> Iterator[Magnitude | None]:
    """Yield √q of each layer, of all arguments of S together; None without S."""
    for section in settings.model.sections:
        places = section.block.argument_places
        units = [Magnitude.of(section.sizes.places[place]) for place in places]
        for layer in expected[section.first - 1 : section.last]:
            if len(places) < 2:
                yield layer.of_s[0].root() if places else None
                continue
            squares = [n * q for n, q in zip(units, layer.of_s, strict=True)]
            yield (sum(squares, ZERO) / sum(units, ZERO)).root()


def _step_squares(settings: Settings) -> dict[int, Magnitude] | None:
    """Return the mean squares of the inputs that are the layers' own; None for normal ones."""
    steps = given_steps(settings)
    if steps is None:
        return None
    return {k: Magnitude.of(float(np.mean(row**2))) for k, row in enumerate(steps, 1)}


def _input_norm(settings: Settings) -> Magnitude:
    """Return ‖x‖: of several random inputs the root mean square."""
    if given_input(settings) is None and settings.trials > 1:
        return Magnitude.of(math.sqrt(settings.model.n_in))
    trials = Trials.one(0, settings.model.sizes)
    return Scaled(draw_input(settings, Streams(settings.seed), trials)[0]).norm()
