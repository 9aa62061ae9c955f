"""The mean-field reading: every factor is its mean square at infinite width.

Going forward, the values a_k of a layer become independent normals of variance q_k:

    q_1 = σ_w²(1) ‖x‖²/n_0 + σ_b²,   q_{k+1} = σ_w²(k+1) V(q_k) + σ_b²,   E‖f_k‖² = n_k V(q_k),

with σ_w²(k) = n_{k-1} Var(W_k's entries) (Poole et al. 2016, "Exponential expressivity in
deep neural networks through transient chaos", section 2). Going back, S'(a_k) multiplies
the mean square of a row by C(q_k), and W_k by σ_w²(k), whatever its shape: every entry of
dW_k has variance ‖d‖² Var(W_k's entries), and there are n_{k-1} of them. Together,

    E‖∂L/∂a_k‖² = σ_w²(k+1) C(q_k) E‖∂L/∂a_{k+1}‖²,

the χ₁ of Schoenholz et al. 2017, "Deep information propagation".

Within a block a value is its mean and a sum of independent sources, each times a number: W f + b
is a fresh normal source, S of what is normal a fresh one of mean M and variance V - M², norms
divide the numbers, and where two values meet those of the sources that both hold add up. So
E[(x+S)²] = E[x²] + 2 E[x] E[S] + E[S²], and x + x is 2x. Going back, the gradient by a value is
such a sum too, of independent gradients of mean 0: mean squares add where paths meet, but for
what flowed along both (Yang and Schoenholz 2017, "Mean field residual networks"; for norms Doshi,
He and Gromov 2021, "Critical initialization of wide and deep neural networks through partial
Jacobians"). Weights that are shared over the layers behave as if they were not, as long as every
layer has an input of its own and no skip (Chen, Pennington and Schoenholz 2018, "Dynamical
isometry and a mean field theory of RNNs").

The readout must be independent of f_N and symmetric in sign, as the default one is. All this is
the leading order in 1/width: see `secondmode` for where that is not enough. At finite width
typical norms are smaller than root mean squares: see `finitewidth`.
"""

from __future__ import annotations

from functools import reduce
from itertools import takewhile
from operator import add, attrgetter
from typing import TYPE_CHECKING

import numpy as np

from vanish.gauss.quadrature import NoLawError
from vanish.network import activations
from vanish.network.chainrule import Reading, forward
from vanish.network.graph import Graph, Variable, article_graph
from vanish.numbers.fields import Roots
from vanish.numbers.scaled import ONE, Magnitude
from vanish.numbers.stack import Magnitudes
from vanish.readings.expectations import Expectations, Seen, joined
from vanish.readings.magnitudes import of_runs, stacked
from vanish.readings.onematrix import with_second_mode
from vanish.readings.plainwalk import Piece, walk
from vanish.readings.sources import NOTHING, Cotangent, Unit, normal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from vanish.network.activations import Activation
    from vanish.network.chainrule import Passed
    from vanish.network.graph import Block, Run, Slot
    from vanish.numbers.signed import Signed


class _MeanField(Reading):
    """What flows is a `Unit` forward, and back a `Cotangent`."""

    def refusal(self, graph: Graph) -> str:
        """Return what theory has no law for, or an empty text."""
        for block, _, _ in graph.runs:
            if found := super().refusal(Graph((block, 1))) or _twice(block):
                return found
            try:
                [layer] = forward(Graph((block, 1)), self, _Any(), _given(ONE, NOTHING))
            except NoLawError as error:
                return error.reason
            if found := _shared(layer):
                return found
        return ""


def _twice(block: Block) -> str:
    """Return a parameter that a block holds twice, if it does: its uses are not independent."""
    met: set[Slot] = set()
    for node in block.nodes:
        for slot in node.op.slots:
            if slot in met:
                return f"{slot.letter} used twice in a layer"
            met.add(slot)
    return ""


def _shared(layer: Passed) -> str:
    """Return a parameter of all layers that is not as good as one of each layer's own.

    Without an input of its own every layer repeats the one before it; and on a skip what the
    layers add does not grow as independent values do.
    """
    nodes = layer.block.nodes
    tied = next((slot.letter for node in nodes for slot in node.op.slots if slot.tied), "")
    if not tied:
        return ""
    if not layer.block.places("step"):
        return f"{tied} shared by all layers, without an input of each layer's own"
    [(x, _)] = layer.values[0].terms
    if any(source is x for source, _ in layer.values[-1].terms):
        return f"{tied} shared by all layers, beside a skip"
    return ""


def _given(square: Magnitude, mean: Signed) -> Unit:
    """Return what is known of the input."""
    return Unit(square, lambda: mean).alone()


MEAN_FIELD = _MeanField("mean-field", ends=Unit.alone)


class Ensemble:
    """Random networks as the rules know them: variances and sizes.

    Parameters
    ----------
    activations
        S of each layer, layer 1 first.
    sizes
        n_0, n_1, …, n_N, those of what the blocks give.
    variances
        σ² of each matrix by its letter, that of layer k at place k, of one that all layers share
        at 0: n_in times the variance of its entries. A semi-orthogonal W has
        gain²·n_in/max(n_in, n_out).
    bias_std
        σ_b, the standard deviation of the entries of all biases.
    n_in
        How many numbers each matrix takes; those of which nothing is said take what the layer
        is given, n_{k-1}.
    steps
        The mean square and the mean of the entries of u_k, by layer; where they are not given, u_k
        is standard normal.
    bias_variances
        σ_b² of each bias by its address, where it is not that of `bias_std`.
    """

    def __init__(
        self,
        activations: Sequence[Activation],
        sizes: Sequence[int],
        variances: Mapping[str, Sequence[Magnitude | None]],
        bias_std: float,
        n_in: Mapping[Variable, int] | None = None,
        steps: Mapping[int, tuple[Magnitude, Signed]] | None = None,
        bias_variances: Mapping[Variable, Magnitude] | None = None,
    ) -> None:
        self._activations = activations
        self.sizes = sizes
        self._variances = variances
        self._n_in = n_in or {}
        self._steps = steps
        self._bias = Magnitude.of(bias_std) * Magnitude.of(bias_std)
        self._biases = bias_variances or {}

    @classmethod
    def plain(
        cls,
        activations: Sequence[Activation],
        sizes: Sequence[int],
        weight_variances: Sequence[Magnitude],
        bias_std: float,
    ) -> Ensemble:
        """Return those whose only matrices are W_1, …, W_N, of these σ²."""
        return cls(activations, sizes, {"W": [None, *weight_variances]}, bias_std)

    def activation(self, k: int) -> Activation:
        """Return S of layer k."""
        return self._activations[k - 1]

    @property
    def kinds(self) -> tuple[Activation, ...]:
        """The activations that there are."""
        return tuple(dict.fromkeys(self._activations))

    def n_in(self, slot: Slot, layers: range) -> Magnitudes:
        """Return how many numbers a matrix of some layers takes, shape (L, 1)."""
        taken: Sequence[int] = self.sizes[layers.start - 1 : layers.stop - 1]
        if self._n_in:
            taken = [self._n_in.get(slot.at(k)) or n for k, n in zip(layers, taken, strict=True)]
        return Magnitudes.of(np.array(taken, dtype=np.float64)[:, None])

    def variance(self, slot: Slot, k: int) -> Magnitude:
        """Return σ² of a matrix of layer k."""
        found = self._variances[slot.letter][0 if slot.tied else k]
        assert found is not None
        return found

    def variances(self, slot: Slot, layers: range) -> Magnitudes:
        """Return those of some layers, shape (L, 1)."""
        return Magnitudes.column([self.variance(slot, k) for k in layers])

    def bias(self, slot: Slot, k: int) -> Magnitude:
        """Return σ_b² of a bias of layer k."""
        return self._biases.get(slot.at(k), self._bias) if self._biases else self._bias

    def biases(self, slot: Slot, layers: range) -> Magnitudes:
        """Return those of some layers, shape (L, 1)."""
        return Magnitudes.column([self.bias(slot, k) for k in layers])

    def step(self, k: int) -> Unit:
        """Return what is known of u_k."""
        return normal(ONE) if self._steps is None else _given(*self._steps[k])

    def alike(self, block: Block, k: int, last: int) -> int:
        """Return how many layers behind layer k, up to `last`, are like it and the one before."""
        slots = [slot for node in block.nodes for slot in node.op.slots]

        def numbers(k: int) -> list[object]:
            of_slots = [
                self.variance(slot, k) if slot.letter.isupper() else self.bias(slot, k)
                for slot in slots
            ]
            return [self.activation(k) if k else None, *of_slots]

        here = numbers(k)
        if numbers(k - 1) != here:
            return 0
        same = _same(self._activations, k - 1, last - 1) and all(
            slot.tied or _same(self._variances[slot.letter], k, last)
            for slot in slots
            if slot.letter.isupper()
        )
        if same and not self._biases:
            return last - k
        return sum(1 for _ in takewhile(lambda k: numbers(k) == here, range(k + 1, last + 1)))


def _same(column: Sequence[object], first: int, last: int) -> bool:
    """Tell whether all of some places, and there is one, hold the same."""
    here = column[first : last + 1]
    return here.count(here[0]) == len(here)


class _Any(Ensemble):
    """Networks of which nothing is known: whether there is a law does not hang on numbers."""

    def __init__(self) -> None:
        super().__init__((), (), {}, 1.0)

    def activation(self, _: int) -> Activation:
        """Return any S."""
        return activations.get("identity")

    def variance(self, _: Slot, __: int) -> Magnitude:
        """Return any variance."""
        return ONE


def expected(
    ensemble: Ensemble, input_norm: Magnitude, graph: Graph | None = None, mean: Signed = NOTHING
) -> Expectations:
    """Return what theory expects of one sample and ‖∂L/∂f_N‖ = 1.

    Parameters
    ----------
    ensemble
        The networks.
    input_norm, mean
        ‖x‖, and the mean of its entries.
    graph
        The operations; without them, the article's chain.

    Raises
    ------
    NoLawError
        If theory has no law: `MEAN_FIELD.refusal` tells that beforehand.
    """
    graph = graph or article_graph(len(ensemble.sizes) - 1)
    if reason := MEAN_FIELD.refusal(graph):
        raise NoLawError(reason)
    mean_square = input_norm * input_norm / Magnitude.of(ensemble.sizes[0])
    start = _given(mean_square, mean)
    seen = dict(_seen(graph, ensemble, start))
    factors = None
    if (blocks := with_second_mode(graph, ensemble, start, seen)) is not None:
        from vanish.readings import secondmode  # noqa: PLC0415 - start-up

        factors = secondmode.factors(blocks, ensemble, start, seen)
    one, square = Magnitudes.column([ONE]).at(0), attrgetter("square")
    runs = of_runs(
        graph, MEAN_FIELD, ensemble, lambda section: seen[section].kept, one, Cotangent.of, square
    )
    columns: list[list[Magnitudes | None]] = []
    for section, squares in runs:
        block, first, last = section
        here = slice(first - 1, last)
        letters = dict.fromkeys(slot.letter for node in block.nodes for slot in node.op.slots)
        by_matrices = [squares[each] for each in letters if each.isupper()]
        by_biases = [squares[each] for each in letters if each.islower()]
        by_f = [squares["f"]]
        if factors is not None:
            for_f, for_a = (Magnitudes.of(each[here, None]) for each in factors)
            by_matrices, by_biases, by_f = (
                [each * factor for each in parts]
                for parts, factor in ((by_matrices, for_a), (by_biases, for_a), (by_f, for_f))
            )
        squared, squared_a = seen[section].values, seen[section].arguments
        columns.append(
            [
                _roots(by_matrices),
                _roots(by_biases),
                _roots(by_f),
                squared.at((..., 0)),
                None if squared_a is None else squared_a.at((..., 0)),
            ]
        )
    depths = [each.layers for each in seen.values()]
    *gradients, values, arguments = zip(*reversed(columns), strict=True)
    grad_w, grad_b, grad_f = (joined(column, depths) for column in gradients)
    value, q = joined(values, depths, Roots), joined(arguments, depths)
    # What the way back needs is not kept.
    forth = (each._replace(kept=[]) for each in seen.values())
    return Expectations(grad_w, grad_b, grad_f, value, q, *forth)


# So many layers are walked through before their numbers become arrays: the objects of all layers
# would cost the garbage collector more than all that is computed here.
_PIECE = 512


def _seen(graph: Graph, ensemble: Ensemble, start: Unit) -> Iterator[tuple[Run, Seen]]:
    """Walk forward, yielding what is known of each run of equal blocks."""
    x = start
    for section in graph.runs:
        block, k, end = section
        # By place.
        squares: list[list[Magnitudes]] = [[] for _ in range(len(block.nodes) + 1)]
        kept: list[list[Magnitudes]] = [[] for _ in squares]
        while k <= end:
            last = min(k + _PIECE - 1, end)
            piece = walk(block, ensemble, x, k, last)
            if piece is None:
                piece = _passed(forward(graph, MEAN_FIELD, ensemble, x, k, last))
            x, k, alike = piece.end, k + piece.layers, 0
            # Behind an affine map all is known by its mean square, but for what goes around it.
            if piece.repeats and block.places("affine") and not block.has_sum:
                alike = ensemble.alike(block, k - 1, end)
            for parts, found in zip(squares + kept, piece.squares + piece.kept, strict=True):
                if found is not None:
                    parts.append(_repeated(found, alike))
            k += alike
        if any(slot.tied for node in block.nodes for slot in node.op.slots):
            _require_no_mean(x)
        by_place = list(map(Magnitudes.layers, squares))
        place = next((place for place, node in block.placed if node.name == "a"), None)
        yield (
            section,
            Seen(
                [Magnitudes.layers(parts) if parts else None for parts in kept],
                by_place[-1],
                None if place is None else by_place[place],
                [by_place[each] for each in block.argument_places],
            ),
        )


def _passed(layers: Iterable[Passed]) -> Piece:
    """Return what is known of some layers."""
    squares, kept = [], []
    for layer in layers:
        squares.append([each.square for each in layer.values])
        kept.append(layer.kept)
    return Piece(
        list(map(Magnitudes.column, zip(*squares, strict=True))),
        list(map(stacked, zip(*kept, strict=True))),
        layer.values[-1].alone(),
        squares[-2:-1] == squares[-1:],
    )


def _repeated(numbers: Magnitudes, times: int) -> Magnitudes:
    """Return numbers of layers with the last one repeated so many times more."""
    if not times:
        return numbers
    counts = np.ones(len(numbers.mantissas), dtype=np.int64)
    counts[-1] += times
    mantissas, exponents = numbers
    return Magnitudes(np.repeat(mantissas, counts, axis=0), np.repeat(exponents, counts, axis=0))


def _require_no_mean(f: Unit) -> None:
    """Refuse shared weights where f_k has a mean.

    Then the a_k of all steps have a part in common, W's row sums times that mean, and what is
    left out is of the order (steps)²/width (simulated: a hundredfold at 20 steps of 64 units).
    """
    if f.square and float(f.mean().squared() / f.square) > 1e-12:
        raise NoLawError(
            "parameters that all layers share, where the values have a mean: every step repeats it"
        )


def _roots(squares: Sequence[Magnitudes]) -> Magnitudes | None:
    """Return the roots of sums, one a layer; None of none."""
    return reduce(add, squares).root().at((..., 0)) if squares else None
