"""A name with numbers in brackets, such as leaky_relu(0.2) or normal(std=0.02).

call     = NAME "(" [argument {"," argument}] ")"
argument = [WORD "="] number
number   = [sign] part {("*" | "/") part}
part     = NUMBER | "pi" | "sqrt" "(" number ")"
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vanish.network.formulas.source import Cursor, Source
from vanish.network.registry import folded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vanish.network.formulas.source import Token

_CONSTANTS = {"pi": math.pi}


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A number that a name takes in brackets.

    Attributes
    ----------
    name, aliases
        What it is called; other words for it.
    default
        What it is where nothing is said; None where it must be said.
    """

    name: str
    default: float | None
    aliases: tuple[str, ...] = ()


def is_call(text: str) -> bool:
    """Tell whether a text is a name with brackets behind it, closed at its end."""
    name, opening, rest = text.strip().partition("(")
    return bool(opening) and rest.endswith(")") and name.strip().isidentifier()


def name_of(text: str) -> str:
    """Return what stands before the brackets of a call."""
    return text.partition("(")[0].strip()


def read_call(kind: str, text: str, parameters: tuple[Parameter, ...]) -> Mapping[str, float]:
    """Return the parameters of a call by their names, those that are not said included.

    Parameters
    ----------
    kind
        What messages call it, such as ``"activation"``.
    text
        Itself.
    parameters
        What its name takes, in their order.

    Raises
    ------
    UsageError
        If it is no call, or says what there is not, twice, or not enough; the message points
        at the character.
    """
    return _Arguments(Source(kind, text), parameters).read()


def written_call(name: str, parameters: tuple[Parameter, ...], given: Mapping[str, float]) -> str:
    """Return the shortest text that `read_call` takes for a name and its numbers."""
    numbers = [given[each.name] for each in parameters]
    while numbers and numbers[-1] == parameters[len(numbers) - 1].default:
        numbers.pop()
    return f"{name}({','.join(map(written_number, numbers))})" if numbers else name


def written_number(number: float) -> str:
    """Return the shortest text that reads back as a number."""
    text = repr(float(number))
    return text.removesuffix(".0")


class _Arguments:
    """Reads what stands in the brackets of one call."""

    def __init__(self, source: Source, parameters: tuple[Parameter, ...]) -> None:
        self._cursor = Cursor(source, source.tokens(names=True, signs=("=",)))
        self._parameters = parameters
        self._known = {
            folded(word): each.name for each in parameters for word in (each.name, *each.aliases)
        }
        self._found: dict[str, float] = {}

    def read(self) -> Mapping[str, float]:
        cursor = self._cursor
        name = cursor.take()
        opening = cursor.take()
        if name.kind != "word" or opening.text != "(":
            raise cursor.fault(name, "this is no name with numbers in brackets: write NAME(0.5)")
        while cursor.token.text not in (")", ""):
            self._argument(name)
            if not cursor.takes(","):
                break
        self._close(opening)
        if cursor.token.text:
            raise cursor.fault(cursor.token, "nothing comes behind the brackets: leave it out")
        for each in self._parameters:
            if each.name not in self._found:
                if each.default is None:
                    raise cursor.fault(
                        opening, f"{name.text} needs {each.name}: {self._usage(name)}"
                    )
                self._found[each.name] = each.default
        return {each.name: self._found[each.name] for each in self._parameters}

    def _close(self, opening: Token) -> None:
        """Take the bracket behind a number."""
        cursor = self._cursor
        if cursor.token.text not in (")", ""):
            raise cursor.fault(
                cursor.token,
                "a number here has only * and / in it, and a comma behind it: work it out, as 0.2"
                " for 1-0.8",
            )
        cursor.close(opening)

    def _argument(self, name: Token) -> None:
        cursor = self._cursor
        start = cursor.token
        if start.kind == "word" and cursor.rest[1].text == "=":
            known = self._known.get(folded(start.text))
            if known is None:
                raise cursor.fault(start, f"{name.text} has no {start.text}: {self._usage(name)}")
            cursor.take()
            cursor.take()
        else:
            free = [each.name for each in self._parameters if each.name not in self._found]
            if not free:
                raise cursor.fault(start, f"one number too many: {self._usage(name)}")
            known = free[0]
        if known in self._found:
            raise cursor.fault(start, f"{known} is said twice: leave one out")
        self._found[known] = self._number()

    def _number(self) -> float:
        cursor = self._cursor
        start, sign = cursor.token, 1.0
        if cursor.token.text in ("+", "-"):
            sign = -1.0 if cursor.take().text == "-" else 1.0
        found = sign * self._part()
        while cursor.token.text in ("*", "/"):
            over, behind = cursor.take().text == "/", cursor.token
            part = self._part()
            if over and part == 0.0:
                raise cursor.fault(behind, "nothing is divided by 0: give another number")
            found = found / part if over else found * part
        if not math.isfinite(found):
            raise cursor.fault(start, "this number leaves float64: give a smaller one")
        return found

    def _part(self) -> float:
        cursor = self._cursor
        token = cursor.take()
        if token.kind == "number":
            return float(token.text)
        if token.text in _CONSTANTS:
            return _CONSTANTS[token.text]
        if token.text == "sqrt" and cursor.token.text == "(":
            opening = cursor.take()
            with cursor.deeper("brackets"):
                inside = self._number()
            self._close(opening)
            if inside < 0.0:
                raise cursor.fault(opening, "no root of a negative number: give one of at least 0")
            return math.sqrt(inside)
        raise cursor.fault(token, "a number is missing here: give one such as 0.2 or sqrt(2)")

    def _usage(self, name: Token) -> str:
        if not self._parameters:
            return f"write {name.text} alone"
        listed = ", ".join(
            each.name if each.default is None else f"{each.name}={written_number(each.default)}"
            for each in self._parameters
        )
        return f"write {name.text}({listed})"
