"""The gradients themselves, as NumPy arrays, by the names that a derivation gives them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from vanish.errors import UsageError
from vanish.network.graph import Variable, X
from vanish.network.stages import StagedGraph
from vanish.readings import dense
from vanish.simulation.names import DENSE
from vanish.simulation.needs import memory_needed, require_memory
from vanish.simulation.run import Simulation
from vanish.system import memory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vanish.network.graph import Graph, Slot
    from vanish.numbers.scaled import FloatArray, Scaled
    from vanish.simulation.settings import Settings

# The exponents of two between which float64 keeps all its digits.
_LEAST, _MOST = -1021, 1024


class Gradients(Mapping[str, "FloatArray"]):
    """∂L/∂W_k, ∂L/∂b_k, ∂L/∂a_k, ∂L/∂f_k for k = 1, …, N and ∂L/∂x: ``W1``, ``b1``, …, ``x``.

    ∂L/∂W_k has shape (n_k, n_{k-1}), ∂L/∂b_k (n_k,), the others have one row a sample,
    shape (B, n). Of blocks every matrix and every bias is there, and every value that has a
    name: ``V3``, ``c3``, ``v3``, ``u3``. Of what all layers share ``W3`` is the part of layer 3,
    and ``W``, without a number, the sum of all. Of a file's graph k counts its matrices, in the
    order of its table, and ``g2``, ``c2``, … are its other vectors.

    An array whose largest entry is outside float64 (below 2^-1022, about 2e-308, or above
    1.8e308) is refused and not rounded to zeros or infinities: `scaled` has it in full. A
    gradient that is exactly zero is one of zeros. Beside a larger entry, one that is outside
    float64 by itself is rounded as float64 does.

    Parameters
    ----------
    arrays
        The gradients by name.
    """

    def __init__(self, arrays: Mapping[str, Scaled]) -> None:
        self._arrays = dict(arrays)

    def __getitem__(self, name: str) -> FloatArray:
        """Return a gradient.

        Raises
        ------
        UsageError
            If its magnitude is outside float64.
        """
        array = self._arrays[name]
        if array.values.any() and not _LEAST <= array.top <= _MOST:
            log10 = array.norm().log10 or 0.0
            raise UsageError(
                f"∂L/∂{name} has a norm of about 1e{math.floor(log10):+d}, outside float64: take"
                f" gradients.scaled({name!r}), its values and the power of two that they are times"
            )
        return array.with_exponent(0).values

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __repr__(self) -> str:
        shapes = {name: each.values.shape for name, each in self._arrays.items()}
        first = ", ".join(f"{name} {shape}" for name, shape in [*shapes.items()][:4])
        return f"<Gradients: {first}{', …' if len(shapes) > 4 else ''}>"

    def scaled(self, name: str) -> Scaled:
        """Return a gradient as ``values * 2**exponent``, whatever its magnitude."""
        return self._arrays[name]


def gradients(settings: Settings) -> Gradients:
    """Return all gradients of the plain run of some settings, with stored weights.

    Of several trials it is the first one. Where the settings are run by the sampled engine,
    which has no weights, this is another chain of the same law.

    Parameters
    ----------
    settings
        The chain.

    Raises
    ------
    VanishError
        If they do not fit into memory, or the forward pass overflows.
    """
    require_memory(settings, DENSE)
    model = settings.model
    # As large as the weights once more, of every layer what it shares too, and two rows a sample
    # and layer.
    parts = sum(
        (last - first + 1) * math.prod(shape)
        for _, first, last, sizes in model.sections
        for slot, shape in sizes.parameters.items()
        if slot.tied
    )
    needed = 2 * memory_needed(settings, DENSE) + 8 * parts
    what = f"the gradients of a chain of {model.depth:,} layers of width {model.widest:,}"
    memory.require(needed, what, "give fewer --layers, a smaller --width or a smaller --batch")
    run = Simulation(settings, entries=False)
    found = dict(dense.arrays(run.trace, run.loss_gradient))
    return Gradients({name: found[variable] for name, variable in _named(model.graph)})


def _named(graph: Graph) -> Iterator[tuple[str, Variable]]:
    """Yield what there are gradients by, and its name; layer 1 first, x last."""
    if isinstance(graph, StagedGraph):
        yield from _of_stages(graph)
    else:
        yield from ((str(variable), variable) for variable in _of_layers(graph))
    yield str(X), X


def _of_stages(graph: StagedGraph) -> Iterator[tuple[str, Variable]]:
    """Yield those of a file's graph: of its stages, then of vectors that belong to none."""
    taken = set()
    for k, stage in enumerate(graph.stages, 1):
        for name, letter in (("W", stage.weight), ("b", stage.bias)):
            if letter:
                taken.add(letter)
                yield f"{name}{k}", Variable(letter, 1)
        yield f"a{k}", graph.at(stage.a)
        yield f"f{k}", graph.at(stage.f)
    others = (slot.letter for slot in graph.whole.slots if slot.letter not in taken)
    yield from ((letter, Variable(letter, 1)) for letter in others)


def _of_layers(graph: Graph) -> Iterator[Variable]:
    """Yield those of layers, layer 1 first, then what all layers share."""
    tied: dict[Slot, None] = {}
    for block, first, last in graph.runs:
        letters = sorted((slot.letter for slot in block.slots), key=str.islower)
        tied |= {slot: None for slot in block.slots if slot.tied}
        names = [*letters, *(node.name for node in block.nodes if node.name)]
        for k in range(first, last + 1):
            yield from (Variable(name, k) for name in names)
    yield from (slot.at(0) for slot in tied)
