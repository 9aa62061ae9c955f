"""A formula as it was given: its tokens, and errors that point at a place in it.

Every language of formulas is read from these tokens, and every error about a formula is of one
form: what it is, its text with a caret before what is wrong, which character that is, and what
to do.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Literal

from vanish.errors import UsageError, plain
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

Kind = Literal["number", "word", "letter", "sign", "strange", "end"]

# Nobody writes a longer one by hand, and no step of reading one takes longer than its length
# squared.
_LONGEST = 1000

# So much of a formula is shown on either side of the caret.
_SHOWN = 60

# So many parts may be in each other.
_DEEPEST = 50

_NUMBER = re.compile(r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SIGNS = ("**", *"+-*/()~^,")

# Signs that books have and keyboards have not, and what is written for them in any formula.
IN_PRINT = dict.fromkeys("·×⋅∙", "*") | dict.fromkeys("−–—", "-") | {"÷": "/", "√": "sqrt(...)"}


class Token(Record):
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
    caret
        What stands before what is wrong: of a language in which ^ is a sign another one.
    """

    __slots__ = ("_caret", "kind", "text")

    def __init__(self, kind: str, text: str, caret: str = "^") -> None:
        self.kind: Final = kind
        self.text: Final = text
        self._caret: Final = caret

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
        shown = f"{quote}{before}{self._caret}{after}{quote}"
        return UsageError(f"{self.kind} {shown}, character {start + 1}: {message}")

    def tokens(
        self, words: Collection[str] = (), *, names: bool = False, signs: Sequence[str] = ()
    ) -> list[Token]:
        """Return its tokens, the end included; blanks only part them.

        Parameters
        ----------
        words
            What is read as one token before single letters are, the longest first.
        names
            Whether letters, digits and _ behind a letter are one word, whatever they spell.
        signs
            The signs of the language beside those of all formulas.

        Raises
        ------
        UsageError
            If it is too long, or if there is a number that is none, as 1.2.3.
        """
        text, end = self.text, len(self.text.rstrip())
        if end > _LONGEST:
            raise self.fault(_LONGEST, f"{end:,} characters: give at most {_LONGEST:,}")
        found, start = [], 0
        signs = (*sorted(signs, key=len, reverse=True), *_SIGNS)
        starts = (*sorted(words, key=len, reverse=True), *signs)
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
            elif names and (name := _NAME.match(text, start)):
                kind, token = "word", name[0]
            elif token in words:
                kind = "word"
            elif token in signs:
                kind = "sign"
            elif token.isascii() and token.isalpha():
                kind = "letter"
            found.append(Token(kind, token, start))
            start += len(token)
        return [*found, Token("end", "", end)]


class Cursor:
    """A place in the tokens of a formula, which its parser moves on.

    Parameters
    ----------
    source
        The formula.
    tokens
        Its tokens, the end included.
    deepest
        So many parts may be in each other.
    """

    def __init__(self, source: Source, tokens: Sequence[Token], *, deepest: int = _DEEPEST) -> None:
        self._source = source
        self._deepest = deepest
        self.tokens: Final = tokens
        self._at = 0
        self._depth = 0

    @property
    def token(self) -> Token:
        """The token that comes next."""
        return self.tokens[self._at]

    @property
    def rest(self) -> Sequence[Token]:
        """What comes, the next token included."""
        return self.tokens[self._at :]

    def take(self) -> Token:
        """Return the next token, and move behind it."""
        token = self.token
        self._at += 1
        return token

    def takes(self, *texts: str) -> bool:
        """Tell whether the next token is one of those; move behind it if it is."""
        found = self.token.text in texts
        self._at += found
        return found

    def fault(self, token: Token, message: str) -> UsageError:
        """Return the error that something is wrong at a token."""
        return self._source.fault(token.start, message)

    def close(self, opening: Token) -> None:
        """Move behind the bracket that closes one.

        Raises
        ------
        UsageError
            If the bracket is not closed here.
        """
        if not self.takes(")"):
            raise self.fault(opening, "this bracket is never closed: add )")

    @contextmanager
    def deeper(self, what: str) -> Iterator[None]:
        """Read a part inside another one.

        Raises
        ------
        UsageError
            If it is too deep: Python's own stack must hold all of it. `what` is named.
        """
        self._depth += 1
        if self._depth > self._deepest:
            raise self.fault(
                self.token, f"{what} are more than {self._deepest} deep in each other: give fewer"
            )
        yield
        self._depth -= 1


def _line(text: str) -> str:
    """Return a part of a text as it may stand in a line."""
    return plain(re.sub(r"\s+", " ", text))
