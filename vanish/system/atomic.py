"""Files that are written whole or not at all, one or several together."""

from __future__ import annotations

import errno
import os
import stat
import sys
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Self

from vanish.errors import OutputError
from vanish.records import Record
from vanish.system.signals import held, temporary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from types import TracebackType
    from typing import BinaryIO

# The file name that means standard input or standard output.
STANDARD_STREAM = "-"


class _Staged(Record):
    """A file that is complete, under a temporary name.

    Attributes
    ----------
    path
        Its name as it was given.
    place
        The file itself, behind all links.
    temporary
        The name that it has now, beside its place.
    """

    path: str
    place: Path
    temporary: str


class Files:
    """Files that are written all of them or none, in a ``with`` block.

    The bytes of each go to a temporary file beside it, and at the end of the block these
    take their places one after the other; if one cannot, those before it are put back.
    After an exception, or a signal that ends the program, all is as it was. What is not a
    regular file (a device, a pipe) is written directly: write it last.

    Two chances are left. `kill -9` or a power cut in the microseconds between two of the
    renames leaves the first file new and the second one old. And what was there before can
    be put back only where the file system has hard links.
    """

    def __init__(self) -> None:
        self._temporaries = ExitStack()
        self._staged: list[_Staged] = []

    @contextmanager
    def open(self, path: str) -> Iterator[BinaryIO]:
        """Open one of the files to write.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        from pathlib import Path  # noqa: PLC0415 - start-up

        place = find_place(path)
        with reported(path):
            if _is_stream(place):
                with place.open("wb") as stream:
                    yield stream
                return
            name = self._temporaries.enter_context(_beside(place))
            with _create(name) as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            Path(name).chmod(_mode(place))
            self._staged.append(_Staged(path, place, name))

    def _replace(self) -> None:
        """Let all temporary files take their places."""
        from pathlib import Path  # noqa: PLC0415 - start-up

        with held(), ExitStack() as undo:
            for number, each in enumerate(self._staged, 1):
                with reported(each.path):
                    is_last = number == len(self._staged)
                    before = None if is_last else self._keep(each.place)
                    Path(each.temporary).replace(each.place)
                    undo.callback(_put_back, each.place, before)
            undo.pop_all()

    def _keep(self, place: Path) -> str | None:
        """Give what is at a place a second name, if there is anything."""
        if not place.exists():
            return None
        name = self._temporaries.enter_context(_beside(place))
        with suppress(OSError):
            os.link(place, name)
        return name

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._temporaries:
            if kind is None and self._staged:
                self._replace()


def _put_back(place: Path, before: str | None) -> None:
    """Make a place as it was before: nothing there, or what has this name now."""
    from pathlib import Path  # noqa: PLC0415 - start-up

    with suppress(OSError):
        if before is None:
            place.unlink()
        else:
            Path(before).replace(place)


def check_outputs(
    *paths: str | None, inputs: Iterable[str | None] = (), stdout: bool = False
) -> None:
    """Refuse files that cannot be written, before the work for them is done.

    What shows beforehand is all but a disk that fills up and what others do meanwhile.

    Parameters
    ----------
    paths
        Their names; None for one that is not asked for.
    inputs
        The names of what is read, None as well; what is no name of a file is left alone.
    stdout
        Whether standard output is written, too.

    Raises
    ------
    OutputError
        If one of them cannot be written, two are the same file, or one is read.
    """
    taken = _standard_output() if stdout else None
    read = {place: name for name in inputs if name and (place := _regular(name))}
    seen: dict[object, str] = {}
    for path in paths:
        if path is None:
            continue
        place = find_place(path)
        identity: object = place
        if place.is_char_device():  # takes any number of outputs
            continue
        found = place.stat() if place.exists() else None
        if found is not None and (found.st_dev, found.st_ino) == taken:
            raise OutputError(
                f"{path}: the same file as standard output, where the result goes: give another"
                " name"
            )
        if found is not None and _is_stream(place):
            identity = (found.st_dev, found.st_ino)
        else:
            # Only trying shows all: a file system that is read-only or makes no files, such
            # as /proc, a quota, a directory that is too deep for one more name.
            with reported(path), _beside(place) as name:
                _create(name).close()
        if place in read:
            raise OutputError(
                f"{path}: the same file as {read[place]}, which is read: give another name"
            )
        if identity in seen:
            raise OutputError(f"{path}: the same file as {seen[identity]}: give two names")
        seen[identity] = path


def _standard_output() -> tuple[int, int] | None:
    """Return what tells the file behind standard output from others; None where there is none."""
    try:
        found = os.fstat(sys.stdout.fileno())
    except (AttributeError, OSError, ValueError):  # closed, or a stream in memory
        return None
    return found.st_dev, found.st_ino


def _regular(path: str) -> Path | None:
    """Return the regular file behind a name and all its links, None where there is none."""
    from pathlib import Path  # noqa: PLC0415 - start-up

    with suppress(OSError, ValueError):  # ValueError: a NUL in the name
        place = Path(path).resolve()
        return place if place.is_file() else None
    return None


def require_name(path: str) -> None:
    """Refuse a file that is not named.

    Raises
    ------
    OutputError
        If its name is empty.
    """
    if not path:
        raise OutputError("an empty file name: give the name of a file")


def find_place(path: str) -> Path:
    """Return the file to write for a name: behind all links, unless it is no regular one.

    Raises
    ------
    OutputError
        If it cannot be a file to write, as far as that shows without trying.
    """
    from pathlib import Path  # noqa: PLC0415 - start-up

    require_name(path)
    if "\0" in path:
        raise OutputError(f"{path!r}: a NUL in a file name: give another one")
    with reported(path):
        found = None
        with suppress(FileNotFoundError):
            found = os.stat(path)  # noqa: PTH116 - a Path has no slash at its end
        if path.endswith(os.sep) or (found and stat.S_ISDIR(found.st_mode)):
            raise OutputError(f"{path}: a directory: give the name of a file")
        if found and not stat.S_ISREG(found.st_mode):
            # No link is followed: what /dev/fd/3 leads to may have no name.
            place = Path(path)
        else:
            place = Path(path).resolve()
            if not place.parent.is_dir():
                given = Path(path).parent
                missing = place.parent if given.is_dir() else given
                raise OutputError(
                    f"{path}: there is no directory {missing}: make it, or give another name"
                )
        if found and stat.S_ISSOCK(found.st_mode):
            raise OutputError(f"{path}: a socket: give the name of a file")
        if found and not _may_write(place, found):
            raise OutputError(f"{path}: it is read-only: give another name")
    return place


def is_stream(path: str) -> bool:
    """Tell whether a name stands for a device or a pipe: what cannot be replaced."""
    return _is_stream(find_place(path))


def _is_stream(place: Path) -> bool:
    return place.exists() and not place.is_file()


def _may_write(place: Path, found: os.stat_result) -> bool:
    """Tell whether a file that is there may be written, and a regular one be replaced."""
    effective = os.access in os.supports_effective_ids
    if not os.access(place, os.W_OK, effective_ids=effective):
        return False
    directory = place.parent.stat()
    if stat.S_ISREG(found.st_mode) and directory.st_mode & stat.S_ISVTX:
        # A directory such as /tmp keeps each file for its owner.
        return os.geteuid() in (0, found.st_uid, directory.st_uid)
    return True


@contextmanager
def _beside(place: Path) -> Iterator[str]:
    """Give a name for a temporary file beside a place; what has it at the end is removed.

    The name is known before the file is there, so that it is removed whenever the program
    ends. Nobody else has it: it is one of 2^64.
    """
    name = str(place.with_name(f".vanish-{os.urandom(8).hex()}"))
    with temporary(name):
        yield name


def _create(name: str) -> BinaryIO:
    """Create a file that nobody else may read, and open it."""
    return os.fdopen(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _mode(place: Path) -> int:
    """Return the permissions that a plain open() would have left the file with."""
    if place.exists():
        return place.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


@contextmanager
def reported(path: str) -> Iterator[None]:
    """Turn what the system says of a file into one line.

    Raises
    ------
    OutputError
        If the system refuses it.
    """
    try:
        yield
    except OSError as error:
        long = error.errno == errno.ENAMETOOLONG
        better = "a shorter name" if long else "a file that can be written"
        raise OutputError(f"{path}: {reason(error)}: give {better}") from None


def reason(error: OSError) -> str:
    """Return what the system says is wrong, as part of a sentence."""
    return (error.strerror or str(error)).lower()
