"""Signals that end the program: what must not stay is removed, and it ends, wherever it is.

The usual way, a handler that raises an exception, comes out at any line: inside an import,
whose callbacks print it and swallow it; in a worker that has just been forked; between the
creation of a file and the ``try`` that would remove it. So this handler raises nothing. It
says the last words, removes temporary files, ends child processes, and leaves. Nothing is
lost by that, since files are written so that an end at any moment does them no harm (see
`atomic` and `journal`).

It serves the program, not the library: where `install` was not called, Ctrl-C is Python's
own KeyboardInterrupt.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

# A shell's convention: the status of what ended by signal n is 128 + n.
STATUS = 128

# Ctrl-C; the polite request of `kill`, `timeout` and batch systems; a terminal that is gone.
_ENDING = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]

# How long children may take to end before they are killed, in seconds.
_PATIENCE = 1.0


class _Program:
    """What a signal finds when it comes."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.temporary: set[str] = set()
        self.last_words: list[Callable[[], str]] = []
        self.held = 0
        self.waiting: int | None = None


_program = _Program()


def install() -> None:
    """Let signals end this program, but those that whoever started it has switched off.

    So ``nohup`` keeps its meaning, and so does a shell's background job, which Ctrl-C does
    not reach. While Python itself shuts down they are ignored: the work is done by then.
    """
    _program.process = os.getpid()
    with suppress(ValueError):  # not in the main thread: somebody else's program
        for each in _ENDING:
            if signal.getsignal(each) != signal.SIG_IGN:
                signal.signal(each, _end)
        atexit.register(_answer, signal.SIG_IGN)


def _answer(handler: Callable[[int, object], None] | signal.Handlers) -> None:
    """Let all of them be handled so from now on."""
    with suppress(ValueError):
        for each in _ENDING:
            signal.signal(each, handler)


def _leave(number: int, _: object) -> None:
    os._exit(STATUS + number)


def _end(number: int, _: object) -> None:
    """Handle a signal."""
    if os.getpid() != _program.process:  # a worker that was forked just now
        _leave(number, None)
    if _program.held:
        _program.waiting = number
        return
    try:
        _answer(signal.SIG_IGN)  # one is enough
        for path in _program.temporary:
            _remove(path)
        _end_children()
        _answer(_leave)  # the words may be for a pipe that nobody reads
        _say(compose() for compose in reversed(_program.last_words))
    finally:
        # Whatever went wrong in there must not go on as an exception either.
        _leave(number, None)


def _remove(path: str) -> None:
    with suppress(OSError):
        os.unlink(path)  # noqa: PTH108 - a handler does as little as possible


def _end_children() -> None:
    processes = sys.modules.get("multiprocessing")
    if processes is None:
        return
    children = processes.active_children()
    for child in children:
        child.terminate()
    until = time.monotonic() + _PATIENCE
    for child in children:
        child.join(max(0.0, until - time.monotonic()))
        child.kill()
        child.join(_PATIENCE)


def _say(words: Iterable[str]) -> None:
    """Write to stderr past its buffer, in the middle of which the signal may have come."""
    with suppress(OSError, ValueError, AttributeError):  # closed, or none
        os.write(sys.stderr.fileno(), "".join(words).encode(errors="replace"))


@contextmanager
def held() -> Iterator[None]:
    """Let signals wait for the end of the block, which must be short."""
    # The mask is for Python's own handler, the count for signals that reach another thread.
    masks = hasattr(signal, "pthread_sigmask")
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING) if masks else ()
    _program.held += 1
    try:
        yield
    finally:
        _program.held -= 1
        if masks:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if _program.waiting is not None and not _program.held:
            _end(_program.waiting, None)


@contextmanager
def temporary(path: str) -> Iterator[None]:
    """Remove a file when the block ends, however it does; give its name before it is made."""
    _program.temporary.add(path)
    try:
        yield
    finally:
        _remove(path)
        _program.temporary.discard(path)


@contextmanager
def last_words(compose: Callable[[], str]) -> Iterator[None]:
    """Let a signal that ends the program in this block say something on stderr."""
    _program.last_words.append(compose)
    try:
        yield
    finally:
        _program.last_words.remove(compose)


def follow() -> None:
    """In a worker: leave to the parent what Ctrl-C and a hang-up mean; the rest ends it."""
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        # A worker starts while they are held.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
