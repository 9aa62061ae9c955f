"""Derivations of any block: every printed line is read back, and is what sympy and torch find."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
import sympy
from graphs import addresses
from known import known
from matplotlib.mathtext import MathTextParser

from vanish import Settings, Simulation
from vanish.errors import UsageError
from vanish.lessons import named
from vanish.lessons.derivation import Derivation, is_shared, measured_factors, parse_variable
from vanish.lessons.matrixform import LATEX_MARKS, TEXT_MARKS, matrix_form, shapes
from vanish.lessons.named import PLUS, lines
from vanish.network import activations
from vanish.network.chain import Chain
from vanish.network.graph import Block, Constant, Graph, Node, Op, Slot, Variable, article_graph
from vanish.network.weights import Weight
from vanish.numbers.scaled import Scaled
from vanish.readings import dense
from vanish.readings.names import NOTATION
from vanish.readings.notation import LATEX, MATHML, TEXT, product
from vanish.readings.products import Sum
from vanish.render import derivation as render

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Plant

    from vanish.readings.notation import Notation

S, ADD, LN, RMS = Op("activate"), Op("add"), Op("layernorm"), Op("rmsnorm")
AFFINE = Op("affine", (Slot("W"), Slot("b")))


def by(letter: str, *biases: str, tied: bool = False) -> Op:
    return Op("affine", tuple(Slot(each, tied) for each in (letter, *biases)))


def times(value: float, text: str) -> Op:
    return Op("scale", (), Constant(value, text))


# Each block, and beside it what its names mean, written down without vanish: of the values v and
# the parameters p of a layer.
Definitions = dict[str, "Callable[[Any, Any, Any], Any]"]
BLOCKS: dict[str, tuple[Block, Definitions]] = {
    "x + S(Wx+b)": (
        Block(Node(AFFINE, (0,), "a"), Node(S, (1,)), Node(ADD, (0, 2), "f")),
        {
            "a": lambda m, v, p: m.dot(p["W"], v["x"]) + p["b"],
            "f": lambda m, v, _: v["x"] + m.S(v["a"]),
        },
    ),
    "x + 0.5 S(Wx+b)": (
        Block(
            Node(AFFINE, (0,), "a"),
            Node(S, (1,)),
            Node(times(0.5, "0.5"), (2,)),
            Node(ADD, (0, 3), "f"),
        ),
        {
            "a": lambda m, v, p: m.dot(p["W"], v["x"]) + p["b"],
            "f": lambda m, v, _: v["x"] + m.S(v["a"]) / 2,
        },
    ),
    "S(LN(Wx+b))": (
        Block(Node(AFFINE, (0,), "w"), Node(LN, (1,), "a"), Node(S, (2,), "f")),
        {
            "w": lambda m, v, p: m.dot(p["W"], v["x"]) + p["b"],
            "a": lambda m, v, _: m.LN(v["w"]),
            "f": lambda m, v, _: m.S(v["a"]),
        },
    ),
    "x + V S(Wx+b)": (
        Block(
            Node(AFFINE, (0,), "a"), Node(S, (1,)), Node(by("V"), (2,), "v"), Node(ADD, (0, 3), "f")
        ),
        {
            "a": lambda m, v, p: m.dot(p["W"], v["x"]) + p["b"],
            "v": lambda m, v, p: m.dot(p["V"], m.S(v["a"])),
            "f": lambda _, v, __: v["x"] + v["v"],
        },
    ),
    "LN(x + V S(Wx+b) + c)": (
        Block(
            Node(AFFINE, (0,), "a"),
            Node(S, (1,)),
            Node(by("V"), (2,), "v"),
            Node(ADD, (0, 3)),
            Node(Op("shift", (Slot("c"),)), (4,)),
            Node(LN, (5,), "f"),
        ),
        {
            "a": lambda m, v, p: m.dot(p["W"], v["x"]) + p["b"],
            "v": lambda m, v, p: m.dot(p["V"], m.S(v["a"])),
            "y": lambda _, v, p: v["x"] + v["v"] + p["c"],
            "f": lambda m, v, _: m.LN(v["y"]),
        },
    ),
    "S(W~x + U~u + b~)": (
        Block(
            Node(Op("step"), (), "u"),
            Node(by("W", tied=True), (0,), "w"),
            Node(by("U", tied=True), (1,)),
            Node(ADD, (2, 3)),
            Node(Op("shift", (Slot("b", tied=True),)), (4,), "a"),
            Node(S, (5,), "f"),
        ),
        {
            "a": lambda m, v, p: m.dot(p["W"], v["x"]) + m.dot(p["U"], v["u"]) + p["b"],
            "f": lambda m, v, _: m.S(v["a"]),
        },
    ),
    "x + S(W~x+b~)": (
        Block(Node(by("W", "b", tied=True), (0,), "a"), Node(S, (1,)), Node(ADD, (0, 2), "f")),
        {
            "a": lambda m, v, p: m.dot(p["W"], v["x"]) + p["b"],
            "f": lambda m, v, _: v["x"] + m.S(v["a"]),
        },
    ),
    "x + 1/sqrt(layers) V S(W LN(x)+b)": (
        Block(
            Node(LN, (0,)),
            Node(AFFINE, (1,), "a"),
            Node(S, (2,)),
            Node(by("V"), (3,), "v"),
            Node(times(0.0, "1/sqrt(layers)"), (4,)),
            Node(ADD, (0, 5), "f"),
        ),
        {
            "a": lambda m, v, p: m.dot(p["W"], m.LN(v["x"])) + p["b"],
            "v": lambda m, v, p: m.dot(p["V"], m.S(v["a"])),
            "f": lambda m, v, _: v["x"] + m.root * v["v"],
        },
    ),
    "x - RMS(x) + W S(W x+b)": (
        Block(
            Node(RMS, (0,)),
            Node(times(-1.0, "-1"), (1,)),
            Node(ADD, (0, 2)),
            Node(AFFINE, (0,), "a"),
            Node(S, (4,)),
            Node(by("W"), (5,)),
            Node(ADD, (3, 6), "f"),
        ),
        {
            "a": lambda m, v, p: m.dot(p["W"], v["x"]) + p["b"],
            "y": lambda m, v, p: m.dot(p["W"], m.S(v["a"])),
            "f": lambda m, v, _: v["x"] - m.RMS(v["x"]) + v["y"],
        },
    ),
    "V~S(W(-0.5 x + S(x))+b)": (
        Block(
            Node(times(-0.5, "-0.5"), (0,)),
            Node(S, (0,)),
            Node(ADD, (1, 2)),
            Node(AFFINE, (3,), "a"),
            Node(S, (4,)),
            Node(by("V", tied=True), (5,), "f"),
        ),
        {
            "a": lambda m, v, p: m.dot(p["W"], m.S(v["x"]) - v["x"] / 2) + p["b"],
            "y": lambda m, v, p: m.dot(p["V"], m.S(v["a"])),
            "f": lambda _, v, __: v["y"],
        },
    ),
    # S' stands in front of two ways that meet again.
    "x + S(Wx + V LN(x) + b)": (
        Block(
            Node(by("W"), (0,)),
            Node(LN, (0,)),
            Node(by("V", "b"), (2,)),
            Node(ADD, (1, 3), "a"),
            Node(S, (4,)),
            Node(ADD, (0, 5), "f"),
        ),
        {
            "a": lambda m, v, p: m.dot(p["W"], v["x"]) + m.dot(p["V"], m.LN(v["x"])) + p["b"],
            "f": lambda m, v, _: v["x"] + m.S(v["a"]),
        },
    ),
}


def variables(graph: Graph) -> list[Variable]:
    """Return all that can be differentiated by, but the steps' inputs."""
    depth = range(1, graph.depth + 1)
    named = [name for name in "afv" if any(each.name == name for each in graph.block(1).nodes)]
    inner = [Variable(name, k) for k in depth for name in named]
    return [Variable("x", 0), *addresses(graph), *inner]


# --- two mathematics ---

_DIGITS = 60


class Symbols:
    """Numbers of 60 digits, differentiated by sympy; norms are any function."""

    S, L, LN, RMS = sympy.tanh, sympy.exp, sympy.sin, sympy.atan

    def __init__(self, depth: int) -> None:
        self.root = (1 / sympy.sqrt(depth)).evalf(_DIGITS)
        self._count = 0

    @staticmethod
    def dot(one: Any, other: Any) -> Any:
        return one * other

    def parameter(self, _: str, __: bool) -> Any:
        self._count += 1
        return sympy.Rational(7 + 2 * self._count, 10 + self._count).evalf(_DIGITS)

    @staticmethod
    def derivative(function: Callable[[Any], Any], at: Any) -> Any:
        t = sympy.Dummy("t")
        return sympy.diff(function(t), t).evalf(_DIGITS, subs={t: at})

    plus = staticmethod(lambda one, other: one + other)
    product = staticmethod(lambda one, other: one * other)


class Arrays:
    """Vectors and matrices of torch; derivatives are Jacobians with a column an entry."""

    def __init__(self, depth: int, width: int = 3) -> None:
        self._torch = pytest.importorskip("torch")
        self.root, self._width = 1 / depth**0.5, width
        self._generator = np.random.default_rng(depth)
        self.S = self._torch.tanh
        # Under the names that formulas have for them.
        self.L: Callable[[Any], Any] = lambda f: (f**2).sum() + f[0] * f[-1]
        self.LN: Callable[[Any], Any] = lambda f: (f - f.mean()) / f.std(correction=0)
        self.RMS: Callable[[Any], Any] = lambda f: f / (f**2).mean().sqrt()

    @staticmethod
    def dot(one: Any, other: Any) -> Any:
        return one @ other

    def parameter(self, _: str, is_matrix: bool) -> Any:
        shape = (self._width,) * (2 if is_matrix else 1)
        return self._torch.tensor(self._generator.standard_normal(shape))

    def derivative(self, function: Callable[[Any], Any], at: Any) -> Any:
        found = self._torch.autograd.functional.jacobian(function, at)
        return found.reshape(-1 if found.ndim > at.ndim else 1, at.numel())

    def plus(self, one: Any, other: Any) -> Any:
        if isinstance(one, float) != isinstance(other, float):
            scalar, matrix = (one, other) if isinstance(one, float) else (other, one)
            return matrix + scalar * self._torch.eye(len(matrix), dtype=matrix.dtype)
        return one + other

    @staticmethod
    def product(one: Any, other: Any) -> Any:
        both = isinstance(one, float) or isinstance(other, float)
        return one * other if both else one @ other


class Network:
    """A network in either mathematics, by the definitions of its names."""

    def __init__(self, mathematics: Any, graph: Graph, definitions: Definitions) -> None:
        self.m, self.depth, self.definitions = mathematics, graph.depth, definitions
        steps = [Variable("u", k) for k in range(1, graph.depth + 1)]
        self.parameters = {
            address: mathematics.parameter(str(address), address.letter.isupper())
            for address in [Variable("x", 0), *addresses(graph), *steps]
        }
        self.plain = self.values()

    def layer(self, k: int, f: Any, parameters: dict[Variable, Any]) -> tuple[Any, Any]:
        """Return what a layer takes and its parameters, by letter."""
        taken = {"x": f, "u": parameters[Variable("u", k)]}
        found = {at.letter: each for at, each in parameters.items() if at.layer in (0, k)}
        return taken, found

    def values(self, variable: Variable | None = None, value: Any = None) -> dict[str, Any]:
        """Return all values by name, with a value in place of one of them."""
        parameters = self.parameters | ({variable: value} if variable is not None else {})
        f = parameters[Variable("x", 0)]
        found: dict[str, Any] = {}
        for k in range(1, self.depth + 1):
            taken, own = self.layer(k, f, parameters)
            for name, definition in self.definitions.items():
                here = definition(self.m, taken, own)
                taken[name] = value if variable == Variable(name, k) else here
            f = taken["f"]
            found |= {f"{name}{k}": each for name, each in taken.items() if name != "x"}
        named = {f"{at.letter}{at.layer or ''}": each for at, each in parameters.items()}
        return found | named

    def value_of(self, variable: Variable) -> Any:
        return self.plain[f"{variable.letter}{variable.layer or ''}"]

    def gradient(self, variable: Variable) -> Any:
        """Return ∂L/∂θ, as the mathematics differentiates."""
        name = f"f{self.depth}"
        return self.m.derivative(
            lambda t: self.m.L(self.values(variable, t)[name]), self.value_of(variable)
        )

    def part(self, name: str, parameter: Variable) -> Any:
        """Return the derivative of one value's own definition by a parameter."""
        letter, k = name[0], int(name[1:])
        values = self.plain
        f = values[f"f{k - 1}"] if k > 1 else values["x"]

        def defined(t: Any) -> Any:
            taken, own = self.layer(k, f, self.parameters)
            taken |= {each: values[f"{each}{k}"] for each in self.definitions}
            return self.definitions[letter](self.m, taken, own | {parameter.letter: t})

        return self.m.derivative(defined, self.parameters[parameter])


# --- printed lines, read back ---

FROM_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
TOKENS = re.compile(r"∂|·|1/sqrt\(layers\)|LN|RMS|[A-Za-z]\d*|\d+(?:\.\d+)?|[()+/-]")


class Reader:
    """What printed right-hand sides mean for a network."""

    def __init__(self, network: Network, by: Variable) -> None:
        self.network, self.m, self.by = network, network.m, by
        self.tokens: list[str] = []
        self.known: dict[tuple[str, ...], Any] = {}

    def value(self, line: str) -> Any:
        plain = line.translate(FROM_SUBSCRIPTS)
        self.tokens = TOKENS.findall(plain)[::-1]
        assert "".join(self.tokens[::-1]) == plain.replace(" ", "")
        found = self.sum()
        assert not self.tokens
        return found

    @property
    def next(self) -> str:
        return self.tokens[-1] if self.tokens else ""

    def take(self, *expected: str) -> str:
        token = self.tokens.pop()
        assert not expected or token in expected
        return token

    def number(self) -> Any:
        text = self.take()
        exact = isinstance(self.m, Symbols)
        if text.startswith("1/"):
            return self.m.root
        return sympy.Rational(text) if exact else float(text)

    def is_number(self) -> bool:
        return self.next[:1].isdigit()

    # Products of derivatives.

    def sum(self) -> Any:
        total = self.signed(self.product)
        while self.next in {"+", "-"}:
            negative = self.take() == "-"
            term = self.product()
            total = self.m.plus(total, -term if negative else term)
        return total

    def signed(self, inside: Callable[[], Any]) -> Any:
        if self.next == "-":
            self.take()
            return -inside()
        return inside()

    def product(self) -> Any:
        found = self.factor()
        while self.next == "·":
            self.take()
            found = self.m.product(found, self.factor())
        return found

    def factor(self) -> Any:
        if self.next == "(":
            self.take()
            found = self.sum()
            self.take(")")
            return found
        if self.is_number():
            return self.number()
        if self.next != "∂":
            return self.network.plain[self.take()]
        self.take()
        start = self.tokens.copy()
        meaning = self.partial()
        symbol = tuple(start[len(self.tokens) :])
        if symbol not in self.known:
            self.known[symbol] = meaning()
        return self.known[symbol]

    def partial(self) -> Callable[[], Any]:
        """Return what gives ∂u/∂v: of a function, of a name, or of what is written out."""
        upper = None if self.next == "(" else self.take()
        if upper is None or self.next == "(":
            if upper is not None:
                self.tokens.append(upper)
            inside = self.atom()
            self.take("/")
            self.take("∂")
            lower = self.take()
            assert lower == f"{self.by.letter}{self.by.layer or ''}"
            return lambda: self.total(inside)
        self.take("/")
        self.take("∂")
        lower = self.take()
        values = self.network.plain
        if upper in {"S", "L", "LN", "RMS"}:
            return lambda: self.m.derivative(getattr(self.m, upper), values[lower])
        address = Variable(lower[0], int(lower[1:] or 0))
        if upper[0] in {"f", "x"} or address not in self.network.parameters:
            assert address == self.by
            return lambda: self.total(lambda found: found[upper])
        return lambda: self.network.part(upper, address)

    def total(self, inside: Callable[[dict[str, Any]], Any]) -> Any:
        by = self.by
        return self.m.derivative(
            lambda t: inside(self.network.values(by, t)), self.network.value_of(by)
        )

    # Values, as functions of what the names mean.

    def expression(self) -> Callable[[dict[str, Any]], Any]:
        negative = self.next == "-"
        if negative:
            self.take()
        terms = [(negative, self.term())]
        while self.next in {"+", "-"}:
            negative = self.take() == "-"
            terms.append((negative, self.term()))
        return lambda values: sum(
            -term(values) if negative else term(values) for negative, term in terms
        )

    def term(self) -> Callable[[dict[str, Any]], Any]:
        atoms = []
        number = self.number() if self.is_number() else None
        while self.next and self.next not in {"+", "-", ")", "/"}:
            atoms.append(self.atom())

        def found(values: dict[str, Any]) -> Any:
            result = atoms[-1](values)
            for each in reversed(atoms[:-1]):
                result = self.m.dot(each(values), result)
            return result if number is None else number * result

        return found

    def atom(self) -> Callable[[dict[str, Any]], Any]:
        function = None if self.next == "(" else self.take()
        if self.next != "(" or (function and function not in {"S", "LN", "RMS"}):
            assert function is not None
            return lambda values: values[function]
        self.take("(")
        inside = self.expression()
        self.take(")")
        if function is None:
            return inside
        outer = getattr(self.m, function)
        return lambda values: outer(inside(values))


def equations(graph: Graph, by: Variable, **options: Any) -> list[str]:
    """Return the right-hand sides, sums over several lines as one."""
    found: list[str] = []
    for line in lines(graph, by, TEXT, **options):
        if line.startswith(PLUS):
            found[-1] += f" {line}"
        else:
            found.append(line)
    return found


class Checked(NamedTuple):
    actual: list[Any]
    expected: list[Any]


def read(mathematics: Any, name: str, depth: int, *, every: bool) -> Checked:
    """Return what all lines of derivations of a network mean, and what they should.

    Of every variable, or of the first layer's first parameter alone.
    """
    block, definitions = BLOCKS[name]
    graph = Graph((block, depth))
    network = Network(mathematics, graph, definitions)
    checked = Checked([], [])
    for by in variables(graph) if every else addresses(graph)[:1]:
        right, reader = network.gradient(by), Reader(network, by)
        for line in equations(graph, by):
            checked.actual.append(reader.value(line))
            checked.expected.append(right)
    return checked


def worst_of_sympy(name: str, depth: int, *, every: bool = False) -> float:
    checked = read(Symbols(depth), name, depth, every=every)
    pairs = zip(checked.actual, checked.expected, strict=True)
    return max(float(abs(one - other) / abs(other)) for one, other in pairs)


def worst_of_torch(name: str, depth: int, *, every: bool = False) -> float:
    checked = read(Arrays(depth), name, depth, every=every)
    return max(
        float((one - other).norm() / other.norm())
        for one, other in zip(checked.actual, checked.expected, strict=True)
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", BLOCKS)
def test_every_line_by_a_first_matrix_is_sympys_derivative(name: str) -> None:
    assert worst_of_sympy(name, 2) < 1e-50


def test_every_line_with_a_skip_is_sympys_derivative() -> None:
    assert worst_of_sympy("x + S(Wx+b)", 2) < 1e-50


@pytest.mark.slow
@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("name", BLOCKS)
def test_every_line_by_any_variable_is_sympys_derivative(name: str, depth: int) -> None:
    assert worst_of_sympy(name, depth, every=True) < 1e-50


# Sympy's own derivative doubles with every layer that takes its input twice.
_DEEP = [name for name in BLOCKS if name.count("x") < 3 and "0.5 x" not in name]


# A fourth layer is like the third, but where all share a matrix or know how many they are.
DEEPER = [(name, 3) for name in _DEEP]
DEEPER += [(name, 4) for name in _DEEP if "~" in name or "layers" in name]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "depth"), DEEPER)
def test_every_line_of_deeper_networks_is_sympys_derivative(name: str, depth: int) -> None:
    assert worst_of_sympy(name, depth) < 1e-50


@pytest.mark.parametrize("name", BLOCKS)
def test_every_line_of_matrices_is_torchs_jacobian(name: str) -> None:
    assert worst_of_torch(name, 2) < 1e-10


@pytest.mark.slow
@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("name", BLOCKS)
def test_every_line_of_matrices_by_any_variable_is_torchs_jacobian(name: str, depth: int) -> None:
    assert worst_of_torch(name, depth, every=True) < 1e-10


FAULTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "a skip left out": (
        "x + S(Wx+b)",
        "add",
        {"back": lambda _, __, k, ___, g: (g.times("Scale", k, "0.999"), g)},
    ),
    "no constant": ("x + 0.5 S(Wx+b)", "scale", {"back": lambda *given: (given[-1],)}),
    "another norm": (
        "S(LN(Wx+b))",
        "layernorm",
        {"back": lambda _, __, k, ___, g: (g.times("Norm", k, "LN", "a{k}"),)},
    ),
    "no weight": (
        "x + V S(Wx+b)",
        "affine",
        {"back": lambda *given: (given[-1],)},
    ),
    "a part of another step": (
        "S(W~x + U~u + b~)",
        "activate",
        {"back": lambda _, __, k, ___, g: (g.times("Slope", min(k + 1, 2), "S", "a{k}"),)},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_factor_is_noticed(fault: str, plant: Plant) -> None:
    name, kind, wrong = FAULTS[fault]
    plant(NOTATION, kind, **wrong)
    assert worst_of_sympy(name, 2) > 1e-4


def test_factors_in_another_order_are_noticed(plant: Plant) -> None:
    """Numbers commute, matrices do not."""

    def swapped(_: object, __: Op, k: int, called: Any, so_far: Any) -> tuple[Any]:
        before, last = so_far.before, so_far.last
        turned = before.times("Slope", k, "S", called.taken[0]) if before.length else None
        return (type(before)(turned, last) if turned else so_far.times("Slope", k, "S", "a{k}"),)

    plant(NOTATION, "activate", back=swapped)
    assert worst_of_torch("x + V S(Wx+b)", 1) > 1e-3


# --- as it is written ---

SKIP, _ = BLOCKS["x + S(Wx+b)"]
RNN, _ = BLOCKS["S(W~x + U~u + b~)"]

WRITTEN = """\
L = L(f₂)
fₖ = fₖ₋₁ + S(Wₖfₖ₋₁+bₖ)
aₖ = Wₖfₖ₋₁+bₖ
f₀ = x

Wₖ: nₖ × nₖ, bₖ: nₖ, aₖ: nₖ, fₖ: nₖ, ∂L/∂f₂: 1 × n₂
∂u/∂v has a row for each entry of u and a column for each of v. By a parameter it takes
that use of it alone. In matrix form a gradient has the shape of its parameter.

∂L/∂W₁ = ∂L/∂f₂ · ∂(f₁ + S(W₂f₁+b₂))/∂W₁
       = ∂L/∂f₂ · (∂f₁/∂W₁ + ∂S(W₂f₁+b₂)/∂W₁)
       = ∂L/∂f₂ · (∂f₁/∂W₁ + ∂S/∂a₂ · ∂(W₂f₁+b₂)/∂W₁)
       = ∂L/∂f₂ · (∂f₁/∂W₁ + ∂S/∂a₂ · W₂ · ∂f₁/∂W₁)
       = ∂L/∂f₂ · (1 + ∂S/∂a₂ · W₂) · ∂f₁/∂W₁
       = ∂L/∂f₂ · (1 + ∂S/∂a₂ · W₂) · ∂(x + S(W₁x+b₁))/∂W₁
       = ∂L/∂f₂ · (1 + ∂S/∂a₂ · W₂) · ∂S(W₁x+b₁)/∂W₁
       = ∂L/∂f₂ · (1 + ∂S/∂a₂ · W₂) · ∂S/∂a₁ · ∂(W₁x+b₁)/∂W₁
       = ∂L/∂f₂ · (1 + ∂S/∂a₂ · W₂) · ∂S/∂a₁ · ∂a₁/∂W₁

∇f₂ = (∂L/∂f₂)ᵀ
δₖ = ∇fₖ ⊙ S'(aₖ)
∇fₖ₋₁ = ∇fₖ + Wₖᵀδₖ
∂L/∂Wₖ = δₖfₖ₋₁ᵀ
∂L/∂bₖ = δₖ
"""


def test_two_layers_with_skips_are_derived_as_a_person_does() -> None:
    shown = Derivation(Graph((SKIP, 2)), Variable("W", 1))
    assert "".join(render.text(shown)) == WRITTEN


def ordered(factors: Any) -> list[Any]:
    """Return factors with the terms of their sums in one order."""
    return [
        sorted((ordered(term) for term in each.terms), key=str) if isinstance(each, Sum) else each
        for each in factors
    ]


@pytest.mark.parametrize("name", BLOCKS)
def test_the_last_line_is_the_product_that_flows_back(name: str) -> None:
    graph = Graph((BLOCKS[name][0], 3))
    for each in variables(graph):
        if not is_shared(graph, each):
            factors = product(graph, each).factors()
            assert equations(graph, each)[-1] == TEXT.product(named.factors(graph, each))
            assert ordered(named.factors(graph, each)) == ordered(factors)


def text_of_latex(latex: str) -> str:
    """Return LaTeX in the text's own symbols."""
    to_subscripts = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
    text = re.sub(r"_\{(\d+)\}", lambda found: found[1].translate(to_subscripts), latex)
    text = re.sub(r"\\mathrm\{(\w+)\}", r"\1", text).replace(r"\sqrt{N}", "sqrt(layers)")
    text = re.sub(r"\\frac\{\\partial ([^{}]+)\}\{\\partial ([^{}]+)\}", r"∂\1/∂\2", text)
    text = text.replace(r"\left", "").replace(r"\right", "").replace(r"\,", " ")
    text = re.sub(r" *\\cdot +", " · ", re.sub(r"\\cdots(?! \+) ?|\\cdots(?= \+)", "…", text))
    assert not set(text) & set("\\{}")
    return text.strip()


@pytest.mark.slow
@pytest.mark.parametrize("name", BLOCKS)
def test_latex_says_the_same_as_the_text(name: str) -> None:
    for depth in (2, 7):
        graph = Graph((BLOCKS[name][0], depth))
        for each in variables(graph):
            pairs = zip(lines(graph, each, LATEX), lines(graph, each, TEXT), strict=True)
            for latex, text in pairs:
                assert text_of_latex(latex) == text


@pytest.mark.slow
@pytest.mark.parametrize("name", BLOCKS)
def test_every_formula_is_mathematics_to_another_reader(name: str) -> None:
    parser = MathTextParser("agg")
    graph = Graph((BLOCKS[name][0], 2))
    for each in addresses(graph):
        shown = Derivation(graph, each, activation=activations.get("tanh"))
        document = "".join(render.markdown(shown))
        displayed = re.findall(r"\$\$(.*?)\$\$", document, re.DOTALL)
        assert len(displayed) > 5
        for display in displayed:
            body = re.sub(r"\\(begin|end)\{aligned\}|&", "", display)
            for formula in filter(None, map(str.strip, body.split("\\\\\n"))):
                parser.parse(f"${formula.removesuffix(chr(92) * 2)}$".replace("\n", " "))


def test_a_document_and_its_fragment() -> None:
    shown = Derivation(Graph((SKIP, 2)), Variable("W", 1))
    document, fragment = "".join(render.latex(shown)), "".join(render.latex(shown, fragment=True))
    assert fragment in document
    assert not re.search(r"documentclass|usepackage|\{document\}", fragment)
    for begin, end in ((r"\begin{", r"\end{"), (r"\left(", r"\right)"), ("{", "}")):
        assert document.count(begin) == document.count(end)
        assert fragment.count(begin) == fragment.count(end)


def unbroken(graph: Graph, by: Variable) -> str:
    return "".join(render.text(Derivation(graph, by)))


@pytest.mark.slow
@pytest.mark.parametrize("width", [30, 50, 79, 120])
@pytest.mark.parametrize("name", BLOCKS)
def test_lines_fit_the_window_and_no_symbol_is_broken(name: str, width: int) -> None:
    graph = Graph((BLOCKS[name][0], 3))
    for each in variables(graph):
        whole = unbroken(graph, each)
        shown = "".join(render.text(Derivation(graph, each), width))
        assert "".join(shown.split()) == "".join(whole.split())
        for line in shown.splitlines():
            # Too long is only what cannot be broken: one symbol behind its indent.
            piece = line.split("= ")[-1].strip().removeprefix("· ").removeprefix("+ ")
            assert len(line) <= width or " · " not in piece or "∂(" in piece


NEGATIVE = (
    "-0.5 S(Wx+b)",
    "-S(Wx+b)",
    "x - 0.5 S(Wx+b)",
    "-x - 0.5 S(W~x+b)",
    "-0.5 S(-W~x+b)",
    "-2 (x - V S(-Wx+b))",
    "-1/sqrt(layers) (x + S(-2 W~(-x)))",
)


@pytest.mark.slow
@pytest.mark.parametrize("notation", [TEXT, LATEX, MATHML])
@pytest.mark.parametrize("text", NEGATIVE)
def test_a_negative_factor_behind_others_has_brackets(text: str, notation: Notation) -> None:
    for layers in (1, 2, 3, 7):
        graph = Settings(layers=layers, width=3, block=text).model.graph
        for each in variables(graph):
            for full in (False, True):
                for line in lines(graph, each, notation, full):
                    assert f"{notation.times}-" not in line
                    assert "+ -" not in line
                    assert line.count("(") == line.count(")")


def test_the_signs_above_numbers_are_those_of_the_last_line() -> None:
    settings = Settings(act="tanh", layers=2, width=3, block="-0.5 S(Wx+b)", seed=1)
    graph = settings.model.graph
    first = Variable("W", 1)
    factors = measured_factors(Simulation(settings), first)
    told = "".join(render.text(Derivation(graph, first, factors=factors))).splitlines()
    (above,) = (i for i, line in enumerate(told) if line.startswith("measured"))
    *_, last = lines(graph, first, TEXT)
    assert " ".join(told[above - 1].split()) == last


def test_breaks_stand_before_signs_outside_of_symbols() -> None:
    line = "∂L/∂f₂ · (∂f₁/∂W₁ + ∂S/∂a₂ · ∂(f₁ + S(W₂f₁+b₂))/∂W₁)"
    assert "".join(render.wrapped("y = ", line, 29)) == (
        "y = ∂L/∂f₂ · (∂f₁/∂W₁\n    + ∂S/∂a₂\n    · ∂(f₁ + S(W₂f₁+b₂))/∂W₁)\n"
    )
    assert "".join(render.wrapped("y = ", line, None)) == f"y = {line}\n"


# --- depth ---


@pytest.mark.slow
@pytest.mark.parametrize("block", [SKIP, RNN])
def test_a_skip_doubles_nothing(block: Block) -> None:
    deep = Graph((block, 20_000))
    letter = Variable("W", 0 if block is RNN else 1)
    # Where something doubled with every layer, this would never end.
    shown = list(lines(deep, letter, TEXT))
    assert max(map(len, shown)) < 600
    assert len(shown) < 30
    assert shown.count("…") == 1


@pytest.mark.slow
def test_a_product_is_linear_in_its_layers() -> None:
    factors = product(Graph((SKIP, 20_000)), Variable("W", 1)).factors()
    assert len(factors) == 1 + 19_999 + 2


def test_an_elided_derivation_is_the_full_one_with_its_middle_left_out() -> None:
    for block in (SKIP, RNN, BLOCKS["x + S(W~x+b~)"][0]):
        graph = Graph((block, 12))
        for each in (Variable("x", 0), addresses(graph)[0]):
            shown = list(lines(graph, each, TEXT))
            full = list(lines(graph, each, TEXT, full=True))
            assert "…" not in "".join(full)
            for line in shown:
                pattern = ".*".join(map(re.escape, line.split("…")))
                assert any(re.fullmatch(pattern, whole) for whole in full)
                assert line.count("(") == line.count(")")


# --- names ---


def test_names_are_those_of_the_block() -> None:
    graph = Graph((RNN, 3))
    assert parse_variable("W", graph) == Variable("W", 0)
    assert parse_variable("u2", graph) == Variable("u", 2)
    with pytest.raises(UsageError) as raised:
        parse_variable("W1", graph)
    assert str(raised.value) == (
        "cannot differentiate by 'W1': a chain of 3 layers has x, W, U, b, u1 to u3, w1 to w3,"
        " a1 to a3 and f1 to f3: give one of them"
    )
    with pytest.raises(UsageError, match="V1"):
        lines(Graph((SKIP, 2)), Variable("V", 1), TEXT)


def test_the_articles_matrix_form() -> None:
    assert [*matrix_form(article_graph(3), TEXT, TEXT_MARKS)] == [
        ("δ₃", "(∂L/∂f₃)ᵀ ⊙ S'(a₃)"),
        ("δₖ", "Wₖ₊₁ᵀδₖ₊₁ ⊙ S'(aₖ), k < 3"),
        ("∂L/∂Wₖ", "δₖfₖ₋₁ᵀ"),
        ("∂L/∂bₖ", "δₖ"),
    ]
    assert dict(shapes(article_graph(3), TEXT, TEXT_MARKS)) == {
        "Wₖ": "nₖ × nₖ₋₁",
        "bₖ": "nₖ",
        "aₖ": "nₖ",
        "fₖ": "nₖ",
        "∂L/∂f₃": "1 × n₃",
    }
    inner = dict(shapes(Graph((BLOCKS["x + V S(Wx+b)"][0], 2)), TEXT, TEXT_MARKS))
    assert (inner["Wₖ"], inner["Vₖ"], inner["bₖ"]) == ("mₖ × nₖ", "nₖ × mₖ", "mₖ")


# --- the matrix form, evaluated ---


def matrix_gradients(name: str, depth: int) -> Iterator[tuple[Any, Any]]:
    """Yield what the matrix form gives for every parameter, and what torch does."""
    torch = pytest.importorskip("torch")
    block, definitions = BLOCKS[name]
    graph, m = Graph((block, depth)), Arrays(depth)
    network = Network(m, graph, definitions)
    values = network.values()
    values["f0"] = values["x"]
    flows: dict[str, Any] = {}
    totals: dict[str, Any] = {}
    form = list(matrix_form(graph, TEXT, TEXT_MARKS))
    assert form[0] == (f"∇f{TEXT.indexed(depth)}", f"(∂L/∂f{TEXT.indexed(depth)})ᵀ")
    flows[f"∇f{depth}"] = m.derivative(m.L, values[f"f{depth}"]).T
    for k in range(depth, 0, -1):
        at = {"ₖ₋₁": str(k - 1), "ₖ": str(k)}

        def filled(text: str, at: dict[str, str] = at) -> str:
            for index, number in at.items():
                text = text.replace(index, number)
            return text

        for left, right in form[1:]:
            source = filled(right.removeprefix("Σₖ "))
            names = {
                **{key: each if each.ndim == 2 else each[:, None] for key, each in values.items()},
                **{key.replace("∇", "D_").replace("δ", "d_"): each for key, each in flows.items()},
                "S": torch.tanh,
                "LN": lambda f: m.LN(f[:, 0])[:, None],
                "RMS": lambda f: m.RMS(f[:, 0])[:, None],
                "slope": lambda a: 1 - torch.tanh(a) ** 2,
                "jac": lambda kind, f: m.derivative(getattr(m, kind), f[:, 0]),
                "root": m.root,
            }
            source = source.replace("1/sqrt(layers)", "root").replace("S'(", "slope(")
            source = re.sub(r"\(∂(\w+)/∂(\w+)\)ᵀ", r'jac("\1", \2).T@', source)
            source = re.sub(r"(\w+\([\w]+\)|\w+)ᵀ", r"\1.T@", source)
            source = source.replace("∇", "D_").replace("δ", "d_").replace(" · ", "*")
            # A column in front of a transposed row.
            source = re.sub(r"(D_[a-z]\d+|d_\d+|\))(?=[A-Za-z]+\(?\w*\)?\.T@$)", r"\1@", source)
            source = source.removesuffix("@").replace(".T@ ", ".T ").replace(".T@+", ".T+")
            source = re.sub(r"(D_[a-z]\d+|d_\d+)(?=(LN|S|RMS|[a-z]\d)[^*+ ]*\.T)", r"\1@", source)
            source = source.replace("⊙", "*")
            found = eval(source, {}, names)  # noqa: S307 - what vanish derives is judged by its value
            key = filled(left)
            if key.startswith("∂L/∂"):
                totals[key] = totals.get(key, 0) + found
            else:
                flows[key] = found
    for address in addresses(graph):
        found = totals[f"∂L/∂{address.letter}{address.layer or ''}"]
        yield found.reshape(-1), network.gradient(address).reshape(-1)


@pytest.mark.parametrize("name", ["x + S(Wx+b)", "x + V S(Wx+b)", "S(LN(Wx+b))"])
def test_the_matrix_form_is_torchs_gradient(name: str) -> None:
    for found, right in matrix_gradients(name, 2):
        assert float((found - right).norm() / right.norm()) < 1e-10


@pytest.mark.slow
@pytest.mark.parametrize("name", [each for each in BLOCKS if "0.5 x" not in each])
def test_the_matrix_form_of_any_block_is_torchs_gradient(name: str) -> None:
    for found, right in matrix_gradients(name, 3):
        assert float((found - right).norm() / right.norm()) < 1e-10


# --- numbers ---


def simulated(block: Block, depth: int, width: int = 5) -> Any:
    """Return a network with its way forward, as far as a derivation asks."""
    graph, generator = Graph((block, depth)), np.random.default_rng(0)
    parameters: dict[Variable, Any] = {}
    for address in addresses(graph):
        if address.letter.isupper():
            entries = generator.standard_normal((width, width)) / width**0.5
            parameters[address] = Weight.of(entries)
        else:
            parameters[address] = 0.1 * generator.standard_normal(width)
    chain = Chain(graph, parameters, [activations.get("tanh")] * depth)
    trace = dense.trace(chain, generator.standard_normal((1, width)))
    return SimpleNamespace(
        chain=chain, trace=trace, loss_gradient=Scaled(generator.standard_normal((1, width)))
    )


@pytest.mark.parametrize("name", ["x + S(Wx+b)", "x + S(W~x+b~)"])
def test_there_is_one_number_under_each_bracket(name: str) -> None:
    block, _ = BLOCKS[name]
    simulation = simulated(block, 3)
    graph = simulation.chain.graph
    gradients = dict(dense.gradients(simulation.trace, simulation.loss_gradient))
    for each in variables(graph):
        records = measured_factors(simulation, each)
        shown = Derivation(graph, each, factors=records)
        symbols = [TEXT.symbol(record.factor) for record in records]
        assert symbols == [TEXT.symbol(each) for each in shown.products()]
        right = float(gradients[each].norm())
        assert float(records[-1].product) == pytest.approx(right, rel=1e-12)
        for record in records:
            assert record.measured is not None
            assert float(record.measured / known(record.largest)) <= 1.0 + 1e-12
            assert float(record.product / known(record.bound)) <= 1.0 + 1e-12
        assert len(render.rows(shown)) == len(records)


def test_the_numbers_under_a_tied_matrix_are_those_of_its_steps() -> None:
    block, _ = BLOCKS["x + S(W~x+b~)"]
    simulation = simulated(block, 3)
    by_matrix = Variable("W", 0)
    records = measured_factors(simulation, by_matrix)
    shown = Derivation(simulation.chain.graph, by_matrix, factors=records)
    text = "".join(render.text(shown))
    assert re.search(r"^ +k = 3 · +k = 2 · +k = 1$", text, re.MULTILINE)
    gradients = dict(dense.gradients(simulation.trace, simulation.loss_gradient))
    for record in records:
        assert record.measured is not None
        part = gradients[Variable("W", record.factor.layer)].norm()
        assert float(record.measured) == pytest.approx(float(part), rel=1e-12)


def test_latex_marks_say_what_the_texts_do() -> None:
    for block, _ in BLOCKS.values():
        graph = Graph((block, 2))
        text, latex = (
            [*matrix_form(graph, *style)] for style in ((TEXT, TEXT_MARKS), (LATEX, LATEX_MARKS))
        )
        assert len(text) == len(latex)
