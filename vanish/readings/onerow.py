"""The sampled reading of the article's chain, one row a trial: many layers at once.

What the way back needs of a layer are inner products, see `recursion`. They are taken on the way
forward, while the rows are in the processor's cache, and no row is kept.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from vanish.network.streams import NormalRows, Role
from vanish.numbers.stack import Magnitudes, Stack
from vanish.readings.drawable import SAMPLED
from vanish.readings.firsttrial import Back, FirstTrial
from vanish.readings.recursion import AT_ONCE, Products, Ray, quotient
from vanish.readings.sampledweight import frobenius_norms
from vanish.readings.wayforward import WayForward

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vanish.network.activations import Activation
    from vanish.network.biases import Biases
    from vanish.network.model import Model
    from vanish.network.streams import Streams, Trials
    from vanish.numbers.scaled import FloatArray
    from vanish.readings.sampledweight import SampledWeight
    from vanish.readings.watching import Watching
    from vanish.readings.wayforward import Passed

# Of rows that the way back asks for at most so many bytes are kept: those of the first trial, where
# somebody takes note of it, and those whose sums cancel. Others are drawn once more.
_MOST_KEPT = 2**28


def applies(model: Model, rows: int) -> bool:
    """Tell whether this reads a network that is given so many rows."""
    return rows == 1 and model.is_gaussian_chain


class OneRowChain:
    """T independent networks of the article without their weights, each given one row.

    Parameters
    ----------
    weights
        What is known of each W_k, layer 1 first.
    activations
        S of each layer.
    biases
        How biases are drawn; None for zeros.
    x
        The inputs, shape (T, 1, n_0).
    streams, trials
        Where their random numbers come from.
    room
        Bytes that rows may take which spare drawing them again.
    at_once
        So many numbers of f_k are read at once, of one layer or several.
    """

    def __init__(
        self,
        weights: Sequence[SampledWeight],
        activations: Sequence[Activation],
        biases: Biases | None,
        x: FloatArray,
        streams: Streams,
        trials: Trials,
        room: int = _MOST_KEPT,
        at_once: int = AT_ONCE,
    ) -> None:
        self._at_once = at_once
        self._room = min(room, _MOST_KEPT) // 2
        self._depth, self._weights = len(weights), weights
        self._streams, self.trials = streams, trials
        self._x = Stack(x).balanced()
        self._products = Products(self._depth, trials.width, self._room)
        self._forward = WayForward(
            weights, activations, biases, self._x, streams, trials, self._products.of
        )
        normals = [streams.by_layer(Role.BACKWARD, self._depth, block) for block, _ in trials.parts]
        self._normals = NormalRows(normals, trials)
        self._first_trial = FirstTrial(self._stretches, self._room)
        # What some layers gave that were asked for again, and the first of them.
        self._near: tuple[int, Ray] | None = None

    def walk(
        self,
        loss_gradient: Callable[[Stack], Stack],
        step: Callable[[int], object] = lambda _: None,
        watchers: Watching | None = None,
    ) -> dict[str, Magnitudes]:
        """Run all layers, walk back and return the norms of all gradients.

        Parameters
        ----------
        loss_gradient
            Makes ∂L/∂f_N of f_N.
        step
            Called with how many layers have been passed, either way.
        watchers
            Who takes note of what comes by.

        Returns
        -------
        dict
            By letter, layer 1 first, shape (N, T).
        """
        self._go(step, watchers)
        back = self._back(loss_gradient(self.output))
        step(self._depth)
        if watchers is not None and watchers.of_gradients is not None:
            self._first_trial.hand_out(watchers.of_gradients, back, self._products, self._again)
        by_f = Magnitudes.layers([back.growth * Magnitudes.of(back.by_f), _one(back.g)])
        by_w = back.delta * self.value_norms().at(slice(None, -1))
        return {"f": by_f, "a": back.delta, "W": by_w, "b": back.delta}

    def ratios(self, loss_gradient: Callable[[Stack], Stack]) -> Magnitudes:
        """Run all layers, walk back and return the signal's ratio, see `sampled.ratios`."""
        self._go(lambda _: None)
        delta = self._back(loss_gradient(self.output)).delta
        return delta.at(0).over(delta.at(-1))

    @property
    def keeps_first_trial(self) -> bool:
        """Whether who takes note of the first trial is told without drawing its rows again."""
        return self._first_trial.has_room(weight.n_out for weight in self._weights[:-1])

    # --- the way forward ---

    def _go(self, step: Callable[[int], object], watchers: Watching | None = None) -> None:
        """Run all layers."""
        x = self._x.values[:, 0]
        self._products.start(x, self._y(0, 0, x.shape[1])[0])
        for first, last in self._stretches:
            # Their rows are gone when the next ones come, which find that memory in the cache.
            self._meet(first, last, watchers)
            step(last - first + 1)
        self._products.settle()

    def _meet(self, first: int, last: int, watchers: Watching | None) -> None:
        """Run some layers, and take note of what the way back needs of them."""
        passed = self._forward.run(first, last)
        if watchers is not None:
            watchers.of_layers(first, passed.a, passed.f, passed.slopes[:, :, None])
        ray = self._ray(passed)
        if len(ray.f):
            self._products.add(first, ray, gates=passed.gates)
        if watchers is not None and watchers.of_gradients is not None:
            self._first_trial.keep(first, ray)
        if last == self._depth:
            self._last = passed

    @property
    def output(self) -> Stack:
        """f_N, after the way forward."""
        return Stack(self._last.f.values[-1], self._forward.powers(self._depth))

    def value_norms(self) -> Magnitudes:
        """Return ‖f_k‖ for k = 0..N, shape (N+1, T), after the way forward."""
        return Magnitudes.of(self._products.lengths, self._forward.exponents.astype(np.int64))

    def constant_lines(self) -> FloatArray:
        """Return the share of constant lines of the norms of each layer, shape (N, T): none."""
        return np.zeros((self._depth, self.trials.width))

    def weight_norms(self, letter: str = "W") -> Magnitudes:
        """Return ‖W_k‖_F as it goes with both products, shape (N, T), after the way forward."""
        squares = self._products.met
        return frobenius_norms(letter, self._weights, squares, self._streams, self.trials)

    @cached_property
    def _stretches(self) -> list[tuple[int, int]]:
        """The first and the last of some layers of one size, whose rows fit into a cache."""
        found = []
        first, weights = 1, self._weights
        while first <= self._depth:
            size = weights[first - 1].n_out
            most = max(1, self._at_once // (size * self.trials.width))
            last = first
            while last < self._depth and last - first + 1 < most and weights[last].n_out == size:
                last += 1
            found.append((first, last))
            first = last + 1
        return found

    def _layer(self, k: int) -> Ray:
        """Return what one layer gives the way back, once more; of the others near it, too."""
        if self._near is None or not 0 <= k - self._near[0] < len(self._near[1].f):
            place = bisect_right(self._stretches, (k, self._depth)) - 1
            self._near = self._stretches[place][0], self._again(*self._stretches[place])
        first, ray = self._near
        return ray.at(k - first)

    def _again(self, first: int, last: int) -> Ray:
        """Return what some layers give the way back, once more."""
        return self._ray(self._forward.again(first, last))

    def _y(self, first: int, last: int, size: int) -> FloatArray:
        """Draw what the matrices behind some layers are met with on the way back."""
        return self._normals.draw(range(first + 1, last + 2), (size,))

    def _ray(self, passed: Passed) -> Ray:
        """Return what some layers give the way back: layer N, behind which is no W, nothing."""
        first, size = passed.first, passed.z.shape[2]
        last = min(first + len(passed.z), self._depth) - 1
        y = self._y(first, last, size)
        f = passed.f.values[: len(y), :, 0]
        return Ray(f, passed.slopes[: len(y)], passed.z[: len(y)], y)

    # --- the way back ---

    def _back(self, loss_gradient: Stack) -> Back:
        """Walk back from layer N to layer 1."""
        last, products = self._last, self._products
        back = SAMPLED.named("activate").back
        g = loss_gradient.balanced()
        [d] = back(self._forward, None, self._depth, last.slopes[-1][:, None], g)
        rho, by_a, by_f = products.walk(
            quotient(np.vecdot(d.values[:, 0], last.z[-1]), d.lengths), self._layer
        )
        tops = np.zeros((self._depth, self.trials.width), dtype=np.int64)
        for k, top in products.tops.items():
            tops[k] = top
        scales = Magnitudes.column([weight.scale for weight in self._weights[1:]])
        behind, whole = (scales * Magnitudes.of(by_a, tops[1:])).products_behind(_one(d).at(0))
        # `behind` has layers 2 to N.
        delta = Magnitudes.layers([whole.at(None), behind])
        return Back(g, d, rho, by_f, delta, scales * behind)


def _one(rows: Stack) -> Magnitudes:
    """Return the norms of one layer's rows, shape (1, T)."""
    return Magnitudes.of(rows.lengths, rows.exponents).at(None)
