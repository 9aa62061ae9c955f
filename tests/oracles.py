"""Independent judges of the gradients: sympy, mpmath, differences, PyTorch's autograd.

Each takes a `Problem`, the plain numbers of a simulation, and shares no mathematics with
vanish. All that is typed here is the textbook formula of each activation; slopes come from
sympy's differentiation of it, gradients from the four ways below, in 50 digits but for
PyTorch's. `test_oracles.py` shows that each notices a wrong derivative.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
import sympy
from mpmath import mp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from vanish.numbers.scaled import FloatArray, Scaled
    from vanish.simulation.run import Simulation

    # Arrays of float64, or of mpmath's numbers.
    Gradients = dict[str, NDArray[Any]]

DIGITS = 50

X = sympy.Symbol("x", real=True)


def _formulas() -> dict[str, sympy.Expr]:
    exp, half = sympy.exp, sympy.Rational(1, 2)
    sigmoid = 1 / (1 + exp(-X))
    softplus = sympy.log(1 + exp(X))
    # Klambauer et al. 2017, eq. 14: for this pair mean 0 and variance 1 are a fixed point.
    root_e, pi = sympy.sqrt(sympy.E), sympy.pi
    tail = sympy.erfc(1 / sympy.sqrt(2)) * root_e
    square = 2 * sympy.erfc(sympy.sqrt(2)) * root_e**4 + pi * tail**2 - 2 * (2 + pi) * tail + pi + 2
    alpha = (sympy.sqrt(2 / pi) / (1 - tail)).evalf(DIGITS)
    scale = ((1 - tail) * sympy.sqrt(2 * pi) / sympy.sqrt(square)).evalf(DIGITS)
    cubic = sympy.Rational(44715, 1000000)
    clip = sympy.Piecewise((0, X <= -3), (1, X >= 3), ((X + 3) / 6, True))
    return {
        "identity": X,
        "sigmoid": sigmoid,
        "tanh": sympy.tanh(X),
        "relu": sympy.Piecewise((X, X > 0), (0, True)),
        "leaky_relu": sympy.Piecewise((X, X > 0), (X / 100, True)),
        "elu": sympy.Piecewise((X, X > 0), (exp(X) - 1, True)),
        "selu": scale * sympy.Piecewise((X, X > 0), (alpha * (exp(X) - 1), True)),
        "gelu": X * half * (1 + sympy.erf(X / sympy.sqrt(2))),
        "gelu_tanh": X * half * (1 + sympy.tanh(sympy.sqrt(2 / sympy.pi) * (X + cubic * X**3))),
        "silu": X * sigmoid,
        "softplus": softplus,
        "softsign": X / (1 + sympy.Abs(X)),
        "mish": X * sympy.tanh(softplus),
        "hard_sigmoid": clip,
        "hard_tanh": sympy.Piecewise((-1, X <= -1), (1, X >= 1), (X, True)),
        "relu6": sympy.Piecewise((0, X <= 0), (6, X >= 6), (X, True)),
        "hard_swish": X * clip,
        "sin": sympy.sin(X),
        "log_sigmoid": sympy.log(sigmoid),
    }


# S(x) of every built-in activation, as a textbook has it.
FORMULAS = _formulas()

# Those whose derivative sympy gives in one piece.
SMOOTH = tuple(name for name, formula in FORMULAS.items() if not formula.has(sympy.Piecewise))


@functools.cache
def derivative(act: str, order: int = 0) -> Callable[[Any], Any]:
    """Return S, S' (order 1) or S'' (order 2) as a function of one number of mpmath."""
    formula = sympy.diff(FORMULAS[act], X, order) if order else FORMULAS[act]
    function: Callable[[Any], Any] = sympy.lambdify(X, formula, "mpmath", cse=True)
    return function


class Problem(NamedTuple):
    """The numbers of a chain, its input and its loss."""

    weights: list[FloatArray]
    biases: list[FloatArray]
    acts: list[str]
    x: FloatArray
    loss: str
    reference: FloatArray

    @classmethod
    def of(cls, simulation: Simulation) -> Problem:
        """Return the numbers of a simulation."""
        layers = simulation.chain.layers
        return cls(
            weights=[layer.weight.multiplied_out() for layer in layers],
            biases=[
                np.zeros(layer.weight.shape[0]) if layer.bias is None else layer.bias
                for layer in layers
            ],
            acts=[layer.activation.name for layer in layers],
            x=simulation.x,
            loss=simulation.loss.name,
            reference=simulation.reference,
        )

    @property
    def parameters(self) -> dict[str, FloatArray]:
        """W1, b1, W2, b2, … and x."""
        named = {"x": self.x}
        for k, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True), 1):
            named |= {f"W{k}": weight, f"b{k}": bias}
        return named


def relative_error(actual: Mapping[str, Scaled], expected: Gradients) -> float:
    """Return the largest error of all gradients, each relative to its own largest entry.

    Relative, since any vanished gradient is right to an absolute tolerance. What should be
    zero must be zero.
    """
    errors = []
    with mp.workdps(DIGITS):
        for name, right in expected.items():
            left = actual[name]
            if left.values.shape != right.shape or not np.isfinite(left.values).all():
                return math.inf
            error, size = mp.mpf(0), mp.mpf(0)
            for a, b in zip(left.values.ravel().tolist(), right.ravel().tolist(), strict=True):
                error = max(error, abs(mp.ldexp(a, left.exponent) - b))
                size = max(size, abs(b))
            errors.append(error / size if size else math.inf if error else 0.0)
    return float(max(errors))


def symbolic(problem: Problem) -> Gradients:
    """Sympy's derivatives of the whole scalar chain, written out as one expression."""
    values = {name: array.item() for name, array in problem.parameters.items()}
    symbol = {name: sympy.Symbol(name, real=True) for name in values}
    output = symbol["x"]
    for k, act in enumerate(problem.acts, 1):
        output = FORMULAS[act].subs(X, symbol[f"W{k}"] * output + symbol[f"b{k}"])
    reference = sympy.Float(problem.reference.item(), DIGITS)
    loss = {
        "readout": reference * output,
        "sum": output,
        "mse": (output - reference) ** 2 / 2,
        "cross_entropy": sympy.log(sympy.exp(output)) - output,
        "bce": sympy.log(1 + sympy.exp(output)) - reference * output,
    }[problem.loss]
    derivatives = [sympy.diff(loss, symbol[name]) for name in values]
    evaluate = sympy.lambdify([symbol[name] for name in values], derivatives, "mpmath", cse=True)
    with mp.workdps(DIGITS):
        results = evaluate(*(mp.mpf(value) for value in values.values()))
    shapes = [array.shape for array in problem.parameters.values()]
    return {
        name: np.full(shape, result, dtype=object)
        for name, shape, result in zip(values, shapes, results, strict=True)
    }


def scalar_product(problem: Problem, digits: int = DIGITS) -> Gradients:
    """The article's product, for a chain of width 1 as deep as one likes."""
    gradients = {}
    with mp.workdps(digits):
        w = [mp.mpf(weight.item()) for weight in problem.weights]
        f, a = [mp.mpf(problem.x.item())], []
        for k, act in enumerate(problem.acts):
            a.append(w[k] * f[k] + problem.biases[k].item())
            f.append(derivative(act)(a[k]))
        reference = mp.mpf(problem.reference.item())
        running = {
            "readout": reference,
            "sum": mp.mpf(1),
            "mse": f[-1] - reference,
            "cross_entropy": mp.mpf(0),  # of a single class
            "bce": (1 if reference == 0 else -1) / (1 + mp.exp((2 * reference - 1) * f[-1])),
        }[problem.loss]
        for k in reversed(range(len(w))):
            running *= derivative(problem.acts[k], 1)(a[k])
            gradients[f"W{k + 1}"] = np.array([[running * f[k]]], dtype=object)
            gradients[f"b{k + 1}"] = np.array([running], dtype=object)
            running *= w[k]
        gradients["x"] = np.array([[running]], dtype=object)
    return gradients


def _loss(problem: Problem, parameters: Gradients) -> Any:
    """The loss itself, by a forward pass in mpmath's numbers."""
    f = parameters["x"]
    for k, act in enumerate(problem.acts, 1):
        a = f @ parameters[f"W{k}"].T + parameters[f"b{k}"]
        f = np.frompyfunc(derivative(act), 1, 1)(a)
    match problem.loss:
        case "readout":
            total = (f @ problem.reference).sum()
        case "sum":
            total = f.sum()
        case "mse":
            total = ((f - problem.reference) ** 2).sum() / 2
        case "cross_entropy":
            classes = np.broadcast_to(problem.reference, (len(f), 1))[:, 0].astype(int)
            total = sum(
                mp.log(sum(map(mp.exp, row))) - row[t] for row, t in zip(f, classes, strict=True)
            )
        case "bce":
            likelihoods = np.frompyfunc(
                lambda logit, t: mp.log(1 + mp.exp(-logit if t else logit)), 2, 1
            )
            total = likelihoods(f, np.broadcast_to(problem.reference, f.shape)).sum()
    return total / len(f)


def differences(problem: Problem) -> Gradients:
    """(L(θ+h) - L(θ-h))/2h for every entry θ of every parameter; the error is about h²."""
    gradients = {}
    with mp.workdps(DIGITS):
        step = mp.mpf(10) ** -18
        number = np.vectorize(mp.mpf, otypes=[object])
        parameters = {name: number(array) for name, array in problem.parameters.items()}
        for name, array in parameters.items():
            gradient = np.zeros_like(array)
            for entry in np.ndindex(array.shape):
                middle = array[entry]
                array[entry] = middle + step
                above = _loss(problem, parameters)
                array[entry] = middle - step
                gradient[entry] = (above - _loss(problem, parameters)) / (2 * step)
                array[entry] = middle
            gradients[name] = gradient
    return gradients


def pytorch() -> Any:
    """Return PyTorch; without it, skip the test."""
    why = "PyTorch judges the gradients: pip install torch==2.13.0"
    return pytest.importorskip("torch", reason=why)


def autograd(problem: Problem) -> Gradients:
    """PyTorch's gradients in float64, by every W, b, a and f and by x."""
    torch = pytorch()
    nodes = {
        name: torch.tensor(array, dtype=torch.float64, requires_grad=True)
        for name, array in problem.parameters.items()
    }
    f = nodes["x"]
    for k, act in enumerate(problem.acts, 1):
        nodes[f"a{k}"] = a = f @ nodes[f"W{k}"].T + nodes[f"b{k}"]
        nodes[f"f{k}"] = f = torch_activation(act)(a)
        # PyTorch's sigmoid and softplus lose their accuracy beyond.
        assert a.abs().max() <= 10.0
    reference = torch.tensor(problem.reference, dtype=torch.float64)
    reference = reference.expand(len(f), reference.shape[-1])
    match problem.loss:
        case "readout":
            loss = (f * reference).sum(dim=1).mean()
        case "sum":
            loss = f.sum(dim=1).mean()
        case "mse":
            loss = torch.nn.MSELoss(reduction="sum")(f, reference) / 2 / len(f)
        case "cross_entropy":
            loss = torch.nn.CrossEntropyLoss()(f, reference[:, 0].long())
        case "bce":
            loss = torch.nn.BCEWithLogitsLoss(reduction="sum")(f, reference) / len(f)
    gradients = torch.autograd.grad(loss, list(nodes.values()))
    return {name: each.numpy() for name, each in zip(nodes, gradients, strict=True)}


def torch_activation(act: str) -> Callable[[Any], Any]:
    """Return PyTorch's own activation of that name."""
    torch = pytorch()
    functional = torch.nn.functional
    others: dict[str, Callable[[Any], Any]] = {
        "identity": torch.clone,
        "gelu_tanh": functools.partial(functional.gelu, approximate="tanh"),
        # The derivative of its hardsigmoid is off by 3e-8: a float32 constant.
        "hard_sigmoid": lambda a: torch.clamp(a + 3, 0, 6) / 6,
        "hard_tanh": functional.hardtanh,
        "hard_swish": functional.hardswish,
        "sin": torch.sin,
        "log_sigmoid": functional.logsigmoid,
    }
    if act in others:
        return others[act]
    function: Callable[[Any], Any] = getattr(functional, act)
    return function
