"""ONNX's own cases of every operator that is read: what comes out, and gradients by autograd."""

from __future__ import annotations

import warnings
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from onnx.backend.test.case.node import collect_testcases
from onnxoracle import Evaluation

from vanish.files.onnx.functions import FORMULAS
from vanish.files.onnx.network import read_onnx
from vanish.files.onnx.operators import _RULES
from vanish.files.onnx.values import UnreadError
from vanish.network.arrays import Rows
from vanish.network.graph import X
from vanish.readings import dense
from vanish.simulation.run import Simulation
from vanish.simulation.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

# Parts of norms, shapes alone, and what is given no constant: no case of theirs is a network.
NO_NETWORK = {
    *("ReduceMean", "Sqrt", "Reciprocal", "Shape", "Concat", "Cast"),
    *("Log", "Where", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"),
}

# What gives no real numbers.
NO_OUTPUT = {"Shape", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"}

# Why a case is none of rows: it mixes them, or a second input differs from row to row.
REASONS = (
    *("the axis of the batch", "an axis that is the batch's", "differs from row to row"),
    *("which does not leave rows as they are", "does not leave rows as they are"),
    *("rows of more than one axis", "transA", "no constant of two axes", "puts rows together"),
    *("differ from unit to unit", "training_mode", "dropped at random", "S' is 0 everywhere"),
    *("type that is none of real numbers", "beside rows of", "no part of a norm", "a constant"),
    *("no S (", "by what is no comparison"),
)


class Case(NamedTuple):
    """A case of one operator, its first input being the network's and a matrix behind it."""

    name: str
    operator: str
    model: Any
    x: Any
    output: Any


def cases() -> Iterator[Case]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own, in casts that overflow
        collected = collect_testcases(None)
    for each in collected:
        graph = each.model.graph
        if len(graph.node) != 1 or graph.node[0].op_type not in {*_RULES, *FORMULAS} - NO_OUTPUT:
            continue
        if "expanded" in each.name or any(node.domain for node in graph.node):
            continue
        inputs, outputs = each.data_sets[0]
        x, output = inputs[0], outputs[0]
        if not isinstance(x, np.ndarray) or x.dtype not in (np.float32, np.float64) or not x.size:
            continue
        yield Case(each.name, graph.node[0].op_type, _with_matrix(each, output), x, output)


def _with_matrix(case: Any, output: Any) -> Any:
    """Return the case's model with all inputs but the first as constants, and a weight behind."""
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    graph = model.graph
    first, *others = graph.input
    for value, array in zip(others, case.data_sets[0][0][1:], strict=True):
        graph.initializer.append(numpy_helper.from_array(np.asarray(array), value.name))
    keep = onnx.ValueInfoProto()
    keep.CopyFrom(first)
    del graph.input[:], graph.output[:]
    graph.input.append(keep)
    last = graph.node[0].output[0]
    if output.ndim == 1:
        graph.initializer.append(numpy_helper.from_array(np.array([-1, 1]), "one column"))
        graph.node.append(helper.make_node("Reshape", [last, "one column"], ["column"]))
        last = "column"
    size = output.shape[-1] if output.ndim > 1 else 1
    weight = np.random.default_rng(size).standard_normal((size, 3)).astype(output.dtype)
    graph.initializer.append(numpy_helper.from_array(weight, "weight behind"))
    graph.node.append(helper.make_node("MatMul", [last, "weight behind"], ["end"]))
    kind = TensorProto.FLOAT if output.dtype == np.float32 else TensorProto.DOUBLE
    graph.output.append(helper.make_tensor_value_info("end", kind, [None] * max(2, output.ndim)))
    return model


def fault(case: Case) -> str:
    """Return what is wrong with a case that is read; empty for nothing."""
    network = read_onnx("case.onnx", case.model.SerializeToString())
    count = len(case.x)
    rows = np.asarray(case.x, dtype=np.float64).reshape(count, -1)
    simulation = Simulation(Settings(weights=network, input=Rows(rows)))
    weight = numpy_helper.to_array(case.model.graph.initializer[-1]).astype(np.float64)
    output = np.asarray(case.output, dtype=np.float64).reshape(-1, len(weight)) @ weight
    mine = simulation.trace.output.with_exponent(0).values
    if not np.allclose(mine, output.reshape(count, -1), rtol=1e-5, atol=1e-6):
        return "another output"
    judge = Evaluation(case.model, rows)
    value = judge.values["end"].reshape(count, -1)
    (value * torch.tensor(simulation.reference)).sum().div(count).backward()
    wanted = judge.values[judge.x].grad.reshape(count, -1).numpy()
    found = dict(dense.arrays(simulation.trace, simulation.loss_gradient))
    off = np.abs(found[X].with_exponent(0).values - wanted).max() / max(
        np.abs(wanted).max(), 1e-300
    )
    return "" if off < 1e-10 else f"a gradient by x that is off by {off:.1e}"


@pytest.mark.slow
def test_every_operator_gives_what_onnx_says_and_its_gradient() -> None:
    read: Counter[str] = Counter()
    wrong = {}
    for case in cases():
        try:
            found = fault(case)
        except UnreadError as error:
            if not any(reason in str(error) for reason in REASONS):
                wrong[case.name] = str(error)
            continue
        read[case.operator] += 1
        if found:
            wrong[case.name] = found
    assert list(map(str, wrong.items())) == []
    known = {*_RULES, *FORMULAS} - NO_NETWORK
    has_cases = {case.operator for case in cases()}
    assert (known & has_cases) <= read.keys()
    assert sum(read.values()) > 100
