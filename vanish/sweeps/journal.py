"""A journal: results in the order in which they come, each of them whole or absent.

One line a result, with a checksum in front. Whatever ends the program, the file is a
sequence of whole lines and at most one torn one, which is cut off when it is opened again.
A line that something else has damaged since is left out, and costs the result in it.
"""

from __future__ import annotations

import json
import os
import re
import time
import zlib
from array import array
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from vanish.errors import OutputError, UsageError
from vanish.system.atomic import reason
from vanish.system.lock import open_locked

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from types import TracebackType

# A power cut may cost the results of so many seconds; a killed program none.
_SYNC = 1.0

_NOWHERE = -1

# How a result's line begins, and how often one is looked for in a damaged line.
_BEGINS = re.compile(rb"[0-9a-f]{8} \[")
_MOST_TRIED = 100


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

    Attributes
    ----------
    done
        How many results there are.
    damaged
        How many lines were left out since they are not what was written.
    """

    def __init__(
        self, path: str, header: Mapping[str, Any], points: int, *, resume: bool = False
    ) -> None:
        self.path = path
        # Where each result begins in the file.
        self._places = array("q", [_NOWHERE]) * points
        self.done = self.damaged = 0
        first = _line(dict(header))
        self._file = open_locked(path, "another sweep")
        self._synced = time.monotonic()
        self._size = 0
        try:
            if os.fstat(self._file).st_size:
                if not resume:
                    raise UsageError(
                        f"{path}: an unfinished sweep is there: give --resume to go on with it, or"
                        " remove it"
                    )
                self._recover(first)
            if not self._size:
                self._write(first)
        except BaseException:
            os.close(self._file)
            raise

    def _recover(self, first: bytes) -> None:
        """Find the whole lines, and cut off a torn one behind them."""
        with os.fdopen(os.dup(self._file), "rb") as stream:
            head = stream.readline()
            if head == first:
                self._size = len(head)
            elif head.endswith(b"\n") or not first.startswith(head):
                raise UsageError(
                    f"{self.path}: an unfinished sweep of another grid or version: give its own"
                    " options, or another --output"
                )
            place = self._size
            for line in stream if self._size else ():
                found = self._find(line)
                if found is not None:
                    begins, point = found
                    if self._places[point] == _NOWHERE:
                        self._places[point] = place + begins
                        self.done += 1
                    self._size = place + len(line)
                # What has no end was torn when the program ended, as it may be.
                if line.endswith(b"\n") and (found is None or begins):
                    self.damaged += 1
                place += len(line)
        os.ftruncate(self._file, self._size)

    def _find(self, line: bytes) -> tuple[int, int] | None:
        """Return where in a line a result begins that is whole, and its point; None without."""
        # It is not at the beginning where the end of the line before has been damaged.
        later = (match.start() for match in islice(_BEGINS.finditer(line, 1), _MOST_TRIED))
        for begins in chain((0,), later):
            entry = _entry(line[begins:])
            if entry is not None and 0 <= entry[0] < len(self._places):
                return begins, entry[0]
        return None

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
        if time.monotonic() > self._synced + _SYNC:
            self._sync()

    def _sync(self) -> None:
        """Have the system put on the disk what was written."""
        try:
            os.fsync(self._file)
        except OSError as error:
            raise self._unwritten(error) from None
        self._synced = time.monotonic()

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                # At its place and not at the end: a torn line is written over.
                rest = rest[os.pwrite(self._file, rest, self._size + len(data) - len(rest)) :]
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._file, self._size)
            raise self._unwritten(error) from None
        self._size += len(data)

    def _unwritten(self, error: OSError) -> OutputError:
        return OutputError(f"{self.path}: {reason(error)}: make room, then go on with --resume")

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
        with suppress(OutputError):
            self._sync()
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
    try:
        point, result = json.loads(text)
    except (TypeError, ValueError, RecursionError):  # whole, but not written by a sweep
        return None
    return (point, result) if type(point) is int else None
