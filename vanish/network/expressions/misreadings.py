"""What to say of a text that is no formula: what people write, and how it is written here."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from vanish.errors import plain
from vanish.network.activations import catalogue
from vanish.network.expressions import functions
from vanish.network.formulas.source import IN_PRINT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vanish.network.formulas.source import Token

# Words by which other languages choose.
CHOOSING = ("if", "else", "and", "or", "not", "lambda")

# Characters that keyboards or other languages have, and what is written here.
_LIKE = IN_PRINT | dict.fromkeys("[{", "(") | dict.fromkeys("]}", ")")
_LIKE |= {"²": "^2", "³": "^3", "≤": "<=", "≥": ">=", "|": "abs(...)"}
_LIKE |= {"π": "pi", "Φ": "Phi(...)", "φ": "phi(...)", "ϕ": "phi(...)", "σ": "sigmoid(...)"}

_WHY = {
    ")": "this bracket closes none: leave it out, or open one",
    ",": "a comma stands in a function's brackets only: write 0.5 with a point",
    "~": "~ is of blocks: leave it out",
    **dict.fromkeys(("<", "<=", ">", ">="), "comparisons stand in where: write where(x>0, x, 0)"),
    **dict.fromkeys(
        ("=", "==", "!="), "nothing is set or compared here: give what S(x) is, as x*sigmoid(x)"
    ),
    **dict.fromkeys(CHOOSING, "a choice is written where(x>0, x, 0.1*x)"),
}


def unexpected(token: Token) -> str:
    """Return what is wrong with a token that cannot stand where it does."""
    text = token.text
    if text in _LIKE:
        return f"{text} is no sign of formulas: write {_LIKE[text]}"
    if text in _WHY:
        return _WHY[text]
    return f"{plain(text)} means nothing here: write numbers, x, functions and + - * / ^ ( )"


def unknown(word: str) -> str:
    """Return what is wrong with a word that means nothing."""
    if word in CHOOSING:
        return _WHY[word]
    if word == "X":
        return "X means nothing here: write x"
    if why := catalogue.instead(word):
        return why
    near = get_close_matches(word, [*dict.fromkeys(functions.names())], n=3)
    advice = f"did you mean {' or '.join(near)}?" if near else "vanish help formulas lists them"
    return f"{word} is no function: {advice}"


def without_x(tokens: Sequence[Token]) -> str:
    """Return what is wrong with a formula that has no x in it."""
    what = "there is no x in it, so it is one number"
    texts = [token.text for token in tokens]
    if len(texts) == 5 and texts[1] == "(" and tokens[2].kind == "number":
        return f"{what}: write {texts[0]}({texts[2]}*x)"
    return f"{what}: give a function of x, as sin(30*x)"
