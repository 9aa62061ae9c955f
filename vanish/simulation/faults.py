"""Layers at fault: those that change the signal going back quite unlike the others.

The way back through layer k has two halves. W_k hands ‖∂L/∂f_{k-1}‖/‖∂L/∂a_k‖ on, its slopes
‖∂L/∂a_k‖/‖∂L/∂f_k‖: the first half names a weight that is too small or too large, the second
a layer that is saturated or mostly dead. Between layers N and 1 their product is the ratio of
the verdict. A layer stands out from its kind: by the median of the halves and their median
absolute deviation, which a few outliers do not move (Rousseeuw and Croux 1993, "Alternatives
to the median absolute deviation", section 1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanish.records import Record
from vanish.simulation.measured import MEDIAN, quantile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vanish.numbers.scaled import FloatArray
    from vanish.simulation.measured import Measured

# A half stands out by more than a decade, and by six standard deviations of normal ones, of
# which 1.4826 median absolute deviations are one. So marked, healthy relu chains of width 4,
# 8, 16 and 64 have a wrong name in 0.45, 0.13, 0.03 and 0 % of the cases.
_DECADES = 1.0
_DEVIATIONS = 6.0 * 1.4826

# With fewer layers there is no kind to stand out from.
FEWEST_LAYERS = 4

# In a run that is stable as a whole, a half is told that is off by two decades.
_HIDDEN = 2.0

# Named are faults that make up at least this share of the change between layers N and 1.
_SHARE = 0.5


class Fault(Record):
    """A layer that stands out.

    Attributes
    ----------
    layer
        k.
    weight, slopes
        log10 of what W_k and the slopes of layer k multiply the signal by; None for a half
        that does not stand out.
    typical_weight, typical_slopes
        The same of the median layer; None where no layer's slopes are known.
    whole
        Whether `weight` is of the whole layer, a block with more in it than a matrix and S.
    mixed
        Whether `slopes` is of all that follows the layer's matrix, which may be more than S.
    """

    layer: int
    weight: float | None
    slopes: float | None
    typical_weight: float
    typical_slopes: float | None
    whole: bool = False
    mixed: bool = False

    def as_dict(self) -> dict[str, int | float | None]:
        """Return the layer and the logarithms, ready for JSON."""
        return {
            "layer": self.layer,
            "log10_weight": self.weight,
            "log10_slopes": self.slopes,
            "log10_typical_weight": self.typical_weight,
            "log10_typical_slopes": self.typical_slopes,
        }

    @property
    def excesses(self) -> tuple[float, float]:
        """By how many decades W_k and the slopes do more than the median layer's."""
        weight = 0.0 if self.weight is None else self.weight - self.typical_weight
        typical = self.typical_slopes
        slopes = 0.0 if self.slopes is None or typical is None else self.slopes - typical
        return weight, slopes

    @property
    def excess(self) -> float:
        """By how many decades the layer changes the signal more than the median one."""
        return sum(self.excesses)


class Faults(Record):
    """All layers that stand out, and what the others do.

    Attributes
    ----------
    found
        The layers, layer 1 first.
    even
        log10 of the factor from layer to layer of the median layer.
    """

    found: tuple[Fault, ...] = ()
    even: float = 0.0

    @property
    def hidden(self) -> tuple[Fault, ...]:
        """Those that a stable signal hides."""
        return tuple(fault for fault in self.found if max(map(abs, fault.excesses)) >= _HIDDEN)

    def explaining(self, log10_ratio: float | None) -> tuple[Fault, ...]:
        """Return those in the direction of a change, if they make up at least half of it."""
        if not log10_ratio:
            return ()
        share = sum(fault.excess for fault in self.found) / log10_ratio
        if share < _SHARE:
            return ()
        return tuple(fault for fault in self.found if fault.excess * log10_ratio > 0.0)


def find(measured: Measured) -> Faults:
    """Return the layers that stand out; none where a gradient is zero, or the graph branches.

    Parameters
    ----------
    measured
        All trials; of each half the median is taken.
    """
    grad_a, grad_f = measured.grad_a, measured.grad_f
    depth = len(grad_a.mantissas)
    if depth < FEWEST_LAYERS:
        return Faults()
    graph = measured.graph
    if not graph.is_chain:
        return Faults()
    if not (graph.is_plain or graph.stages):
        return _whole_layers(measured)
    inner, outer = slice(None, -1), slice(1, None)
    # Of layers 2..N and of layers 1..N-1: what lies between ∂L/∂a_N and ∂L/∂a_1.
    weights = quantile(grad_f.at(inner).over(grad_a.at(outer)).log10, MEDIAN)
    slopes = quantile(grad_a.at(inner).over(grad_f.at(inner)).log10, MEDIAN)
    return of_halves(
        *(Half(range(2, depth + 1), weights), Half(range(1, depth), slopes), weights + slopes),
        mixed=not graph.is_plain,
    )


class Half(Record):
    """What one half of layers multiplies the signal by.

    Attributes
    ----------
    layers
        Their numbers k.
    log10
        Of the factors, shape (L,).
    """

    layers: Sequence[int]
    log10: FloatArray

    @property
    def standing_out(self) -> dict[int, float]:
        """Those that stand out, by k."""
        return {
            self.layers[place]: float(self.log10[place])
            for place in np.flatnonzero(_stand_out(self.log10)).tolist()
        }


def of_halves(weights: Half, slopes: Half, steps: FloatArray, *, mixed: bool = False) -> Faults:
    """Return the layers of which a half stands out; none where one is no number.

    Parameters
    ----------
    weights, slopes
        Of the matrices and of the slopes.
    steps
        log10 of the factors from layer to layer.
    mixed
        As of `Fault`.
    """
    if not all(np.isfinite(each).all() for each in (weights.log10, slopes.log10, steps)):
        return Faults()
    of_weights, of_slopes = weights.standing_out, slopes.standing_out
    weight = _median(weights.log10) if weights.layers else 0.0
    slope = _median(slopes.log10) if slopes.layers else None
    found = (
        Fault(k, of_weights.get(k), of_slopes.get(k), weight, slope, mixed=mixed)
        for k in sorted({*of_weights, *of_slopes})
    )
    return Faults(tuple(found), _median(steps))


def _whole_layers(measured: Measured) -> Faults:
    """Return the layers that stand out as a whole: of blocks that are not the article's.

    Layer k lies between ∂L/∂f_k and ∂L/∂f_{k-1}, for k = 2..N.
    """
    factors = quantile(measured.gain_back.log10, MEDIAN)
    if not np.isfinite(factors).all():
        return Faults()
    typical = _median(factors)
    standing_out = Half(range(2, len(factors) + 2), factors).standing_out
    found = (Fault(k, factor, None, typical, 0.0, whole=True) for k, factor in standing_out.items())
    return Faults(tuple(found), typical)


def _stand_out(factors: FloatArray) -> NDArray[np.bool_]:
    """Tell which factors, as logarithms, stand out."""
    if len(factors) < FEWEST_LAYERS - 1:
        return np.zeros(len(factors), dtype=np.bool_)
    off = np.abs(factors - _median(factors))
    return np.asarray((off > _DECADES) & (off > _DEVIATIONS * _median(off)))


def _median(values: FloatArray) -> float:
    """Return the median over the layers; numpy's own imports masked arrays, 40 ms."""
    return float(quantile(values, MEDIAN))
