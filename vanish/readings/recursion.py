"""The way back of a chain of one row a trial: a recursion of two numbers a layer.

Of a Gaussian W_k both products are drawn, see `conditioning`. With f̂ = f_{k-1}/‖f_{k-1}‖,
δ = ‖d_k‖ for d_k = ∂L/∂a_k, and the scale c of W_k,

    a_k     = c ‖f_{k-1}‖ z              z and y independent normal rows
    g_{k-1} = c δ (β f̂ + y)              ∂L/∂f_{k-1}; β = ρ - κ, ρ = d_k·z / δ, κ = y·f̂
    d_{k-1} = c δ (β u + w)              u = f̂∘s, w = y∘s, s = S'(a_{k-1})

so that ρ, and what δ grows by, follow from inner products that are known going forward:

    (‖g_{k-1}‖ / cδ)² = ρ² + y·y - κ²
    (‖d_{k-1}‖ / cδ)² = β² u·u + 2β u·w + w·w
    ρ_{k-1}           = (β u·z + w·z) / that root

Where such a sum nearly cancels it has lost digits: there the rows themselves are added.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from vanish.numbers.stack import lie_between
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from vanish.numbers.scaled import FloatArray

# So many numbers of f_k are read at once: of fewer calls would take as long as the numbers, and
# more leave the cache.
AT_ONCE = 2**16

# Where the products of a layer stand, first with f itself in place of f̂: y·f, u·w, y·y, u·u, f·f,
# w·w, u·z, w·z and z·z. Then the first three are κ, 2u·w and y·y - κ².
YF, UW, YY, UU, FF, WW, UZ, WZ, ZZ = range(9)
_COUNT = 9

# A sum of two rows is known by inner products where its square is more than this part of its
# terms: 8 of 53 bits are then lost at most.
_CANCELS = 2.0**-8

# Squares within 2^±400: then a product of two stays in float64.
_SMALLEST, _LARGEST = 2.0**-400, 2.0**400

# From so large a part of all trials on the rows of all are kept: that spares copies.
_MANY = 0.25

# So many layers of one trial are walked through as lists.
_LISTED = 4096


class Ray(Record):
    """What layers give the way back: f, S'(a), z, and the y of the next W; shape (…, n)."""

    f: FloatArray
    slopes: FloatArray
    z: FloatArray
    y: FloatArray

    def at(self, index: Any) -> Ray:
        """Return those that numpy's index selects."""
        return Ray(*(rows[index] for rows in self))


class Products:
    """The inner products of all layers, and the walk back through them.

    Parameters
    ----------
    depth, trials
        N and T.
    room
        Bytes that rows may take whose sums may cancel.

    Attributes
    ----------
    of
        By layer 0 to N, by product and by trial, shape (N+1, 9, T).
    tops
        Of some layers the powers of two that their slopes were divided by, shape (T,).
    """

    def __init__(self, depth: int, trials: int, room: int) -> None:
        self._depth, self._trials = depth, trials
        self.of = np.zeros((depth + 1, _COUNT, trials))
        self.tops: dict[int, NDArray[np.int64]] = {}
        # Of some layers the trials whose sums may cancel, and what they give while there is room.
        self._close: dict[int, tuple[NDArray[np.intp], Ray | None]] = {}
        self._room = room

    @property
    def lengths(self) -> FloatArray:
        """‖f_k‖ for k = 0..N, shape (N+1, T)."""
        return np.sqrt(self.of[:, FF])

    @property
    def met(self) -> FloatArray:
        """How much of ‖W_k‖², without its scale, its two rows say, shape (N, T)."""
        return np.asarray(self.of[1:, ZZ] + self.of[:-1, YY])

    def start(self, x: FloatArray, y: FloatArray) -> None:
        """Take x and the y of W_1, shape (T, n_0)."""
        np.vecdot(x, x, out=self.of[0, FF])
        np.vecdot(y, _without_zeros(x, self.of[0, FF]), out=self.of[0, YF])
        np.vecdot(y, y, out=self.of[0, YY])
        if x.shape[1] == 1:
            self.of[0, YY] = 0.0

    def add(self, first: int, ray: Ray, *, gates: bool = False) -> None:
        """Take what layers from k = `first` on give, shape (L, T, n); their f·f are known.

        Where all S are gates, which pass a or nothing, f∘s is f.
        """
        f, slopes, z, y = ray
        here = self.of[first : first + len(f)]
        f = _without_zeros(f, here[:, FF])
        np.vecdot(y, f, out=here[:, YF])
        np.vecdot(y, y, out=here[:, YY])
        w = y * slopes
        np.vecdot(w, w, out=here[:, WW])
        if not lie_between(here[:, WW].ravel(), _SMALLEST, _LARGEST):
            slopes = self._with_tops(first, slopes)
            np.multiply(y, slopes, w)
            np.vecdot(w, w, out=here[:, WW])
        # Without a row of zeros no w of gates is 0, so that their slopes are 0 and 1 here, too.
        if gates and here[:, FF].all():
            u = f
            here[:, UU], here[:, UW] = here[:, FF], here[:, YF]
        else:
            u = f * slopes
            np.vecdot(u, u, out=here[:, UU])
            np.vecdot(u, w, out=here[:, UW])
        np.vecdot(u, z, out=here[:, UZ])
        np.vecdot(w, z, out=here[:, WZ])
        # Both at once: κ² beside y·y, and (u·w)² beside u·u w·w.
        most = here[:, YY : UU + 1] * here[:, FF : WW + 1]
        most *= (1.0 - _CANCELS) ** 2
        close = np.square(here[:, YF : UW + 1]) > most
        if np.count_nonzero(close):
            self._note_close(first, close[:, 0] | close[:, 1], Ray(f, slopes, z, y))
        if f.shape[2] == 1:
            # f̂ spans everything: of y nothing is left beside κ.
            here[:, YY] = 0.0

    def _with_tops(self, first: int, slopes: FloatArray) -> FloatArray:
        """Return slopes whose squares float64 holds, and take note of what they were divided by."""
        tops = np.frexp(np.abs(slopes).max(axis=2))[1].astype(np.int64)
        if not tops.any():
            return slopes
        self.tops.update(enumerate(tops, first))
        return np.asarray(np.ldexp(slopes, -tops[..., None]))

    def _note_close(self, first: int, close: NDArray[np.bool_], ray: Ray) -> None:
        """Take note of what those layers and trials give whose sums may cancel."""
        counts = np.count_nonzero(close, axis=1)
        for layer in np.flatnonzero(counts).tolist():
            trials, part = np.flatnonzero(close[layer]), None
            if self._room > 0:
                few = counts[layer] < _MANY * self._trials
                # Copied, lest the rows of all those layers be kept.
                part = Ray(*(rows[layer, trials if few else slice(None)].copy() for rows in ray))
                self._room -= 4 * part.f.nbytes
            self._close[first + layer] = trials, part

    def settle(self) -> None:
        """Put f̂ in the place of f, once all layers are known."""
        # Some at a time, which stay in a cache.
        some = max(1, _LISTED // self._trials)
        for start in range(0, self._depth, some):
            here = self.of[start : min(start + some, self._depth)]
            lengths = np.sqrt(here[:, FF])
            lengths[lengths == 0.0] = 1.0
            here[:, YF] /= lengths
            here[:, UW] *= 2.0
            here[:, UW] /= lengths
            here[:, UZ] /= lengths
            lengths *= lengths
            here[:, UU] /= lengths
            np.maximum(here[:, YY] - np.square(here[:, YF]), 0.0, out=here[:, YY])

    def walk(
        self, rho: FloatArray, again: Callable[[int], Ray]
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Walk back from layer N to layer 1.

        Parameters
        ----------
        rho
            ρ of layer N, shape (T,).
        again
            Returns what a layer gives all trials, once more.

        Returns
        -------
        rho
            Of layers 1 to N, shape (N, T).
        d, g
            ‖d_k‖ / cδ and ‖g_k‖ / cδ of layers 1 to N-1, shape (N-1, T).
        """
        # By layer: what δ grows by besides c, and ρ.
        walked, sums = np.empty((self._depth + 1, 2, self._trials)), {}
        walked[-1] = rho
        is_one = self._trials == 1
        root_of: Callable[[Any], Any] = math.sqrt if is_one else np.sqrt
        here: Any = float(rho[0]) if is_one else rho
        for first, stop, rows in _last_first(self.of):
            passed = []
            for k, (kappa, both, _, of_u, _, of_w, uz, wz, _) in rows:
                beta = here - kappa
                square = (beta * of_u + both) * beta + of_w
                along = beta * uz + wz
                if k in self._close:
                    square, along, sums[k] = self._added(k, beta, square, along, again)
                root = root_of(square)
                here = quotient(along, root)
                passed.append((root, here))
            walked[first:stop] = np.array(passed[::-1]).reshape(stop - first, 2, -1)
        squares = np.square(walked[1:, 1])
        squares += self.of[:-1, YY]
        for k, of_g in sums.items():
            squares[k, self._close[k][0]] = of_g
        return walked[1:, 1], walked[1:-1, 0], np.sqrt(squares, out=squares)[1:]

    def _added(
        self, k: int, beta: Any, square: Any, along: Any, again: Callable[[int], Ray]
    ) -> tuple[Any, Any, FloatArray]:
        """Return the sums of layer k, of rows where they may cancel, and (‖g‖ / cδ)² of those."""
        trials, ray = self._close[k]
        if ray is None:
            ray = again(k)
            if k in self.tops:
                ray = ray._replace(slopes=np.ldexp(ray.slopes, -self.tops[k][:, None]))
        # Of those trials, or of all.
        here: Any = trials if len(ray.f) == len(trials) else slice(None)
        g = self.added((k, FF, here), ray, np.atleast_1d(beta)[here])
        d = g * ray.slopes
        sums = np.vecdot(d, d), np.vecdot(d, ray.z), np.vecdot(g, g)
        if len(ray.f) > len(trials):
            sums = sums[0][trials], sums[1][trials], sums[2][trials]
        square, along = np.atleast_1d(square), np.atleast_1d(along)
        square[trials], along[trials], of_g = sums
        if self._trials == 1:
            return float(square[0]), float(along[0]), of_g
        return square, along, of_g

    def added(self, of_f: Any, ray: Ray, beta: FloatArray) -> FloatArray:
        """Return β f̂ + y of some layers and trials.

        Parameters
        ----------
        of_f
            Where their f·f are.
        ray
            What they give, shape (…, n).
        beta
            Shape (…).
        """
        squares = self.of[of_f]
        lengths = np.sqrt(np.where(squares == 0.0, 1.0, squares))
        g: FloatArray = (beta / lengths)[..., None] * _without_zeros(ray.f, squares)
        g += ray.y
        return g


def _last_first(products: FloatArray) -> Iterator[tuple[int, int, Iterator[tuple[int, Any]]]]:
    """Yield where some layers begin and stop, and k and products of each from the last one on."""
    layers, _, trials = products.shape
    some = _LISTED // trials + 1
    for stop in range(layers - 1, 1, -some):
        first = max(1, stop - some)
        rows: Any = products[first:stop][::-1]
        if trials == 1:
            # Numbers in place of arrays of one: that halves the time.
            rows = rows[:, :, 0].tolist()
        yield first, stop, zip(range(stop - 1, first - 1, -1), rows, strict=True)


def _without_zeros(f: FloatArray, squares: FloatArray) -> FloatArray:
    """Return rows of those squares; in place of one of zeros, which has any f̂, a unit vector."""
    if squares.all():
        return f
    f = f.copy()
    f[squares == 0.0, 0] = 1.0
    return f


def quotient(along: Any, root: Any) -> Any:
    """Return along / root, of numbers or arrays; 0 where there is nothing."""
    if isinstance(root, float):
        return along / root if root else 0.0
    if np.count_nonzero(root) == root.size:
        return along / root
    return np.divide(along, root, out=np.zeros_like(along), where=root != 0.0)
