"""Activations by formula: S and S' against mpmath, the printed S' against sympy."""

from __future__ import annotations

import dataclasses
import pickle
import re
import subprocess
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

import expression_oracle
import numpy as np
import oracles
import pytest
import sympy
from command import environment
from expression_oracle import ULP, Judge, X, read
from mpmath import mp

import vanish
from vanish.errors import UsageError
from vanish.gauss import closedforms, quadrature
from vanish.network import activations
from vanish.network.expressions import functions, parser, written
from vanish.network.expressions.differentiate import slope
from vanish.network.expressions.evaluate import Program
from vanish.network.expressions.latex import latex
from vanish.network.expressions.tidy import tidy
from vanish.network.expressions.tree import Node, Product, negated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vanish.network.activations import Activation
    from vanish.numbers.scaled import FloatArray

FORMULAS = (
    "x*sigmoid(1.702*x)",
    "x*tanh(x)",
    "max(x,0)^2",
    "where(x>0,x,0.1*x)",
    "sin(30*x)",
    "1/(1+exp(-x))",
    "(exp(x)-exp(-x))/(exp(x)+exp(-x))",
    "(exp(2*x)-1)/(exp(2*x)+1)",
    "1-2/(1+exp(2*x))",
    "ln(1+exp(x))",
    "ln(sigmoid(x))",
    "x/(1+abs(x))",
    "x/(1+exp(-x))",
    "x/2*(1+erf(x/sqrt(2)))",
    "x/2*(1+tanh(sqrt(2/pi)*(x+0.044715*x^3)))",
    "where(x>0,x,exp(x)-1)",
    "x*tanh(ln(1+exp(x)))",
    "x*exp(-x^2)",
    "x-tanh(x)",
    "x-clip(x,-0.5,0.5)",
    "where(abs(x)>0.5,x,0)",
    "x+sin(5*x)^2/5",
    "x/sqrt(1+x^2)",
    "atan(pi/2*x)*2/pi",
    "asinh(x)",
    "ln(1+abs(x))",
    "max(x,0)+min(0,2*(exp(x/2)-1))",
    "leaky_relu(0.5*x,slope=0.2)",
    "2*leaky_relu(x,slope=1/3)-x",
    "elu(x,0.5)+0.1*x",
    "x*softplus(x)",
    "gelu(x)*tanh(x)",
    "(sqrt(x^2+1)-1)/2+x",
    "x*clip(x+3,0,6)/6",
    "x*Phi(x)+phi(x)",
    "1.7159*tanh(2*x/3)",
    "cos(x)-x",
    "x^3/(1+x^2)",
    "x*sech(x)",
    "erf(x)",
    "sigmoid(x)-sigmoid(-x)/2",
    "abs(x)^1.5",
    "x*mish(x)",
    "hard_swish(x)+relu6(x)/2",
    "exp(sin(x))",
    "x*sqrt(abs(x)+1)",
)

_SIZES = np.array([1e-8, 1e-3, 0.1, 0.5, 1, 1.5, 2, 3, 5, 6, 8, 13, 20, 37, 40, 100, 300, 700, 1e3])
# x+3 has no digit left for what is nearer to a kink.
_BESIDE = [
    kink + side for kink in (-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0, 6.0) for side in (-1e-9, 1e-9)
]
POINTS = np.concatenate((-_SIZES[::-1], [0.0], _SIZES, _BESIDE))

# What is measured is below 1; a textbook's s(1-s) at 40 is off by 10^15.
_MOST_ULPS = 4.0


@cache
def judge(text: str, order: int) -> Judge:
    return Judge.of(sympy.diff(read(text), X, order) if order else read(text))


@pytest.mark.slow
@pytest.mark.parametrize("text", FORMULAS)
def test_value_and_slope_are_accurate_at_every_size_of_input(text: str) -> None:
    value, derivative = expression_oracle.pair(text, POINTS)
    assert judge(text, 0).excess(POINTS, value) < _MOST_ULPS
    assert judge(text, 1).excess(POINTS, derivative) < _MOST_ULPS


def test_the_judge_notices_what_cancels_and_what_is_wrong() -> None:
    x = np.array([30.0, 40.0])
    s = 1.0 / (1.0 + np.exp(-x))
    assert judge("sigmoid(x)", 1).excess(x, s * (1.0 - s)) > 1e3
    assert judge("x*tanh(x)", 1).excess(x, np.tanh(x) + x * 0.0 + 1e-14) > 10.0
    with np.errstate(all="ignore"):
        naive = 1.0 + np.tanh(-x)
    assert (
        judge("1+tanh(x)", 0).excess(-x, naive)
        < 10.0
        < judge("2*sigmoid(2*x)", 0).excess(-x, naive)
    )


@pytest.mark.slow
@pytest.mark.parametrize("text", FORMULAS)
def test_the_printed_slope_is_sympys_derivative(text: str) -> None:
    printed = sympy.lambdify(X, read(activations.get(text).derivative), "mpmath")
    right = judge(text, 1).value
    with mp.workdps(60):
        for x in (-7.3, -2.2, -0.9, -0.31, 0.17, 0.77, 1.9, 3.3, 6.6):
            expected = right(mp.mpf(x))
            assert abs(printed(mp.mpf(x)) - expected) <= mp.mpf(10) ** -40 * (1 + abs(expected))


@pytest.mark.parametrize(
    ("text", "derivative"),
    [
        ("x*tanh(x)", "tanh(x)+x*sech(x)^2"),
        ("x*sigmoid(x)", "sigmoid(x)+x*sigmoid(x)*sigmoid(-x)"),
        ("1/(1+exp(-x))", "sigmoid(x)*sigmoid(-x)"),
        ("ln(1+exp(x))", "sigmoid(x)"),
        ("max(x,0)^2", "where(x>0,2*x,0)"),
        ("max(0,x)", "where(x>0,1,0)"),
        ("where(x>0,x,0.1*x)", "where(x>0,1,0.1)"),
        ("sin(30*x)", "30*cos(30*x)"),
        ("x/(1+abs(x))", "1/(1+abs(x))^2"),
        ("x/(1+x^2)", "(1-x^2)/(1+x^2)^2"),
        ("x/sqrt(1+x^2)", "1/(1+x^2)^1.5"),
        ("x/2*(1+erf(x/sqrt(2)))", "Phi(x)+x*phi(x)"),
        ("(exp(x)-exp(-x))/(exp(x)+exp(-x))", "sech(x)^2"),
        ("x-tanh(x)", "tanh(x)^2"),
        ("x*abs(x)", "2*abs(x)"),
        ("1.7159*tanh(2*x/3)", "3.4318*sech(2*x/3)^2/3"),
        ("leaky_relu(0.5*x,slope=1/3)", "0.5*where(0.5*x>0,1,1/3)"),
    ],
)
def test_slopes_are_tidy(text: str, derivative: str) -> None:
    assert activations.get(text).derivative == derivative


def test_a_planted_fault_in_the_chain_rule_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    # The outer slope alone, without the inner one.
    def outer(node: Node) -> Node:
        found = slope(node)
        return found.factors[0] if isinstance(found, Product) else found

    node = parser.parse("sin(30*x)")
    value, wrong = Program(node, tidy(outer(tidy(node))))(POINTS)
    assert judge("sin(30*x)", 0).excess(POINTS, value) < _MOST_ULPS
    assert judge("sin(30*x)", 1).excess(POINTS, wrong) > 1e6
    monkeypatch.undo()


# --- the functions of the language ---


CALCULUS = [each.name for each in functions._FUNCTIONS]


@pytest.mark.parametrize("name", [*CALCULUS, *activations.names()])
def test_the_slope_of_each_function_is_its_derivative(name: str) -> None:
    function = functions.get(name)
    if function.means is not None or function.chosen is not None:
        return
    names = {each.name: sympy.Rational(str(each.default)) for each in function.parameters}
    with mp.workdps(60):
        stated = read(_filled(function.slope, names))
        right = sympy.diff(read(f"{name}(x)"), X)
        difference = sympy.lambdify(X, stated - right, "mpmath")
        for x in (-2.3, -0.7, -0.2, 0.3, 0.9, 2.1):
            if name in ("ln", "log1p", "sqrt") and x < 0.0:
                continue
            # selu's two numbers have sixteen digits.
            least = mp.mpf(10) ** (-15 if name == "selu" else -45)
            assert abs(difference(mp.mpf(x))) < least, x


def _filled(text: str, given: dict[str, Any]) -> str:
    for name, number in given.items():
        text = re.sub(rf"\b{name}\b", f"({number})", text)
    return text


@pytest.mark.parametrize("act", activations.names())
def test_the_definition_of_each_activation_is_the_textbooks(act: str) -> None:
    record = activations.get(act)
    text = _filled(
        record.definition[0], {k: sympy.Rational(str(v)) for k, v in record.parameters.items()}
    )
    with mp.workdps(60):
        own = sympy.lambdify(X, read(text), "mpmath")
        for x in (-7.1, -2.3, -0.7, 0.3, 0.9, 3.2, 6.5):
            right = oracles.derivative(act)(mp.mpf(x))
            least = mp.mpf(10) ** (-15 if act == "selu" else -45)
            assert abs(own(mp.mpf(x)) - right) <= least * (1 + abs(right)), x


@pytest.mark.parametrize(
    "act", [name for name in activations.names() if name not in ("identity", "sin")]
)
def test_a_built_in_one_written_out_is_itself_to_the_last_digits(act: str) -> None:
    record = activations.get(act)
    formula = activations.get(_filled(record.definition[0], dict(record.parameters)))
    assert formula.is_formula
    x = np.concatenate((np.linspace(-20.0, 20.0, 2001), [-1e3, -300.0, 300.0, 1e3]))
    if act == "gelu_tanh":
        x = x[x > -1.0]  # beyond, both are e to the power of rounded cubes
    for found, right, crosses in zip(formula.pair(x), record.pair(x), (False, True), strict=True):
        # Where S' crosses zero it is accurate absolutely.
        size = np.maximum(np.abs(right), 1.0) if crosses and record.lower < 0.0 else np.abs(right)
        assert (np.abs(found - right) <= 4.0 * np.spacing(size)).all()
    assert formula.sup_slope == pytest.approx(record.sup_slope, rel=1e-9)
    assert (formula.flat, formula.homogeneous) == (record.flat, record.homogeneous)


# --- names with numbers ---


PARAMETRISED = (
    "leaky_relu(0.2)",
    "elu(0.5)",
    "elu(2)",
    "softplus(20)",
    "silu(1.702)",
    "leaky_relu(-1)",
)


@pytest.mark.parametrize("text", PARAMETRISED)
def test_an_activation_with_a_number_is_its_formula(text: str) -> None:
    record = activations.get(text)
    assert (record.name, record.is_formula) == (text, False)
    formula = activations.get(f"1*{_filled(record.definition[0], dict(record.parameters))}")
    x = np.linspace(-20.0, 20.0, 2001)
    for found, right in zip(formula.pair(x), record.pair(x), strict=True):
        assert (np.abs(found - right) <= 4.0 * np.spacing(np.maximum(np.abs(right), 1.0))).all()
    assert record.sup_slope == pytest.approx(formula.sup_slope, rel=1e-9)
    assert (record.lower, record.upper) == pytest.approx((formula.lower, formula.upper), rel=1e-9)
    assert record.kinks == formula.kinks
    assert (record.flat, record.homogeneous) == (formula.flat, formula.homogeneous)
    vanish.verify(record)


@pytest.mark.parametrize("text", ["leaky_relu(0.2)", "leaky_relu(0)", "leaky_relu(-1)"])
def test_a_leaky_slope_has_its_closed_form(text: str) -> None:
    record, q = activations.get(text), np.array([0.3, 1.0, 25.0])
    form = closedforms.get(record)
    assert form is not None
    found = np.array([form(each) for each in q.tolist()]).T
    assert found == pytest.approx(quadrature.quadrature(record, q), rel=1e-12)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("leaky_relu(0.01)", "leaky_relu"),
        ("LeakyReLU(negative_slope=1/100)", "leaky_relu"),
        ("lrelu(a=0.2)", "leaky_relu(0.2)"),
        ("leaky_relu(x, slope=0.2)", "leaky_relu(0.2)"),
        ("swish(beta=2)", "silu(2)"),
        ("swish(1)", "silu"),
        ("elu()", "elu"),
        ("relu(x)", "relu"),
        ("GELU( x )", "gelu"),
        ("x * sigmoid( 1.702*x )", "x*sigmoid(1.702*x)"),
        ("x**2", "x^2"),
        ("arctan(x)", "atan(x)"),
        ("e^x", "exp(x)"),
    ],
)
def test_one_thing_has_one_name_and_is_one_object(text: str, name: str) -> None:
    assert activations.get(text) is activations.get(name)
    assert activations.get(text).name == activations.spelled(text) == name


@pytest.mark.parametrize(
    "text", ["leaky_relu(0.2)", "x*tanh(x)", "softplus(20)", "relu", "leaky_relu"]
)
def test_an_activation_arrives_as_itself(text: str) -> None:
    record = activations.get(text)
    assert pickle.loads(pickle.dumps(record)) is record
    code = (
        "import pickle, sys; act = pickle.loads(bytes.fromhex(sys.argv[1]));"
        "import numpy; print(act.name, *act.pair(numpy.array([-1.5, 0.3]))[1])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, pickle.dumps(record).hex()],
        capture_output=True,
        env=environment(),
        check=True,
        text=True,
    )
    name, *slopes = done.stdout.split()
    assert name == text
    assert [float(each) for each in slopes] == record.slope(np.array([-1.5, 0.3])).tolist()


@pytest.mark.parametrize(
    "changes",
    [{"parameters": {}}, {"parameters": {"slope": 1e300}}, {"name": "own"}, {"note": "x"}],
)
def test_a_changed_copy_is_not_what_every_process_has(changes: dict[str, Any]) -> None:
    copy = dataclasses.replace(activations.get("leaky_relu(0.2)"), **{"name": "own"} | changes)
    assert not activations.is_everywhere(copy)
    assert closedforms.get(copy) is None
    assert pickle.loads(pickle.dumps(copy)) is not copy


# --- activations of the user's own ---


def _bump(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    return x / (1.0 + x * x), (1.0 - x * x) / (1.0 + x * x) ** 2


@pytest.fixture
def bump() -> Iterator[Activation]:
    definition = ("x/(1+x^2)", "(1-x^2)/(1+x^2)^2")
    facts: dict[str, Any] = {"sup_slope": 1.0, "sup_at": 0.0, "lower": -0.5, "upper": 0.5}
    yield vanish.register(
        vanish.Activation(name="bump", pair=_bump, definition=definition, **facts)
    )
    activations.unregister("bump")


@pytest.mark.usefixtures("bump")
def test_a_registered_activation_is_a_function_of_the_language() -> None:
    found = activations.get("x*bump(2*x)")
    x = np.linspace(-4.0, 4.0, 81)
    value, derivative = _bump(2.0 * x)
    assert found.value(x) == pytest.approx(x * value, rel=1e-15)
    assert found.slope(x) == pytest.approx(value + 2.0 * x * derivative, rel=1e-13, abs=1e-15)
    # Nobody else has it: what is sent has its pair with it.
    assert not activations.is_everywhere(found)
    assert pickle.loads(pickle.dumps(found)).slope(x).tolist() == found.slope(x).tolist()
    rows = vanish.sweep(act=["x*bump(x)"], layers=[2, 3], width=4, jobs=2)
    assert [row["act"] for row in rows.rows()] == ["x*bump(x)"] * 2


def test_what_is_no_longer_registered_is_no_function(bump: Activation) -> None:
    activations.get("x*bump(x)")
    activations.unregister("bump")
    with pytest.raises(UsageError, match="bump is no function"):
        activations.get("x*bump(x)")
    vanish.register(bump)


def test_an_activation_without_a_definition_stands_in_no_formula() -> None:
    facts: dict[str, Any] = {"sup_slope": 1.0, "sup_at": 0.0, "lower": -0.5, "upper": 0.5}
    vanish.register(vanish.Activation(name="bump", pair=_bump, **facts))
    try:
        with pytest.raises(UsageError, match="bump has no S' in the language"):
            activations.get("x*bump(x)")
    finally:
        activations.unregister("bump")


# --- what a formula's record says ---


@pytest.mark.parametrize(
    ("text", "flat", "homogeneous", "init"),
    [
        ("max(x,0)^2", True, False, "he_normal"),
        ("exp(-x^2)", False, False, "xavier_normal"),
        ("where(x>0,x,0.2*x)", False, True, "he_normal(0.2)"),
        ("where(x<0,x,-0.3*x)", False, True, "he_normal(0.3)"),
        ("abs(x)", False, True, "he_normal(1)"),
        ("2*max(x,0)", True, True, "he_normal"),
        ("x*sigmoid(1.702*x)", False, False, "he_normal"),
        ("x-clip(x,-0.5,0.5)", True, False, "xavier_normal"),
        ("relu(x-1)+relu(-x-1)", True, False, "xavier_normal"),
        ("ln(1+exp(x))", False, False, "xavier_normal"),
        ("relu(x)*relu(-x)+tanh(x)", False, False, "xavier_normal"),
    ],
)
def test_flat_pieces_are_told_from_underflow(
    text: str, flat: bool, homogeneous: bool, init: str
) -> None:
    record = activations.get(text)
    assert (record.flat, record.homogeneous, record.init) == (flat, homogeneous, init)


@pytest.mark.parametrize("text", [*FORMULAS, "sin(1000*x)", "tanh(100*x)", "where(x>0.3,x,x-1)"])
def test_what_was_found_stands_its_own_check(text: str) -> None:
    vanish.verify(activations.get(text))


def test_a_jump_is_a_kink_and_is_told() -> None:
    record = activations.get("where(x>0.3,x,x-1)")
    assert record.kinks == (0.3,)
    assert record.note == "S jumps at x = 0.3, which S' does not see."


@pytest.mark.parametrize("text", FORMULAS)
def test_no_input_gives_a_warning(text: str) -> None:
    record = activations.get(text)
    value, derivative = record.pair(np.array([-1e3, -1.7e308, 0.0, 5e-324, 1e3, np.inf, np.nan]))
    assert np.isfinite([value[[0, 2, 3, 4]], derivative[[0, 2, 3, 4]]]).all()


@pytest.mark.parametrize("shape", [(0,), (5,), (2, 3)])
def test_every_element_is_mapped_on_its_own(shape: tuple[int, ...]) -> None:
    for text in ("x*tanh(x)", "x", "2*x+sigmoid(3)", "where(x>0,1,2)+x"):
        for each in activations.get(text).pair(np.ones(shape)):
            assert each.shape == shape
            assert each.dtype == np.float64


def test_what_is_not_chosen_does_no_harm() -> None:
    record = activations.get("where(x>0,x,exp(x)-1)")
    assert record.pair(np.array([1e3, 800.0]))[0].tolist() == [1e3, 800.0]
    # 0·∞ where the chain rule multiplies a slope of 0 with an infinite one.
    assert activations.get("relu(-exp(x))+x").slope(np.array([1e3])).tolist() == [1.0]


@pytest.mark.parametrize("text", FORMULAS)
def test_latex_is_balanced(text: str) -> None:
    for each in activations.get(text).latex:
        assert each.count("{") == each.count("}")
        assert each.count(r"\left") == each.count(r"\right")


def test_latex_is_as_mathematics_writes_it() -> None:
    assert latex(parser.parse("x*sigmoid(1.702*x)/2")) == r"\frac{x\,\sigma(1.702\,x)}{2}"
    assert latex(parser.parse("where(x>0,x,0.1*x)")) == r"x\,[x>0]+0.1\,x\,[x\leq 0]"
    assert latex(parser.parse("where(x>0,x,-x)")) == r"x\,[x>0]-x\,[x\leq 0]"
    assert latex(parser.parse("elu(x^2,3)")) == r"\mathrm{elu}_{3}(x^{2})"


def test_trees_are_equal_whatever_their_order() -> None:
    one, other = parser.parse("x*tanh(x)+1"), parser.parse("1+tanh(x)*x")
    assert one == other
    assert hash(one) == hash(other)
    assert one != parser.parse("x*tanh(x)-1")
    assert one != "x*tanh(x)+1"
    assert negated(negated(one)) == one
    assert written.written(one) != written.written(other)


def test_one_part_is_evaluated_once() -> None:
    program = Program(*map(parser.parse, ("tanh(x)+x", "tanh(x)*2")))
    assert len(program._steps) == 3
    assert ULP < 1e-15


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sqrt(x)^2", "S has no value at x = -0.01"),
        ("tanh(x)+0*ln(x)", "S has no value at x = 0"),
        ("1/(1+cos(x))", "S has no value at x = 3.14159"),
        ("1/abs(x-0.123)", "S has no value at x = 0.123"),
        ("1/(x-200)", "S has no value at x = 200"),
        ("exp(100*x)", "write it of functions that stay finite"),
        ("exp(10*x)/(2+exp(10*x))", "write it of functions that stay finite"),
        ("exp(-x^2-800)", "S' is 0 everywhere"),
        ("1e17+tanh(x)", "S is the same number everywhere in float64"),
        ("x" + "*1.01^100" * 25, "thousands of digits"),
        ("max(x*x," * 18 + "x" + ")" * 18, "give a shorter formula"),
    ],
)
def test_what_has_no_value_or_no_slope_says_so(text: str, says: str) -> None:
    with pytest.raises(UsageError) as error:
        activations.get(text)
    assert says in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        *("ln(2/(1+exp(x)))", "ln(2/(1+exp(-x)))", "ln(x+sqrt(x^2+1))", "softplus(x)-ln(2)"),
        *("1/(2+tanh(x))", "exp(x/2)/(2+exp(x/2))", "1/(1e-3+abs(x))", "1/(1.0001+cos(x))"),
        *("abs(x)^1.5", "where(abs(x)<1e-3,1-x^2/6,sin(x)/x)", "sign(x)*ln(1+abs(x))"),
    ],
)
def test_what_float64_makes_0_is_no_pole(text: str) -> None:
    assert activations.get(text).is_formula


@pytest.mark.parametrize(
    ("text", "sup", "flat"),
    [
        ("clip(1000*x,-1,1)", 1000.0, True),
        ("hard_sigmoid(2000*x)", 2000.0 / 6.0, True),
        ("max(x-150,0)", 1.0, True),
        ("where(abs(x)<0.001,0,x)", 1.0, True),
        ("1/(2+cos(x))", None, False),
        ("max(x,max(0.5*x,max(0.2*x,0.1*x)))", 1.0, False),
    ],
)
def test_narrow_pieces_are_seen(text: str, sup: float | None, flat: bool) -> None:
    found = activations.get(text)
    assert found.flat is flat
    if sup is not None:
        assert found.sup_slope == pytest.approx(sup, rel=1e-12)


def test_a_range_has_no_minus_0() -> None:
    assert "-0" not in activations.get("-exp(-x^2)").range.replace("-0.", "")
    assert activations.get("-relu(x)").range == "(-∞, 0]"


def test_the_base_of_a_power_has_brackets() -> None:
    assert activations.get("(x/(1+x^2))^2").latex[0] == (r"\left(\frac{x}{1+x^{2}}\right)^{2}")


@pytest.mark.parametrize("text", ["leaky_relu(1-0.8)", "elu(2^-1)", "leaky_relu(0.2 0.3)"])
def test_a_number_that_is_not_worked_out_is_told(text: str) -> None:
    with pytest.raises(UsageError, match="a number here has only"):
        activations.get(text)
