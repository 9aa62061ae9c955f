"""From an ONNX file to the network of a run: its nodes read one by one, then cut into stages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanish.errors import InputError, plain
from vanish.files.onnx.builder import Builder
from vanish.files.onnx.fold import fold
from vanish.files.onnx.forms import Norms
from vanish.files.onnx.load import parsed, path_of
from vanish.files.onnx.operators import is_read, read
from vanish.files.onnx.stages import network_of
from vanish.files.onnx.values import Condition, Known, Pending, UnreadError, Value, real

if TYPE_CHECKING:
    from vanish.files.onnx.load import FileGraph, FileNode
    from vanish.files.onnx.values import Read
    from vanish.network.filegraph import FileNetwork

# What decides while it runs which nodes are run.
_CONTROL = ("If", "Loop", "Scan")


def read_onnx(path: str, content: bytes, until: str = "") -> FileNetwork:
    """Read the network that an ONNX file holds.

    Parameters
    ----------
    path, content
        The file's name, for messages, and its bytes.
    until
        The name of a node, or of its first output, whose value the network gives; without it
        the first output of real numbers.

    Raises
    ------
    InputError
        If it is no network of rows; the message names the node that is not read.
    """
    graph = parsed(path, content)
    target, label = _target(graph, until)
    name, shape = _input(graph)
    nodes = path_of(graph.nodes, target)
    _require_read(graph, nodes)
    row, batch = _row(graph, name, shape)
    builder = Builder(graph.source, row, batch, graph.opset)
    reads: dict[str, Read] = {each: Known(real(a), each) for each, a in graph.arrays.items()}
    reads[name] = Value(0, row)
    _read_all(graph, builder, nodes, reads, target)
    value = reads.get(target)
    if isinstance(value, Pending):
        raise UnreadError(graph.source, value.first, "a mean that is no part of a norm of rows")
    if isinstance(value, Condition):
        raise InputError(
            f"{graph.source}: {plain(target)!r} is a comparison, which has no gradient: give"
            " another --until"
        )
    if not isinstance(value, Value):
        raise InputError(
            f"{graph.source}: {plain(target)!r} does not depend on the input: give another --until"
        )
    if not builder.uses:
        raise InputError(
            f"{graph.source}: no Gemm or MatMul by a constant in it: there is no weight whose"
            " gradient could be shown"
        )
    return network_of(builder, value, label)


def _target(graph: FileGraph, until: str) -> tuple[str, str]:
    """Return the value that the network gives, and what people are shown of the file."""
    if until:
        node = next((each for each in graph.nodes if each.answers(until)), None)
        if node is None:
            last = ", ".join(each.name for each in graph.nodes[-3:])
            raise InputError(
                f"{graph.source}: --until {plain(until)!r} names no node of it: its last ones are"
                f" {last}"
            )
        return node.outputs[0], f"{graph.source} until {node.name}"
    outputs = [name for name, is_real in graph.outputs if is_real]
    names = outputs or [name for name, _ in graph.outputs]
    if not names:
        raise InputError(f"{graph.source}: its graph has no output")
    several = len(outputs) > 1
    return names[0], graph.source + (f", output {plain(names[0])}" if several else "")


def _input(graph: FileGraph) -> tuple[str, tuple[int | None, ...] | None]:
    if len(graph.inputs) != 1:
        names = ", ".join(plain(name) for name, _ in graph.inputs[:5])
        raise InputError(
            f"{graph.source}: {len(graph.inputs)} inputs{f' ({names})' if names else ''}: a"
            " network of one is read: export it with one"
        )
    return graph.inputs[0]


def _row(
    graph: FileGraph, name: str, shape: tuple[int | None, ...] | None
) -> tuple[tuple[int, ...], int | None]:
    """Return the shape of a row, without the batch's axis, and the number that stands for that."""
    if not shape:
        why = "has no shape that is known" if shape is None else "is one number"
        raise InputError(
            f"{graph.source}: input {plain(name)!r} {why}: export it with rows, and the batch's"
            " axis alone left open"
        )
    batch, *rest = shape
    row = []
    for axis, size in enumerate(rest, 2):
        if size is None or size < 1:
            raise InputError(
                f"{graph.source}: axis {axis} of input {plain(name)!r} has no number: export it"
                " with the batch's axis alone left open"
            )
        row.append(size)
    return tuple(row), batch


def _require_read(graph: FileGraph, nodes: list[FileNode]) -> None:
    """Refuse a file with a node of a kind that is never read, before anything is read of it."""
    control = next((each for each in nodes if each.type in _CONTROL and not each.domain), None)
    if control is not None:
        raise UnreadError(graph.source, control)


def _read_all(
    graph: FileGraph,
    builder: Builder,
    nodes: list[FileNode],
    reads: dict[str, Read],
    target: str,
) -> None:
    takers: dict[str, int] = {target: 1}
    for node in nodes:
        for each in node.inputs:
            takers[each] = takers.get(each, 0) + 1
    norms = Norms(builder, {each: node for node in nodes for each in node.outputs}, reads)
    for node in nodes:
        inputs = [_named(graph, node, each, reads) for each in node.inputs]
        found = _one(builder, norms, node, inputs)
        if isinstance(found, Value):
            # Where it gives what it takes once more, whoever takes that takes this.
            own = (each for each in inputs if isinstance(each, Value) and each.place == found.place)
            alone = all(each.sole for each in own) or _is_fused(node)
            found = found._replace(sole=alone and takers.get(node.outputs[0], 0) == 1)
        if node.outputs and node.outputs[0]:
            reads[node.outputs[0]] = found


def _is_fused(node: FileNode) -> bool:
    """Tell whether a node gives what it takes with a bias put into it, not the same again."""
    return node.type == "Add"


def _named(graph: FileGraph, node: FileNode, name: str, reads: dict[str, Read]) -> Read:
    if not name:
        return _NOTHING
    if name not in reads:
        raise UnreadError(graph.source, node, f"the input {plain(name)!r}, which is not read")
    return reads[name]


def _one(builder: Builder, norms: Norms, node: FileNode, inputs: list[Read]) -> Read:
    """Return what one node gives."""
    if all(isinstance(each, Known) for each in inputs):
        known = [each for each in inputs if isinstance(each, Known)]
        try:
            found = fold(node, known)
        except (ValueError, IndexError, OverflowError, TypeError, ZeroDivisionError):
            raise UnreadError(builder.source, node, "constants that do not fit") from None
        if found is None:
            raise UnreadError(builder.source, node, "constants alone")
        # What several nodes take of one is the same array, as one with a name of its own is.
        is_matrix = node.type == "Constant" and found.array.ndim == 2
        return found._replace(name=node.outputs[0]) if is_matrix and not found.name else found
    norm = norms.found(node)
    if norm is not None:
        return norm
    for each in inputs:
        if isinstance(each, Pending) and not _may_pend(node):
            raise UnreadError(
                builder.source, each.first, "a mean that is no part of a norm of rows"
            )
    if node.type != "Where" and any(isinstance(each, Condition) for each in inputs):
        raise UnreadError(builder.source, node, "a comparison as a value")
    return read(builder, node, inputs)


def _may_pend(node: FileNode) -> bool:
    return is_read(node) and node.type in (
        *("Sub", "Pow", "Mul", "Add", "Sqrt", "Reciprocal", "Div", "ReduceMean"),
        *("Cast", "Identity"),
    )


# An input that is left out.
_NOTHING = Known(np.zeros(0))
