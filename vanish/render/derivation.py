"""A derivation as text, LaTeX, Markdown, MathML and JSON rows."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING

from vanish.lessons.derivation import is_shared
from vanish.lessons.matrixform import (
    LATEX_MARKS,
    TEXT_MARKS,
    definitions,
    matrix_form,
    shapes,
)
from vanish.lessons.named import PLUS
from vanish.lessons.nested import LONGEST, elide, nested_loss
from vanish.numbers.words import short
from vanish.readings.notation import LATEX, MATHML, TEXT, mathematics
from vanish.readings.products import Part
from vanish.render.columns import DERIVE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from vanish.columns import Cell
    from vanish.lessons.derivation import Derivation, MeasuredFactor
    from vanish.readings.notation import Notation

# Numbers under symbols are set in lines of at most so many columns, but for a terminal's own.
_WIDTH = 80

# An expression's nodes, its factors and its nested text, in bytes a layer.
BYTES_A_LAYER = 3000

# In place of a number that |S'| without a supremum leaves without a bound.
_NO_BOUND = "none"

_LABELS = ("measured", "at most", "product", "its bound")
# The same of a sum over the layers.
_PART_LABELS = ("part", "at most", "sum", "its bound")

_LAYOUT = (
    "{partial} has a row for each entry of u and a column for each of v. By a parameter it takes",
    "that use of it alone. In matrix form a gradient has the shape of its parameter.",
)


def text(
    shown: Derivation, width: int | None = None, say: Callable[[str], str] = str
) -> Iterator[str]:
    """Yield the derivation as text, line by line.

    Parameters
    ----------
    shown
        The derivation.
    width
        The columns to break its lines for; None for unbroken ones.
    say
        Returns a formula as it is shown.
    """
    yield f"L = {say(_loss(shown, TEXT))}\n"
    for left, right in _definitions(shown, TEXT):
        yield from wrapped(f"{say(left)} = ", say(right), width)
    if shown.activation and shown.activation.formula:
        yield f"S(x) = {say(shown.activation.formula)}\n"
    if shown.has_matrix_form:
        if shown.activation and shown.activation.derivative:
            yield f"S'(x) = {say(shown.activation.derivative)}\n"
        yield "\n"
        sizes = ", ".join(f"{name}: {size}" for name, size in shapes(shown.graph, TEXT, TEXT_MARKS))
        yield from wrapped("", say(sizes), width)
        yield from _prose([say(line) for line in _layout(TEXT)], width)
    yield "\n"
    name = say(TEXT.partial("L", TEXT.named(shown.by)))
    for number, line in enumerate(shown.lines(TEXT)):
        left = "" if number else name
        if line.startswith(PLUS):
            yield from wrapped(" " * (len(name) + 3), say(line), width)
        else:
            yield from wrapped(f"{left:<{len(name)}} = ", say(line), width)
    if shown.factors is not None:
        columns = [
            # Within a product a sign needs brackets.
            (f"({symbol})" if number and symbol.startswith("-") else symbol, *numbers)
            for number, (symbol, *numbers) in enumerate(_columns(shown, TEXT))
        ]
        columns = [tuple(map(say, column)) for column in columns]
        yield from _under_symbols(columns, _labels(shown), say(TEXT.times), width or _WIDTH)
    if shown.has_matrix_form:
        yield "\n"
        for left, right in matrix_form(shown.graph, TEXT, TEXT_MARKS):
            yield from wrapped(f"{say(left)} = " if left else "", say(right), width)


def _prose(lines: Sequence[str], width: int | None) -> Iterator[str]:
    """Yield a text as it is broken already, or anew for so many columns."""
    if width is not None:
        lines = textwrap.wrap(" ".join(lines), width, break_on_hyphens=False)
    yield from (f"{line}\n" for line in lines)


def wrapped(before: str, line: str, width: int | None) -> Iterator[str]:
    """Yield a line behind what stands before it, in as many as the width asks for.

    It is broken in front of ``·``, which is ``*`` in words, ``+`` and ``-`` and behind a comma,
    never within a symbol such as ∂(f₁ + S(W₂f₁+b₂))/∂W₁; one that is wider is left so.
    """
    if width is None or len(before) + len(line) <= width:
        yield f"{before}{line}\n"
        return
    pieces = _pieces(line)
    indent = " " * len(before)
    row = before + pieces[0]
    for piece in pieces[1:]:
        if len(row) + len(piece.rstrip()) <= width:
            row += piece
            continue
        yield row.rstrip() + "\n"
        row = indent + piece.lstrip()
    yield row + "\n"


def _pieces(line: str, seen: str | None = None) -> list[str]:
    """Return a line in pieces that are not to be broken.

    Parameters
    ----------
    line
        The line.
    seen
        The same with others in place of the letters that are not to be looked at.
    """
    signs = seen or line
    cuts, brackets = [0], []
    for at, sign in enumerate(signs):
        if sign == "(":
            # Of a function, or what a ∂ differentiates: part of a symbol.
            brackets.append(at > 0 and signs[at - 1] not in " (")
        elif sign == ")":
            brackets.pop()
        elif sign == " " and not any(brackets):
            if signs[at : at + 3] in {" · ", " * ", " + ", " - "}:
                cuts.append(at)
            elif signs[at - 1] == ",":
                cuts.append(at + 1)
    return [line[start:end] for start, end in zip(cuts, [*cuts[1:], len(line)], strict=True)]


def latex(shown: Derivation, *, fragment: bool = False) -> Iterator[str]:
    """Yield the derivation as a LaTeX document, or as a fragment to paste into one.

    A fragment needs the package amsmath.
    """
    if not fragment:
        yield "\\documentclass{article}\n\\usepackage{amsmath}\n\\begin{document}\n"
        yield "\\allowdisplaybreaks\n"
    for formula in _head(shown):
        yield f"\\[ {formula} \\]\n"
    if shown.has_matrix_form:
        yield "\n".join(_layout(LATEX)) + "\n"
    yield "\\begin{align*}\n"
    yield f"  {LATEX.partial('L', LATEX.named(shown.by))}"
    yield from (f"\n  &{line} \\\\" for line in _aligned(shown))
    yield "\n\\end{align*}\n"
    if shown.factors is not None:
        labels = _labels(shown)
        yield "\\begin{tabular}{lrrrr}\n  factor & " + " & ".join(labels) + " \\\\\n  \\hline\n"
        for symbol, *numbers in _columns(shown, LATEX):
            yield f"  ${symbol}$ & " + " & ".join(map(_math, numbers))
            yield " \\\\\n"
        yield "\\end{tabular}\n"
    if shown.has_matrix_form:
        yield "\\begin{align*}"
        yield from (f"\n  {line} \\\\" for line in _matrix_lines(shown))
        yield "\n\\end{align*}\n"
    if not fragment:
        yield "\\end{document}\n"


def markdown(shown: Derivation) -> Iterator[str]:
    """Yield the derivation as Markdown with its formulas in LaTeX."""
    for formula in _head(shown):
        yield f"$${formula}$$\n\n"
    if shown.has_matrix_form:
        yield "\n".join(_layout(LATEX)) + "\n\n"
    yield "$$\n\\begin{aligned}\n"
    yield LATEX.partial("L", LATEX.named(shown.by))
    yield from (f"\n&{line} \\\\" for line in _aligned(shown))
    yield "\n\\end{aligned}\n$$\n"
    if shown.factors is not None:
        labels = _labels(shown)
        yield f"\n| factor | {' | '.join(labels)} |\n| :--- |{' ---: |' * len(labels)}\n"
        for symbol, *numbers in _columns(shown, LATEX):
            yield f"| ${symbol}$ | {' | '.join(numbers)} |\n"
    if shown.has_matrix_form:
        yield "\n$$\n\\begin{aligned}"
        yield from (f"\n{line} \\\\" for line in _matrix_lines(shown))
        yield "\n\\end{aligned}\n$$\n"


def mathml(shown: Derivation) -> Iterator[str]:
    """Yield the derivation for a page: what L and f_k are, then its lines, in MathML Core.

    It is a table, whose rows a printer can part, and in which long lines are broken where
    `wrapped` would: each piece is a formula. Numbers and matrix form are left out.
    """
    yield '<table class="derivation" role="presentation"><tbody>\n'
    for left, right in (("L", _loss(shown, MATHML)), *_definitions(shown, MATHML)):
        yield _equation(left, f"= {right}")
    left = MATHML.partial("L", MATHML.named(shown.by))
    for line in shown.lines(MATHML):
        yield _equation(left, line if line.startswith(PLUS) else f"= {line}")
        left = ""
    yield "</tbody></table>\n"


def _equation(*sides: str) -> str:
    """Return a row whose sides stand under those of the others."""
    cells = "".join(f"<td>{_formulas(side)}</td>" for side in sides)
    return f"<tr>{cells}</tr>\n"


def _formulas(side: str) -> str:
    """Return what `MATHML` wrote as one formula for each piece that is not to be broken."""
    pieces = []
    for number, piece in enumerate(_pieces(side, _without_elements(side)) if side else []):
        text = mathematics(piece).replace("<mo>-</mo>", "<mo>−</mo>")
        # MathML takes what stands first for a sign, and what does not for an operator.
        text = re.sub(r"(<mo>[(·]</mo>)<mo>−", r'\1<mo form="prefix">−', text)
        if number or piece.startswith(PLUS):
            text = re.sub(r"^<mo>(?=[+·−])", _FIRST, text)
        pieces.append(f'<math displaystyle="true">{text}</math>')
    return " ".join(pieces)


# An operator at the start of a formula, a blank in front of which the last one ended.
_FIRST = '<mo form="infix" lspace="0" rspace="0.25em">'


def _without_elements(text: str) -> str:
    """Return text of the same length in which elements are letters: no place to break at."""
    depth, start, kept = 0, 0, list(text)
    for tag in re.finditer(r"<(/?)\w+>", text):
        start = tag.start() if not depth else start
        depth += -1 if tag[1] else 1
        if not depth:
            kept[start : tag.end()] = "x" * (tag.end() - start)
    return "".join(kept)


def _loss(shown: Derivation, notation: Notation) -> str:
    if shown.is_plain:
        return nested_loss(shown.graph, notation, shown.full)
    return f"L({notation.filled('f{k}', shown.graph.depth)})"


def _definitions(shown: Derivation, notation: Notation) -> Iterator[tuple[str, str]]:
    return iter(()) if shown.is_plain else definitions(shown.graph, notation)


def _layout(notation: Notation) -> Iterator[str]:
    partial = notation.partial("u", "v")
    if notation is LATEX:
        partial = f"${partial}$"
    return (line.format(partial=partial) for line in _LAYOUT)


def _head(shown: Derivation) -> Iterator[str]:
    """Yield the formulas above a derivation, in LaTeX."""
    yield f"L = {_loss(shown, LATEX)}"
    for left, right in _definitions(shown, LATEX):
        yield f"{left} = {right}"
    if shown.activation and shown.activation.latex[0]:
        yield f"S(x) = {shown.activation.latex[0]}"
    if shown.has_matrix_form:
        if shown.activation and shown.activation.latex[1]:
            yield f"S'(x) = {shown.activation.latex[1]}"
        sizes = shapes(shown.graph, LATEX, LATEX_MARKS)
        yield r",\ ".join(rf"{name}\colon {size}" for name, size in sizes)


def _aligned(shown: Derivation) -> Iterator[str]:
    """Yield the right-hand sides behind what aligns them, in LaTeX."""
    for line in shown.lines(LATEX):
        yield rf"\quad {{}}{line}" if line.startswith(PLUS) else f"= {line}"


def _matrix_lines(shown: Derivation) -> Iterator[str]:
    for left, right in matrix_form(shown.graph, LATEX, LATEX_MARKS):
        yield f"{left} &= {right}" if left else f"& {right}"


def rows(shown: Derivation) -> list[dict[str, Cell]]:
    """Return one mapping a factor, from the loss inwards; numbers None without values."""
    factors = shown.products()
    numbers: Sequence[MeasuredFactor | None] = shown.factors or [None] * len(factors)
    return [DERIVE.row(*each) for each in zip(factors, numbers, strict=True)]


def _labels(shown: Derivation) -> tuple[str, ...]:
    return _PART_LABELS if is_shared(shown.graph, shown.by) else _LABELS


def _columns(shown: Derivation, notation: Notation) -> list[tuple[str, ...]]:
    """Return symbol, measured, at most, product and bound of the factors to show."""
    columns = [_column(record, notation) for record in shown.factors or ()]
    if shown.full or len(columns) <= LONGEST:
        return columns
    return elide(columns, (notation.elided,) + ("",) * len(_LABELS))


def _column(record: MeasuredFactor, notation: Notation) -> tuple[str, ...]:
    factor = record.factor
    return (
        f"k = {factor.layer}" if isinstance(factor, Part) else notation.symbol(factor),
        short(record.measured) if record.measured is not None else "",
        _NO_BOUND if record.largest is None else short(record.largest),
        short(record.product),
        _NO_BOUND if record.bound is None else short(record.bound),
    )


def _under_symbols(
    columns: list[tuple[str, ...]], labels: tuple[str, ...], times: str, whole_width: int
) -> Iterator[str]:
    """Yield the numbers under their symbols, in as many blocks as the width asks for."""
    label = max(map(len, labels))
    blocks: list[list[tuple[str, ...]]] = []
    room = 0
    for column in columns:
        width = max(map(len, column)) + len(times)
        if width > room:
            blocks.append([])
            room = whole_width - label
        blocks[-1].append(column)
        room -= width
    for block in blocks:
        yield "\n"
        widths = [max(map(len, column)) for column in block]
        for number, name in enumerate(("", *labels)):
            between = " " * len(times) if number else times
            cells = (
                f"{column[number]:>{width}}" for column, width in zip(block, widths, strict=True)
            )
            yield f"{name:<{label}}   {between.join(cells)}".rstrip() + "\n"


def _math(number: str) -> str:
    """Return a cell as LaTeX; the words of one that has no number stay."""
    return number if number in ("", _NO_BOUND) else f"${_power(number)}$"


def _power(number: str) -> str:
    """Return a number such as 9.09e-13 as LaTeX writes it."""
    mantissa, e, exponent = number.partition("e")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if e else number
