"""The derivation in symbols: every printed line is an equality, and the article's own."""

from __future__ import annotations

import re
import tracemalloc
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import sympy
from matplotlib.mathtext import MathTextParser
from mpmath import mp

from vanish.errors import UsageError
from vanish.lessons.nested import lines as derivation
from vanish.lessons.nested import nested_loss
from vanish.network.graph import Variable, article_graph
from vanish.readings.names import NOTATION
from vanish.readings.notation import LATEX, TEXT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Plant

    from vanish.readings.notation import Notation

# Section 3 of the article for its three layers, with the steps that it leaves out (…).
ARTICLE = """\
∂L/∂f₃ · ∂S(W₃S(W₂S(W₁x+b₁)+b₂)+b₃)/∂W₁
∂L/∂f₃ · ∂S/∂a₃ · ∂(W₃S(W₂S(W₁x+b₁)+b₂)+b₃)/∂W₁
∂L/∂f₃ · ∂S/∂a₃ · W₃ · ∂S(W₂S(W₁x+b₁)+b₂)/∂W₁
∂L/∂f₃ · ∂S/∂a₃ · W₃ · ∂S/∂a₂ · ∂(W₂S(W₁x+b₁)+b₂)/∂W₁
∂L/∂f₃ · ∂S/∂a₃ · W₃ · ∂S/∂a₂ · W₂ · ∂S(W₁x+b₁)/∂W₁
∂L/∂f₃ · ∂S/∂a₃ · W₃ · ∂S/∂a₂ · W₂ · ∂S/∂a₁ · ∂(W₁x+b₁)/∂W₁
∂L/∂f₃ · ∂S/∂a₃ · W₃ · ∂S/∂a₂ · W₂ · ∂S/∂a₁ · ∂a₁/∂W₁
"""

TO_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
FROM_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")

X = Variable("x", 0)


def variables(layers: int) -> list[Variable]:
    return [X, *(Variable(letter, k) for k in range(1, layers + 1) for letter in "Wb")]


class ScalarChain(NamedTuple):
    """A chain of width 1 in sympy's symbols, written down without vanish."""

    activation: Callable[[Any], Any]
    loss: Callable[[Any], Any]
    a: list[Any]
    f: list[Any]

    @classmethod
    def of(
        cls, layers: int, activation: Callable[[Any], Any], loss: Callable[[Any], Any]
    ) -> ScalarChain:
        a, f = [None], [sympy.Symbol("x")]
        for k in range(1, layers + 1):
            a.append(sympy.Symbol(f"W{k}") * f[-1] + sympy.Symbol(f"b{k}"))
            f.append(activation(a[-1]))
        return cls(activation, loss, a, f)

    def derivative(self, by: Variable) -> Any:
        """Sympy's own derivative of the whole nested expression."""
        return sympy.diff(self.loss(self.f[-1]), sympy.Symbol(str(by)))

    def value(self, line: str) -> Any:
        """What a printed right-hand side means."""
        return sympy.prod([self._factor(each) for each in line.split(" · ")])

    def _factor(self, symbol: str) -> Any:
        plain = symbol.translate(FROM_SUBSCRIPTS)
        if not plain.startswith("∂"):
            assert re.fullmatch(r"W\d+", plain)
            return sympy.Symbol(plain)
        upper, lower = plain.removeprefix("∂").rsplit("/∂", 1)
        t = sympy.Dummy("t")
        if upper in {"L", "S"}:
            function, at = (self.loss, self.f) if upper == "L" else (self.activation, self.a)
            assert lower[0] == ("f" if upper == "L" else "a")
            return sympy.diff(function(t), t).subs(t, at[int(lower[1:])])
        inside = self.a[int(upper[1:])] if re.fullmatch(r"a\d+", upper) else self.parsed(upper)
        return sympy.diff(inside, sympy.Symbol(lower))

    def parsed(self, nested: str) -> Any:
        """Sympy's expression of a nested one such as S(W2S(W1x+b1)+b2)."""
        product = re.sub(r"(W\d+)(?=[Sx])", r"\1*", nested.translate(FROM_SUBSCRIPTS))
        return sympy.sympify(product, locals={"S": self.activation, "L": self.loss})


def check_every_line(layers: int, notation: Notation = TEXT) -> None:
    """Check that every line of every derivation is what sympy differentiates to."""
    chain = ScalarChain.of(layers, sympy.Function("S"), sympy.Function("L"))
    for by in variables(layers):
        expected = chain.derivative(by)
        for line in derivation(article_graph(layers), by, notation, full=True):
            assert chain.value(line) == expected


@pytest.mark.slow
@pytest.mark.parametrize("layers", range(1, 7))
def test_every_line_equals_sympys_derivative_for_an_unknown_activation(layers: int) -> None:
    check_every_line(layers)


@pytest.mark.slow
@pytest.mark.parametrize("layers", range(1, 7))
def test_the_product_has_the_value_of_sympys_derivative(layers: int) -> None:
    chain = ScalarChain.of(layers, sympy.tanh, sympy.exp)
    names = [str(by) for by in variables(layers)]
    last_lines = [
        list(derivation(article_graph(layers), by, TEXT, full=True))[-1] for by in variables(layers)
    ]
    products = [chain.value(line) for line in last_lines]
    derivatives = [chain.derivative(by) for by in variables(layers)]
    evaluate = sympy.lambdify(names, [products, derivatives], "mpmath", cse=True)
    with mp.workdps(40):
        point = [mp.mpf(7 + 2 * i) / (10 + i) for i in range(len(names))]
        for actual, expected in zip(*evaluate(*point), strict=True):
            assert abs(actual / expected - 1) < mp.mpf(10) ** -30


FAULTS: dict[str, tuple[str, dict[str, Any]]] = {
    "another weight": (
        "affine",
        {"back": lambda _, __, k, ___, g: (g.times("Weight", k % 3 + 1, "W{k}"),)},
    ),
    "no weight": (
        "affine",
        {"back": lambda _, __, k, ___, g: (g.times("ByBias", k, "a{k}", "b{k}"),)},
    ),
    "another slope": (
        "activate",
        {"back": lambda _, __, k, ___, g: (g.times("Slope", k % 3 + 1, "S", "a{k}"),)},
    ),
    "one slope": (
        "activate",
        {"back": lambda _, __, ___, ____, g: (g.times("Slope", 1, "S", "a{k}"),)},
    ),
    "swapped parameters": (
        "affine",
        {
            "by": lambda _, __, k, ___, g: (
                g.times("ByBias", k, "a{k}", "b{k}"),
                g.times("ByWeight", k, "a{k}", "W{k}"),
            )
        },
    ),
    "a wrong symbol": (
        "affine",
        {"back": lambda _, __, k, ___, g: (g.times("Weight", k, "b{k}"),)},
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_factor_is_noticed(fault: str, plant: Plant) -> None:
    kind, wrong = FAULTS[fault]
    plant(NOTATION, kind, **wrong)
    with pytest.raises(AssertionError):
        check_every_line(3)


def test_three_layers_are_derived_as_in_the_article() -> None:
    lines = derivation(article_graph(3), Variable("W", 1), TEXT)
    assert "".join(f"{line}\n" for line in lines) == ARTICLE
    assert nested_loss(article_graph(3), TEXT) == "L(S(W₃S(W₂S(W₁x+b₁)+b₂)+b₃))"


@pytest.mark.parametrize("layers", [1, 2, 5])
def test_the_nested_expression_is_the_chain(layers: int) -> None:
    chain = ScalarChain.of(layers, sympy.Function("S"), sympy.Function("L"))
    text = nested_loss(article_graph(layers), TEXT, full=True)
    assert chain.parsed(text) == chain.loss(chain.f[-1])


def test_a_variable_that_is_not_there_is_refused_before_the_first_line() -> None:
    for absent in (Variable("W", 4), Variable("b", 0), Variable("q", 1)):
        with pytest.raises(UsageError, match=str(absent)):
            derivation(article_graph(3), absent, TEXT)


# Long chains.


def stands_for(shown: str, whole: str) -> bool:
    """Tell whether a text is another one with some of its middles replaced by …."""
    return re.fullmatch(".+".join(map(re.escape, shown.split("…"))), whole) is not None


def middle(layers: int) -> list[Variable]:
    half = (layers + 1) // 2
    return [X, *(Variable(letter, k) for k in (1, half, layers) for letter in "Wb")]


@pytest.mark.parametrize("layers", [4, 5, 6, 12, 100])
def test_an_elided_derivation_is_the_full_one_with_its_middles_left_out(layers: int) -> None:
    for by in middle(layers):
        shown = list(derivation(article_graph(layers), by, TEXT))
        full = list(derivation(article_graph(layers), by, TEXT, full=True))
        gap = shown.index("…") if "…" in shown else len(shown)
        tail = len(shown) - gap - 1
        assert len(full) > len(shown) if gap < len(shown) else len(full) == len(shown)
        paired = [*zip(shown[:gap], full[:gap], strict=True)]
        paired += zip(shown[-tail:], full[-tail:], strict=True) if tail > 0 else []
        for line, whole in paired:
            assert stands_for(line, whole)
            assert line.count("(") == line.count(")")
            assert "…" not in whole


def test_what_stands_for_another_line_is_told() -> None:
    assert stands_for("S(…x…)", "S(W₁x+b₁)")
    assert not stands_for("S(…y…)", "S(W₁x+b₁)")
    assert not stands_for("S(…W₁x+b₁)", "S(W₁x+b₁)")


@pytest.mark.parametrize("layers", [5, 9, 1000])
def test_an_elided_derivation_is_short_whatever_the_depth(layers: int) -> None:
    for by in middle(layers):
        lines = list(derivation(article_graph(layers), by, TEXT))
        assert len(lines) <= 9
        assert max(map(len, lines)) <= 150
    assert len(nested_loss(article_graph(layers), TEXT)) <= 60


def by_hand(layers: int) -> Iterator[str]:
    """Write the derivation of ∂L/∂W₁ line by line."""

    def indexed(k: int) -> str:
        return str(k).translate(TO_SUBSCRIPTS)

    nested = ["x"]
    for k in range(1, layers + 1):
        nested.append(f"S(W{indexed(k)}{nested[-1]}+b{indexed(k)})")
    product = f"∂L/∂f{indexed(layers)}"
    for k in range(layers, 0, -1):
        yield f"{product} · ∂{nested[k]}/∂W₁"
        product += f" · ∂S/∂a{indexed(k)}"
        yield f"{product} · ∂({nested[k][2:-1]})/∂W₁"
        product += f" · W{indexed(k)}"
    yield product.removesuffix("W₁") + "∂a₁/∂W₁"


def test_a_thousand_layers_are_written_out_line_by_line() -> None:
    lines = derivation(article_graph(1000), Variable("W", 1), TEXT, full=True)
    # A failing assert would compare 59 million characters to explain itself.
    wrong = sum(line != right for line, right in zip(lines, by_hand(1000), strict=True))
    assert wrong == 0


def peak_of_memory(layers: int, consume: Callable[[Iterator[str]], object]) -> int:
    tracemalloc.start()
    try:
        consume(derivation(article_graph(layers), Variable("W", 1), TEXT, full=True))
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_the_memory_for_a_full_derivation_grows_linearly() -> None:
    def growth(consume: Callable[[Iterator[str]], object]) -> float:
        return peak_of_memory(400, consume) / peak_of_memory(200, consume)

    assert growth(lambda lines: sum(map(len, lines))) < 2.5
    assert growth(list) > 3.0  # what keeping all lines takes


# LaTeX.


def text_of_latex(latex: str) -> str:
    """Return LaTeX in the text's own symbols."""
    text = re.sub(r"_\{(\d+)\}", lambda found: found[1].translate(TO_SUBSCRIPTS), latex)
    text = re.sub(r"\\frac\{\\partial ([^{}]+)\}\{\\partial ([^{}]+)\}", r"∂\1/∂\2", text)
    text = re.sub(r"\\cdots(?![A-Za-z]) ?", "…", text)
    text = re.sub(r" *\\cdot +", " · ", text)
    assert not set(text) & set("\\{}"), "a command of LaTeX that the text has no symbol for"
    return text


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("layers", [1, 3, 5, 20])
def test_latex_says_the_same_as_the_text(layers: int, full: bool) -> None:
    for by in middle(layers):
        latex = derivation(article_graph(layers), by, LATEX, full)
        text = derivation(article_graph(layers), by, TEXT, full)
        assert [text_of_latex(line).strip() for line in latex] == list(text)
    latex_loss = nested_loss(article_graph(layers), LATEX, full)
    assert text_of_latex(latex_loss) == nested_loss(article_graph(layers), TEXT, full)


@pytest.mark.slow
@pytest.mark.parametrize(("layers", "full"), [(1, True), (3, True), (20, False)])
def test_every_formula_is_mathematics_to_another_reader(layers: int, full: bool) -> None:
    parser = MathTextParser("agg")
    for by in middle(layers):
        for line in derivation(article_graph(layers), by, LATEX, full):
            parser.parse(f"${line}$")
    parser.parse(f"${nested_loss(article_graph(layers), LATEX, full)}$")
