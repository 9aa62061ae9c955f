"""The way forward of a chain of one row a trial: a_k = c ‖f_{k-1}‖ z + b_k, layers at a time."""

from __future__ import annotations

import math
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from vanish.network.graph import Variable
from vanish.network.streams import NormalRows, Role
from vanish.numbers.stack import Stack, lie_between, listed_exponents
from vanish.readings.forwardsignal import LayerRows
from vanish.readings.recursion import FF, ZZ
from vanish.readings.sampled import SAMPLED
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vanish.network.activations import Activation
    from vanish.network.biases import Biases
    from vanish.network.streams import Streams, Trials
    from vanish.numbers.scaled import FloatArray
    from vanish.numbers.stack import Exponents
    from vanish.readings.sampledweight import SampledWeight

# Norms within 2^±200: then a product of four stays in float64.
_SMALLEST_SQUARE, _LARGEST_SQUARE = 2.0**-400, 2.0**400


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
    """

    first: int
    a: LayerRows
    f: LayerRows
    slopes: FloatArray
    z: FloatArray


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
        # The first ones of layers that float64 did not hold.
        self._exact: set[int] = set()

    def run(self, first: int, last: int) -> Passed:
        """Run layers of one size, once those before have been."""
        z = self._z.draw(range(first, last + 1), (self._weights[first - 1].n_out,))
        passed = self._plainly(first, z)
        if passed is None:
            self._exact.add(first)
            passed = self._exactly(first, z)
        self.exponents[first : last + 1] = passed.f.exponents
        return passed

    def again(self, first: int, last: int) -> Passed:
        """Run layers once more, without a_k."""
        if first in self._exact:
            return self.run(first, last)
        # ‖f_{k-1}‖ is known of each.
        weights = self._weights[first - 1 : last]
        z = self._z.draw(range(first, last + 1), (weights[0].n_out,))
        factors = np.array([weight.factor for weight in weights])
        a = z * (factors[:, None] * np.sqrt(self._products[first - 1 : last, FF]))[..., None]
        if self._biases is not None:
            a += np.array([self._bias(k, a.shape[1:]) for k in range(first, last + 1)])
        # One by one: S of more numbers may have other last digits.
        pairs = [
            act.pair(row) for act, row in zip(self._activations[first - 1 : last], a, strict=True)
        ]
        f, slopes = (np.array(each) for each in zip(*pairs, strict=True))
        nothing = LayerRows(f[:, :, None])
        return Passed(first, nothing, nothing, slopes, z)

    def _plainly(self, first: int, z: FloatArray) -> Passed | None:
        """Run layers in float64; None where that does not hold their values."""
        powers, products = self.powers(first - 1), self._products
        is_one = self._trials.width == 1
        # Of one trial rows and numbers in place of arrays of them: that halves the time.
        rows: Any = z[:, 0] if is_one else z
        before = products[first - 1, FF]
        length: Any = math.sqrt(before[0]) if is_one else np.sqrt(before)[:, None]
        arguments, values, slopes, factors, squares = [], [], [], [], []
        for k, row, weight, activation in self._each(first, rows):
            alike = activation.homogeneous and self._biases is None
            if weight.shift or not (alike or isinstance(powers, int)):
                return None
            factor = weight.factor * length
            a = row * factor
            if self._biases is not None:
                a += self._bias(k, row.shape)
            f, slope = activation.pair(a)
            if is_one:
                square = f.dot(f)
                length = math.sqrt(square)
            else:
                square = np.vecdot(f, f)
                length = np.sqrt(square)[:, None]
            arguments.append(a)
            values.append(f)
            slopes.append(slope)
            factors.append(factor)
            squares.append(square)
        f, of_f = _stacked(values, z.shape), _stacked(squares, z.shape[:2])
        if not _are_held(of_f, f):
            return None
        of_a = None
        here = products[first : first + len(z)]
        np.vecdot(z, z, out=here[:, ZZ])
        here[:, FF] = of_f
        if self._biases is None:
            of_a = here[:, ZZ] * np.square(_stacked(factors, z.shape[:2]))
        each = powers if isinstance(powers, int) else np.broadcast_to(powers, z.shape[:2])
        a_rows = LayerRows(_stacked(arguments, z.shape)[:, :, None], each, of_a)
        f_rows = LayerRows(f[:, :, None], each, of_f)
        return Passed(first, a_rows, f_rows, _stacked(slopes, z.shape), z)

    def _exactly(self, first: int, z: FloatArray) -> Passed:
        """Run layers whatever the sizes of their values are."""
        activate, products = SAMPLED.named("activate").forward, self._products
        length, powers = np.sqrt(products[first - 1, FF]), self.powers(first - 1)
        arguments, values, slopes = [], [], []
        for k, row, weight, _ in self._each(first, z[:, :, None]):
            a = Stack(row * (weight.factor * length)[:, None, None], powers + weight.shift)
            if self._biases is not None:
                a += Stack(self._bias(k, row.shape))
            f, slope = activate(self, None, k, a)
            length, powers = f.lengths, f.exponents
            arguments.append(a)
            values.append(f)
            slopes.append(slope[:, 0])
        here = products[first : first + len(z)]
        np.vecdot(z, z, out=here[:, ZZ])
        here[:, FF] = of_f = np.array([f.squares for f in values])
        return Passed(first, _listed(arguments), _listed(values, of_f), np.array(slopes), z)

    def _each(
        self, first: int, rows: FloatArray
    ) -> Iterator[tuple[int, FloatArray, SampledWeight, Activation]]:
        """Return k, z, what is known of W_k, and S of each of some layers."""
        here = slice(first - 1, first - 1 + len(rows))
        return zip(count(first), rows, self._weights[here], self._activations[here], strict=False)

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
        """Return S of layer k."""
        return self._activations[k - 1]


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


def _listed(rows: list[Stack], squares: FloatArray | None = None) -> LayerRows:
    """Return the rows of some layers as one."""
    trials = len(rows[0].values)
    powers = listed_exponents([each.exponents for each in rows], trials)
    return LayerRows(np.array([each.values for each in rows]), powers, squares)
