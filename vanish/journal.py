"""A journal: results in the order in which they come, each of them whole or absent.

One line a result, with a checksum in front. Whatever ends the program, the file is a
sequence of whole lines and at most one torn one, which is cut off when it is opened again.
"""

from __future__ import annotations

import json
import os
import time
import zlib
from array import array
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from vanish.atomic import reason
from vanish.errors import OutputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from types import TracebackType

# A power cut may cost the results of so many seconds; a killed program none.
_SYNC = 1.0

_NOWHERE = -1


class Journal:
    """The results of a sweep on their way to the finished file.

    Parameters
    ----------
    path
        The file. It must not be in use by another sweep.
    header
        What the results belong to; a file of another header is refused.
    points
        How many results there will be, numbered from 0.
    resume
        Whether to go on with a file that is there; otherwise there must be none.

    Raises
    ------
    OutputError
        If the file cannot be written, or another sweep writes it.
    UsageError
        If it is there without `resume`, or of another header.
    """

    def __init__(
        self, path: str, header: Mapping[str, Any], points: int, *, resume: bool = False
    ) -> None:
        self.path = path
        # Where each result begins in the file.
        self._places = array("q", [_NOWHERE]) * points
        self.done = 0
        first = _line(dict(header))
        exists = Path(path).exists() and Path(path).stat().st_size > 0
        if exists and not resume:
            raise UsageError(
                f"{path}: an unfinished sweep is there: give --resume to go on with it, or remove"
                " it"
            )
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise OutputError(f"{path}: {reason(error)}: give a file that can be written") from None
        self._synced = time.monotonic()
        self._size = 0
        try:
            self._lock()
            if exists:
                self._recover(first)
            if not self._size:
                self._write(first)
        except BaseException:
            os.close(self._file)
            raise

    def _lock(self) -> None:
        try:
            import fcntl  # noqa: PLC0415 - not on Windows
        except ImportError:
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise OutputError(
                f"{self.path}: another sweep is writing it: wait for it, or give another name"
            ) from None

    def _recover(self, first: bytes) -> None:
        """Find the whole lines, and cut off what is behind them."""
        with os.fdopen(os.dup(self._file), "rb") as stream:
            head = stream.readline()
            if head == first:
                self._size = len(head)
            elif head.endswith(b"\n") or not first.startswith(head):
                raise UsageError(
                    f"{self.path}: an unfinished sweep of another grid or version: give its own"
                    " options, or another --output"
                )
            for line in stream if self._size else ():
                entry = _entry(line)
                if entry is None:
                    break
                if self._places[entry[0]] == _NOWHERE:
                    self._places[entry[0]] = self._size
                    self.done += 1
                self._size += len(line)
        os.ftruncate(self._file, self._size)

    def append(self, results: Iterable[tuple[int, Any]]) -> None:
        """Write results, each a point's number and what JSON can hold.

        Raises
        ------
        OutputError
            If they cannot be written; those before are kept.
        """
        lines = []
        size = self._size
        for point, result in results:
            line = _line([point, result])
            lines.append(line)
            self._places[point] = size
            size += len(line)
        self._write(b"".join(lines))
        self.done += len(lines)
        now = time.monotonic()
        if now > self._synced + _SYNC:
            os.fsync(self._file)
            self._synced = now

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                # At its place and not at the end: a torn line is written over.
                rest = rest[os.pwrite(self._file, rest, self._size + len(data) - len(rest)) :]
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._file, self._size)
            raise OutputError(
                f"{self.path}: {reason(error)}: make room, then go on with --resume"
            ) from None
        self._size += len(data)

    def missing(self) -> Iterator[int]:
        """Yield the points without a result, in ascending order."""
        return (point for point, place in enumerate(self._places) if place == _NOWHERE)

    def results(self) -> Iterator[Any]:
        """Yield the results in the order of their points; all of them must be there."""
        with os.fdopen(os.dup(self._file), "rb") as stream:
            for place in self._places:
                stream.seek(place)
                entry = _entry(stream.readline())
                assert entry is not None
                yield entry[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with suppress(OSError):
            os.fsync(self._file)
        os.close(self._file)

    def remove(self) -> None:
        """Delete the file, when its results stand elsewhere."""
        Path(self.path).unlink(missing_ok=True)


def _line(content: Any) -> bytes:
    text = json.dumps(content, allow_nan=False, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _entry(line: bytes) -> tuple[int, Any] | None:
    """Return a line's content, None if it is torn."""
    checksum, _, text = line.rstrip(b"\n").partition(b" ")
    if not line.endswith(b"\n") or checksum != b"%08x" % zlib.crc32(text):
        return None
    point, result = json.loads(text)
    return point, result
