"""The stages of a graph that was read: what nobody takes is left out, the rest counted anew."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vanish.errors import InputError, plain
from vanish.network import activations
from vanish.network.activations import Activation
from vanish.network.filegraph import FileNetwork
from vanish.network.graph import Block, Graph, Node, Variable, article_graph
from vanish.network.stages import Stage, StagedGraph

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vanish.files.onnx.builder import Builder, Made, Use
    from vanish.files.onnx.values import Value
    from vanish.numbers.scaled import FloatArray

# What a loss may contain, see `FileNetwork.before`.
_CLOSINGS = ("softmax", "log_softmax")


def network_of(builder: Builder, value: Value, label: str) -> FileNetwork:
    """Return the network of a graph that gives some value.

    Raises
    ------
    InputError
        If that is the input itself, or no matrix is on the way.
    """
    whole = _cut(builder, value.place, label)
    last = builder.nodes[value.place - 1]
    # A loss has one softmax over all that the network gives.
    is_whole = last.op.own == (1, math.prod(last.shape), 1)
    closing = last.op.kind if last.op.kind in _CLOSINGS and is_whole else ""
    if last.op.kind == "activate" and last.op.own.name == "sigmoid":
        closing = "sigmoid"
    if not closing or not last.inputs[0]:
        return whole
    before = last.inputs[0]
    if not any(use.place <= before for use in builder.uses):
        return whole
    return whole.ending(closing, _cut(builder, before, label))


def _cut(builder: Builder, end: int, label: str) -> FileNetwork:
    """Return the network that gives what is at a place."""
    used = _used(builder, end)
    new = {old: place for place, old in enumerate([0, *used])}
    made = [builder.nodes[old - 1] for old in used]
    if not made or not any(0 in each.inputs for each in made):
        raise InputError(f"{label}: what it gives does not depend on the input")
    uses = [
        use._replace(place=new[use.place], a=new.get(use.a, new[use.place]))
        for use in builder.uses
        if use.place in new
    ]
    if not uses:
        raise InputError(f"{label}: no Gemm or MatMul by a constant on the way to what it gives")
    renumbered = [each._replace(inputs=tuple([new[old] for old in each.inputs])) for each in made]
    chain = _as_chain(builder, renumbered, uses)
    names = tuple([use.name for use in uses])
    if chain is not None:
        graph, arrays, acts = chain
        sizes = (math.prod(builder.shape(0)), *(len(arrays[Variable("W", k)]) for k in _of(uses)))
        return FileNetwork(label, graph, arrays, acts, names, sizes)
    return _staged(builder, renumbered, uses, names, label)


def _of(uses: Sequence[Use]) -> range:
    return range(1, len(uses) + 1)


def _used(builder: Builder, end: int) -> list[int]:
    """Return the places that a value is made of, and its own, in their order."""
    needed = {end}
    for place in range(end, 0, -1):
        if place in needed:
            needed.update(builder.nodes[place - 1].inputs)
    return sorted(needed - {0})


def _as_chain(
    builder: Builder, made: list[Made], uses: list[Use]
) -> tuple[Graph, dict[Variable, FloatArray], tuple[Activation, ...]] | None:
    """Return the article's chain, S(Wf+b) layer by layer, where that is all there is; else None."""
    identity = activations.get("identity")
    arrays: dict[Variable, FloatArray] = {}
    acts: list[Activation] = []
    biases = [use.bias for use in uses if use.bias]
    if len({use.weight for use in uses}) < len(uses) or len({*biases}) < len(biases):
        return None  # an array that is used twice
    for place, each in enumerate(made, 1):
        if each.inputs != (place - 1,):
            return None
        if each.op.kind == "affine":
            k = len(acts) + 1
            for slot in each.op.slots:
                arrays[Variable(slot.letter[0], k)] = builder.parameters.arrays[
                    _address(slot.letter)
                ]
            acts.append(identity)
        elif each.op.kind == "activate" and acts and acts[-1] is identity:
            acts[-1] = each.op.own
        else:
            return None
    return article_graph(len(acts)), arrays, tuple(acts)


def _address(letter: str) -> Variable:
    return Variable(letter[0], int(letter[1:]))


def _staged(
    builder: Builder, made: list[Made], uses: list[Use], names: tuple[str, ...], label: str
) -> FileNetwork:
    """Return the network as one block, a stage a matrix."""
    last = len(made)
    nodes = [
        Node(each.op, each.inputs, "f" if place == last else f"v{place}")
        for place, each in enumerate(made, 1)
    ]
    block = Block(*nodes)
    stage_of = _stages_of(nodes, uses)
    stages = []
    for k, (use, name) in enumerate(zip(uses, names, strict=True)):
        own = [(place, each.op.kind) for place, each in block.placed if stage_of[place] == k]
        arguments = [nodes[place - 1].inputs[0] for place, kind in own if kind == "activate"]
        f = nodes[uses[k + 1].place - 1].inputs[0] if k + 1 < len(uses) else last
        stages.append(
            Stage(
                *(plain(name), use.weight, use.bias, use.a, f, use.shape),
                tuple(own),
                tuple(arguments),
            )
        )
    letters = {slot.letter for slot in block.slots}
    arrays = {
        each: array for each, array in builder.parameters.arrays.items() if str(each) in letters
    }
    called = {
        each: plain(name) for each, name in builder.parameters.called.items() if each in arrays
    }
    rows = [math.prod(builder.shape(0)), *(math.prod(each.shape) for each in made)]
    return FileNetwork(
        *(label, StagedGraph(block, tuple(stages)), arrays),
        *(tuple([_act(nodes, stage) for stage in stages]), names, tuple(rows)),
        called,
    )


def _stages_of(nodes: Sequence[Node], uses: Sequence[Use]) -> list[int]:
    """Return which stage each place is of, from 0: that of the last matrix it is made of."""
    begun = {use.place: k for k, use in enumerate(uses)}
    found = [0]
    for place, node in enumerate(nodes, 1):
        found.append(begun.get(place, max(found[each] for each in node.inputs)))
    return found


def _act(nodes: Sequence[Node], stage: Stage) -> Activation:
    """Return S of a stage: of several different ones one that stands for all of them."""
    found: list[Activation] = [nodes[place - 1].op.own for place in stage.places("activate")]
    found = list(dict.fromkeys(found))
    if not found:
        return activations.get("identity")
    if len(found) == 1:
        return found[0]
    # No run asks it for values: each place has its own S. It tells the largest slope, and where
    # there is none.
    return Activation(
        name=" and ".join(each.name for each in found),
        pair=found[0].pair,
        sup_slope=max(each.sup_slope for each in found),
        sup_at="of several S",
        lower=min(each.lower for each in found),
        upper=max(each.upper for each in found),
        flat=any(each.flat for each in found),
        init=found[0].init,
        is_formula=True,
    )
