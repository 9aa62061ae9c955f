"""Small networks as ONNX files, each made node by node, for tests that read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Sequence


class Step(NamedTuple):
    """A node: its operator, what it takes, what it gives, its attributes."""

    op: str
    takes: str
    gives: str
    attributes: dict[str, Any] = {}  # noqa: RUF012 - nobody writes into it
    domain: str = ""


def normal(*shape: int, scale: float = 1.0, seed: int = 0) -> Any:
    generator = np.random.default_rng([seed, *shape])
    return scale * generator.standard_normal(shape) / np.sqrt(shape[-1])


def made(
    steps: Sequence[Step],
    arrays: dict[str, Any],
    row: Sequence[int | str | None],
    *,
    batch: int | str | None = None,
    opset: int = 20,
    outputs: Sequence[str] = (),
) -> Any:
    """Return the model of some steps, of x of that row, with its arrays in float64."""
    nodes = [
        helper.make_node(
            step.op,
            ["" if name == "-" else name for name in step.takes.split()],
            step.gives.split(),
            name=f"n_{step.gives.split()[0]}",
            domain=step.domain,
            **step.attributes,
        )
        for step in steps
    ]
    real = TensorProto.DOUBLE
    x = helper.make_tensor_value_info("x", real, [batch, *row])
    given = [
        helper.make_tensor_value_info(name, real, [None, None])
        for name in outputs or [steps[-1].gives.split()[0]]
    ]
    initialisers = [numpy_helper.from_array(np.asarray(a), name) for name, a in arrays.items()]
    graph = helper.make_graph(nodes, "net", [x], given, initialisers)
    domains = {step.domain for step in steps} - {""}
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(each, 3) for each in domains)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def constant(name: str, value: Any) -> Step:
    return Step("Constant", "", name, {"value": numpy_helper.from_array(np.asarray(value))})


def gemm(takes: str, gives: str, **attributes: Any) -> Step:
    return Step("Gemm", takes, gives, {"transB": 1} | attributes)


def mlp(act: Sequence[Step] | None = None, *, opset: int = 20) -> Any:
    """Return x → Gemm → S → Gemm; S are steps from a to f."""
    steps = [gemm("x W1 b1", "a"), *(act or [Step("Tanh", "a", "f")]), gemm("f W2 b2", "y")]
    arrays = {
        "W1": normal(6, 4, scale=1.5),
        "b1": normal(6, seed=1),
        "W2": normal(3, 6),
        "b2": normal(3, seed=2),
    }
    return made(steps, arrays, [4], opset=opset)


def _unary(op: str, **attributes: Any) -> list[Step]:
    return [Step(op, "a", "f", attributes)]


# S of one node.
ACTIVATIONS = {
    **{
        op: _unary(op)
        for op in (
            *("Relu", "Sigmoid", "Tanh", "Softplus", "Softsign", "Mish", "HardSwish", "Erf"),
            *("Exp", "Abs", "Sin", "Cos", "Atan", "Asinh", "Sinh", "Cosh"),
            *("LeakyRelu", "Elu", "Selu", "Celu", "HardSigmoid", "ThresholdedRelu", "Gelu"),
        )
    },
    "LeakyRelu 0.2": _unary("LeakyRelu", alpha=0.2),
    "Elu 0.5": _unary("Elu", alpha=0.5),
    "Celu 2": _unary("Celu", alpha=2.0),
    "HardSigmoid 0.3": _unary("HardSigmoid", alpha=0.3, beta=0.4),
    "ThresholdedRelu 0.1": _unary("ThresholdedRelu", alpha=0.1),
    "Gelu tanh": _unary("Gelu", approximate="tanh"),
    "Clip": [constant("low", -0.5), constant("high", 0.6), Step("Clip", "a low high", "f")],
    "Clip 0": [constant("low", 0.0), Step("Clip", "a low", "f")],
    "Clip 6": [constant("low", 0.0), constant("high", 6.0), Step("Clip", "a low high", "f")],
    "Clip high": [constant("high", 0.2), Step("Clip", "a - high", "f")],
    "Pow": [constant("three", 3.0), Step("Pow", "a three", "f")],
    "PRelu": [constant("slope", [0.3]), Step("PRelu", "a slope", "f")],
    "Neg": _unary("Neg"),
}

_ROOT = float(np.float32(np.sqrt(2.0)))

# S that exporters write out, and what it is called here.
WRITTEN_OUT = {
    "gelu": [
        *(constant("r", _ROOT), constant("one", 1.0), constant("half", 0.5)),
        *(Step("Div", "a r", "p"), Step("Erf", "p", "q"), Step("Add", "q one", "s")),
        *(Step("Mul", "a s", "t"), Step("Mul", "t half", "f")),
    ],
    "gelu, half first": [
        *(constant("r", 1.0 / _ROOT), constant("one", 1.0), constant("half", 0.5)),
        *(Step("Mul", "half a", "h"), Step("Mul", "a r", "p"), Step("Erf", "p", "q")),
        *(Step("Add", "one q", "s"), Step("Mul", "h s", "f")),
    ],
    "gelu_tanh": [
        *(constant("three", 3.0), constant("c", float(np.float32(0.044715)))),
        *(constant("k", float(np.float32(np.sqrt(2.0 / np.pi)))), constant("one", 1.0)),
        *(constant("half", 0.5), Step("Pow", "a three", "cube"), Step("Mul", "cube c", "cc")),
        *(Step("Add", "a cc", "in"), Step("Mul", "in k", "kin"), Step("Tanh", "kin", "t")),
        *(Step("Add", "t one", "s"), Step("Mul", "a half", "h"), Step("Mul", "h s", "f")),
    ],
    "silu": [Step("Sigmoid", "a", "s"), Step("Mul", "a s", "f")],
    "hard_swish": [
        Step("HardSigmoid", "a", "s", {"alpha": 1.0 / 6.0, "beta": 0.5}),
        Step("Mul", "s a", "f"),
    ],
    "hard_swish, by Clip": [
        *(constant("three", 3.0), constant("low", 0.0), constant("six", 6.0)),
        *(Step("Add", "a three", "p"), Step("Clip", "p low six", "q"), Step("Mul", "a q", "r")),
        Step("Div", "r six", "f"),
    ],
    "softsign": [
        *(constant("one", 1.0), Step("Abs", "a", "p"), Step("Add", "p one", "q")),
        Step("Div", "a q", "f"),
    ],
    "log_sigmoid": [Step("Sigmoid", "a", "p"), Step("Log", "p", "f")],
    "softplus, cut": [
        *(constant("k", 20.0), Step("Softplus", "a", "p"), Step("Greater", "a k", "c")),
        Step("Where", "c a p", "f"),
    ],
    "where(x<=0.5,0,x)": [
        *(constant("k", 0.5), constant("o", 0.0), Step("LessOrEqual", "a k", "c")),
        Step("Where", "c o a", "f"),
    ],
    "mish": [Step("Softplus", "a", "p"), Step("Tanh", "p", "t"), Step("Mul", "a t", "f")],
}


def layer_norm(takes: str, gives: str, *, gamma: str = "", beta: str = "") -> list[Step]:
    """Return LayerNorm as exporters of old wrote it out, over the last axis."""
    p = gives
    steps = [
        Step("ReduceMean", takes, f"{p}m", {"axes": [-1]}),
        Step("Sub", f"{takes} {p}m", f"{p}c"),
        constant(f"{p}two", 2.0),
        Step("Pow", f"{p}c {p}two", f"{p}q"),
        Step("ReduceMean", f"{p}q", f"{p}v", {"axes": [-1]}),
        constant(f"{p}eps", float(np.float32(1e-5))),
        Step("Add", f"{p}v {p}eps", f"{p}e"),
        Step("Sqrt", f"{p}e", f"{p}s"),
    ]
    if not gamma:
        return [*steps, Step("Div", f"{p}c {p}s", gives)]
    return [
        *steps,
        Step("Div", f"{p}c {p}s", f"{p}d"),
        Step("Mul", f"{p}d {gamma}", f"{p}g"),
        Step("Add", f"{p}g {beta}", gives),
    ]


def _nets() -> dict[str, Any]:
    """Return networks of every shape that is read, by what is special about them."""
    w = {f"W{k}": normal(5, 5, scale=1.2, seed=k) for k in range(1, 5)}
    b = {f"b{k}": normal(5, seed=10 + k) for k in range(1, 5)}
    g = {"g": 1.0 + normal(5, seed=20), "h": normal(5, seed=21)}
    ends = {"E": normal(3, 5, seed=30), "e": normal(3, seed=31)}
    every = w | b | g | ends
    tanh = Step("Tanh", "a1", "f1")

    def net(*steps: Step, row: Sequence[int] = (5,), opset: int = 17, **more: Any) -> Any:
        used = {name for step in steps for name in step.takes.split()}
        own = {name: array for name, array in (every | more).items() if name in used}
        return made(steps, own, row, opset=opset)

    def ended(op: str, opset: int = 17, **attributes: Any) -> Any:
        end = Step(op, "z", "y", attributes)
        return net(gemm("x W1 b1", "a1"), tanh, gemm("f1 E e", "z"), end, opset=opset)

    def normed(*steps: Step, **more: Any) -> Any:
        return net(gemm("x W1 b1", "a1"), *steps, gemm("n E e", "y"), **more)

    batch_norm = {
        "m": normal(5, seed=40),
        "v": 0.5 + normal(5, seed=41) ** 2,
    }
    positions = (3, 5)
    return {
        "sigmoid": ended("Sigmoid"),
        "softmax": ended("Softmax"),
        "softmax, of old": ended("Softmax", opset=11),
        "log_softmax": ended("LogSoftmax", axis=1),
        "matmul and add": net(
            *(Step("MatMul", "x W1", "p"), Step("Add", "b1 p", "a"), Step("Relu", "a", "f")),
            *(Step("MatMul", "f W2", "q"), Step("Add", "q b2", "y")),
        ),
        "no bias": net(gemm("x W1", "a1"), tanh, gemm("f1 E", "y")),
        "alpha and beta": net(
            gemm("x W1 b1", "a1", alpha=0.5, beta=2.0), tanh, gemm("f1 E e", "y", alpha=-1.5)
        ),
        "skip": net(
            *(gemm("x W1 b1", "a1"), tanh, gemm("f1 W2 b2", "a2"), Step("Add", "a2 x", "s")),
            *(Step("Relu", "s", "f2"), gemm("f2 W3 b3", "a3"), Step("Sub", "s a3", "t")),
            gemm("t E e", "y"),
        ),
        "branches": net(
            *(gemm("x W1 b1", "a1"), gemm("x W2 b2", "a2"), tanh, Step("Relu", "a2", "f2")),
            *(Step("Add", "f1 f2", "s"), gemm("s E e", "y")),
        ),
        "joined": net(
            *(gemm("x W1 b1", "a1"), tanh, Step("Concat", "x f1 x", "s", {"axis": 1})),
            gemm("s V", "y"),
            V=normal(3, 15, seed=50),
        ),
        "one matrix twice": net(gemm("x W1 b1", "a1"), tanh, gemm("f1 W1 b1", "y")),
        "one matrix and its transpose": net(
            gemm("x W1", "a1"), tanh, gemm("f1 W1", "y", transB=0)
        ),
        "transposed": net(
            *(Step("Transpose", "W1", "V"), Step("MatMul", "x V", "p"), Step("Tanh", "p", "f")),
            gemm("f E", "y"),
        ),
        "layer norm": normed(Step("LayerNormalization", "a1 g h", "n", {"epsilon": 1e-3})),
        "layer norm, written out": normed(*layer_norm("a1", "n", gamma="g", beta="h")),
        "layer norm of tiny": normed(
            constant("tiny", 1e-130), Step("Mul", "a1 tiny", "t"), *layer_norm("t", "n")
        ),
        "rms norm, written out": normed(
            *(constant("two", 2.0), constant("eps", 1e-6), Step("Pow", "a1 two", "q")),
            *(Step("ReduceMean", "q", "m", {"axes": [-1]}), Step("Add", "m eps", "ee")),
            *(Step("Sqrt", "ee", "s"), Step("Reciprocal", "s", "r"), Step("Mul", "a1 r", "p")),
            Step("Mul", "p g", "n"),
        ),
        "batch norm": normed(
            Step("BatchNormalization", "a1 g h m v", "n", {"epsilon": 1e-2}), **batch_norm
        ),
        "scale and shift": normed(
            *(Step("Mul", "g a1", "p"), Step("Sub", "p h", "q"), Step("Div", "q k", "r")),
            *(constant("c", 0.5), Step("Sub", "c r", "n")),
            k=1.0 + normal(5, seed=60) ** 2,
        ),
        "slopes of units": normed(Step("PRelu", "a1 g", "n")),
        "images": net(
            Step("Flatten", "x", "r"), gemm("r V b1", "a1"), tanh, gemm("f1 E e", "y"),
            row=(2, 3, 2), V=normal(5, 12, seed=70),
        ),
        "shape arithmetic": net(
            *(Step("Shape", "x", "s"), constant("zero", 0), Step("Gather", "s zero", "n")),
            *(Step("Unsqueeze", "n ax", "nn"), constant("rest", [-1])),
            *(Step("Concat", "nn rest", "t", {"axis": 0}), Step("Reshape", "x t", "r")),
            *(gemm("r V b1", "a1"), tanh, gemm("f1 E e", "y")),
            row=(2, 3, 2), V=normal(5, 12, seed=70), ax=np.array([0]),
        ),
        "sequences": net(
            *(Step("MatMul", "x W1", "p"), Step("Add", "p b1", "a1"), tanh),
            *(Step("LayerNormalization", "f1 g h", "n"), Step("MatMul", "n W2", "q")),
            *(Step("Add", "q x", "s"), Step("Softmax", "s", "u", {"axis": 2})),
            *(Step("Flatten", "u", "r"), gemm("r V", "y")),
            row=positions, V=normal(4, 15, seed=80),
        ),
        "softmax over positions": net(
            *(Step("MatMul", "x W1", "p"), Step("Softmax", "p", "s", {"axis": 1})),
            *(Step("LogSoftmax", "s", "l", {"axis": -1}), Step("Flatten", "l", "r")),
            gemm("r V", "y"), row=positions, V=normal(4, 15, seed=80),
        ),
        "bias behind a reshape": net(
            *(Step("MatMul", "x V", "p"), Step("Reshape", "p t", "q"), Step("Add", "q c", "a")),
            *(Step("Tanh", "a", "f"), Step("Flatten", "f", "r"), gemm("r U", "y")),
            V=normal(5, 6, seed=90), c=normal(3, seed=91), t=np.array([-1, 2, 3]),
            U=normal(4, 6, seed=92),
        ),
        "silu in another shape": net(
            *(gemm("x V", "a"), Step("Sigmoid", "a", "s"), Step("Mul", "a s", "f")),
            *(Step("Reshape", "f t", "q"), constant("half", 0.5), Step("Mul", "q half", "o")),
            *(Step("Softmax", "o", "p", {"axis": -1}), Step("Flatten", "p", "r"), gemm("r U", "y")),
            V=normal(6, 5, seed=90), t=np.array([-1, 2, 3]), U=normal(4, 6, seed=92),
        ),
        "silu of another shape": net(
            *(gemm("x V", "a"), Step("Reshape", "a t", "q"), Step("Sigmoid", "q", "s")),
            *(Step("Mul", "q s", "f"), Step("Flatten", "f", "r"), gemm("r U", "y")),
            V=normal(6, 5, seed=90), t=np.array([-1, 2, 3]), U=normal(4, 6, seed=92),
        ),
        "one first": net(
            *(Step("MatMul", "x W1", "p"), constant("one", 1.0), Step("Mul", "one p", "i")),
            *(Step("Add", "i b1", "z"), Step("Add", "z p", "s"), gemm("s E e", "y")),
        ),
        "softmax of lines at the end": net(
            *(Step("MatMul", "x W1", "p"), Step("Softmax", "p", "y", {"axis": -1})), row=positions,
        ),
        "units of one": net(
            *(Step("Identity", "x", "i"), Step("Dropout", "i", "d"), gemm("d W1 b1", "a1"), tanh),
            *(Step("Cast", "f1", "c", {"to": 11}), gemm("c E e", "z")),
            *(constant("ax", [1]), Step("Unsqueeze", "z ax", "u"), Step("Squeeze", "u ax", "y")),
        ),
    }  # fmt: skip


NETS = _nets()


def content(model: Any) -> bytes:
    """Return a model's bytes, checked by onnx itself."""
    onnx.checker.check_model(model)
    found: bytes = model.SerializeToString()
    return found
