"""Every symbol that anything prints has a word or a sign in ASCII, and the words read well."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

import vanish
from vanish.render.spoken import aligned, in_words, spoken
from vanish.render.view import Bar, Elided, Finding, Heat, Notes, Spark, View

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(vanish.__file__).parent

# What is read of people and never printed but as they gave it.
FOR_READING = {
    PACKAGE / "network/formulas/parser.py",
    PACKAGE / "network/formulas/source.py",
    PACKAGE / "network/expressions/misreadings.py",
}

SAID = {
    # Norms and gradients.
    "‖∂L/∂a‖": "||dL/da||",
    "‖∂L/∂a₁‖\nto ‖∂L/∂a_N‖": "||dL/da_1||\nto ||dL/da_N||",
    "E‖∂L/∂f‖²": "E||dL/df||^2",
    "‖ΔW‖/‖W‖, by how much": "||Delta W||/||W||, by how much",
    "log10‖∂L/∂b₁‖ is -0.9 ± 0.1": "log10||dL/db_1|| is -0.9 +/- 0.1",
    "∂L/∂W₁ = ∂L/∂f₃ · ∂S/∂a₃ · … · W₂": "dL/dW_1 = dL/df_3 * dS/da_3 * ... * W_2",
    "∂S(W₃S(W₂x+b₁₂)+b₃)/∂W₁": "dS(W_3 S(W_2 x+b_12)+b_3)/dW_1",
    "δₖ = Wₖ₊₁ᵀδₖ₊₁ ⊙ S'(aₖ), k < 3": "delta_k = W_{k+1}^T delta_{k+1} .* S'(a_k), k < 3",
    "∂L/∂W = Σₖ δₖfₖ₋₁ᵀ": "dL/dW = sum_k delta_k f_{k-1}^T",
    "Π_{j≥k} max|S'(a_j)|": "prod_{j>=k} max|S'(a_j)|",
    # Theory.
    "χ₁ = weight_std² E[S'(a)²]": "chi_1 = weight_std^2 E[S'(a)^2]",
    "ξ = -1/ln χ₁": "xi = -1/ln chi_1",
    "χ_q = weight_std² E[z S S']/√q*": "chi_q = weight_std^2 E[z S S']/sqrt(q*)",
    "S(√q z)": "S(sqrt(q) z)",
    "√q_k, √2, √(2/π)": "sqrt(q_k), sqrt(2), sqrt(2/pi)",
    "σ_w, σ_v": "sigma_w, sigma_v",
    "(1 + σ_v² σ_w² C(q))/(p' - m'²)": "(1 + sigma_v^2 sigma_w^2 C(q))/(p' - m'^2)",
    "C(0⁺)": "C(0+)",
    # Activations.
    "xσ(2√(2/π)(x+0.044715x³))": "x sigma(2 sqrt(2/pi)(x+0.044715x^3))",
    "σ(2u)+2xu'σ'(2u)": "sigma(2u)+2xu' sigma'(2u)",
    "Φ(x)+xφ(x)": "Phi(x)+x phi(x)",
    "λ if x > 0 else λαe^x": "lambda if x > 0 else lambda alpha e^x",
    "(-∞, ∞)": "(-inf, inf)",
    "x → -∞": "x -> -inf",
    "x → 3⁻": "x -> 3-",
    "x = kπ": "x = k pi",
    "0 if x ≤ -3, 1 if x ≥ 3": "0 if x <= -3, 1 if x >= 3",
    "θ ← θ - η m̂/(√v̂+ε), over 1 - βᵗ": (
        "theta <- theta - eta m_hat/(sqrt(v_hat)+epsilon), over 1 - beta^t"
    ),
    # Numbers.
    "0.25²⁰ = 9.09·10⁻¹³": "0.25^20 = 9.09*10^-13",
    "0.25 · 1.25^19 = 17.3": "0.25 * 1.25^19 = 17.3",
    "×3.2 ÷4.21": "x3.2 /4.21",
    "multiplied (×) or divided (÷)": "multiplied (x) or divided (/)",
    "a W of 64 × 64: on": "a W of 64 x 64: on",
    "1e-13 … 1e+00": "1e-13 ... 1e+00",
    "r·f_N, ‖r‖ = 1, ½‖f_N - target‖²": "r*f_N, ||r|| = 1, 1/2 ||f_N - target||^2",
    # Titles, whose parts are words.
    "x + S(Wx+b) · tanh · 1 layer · width 64 · he_normal · loss readout · seed 0": (
        "x + S(Wx+b), tanh, 1 layer, width 64, he_normal, loss readout, seed 0"
    ),
    "1,500 points · act tanh · bias_std 0": "1,500 points, act tanh, bias_std 0",
    # Maps and drawings.
    "█ ▓ ▒ ░": "# % = -",
    "·": ".",
    "▁▂▃▄▅▆▇█": "._-=+*%#",
    "⋮": ":",
    "0.25 │⠀⠖⠒": "0.25 | **",
}


@pytest.mark.parametrize("text", SAID)
def test_symbols_are_words_that_read_well(text: str) -> None:
    assert spoken(text) == SAID[text]


def printed(tree: ast.Module) -> Iterator[str]:
    """Yield the texts of a module, but for its docstrings."""
    with_docstrings = (ast.Module, ast.ClassDef, ast.FunctionDef)
    told = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, with_docstrings) and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            yield node.value


@pytest.mark.slow
def test_every_symbol_in_the_package_is_spoken() -> None:
    sources = [path for path in sorted(PACKAGE.rglob("*.py")) if path not in FOR_READING]
    texts = {
        f"{path}: {text!r}": text
        for path in sources
        for text in printed(ast.parse(path.read_text("utf-8")))
    } | {f"{path}": path.read_text("utf-8") for path in PACKAGE.rglob("*.md")}
    symbols = {where: text for where, text in texts.items() if not text.isascii()}
    assert len(symbols) > 200
    assert [where for where, text in symbols.items() if not spoken(text).isascii()] == []


@given(st.text(st.characters(max_codepoint=127)))
def test_ascii_stays(text: str) -> None:
    assert spoken(text) == text


@given(st.text("ab1 '(√σ₁²ₖ·‖∂…→█⋮", max_size=12))
def test_symbols_in_any_order_are_spoken(text: str) -> None:
    said = spoken(text)
    assert said.isascii()
    assert spoken(said) == said


def test_a_letter_that_is_no_symbol_stays() -> None:
    assert spoken("é → ñ") == "é -> ñ"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        # Heads over numbers end where they did.
        ("layer   ‖∂L/∂a‖   expects  next", "layer  ||dL/da||  expects  next"),
        # Where there is no room before it, it is behind.
        ("a  ‖∂L/∂a‖, layer 1 → N     b", "a  ||dL/da||, layer 1 -> N  b"),
        ("relu  ∂       c", "relu  d       c"),
        # Behind the last cell there is.
        ("  domain   (-∞, ∞)", "  domain   (-inf, inf)"),
        ("       = ∂L/∂f₃ · W₃", "       = dL/df_3 * W_3"),
        ("   ∂L/∂f₃ ·    W₃ · ∂S", "  dL/df_3 *    W_3 * dS"),
        ("one  …  two", "one  ... two"),
    ],
)
def test_columns_that_are_drawn_stay_where_there_is_room(line: str, said: str) -> None:
    assert aligned(line) == said


def test_a_view_is_spoken_in_all_its_parts() -> None:
    shown = View(
        title="tanh · seed 0",
        columns=("‖∂L/∂a₁‖", "log\n1 … 2"),
        rows=(("χ₁", Bar(0.5)), ("÷2", Spark((0.5, None))), ("", Heat(("·",))), Elided("… ×")),
        notes=(Notes("√q", (("σ_w", "∞"),)),),
        findings=(Finding("stable", "∂", "‖W‖", ", ≤"),),
        left=frozenset({"‖∂L/∂a₁‖"}),
        dispensable=("‖∂L/∂a₁‖", ("log\n1 … 2",)),
        equation="f → N",
    )
    said = in_words(shown)
    assert said == View(
        title="tanh, seed 0",
        columns=("||dL/da_1||", "log\n1 ... 2"),
        rows=(("chi_1", Bar(0.5)), ("/2", Spark((0.5, None))), ("", Heat(("·",))), Elided("... x")),
        notes=(Notes("sqrt(q)", (("sigma_w", "inf"),)),),
        findings=(Finding("stable", "d", "||W||", ", <="),),
        left=frozenset({"||dL/da_1||"}),
        dispensable=("||dL/da_1||", ("log\n1 ... 2",)),
        equation="f -> N",
    )


def test_headings_stay_headings_and_what_leads_is_spoken() -> None:
    shown = View("∂", ("a",), (Elided("of ∂L", is_heading=True),), (), (), frozenset(), ())
    said = in_words(shown._replace(lead=Finding("dead", "∂", "‖W‖")))
    assert said.rows == (Elided("of dL", is_heading=True),)
    assert said.lead == Finding("dead", "d", "||W||")
