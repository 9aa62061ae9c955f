"""A formula as it was given: its tokens, and errors that point at a place in it.

Every language of formulas is read from these tokens, and every error about a formula is of one
form: what it is, its text with a caret before what is wrong, which character that is, and what
to do.
"""

# Not annotations from the future: see vanish/network/graph.py.
import re
from collections.abc import Collection
from typing import Final, Literal, NamedTuple

from vanish.errors import UsageError, plain

Kind = Literal["number", "word", "letter", "sign", "strange", "end"]

# Nobody writes a longer one by hand, and no step of reading one takes longer than its length
# squared.
_LONGEST = 1000

# So much of a formula is shown on either side of the caret.
_SHOWN = 60

_NUMBER = re.compile(r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_SIGNS = ("**", *"+-*/()~^,")


class Token(NamedTuple):
    """A piece of a formula.

    Attributes
    ----------
    kind
        A number, one of the language's words, one other letter, a sign, the end, or a
        character that is strange to all formulas.
    text
        Itself; empty at the end.
    start
        How many characters stand before it.
    """

    kind: Kind
    text: str
    start: int


class Source:
    """A formula as it was given.

    Parameters
    ----------
    kind
        What messages call it, such as ``"block"``.
    text
        Itself.
    """

    __slots__ = ("kind", "text")

    def __init__(self, kind: str, text: str) -> None:
        self.kind: Final = kind
        self.text: Final = text

    def fault(self, start: int, message: str) -> UsageError:
        """Return the error that something is wrong behind so many characters.

        Parameters
        ----------
        start
            Where the caret goes.
        message
            What is wrong, and what to do.
        """
        before, after = (_line(part) for part in (self.text[:start], self.text[start:]))
        before, after = before.lstrip(), after.rstrip()
        if len(before) > _SHOWN:
            before = f"…{before[-_SHOWN:]}"
        if len(after) > _SHOWN:
            after = f"{after[:_SHOWN]}…"
        quote = '"' if "'" in before + after else "'"
        return UsageError(
            f"{self.kind} {quote}{before}^{after}{quote}, character {start + 1}: {message}"
        )

    def tokens(self, words: Collection[str]) -> list[Token]:
        """Return its tokens, the end included; blanks only part them.

        Parameters
        ----------
        words
            What is read as one token before single letters are, the longest first.

        Raises
        ------
        UsageError
            If it is too long, or if there is a number that is none, as 1.2.3.
        """
        text, end = self.text, len(self.text.rstrip())
        if end > _LONGEST:
            raise self.fault(_LONGEST, f"{end:,} characters: give at most {_LONGEST:,}")
        found, start = [], 0
        starts = (*sorted(words, key=len, reverse=True), *_SIGNS)
        while start < end:
            if text[start].isspace():
                start += 1
                continue
            kind: Kind = "strange"
            token = next((each for each in starts if text.startswith(each, start)), text[start])
            if number := _NUMBER.match(text, start):
                kind, token = "number", number[0]
                if text[number.end() : number.end() + 1] in (*"0123456789.",):
                    raise self.fault(start, "this is no number: give one like 0.5 or 1e-3")
            elif token in words:
                kind = "word"
            elif token in _SIGNS:
                kind = "sign"
            elif token.isascii() and token.isalpha():
                kind = "letter"
            found.append(Token(kind, token, start))
            start += len(token)
        return [*found, Token("end", "", end)]


def _line(text: str) -> str:
    """Return a part of a text as it may stand in a line."""
    return plain(re.sub(r"\s+", " ", text))
