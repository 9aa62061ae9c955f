"""Standard output and standard error: what is looked at, what is said, what is written."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, TextIO

from vanish.errors import OutputError, plain, shortened
from vanish.system.atomic import reason

if TYPE_CHECKING:
    from collections.abc import Iterable

# Of what any screen shows; a terminal that lacks one of them gets words for all.
_SYMBOLS = "‖∂√χ₁²→…█─"

# Of the exit statuses, 0 and 3 are the commands' own; see `vanish help scripts`.
BAD_USAGE = 2

# Of a table where nobody says: in columns; and the narrowest that COLUMNS can ask for.
_WIDTH, _NARROWEST = 80, 40


def is_terminal(stream: TextIO | None) -> bool:
    """Tell whether a person looks at the stream."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


# Terminals that cannot erase what they have shown, by the TERM they name themselves.
_LASTING = ("dumb", "unknown")


def erases(stream: TextIO | None) -> bool:
    """Tell whether a person looks at the stream, and what is shown there can be taken away."""
    return is_terminal(stream) and os.environ.get("TERM", "").lower() not in _LASTING


def window() -> tuple[int, int] | None:
    """Return the columns and lines of the terminal on stdout; None where it is none."""
    if not is_terminal(sys.stdout):
        return None
    size = os.get_terminal_size(sys.stdout.fileno())
    # A terminal that does not know its size says 0.
    return size.columns or 80, size.lines or 24


def piped_width() -> int:
    """Return how wide a table is that goes to no terminal: as COLUMNS says, if it is no mistake."""
    try:
        asked = int(os.environ.get("COLUMNS", ""))
    except ValueError:
        return _WIDTH
    return asked if asked >= _NARROWEST else _WIDTH


def in_colour() -> bool:
    """Tell whether to colour: on a terminal that can, or by FORCE_COLOR; never with NO_COLOR."""
    if os.environ.get("NO_COLOR"):
        return False
    dumb = os.environ.get("TERM") in (None, "dumb")
    return bool(os.environ.get("FORCE_COLOR")) or (is_terminal(sys.stdout) and not dumb)


class ReaderGoneError(Exception):
    """Whoever read standard output has gone away, which is no error.

    No OSError, since Typer has an opinion of its own on a closed pipe.
    """


class AnsweredError(Exception):
    """All that was asked for is written, which is no error."""


def require_stdout(*, or_file: bool = True) -> None:
    """Refuse to begin what nobody can be given.

    Parameters
    ----------
    or_file
        Whether the command has --output.

    Raises
    ------
    OutputError
        If standard output is closed.
    """
    if sys.stdout is None:
        what = "give --output FILE" if or_file else "open it"
        raise OutputError(f"standard output is closed: {what}")


def write_stdout(parts: Iterable[str], *, or_file: bool = True) -> None:
    """Write text part by part, and let its reader have it.

    Parameters
    ----------
    parts
        The text.
    or_file
        Whether the command has --output.

    Raises
    ------
    OutputError
        If it cannot be written.
    ReaderGoneError
        If its reader went away.
    """
    require_stdout(or_file=or_file)
    try:
        for part in parts:
            _write_all(sys.stdout, _encode(part, sys.stdout))
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise ReaderGoneError from None
    except OSError as error:
        # What is still buffered must not be tried again when Python exits.
        discard(sys.stdout)
        what = "make room, or give --output FILE" if or_file else "make room for it"
        raise OutputError(f"standard output: {reason(error)}: {what}") from None


def _write_all(stream: TextIO, data: bytes) -> None:
    """Write all bytes: with PYTHONUNBUFFERED one call may write a part of them."""
    rest = memoryview(data)
    while rest:
        rest = rest[stream.buffer.write(rest) :]


def pass_on() -> None:
    """Let the reader of standard output have what was written so far."""
    if sys.stdout is not None:
        sys.stdout.buffer.flush()


def discard(stream: TextIO) -> None:
    """Let all that a stream still gets go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def say(line: str) -> None:
    """Print a message for a person on stderr; if nobody can hear it, that is no error."""
    if sys.stderr is None:
        return
    try:
        _write_all(sys.stderr, _encode(f"{line}\n", sys.stderr))
        sys.stderr.flush()
    except OSError:
        discard(sys.stderr)


def complain(message: str) -> None:
    """Print an error on stderr, on one line whatever is in it."""
    say(f"Error: {plain(' '.join(shortened(message).split()))}")


def lacks_symbols(stream: TextIO | None) -> bool:
    """Tell whether a stream is a terminal that gets words for symbols."""
    if stream is None:
        return False
    try:
        _SYMBOLS.encode(_encoding(stream))
    except UnicodeEncodeError:
        return True
    return False


def for_stdout(text: str) -> str:
    """Return text in words where stdout lacks symbols, for what is laid out after that."""
    if not lacks_symbols(sys.stdout):
        return text
    from vanish.render.spoken import spoken

    return spoken(text)


def as_written(text: str, stream: TextIO) -> str:
    """Return text as a stream will show it, with what stands for symbols that it lacks."""
    return _encode(text, stream).decode(_encoding(stream))


def _encoding(stream: TextIO) -> str:
    """Return what a terminal asks for; everything else gets UTF-8, whatever the locale."""
    return (stream.encoding if is_terminal(stream) else None) or "utf-8"


def _encode(text: str, stream: TextIO) -> bytes:
    """Encode for a stream, with words for the symbols that a terminal lacks."""
    encoding = _encoding(stream)
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:
        # A file name that is not UTF-8, or another encoding.
        if encoding.lower() != "utf-8":
            from vanish.render.spoken import spoken

            text = spoken(text)
        return text.encode(encoding, errors="replace")
