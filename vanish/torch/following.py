"""What follows a layer: which activation takes what it gives, and which layer is next.

Read from the graph that autograd records, so that functions count as modules do.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from torch.autograd.function import BackwardCFunction

from vanish.network import activations
from vanish.readings.slopesizes import statistics
from vanish.records import Record
from vanish.simulation.modules import Slopes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from torch import Tensor
    from torch.autograd.graph import Node

# Constants of nn.SELU as torch holds them (Klambauer et al. 2017, eq. 2).
_SELU = (1.6732632423543772, 1.0507009873554805)

# Operations that give the numbers they take in another arrangement; and a parameter is none.
_RESHAPING = {"View", "UnsafeView", "Reshape", "ReshapeAlias", "Alias", "Clone", "Transpose"}
_RESHAPING |= {"T", "Permute", "Squeeze", "Unsqueeze"}

_GELU = {"none": "gelu", "tanh": "gelu_tanh"}

# What autograd calls each of vanish's activations, and whether its numbers are ours.
_NAMES: dict[str, Callable[[Any], str]] = {
    "Relu": lambda _: "relu",
    "Tanh": lambda _: "tanh",
    "Sigmoid": lambda _: "sigmoid",
    "Silu": lambda _: "silu",
    "Mish": lambda _: "mish",
    "Hardswish": lambda _: "hard_swish",
    "Hardsigmoid": lambda _: "hard_sigmoid",
    "LogSigmoid": lambda _: "log_sigmoid",
    "Sin": lambda _: "sin",
    "Gelu": lambda node: _GELU.get(_saved(node, "approximate"), ""),
    "Softplus": lambda node: "softplus" * _is(node, beta=1.0, threshold=20.0),
    "LeakyRelu": lambda node: "leaky_relu" * _is(node, negative_slope=0.01),
    "Celu": lambda node: "elu" * _is(node, alpha=1.0),
    "Elu": lambda node: (
        "elu" * _is(node, alpha=1.0, scale=1.0, input_scale=1.0)
        or "selu" * _is(node, alpha=_SELU[0], scale=_SELU[1], input_scale=1.0)
    ),
    "Hardtanh": lambda node: (
        "hard_tanh" * _is(node, min_val=-1.0, max_val=1.0)
        or "relu6" * _is(node, min_val=0.0, max_val=6.0)
    ),
}


class Origin(Record):
    """What something is made of.

    Attributes
    ----------
    layers
        The layers that it is made of, two at most: then there may be more.
    takers
        The operations that take what these layers give; None for nothing in between.
    is_plain
        Whether nothing else was met that changes a number.
    """

    layers: frozenset[int]
    takers: frozenset[tuple[int, Node | None]]
    is_plain: bool


def origin(ends: Iterable[Node | None], layers: Mapping[Node, int]) -> Origin:
    """Return which layers something is made of, going back until the first ones.

    Parameters
    ----------
    ends
        The operations that made it.
    layers
        The operations from which what a layer gives goes on, with its number.
    """
    found: set[int] = set()
    takers: set[tuple[int, Node | None]] = set()
    waiting: list[Node] = []
    seen: set[Node] = set()

    def meet(node: Node | None, taker: Node | None) -> None:
        if node is None or node in seen:
            if node in seen and node in layers:
                takers.add((layers[node], taker))
            return
        seen.add(node)
        if node in layers:
            found.add(layers[node])
            takers.add((layers[node], taker))
        else:
            waiting.append(node)

    for end in ends:
        meet(end, None)
    while waiting and len(found) < 2:
        node = waiting.pop()
        for before, _ in node.next_functions:
            meet(before, node)
    last = {taker for _, taker in takers}
    others = seen - layers.keys() - last
    return Origin(
        frozenset(found), frozenset(takers), all(_kind(each) in _RESHAPING for each in others)
    )


def takers_of(
    ends: Iterable[Node | None], layers: Mapping[Node, int]
) -> dict[int, set[Node | None]]:
    """Return the operations that take what each layer gives; None for nothing in between.

    Parameters
    ----------
    ends
        What made all that enters a layer, and the output.
    layers
        As for `origin`.
    """
    found: dict[int, set[Node | None]] = {}
    for node, taker in _walk(ends, layers):
        if node in layers:
            found.setdefault(layers[node], set()).add(taker)
    return found


def _walk(
    ends: Iterable[Node | None], layers: Mapping[Node, int]
) -> Iterator[tuple[Node, Node | None]]:
    """Yield the operations that made some ends, each with one that takes it, back to the layers.

    One from which what a layer gives goes on comes once for each that takes it.
    """
    waiting: list[tuple[Node | None, Node | None]] = [(end, None) for end in ends]
    seen: set[Node] = set()
    while waiting:
        node, taker = waiting.pop()
        if node is None or node in seen:
            continue
        yield node, taker
        if node not in layers:
            seen.add(node)
            waiting += [(before, node) for before, _ in node.next_functions]


def activation_of(takers: Iterable[Node | None]) -> str:
    """Return the activation that takes what a layer gives; empty where nobody knows."""
    kinds = {"identity" if taker is None else _name(taker) for taker in takers}
    return kinds.pop() if len(kinds) == 1 else ""


def _name(node: Node) -> str:
    naming = _NAMES.get(_kind(node))
    return "" if naming is None else naming(node)


def _kind(node: Node) -> str:
    """Return what an operation is called, whichever of its forms was used; one's own is nothing."""
    if isinstance(node, BackwardCFunction):
        return ""
    return str(node.name()).rstrip("0123456789").removesuffix("Backward")


def _saved(node: Node, name: str) -> Any:
    return getattr(node, f"_saved_{name}", None)


def _is(node: Node, **numbers: float) -> bool:
    """Tell whether an operation keeps these numbers."""
    return all(_saved(node, name) == number for name, number in numbers.items())


def slopes_of(act: str, outputs: Sequence[Tensor], dimension: int) -> tuple[Slopes, int]:
    """Return what the slopes S'(a) say of all that a layer gave, and how many units it has.

    Parameters
    ----------
    act
        S.
    outputs
        a of each call.
    dimension
        Which of its dimensions counts the units, from the last one.
    """
    rows = []
    for output in outputs:
        values = output.detach().double().cpu()
        values = values[None] if values.dim() < -dimension else values
        at_end = values.movedim(dimension, -1) if values.dim() else values.reshape(1)
        rows.append(at_end.reshape(-1, at_end.shape[-1]).numpy())
    activation = activations.get(act)
    with np.errstate(over="ignore", under="ignore"):
        slopes = activation.slope(np.concatenate(rows))
    found = statistics([slopes[None]], [activation])
    flat = activation.flat
    numbers = Slopes(
        mean=found.mean.item(),
        largest=found.largest.item(),
        zero_fraction=found.zero_fraction.item(),
        saturated=found.saturated.item(),
        active_units=found.active_units.item() if flat else None,
        dead_fraction=found.dead_fraction.item() if flat else None,
    )
    return numbers, math.prod(slopes.shape[1:])
