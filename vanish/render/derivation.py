"""A derivation as text, LaTeX, Markdown and JSON rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.lessons.nested import LONGEST, elide, lines, nested_loss
from vanish.numbers.words import short
from vanish.readings.notation import LATEX, TEXT, product
from vanish.render.columns import DERIVE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vanish.columns import Cell
    from vanish.lessons.derivation import Derivation, MeasuredFactor
    from vanish.readings.notation import Notation

# Numbers under symbols are set in lines of at most so many columns.
_WIDTH = 80

# An expression's nodes, its factors and its nested text, in bytes a layer.
BYTES_A_LAYER = 3000

_LABELS = ("measured", "at most", "product", "its bound")


def text(shown: Derivation) -> Iterator[str]:
    """Yield the derivation as text, line by line."""
    yield f"L = {nested_loss(shown.graph, TEXT, shown.full)}\n"
    if shown.activation and shown.activation.formula:
        yield f"S(x) = {shown.activation.formula}\n"
    yield "\n"
    name = TEXT.partial("L", TEXT.named(shown.by))
    for number, line in enumerate(_right_sides(shown, TEXT)):
        yield f"{'' if number else name:<{len(name)}} = {line}\n"
    if shown.factors is not None:
        yield from _under_symbols(_columns(shown, TEXT))


def latex(shown: Derivation) -> Iterator[str]:
    """Yield the derivation as a LaTeX document."""
    yield "\\documentclass{article}\n\\usepackage{amsmath}\n\\begin{document}\n"
    yield "\\allowdisplaybreaks\n"
    yield f"\\[ L = {nested_loss(shown.graph, LATEX, shown.full)} \\]\n"
    if shown.activation and shown.activation.latex[0]:
        yield f"\\[ S(x) = {shown.activation.latex[0]} \\]\n"
    yield "\\begin{align*}\n"
    yield f"  {LATEX.partial('L', LATEX.named(shown.by))}"
    yield from (f"\n  &= {line} \\\\" for line in _right_sides(shown, LATEX))
    yield "\n\\end{align*}\n"
    if shown.factors is not None:
        yield "\\begin{tabular}{lrrrr}\n  factor & " + " & ".join(_LABELS) + " \\\\\n  \\hline\n"
        for symbol, *numbers in _columns(shown, LATEX):
            yield f"  ${symbol}$ & " + " & ".join(map(_math, numbers))
            yield " \\\\\n"
        yield "\\end{tabular}\n"
    yield "\\end{document}\n"


def markdown(shown: Derivation) -> Iterator[str]:
    """Yield the derivation as Markdown with its formulas in LaTeX."""
    yield f"$$L = {nested_loss(shown.graph, LATEX, shown.full)}$$\n\n"
    if shown.activation and shown.activation.latex[0]:
        yield f"$$S(x) = {shown.activation.latex[0]}$$\n\n"
    yield "$$\n\\begin{aligned}\n"
    yield LATEX.partial("L", LATEX.named(shown.by))
    yield from (f"\n&= {line} \\\\" for line in _right_sides(shown, LATEX))
    yield "\n\\end{aligned}\n$$\n"
    if shown.factors is not None:
        yield f"\n| factor | {' | '.join(_LABELS)} |\n| :--- |{' ---: |' * len(_LABELS)}\n"
        for symbol, *numbers in _columns(shown, LATEX):
            yield f"| ${symbol}$ | {' | '.join(numbers)} |\n"


def rows(shown: Derivation) -> list[dict[str, Cell]]:
    """Return one mapping a factor, from the loss inwards; numbers None without values."""
    factors = product(shown.graph, shown.by).factors()
    numbers: Sequence[MeasuredFactor | None] = shown.factors or [None] * len(factors)
    return [DERIVE.row(*each) for each in zip(factors, numbers, strict=True)]


def _right_sides(shown: Derivation, notation: Notation) -> Iterator[str]:
    return lines(shown.graph, shown.by, notation, shown.full)


def _columns(shown: Derivation, notation: Notation) -> list[tuple[str, ...]]:
    """Return symbol, measured, at most, product and bound of the factors to show."""
    columns = [_column(record, notation) for record in shown.factors or ()]
    if shown.full or len(columns) <= LONGEST:
        return columns
    return elide(columns, (notation.elided,) + ("",) * len(_LABELS))


def _column(record: MeasuredFactor, notation: Notation) -> tuple[str, ...]:
    return (
        notation.symbol(record.factor),
        short(record.measured) if record.measured is not None else "",
        short(record.largest),
        short(record.product),
        short(record.bound),
    )


def _under_symbols(columns: list[tuple[str, ...]]) -> Iterator[str]:
    """Yield the numbers under their symbols, in as many blocks as the width asks for."""
    label = max(map(len, _LABELS))
    blocks: list[list[tuple[str, ...]]] = []
    room = 0
    for column in columns:
        width = max(map(len, column)) + len(TEXT.times)
        if width > room:
            blocks.append([])
            room = _WIDTH - label
        blocks[-1].append(column)
        room -= width
    for block in blocks:
        yield "\n"
        widths = [max(map(len, column)) for column in block]
        for number, name in enumerate(("", *_LABELS)):
            between = "   " if number else TEXT.times
            cells = (
                f"{column[number]:>{width}}" for column, width in zip(block, widths, strict=True)
            )
            yield f"{name:<{label}}   {between.join(cells)}".rstrip() + "\n"


def _math(number: str) -> str:
    return f"${_power(number)}$" if number else ""


def _power(number: str) -> str:
    """Return a number such as 9.09e-13 as LaTeX writes it."""
    mantissa, e, exponent = number.partition("e")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if e else number
