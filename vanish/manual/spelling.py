"""Words as people type them: case, blanks, hyphens, Greek letters and signs make no difference."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SPELLED = str.maketrans(
    {
        "∂": "d",
        "χ": "chi",
        "ξ": "xi",
        "σ": "sigma",
        "φ": "phi",
        "λ": "lambda",
        "α": "alpha",
        "δ": "delta",
        "π": "pi",
        "√": "sqrt",
        "∞": "inf",
        "∇": "grad",
        "'": "prime",
        "′": "prime",
        "*": "star",
        "~": "tilde",
        "%": "percent",
        "÷": "divided",
        "×": "times",
    }
)


def key(word: str) -> str:
    """Return what all spellings of a word have in common.

    ``χ₁``, ``chi_1`` and ``Chi-1`` are ``chi1``; ``‖∂L/∂a‖`` and ``dL/da`` are ``dlda``. A
    sign that has no name is itself.
    """
    spelled = unicodedata.normalize("NFKC", word.strip()).lower().translate(_SPELLED)
    letters = "".join(each for each in spelled if each.isalnum())
    return letters or "".join(spelled.split())


def forms(word: str) -> Iterator[str]:
    """Yield what a word may be a form of: ``W₃`` is one of ``W``, and ``chains`` of ``chain``."""
    bare = re.sub(r"(?<=[^\W\d_])_?\d+", "", unicodedata.normalize("NFKC", word))
    if bare != word:
        yield bare
    for ending in ("s", "es"):
        # What is left of a shorter one is no word: as, is, yes.
        if bare.endswith(ending) and len(bare) > len(ending) + 2:
            yield bare.removesuffix(ending)


def words(name: str) -> set[str]:
    """Return the single words of a name, as keys."""
    return {key(word) for word in name.replace("_", " ").replace("-", " ").split()}
