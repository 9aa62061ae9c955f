"""The sampled reading: every W_k is drawn in law, one row of numbers a product, no matrix.

Factor by factor it is the dense reading, for T independent trials at once, but a weight is
known only by its two products with vectors, which `conditioning` draws. That takes
O(width) numbers a layer in place of O(width²), and is exact in distribution.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vanish.network.chainrule import back, forward, until
from vanish.network.streams import LayerNormals, Role, draw_step, role_of
from vanish.numbers.stack import (
    Magnitudes,
    Norms,
    Stack,
    listed_exponents,
    norms_of,
    squares_of,
)
from vanish.readings.drawable import SAMPLED
from vanish.readings.gathered import gathered
from vanish.readings.normalised import constant_share, has_norm
from vanish.readings.sampledweight import frobenius_norms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from vanish.network.activations import Activation
    from vanish.network.biases import Biases
    from vanish.network.chainrule import Passed
    from vanish.network.graph import Graph, Slot, Variable
    from vanish.network.streams import Streams, Trials
    from vanish.numbers.scaled import FloatArray
    from vanish.readings.sampledweight import SampledWeight
    from vanish.readings.watching import Watching


class SampledChain:
    """T independent networks without their weights.

    Parameters
    ----------
    graph
        The operations.
    weights
        By address.
    activations
        S of each layer, layer 1 first.
    biases
        How biases are drawn; None for zeros.
    x
        The inputs, shape (T, B, n_0).
    streams, trials
        Where their random numbers come from.
    segment
        How many layers' ways forward are kept at a time. Those of a deeper chain are run
        once more, from the last layer on that was kept as a checkpoint, on the way back.
    watch
        Called once a layer and way.
    steps
        Of each layer that takes a fresh input u_k either its size n_u, to draw standard
        normals, or what is given, shape (1 or B, n_u) for all trials or (T, B, n_u).
    """

    def __init__(
        self,
        graph: Graph,
        weights: Mapping[Variable, SampledWeight],
        activations: Sequence[Activation],
        biases: Biases | None,
        x: FloatArray,
        streams: Streams,
        trials: Trials,
        segment: int | None = None,
        watch: Callable[[], object] = lambda: None,
        steps: Mapping[int, int | FloatArray] | None = None,
    ) -> None:
        self.graph = graph
        # By letter and layer.
        self._weights: dict[str, dict[int, SampledWeight]] = {}
        for (letter, k), weight in weights.items():
            self._weights.setdefault(letter, {})[k] = weight
        self._activations = dict(enumerate(activations, 1))
        self._biases = biases
        self._steps = steps or {}
        self._streams, self.trials, self._watch = streams, trials, watch
        # By letter.
        self._forward: dict[str, LayerNormals] = {}
        self._backward: dict[str, LayerNormals] = {}
        self._segment = segment or graph.depth
        self._checkpoints: dict[int, Stack] = {0: Stack(x).balanced()}
        self._kept: dict[int, list[Any]] = {}
        # Z Qᵀ of the way back's normals Z and the frame Q of what each W_k is given.
        self._shadows: dict[str, dict[int, FloatArray]] = {letter: {} for letter in self._weights}
        # The share of constant lines of the norms of each layer, shape (N, T), once the way forward
        # has met them.
        self._constant = np.zeros((graph.depth, trials.width))
        # ‖f_k‖ for k = 0..N, once the way forward has met it.
        self._value_norms = [norms_of(self._checkpoints[0])] * (graph.depth + 1)

    def walk(
        self,
        loss_gradient: Callable[[Stack], Stack],
        step: Callable[[], object] = lambda: None,
        watchers: Watching | None = None,
    ) -> dict[str, Magnitudes]:
        """Go both ways and return the norms of all gradients; `loss_gradient` is given f_N."""
        self.forward(None if watchers is None else watchers.of_layer)
        watch = None if watchers is None else watchers.of_gradient(self)
        return norms(self, loss_gradient(self.output), step, watch)

    def ratios(self, loss_gradient: Callable[[Stack], Stack]) -> Magnitudes:
        """Go both ways and return the signal's ratio."""
        self.forward()
        return ratios(self, loss_gradient(self.output))

    def forward(self, watch: Callable[[Passed], object] | None = None) -> None:
        """Run all layers; `watch` is called with every one."""
        for start in range(0, self.graph.depth, self._segment):
            self._run(start, watch)

    @property
    def output(self) -> Stack:
        """f_N, after `forward`."""
        return self._checkpoints[self.graph.depth]

    def kept(self, k: int) -> list[Any]:
        """Return what was kept of layer k, after `forward`."""
        if k not in self._kept:
            self._run((k - 1) // self._segment * self._segment)
        return self._kept[k]

    def weight_norms(self, letter: str = "W") -> Magnitudes:
        """Return ‖W_k‖_F as it goes with both products, shape (N, T), after the way back.

        Zero where a layer has no such matrix.
        """
        weights = self._weights[letter]
        squares = np.array([self._squared_norm(letter, k) for k in weights])
        found = frobenius_norms(letter, list(weights.values()), squares, self._streams, self.trials)
        if len(weights) == self.graph.depth:
            return found
        places = np.array(list(weights)) - 1
        whole = Magnitudes.of(np.zeros((self.graph.depth, self.trials.width)))
        whole.mantissas[places], whole.exponents[places] = found
        return whole

    def _squared_norm(self, letter: str, k: int) -> FloatArray:
        """Return ‖W_k‖², without scale and remainder, shape (T,)."""
        known = self._weights[letter][k].matrix.squared_norm
        if known is not None:
            return np.full(self.trials.width, known)
        met, drawn = self._forward[letter].squares[k], self._backward[letter].squares[k]
        return met + (drawn - squares_of(self._shadows[letter][k]))

    def constant_lines(self) -> FloatArray:
        """Return the share of constant lines of the norms of each layer, shape (N, T)."""
        return self._constant

    def value_norms(self) -> Magnitudes:
        """Return ‖f_k‖ for k = 0..N, shape (N+1, T), after `forward`."""
        return _stacked(self._value_norms)

    def _run(self, start: int, watch: Callable[[Passed], object] | None = None) -> None:
        """Run and keep a segment of layers."""
        self._kept.clear()
        stop = min(start + self._segment, self.graph.depth)
        kept_of, norms, step = self._kept, self._value_norms, self._watch
        block, normalises = None, False
        for passed in forward(self.graph, SAMPLED, self, self._checkpoints[start], start + 1, stop):
            step()
            k, kept, f = passed.layer, passed.kept, passed.values[-1]
            kept_of[k] = kept
            norms[k] = Norms(f.squares, f.exponents)
            if passed.block is not block:
                block, normalises = passed.block, has_norm(kept)
            if normalises:
                self._constant[k - 1] = constant_share(kept)
            if watch is not None:
                watch(passed)
        self._checkpoints[stop] = f

    def met(self, k: int) -> Any:
        """Return what was kept of the product with W_k: see `ops.affine.Met`."""
        return self.kept(k)[self.graph.block(k).places("affine")[0]]

    def weight(self, slot: Slot, k: int) -> SampledWeight:
        """Return what is known of a matrix of layer k."""
        return self._weights[slot.letter][k]

    def bias(self, slot: Slot, k: int, n_out: int) -> Stack | None:
        """Draw a bias of layer k, one row a trial; None for zero."""
        if self._biases is None:
            return None
        return Stack(self._biases.draw(self._streams, self.trials, slot.at(k), (1, n_out)))

    def activation(self, k: int) -> Activation:
        """Return S of layer k."""
        return self._activations[k]

    def step(self, k: int) -> Stack:
        """Return u_k, the fresh input of layer k; it is the same however often it is asked for."""
        step, rows = self._steps[k], self._checkpoints[0].values.shape[1]
        if isinstance(step, int):
            return Stack(draw_step(self._streams, self.trials, k, (rows, step)))
        shape = (self.trials.width, rows, step.shape[-1])
        return Stack(np.broadcast_to(step, shape)).balanced()

    def forward_normals(self, slot: Slot, k: int) -> FloatArray:
        """Draw what a matrix of layer k is met with going forward."""
        letter = slot.letter
        if letter not in self._forward:
            shapes = {k: each.matrix.forward for k, each in self._weights[letter].items()}
            self._forward[letter] = self._normals(letter, Role.FORWARD, shapes)
        return self._forward[letter].at(k)

    def backward_normals(self, slot: Slot, k: int) -> FloatArray:
        """Draw what a matrix of layer k is met with going back."""
        letter = slot.letter
        if letter not in self._backward:
            last_first = reversed(self._weights[letter].items())
            shapes = {k: each.matrix.backward for k, each in last_first}
            self._backward[letter] = self._normals(letter, Role.BACKWARD, shapes)
        return self._backward[letter].at(k)

    def _normals(
        self, letter: str, role: Role, shapes: Mapping[int, tuple[int, int]]
    ) -> LayerNormals:
        here, depth = role_of(letter, role), self.graph.depth
        streams = [self._streams.by_layer(here, depth, block) for block, _ in self.trials.parts]
        return LayerNormals(streams, self.trials, shapes, self._segment)

    def note_shadow(self, slot: Slot, k: int, shadow: FloatArray | None) -> None:
        """Take note of how much of the normals going back lay along the frame of W_k's input."""
        if shadow is not None:
            self._shadows[slot.letter][k] = shadow


def gradients(
    chain: SampledChain, loss_gradient: Stack
) -> Iterator[tuple[Variable, Stack | Norms]]:
    """Yield every gradient of all trials, from layer N down to the input.

    Parameters
    ----------
    chain
        The networks, after their way forward.
    loss_gradient
        ∂L/∂f_N, shape (T, B, n_N).

    Yields
    ------
    variable, gradient
        For f_k, a_k and x one row a sample, shape (T, B, n); for W_k and b_k norms.
    """
    return back(chain.graph, SAMPLED, chain, chain.kept, loss_gradient.balanced())


def norms(
    chain: SampledChain,
    loss_gradient: Stack,
    step: Callable[[], object] = lambda: None,
    watch: Callable[[Variable, Stack | Norms], object] | None = None,
) -> dict[str, Magnitudes]:
    """Walk back through the product of all trials.

    Parameters
    ----------
    chain, loss_gradient
        As for `gradients`.
    step
        Called once a layer.
    watch
        Called with every variable and gradient.

    Returns
    -------
    dict
        By name and letter the norms of all gradients, layer 1 first, shape (N, T); zero where
        a layer has none.
    """
    shape = chain.graph.depth, chain.trials.width
    return gathered(gradients(chain, loss_gradient), shape, step, watch)


def ratios(chain: SampledChain, loss_gradient: Stack) -> Magnitudes:
    """Return the signal's ratio, layer 1 to N, of each trial, shape (T,), and form no other norm.

    Of the article's chain that is ‖∂L/∂a_1‖/‖∂L/∂a_N‖, see `Graph.signal`. Zero where
    either is; `chain` has gone forward.
    """
    walk = gradients(chain, loss_gradient)
    at_first, at_last = chain.graph.ends
    last = until(walk, at_last)
    first = last if at_first == at_last else until(walk, at_first)
    assert isinstance(last, Stack)
    assert isinstance(first, Stack)
    return _magnitudes(first).over(_magnitudes(last))


def _magnitudes(rows: Stack) -> Magnitudes:
    return _stacked([norms_of(rows)]).at(0)


def _stacked(norms: Sequence[Norms]) -> Magnitudes:
    """Return one row a layer."""
    squares, exponents = zip(*norms, strict=True)
    lengths = np.sqrt(np.concatenate(squares)).reshape(len(norms), -1)
    return Magnitudes.of(lengths, listed_exponents(exponents, lengths.shape[1]))
