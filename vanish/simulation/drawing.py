"""Networks with their weights: drawn from the streams of a seed, or given."""

from __future__ import annotations

from itertools import chain, pairwise
from typing import TYPE_CHECKING

from vanish.network import initializers
from vanish.network.chain import Chain, Layer
from vanish.network.streams import Role, Streams, Trials
from vanish.network.weights import Matrix, Weight
from vanish.numbers.scaled import Magnitude
from vanish.system.threads import processors, threads

if TYPE_CHECKING:
    from vanish.network.activations import Activation
    from vanish.network.arrays import Network
    from vanish.network.initializers import Initializer, Law
    from vanish.simulation.settings import Settings

    # k with (n_in, n_out), the initialiser and S of that layer.
    Numbered = tuple[int, tuple[tuple[int, int], Initializer, Activation]]


# Drawing so many numbers takes about 15 ms, starting threads for it less than one.
_WORTH_THREADS = 2**20

# So many that the workers end together, and soon after an interrupt.
_PARTS_A_WORKER = 32


class Draws:
    """The unscaled weights of one seed and trial, drawn once for all that share them.

    Activations and initialisers that differ only in scale get the same numbers, so that
    like is compared with like and neither the drawing nor the singular values are paid
    for twice. One matrix a layer is kept: another law or shape takes its place. Of a real
    network its weights are kept, made ready once for all gains.
    """

    def __init__(self, streams: Streams, trial: int = 0) -> None:
        self.seed = streams.seed
        self._streams, self._trial = streams, trial
        self._kept: dict[int, tuple[Law, Matrix]] = {}
        self._given: tuple[Network, tuple[Weight, ...]] | None = None

    def matrix(self, k: int, law: Law, n_out: int, n_in: int) -> Matrix:
        """Return the unscaled (n_out, n_in) matrix of layer k."""
        kept = self._kept.get(k)
        if kept and kept[0] is law and kept[1].entries.shape == (n_out, n_in):
            return kept[1]
        self._kept.pop(k, None)
        generator = self._streams.generator(Role.WEIGHTS, k, self._trial)
        matrix = Matrix(initializers.draw(law, generator, n_out, n_in))
        self._kept[k] = law, matrix
        return matrix

    def given(self, network: Network) -> tuple[Weight, ...]:
        """Return the weights of a real network."""
        if self._given is None or self._given[0] is not network:
            self._given = network, tuple(map(Weight.of, network.weights))
        return self._given[1]

    def holds(self, settings: Settings) -> bool:
        """Tell whether these settings find all their weights drawn."""
        laws = [each.law for each in settings.model.initializers]
        shapes = [(n_out, n_in) for n_in, n_out in pairwise(settings.model.sizes)]
        kept = [self._kept.get(k) for k in range(1, settings.model.depth + 1)]
        return settings.weights is not None or all(
            each is not None and each[0] is law and each[1].entries.shape == shape
            for each, law, shape in zip(kept, laws, shapes, strict=True)
        )


def random_chain(
    settings: Settings, streams: Streams, draws: Draws, trials: Trials, *, entries: bool = False
) -> Chain:
    """Draw the chain that the settings describe; `entries` as for `run.compare`."""
    model = settings.model
    layers = zip(pairwise(model.sizes), model.initializers, model.activations, strict=True)
    numbered = list(enumerate(layers, 1))

    def layer(numbered: Numbered) -> Layer:
        k, ((n_in, n_out), initializer, activation) = numbered
        scale = Magnitude.of(initializer.scale(n_in, n_out)) * Magnitude.of(settings.gain)
        bias = None
        if settings.bias_std:
            generator = streams.generator(Role.BIAS, k, trials.block)
            bias = settings.bias_std * trials.rows(generator.standard_normal, (n_out,))[0]
        weight = Weight(draws.matrix(k, initializer.law, n_out, n_in), scale)
        return Layer(weight, bias, activation)

    if model.weight_count < _WORTH_THREADS:
        return Chain.of_layers(tuple(map(layer, numbered)))

    def part(numbered: list[Numbered]) -> list[Layer]:
        layers = []
        for each in numbered:
            layers.append(layer(each))
            # They will be asked for; now the entries are still in the processor's cache.
            matrix = layers[-1].weight.matrix
            _ = matrix.frobenius_norm, entries and matrix.largest
        return layers

    # Every layer has a stream of its own, and numpy draws without the interpreter's lock.
    # Parts of several layers are handed out faster than single ones.
    workers = processors()
    size = -(-len(numbered) // (_PARTS_A_WORKER * workers))
    parts = [numbered[first : first + size] for first in range(0, len(numbered), size)]
    with threads(workers) as pool:
        return Chain.of_layers(tuple(chain.from_iterable(pool.map(part, parts))))


def given_chain(network: Network, settings: Settings, draws: Draws) -> Chain:
    """Return the chain with the parameters of a real network."""
    gain = Magnitude.of(settings.gain)
    layers = []
    for weight, bias, activation in zip(
        draws.given(network), network.biases, settings.model.activations, strict=True
    ):
        layers.append(Layer(Weight(weight.matrix, weight.scale * gain), bias, activation))
    return Chain.of_layers(layers)
