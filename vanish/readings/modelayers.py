"""What the recursion of `secondmode` knows of every layer, from mean field's way forward."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from vanish.gauss import moments, quadrature
from vanish.numbers.stack import Magnitudes
from vanish.readings.families import LN, Family
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from vanish.gauss.quadrature import Joint
    from vanish.network.activations import Activation
    from vanish.network.graph import Run
    from vanish.numbers.scaled import FloatArray
    from vanish.readings.expectations import Seen
    from vanish.readings.meanfield import Ensemble
    from vanish.readings.sources import Unit

# By so much smaller a variance is taken where S is its tangents at 0, as a power of two.
_NEARER = 60


class Layer(Record):
    """What the recursion knows of one layer, x and S in units in which E x² = 1.

    Attributes
    ----------
    family
        The block.
    width
        n.
    mean
        m, of x.
    variance
        σ², over what norms on the way from x to S divide by.
    share
        ρ.
    of, raw
        Moments of the argument of S and of S, and the same in some other unit, but for the
        argument's own where a norm stands before S.
    """

    family: Family
    width: int
    mean: float
    variance: float
    share: float
    of: Joint
    raw: Joint

    @property
    def value(self) -> tuple[float, float]:
        """The mean square and the mean of f, before a norm behind."""
        skip, scale = self.family.skip, self.family.scale
        square = skip * skip + 2.0 * scale * skip * self.mean * self.of.s
        return square + scale * scale * self.of.ss, skip * self.mean + scale * self.of.s

    @property
    def gain(self) -> float:
        """What the leading order of E‖d‖² is multiplied by."""
        skip, scale = self.family.skip, self.family.scale
        return skip * skip + scale * scale * self.variance * self.of.dd


def layers_of(
    ensemble: Ensemble, start: Unit, seen: Mapping[Run, Seen], families: Mapping[Run, Family]
) -> list[Layer]:
    """Return all layers, layer 1 first; those that are alike are one object."""
    parts = [column.arguments for column in seen.values() if column.arguments is not None]
    joints, shifts = _joints(ensemble, Magnitudes.layers(parts).at((..., 0)))
    squares = Magnitudes.layers(
        [Magnitudes.column([start.square]), *(column.values for column in seen.values())]
    ).at((..., 0))
    twice = Magnitudes(np.full(len(joints), 0.5), 1 + 2 * shifts)
    units = _floats(twice.over(squares.at(slice(None, -1))))
    mean = start.mean()
    m = math.copysign(float((mean.squared() / start.square).root()), mean.mantissa)
    layers: list[Layer] = []
    for section, kind in families.items():
        here = slice(section.first - 1, section.last)
        variances, shares = _sections(ensemble, section, kind, squares.at(here))
        # By all that a layer is made of, with the mean of what it gives.
        made: dict[tuple[float, ...], tuple[Layer, float]] = {}
        numbers = zip(joints[here], units[here], variances, shares, strict=True)
        for raw, unit, sigma, share in numbers:
            variance = sigma / max(1.0 - m * m, 1e-300) if kind.before == LN else sigma
            key = id(raw), unit, variance, share, m
            if key not in made:
                of = _in_units(raw, unit)
                layer = Layer(kind, ensemble.sizes[-1], m, variance, share, of, raw)
                p, given = layer.value
                behind = 0.0 if kind.behind == LN or not p > 0.0 else given / math.sqrt(p)
                made[key] = layer, behind
            layer, m = made[key]
            layers.append(layer)
    return layers


def _sections(
    ensemble: Ensemble, section: Run, kind: Family, squares: Magnitudes
) -> tuple[list[float], list[float]]:
    """Return σ² over what norms divide by, but for the mean that LN takes out, and ρ.

    Parameters
    ----------
    ensemble, section, kind
        The networks, and which layers of which family.
    squares
        The mean squares of what these are given, shape (L,).
    """
    nodes, layers = section.block.nodes, range(section.first, section.last + 1)
    matrix, *biases = next(node.op.slots for node in nodes if node.op.kind == "affine")
    biases += (node.op.slots[0] for node in nodes if node.op.kind == "shift")
    sigma = ensemble.variances(matrix, layers).at((..., 0))
    one = Magnitudes.of(np.ones(len(layers)))
    a = sigma * (one if kind.before else squares)
    share = a.over(a + ensemble.biases(biases[0], layers).at((..., 0))) if biases else one
    variance = sigma.over(squares) if kind.before else sigma
    if kind.between:
        variance = (variance * share).over(a)
    return _floats(variance), _floats(share)


def _floats(magnitudes: Magnitudes) -> list[float]:
    """Return each as a number: 0 or infinite outside the range of float64."""
    with np.errstate(over="ignore", under="ignore"):
        exponents = np.clip(magnitudes.exponents, -5000, 5000)
        found: list[float] = np.ldexp(magnitudes.mantissas, exponents).tolist()
    return found


def _in_units(of: Joint, unit: float) -> Joint:
    """Return the moments with a and S over √unit, those of up to two of them."""
    root = math.sqrt(unit)
    once = {name: getattr(of, name) * root for name in ("s", "sdd", "ad")}
    twice = {name: getattr(of, name) * unit for name in ("ss", "ssdd", "asd", "aadd")}
    return of._replace(**once, **twice)


def _joints(ensemble: Ensemble, q: Magnitudes) -> tuple[list[Joint], NDArray[np.int64]]:
    """Return the moments of every layer, over 2^(a shift) as `moments.brought_near` says."""
    kinds = ensemble.kinds
    layers = range(1, len(q.mantissas) + 1)
    places = np.array([kinds.index(ensemble.activation(k)) for k in layers])
    joints, shifts = np.empty(len(layers), dtype=object), np.zeros(len(layers), dtype=np.int64)
    for place, activation in enumerate(kinds):
        here = np.flatnonzero(places == place)
        there, shifts[here] = _brought_near(activation, q.at(here))
        octaves = np.frexp(there)[1]
        for octave in np.unique(octaves).tolist():
            rows = np.flatnonzero(octaves == octave)
            wanted, which = np.unique(there[rows], return_inverse=True)
            found = quadrature.joint(activation, wanted)
            joints[here[rows]] = _listed(found)[which]
    return joints.tolist(), shifts


def _listed(found: Sequence[Joint]) -> NDArray[np.object_]:
    """Return records as an array of them."""
    array = np.empty(len(found), dtype=object)
    for place, each in enumerate(found):
        array[place] = each
    return array


def _brought_near(activation: Activation, q: Magnitudes) -> tuple[FloatArray, NDArray[np.int64]]:
    """Return what `moments.brought_near` does, of S that is its tangents at 0 some small number."""
    mantissas, exponents = q.mantissas, q.exponents.astype(np.int64)
    halves = np.zeros_like(exponents)
    outside = np.abs(exponents) > moments.LAST_EXPONENT
    if activation.homogeneous:
        halves[outside] = (exponents // 2)[outside]
    tangents = (mantissas == 0.0) | (outside & (exponents < 0) & (not activation.homogeneous))
    if not activation.around_zero()[0]:
        halves[tangents] = (exponents // 2)[tangents]
    there = np.array(_floats(Magnitudes(mantissas, exponents - 2 * halves)))
    there[tangents & (there == 0.0)] = 2.0**-moments.LAST_EXPONENT
    # Their tangents: so near to 0 that nothing else of S is met.
    moved = tangents & (halves != 0)
    there[moved], halves[moved] = np.ldexp(there[moved], -_NEARER), halves[moved] + _NEARER // 2
    for row in np.flatnonzero(outside & (exponents > 0) & (not activation.homogeneous)).tolist():
        near, halves[row] = moments.brought_near(activation, q.at(slice(row, row + 1)).listed()[0])
        assert near is not None
        there[row] = near
    return there, halves
