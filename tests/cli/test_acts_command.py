"""`vanish acts`: the table of activations, one in full, and the formulas themselves."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from command import VANISH, check_error, run_in_process, run_in_terminal
from matplotlib.mathtext import MathTextParser
from snapshot import check

import vanish
from vanish import Activation
from vanish.network import activations
from vanish.render.acts import portrait
from vanish.render.drawing import curve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vanish.numbers.scaled import FloatArray

SHOWN = {
    "acts_table": "--format table",
    "acts_some": "tanh,gelu selu --layers 3 --format table",
    "acts_tsv": "--format tsv",
    "acts_portrait_sigmoid": "sigmoid --format table",
    "acts_portrait_relu": "ramp --layers 1000 --format table",
    "acts_portrait_sin": "sin --format table",
}

NAMES = activations.names()


@pytest.fixture(params=NAMES)
def activation(request: pytest.FixtureRequest) -> Activation:
    return activations.get(request.param)


def acts(options: str = "") -> str:
    result = run_in_process("acts", *shlex.split(options))
    assert (result.status, result.stderr) == (0, b"")
    return result.stdout.decode()


def table(options: str = "") -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(acts(f"{options} --format json"))["rows"]
    return rows


@pytest.mark.parametrize("name", SHOWN)
def test_activations_are_shown_as_they_were(name: str) -> None:
    check(name, acts(SHOWN[name]))


# The table is the registry.


@pytest.fixture
def arctan() -> Iterator[Activation]:
    """An activation of the user's own."""
    record = Activation(
        name="arctan",
        pair=lambda a: (np.arctan(a), 1.0 / (1.0 + a * a)),
        sup_slope=1.0,
        sup_at=0.0,
        lower=-math.pi / 2,
        upper=math.pi / 2,
        formula="arctan x",
        derivative="1/(1+x²)",
        aliases=("atan",),
    )
    yield vanish.register(record)
    activations.unregister("arctan")


@pytest.mark.parametrize("format_name", ["table", "tsv", "csv", "json", "jsonl", "markdown"])
def test_a_new_activation_appears_by_itself(arctan: Activation, format_name: str) -> None:
    text = acts(f"--format {format_name}")
    (line,) = (line for line in text.splitlines() if "arctan x" in line or '"arctan x"' in line)
    if format_name != "json":  # one value a line
        assert "(-1.5708, 1.5708)" in line
    assert arctan.name in text


def test_a_new_activation_has_a_portrait_too(arctan: Activation) -> None:
    text = acts("atan --format table")
    assert text.startswith("arctan (atan)\n")
    for fact in (arctan.formula, arctan.derivative, arctan.range, "1.0 at x = 0"):
        assert fact in text


def test_every_activation_has_a_row_in_the_registrys_order() -> None:
    assert [row["act"] for row in table()] == list(NAMES)
    assert [row["act"] for row in table("silu,logistic relu")] == ["silu", "sigmoid", "relu"]


def test_a_row_says_what_the_record_says(activation: Activation) -> None:
    (row,) = table(f"{activation.name} --layers 7")
    assert row == {
        "act": activation.name,
        "aliases": " ".join(activation.aliases),
        "formula": activation.formula,
        "derivative": activation.derivative,
        "domain": "(-∞, ∞)",
        "range": activation.range,
        "sup_slope": activation.sup_slope,
        "sup_at": activation.sup_place,
        "layers": 7,
        "bound": pytest.approx(activation.sup_slope**7, rel=1e-14),
        "log10_bound": pytest.approx(7 * math.log10(activation.sup_slope), rel=1e-13, abs=1e-15),
        "init": activation.init,
        "note": activation.note,
        "latex": activation.latex[0],
        "latex_derivative": activation.latex[1],
    }
    assert "" not in (row["formula"], row["derivative"])


def test_every_format_carries_the_same_rows() -> None:
    rows = table("--layers 90")
    assert [json.loads(line) for line in acts("--layers 90 -f jsonl").splitlines()] == rows
    for format_name, delimiter in (("tsv", "\t"), ("csv", ",")):
        text = acts(f"--layers 90 --format {format_name}")
        read = list(csv.DictReader(io.StringIO(text), delimiter=delimiter))
        as_text = [{name: str(value) for name, value in row.items()} for row in rows]
        assert read == as_text
        assert acts(f"--layers 90 -f {format_name} --no-header") == text.partition("\n")[2]


def test_a_bar_in_a_formula_does_not_end_its_cell_in_markdown() -> None:
    lines = [line for line in acts("--format markdown").splitlines() if line.startswith("| ")]
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines]
    assert len({len(row) for row in rows}) == 1
    cells = [[cell.replace("\\", "").strip() for cell in row][:5] for row in rows]
    for record in activations.registered():
        facts = [record.name, record.formula, record.derivative, record.domain, record.range]
        assert facts in cells


def test_the_articles_bounds_are_there() -> None:
    assert table("sigmoid --layers 3")[0]["bound"] == 0.015625
    assert table("sigmoid")[0]["bound"] == 0.25**20
    assert "9.09e-13" in acts("sigmoid --format table")
    assert table("relu")[0]["bound"] == 1.0
    beyond = table("sigmoid --layers 1000")[0]
    assert beyond["bound"].startswith("8.7")
    assert beyond["bound"].endswith("e-603")
    assert beyond["log10_bound"] == pytest.approx(1000 * math.log10(0.25), rel=1e-14)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("identity", "(-∞, ∞)"),
        ("sigmoid", "(0, 1)"),
        ("tanh", "(-1, 1)"),
        ("relu", "[0, ∞)"),
        ("hard_tanh", "[-1, 1]"),
        ("gelu", "[-0.16997, ∞)"),
        ("elu", "(-1, ∞)"),
        ("log_sigmoid", "(-∞, 0)"),
    ],
)
def test_a_range_is_an_interval(name: str, expected: str) -> None:
    assert activations.get(name).range == expected


def places(text: str) -> list[float]:
    """Return points at, or close enough to, the place that a text describes."""
    number = r"-?\d+(?:\.\d+)?"
    if text == "every x":
        return [-7.0, 0.0, 7.0]
    if text == "x = kπ":
        return [k * math.pi for k in (-2, 0, 3)]
    if found := re.fullmatch(rf"x = ({number})", text):
        return [float(found[1])]
    if found := re.fullmatch(rf"x ([>≥]) ({number})", text):
        low = float(found[2])
        return [low + 1e-9, low + 50.0, *([low] if found[1] == "≥" else [])]
    if found := re.fullmatch(rf"\|x\| < ({number})", text):
        return [-float(found[1]) + 1e-9, 0.0, float(found[1]) - 1e-9]
    if found := re.fullmatch(rf"({number}) < x < ({number})", text):
        return [float(found[1]) + 1e-9, float(found[2]) - 1e-9]
    if found := re.fullmatch(rf"x → ({number})([⁻⁺])", text):
        return [float(found[1]) + (1e-9 if found[2] == "⁺" else -1e-9)]
    if found := re.fullmatch(r"x → (-?)∞", text):
        return [float(f"{found[1]}50")]
    raise AssertionError(f"no reader knows where {text!r} is")


def test_the_slope_is_largest_where_the_table_says(activation: Activation) -> None:
    (row,) = table(activation.name)
    slopes = np.abs(activation.slope(np.array(places(row["sup_at"]))))
    # Of five digits of x at a maximum, about ten of S' are right.
    assert slopes == pytest.approx(activation.sup_slope, rel=1e-8)


# The formulas, read as mathematics and evaluated.

FUNCTIONS: dict[str, Callable[..., float]] = {
    "max": max,
    "min": min,
    "clip": lambda x, low, high: min(max(x, low), high),
    "ln": math.log,
    "sin": math.sin,
    "cos": math.cos,
    "tanh": math.tanh,
    "√": math.sqrt,
    "σ": lambda x: 1.0 / (1.0 + math.exp(-x)),
    "σ'": lambda x: math.exp(-x) / (1.0 + math.exp(-x)) ** 2,
    "Φ": lambda x: 0.5 * (1.0 + math.erf(x / math.sqrt(2.0))),
    "φ": lambda x: math.exp(-x * x / 2.0) / math.sqrt(2.0 * math.pi),
}
CONSTANTS = {"e": math.e, "π": math.pi, "λ": 1.0507009873554805, "α": 1.6732632423543772}

FROM_LATEX = {
    r"\\leq": "≤",
    r"\\geq": "≥",
    r"\\,|\\ ": " ",
    r"\^\{\\prime\}": "'",
    r"\\frac\{((?:[^{}]|\{[^{}]*\})*)\}\{((?:[^{}]|\{[^{}]*\})*)\}": r"((\1)/(\2))",
    r"\\sqrt\{([^{}]*)\}": r"√(\1)",
    r"\^\{([^{}]*)\}": r"^(\1)",
    r"\\lambda": "λ",
    r"\\alpha": "α",
    r"\\pi": "π",
    r"\\sigma": "σ",
    r"\\Phi": "Φ",
    r"\\varphi": "φ",
    r"\\(max|min|ln|sin|cos|tanh)": r"\1",
    r"S\(x\)": "S",
    r"\[([^\]]*)\]": r"(\1)",  # Iverson's bracket: in Python True is 1
}

TOKEN = re.compile(
    r"\d+(?:\.\d+)?|max|min|clip|ln|sin|cos|tanh|if|else|σ'|u'|<=|>=|\|[^|]*\||[A-Za-zα-ωΦ√]|\S"
)


def as_text(latex: str) -> str:
    """Return a formula of LaTeX in the notation of the formulas in plain text."""
    for pattern, replacement in FROM_LATEX.items():
        latex = re.sub(pattern, replacement, latex)
    assert "\\" not in latex
    return latex


def as_python(formula: str) -> str:
    """Return a formula as Python: what is written side by side is multiplied."""
    formula = formula.replace(", else", " else").replace(", 1 if", " else 1 if")
    for sign, power in (("²", "**2"), ("³", "**3"), ("^", "**"), ("≤", "<="), ("≥", ">=")):
        formula = formula.replace(sign, power)
    formula = re.sub(r"\b(sin|cos) x", r"\1(x)", formula)
    parts: list[str] = []
    before = ""
    for token in TOKEN.findall(formula.replace("**", "^")):
        starts = token[0].isalnum() or token[0] in "(|√"
        ends = before and (before[-1].isalnum() or before[-1] in ")|'")
        words = {"if", "else"} & {token, before}
        if starts and ends and before not in FUNCTIONS and not words:
            parts.append("*")
        parts.append(f"abs({as_python(token[1:-1])})" if token[0] == "|" else token)
        before = token
    text = " ".join(parts).replace("^", "**")
    return text.replace("σ '", "σ'").replace("σ'", "dσ").replace("u'", "du").replace("√", "sqrt")


def evaluate(formula: str, x: float, known: dict[str, float]) -> float:
    """Return the value at x of a formula and of the definitions that it brings along.

    What is known is S(x), and what a derivative takes over from its formula.
    """
    main, *definitions = re.split(r",\s*(?=[a-zS] ?=)", formula)
    names: dict[str, Any] = {**CONSTANTS, **FUNCTIONS, **known, "x": x}
    names |= {"sqrt": math.sqrt, "dσ": FUNCTIONS["σ'"]}
    for definition in definitions:
        name, _, meaning = definition.partition("=")
        if name.strip() != "S":
            names[name.strip()] = value(meaning, names)
    return value(main, names)


def value(formula: str, names: dict[str, Any]) -> float:
    """Return what Python, which shares no code with vanish, makes of a formula."""
    found: float = eval(as_python(formula), {}, names)  # noqa: S307 - what vanish prints is judged by its value
    return found


# Away from all kinks and from x = 0, where S/x is no number.
POINTS = (-5.25, -2.75, -1.5, -0.625, -0.125, 0.375, 0.875, 1.75, 2.875, 4.5, 6.25)


def check_formulas(record: Activation, formulas: tuple[str, str]) -> None:
    values, slopes = record.pair(np.array(POINTS))
    scale, cubic = math.sqrt(2.0 / math.pi), 0.044715  # u is that of gelu_tanh
    for x, value, slope in zip(POINTS, values.tolist(), slopes.tolist(), strict=True):
        u, du = scale * (x + cubic * x**3), scale * (1.0 + 3.0 * cubic * x**2)
        t = math.tanh(math.log1p(math.exp(x)))  # that of mish
        known = {"S": value, "u": u, "du": du, "t": t}
        found = [evaluate(formula, x, known) for formula in formulas]
        assert found == pytest.approx([value, slope], rel=1e-9, abs=1e-12)


def test_the_formulas_are_those_of_what_is_computed(activation: Activation) -> None:
    check_formulas(activation, (activation.formula, activation.derivative))


def test_the_formulas_in_latex_are_those_of_what_is_computed(activation: Activation) -> None:
    formula, derivative = activation.latex
    check_formulas(activation, (as_text(formula), as_text(derivative)))


@pytest.mark.parametrize(
    ("act", "formulas"),
    [
        ("sigmoid", ("1/(1+e^x)", "S(1-S)")),
        ("sigmoid", ("1/(1+e^-x)", "S(1+S)")),
        ("tanh", ("(e^x-e^-x)/(e^x+e^-x)", "1-S")),
        ("relu", ("max(x, 0)", "1 if x < 0 else 0")),
        ("selu", ("λx if x > 0 else λα(e^x-1)", "λ if x > 0 else αe^x")),
        ("gelu", ("xφ(x)", "Φ(x)+xφ(x)")),
        ("gelu", ("xΦ(x)", "Φ(x)+φ(x)")),
        ("softsign", ("x/(1+|x|)", "1/(1+|x|)")),
        ("hard_swish", ("x clip(x+3, 0, 6)/6", "0 if x ≤ -3, 1 if x ≥ 3, else (2x-3)/6")),
        ("gelu_tanh", ("xσ(√(2/π)(x+0.044715x³))", "σ(2u)+2xu'σ'(2u)")),
    ],
)
def test_a_wrong_formula_is_noticed(act: str, formulas: tuple[str, str]) -> None:
    with pytest.raises(AssertionError):
        check_formulas(activations.get(act), formulas)


def test_the_formulas_in_latex_are_mathematics_to_another_reader(activation: Activation) -> None:
    for formula in activation.latex:
        MathTextParser("agg").parse(f"${formula}$")


def test_formulas_are_written_in_the_registry_only() -> None:
    home = Path(activations.__file__).parent
    texts = {path: path.read_text("utf-8") for path in Path(vanish.__file__).parent.rglob("*.py")}
    others = {path: text for path, text in texts.items() if home not in path.parents}
    assert len(texts) - len(others) == len([*home.glob("*.py")]) > 4
    assert len(others) > 60
    for name in NAMES:
        record = activations.get(name)
        for formula in (record.formula, record.derivative, *record.latex):
            # Shorter ones, such as "x" and "1-S²", occur in any text.
            copies = [path for path, text in others.items() if formula in text]
            assert len(formula) < 6 or not copies


# Drawings.

BRAILLE = (0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80)


def dots(drawing: list[str]) -> list[list[int]]:
    """Return the rows of the dots in each column of dots of a drawing, from the top."""
    lines = [line.partition("│")[2] for line in drawing if "│" in line]
    columns: list[list[int]] = [[] for _ in range(2 * max(map(len, lines)))]
    for row, line in enumerate(lines):
        for column, character in enumerate(line):
            pattern = 0 if character == " " else ord(character) - 0x2800
            for half, bits in enumerate(BRAILLE):
                columns[2 * column + half] += [
                    4 * row + i for i, bit in enumerate(bits) if pattern & bit
                ]
    return columns


@pytest.mark.parametrize(
    "function",
    [lambda x: x, lambda x: x**3 - x, lambda x: np.where(x > 0.0, 1.0, -2.0), np.exp],
    ids=["line", "cubic", "step", "exp"],
)
def test_a_drawing_is_the_curve(function: Callable[[FloatArray], FloatArray]) -> None:
    x = np.linspace(-2.0, 2.0, 4001)
    y = function(x)
    drawing = curve(x, y, "S", 40, 12)
    assert len(drawing) == 12
    assert max(map(len, drawing)) <= 40
    columns = dots(drawing)
    high, low = float(y.max()), float(y.min())
    for column, rows in enumerate(columns):
        # The samples that fall into this column of dots, as rows of dots.
        edges = [(column + side) / (len(columns) - 1) * 4.0 - 2.0 for side in (-0.5, 0.5)]
        inside = (x >= edges[0] - 1e-9) & (x <= edges[1] + 1e-9)
        expected = {round(float(row)) for row in (high - y[inside]) / (high - low) * 35.0}
        assert rows
        assert set(rows) <= expected
        assert len(expected) - len(rows) <= 2  # a sample on an edge belongs to the neighbour
    margins = [line.partition("│")[0].strip() for line in drawing if "│" in line]
    assert [float(each) for each in margins if each] == pytest.approx([high, low], rel=5e-3)


@pytest.mark.parametrize("columns", [1, 8, 18, 30, 40, 80, 200])
def test_a_portrait_fits_any_window(columns: int) -> None:
    for record in activations.registered():
        text = portrait(record, 20, columns)
        assert record.formula in text
        drawn = [line for line in text.splitlines() if "│" in line or "└" in line]
        assert max(map(len, drawn), default=0) <= columns
        assert drawn or columns < 40


def test_a_terminal_without_unicode_gets_a_drawing_too() -> None:
    env = {"TERM": "dumb", "PYTHONIOENCODING": "ascii"}
    status, text = run_in_terminal([*VANISH, "acts", "sigmoid"], columns=60, env=env)
    assert status == 0
    assert "?" not in text
    assert text.count("*") > 30


# What is refused.


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("acts sigmod", "did you mean sigmoid"),
        ("acts relu,xyz", "'xyz'"),
        ("acts relu,,tanh", "an empty name"),
        ("acts ''", "it is empty: give something"),
        ("acts --layers 0", "layers 0"),
        ("acts --format yaml", "'yaml'"),
        ("acts sigmoid --no-header --format table", "--no-header"),
        ("acts --output missing/x.tsv", "missing/x.tsv"),
        ("acts --plot x.jpg", "--plot x.jpg"),
        ("--act relu acts", "--act before acts"),
        ("atcs", "acts"),
    ],
)
def test_an_error_is_one_line_that_names_what_was_given(
    line: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    check_error(line, says)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("act", ["1e-10*abs(x)", "leaky_relu(0.9999999999)", "max(x,0)^2"])
def test_a_small_jump_of_a_small_slope_is_one(act: str) -> None:
    shown = run_in_process("acts", act, "-f", "table").stdout.decode()
    assert ("S' jumps at 0" in shown) == (act != "max(x,0)^2")
