"""The notation reading: every factor is its symbol, and what flows is their product."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vanish.errors import UsageError
from vanish.network.chainrule import back, until
from vanish.readings.names import NOTATION, called
from vanish.readings.products import Part, Parts, Product, Sum
from vanish.readings.written import ANY, Written
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from vanish.network.graph import Graph, Variable
    from vanish.readings.products import Factor, Factors


class Notation(Record):
    """A way of writing formulas.

    Attributes
    ----------
    indexed
        Writes a layer's number as an index.
    partial
        Writes ∂u/∂v, given u and v.
    times, elided
        What stands between two factors, and for factors left out.
    any_layer, next_layer
        The indices k and k - 1, and k + 1.
    delta
        What flows back to a.
    brackets
        Those around a sum of products.
    spelled
        Writes names of functions and constants, given a text with ``{k}`` and ``{j}``.
    """

    indexed: Callable[[int], str]
    partial: Callable[[str, str], str]
    times: str
    elided: str
    any_layer: tuple[str, str]
    next_layer: str
    delta: str
    brackets: tuple[str, str] = ("(", ")")
    spelled: Callable[[str], str] = str

    def filled(self, text: str, layer: int) -> str:
        """Return a text with its indices."""
        if layer == ANY:
            k, j = self.any_layer
        else:
            k, j = (self.indexed(each) if each else "" for each in (layer, max(layer - 1, 0)))
            # What has no index is not spelled as if it had one.
            text = text if k else text.replace("{k}", "")
        return self.spelled(text).format(k=k, j=j)

    def symbol(self, factor: Factor | Sum | Part) -> str:
        """Return a factor's symbol."""
        if isinstance(factor, Part):
            return self.product(factor.product.factors())
        if isinstance(factor, Sum):
            return self.bracketed([self.product(term) or "1" for term in factor.terms])
        upper = self.filled(factor.symbol, factor.layer)
        return self.partial(upper, self.filled(factor.by, factor.layer)) if factor.by else upper

    def bracketed(self, terms: Sequence[str]) -> str:
        """Return a sum in brackets."""
        return self.summed(terms).join(self.brackets)

    def summed(self, terms: Sequence[str]) -> str:
        """Return a sum."""
        first, *others = terms
        signed = (f" - {each[1:]}" if each.startswith("-") else f" + {each}" for each in others)
        return first + "".join(signed)

    def product(self, factors: Factors, *more: str) -> str:
        """Return a product; a -1 in front of other factors is their sign."""
        symbols = [self.symbol(each) for each in factors]
        symbols += more
        # Within a product a sign needs brackets.
        symbols[1:] = [f"({each})" if each.startswith("-") else each for each in symbols[1:]]
        if len(symbols) > 1 and symbols[0] == "-1":
            return f"-{self.joined(symbols[1:])}"
        return self.joined(symbols)

    def named(self, variable: Variable) -> str:
        """Return a variable's symbol."""
        return self.filled(variable.letter + "{k}", variable.layer)

    def joined(self, factors: Sequence[str]) -> str:
        """Return a product."""
        return self.times.join(factors)

    def value(self, written: Written) -> str:
        """Return a value as text. Within brackets a sum is set without blanks."""
        texts = [
            self.filled(each, written.layer) if isinstance(each, str) else self.value(each)
            for each in written.parts
        ]
        if len(written.parts) == 3 and isinstance(written.parts[0], str):
            texts[1] = texts[1].replace(" + ", "+").replace(" - ", "-")
        return "".join(texts)

    def differentiated(self, written: Written) -> str:
        """Return a value as it stands behind a ∂."""
        text = self.value(written)
        return f"({text})" if written.binds else text


def _subscript(k: int) -> str:
    return str(k).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))


TEXT = Notation(
    indexed=_subscript,
    partial=lambda upper, lower: f"∂{upper}/∂{lower}",
    times=" · ",
    elided="…",
    any_layer=("ₖ", "ₖ₋₁"),
    next_layer="ₖ₊₁",
    delta="δ",
)


def _spelled_in_latex(text: str) -> str:
    """Return names of functions upright, and a block's constants as mathematics."""
    text = re.sub(r"(?<=\d)e([+-]?\d+)", lambda power: rf" \cdot 10^{{{{{int(power[1])}}}}}", text)
    text = re.sub(r"\b(LN|RMS|BN)(?=\(|$)", r"\\mathrm{{\1}}", text)
    text = re.sub(r"sqrt\(([^()]*)\)", r"\\sqrt{{\1}}", text).replace("*", r" \cdot ")
    return re.sub(r"(?<=[0-9N}]) (?=$|\()", r"\\,", text.replace("layers", "N"))


LATEX = Notation(
    indexed=lambda k: f"_{{{k}}}",
    partial=lambda upper, lower: rf"\frac{{\partial {upper}}}{{\partial {lower}}}",
    times=r" \cdot ",
    elided=r"\cdots ",
    any_layer=("_{k}", "_{k-1}"),
    next_layer="_{k+1}",
    delta=r"\delta",
    brackets=(r"\left(", r"\right)"),
    spelled=_spelled_in_latex,
)


def _spelled_in_mathml(text: str) -> str:
    """Return letters that have an index with it; all else stays for `mathematics`."""
    text = text.replace("layers", "N")
    text = re.sub(r"sqrt\(([^()]*)\)", r"<msqrt>\1</msqrt>", text)
    return re.sub(r"([A-Za-z])\{([kj])\}", r"<msub><mi>\1</mi>{\2}</msub>", text)


MATHML = Notation(
    indexed=lambda k: f"<mn>{k}</mn>",
    partial=lambda upper, lower: f"<mfrac><mrow>∂{upper}</mrow><mrow>∂{lower}</mrow></mfrac>",
    times=" · ",
    elided="…",
    any_layer=("<mi>k</mi>", "<mrow><mi>k</mi><mo>-</mo><mn>1</mn></mrow>"),
    next_layer="<mrow><mi>k</mi><mo>+</mo><mn>1</mn></mrow>",
    delta="δ",
    spelled=_spelled_in_mathml,
)

# A finished element or the tag of one; a name of several letters; a number; a letter; a sign.
_TOKEN = re.compile(
    r"(?P<tag><m[ino]>[^<]*</m[ino]>|<[^>]*>)|(?P<mi>LN|RMS|BN|[^\W\d_]'?)"
    r"|(?P<mn>\d+(?:\.\d+)?(?:e[-+]?\d+)?)|(?P<mo>\S)"
)


def mathematics(text: str) -> str:
    """Return what `MATHML` wrote as elements of MathML Core alone, of one row.

    Until then operators stand between the elements as they are, since the notation looks for
    signs and brackets.
    """
    pieces = []
    for found in _TOKEN.finditer(text):
        kind, token = found.lastgroup, found[0]
        pieces.append(token if kind == "tag" else f"<{kind}>{token}</{kind}>")
    return "".join(pieces)


def walk(graph: Graph) -> Iterator[tuple[Variable, Product | Parts]]:
    """Yield every gradient as a product, from layer N down to the input."""
    loss = Product().times("LossGradient", graph.depth, "L", "f{k}")
    return back(graph, NOTATION, None, lambda k: called(graph.block(k), first=k == 1), loss)


def product(graph: Graph, by: Variable) -> Product:
    """Return ∂L/∂θ for one variable, as the chain rule finds it.

    Raises
    ------
    UsageError
        If the network has no such variable.
    """
    found = until(walk(graph), by)
    if found is None:
        raise unknown(by)
    assert isinstance(found, Product | Parts)
    return found.formed() if isinstance(found, Parts) else found


def unknown(by: Variable) -> UsageError:
    """Return the error for a variable that is not there."""
    return UsageError(
        f"the chain has no {by} to differentiate by: give x, or W or b and a layer's number"
    )


def reached(graph: Graph, by: Variable) -> list[Variable]:
    """Return the variables that the product of ∂L/∂θ reaches with each of its factors.

    Parameters
    ----------
    graph
        The network; all its values have names.
    by
        θ.

    Raises
    ------
    UsageError
        If the network has no such variable.
    """
    passed: list[tuple[Variable, Product]] = []
    for variable, found in walk(graph):
        formed = found.formed() if isinstance(found, Parts) and variable == by else found
        if isinstance(formed, Product):
            passed.append((variable, formed))
        if variable == by:
            break
    else:
        raise unknown(by)
    # Values that are only added up are reached with the factors of their sum: the last one is θ.
    variables = {id(each): variable for variable, each in passed}
    beginnings = passed[-1][1].beginnings(1)
    return [variables[id(each)] for each in beginnings]
