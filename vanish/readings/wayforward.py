"""The way forward of a chain of one row a trial: a_k = c ‖f_{k-1}‖ z + b_k, layers at a time."""

from __future__ import annotations

import math
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from vanish.network.activations.record import copied
from vanish.network.graph import Variable
from vanish.network.streams import NormalRows, Role
from vanish.numbers.scaled import SAFE_EXPONENT
from vanish.numbers.stack import Stack, lie_between, listed_exponents
from vanish.readings.drawable import SAMPLED
from vanish.readings.forwardsignal import LayerRows
from vanish.readings.recursion import FF, ZZ
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vanish.network.activations import Activation
    from vanish.network.activations.record import Into
    from vanish.network.biases import Biases
    from vanish.network.streams import Streams, Trials
    from vanish.numbers.scaled import FloatArray
    from vanish.numbers.stack import Exponents
    from vanish.readings.sampledweight import SampledWeight

# Norms within 2^±200: then a product of four stays in float64.
_SMALLEST_SQUARE, _LARGEST_SQUARE = 2.0**-400, 2.0**400

# Further from 1 than by this factor lengths are given exponents, before the layers behind.
_NEAR = 2.0**50

# So many layers at most are run one by one before it is tried again to run more.
_FEW = 16


class Passed(Record):
    """Layers of one size, of which the way forward has come.

    Attributes
    ----------
    first
        The k of the first one.
    a, f
        a_k and f_k.
    slopes, z
        S'(a_k) and z, shape (L, T, n).
    gates
        Whether f_k is S'(a_k)·a_k with no other slopes than 0 and 1 in each of them.
    """

    first: int
    a: LayerRows
    f: LayerRows
    slopes: FloatArray
    z: FloatArray
    gates: bool = False


class WayForward:
    """Runs the layers.

    Parameters
    ----------
    weights, activations, biases, streams, trials
        As of `onerow.OneRowChain`.
    x
        The inputs, balanced.
    products
        Of each layer and trial, shape (N+1, 9, T), see `recursion`: takes f·f and z·z.
    """

    def __init__(
        self,
        weights: Sequence[SampledWeight],
        activations: Sequence[Activation],
        biases: Biases | None,
        x: Stack,
        streams: Streams,
        trials: Trials,
        products: FloatArray,
    ) -> None:
        self._weights, self._activations, self._biases = weights, activations, biases
        self._streams, self._trials, self._products = streams, trials, products
        depth = len(weights)
        normals = [streams.by_layer(Role.FORWARD, depth, block) for block, _ in trials.parts]
        self._z = NormalRows(normals, trials)
        # Of f_k for k = 0..N.
        self.exponents = np.zeros((depth + 1, trials.width), dtype=np.int32)
        self.exponents[0] = x.exponents
        # The first ones of layers that were not run as one, or not without exponents.
        self._odd: set[int] = set()

    def run(self, first: int, last: int) -> Passed:
        """Run layers of one size, once those before have been."""
        here = slice(first, last + 1)
        whole = self._z.draw(range(first, last + 1), (self._weights[first - 1].n_out,))
        np.vecdot(whole, whole, out=self._products[here, ZZ])
        parts: list[Passed] = []
        k, z = first, whole
        while len(z):
            length, powers = self._start(k)
            passed = self._plainly(k, z, length, powers)
            if passed is None or not isinstance(powers, int):
                self._odd.add(first)
            passed = passed or self._exactly(k, z[:_FEW])
            here = slice(k, k + len(passed.z))
            self.exponents[here] = passed.f.exponents
            self._products[here, FF] = passed.f.squares
            parts.append(passed)
            k, z = here.stop, z[len(passed.z) :]
        if len(parts) == 1:
            return parts[0]
        self._odd.add(first)
        return _joined(parts)

    def again(self, first: int, last: int) -> Passed:
        """Run layers once more, without a_k."""
        if first in self._odd:
            return self.run(first, last)
        # ‖f_{k-1}‖ is known of each.
        here, weights = slice(first - 1, last), self._weights[first - 1 : last]
        z = self._z.draw(range(first, last + 1), (weights[0].n_out,))
        factors = np.array([weight.factor for weight in weights])
        a = z * (factors[:, None] * np.sqrt(self._products[here, FF]))[..., None]
        if self._biases is not None:
            a += np.array([self._bias(k, a.shape[1:]) for k in range(first, last + 1)])
        f, slopes = np.empty(a.shape), np.empty(a.shape)
        # One by one: S of more numbers at once may have other last digits.
        for activation, *rows in zip(self._activations[here], a, f, slopes, strict=True):
            activation.into(*rows)
        nothing = LayerRows(f[:, :, None])
        return Passed(first, nothing, nothing, slopes, z, self._are_gates(here))

    def _start(self, k: int) -> tuple[FloatArray, Exponents]:
        """Return ‖f_{k-1}‖, near 1 where it can be, and the exponents of f_{k-1}."""
        lengths, powers = np.sqrt(self._products[k - 1, FF]), self.powers(k - 1)
        if self._biases is not None or lie_between(lengths, 1.0 / _NEAR, _NEAR):
            return lengths, powers
        mantissas, shifts = np.frexp(lengths)
        return mantissas, shifts + powers

    def _plainly(
        self, first: int, z: FloatArray, lengths: FloatArray, powers: Exponents
    ) -> Passed | None:
        """Run layers in float64, of one trial as many as it holds; None where it holds none.

        Parameters
        ----------
        first, z
            The k of the first one, and what the matrices are met with.
        lengths, powers
            Of what it is given.
        """
        is_one = self._trials.width == 1
        # Of one trial rows and numbers in place of arrays of them: that halves the time.
        rows: Any = z[:, 0] if is_one else z
        length: Any = float(lengths[0]) if is_one else lengths[:, None]
        a, f, slopes = (np.empty(rows.shape) for _ in range(3))
        factors, squares = [], []
        known: tuple[Activation | None, Any] = None, None
        for layer, a_k, f_k, slopes_k in zip(self._each(first, rows), a, f, slopes, strict=True):
            k, row, weight, activation = layer
            if activation is not known[0]:
                known = activation, _into(activation, powers, biased=self._biases is not None)
            if weight.shift or known[1] is None:
                break
            factor = weight.factor * length
            np.multiply(row, factor, a_k)
            if self._biases is not None:
                np.add(a_k, self._bias(k, row.shape), a_k)
            known[1](a_k, f_k, slopes_k)
            if is_one:
                square = f_k.dot(f_k)
                if not (_SMALLEST_SQUARE < square < _LARGEST_SQUARE) and (square or f_k.any()):
                    break
                length = math.sqrt(square)
            else:
                square = np.vecdot(f_k, f_k)
                length = np.sqrt(square)[:, None]
            factors.append(factor)
            squares.append(square)
        layers = len(squares)
        if not layers or not (is_one or layers == len(z)):
            return None
        shape = layers, *z.shape[1:]
        a, f, slopes = (each[:layers].reshape(shape) for each in (a, f, slopes))
        of_f = _stacked(squares, shape[:2])
        if not (is_one or _are_held(of_f, f)):
            return None
        of_a = self._squares_of_a(first, _stacked(factors, shape[:2]))
        each = powers if isinstance(powers, int) else np.broadcast_to(powers, shape[:2])
        a_rows, f_rows = LayerRows(a[:, :, None], each, of_a), LayerRows(f[:, :, None], each, of_f)
        gates = self._are_gates(slice(first - 1, first - 1 + layers))
        return Passed(first, a_rows, f_rows, slopes, z[:layers], gates)

    def _exactly(self, first: int, z: FloatArray) -> Passed:
        """Run layers whatever the sizes of their values are."""
        activate = SAMPLED.named("activate").forward
        length, powers = np.sqrt(self._products[first - 1, FF]), self.powers(first - 1)
        arguments, values, slopes, factors = [], [], [], []
        for k, row, weight, _ in self._each(first, z[:, :, None]):
            factor = weight.factor * length
            a = Stack(row * factor[:, None, None], powers + weight.shift)
            if self._biases is not None:
                a += Stack(self._bias(k, row.shape))
            f, slope = activate(self, None, k, a)
            length, powers = f.lengths, f.exponents
            arguments.append(a)
            values.append(f)
            slopes.append(slope[:, 0])
            factors.append(factor)
        of_a, of_f = self._squares_of_a(first, np.array(factors)), [f.squares for f in values]
        f_rows = _listed(values, np.array(of_f))
        return Passed(first, _listed(arguments, of_a), f_rows, np.array(slopes), z)

    def _squares_of_a(self, first: int, factors: FloatArray) -> FloatArray | None:
        """Return a·a of layers from k = `first` on where a is z times factors of shape (L, T)."""
        if self._biases is not None:
            return None
        of_z = self._products[first : first + len(factors), ZZ]
        return np.asarray(of_z * np.square(factors))

    def _each(
        self, first: int, rows: FloatArray
    ) -> Iterator[tuple[int, FloatArray, SampledWeight, Activation]]:
        """Return k, z, what is known of W_k, and S of each of some layers."""
        here = slice(first - 1, first - 1 + len(rows))
        return zip(count(first), rows, self._weights[here], self._activations[here], strict=False)

    def _are_gates(self, here: slice) -> bool:
        """Tell whether each S of some layers is one, see `Activation.is_gate`."""
        return all(activation.is_gate for activation in {*self._activations[here]})

    def _bias(self, k: int, shape: tuple[int, ...]) -> FloatArray:
        """Draw b_k for each trial."""
        assert self._biases is not None
        row = 1, shape[-1]
        return self._biases.draw(self._streams, self._trials, Variable("b", k), row).reshape(shape)

    def powers(self, k: int) -> Exponents:
        """Return the exponents of f_k: 0 where no trial has another one."""
        powers = self.exponents[k]
        return powers.astype(np.int64) if powers.any() else 0

    def activation(self, k: int) -> Activation:
        """Return S of layer k, for `ops.activate`."""
        return self._activations[k - 1]


def _into(activation: Activation, powers: Exponents, *, biased: bool) -> Into | None:
    """Return what writes S(a) and S'(a) of a; None where float64 does not hold a.

    Parameters
    ----------
    activation
        S.
    powers
        S(a) and a are divided by two to these powers.
    biased
        Whether a has a bias.
    """
    if isinstance(powers, int):
        return activation.into
    if biased:
        return None
    if activation.homogeneous:
        return activation.into
    if (powers < -SAFE_EXPONENT).all():
        tangent = activation.tangent()
        return None if tangent is None else copied(tangent)
    if (np.abs(powers) > SAFE_EXPONENT).any():
        return None
    unit: Any = np.ldexp(1.0, powers)[:, None]
    unit = unit.item() if unit.size == 1 else unit

    def into(a: FloatArray, value: FloatArray, slope: FloatArray) -> None:
        activation.into(a * unit, value, slope)
        value /= unit

    return into


def _are_held(squares: FloatArray, rows: FloatArray) -> bool:
    """Tell whether sums of squares are what float64 holds, or of zeros."""
    if lie_between(squares.ravel(), _SMALLEST_SQUARE, _LARGEST_SQUARE):
        return True
    zero = squares == 0.0
    held = zero | ((squares > _SMALLEST_SQUARE) & (squares < _LARGEST_SQUARE))
    return bool(held.all()) and not rows[zero].any()


def _stacked(parts: list[Any], shape: tuple[int, ...]) -> FloatArray:
    """Return the parts of some layers as one array, without a copy of a single one."""
    whole = np.asarray(parts[0]) if len(parts) == 1 else np.array(parts)
    return whole.reshape(shape)


def _joined(parts: list[Passed]) -> Passed:
    """Return layers that have been run one part after the other as one."""

    def joined(rows: list[LayerRows]) -> LayerRows:
        values = np.concatenate([each.values for each in rows])
        powers = [np.broadcast_to(each.exponents, each.values.shape[:2]) for each in rows]
        squares = [each.squares for each in rows if each.squares is not None]
        known = np.concatenate(squares) if len(squares) == len(rows) else None
        return LayerRows(values, np.concatenate(powers), known)

    first, arguments, values, slopes, z, gates = zip(*parts, strict=True)
    a, f = joined([*arguments]), joined([*values])
    return Passed(first[0], a, f, np.concatenate(slopes), np.concatenate(z), all(gates))


def _listed(rows: list[Stack], squares: FloatArray | None = None) -> LayerRows:
    """Return the rows of some layers as one."""
    trials = len(rows[0].values)
    powers = listed_exponents([each.exponents for each in rows], trials)
    return LayerRows(np.array([each.values for each in rows]), powers, squares)
