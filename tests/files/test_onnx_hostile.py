"""ONNX files that are damaged, or made to do harm: an answer or one line, and no more memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from fuzz import drawing, mutated
from limits import limited
from onnx import numpy_helper
from onnxfiles import ACTIVATIONS, NETS, WRITTEN_OUT, Step, content, gemm, made, mlp, normal

from vanish.errors import VanishError
from vanish.files.onnx.functions import FORMULAS
from vanish.files.onnx.network import read_onnx
from vanish.files.onnx.operators import _RULES
from vanish.simulation.run import Simulation
from vanish.simulation.settings import Settings

if TYPE_CHECKING:
    import random
    from pathlib import Path

OPERATORS = [*_RULES, *FORMULAS, "Conv", "If", "Max"]
WHOLE = [0, 1, -1, 2, 3, -2, 5, 100, 2**31 - 1, 2**31, -(2**31), 2**62, -(2**63)]
REAL = [0.0, 1.0, -1.0, 1e-5, 3.5, 1e38, 1e308, -1e308, 1e-320, np.inf, np.nan]
# More numbers than these a row has none where a file is run here.
MOST = 10**6


def models() -> list[Any]:
    acts = [mlp(steps) for steps in ACTIVATIONS.values()]
    return [*NETS.values(), *acts, *(mlp(each, opset=17) for each in WRITTEN_OUT.values())]


def altered(draw: random.Random, model: Any) -> Any:
    """Return a model with something changed in it that a file can say."""
    found = onnx.ModelProto()
    found.CopyFrom(model)
    for _ in range(draw.choice([1, 1, 2, 3])):
        draw.choice(_CHANGES)(draw, found)
    return found


def _names(model: Any) -> list[str]:
    given = [name for node in model.graph.node for name in node.output]
    return [*given, *(each.name for each in model.graph.initializer), "x", ""]


def _change_operator(draw: random.Random, model: Any) -> None:
    draw.choice(model.graph.node).op_type = draw.choice(OPERATORS)


def _change_input(draw: random.Random, model: Any) -> None:
    node = draw.choice(model.graph.node)
    if node.input:
        node.input[draw.randrange(len(node.input))] = draw.choice(_names(model))


def _change_count(draw: random.Random, model: Any) -> None:
    node = draw.choice(model.graph.node)
    if node.input and draw.random() < 0.5:
        del node.input[-1]
    else:
        node.input.append(draw.choice(_names(model)))


def _change_attribute(draw: random.Random, model: Any) -> None:
    for each in draw.choice(model.graph.node).attribute:
        if each.type == each.INT:
            each.i = draw.choice(WHOLE)
        elif each.type == each.FLOAT:
            each.f = draw.choice([number for number in REAL if not 1e38 < abs(number) < np.inf])
        elif each.type == each.INTS:
            del each.ints[:]
            each.ints.extend(_wholes(draw))
        elif each.type == each.TENSOR:
            real = np.array(draw.choice(REAL))
            array = real if draw.random() < 0.5 else np.array(_wholes(draw), dtype=np.int64)
            each.t.CopyFrom(numpy_helper.from_array(array))


def _wholes(draw: random.Random) -> list[int]:
    return [draw.choice(WHOLE) for _ in range(draw.randrange(4))]


def _change_array(draw: random.Random, model: Any) -> None:
    if not model.graph.initializer:
        return
    tensor = draw.choice(model.graph.initializer)
    array = numpy_helper.to_array(tensor).copy()
    if draw.random() < 0.4 and array.size and array.dtype.kind == "f":
        array.reshape(-1)[draw.randrange(array.size)] = draw.choice(REAL)
    else:
        shapes = [array.T, array.reshape(-1), array[None], array.reshape(-1)[:0]]
        array = draw.choice([*shapes, np.array(_wholes(draw), dtype=np.int64)])
    tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(array), tensor.name))


def _change_shape(draw: random.Random, model: Any) -> None:
    axes = model.graph.input[0].type.tensor_type.shape.dim
    axis = draw.choice(axes) if axes and draw.random() < 0.7 else axes.add()
    axis.dim_value = draw.choice(WHOLE)


def _change_version(draw: random.Random, model: Any) -> None:
    model.opset_import[0].version = draw.choice([1, 6, 7, 9, 11, 12, 13, 18, 21])


_CHANGES = [
    *(_change_operator, _change_input, _change_count, _change_attribute, _change_attribute),
    *(_change_array, _change_array, _change_shape, _change_version),
]


def require_an_answer_or_one_line(source: bytes) -> bool:
    """Return whether a file was read."""
    try:
        network = read_onnx("net.onnx", source)
        if sum(network.places) < MOST:
            Simulation(Settings(weights=network)).profile().rows()
    except VanishError as error:
        if "\n" in str(error):
            pytest.fail(f"not one line: {error}")
        return False
    return True


@pytest.mark.parametrize(
    "count", [300, pytest.param(5000, marks=pytest.mark.slow)], ids=["few", "many"]
)
@pytest.mark.parametrize("way", ["bytes", "meaning"])
def test_an_altered_file_is_read_or_refused_in_one_line(count: int, way: str) -> None:
    draw, sources = drawing(count), models()
    read = 0
    for _ in range(count):
        model = draw.choice(sources)
        if way == "bytes":
            source = mutated(draw, model.SerializeToString())
        else:
            source = altered(draw, model).SerializeToString()
        read += require_an_answer_or_one_line(source)
    assert 0 < read < count


def test_a_file_that_nests_a_value_in_itself_again_and_again_is_read_at_once() -> None:
    steps = [gemm("x W", "v0")]
    steps += [Step("Add", f"v{k} v{k}", f"v{k + 1}") for k in range(300)]
    steps += [Step("Tanh", "v0", "q"), Step("Mul", "v300 q", "p")]
    with pytest.raises(VanishError, match="'n_p', Mul, is not read"):
        read_onnx("net.onnx", content(made(steps, {"W": normal(3, 2)}, [2])))


@pytest.mark.slow
def test_a_shape_that_the_file_does_not_fill_takes_no_memory(tmp_path: Path) -> None:
    model = mlp()
    tensor = model.graph.initializer[0]
    tensor.dims[0] = 10**9
    (tmp_path / "x.onnx").write_bytes(model.SerializeToString())
    big = [constant_of_shape(10**10), gemm("x W", "y")]
    steps = made(big, {"W": normal(3, 2), "n": np.array([10**10])}, [2])
    (tmp_path / "y.onnx").write_bytes(content(steps))
    for name in ("x.onnx", "y.onnx"):
        result = limited(f"exec $VANISH --weights {name} -q -f csv", cwd=tmp_path)
        assert result.peak < 200 * 2**20


def constant_of_shape(_: int) -> Step:
    return Step("ConstantOfShape", "n", "huge")
