"""What is wrong with an ONNX file, in one line that names the node, its type and what to do."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from command import run_in_process
from onnx import TensorProto, helper, numpy_helper
from onnxfiles import NETS, Step, constant, content, gemm, made, mlp, normal
from snapshot import check

from vanish.errors import InputError, VanishError
from vanish.files.onnx.network import read_onnx
from vanish.simulation.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

W = {"W": normal(3, 2), "V": normal(3, 3), "b": normal(3), "c": normal(4, 3)}


def net(*steps: Step, row: Any = (2,), opset: int = 17, **more: Any) -> Any:
    every = [gemm("x W b", "a"), *steps]
    used = {name for step in every for name in step.takes.split()}
    arrays = {name: array for name, array in (W | more).items() if name in used}
    return made(every, arrays, row, opset=opset)


def bare(*steps: Step, row: Any = (2,), **arrays: Any) -> Any:
    return made(steps, arrays, row, opset=17)


def without_shape() -> Any:
    model = net()
    model.graph.input[0].type.tensor_type.shape.Clear()
    return model


def of_two_inputs() -> Any:
    model = net()
    model.graph.input.append(helper.make_tensor_value_info("z", TensorProto.DOUBLE, [None, 2]))
    return model


def elsewhere() -> Any:
    model = net()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"
    return model


def with_branches() -> Any:
    """Return what ends in an If, as a network does that asks another one where it is sure."""
    branch = helper.make_graph(
        [helper.make_node("Identity", ["a"], ["t"])],
        "branch",
        [],
        [helper.make_tensor_value_info("t", TensorProto.DOUBLE, [None, None])],
    )
    steps = [
        constant("half", 0.5),
        Step("Greater", "a half", "k"),
        Step("If", "k", "y", {"then_branch": branch, "else_branch": branch}),
    ]
    return net(*steps)


def of_text() -> Any:
    words = helper.make_tensor("W", TensorProto.STRING, [1], [b"word"])
    model = net()
    model.graph.initializer[0].CopyFrom(words)
    return model


def of_functions() -> Any:
    model = net()
    body = [helper.make_node("Identity", ["p"], ["q"])]
    opsets = [helper.make_opsetid("", 17)]
    own = helper.make_function("own", "Twice", ["p"], ["q"], body, opsets)
    model.functions.append(own)
    model.opset_import.append(helper.make_opsetid("own", 1))
    return model


def mean(axes: list[int], **more: Any) -> Step:
    return Step("ReduceMean", "a", "y", {"axes": axes} | more)


CASES: dict[str, Callable[[], Any]] = {
    "a convolution": lambda: bare(
        Step("Conv", "x W", "a"), row=(1, 4), W=normal(2, 1, 3)
    ),
    "an If": with_branches,
    "an operator of others": lambda: net(Step("Normalizer", "a", "y", domain="ai.onnx.ml")),
    "a product": lambda: net(gemm("x W", "p"), Step("Mul", "a p", "y")),
    "a mean": lambda: net(mean([-1])),
    "a mean over rows": lambda: net(mean([0])),
    "a mean that is used": lambda: net(mean([-1]), Step("Relu", "y", "z")),
    "half a norm": lambda: net(mean([-1]), Step("Sub", "a y", "z")),
    "a root": lambda: net(Step("Sqrt", "a", "y")),
    "a division": lambda: net(gemm("x W", "p"), Step("Div", "a p", "y")),
    "a logarithm": lambda: net(Step("Log", "a", "y")),
    "a comparison of two": lambda: net(gemm("x W", "p"), Step("Greater", "a p", "y")),
    "a comparison as a value": lambda: net(
        constant("k", 0.5), Step("Greater", "a k", "p"), Step("Cast", "p", "y", {"to": 11})
    ),
    "a choice between two": lambda: net(
        constant("k", 0.5),
        gemm("x W", "p"),
        Step("Less", "a k", "less"),
        Step("Where", "less a p", "y"),
    ),
    "a choice by a constant": lambda: net(
        constant("k", np.ones((1, 3), dtype=bool)), Step("Where", "k a a", "y")
    ),
    "a choice of vectors": lambda: net(
        constant("k", 0.5), Step("Less", "a k", "less"), Step("Where", "less a b", "y")
    ),
    "a division by 0": lambda: net(constant("k", 0.0), Step("Div", "a k", "y")),
    "a factor without end": lambda: net(constant("k", np.inf), Step("Mul", "a k", "y")),
    "numbers without end": lambda: net(Step("Mul", "a k", "y"), k=np.array([1.0, np.nan, 0.0])),
    "numbers of rows": lambda: net(Step("Mul", "a c", "y")),
    "numbers of other sizes": lambda: net(Step("Add", "a k", "y"), k=normal(4)),
    "a matrix of no use": lambda: net(gemm("a W", "y")),
    "a matrix that is computed": lambda: net(Step("MatMul", "a a", "y")),
    "a matrix without end": lambda: net(gemm("a k", "y"), k=np.full((2, 3), np.inf)),
    "a matrix of three axes": lambda: net(Step("MatMul", "a k", "y"), k=normal(1, 3, 2)),
    "a turned input": lambda: net(gemm("a V", "y", transA=1)),
    "a matrix on the left": lambda: net(Step("MatMul", "V a", "y")),
    "rows of two axes": lambda: bare(gemm("x W", "y"), row=(2, 2), W=normal(3, 2)),
    "rows that differ": lambda: net(gemm("x k", "p"), Step("Add", "a p", "y"), k=normal(1, 2)),
    "whole numbers": lambda: net(Step("Cast", "a", "y", {"to": 7})),
    "units dropped": lambda: net(
        constant("k", np.ones((), dtype=bool)),
        constant("r", 0.5),
        Step("Dropout", "a r k", "y"),
    ),
    "an axis of rows": lambda: net(Step("Softmax", "a", "y", {"axis": 0})),
    "a norm of rows of old": lambda: net(Step("Softmax", "a", "y", {"axis": 0}), opset=11),
    "a norm over rows": lambda: net(
        Step("LayerNormalization", "a b", "y", {"axis": 0})
    ),
    "a batch": lambda: net(
        Step("BatchNormalization", "a b b b k", "y r s", {"training_mode": 1}), k=np.ones(3)
    ),
    "a variance below 0": lambda: net(Step("BatchNormalization", "a b b b k", "y"), k=-np.ones(3)),
    "a constant beside": lambda: net(Step("Concat", "a k", "y", {"axis": 1}), k=normal(1, 3)),
    "rows behind rows": lambda: net(Step("Concat", "a a", "y", {"axis": 0})),
    "rows of one": lambda: net(Step("Flatten", "a", "y", {"axis": 0})),
    "rows for columns": lambda: net(Step("Reshape", "a k", "y"), k=np.array([3, -1])),
    "rows cut": lambda: net(Step("Reshape", "a k", "y"), k=np.array([-1, 1])),
    "an axis for rows": lambda: net(Step("Unsqueeze", "a k", "y"), k=np.array([0])),
    "slopes of units": lambda: net(Step("Pow", "a b", "y")),
    "an S that is flat": lambda: net(
        constant("k", 0.5), Step("Clip", "a k k", "y")
    ),
    "an S with a hole": lambda: net(
        constant("k", -1.0), Step("Pow", "a k", "p"), Step("Mul", "a p", "y")
    ),
    "constants at odds": lambda: net(Step("Gather", "b k", "p"), Step("Add", "a p", "y"), k=[9]),
    "constants of a kind": lambda: net(Step("Gelu", "b", "p"), Step("Add", "a p", "y"), opset=20),
    "no shape": without_shape,
    "an axis left open": lambda: bare(gemm("x W", "y"), row=(None,), W=normal(3, 2)),
    "two inputs": of_two_inputs,
    "no weight": lambda: bare(Step("Relu", "x", "y")),
    "no input": lambda: bare(Step("Identity", "W", "y"), Step("Relu", "x", "z"), W=normal(3, 2)),
    "elsewhere": elsewhere,
    "text": of_text,
    "functions": of_functions,
}  # fmt: skip


def message(model: Any) -> str:
    with pytest.raises(InputError) as caught:
        read_onnx("net.onnx", model.SerializeToString())
    return str(caught.value)


def test_every_refusal_is_one_line_as_it_was() -> None:
    text = ""
    for name, make in CASES.items():
        line = message(make())
        assert "\n" not in line
        assert line.startswith("net.onnx: ")
        text += f"{name}\n{line}\n\n"
    check("onnx_errors", text)


def test_it_is_the_checker_who_objects_to_a_file_at_odds_with_itself() -> None:
    model = mlp()
    model.graph.node[0].input[0] = "nobody"
    assert message(model).startswith("net.onnx: onnx's checker objects: ")


def test_bytes_that_are_no_file() -> None:
    with pytest.raises(InputError, match="no ONNX file, or a damaged one"):
        read_onnx("net.onnx", b"\xff\xff\xff")


def test_a_missing_extra_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(content(mlp()))
    plain = builtins.__import__

    def missing(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "onnx":
            raise ImportError(name)
        return plain(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(InputError, match="pip install onnx"):
        read_onnx("net.onnx", content(mlp()))


SAID = {
    "--act=relu": "--act beside {path}: an ONNX file holds its own graph",
    "--layer-acts=relu,relu": "--layer-acts beside {path}",
    "--last-act=relu": "--last-act beside {path}",
    "--block=prenorm": "--block beside {path}",
    "--weights-layout=in_out": "--weights-layout beside {path}",
    "--select=net*": "--select beside {path}",
    "--save-weights=out.npz": "--save-weights beside {path}",
    "--init=lsuv": "init beside weights: {path}",
    "--init=torch": "init beside weights: {path}",
    "--layers=2": "layers beside weights: {path}",
    "--widths=2,3": "widths beside weights: {path}",
    "--bias-std=1": "bias_std beside weights: {path}",
    "--gain=1,2,3": "gain of 3 numbers for 2 layers",
    "--engine=sampled": "engine sampled beside weights",
    "--loss=bce": "loss bce beside {path}: it acts before a final sigmoid, and its graph has none",
    "--until=nobody": "{path}: --until 'nobody' names no node",
}


@pytest.mark.parametrize("option", SAID)
def test_what_a_graph_says_itself_is_said_by_nobody_else(option: str, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(content(mlp()))
    result = run_in_process("--weights", str(path), option)
    assert (result.status, result.stdout) == (2, b"")
    assert result.stderr.decode().startswith(f"Error: {SAID[option].format(path=path)}")
    assert result.stderr.count(b"\n") == 1


@pytest.mark.parametrize("command", ["sweep", "derive --values"])
def test_other_commands_take_arrays(command: str, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(content(mlp()))
    result = run_in_process(*command.split(), "--weights", str(path))
    assert result.status == 2
    assert b"an ONNX file holds a graph, which vanish itself takes alone" in result.stderr


def test_a_loss_names_the_end_that_it_asks_for() -> None:
    network = read_onnx("net.onnx", content(NETS["softmax"]))
    with pytest.raises(VanishError, match="its graph ends in softmax"):
        Settings(weights=network, loss="bce")


def test_numbers_of_all_types_are_read() -> None:
    for kind in (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16):
        model = mlp()
        for tensor in model.graph.initializer:
            array = numpy_helper.to_array(tensor)
            tensor.CopyFrom(helper.make_tensor(tensor.name, kind, array.shape, array.ravel()))
        network = read_onnx("net.onnx", model.SerializeToString())
        assert all(each.dtype == np.float64 for each in network.arrays.values())
    assert onnx.__version__
