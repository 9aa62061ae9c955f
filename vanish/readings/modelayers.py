"""What the recursion of `secondmode` knows of every layer, from mean field's way forward."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from vanish.gauss import moments, quadrature
from vanish.gauss.quadrature import Joint
from vanish.numbers.mantissas import shifted
from vanish.numbers.stack import Magnitudes
from vanish.readings.onematrix import LN, OneMatrix
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from vanish.network.activations import Activation
    from vanish.network.graph import Run
    from vanish.numbers.scaled import FloatArray
    from vanish.readings.expectations import Seen
    from vanish.readings.meanfield import Ensemble
    from vanish.readings.sources import Unit

# Of which moments a or S is a factor, and of which two of them are; of no others that is used.
_ONCE = [Joint._fields.index(name) for name in ("s", "sdd", "ad")]
_TWICE = [Joint._fields.index(name) for name in ("ss", "ssdd", "asd", "aadd")]

# So many layers are made together.
_PIECE = 1024

# By so much smaller a variance is taken where S is its tangents at 0, as a power of two.
_NEARER = 60


class Layer(Record):
    """What the recursion knows of one layer, x and S in units in which E x² = 1.

    Attributes
    ----------
    block
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

    block: OneMatrix
    width: int
    mean: float
    variance: float
    share: float
    of: Joint
    raw: Joint

    @property
    def value(self) -> tuple[float, float]:
        """The mean square and the mean of f, before a norm behind."""
        return _value(self.block, self.mean, self.of.s, self.of.ss)


def _value(block: OneMatrix, mean: float, s: float, ss: float) -> tuple[float, float]:
    """Return E f² and E f of E x, E S and E S²."""
    skip, scale = block.skip, block.scale
    square = skip * skip + 2.0 * scale * skip * mean * s
    return square + scale * scale * ss, skip * mean + scale * s


class Layers(Record):
    """All layers, as arrays of shape (N,); each is made when it is looked at.

    Attributes
    ----------
    sections
        First and last layer of equal blocks, from 0, and the block.
    width
        n.
    mean, variance, share
        As of a layer.
    unit
        By what a² is multiplied, as that of S² is, in units in which E x² = 1.
    table, which
        Moments, shape (U, 13), and which of them are those of each layer.
    """

    sections: list[tuple[int, int, OneMatrix]]
    width: int
    mean: FloatArray
    variance: FloatArray
    share: FloatArray
    unit: FloatArray
    table: FloatArray
    which: NDArray[np.int64]

    @property
    def depth(self) -> int:
        """N."""
        return len(self.which)

    @property
    def flow(self) -> bool:
        """Whether something flows back through all of them."""
        slopes = self.table[self.which, Joint._fields.index("dd")]
        gains = [
            skip * skip + scale * scale * self.variance[first:stop] * slopes[first:stop]
            for first, stop, (skip, scale, *_) in self.sections
        ]
        return bool((slopes > 0.0).all() and all((each > 0.0).all() for each in gains))

    def back(self) -> Iterator[list[Layer]]:
        """Yield layers of one block, not too many at a time, from the last ones on."""
        for first, stop, block in reversed(self.sections):
            for end in range(stop, first, -_PIECE):
                yield self._listed(block, slice(max(first, end - _PIECE), end))

    def _listed(self, block: OneMatrix, here: slice) -> list[Layer]:
        table = self.table[self.which[here]]
        columns = self.mean[here], self.variance[here], self.share[here]
        numbers = (each.tolist() for each in (*columns, in_units(table, self.unit[here]), table))
        return [
            Layer(block, self.width, m, variance, share, Joint._make(of), Joint._make(raw))
            for m, variance, share, of, raw in zip(*numbers, strict=True)
        ]


def in_units(table: FloatArray, unit: FloatArray) -> FloatArray:
    """Return moments, shape (L, 13), with a and S over √unit, those of up to two of them."""
    found = table.copy()
    found[:, _ONCE] *= np.sqrt(unit)[:, None]
    found[:, _TWICE] *= unit[:, None]
    return found


def layers_of(
    ensemble: Ensemble, start: Unit, seen: Mapping[Run, Seen], blocks: Mapping[Run, OneMatrix]
) -> Layers:
    """Return what is known of all layers."""
    parts = [column.arguments for column in seen.values() if column.arguments is not None]
    table, which, shifts = _joints(ensemble, Magnitudes.layers(parts).at((..., 0)))
    squares = Magnitudes.layers(
        [Magnitudes.column([start.square]), *(column.values for column in seen.values())]
    ).at((..., 0))
    twice = Magnitudes(np.full(len(which), 0.5), 1 + 2 * shifts)
    unit = _floats(twice.over(squares.at(slice(None, -1))))
    mean, variance, share = np.empty((3, len(which)))
    given = start.mean()
    m = math.copysign(float((given.squared() / start.square).root()), given.mantissa)
    for section, block in blocks.items():
        here = slice(section.first - 1, section.last)
        variance[here], share[here] = _sections(ensemble, section, block, squares.at(here))
        of_s = table[which[here], 0] * np.sqrt(unit[here]), table[which[here], 1] * unit[here]
        mean[here], m = _means(block, m, *of_s)
        if block.before == LN:
            variance[here] /= np.maximum(1.0 - mean[here] * mean[here], 1e-300)
    sections = [(section.first - 1, section.last, block) for section, block in blocks.items()]
    return Layers(sections, ensemble.sizes[-1], mean, variance, share, unit, table, which)


def _means(block: OneMatrix, m: float, s: FloatArray, ss: FloatArray) -> tuple[FloatArray, float]:
    """Return the mean of what each layer of a block is given, and of what the last one gives.

    Parameters
    ----------
    block
        The block.
    m
        The mean of what the first one is given.
    s, ss
        E S and E S² of each, in its units.
    """
    found = np.empty(len(s))
    for k, (of_s, of_ss) in enumerate(zip(s, ss, strict=True)):
        found[k] = m
        square, mean = _value(block, m, float(of_s), float(of_ss))
        m = 0.0 if block.behind == LN or not square > 0.0 else mean / math.sqrt(square)
    return found, m


def _sections(
    ensemble: Ensemble, section: Run, block: OneMatrix, squares: Magnitudes
) -> tuple[FloatArray, FloatArray]:
    """Return σ² over what norms divide by, but for the mean that LN takes out, and ρ.

    Parameters
    ----------
    ensemble, section, block
        The networks, and which layers of which block.
    squares
        The mean squares of what these are given, shape (L,).
    """
    nodes, layers = section.block.nodes, range(section.first, section.last + 1)
    matrix, *biases = next(node.op.slots for node in nodes if node.op.kind == "affine")
    biases += (node.op.slots[0] for node in nodes if node.op.kind == "shift")
    sigma = ensemble.variances(matrix, layers).at((..., 0))
    one = Magnitudes.of(np.ones(len(layers)))
    a = sigma * (one if block.before else squares)
    share = a.over(a + ensemble.biases(biases[0], layers).at((..., 0))) if biases else one
    variance = sigma.over(squares) if block.before else sigma
    if block.between:
        variance = (variance * share).over(a)
    return _floats(variance), _floats(share)


def _floats(magnitudes: Magnitudes) -> FloatArray:
    """Return each as a number: 0 or infinite outside the range of float64."""
    with np.errstate(over="ignore", under="ignore"):
        return shifted(magnitudes.mantissas, magnitudes.exponents)


def _joints(
    ensemble: Ensemble, q: Magnitudes
) -> tuple[FloatArray, NDArray[np.int64], NDArray[np.int64]]:
    """Return moments, which of them each layer has, and over 2^(which shift).

    For the shifts see `moments.brought_near`.
    """
    kinds = ensemble.kinds
    layers = range(1, len(q.mantissas) + 1)
    places = np.array([kinds.index(ensemble.activation(k)) for k in layers])
    which, shifts = np.zeros((2, len(layers)), dtype=np.int64)
    tables: list[FloatArray] = []
    known = 0
    for place, activation in enumerate(kinds):
        here = np.flatnonzero(places == place)
        there, shifts[here] = _brought_near(activation, q.at(here))
        wanted, of_rows = np.unique(there, return_inverse=True)
        tables.append(quadrature.joint(activation, wanted))
        which[here] = known + of_rows
        known += len(wanted)
    return np.concatenate(tables), which, shifts


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
    there = _floats(Magnitudes(mantissas, exponents - 2 * halves))
    there[tangents & (there == 0.0)] = 2.0**-moments.LAST_EXPONENT
    # Their tangents: so near to 0 that nothing else of S is met.
    moved = tangents & (halves != 0)
    there[moved], halves[moved] = np.ldexp(there[moved], -_NEARER), halves[moved] + _NEARER // 2
    for row in np.flatnonzero(outside & (exponents > 0) & (not activation.homogeneous)).tolist():
        near, halves[row] = moments.brought_near(activation, q.at(slice(row, row + 1)).listed()[0])
        assert near is not None
        there[row] = near
    return there, halves
