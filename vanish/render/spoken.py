"""Words for symbols, on terminals whose encoding lacks them: inf, sqrt(q), chi_1, ||dL/da||."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vanish.render.view import Elided, Finding, Notes, Said

if TYPE_CHECKING:
    from vanish.render.view import Bar, Heat, Spark, View

# A sign for a sign, so that tables, drawings and maps keep their places.
SIGNS = str.maketrans(
    dict.fromkeys("█▉▊▋▌▍▎▏", "#")
    | dict(zip("▁▂▃▄▅▆▇", "._-=+*%", strict=True))
    | dict(zip("▓▒░", "%=-", strict=True))
    | {chr(pattern): "*" if pattern > 0x2800 else " " for pattern in range(0x2800, 0x2900)}
    | dict.fromkeys("─━╺╸–—−", "-")
    | dict.fromkeys("‘’´′", "'")
    | {"│": "|", "└": "+", "▲": "^", "‸": "^", "►": ">", "⋮": ":", "·": ".", "•": "*", "\xa0": " "}
)

_LONGER = {
    "‖": "||",
    "∂": "d",
    "…": "...",
    "→": "->",
    "↦": "->",
    "←": "<-",
    "×": "x",
    "÷": "/",
    "±": "+/-",
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
    "≈": "~",
    "⊙": ".*",
}

# With blanks between them and letters or digits beside them.
_WORDS = {
    "½": "1/2",
    "√": "sqrt",
    "∞": "inf",
    "∇": "grad",
    "∏": "prod",
    "α": "alpha",
    "β": "beta",
    "γ": "gamma",
    "δ": "delta",
    "ε": "epsilon",
    "η": "eta",
    "θ": "theta",
    "κ": "kappa",
    "λ": "lambda",
    "μ": "mu",
    "ξ": "xi",
    "π": "pi",
    "ρ": "rho",
    "σ": "sigma",
    "τ": "tau",
    "φ": "phi",
    "χ": "chi",
    "ψ": "psi",
    "ω": "omega",
    "Γ": "Gamma",
    "Δ": "Delta",
    "Λ": "Lambda",
    "Φ": "Phi",
    "Ψ": "Psi",
    # In formulas, a sum and a product.
    "Σ": "sum",
    "Π": "prod",
}

_LOWERED, _RAISED = "₀₁₂₃₄₅₆₇₈₉₊₋ₖ", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ᵀᵗ"
_LEVELLED = str.maketrans(_LOWERED + _RAISED, "0123456789+-k0123456789+-Tt")
_INDEX = re.compile(f"([{_LOWERED}]+)|([{_RAISED}]+)")
_ROOT = re.compile(r"√([A-Za-z]\w*\*?|\d+(?:\.\d+)?)")

# Between the parts of a title, words with or without a number stand beside it; elsewhere it
# multiplies.
_DOT = re.compile(r" ·( |$)")
_NAME = r"(?:[a-z]{3}|[a-z]{2}_)[a-z_]*"
_WORD_BEFORE = re.compile(f"(?<![A-Za-z_]){_NAME}$")
_WORD_BEHIND = re.compile(rf"(?:\d[\d,]* )?{_NAME}(?![\w(|])")

# What stands between the parts of a title.
SEPARATOR = ", "


def spoken(text: str) -> str:
    """Return text in ASCII: words for symbols, signs for what is drawn.

    A character that has neither stays as it is.
    """
    if text.isascii():
        return text
    # A circumflex over the letter before it.
    text = _INDEX.sub(_index, text.replace("\N{COMBINING CIRCUMFLEX ACCENT}", "_hat"))
    text = _DOT.sub(_dot, text)
    text = re.sub(r"(?<=[\w)'])·(?=[\w(‖])", "*", text)
    text = _ROOT.sub(r"√(\1)", text)
    pieces: list[str] = []
    for at, sign in enumerate(text):
        word = _WORDS.get(sign)
        if word is None:
            pieces.append(_LONGER.get(sign, sign))
            continue
        before, behind = text[at - 1 : at], text[at + 1 : at + 2]
        touches = bool(re.match(r"[\w']", before))
        pieces.append(" " * (touches and before not in _WORDS) + word)
        if re.match(r"[^\W_]|‖", behind):
            pieces.append(" ")
    return "".join(pieces).translate(SIGNS)


def _index(found: re.Match[str]) -> str:
    """Return an index or a power behind its sign; a sign alone is that of a limit, 0+."""
    level = found[0].translate(_LEVELLED)
    if level in "+-":
        return level
    # What follows is no part of it, but for a power of what has an index.
    behind = found.string[found.end() : found.end() + 1]
    gap = " " if behind.isalnum() and behind not in _RAISED else ""
    if found[2]:
        return f"^{level}{gap}"
    return f"_{level}{gap}" if level.isalnum() else f"_{{{level}}}{gap}"


def _dot(found: re.Match[str]) -> str:
    text = found.string
    parts = _WORD_BEFORE.search(text, 0, found.start()) or _WORD_BEHIND.match(text, found.end())
    return SEPARATOR if parts and found[1] else f" *{found[1]}"


def aligned(line: str) -> str:
    """Return a line of a table that is drawn already, in ASCII, its columns where they were.

    What a cell takes more, the blanks before it give, or those behind it, as far as they can;
    behind the last one there is room.
    """
    cells = re.split(r"( {2,})", line)
    for i in range(0, len(cells), 2):
        more = -len(cells[i])
        cells[i] = spoken(cells[i])
        more += len(cells[i])
        # Two blanks are left before it, one behind.
        for beside, least in ((i - 1, 2), (i + 1, 1)):
            if 0 <= beside < len(cells) - 1 and i + 1 < len(cells):
                given = max(0, min(more, len(cells[beside]) - least))
                cells[beside] = cells[beside][given:]
                more -= given
    return "".join(cells)


def in_words(view: View) -> View:
    """Return a view in ASCII, but for its bars."""
    return view._replace(
        title=spoken(view.title),
        columns=tuple(map(spoken, view.columns)),
        rows=tuple(
            row._replace(text=spoken(row.text))
            if isinstance(row, Elided)
            else tuple(map(_cell, row))
            for row in view.rows
        ),
        notes=tuple(map(_notes, view.notes)),
        findings=tuple(map(_finding, view.findings)),
        left=frozenset(map(spoken, view.left)),
        dispensable=tuple(
            spoken(each) if isinstance(each, str) else tuple(map(spoken, each))
            for each in view.dispensable
        ),
        equation=spoken(view.equation),
        lead=None if view.lead is None else _finding(view.lead),
        legend=tuple(
            Said(spoken(label), spoken(text), tuple(map(spoken, heads)))
            for label, text, heads in view.legend
        ),
    )


def _cell(cell: str | Bar | Spark | Heat) -> str | Bar | Spark | Heat:
    return spoken(cell) if isinstance(cell, str) else cell


def _notes(notes: Notes) -> Notes:
    lines = tuple((spoken(label), spoken(text)) for label, text in notes.lines)
    heads = tuple(map(spoken, notes.heads))
    return Notes(spoken(notes.heading), lines, heads)


def _finding(finding: Finding) -> Finding:
    return Finding(*map(spoken, finding))
