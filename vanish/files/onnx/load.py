"""From the bytes of an ONNX file to its nodes and arrays, checked on the way in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from vanish.errors import InputError, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

# What a tensor's numbers may be, by onnx's own names.
_NUMBERS = frozenset(
    ["FLOAT", "DOUBLE", "FLOAT16", "BFLOAT16", "BOOL"]
    + [f"{sign}INT{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)]
)

# A shape with more axes is none that a network of rows has.
_MOST_AXES = 16


class FileNode:
    """A node of the file's graph, with its attributes as plain values.

    Parameters
    ----------
    node
        onnx's own record.
    source
        The file, for messages.

    Attributes
    ----------
    type, domain
        Its operator.
    inputs, outputs
        The names of values; an input that is left out is empty.
    """

    def __init__(self, node: Any, source: str) -> None:
        self._node, self._source = node, source
        self.type: Final[str] = node.op_type
        self.domain: Final[str] = node.domain if node.domain != "ai.onnx" else ""
        self.inputs: Final[tuple[str, ...]] = tuple(node.input)
        self.outputs: Final[tuple[str, ...]] = tuple(node.output)
        self._attributes = {each.name: each for each in node.attribute}

    @property
    def name(self) -> str:
        """What messages call it: its name, or that of what it gives."""
        return plain(self._node.name or next(iter(self.outputs), ""))

    def input(self, place: int) -> str:
        """Return the name of an input; empty where it is left out."""
        return self.inputs[place] if place < len(self.inputs) else ""

    def answers(self, wanted: str) -> bool:
        """Tell whether a text names it or what it gives first."""
        return bool(wanted) and wanted in (self._node.name, *self.outputs[:1])

    def number(self, name: str, default: float) -> float:
        """Return an attribute that is a number."""
        attribute = self._attributes.get(name)
        if attribute is None:
            return default
        return float(attribute.f) if attribute.type == attribute.FLOAT else float(attribute.i)

    def whole(self, name: str, default: int) -> int:
        """Return an attribute that is a whole number."""
        return int(self.number(name, default))

    def text(self, name: str, default: str) -> str:
        """Return an attribute that is text."""
        attribute = self._attributes.get(name)
        return default if attribute is None else attribute.s.decode("utf-8", "replace")

    def wholes(self, name: str) -> list[int] | None:
        """Return an attribute that is a list of whole numbers; None where it is not given."""
        attribute = self._attributes.get(name)
        return None if attribute is None else [int(each) for each in attribute.ints]

    def numbers(self, name: str) -> list[float] | None:
        """Return an attribute that is a list of numbers; None where it is not given."""
        attribute = self._attributes.get(name)
        return None if attribute is None else [float(each) for each in attribute.floats]

    def has(self, name: str) -> bool:
        """Tell whether an attribute is given."""
        return name in self._attributes

    def array(self, name: str) -> NDArray[Any] | None:
        """Return an attribute that is a tensor; None where it is not given."""
        attribute = self._attributes.get(name)
        return None if attribute is None else array_of(attribute.t, self._source)


class FileGraph:
    """What a file holds.

    Parameters
    ----------
    model
        onnx's own record, checked.
    source
        The file, for messages.

    Attributes
    ----------
    nodes
        In an order in which each stands behind what it takes.
    arrays
        The initialisers by name.
    inputs
        The name and shape of each input that is no initialiser; None for an axis without a
        number.
    outputs
        The names of the outputs, and whether each is a tensor of floating-point numbers.
    opset
        The version of ONNX's own operators.
    """

    def __init__(self, model: Any, source: str) -> None:
        graph = model.graph
        self.source: Final = source
        self.nodes: Final = [FileNode(node, source) for node in graph.node]
        self.arrays: Final = {each.name: array_of(each, source) for each in graph.initializer}
        self.inputs: Final = [
            (each.name, _shape(each)) for each in graph.input if each.name not in self.arrays
        ]
        self.outputs: Final = [(each.name, _is_real(each)) for each in graph.output]
        self.opset: Final = max(
            (each.version for each in model.opset_import if each.domain in ("", "ai.onnx")),
            default=1,
        )


def parsed(path: str, content: bytes) -> FileGraph:
    """Read the bytes of an ONNX file.

    Raises
    ------
    InputError
        If they are none, if onnx's own checker objects, or if an array lies in another file.
    """
    source = plain(path)
    try:
        import onnx  # noqa: PLC0415 - an extra
        from google.protobuf.message import DecodeError  # noqa: PLC0415 - onnx's own
    except ImportError:
        raise InputError(
            f"{source}: an ONNX file is read by the package onnx: pip install onnx"
        ) from None

    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except (DecodeError, ValueError, RecursionError):
        raise InputError(f"{source}: no ONNX file, or a damaged one: export it again") from None
    for tensor in _tensors(model.graph):
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            raise InputError(
                f"{source}: {plain(tensor.name)!r} lies in a file beside it, and none is read but"
                " the one that is given: export with external_data=False"
            )
    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, ValueError, RuntimeError, UnicodeDecodeError) as error:
        first = plain(" ".join(str(error).split()))[:200]
        raise InputError(f"{source}: onnx's checker objects: {first}") from None
    except Exception as error:  # noqa: BLE001 - it is bound to C++, whose errors have many types
        raise InputError(f"{source}: onnx's checker fails: {type(error).__name__}") from None
    if model.functions:
        name = plain(model.functions[0].name)
        raise InputError(
            f"{source}: it has operators of its own, such as {name}: export it with those of ONNX"
        )
    return FileGraph(model, source)


def _tensors(graph: Any) -> Iterator[Any]:
    """Yield the tensors of a graph: its own, and those of attributes."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors


def array_of(tensor: Any, source: str) -> NDArray[Any]:
    """Return a tensor's numbers, as long as the file honestly holds as many.

    Raises
    ------
    InputError
        If it holds no numbers, or not as many as it says.
    """
    import onnx  # noqa: PLC0415 - an extra
    from onnx import numpy_helper  # noqa: PLC0415 - an extra

    name = plain(tensor.name)
    kind = tensor.data_type
    kinds = {number: name for name, number in onnx.TensorProto.DataType.items()}
    if kinds.get(kind) not in _NUMBERS:
        what = kinds.get(kind, "an unknown type").lower()
        raise InputError(f"{source}: {name!r} holds {what}, no numbers that a network has")
    dims = [int(each) for each in tensor.dims]
    if len(dims) > _MOST_AXES or any(each < 0 for each in dims):
        raise InputError(f"{source}: {name!r} has a shape that no array has")
    try:
        found = numpy_helper.to_array(tensor)
    except (ValueError, TypeError, OverflowError, MemoryError):
        raise InputError(f"{source}: {name!r} does not hold what its shape says") from None
    return np.asarray(found)


def _shape(value: Any) -> tuple[int | None, ...] | None:
    """Return the shape of an input or output; None where it is no tensor with a shape."""
    kind = value.type
    if kind.WhichOneof("value") != "tensor_type" or not kind.tensor_type.HasField("shape"):
        return None
    return tuple(
        int(each.dim_value) if each.HasField("dim_value") else None
        for each in kind.tensor_type.shape.dim
    )


def _is_real(value: Any) -> bool:
    import onnx  # noqa: PLC0415 - an extra

    tensor = onnx.TensorProto
    if value.type.WhichOneof("value") == "sequence_type":
        return True  # of probabilities by their names
    reals = (tensor.FLOAT, tensor.DOUBLE, tensor.FLOAT16, tensor.BFLOAT16)
    return value.type.WhichOneof("value") == "tensor_type" and (
        value.type.tensor_type.elem_type in reals
    )


def path_of(nodes: Sequence[FileNode], target: str) -> list[FileNode]:
    """Return the nodes that a value is made of, in their order."""
    needed, found = {target}, []
    for node in reversed(nodes):
        if needed.intersection(node.outputs):
            needed.update(filter(None, node.inputs))
            found.append(node)
    return found[::-1]
