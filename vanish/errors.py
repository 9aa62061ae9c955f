"""Errors: what was given, what is wrong with it and what to do, in one line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


# What a person reads of a text that was given; the rest of a message is the program's own.
_LONGEST_NUMBER, _LONGEST_WORD, _LONGEST = 20, 300, 1500


# A flag, or what is quoted.
_FLAG = r"(?<!\S)'[^']*'|(?<![^\s(])--([a-z][a-z-]*)"

# Where Python has another name for it.
_IN_PYTHON = {"memory": "memory_limit"}


def plain(text: str) -> str:
    """Return text from outside as it may be shown: what is no printable character is escaped.

    Names of files, arrays, columns and classes may hold anything; a terminal would take some
    of it for commands.
    """
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def in_python(message: str) -> str:
    """Return a message that names options of the command line in the words of the Python API.

    ``--weight-std`` becomes ``weight_std``; what is quoted stays as it was given.
    """

    def name(found: re.Match[str]) -> str:
        flag = found[1]
        return _IN_PYTHON.get(flag, flag.replace("-", "_")) if flag else found[0]

    return re.sub(_FLAG, name, message)


class VanishError(Exception):
    """Anything that a user can mend; its text is one line, ready to be shown.

    A message names options by their flags. As text it is in the words of Python.
    """

    def __str__(self) -> str:
        return in_python(self.on_command_line)

    @property
    def on_command_line(self) -> str:
        """The text as the command line shows it."""
        return plain(shortened(super().__str__()))


class UsageError(VanishError):
    """A setting that is unknown, out of range, or at odds with another one."""


class ConflictError(UsageError):
    """Settings that are fine alone and do not go together.

    Parameters
    ----------
    message
        What is wrong, as for any error.
    settings
        The names of those that it may depend on, the ones that are not given included: where
        all of them stay as they are it is wrong whatever the others are.
    """

    def __init__(self, message: str, *settings: str) -> None:
        super().__init__(message)
        self.settings = frozenset(settings)


class InputError(VanishError):
    """A file that cannot be read, or that holds something else than it should."""


class OutputError(VanishError):
    """A file or stream that cannot be written."""


class ForwardOverflowError(VanishError):
    """A forward pass that leaves the range of float64.

    Parameters
    ----------
    what
        What does.
    remedy
        What to do. Where it happens nobody knows which settings there are: whoever does says it
        better, see `advising`.
    """

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}: {remedy}")
        self._parts = what, remedy

    def __reduce__(self) -> tuple[type[ForwardOverflowError], tuple[str, str]]:
        return ForwardOverflowError, self._parts

    def advising(self, remedy: str) -> ForwardOverflowError:
        """Return the same error with another remedy."""
        return ForwardOverflowError(self._parts[0], remedy)


class MemoryLimitError(VanishError):
    """A run that needs more memory than the machine has, told before it is taken.

    Parameters
    ----------
    what
        What needs how much.
    limit, remedy
        What there is, which may change from run to run, and what to do.
    """

    def __init__(self, what: str, limit: str, remedy: str) -> None:
        super().__init__(f"{what}, {limit}: {remedy}")
        self._parts = what, limit, remedy
        self.lasting = plain(shortened(f"{what}: {remedy}"))

    def __reduce__(self) -> tuple[type[MemoryLimitError], tuple[str, str, str]]:
        return MemoryLimitError, self._parts


def shortened(message: str) -> str:
    """Return a message without the middle of what is too long in it to be read."""
    words = re.sub(rf"\S{{{_LONGEST_WORD + 1},}}", lambda word: _ends(word[0], 60, 20), message)
    return words if len(words) <= _LONGEST else _ends(words, _LONGEST * 2 // 3, _LONGEST // 4)


def _ends(text: str, first: int, last: int) -> str:
    """Return the two ends of a text, and how many characters stand between them."""
    return f"{text[:first]}…({len(text) - first - last:,} more)…{text[-last:]}"


def whole(value: int) -> str:
    """Return a whole number for a message: a long one, which Python may not print, by its length.

    It stands behind a name, as in ``width 3`` and ``width of 160 digits``.
    """
    try:
        text = str(abs(value))
    except ValueError:  # beyond sys.get_int_max_str_digits()
        return "of thousands of digits"
    return f"{value}" if len(text) <= _LONGEST_NUMBER else f"of {len(text):,} digits"


# A longer text says less than the type of what was given.
_LONGEST_VALUE = 60


def quoted(given: object) -> str:
    """Return what was given for a message, behind its name; of a long one its type."""
    if isinstance(given, int) and not isinstance(given, bool):
        return whole(given)
    try:
        text = repr(given)
    except Exception:  # noqa: BLE001 - whatever another one's code has to say
        text = ""
    is_short = 0 < len(text) <= _LONGEST_VALUE and text.isprintable()
    return text if is_short else f"of type {type(given).__name__}"


def unknown_name(
    kind: str, given: str, known: Iterable[str], help: str = "", meant: str = ""
) -> UsageError:
    """Return the error for a name that no registry holds, with the nearest ones.

    Parameters
    ----------
    kind
        What the name should have named, such as ``"activation"``.
    given
        The name as the user wrote it.
    known
        Every name that would have been right.
    help
        What lists them, where they are too many for a message.
    meant
        The name in our words, where others have other words for its parts.
    """
    names = sorted(known)
    folded = meant or str(given).strip().lower()
    near = [name for name in names if folded and name.startswith(folded)][:3]
    if not near:
        from difflib import get_close_matches  # noqa: PLC0415 - start-up

        near = get_close_matches(folded, names, n=3)
    advice = (
        f"did you mean {' or '.join(near)}?" if near else help or f"choose from {', '.join(names)}"
    )
    return UsageError(f"unknown {kind} {given!r}: {advice}")
