"""From settings to a profile: the one place that composes chain, chain rule and readings."""

from __future__ import annotations

import os
from functools import cached_property
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from vanish import activations, initializers, losses, memory
from vanish.chain import Chain, Layer, Matrix, Weight
from vanish.chainrule import Variable
from vanish.errors import UsageError
from vanish.profile import LayerRecord, Profile
from vanish.readings import bounds, dense, meanfield, paths
from vanish.scaled import Magnitude, Scaled
from vanish.settings import Network, Settings
from vanish.streams import Role, Streams

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vanish.chain import Trace
    from vanish.initializers import Law
    from vanish.scaled import FloatArray


# Drawing so many numbers takes about 15 ms, starting threads for it less than one.
_WORTH_THREADS = 2**20

# So many that the workers end together, and soon after an interrupt.
_PARTS_A_WORKER = 32


class Draws:
    """The unscaled weights of one seed, drawn once for all that share them.

    Activations and initialisers that differ only in scale get the same numbers, so that
    like is compared with like and neither the drawing nor the singular values are paid
    for twice. One matrix a layer is kept: another law or shape takes its place.
    """

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._kept: dict[int, tuple[Law, Matrix]] = {}

    def matrix(self, k: int, law: Law, n_out: int, n_in: int) -> Matrix:
        """Return the unscaled (n_out, n_in) matrix of layer k."""
        kept = self._kept.get(k)
        if kept and kept[0] is law and kept[1].entries.shape == (n_out, n_in):
            return kept[1]
        self._kept.pop(k, None)
        generator = self._streams.generator(Role.WEIGHTS, layer=k)
        matrix = Matrix(initializers.draw(law, generator, n_out, n_in))
        self._kept[k] = law, matrix
        return matrix


def random_chain(settings: Settings, streams: Streams, draws: Draws) -> Chain:
    """Draw the chain that the settings describe."""
    numbered = list(enumerate(pairwise(settings.sizes), 1))

    def layer(numbered: tuple[int, tuple[int, int]]) -> Layer:
        k, (n_in, n_out) = numbered
        initializer = settings.initializers[k - 1]
        scale = Magnitude.of(initializer.scale(n_in, n_out)) * Magnitude.of(settings.gain)
        bias = None
        if settings.bias_std:
            generator = streams.generator(Role.BIAS, layer=k)
            bias = settings.bias_std * generator.standard_normal(n_out)
        weight = Weight(draws.matrix(k, initializer.law, n_out, n_in), scale)
        return Layer(weight, bias, settings.activations[k - 1])

    if sum(n_in * n_out for _, (n_in, n_out) in numbered) < _WORTH_THREADS:
        return Chain(tuple(map(layer, numbered)))
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - start-up

    def part(numbered: list[tuple[int, tuple[int, int]]]) -> list[Layer]:
        layers = []
        for each in numbered:
            layers.append(layer(each))
            # It will be asked for; now the entries are still in the processor's cache.
            _ = layers[-1].weight.matrix.frobenius_norm
        return layers

    # Every layer has a stream of its own, and numpy draws without the interpreter's lock.
    # Parts of several layers are handed out faster than single ones.
    workers = os.cpu_count() or 1
    size = -(-len(numbered) // (_PARTS_A_WORKER * workers))
    parts = [numbered[first : first + size] for first in range(0, len(numbered), size)]
    with ThreadPoolExecutor(workers) as pool:
        return Chain(tuple(chain.from_iterable(pool.map(part, parts))))


def given_chain(network: Network, settings: Settings) -> Chain:
    """Return the chain with the parameters of a real network."""
    gain = Magnitude.of(settings.gain)
    layers = []
    for entries, bias, activation in zip(
        network.weights, network.biases, settings.activations, strict=True
    ):
        weight = Weight.of(entries)
        layers.append(Layer(Weight(weight.matrix, weight.scale * gain), bias, activation))
    return Chain(tuple(layers))


def simulate(settings: Settings | None = None, /, **options: Any) -> Profile:
    """Simulate one chain: forward, backward, and every reading of the product.

    Parameters
    ----------
    settings
        What to simulate; or its fields as keywords, see `Settings`.

    Raises
    ------
    VanishError
        If the settings are at odds, the run does not fit into memory, or the forward
        pass overflows.

    Examples
    --------
    >>> profile = simulate(act="sigmoid", layers=20)
    >>> profile.verdict.value
    'vanishing'
    """
    if settings is not None and options:
        raise UsageError(f"settings beside {', '.join(options)}: give one of them")
    settings = settings or Settings(**options)
    return Simulation(settings).profile()


def compare(all_settings: Iterable[Settings]) -> Iterator[Profile]:
    """Simulate several chains; those of one seed share their unscaled weights.

    Parameters
    ----------
    all_settings
        One record a chain.
    """
    draws: dict[int, Draws] = {}
    for settings in all_settings:
        if settings.seed not in draws:
            draws = {settings.seed: Draws(Streams(settings.seed))}
        yield Simulation(settings, draws[settings.seed]).profile()


class Simulation:
    """One chain with its input and loss, ready to be read.

    Parameters
    ----------
    settings
        What to simulate.
    draws
        Where to take unscaled weights from; those of another run of the same seed.

    Attributes
    ----------
    chain
        The chain f_1, …, f_N.
    x
        The input batch f_0, shape (B, n_0).
    loss
        The loss record.
    reference
        The readout r, shape (n_N,), or the target, shape (1, n_N) or (B, n_N).
    """

    def __init__(self, settings: Settings, draws: Draws | None = None) -> None:
        _require_memory(settings)
        self.settings = settings
        streams = Streams(settings.seed)
        network = settings.weights
        if network is not None:
            self.chain = given_chain(network, settings)
        else:
            self.chain = random_chain(settings, streams, draws or Draws(streams))
        self.x = _input(settings, streams)
        self.loss = losses.get(settings.loss)
        self.reference = _reference(settings, streams)

    @cached_property
    def trace(self) -> Trace:
        """The forward pass."""
        return self.chain.forward(self.x)

    @cached_property
    def loss_gradient(self) -> Scaled:
        """∂L/∂f_N, shape (B, n_N)."""
        return self.loss.gradient(self.trace.output, self.reference)

    @cached_property
    def norms(self) -> dict[Variable, Magnitude]:
        """The norm of the gradient by each f_k, a_k, W_k, b_k and x."""
        return dict(dense.norms(self.chain, self.trace, self.loss_gradient))

    def profile(self) -> Profile:
        """Put all that the readings say into records."""
        settings, chain, trace, norms = self.settings, self.chain, self.trace, self.norms
        statistics = [dense.slope_statistics(slopes) for slopes in trace.slopes]
        suprema = [activation.sup_slope for activation in settings.activations]
        slope_products = bounds.slope_products([largest for _, largest, _ in statistics])
        slope_bounds = bounds.slope_products(suprema)
        norm_bounds: list[Magnitude] | list[None] = [None] * settings.depth
        if settings.norm_bound or (settings.norm_bound is None and bounds.is_cheap(chain.sizes)):
            norm_bounds = bounds.norm_bounds(
                suprema,
                self.loss_gradient.norm(),
                [layer.weight.spectral_norm() for layer in chain.layers],
                [inputs.norm() for inputs in trace.inputs],
            )
        activity = self._activity()
        expected = self._expected()
        records = tuple(
            LayerRecord(
                act=layer.activation.name,
                layer=k,
                n_in=layer.weight.shape[1],
                n_out=layer.weight.shape[0],
                grad_w=norms[Variable("W", k)],
                grad_b=norms[Variable("b", k)],
                grad_f=norms[Variable("f", k)],
                weight=layer.weight.frobenius_norm(),
                slope_mean=statistics[k - 1][0],
                slope_max=statistics[k - 1][1],
                slope_product=slope_products[k - 1],
                slope_bound=slope_bounds[k - 1],
                norm_bound=norm_bounds[k - 1],
                predicted=expected[k - 1].grad_w if expected else None,
                predicted_b=expected[k - 1].grad_b if expected else None,
                zero_fraction=statistics[k - 1][2],
                **activity[k - 1],
            )
            for k, layer in enumerate(chain.layers, 1)
        )
        return Profile(
            settings=settings,
            engine="dense",
            layers=records,
            grad_a=(norms[Variable("a", 1)], norms[Variable("a", settings.depth)]),
            bounds=article_bounds(settings),
        )

    def _expected(self) -> list[meanfield.Expected]:
        """Return what mean-field theory expects of each layer; nothing where it is silent.

        It speaks of random weights, one sample, and a readout that knows nothing of f_N.
        """
        settings = self.settings
        if settings.weights is not None or settings.loss != "readout" or settings.rows > 1:
            return []
        return meanfield.expected(
            settings.activations,
            settings.sizes,
            settings.weight_variances,
            settings.bias_std,
            Scaled(self.x).norm(),
        )

    def _activity(self) -> list[dict[str, float | None]]:
        """Return the fields of each layer's record that only a flat activation has."""
        names = "active_units", "dead_fraction", "log10_active_paths"
        flat = [activation.flat for activation in self.settings.activations]
        if not any(flat):
            return [dict.fromkeys(names)] * len(flat)
        slopes = self.trace.slopes
        counts = zip(flat, slopes, paths.log10_active_paths(slopes), strict=True)
        return [
            dict(zip(names, (*paths.active_units(slope), log10), strict=True))
            if is_flat
            else dict.fromkeys(names)
            for is_flat, slope, log10 in counts
        ]


def article_bounds(settings: Settings) -> dict[str, Magnitude]:
    """Return sup|S'|^N for the sigmoid, ReLU and every activation of a run."""
    acts = {"sigmoid", "relu", *(activation.name for activation in settings.activations)}
    ordered = [activation for activation in activations.registered() if activation.name in acts]
    return {
        activation.name: Magnitude.of(activation.sup_slope) ** settings.depth
        for activation in ordered
    }


def _input(settings: Settings, streams: Streams) -> FloatArray:
    if settings.input is not None:
        return settings.input.values
    if settings.weights is not None and settings.weights.x is not None and not settings.batch:
        return settings.weights.x
    return streams.generator(Role.INPUT).standard_normal((settings.rows, settings.n_in))


def _reference(settings: Settings, streams: Streams) -> FloatArray:
    if losses.get(settings.loss).takes_target:
        shape = settings.rows, settings.n_out
        return np.zeros(shape) if settings.target is None else settings.target.values
    if settings.weights is not None and settings.weights.readout is not None:
        return settings.weights.readout
    return losses.draw_readout(streams.generator(Role.READOUT), settings.n_out)


# Beside its arrays a layer takes about this many bytes of Python objects.
_BYTES_A_LAYER = 6000


def _require_memory(settings: Settings) -> None:
    """Refuse a chain that does not fit; before a list as long as the chain is made."""
    remedy = "give fewer --layers, a smaller --width or a smaller --batch"
    what = f"a chain of {settings.depth:,} layers"
    memory.require(_BYTES_A_LAYER * settings.depth, what, remedy)
    sizes = settings.sizes
    weights = sum(n_in * n_out for n_in, n_out in pairwise(sizes))
    # Of every layer its input and its slopes are kept, one row a sample.
    kept = 2 * settings.rows * sum(sizes)
    needed = 8 * (weights + kept) + _BYTES_A_LAYER * settings.depth
    memory.require(needed, f"{what} of width {max(sizes):,}", remedy)
