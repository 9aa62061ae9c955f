"""What a file of ONNX computes and its gradients, by torch's autograd: it knows nothing of ours.

Every node is evaluated by itself, in float64, as ONNX's own text (Operators.md) says; initialisers
are leaves that ask for a gradient, and so is every value.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper

F = torch.nn.functional


def attributes(node: Any) -> dict[str, Any]:
    return {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}


class Evaluation:
    """All values of a graph for some rows.

    Parameters
    ----------
    model
        The file's.
    rows
        Shape (B, n), flattened in C order.
    """

    def __init__(self, model: Any, rows: Any) -> None:
        graph = model.graph
        self.opset = max(e.version for e in model.opset_import if e.domain in ("", "ai.onnx"))
        self.values: dict[str, Any] = {}
        for each in graph.initializer:
            self.values[each.name] = self.leaf(numpy_helper.to_array(each))
        (given,) = [e for e in graph.input if e.name not in self.values]
        axes = [e.dim_value for e in given.type.tensor_type.shape.dim][1:]
        x = torch.tensor(np.asarray(rows, dtype=np.float64)).reshape(len(rows), *axes)
        self.values[given.name] = x.requires_grad_()
        self.x = given.name
        for node in graph.node:
            if node.op_type in ("ArgMax", "ArrayFeatureExtractor", "If"):
                break  # a class, which has no gradient
            ins = [self.values[name] if name else None for name in node.input]
            value = self.one(node, ins, attributes(node))
            if value.is_floating_point() and value.requires_grad:
                value.retain_grad()
            self.values[node.output[0]] = value

    @staticmethod
    def leaf(array: Any) -> Any:
        if array.dtype.kind == "f":
            return torch.tensor(array.astype(np.float64), requires_grad=True)
        return torch.tensor(array)

    def one(self, node: Any, ins: list[Any], a: dict[str, Any]) -> Any:
        kind = node.op_type
        simple = {
            "Relu": torch.relu,
            "Sigmoid": torch.sigmoid,
            "Tanh": torch.tanh,
            "Erf": torch.erf,
            "Exp": torch.exp,
            "Log": torch.log,
            "Abs": torch.abs,
            "Sqrt": torch.sqrt,
            "Sin": torch.sin,
            "Cos": torch.cos,
            "Atan": torch.atan,
            "Asinh": torch.asinh,
            "Sinh": torch.sinh,
            "Cosh": torch.cosh,
            "Neg": torch.neg,
            "Reciprocal": torch.reciprocal,
            "Softsign": F.softsign,
            "Mish": F.mish,
            "HardSwish": F.hardswish,
            "Identity": lambda t: t * 1.0 if t.is_floating_point() else t,
            "ZipMap": lambda t: t * 1.0,
        }
        if kind in simple:
            return simple[kind](ins[0])
        two = {"Add": torch.add, "Sub": torch.sub, "Mul": torch.mul, "Div": torch.div}
        if kind in (*two, "Pow", "MatMul"):
            rule = {**two, "Pow": torch.pow, "MatMul": torch.matmul}[kind]
            return rule(ins[0], ins[1])
        if kind == "Gemm":
            left = ins[0].T if a.get("transA") else ins[0]
            right = ins[1].T if a.get("transB") else ins[1]
            value = a.get("alpha", 1.0) * (left @ right)
            return value if ins[2:] in ([], [None]) else value + a.get("beta", 1.0) * ins[2]
        if kind == "Softplus":
            return torch.logaddexp(ins[0], torch.zeros_like(ins[0]))
        if kind in ("LeakyRelu", "PRelu"):
            slope = ins[1] if kind == "PRelu" else a.get("alpha", 0.01)
            return torch.where(ins[0] > 0, ins[0], slope * ins[0])
        if kind in ("Elu", "Celu", "Selu"):
            alpha = a.get("alpha", 1.67326319217681884765625 if kind == "Selu" else 1.0)
            gamma = a.get("gamma", 1.05070102214813232421875 if kind == "Selu" else 1.0)
            inner = ins[0] / alpha if kind == "Celu" else ins[0]
            low = alpha * torch.expm1(inner.clamp(max=0.0))
            return gamma * torch.where(ins[0] > 0, ins[0], low)
        if kind == "HardSigmoid":
            return (a.get("alpha", 0.2) * ins[0] + a.get("beta", 0.5)).clamp(0.0, 1.0)
        if kind == "ThresholdedRelu":
            return torch.where(ins[0] > a.get("alpha", 1.0), ins[0], 0.0 * ins[0])
        if kind == "Clip":
            low, high = [*ins[1:], None, None][:2]
            low = a.get("min", low)
            high = a.get("max", high)
            bounds = [
                None if e is None else float(torch.as_tensor(e).detach()) for e in (low, high)
            ]
            return ins[0] * 1.0 if bounds == [None, None] else ins[0].clamp(*bounds)
        if kind == "Shrink":
            edge, bias = a.get("lambd", 0.5), a.get("bias", 0.0)
            zero = 0.0 * ins[0]
            below = torch.where(ins[0] < -edge, ins[0] + bias, zero)
            return torch.where(ins[0] > edge, ins[0] - bias, below)
        if kind == "Swish":
            return ins[0] * torch.sigmoid(a.get("alpha", 1.0) * ins[0])
        if kind == "Gelu":
            return F.gelu(ins[0], approximate=a.get("approximate", b"none").decode())
        if kind == "Flatten":
            axis = a.get("axis", 1)
            return ins[0].reshape(math.prod(ins[0].shape[:axis]), -1)
        if kind == "Reshape":
            return self.reshaped(ins[0], ins[1].tolist())
        if kind in ("Squeeze", "Unsqueeze"):
            axes = a["axes"] if "axes" in a else ins[1].tolist()
            value = ins[0]
            for axis in sorted(axes):
                value = value.squeeze(axis) if kind == "Squeeze" else value.unsqueeze(axis)
            return value * 1.0 if value.is_floating_point() else value
        if kind == "Transpose":
            return ins[0].permute(a["perm"]) if "perm" in a else ins[0].T
        if kind == "Cast":
            return ins[0] * 1.0
        if kind == "Dropout":
            return ins[0] * 1.0
        if kind == "Constant":
            return self.leaf(numpy_helper.to_array(a["value"]))
        if kind == "Concat":
            return torch.cat(ins, dim=a["axis"])
        if kind in ("Softmax", "LogSoftmax"):
            return self.softmax(kind, ins[0], a)
        if kind in ("LayerNormalization", "RMSNormalization"):
            return self.norm(kind, ins, a)
        if kind == "ReduceMean":
            axes = a["axes"] if "axes" in a else ins[1].tolist()
            return ins[0].mean(dim=axes, keepdim=bool(a.get("keepdims", 1)))
        if kind == "BatchNormalization":
            shape = (1, -1, *(1,) * (ins[0].ndim - 2))
            gamma, beta, mean, variance = (each.reshape(shape) for each in ins[1:])
            return (ins[0] - mean) / torch.sqrt(variance + a.get("epsilon", 1e-5)) * gamma + beta
        if kind == "Scaler":
            return (ins[0] - torch.tensor(a["offset"])) * torch.tensor(a["scale"])
        if kind == "Shape":
            return torch.tensor(tuple(ins[0].shape))
        compared = {"Greater": torch.gt, "LessOrEqual": torch.le}
        if kind in compared:
            return compared[kind](ins[0], ins[1])
        if kind == "Where":
            return torch.where(ins[0], ins[1], ins[2])
        if kind == "Gather":
            return ins[0][ins[1]]
        raise NotImplementedError(kind)

    @staticmethod
    def reshaped(value: Any, sizes: list[int]) -> Any:
        found = [value.shape[axis] if size == 0 else size for axis, size in enumerate(sizes)]
        # The number of rows that the file was made with is any.
        return value.reshape(len(value), *found[1:])

    def softmax(self, kind: str, value: Any, a: dict[str, Any]) -> Any:
        rule = F.softmax if kind == "Softmax" else F.log_softmax
        if self.opset >= 13:
            return rule(value, dim=a.get("axis", -1))
        axis = a.get("axis", 1)
        flat = value.reshape(math.prod(value.shape[:axis]), -1)
        return rule(flat, dim=1).reshape(value.shape)

    @staticmethod
    def norm(kind: str, ins: list[Any], a: dict[str, Any]) -> Any:
        axis = a.get("axis", -1) % ins[0].ndim
        axes = list(range(axis, ins[0].ndim))
        value = ins[0]
        if kind == "LayerNormalization":
            value = value - value.mean(dim=axes, keepdim=True)
        root = torch.sqrt((value * value).mean(dim=axes, keepdim=True) + a.get("epsilon", 1e-5))
        value = value / root
        for place, rule in ((1, torch.mul), (2, torch.add)):
            if place < len(ins) and ins[place] is not None:
                value = rule(value, ins[place])
        return value
