"""Blocks of random networks without matrices, in plain numpy: what mean-field theory is held to.

A Gaussian matrix W of entries of variance s² is met with one vector h going forward and with one
vector d going back. Of W h = s‖h‖g all is known by the normal g, and then

    Wᵀd = h (Wh·d)/‖h‖² + s‖d‖ (g' - ĥ ĥ·g')

in law (Bayati and Montanari 2011, lemma 10). It shares nothing with vanish but the graph.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from vanish.network.graph import Block

    Array = NDArray[np.float64]
    Pair = Callable[[Array], tuple[Array, Array]]


class Squares(NamedTuple):
    """Of every layer and trial, shape (N, T).

    Attributes
    ----------
    f, matrices, biases
        ‖∂L/∂f_k‖², and the sums of the squares of the gradients by all matrices and by all biases.
    value
        The mean square of the entries of f_k.
    """

    f: Array
    matrices: Array
    biases: Array
    value: Array


def dot(one: Array, other: Array) -> Array:
    return np.asarray(np.vecdot(one, other)[:, None])


def over(values: Array, sizes: Array) -> Array:
    """Return quotients, 0 where there is no size: a dead layer has none."""
    values, sizes = np.broadcast_arrays(values, sizes)
    return np.divide(values, sizes, out=np.zeros(values.shape), where=sizes > 0.0)


def simulate(
    block: Block,
    layers: int,
    pair: Pair,
    width: int,
    trials: int,
    stds: Mapping[str, float],
    bias_std: float = 0.0,
    seed: int = 0,
    *,
    matrices: bool = False,
) -> Squares:
    """Run equal blocks of one width, each trial with an x of ‖x‖² = n and a readout of signs.

    Parameters
    ----------
    pair
        S and S'.
    stds
        √n times the standard deviation of the entries of each matrix.
    matrices
        Draw the matrices, which are then met for what they are; a tied one is drawn once.
    """
    rng = np.random.default_rng((seed, width))
    shape = trials, width
    scale = {letter: std / np.sqrt(width) for letter, std in stds.items()}
    shared: dict[str, Array] = {}

    def drawn(slot: Any, of: tuple[int, ...], std: float) -> Array:
        if slot.tied and slot.letter in shared:
            return shared[slot.letter]
        found = std * rng.standard_normal(of)
        if slot.tied:
            shared[slot.letter] = found
        return found

    def forward(node: Any, taken: list[Array]) -> tuple[Array, Any]:
        kind, slots, constant, _ = node.op
        h = taken[0] if taken else rng.standard_normal(shape)
        if kind == "affine":
            s = scale[slots[0].letter]
            if matrices:
                weight = drawn(slots[0], (trials, width, width), s)
                u = (weight @ h[..., None])[..., 0]
            else:
                weight, u = None, s * np.sqrt(dot(h, h)) * rng.standard_normal(shape)
            bias = drawn(slots[1], shape, bias_std) if len(slots) > 1 else 0.0
            return u + bias, (h, u, s, weight)
        if kind == "activate":
            return pair(h)
        if kind == "add":
            return h + taken[1], None
        if kind == "scale":
            return constant.value * h, constant.value
        if kind == "shift":
            return h + drawn(slots[0], shape, bias_std), None
        if kind == "step":
            return h, None
        centre = h.mean(axis=1, keepdims=True) if kind == "layernorm" else 0.0
        size = np.sqrt(((h - centre) ** 2).mean(axis=1, keepdims=True))
        y = over(h - centre, size)
        return y, (y, size)

    def back(node: Any, memory: Any, g: Array) -> tuple[Array, ...]:
        kind = node.op.kind
        if kind == "affine":
            h, u, s, weight = memory
            if matrices:
                return ((g[:, None, :] @ weight)[:, 0],)
            fresh = rng.standard_normal(shape)
            length = dot(h, h)
            rest = s * np.sqrt(dot(g, g)) * (fresh - over(h * dot(h, fresh), length))
            return (over(h * dot(u, g), length) + rest,)
        if kind == "activate":
            return (memory * g,)
        if kind == "scale":
            return (memory * g,)
        if kind in {"layernorm", "rmsnorm"}:
            y, size = memory
            rest = g - y * dot(y, g) / width
            if kind == "layernorm":
                rest -= g.mean(axis=1, keepdims=True)
            return (over(rest, size),)
        return (g,) * len(node.inputs)

    f = rng.standard_normal(shape)
    f *= np.sqrt(width / dot(f, f))
    kept, found = [], Squares(*np.zeros((4, layers, trials)))
    for k in range(layers):
        values, memories = [f], []
        for node in block.nodes:
            value, memory = forward(node, [values[place] for place in node.inputs])
            values.append(value)
            memories.append(memory)
        f = values[-1]
        found.value[k] = (f * f).mean(axis=1)
        kept.append(memories)
    g = rng.choice((-1.0, 1.0), shape) / np.sqrt(width)
    for k in reversed(range(layers)):
        found.f[k] = (g * g).sum(axis=1)
        flowing: list[Any] = [0.0] * len(block.nodes) + [g]
        for place in range(len(block.nodes), 0, -1):
            node, memory, here = block.nodes[place - 1], kept[k][place - 1], flowing[place]
            square = (here * here).sum(axis=1)
            if node.op.kind == "affine":
                found.matrices[k] += square * (memory[0] ** 2).sum(axis=1)
            if node.op.kind == "shift" or len(node.op.slots) > 1:
                found.biases[k] += square
            for source, part in zip(node.inputs, back(node, memory, here), strict=True):
                flowing[source] = flowing[source] + part
        g = flowing[0]
    return found


def rms(squares: Array) -> tuple[Array, Array]:
    """Return log10 of the root mean square over the trials, and its standard error."""
    mean = squares.mean(axis=1)
    error = squares.std(axis=1, ddof=1) / np.sqrt(squares.shape[1])
    with np.errstate(divide="ignore", invalid="ignore"):
        return 0.5 * np.log10(mean), 0.5 * error / mean / np.log(10.0)
