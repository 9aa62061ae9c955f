"""Formulas of blocks: their one form, and errors that point at the character."""

from __future__ import annotations

import math
import string
from typing import TYPE_CHECKING

import pytest
from formulas import coefficients, trees
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vanish.errors import UsageError
from vanish.network.blocks import Formula, formula
from vanish.network.formulas.parser import parse
from vanish.network.formulas.tree import number, written

if TYPE_CHECKING:
    from random import Random

    from vanish.network.formulas.tree import Coefficient, Sum


@pytest.mark.slow
@given(trees())
def test_what_is_written_reads_as_the_same_tree(tree: Sum) -> None:
    text = written(tree)
    assert parse(text) == tree
    assert written(parse(text)) == text
    assert Formula(text).block(7) == Formula(Formula(text).text).block(7)


@pytest.mark.slow
@given(trees(), st.randoms())
def test_blanks_and_signs_of_products_make_no_difference(tree: Sum, random: Random) -> None:
    text = written(tree)
    for old, new in (("(", "( "), (")", " )"), (" + ", "+"), (" - ", "  -\t"), ("~", " ~ ")):
        text = text.replace(old, new) if random.random() < 0.5 else text
    assert parse(f"  {text}\n") == tree


@pytest.mark.parametrize(
    ("given_text", "right"),
    [
        ("S(Wx+b)", "S(Wx+b)"),
        (" S ( W x + b ) ", "S(Wx+b)"),
        ("S(W*x+b)", "S(Wx+b)"),
        ("x+S(Wx+b)", "x + S(Wx+b)"),
        ("x + 0.5*S(Wx+b)", "x + 0.5 S(Wx+b)"),
        ("x+1/sqrt(layers)*V*S(W LN(x)+b)", "x + 1/sqrt(layers) V S(W LN(x)+b)"),
        ("S(LN(Wx+b))", "S(LN(Wx+b))"),
        ("LN(x + V S(Wx+b)+c)", "LN(x + V S(Wx+b) + c)"),
        ("S(W~x + U~u + b~)", "S(W~x + U~u + b~)"),
        ("S(W~x+b~)", "S(W~x+b~)"),
        ("S(b+Wx)", "S(b + Wx)"),
        ("S(Wx-b)", "S(Wx - b)"),
        ("S(.5Wx+b)", "S(.5 Wx + b)"),
        ("2 3x", "2 3 x"),
        ("x + -0.5 Wx", "x - 0.5 Wx"),
        ("x - -Wx", "x + Wx"),
        ("+x-x-x", "x - x - x"),
        ("-x", "-x"),
        ("((x)) + (W(x))", "x + Wx"),
        ("S((x+Wx))", "S(x + Wx)"),
        ("(x+Wx)+x", "(x + Wx) + x"),
        ("R M S(x)", "R M S(x)"),
        ("RMS(x)", "RMS(x)"),
        ("RM(x+u)", "R M(x + u)"),
        ("(1/2)x", "(1/2) x"),
        ("1/2(x+u)", "1/2 (x + u)"),
        ("1/layers/2 2layers x", "1/layers/2 2 layers x"),
    ],
)
def test_one_form_of_all_spellings(given_text: str, right: str) -> None:
    assert Formula(given_text).text == right
    assert Formula(right).text == right


@pytest.mark.parametrize(
    ("text", "layers", "right"),
    [
        ("1/2 x", 1, 0.5),
        ("1/2 layers x", 8, 4.0),
        ("1/(2 layers) x", 8, 1 / 16),
        ("1/sqrt(layers) x", 25, 0.2),
        ("1/sqrt layers x".replace(" layers", "(layers)"), 4, 0.5),
        ("sqrt(2/layers) x", 8, 0.5),
        ("2 3/4*5 x", 1, 7.5),
        ("8/2/2 x", 1, 2.0),
        ("sqrt(sqrt(16)) x", 1, 2.0),
    ],
)
def test_coefficients_bind_left_to_right(text: str, layers: int, right: float) -> None:
    coefficient = parse(text).terms[0].coefficient
    assert coefficient is not None
    assert number(coefficient, layers) == right


@given(coefficients(), st.integers(1, 10**6))
def test_a_coefficients_value_is_what_python_makes_of_it(
    coefficient: Coefficient, layers: int
) -> None:
    def python(factors: Coefficient) -> str:
        signs = {"": "", " ": "*", "*": "*", "/": "/"}
        return "".join(
            signs[joint] + (word or "") + (f"({python(inside)})" if inside else "")
            for joint, word, inside in factors
        )

    right = eval(python(coefficient), {"layers": layers, "sqrt": math.sqrt})  # noqa: S307 - drawn above
    assert number(coefficient, layers) == pytest.approx(right, rel=1e-12)


LETTERS = (
    "x is the input, u a fresh input of the layer, S the activation, upper-case letters are"
    " matrices, b, c and d biases"
)
PRIME = (
    "a prime is lost in a shell's quotes, and S' is the slope: write W~ for a parameter that all"
    " layers share"
)
ERRORS = {
    "": "block '^', character 1: there is nothing: give a block such as S(Wx+b)",
    "  ": "block '^', character 1: there is nothing: give a block such as S(Wx+b)",
    "x": ("block '^x', character 1: x alone is what is given: give a block such as x + S(Wx+b)"),
    "x + L(Wx)": (
        "block 'x + ^L(Wx)', character 5: L is kept for norms, LN(x): call a matrix by another"
        " letter"
    ),
    "S(Wx+q)": f"block 'S(Wx+^q)', character 6: q means nothing here: {LETTERS}",
    "x + relu(Wx)": (
        "block 'x + ^relu(Wx)', character 5: relu means nothing here: S is the activation, which"
        " --act names; LN, RMS and BN are norms"
    ),
    "S(W'x)": f'block "S(W^\'x)", character 4: {PRIME}',
    "S(W’x)": f"block 'S(W^’x)', character 4: {PRIME}",
    "S(W′x)": f"block 'S(W^′x)', character 4: {PRIME}",
    "S(Wx+b": "block 'S^(Wx+b', character 2: this bracket is never closed: add )",
    "S(Wx+b))": (
        "block 'S(Wx+b)^)', character 8: this bracket closes none: leave it out, or open one"
    ),
    "x/2": (
        "block 'x^/2', character 2: numbers, * and / stand before the first letter of a term:"
        " write 1/2 x"
    ),
    "x + Wx 2": (
        "block 'x + Wx ^2', character 8: numbers, * and / stand before the first letter of a term:"
        " write 1/2 x"
    ),
    "W 2 x": (
        "block 'W ^2 x', character 3: numbers, * and / stand before the first letter of a term:"
        " write 0.5 Wx"
    ),
    "1/x": (
        "block '1/^x', character 3: a term is divided by numbers, layers and sqrt(...) only,"
        " before its first letter: write 1/2 x"
    ),
    "1/(Wx) x": (
        "block '1/^(Wx) x', character 3: a term is divided by numbers, layers and sqrt(...) only,"
        " before its first letter: write 1/2 x"
    ),
    "x^2": (
        "block 'x^^2', character 2: there are no powers in a block: write sqrt(...) or the number"
        " itself"
    ),
    "x**2": (
        "block 'x^**2', character 2: there are no powers in a block: write sqrt(...) or the number"
        " itself"
    ),
    "x +": f"block 'x +^', character 4: something is missing here: {LETTERS}",
    "S()": f"block 'S(^)', character 3: something is missing before ): {LETTERS}",
    "x + * Wx": f"block 'x + ^* Wx', character 5: something is missing before *: {LETTERS}",
    "--x": f"block '-^-x', character 2: something is missing here: {LETTERS}",
    "x + Sx": "block 'x + ^Sx', character 5: S takes brackets: write S(Wx)",
    "LN": "block '^LN', character 1: LN takes brackets: write LN(Wx)",
    "x + RMS + b": "block 'x + ^RMS + b', character 5: RMS takes brackets: write RMS(Wx)",
    "BN x": "block '^BN x', character 1: BN takes brackets: write BN(Wx)",
    "bx": (
        "block 'b^x', character 2: b is a bias, which multiplies nothing: write + b, or a matrix"
    ),
    "Wb": "block 'W^b', character 2: b is a bias, which is added: write Wx+b",
    "S(Wx b)": "block 'S(Wx ^b)', character 6: b is a bias, which is added: write + b",
    "S(W+b)": (
        "block 'S(^W+b)', character 3: W is a matrix with nothing behind it: write Wx, or x for"
        " the input, b for a bias"
    ),
    "S(WX+b)": (
        "block 'S(W^X+b)', character 4: X is a matrix with nothing behind it: write Xx, or x for"
        " the input, b for a bias"
    ),
    "x~": (
        "block 'x^~', character 2: what stands before it is no parameter that layers could share:"
        " put ~ behind a matrix or a bias, as W~"
    ),
    "S~(x)": (
        "block 'S^~(x)', character 2: S is no parameter that layers could share: put ~ behind a"
        " matrix or a bias, as W~"
    ),
    "W~x + Wx": (
        "block 'W~x + ^Wx', character 7: W is shared by all layers in one place and not in"
        " another: write W~ everywhere, or nowhere"
    ),
    "S(Uu+b)": ("block '^S(Uu+b)', character 1: x, the block's input, is nowhere: make use of it"),
    "x + S(b)": (
        "block 'x + S(^b)', character 7: a bias has nothing here that it is added to: write Wx+b"
    ),
    "x + 0 Wx": ("block 'x + ^0 Wx', character 5: 0 leaves nothing of a term: leave it out"),
    "1e999 x": (
        "block '^1e999 x', character 1: this number leaves float64: give one between 1e-300 and"
        " 1e300"
    ),
    "1/(1e-200*1e-200) x": (
        "block '1/(^1e-200*1e-200) x', character 4: this number leaves float64: give one between"
        " 1e-300 and 1e300"
    ),
    "(2+3) x": (
        "block '(2^+3) x', character 3: no + stands in a number's brackets: work it out, as 0.5"
        " for (1-.5)"
    ),
    "sqrt(x) x": (
        "block 'sqrt(^x) x', character 6: a number is missing here: coefficients are of numbers,"
        " layers, sqrt(...), * and /"
    ),
    "sqrt 2 x": "block '^sqrt 2 x', character 1: sqrt takes brackets: write sqrt(layers)",
    "x + 2": (
        "block 'x + ^2', character 5: a number alone is no term: give what it multiplies, as in"
        " 0.5 x"
    ),
    "1.2.3 x": ("block '^1.2.3 x', character 1: this is no number: give one like 0.5 or 1e-3"),
    "0,5 x": "block '0^,5 x', character 2: no comma stands in a block: write 0.5 with a point",
    "x*x": (
        "block 'x^*x', character 2: two values are not multiplied with each other: add them, or"
        " put a matrix between"
    ),
    "x S(x)": (
        "block 'x ^S(x)', character 3: two values are not multiplied with each other: add them, or"
        " put a matrix between"
    ),
    "x W": (
        "block 'x ^W', character 3: W stands behind a value: put a matrix before what it"
        " multiplies, as Wx"
    ),
    "é + x": (
        "block '^é + x', character 1: é means nothing here: write letters, numbers and"
        " + - * / ( ) ~"
    ),
    "2×x": "block '2^×x', character 2: × is no sign that keyboards have: write *",
    "[x]": "block '^[x]', character 1: [ is no bracket of blocks: write ( and )",
    "x\n + \t\x1b[0m": (
        "block 'x + ^\\x1b[0m', character 7: \\x1b means nothing here: write letters, numbers and"
        " + - * / ( ) ~"
    ),
    "(" * 60 + "x": (
        f"block '{'(' * 50}^{'(' * 10}x', character 51: brackets are more than 50"
        " deep in each other: give fewer"
    ),
    "A" * 60 + "x": (
        f"block '{'A' * 50}^{'A' * 10}x', character 51: matrices are more than 50"
        " deep in each other: give fewer"
    ),
    "x + " + "x" * 2000: (
        f"block '…{'x' * 60}^{'x' * 60}…', character 1001: 2,004 characters: give at most 1,000"
    ),
    "residul": "unknown block 'residul': did you mean residual or residual_scaled?",
    "post nrm": "unknown block 'post nrm': did you mean postnorm?",
    "Wx b": "block 'Wx ^b', character 4: b is a bias, which is added: write + b",
}


@pytest.mark.parametrize("text", ERRORS)
def test_an_error_points_at_the_character(text: str) -> None:
    with pytest.raises(UsageError) as error:
        formula(text)
    assert error.value.on_command_line == ERRORS[text]


def test_an_unknown_name_is_answered_with_all_names() -> None:
    with pytest.raises(UsageError, match="unknown block 'transformer': choose from batchnorm, "):
        formula("transformer")


def test_a_coefficient_that_leaves_float64_with_many_layers() -> None:
    found = formula("x + 1e300*layers S(Wx+b)")
    assert found.block(1).places("scale")
    with pytest.raises(UsageError) as error:
        found.block(1000)
    assert error.value.on_command_line == (
        "block 'x + 1e300*^layers S(Wx+b)', character 11: with 1,000 layers this number leaves"
        " float64: give another one"
    )


def complaint(text: str) -> str:
    """Return what the command line says about a text; empty if it is a block."""
    try:
        formula(text).block(3)
    except UsageError as error:
        return error.on_command_line
    return ""


PIECES = [*"xxuSWVUbcd~()()+-*/ .0123", "LN(", "RMS(", "BN(", "S(", "sqrt(", "layers", "1e-3"]


@settings(max_examples=300)
@given(st.text() | st.text(string.printable) | st.lists(st.sampled_from(PIECES)).map("".join))
@example("(" * 1000)
@example("A" * 1000)
@example("sqrt(" * 199)
@example("(2" * 499)
@example("\ud800")
@example("x + 1" + "0" * 900 + " x")
@example("x" + "+x" * 499)
def test_whatever_is_given_is_a_block_or_one_line(text: str) -> None:
    found = complaint(text)
    assert found.isprintable()
    # The command line makes blanks single: it finds nothing to do.
    assert " ".join(found.split()) == found
