"""The journal of a sweep: whatever ends the program, each result is whole or absent."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import threading
import time
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from command import environment
from hypothesis import given
from hypothesis import strategies as st

from vanish.errors import OutputError, UsageError
from vanish.sweeps import journal as journal_module
from vanish.sweeps.journal import Journal
from vanish.system import lock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

HEADER = {"vanish": "1", "grid": "f00d", "columns": ["a", "β"]}

# In the order in which they came: points 3, 0, 5, 1, 4, 2.
RESULTS: list[tuple[int, Any]] = [
    (3, [False, [["tanh", 1, None, 0.1 + 0.2]]]),
    (0, [True, [["σ\n\u2028\x00", "‖∂L‖"]]]),
    (5, []),
    (1, [False, [[1, 2.5e-308], [-0.0, "5e-324"]]]),
    (4, {"": None}),
    (2, '\\" \udcff'),
]
SORTED = [result for _, result in sorted(RESULTS, key=lambda each: each[0])]


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)


def write(path: Path, results: Iterable[tuple[int, Any]] = RESULTS, points: int = 6) -> bytes:
    """Return the bytes of a journal with these results, each appended alone."""
    path.unlink(missing_ok=True)
    with Journal(str(path), HEADER, points) as journal:
        for each in results:
            journal.append([each])
    return path.read_bytes()


def resume(path: Path) -> tuple[list[int], list[Any]]:
    """Go on with a journal: return the points that were missing, and all results."""
    with Journal(str(path), HEADER, 6, resume=True) as journal:
        missing = [*journal.missing()]
        assert journal.done == 6 - len(missing)
        journal.append(each for each in RESULTS if each[0] in missing)
        assert (journal.done, [*journal.missing()]) == (6, [])
        found = [*journal.results()]
    # Another look at the file finds the same: what was torn is gone.
    with Journal(str(path), HEADER, 6, resume=True) as journal:
        assert [*journal.missing()] == []
        assert [*journal.results()] == found
    return missing, found


def test_results_come_back_in_the_order_of_their_points(tmp_path: Path) -> None:
    with Journal(str(tmp_path / "j"), HEADER, 6) as journal:
        assert (journal.done, [*journal.missing()]) == (0, [0, 1, 2, 3, 4, 5])
        journal.append([])
        journal.append(RESULTS[:2])
        assert (journal.done, [*journal.missing()]) == (2, [1, 2, 4, 5])
        journal.append(iter(RESULTS[2:]))
        assert (journal.done, [*journal.missing()]) == (6, [])
        assert [*journal.results()] == SORTED
        assert [*journal.results()] == SORTED
        journal.remove()
    assert not [*tmp_path.iterdir()]


def test_results_are_in_the_file_as_soon_as_they_are_appended(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with Journal(str(path), HEADER, 6) as journal:
        sizes = [path.stat().st_size]
        for each in RESULTS:
            journal.append([each])
            sizes.append(path.stat().st_size)
        assert sizes == sorted({*sizes})
        assert path.read_bytes().count(b"\n") == 7


def test_an_interrupted_journal_is_whole_when_it_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "j"
    write(path, RESULTS[:4])
    assert resume(path) == ([2, 4], SORTED)


def test_a_file_cut_at_any_byte_keeps_all_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "j"
    whole = write(path)
    ends = [end for end, byte in enumerate(whole, 1) if byte == ord("\n")]
    assert len(ends) == 7
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        kept = max(0, sum(end <= cut for end in ends) - 1)
        missing, found = resume(path)
        assert missing == sorted(point for point, _ in RESULTS[kept:])
        assert found == SORTED


@pytest.mark.slow
def test_a_byte_that_is_wrong_costs_the_line_that_it_is_in(tmp_path: Path) -> None:
    path = tmp_path / "j"
    whole = write(path)
    header = whole.index(b"\n") + 1
    for place in range(len(whole)):
        for flipped in (0x01, 0x80, whole[place] ^ 0x0A or 0x0B):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ flipped]) + whole[place + 1 :])
            if place < header:
                with pytest.raises(UsageError, match="another grid or version"):
                    resume(path)
                continue
            hit = whole.count(b"\n", 0, place) - 1
            missing, found = resume(path)
            assert missing == [RESULTS[hit][0]]
            assert found == SORTED


@pytest.mark.parametrize(
    ("damage", "lost", "told"),
    [
        (lambda lines: [*lines[:3], b"", *lines[4:]], [2], 0),  # a line less
        (lambda lines: [*lines[:3], b"\n", *lines[3:]], [], 1),  # a line more
        (lambda lines: [*lines[:3], b"x" * 5000 + b"\n", *lines[3:]], [], 1),
        (lambda lines: [*lines[:3], bytes(4096), *lines[3:]], [], 1),  # a page of zeros
        (lambda lines: [*lines[:3], bytes(len(lines[3])), *lines[4:]], [2], 1),
        (lambda lines: [*lines[:2], lines[2][:-1], *lines[3:]], [1], 1),  # two in one
        (lambda lines: [*lines[:2], lines[2][:9], lines[2][12:], *lines[3:]], [1], 1),
        (lambda lines: [lines[0], *(each[:-2] + b"\n" for each in lines[1:])], [*range(6)], 6),
        (lambda lines: [lines[0], *(b"0" * 8 + each[8:] for each in lines[1:4])], [*range(6)], 3),
        (lambda lines: [*lines[:4], lines[4][:-5]], [3, 4, 5], 0),  # torn, as a kill leaves it
        (lambda lines: [*lines[:6], lines[6][:-5] + b"\n"], [5], 1),  # the last one
        (lambda lines: [*lines, b"no result\n"], [], 1),
    ],
)
def test_what_is_damaged_is_left_out_and_told(
    tmp_path: Path, damage: Callable[[list[bytes]], list[bytes]], lost: list[int], told: int
) -> None:
    path = tmp_path / "j"
    lines = write(path).splitlines(keepends=True)
    path.write_bytes(b"".join(damage(lines)))
    with Journal(str(path), HEADER, 6, resume=True) as journal:
        assert journal.damaged == told
    missing, found = resume(path)
    assert missing == sorted(RESULTS[place][0] for place in lost)
    assert found == SORTED


@pytest.mark.parametrize(
    "content",
    ["[6,[]]", "[-1,[]]", "[true,[]]", '["0",[]]', "[0]", "[0,1,2]", "0", "{}", "x", "[" * 10**5],
)
def test_a_line_that_no_sweep_wrote_is_damaged(tmp_path: Path, content: str) -> None:
    path = tmp_path / "j"
    whole = write(path, RESULTS[:3])
    text = content.encode()
    path.write_bytes(whole + b"%08x %s\n" % (zlib.crc32(text), text))
    with Journal(str(path), HEADER, 6, resume=True) as journal:
        assert (journal.damaged, [*journal.missing()]) == (1, [1, 2, 4])
    assert resume(path) == ([1, 2, 4], SORTED)


@given(garbage=st.one_of(st.binary(max_size=40), st.text("0123456789abcdef []\n,").map(str.encode)))
def test_garbage_behind_the_results_is_cut_off(
    tmp_path_factory: pytest.TempPathFactory, garbage: bytes
) -> None:
    path = tmp_path_factory.mktemp("garbage") / "j"
    whole = write(path, RESULTS[:3])
    path.write_bytes(whole + garbage)
    assert resume(path) == ([1, 2, 4], SORTED)
    assert path.read_bytes().startswith(whole)


def test_zeros_behind_the_results_as_a_power_cut_leaves_them(tmp_path: Path) -> None:
    path = tmp_path / "j"
    whole = write(path, RESULTS[:3])
    path.write_bytes(whole + bytes(100_000))
    assert resume(path) == ([1, 2, 4], SORTED)


def test_a_result_that_is_there_twice_counts_once(tmp_path: Path) -> None:
    path = tmp_path / "j"
    whole = write(path)
    last = whole.splitlines(keepends=True)[-1]
    path.write_bytes(whole + last)
    assert resume(path) == ([], SORTED)


# --- whose file it is ---


def test_a_file_of_another_header_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "j"
    whole = write(path)
    for other in ({**HEADER, "grid": "beef"}, {**HEADER, "vanish": "2"}, {}, {"more": 1, **HEADER}):
        with pytest.raises(UsageError, match=f"^{path}: an unfinished sweep of another grid"):
            Journal(str(path), other, 6, resume=True)
        assert path.read_bytes() == whole


@pytest.mark.parametrize("content", [b"act,layers\ntanh,3\n", b"\n", b"x", b"\xff\x00" * 50])
def test_a_file_that_is_no_journal_is_refused_and_left_alone(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "j"
    path.write_bytes(content)
    for resuming in (True, False):
        with pytest.raises(UsageError):
            Journal(str(path), HEADER, 6, resume=resuming)
        assert path.read_bytes() == content


def test_an_existing_file_is_refused_unless_it_is_resumed(tmp_path: Path) -> None:
    path = tmp_path / "j"
    whole = write(path)
    with pytest.raises(UsageError, match="an unfinished sweep is there: give resume"):
        Journal(str(path), HEADER, 6)
    assert path.read_bytes() == whole


def test_resuming_without_a_file_or_with_an_empty_one_begins(tmp_path: Path) -> None:
    path = tmp_path / "j"
    assert resume(path) == ([0, 1, 2, 3, 4, 5], SORTED)
    path.write_bytes(b"")
    assert resume(path) == ([0, 1, 2, 3, 4, 5], SORTED)
    path.write_bytes(b"")
    assert write(path)


BUSY = "another sweep is writing it: wait for it, or give another name"


@pytest.mark.parametrize("resuming", [True, False])
def test_only_one_at_a_time_writes_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, resuming: bool
) -> None:
    path = tmp_path / "j"
    monkeypatch.setattr(lock, "_PATIENCE", 0.05)

    def other() -> None:
        # A file is locked for whoever opens it again, in this process too.
        with Journal(str(path), {}, 2, resume=resuming):
            pass

    with Journal(str(path), {}, 2) as journal:
        before = path.read_bytes()
        # Nobody is told to remove it.
        with pytest.raises(OutputError, match=f"^{path}: {BUSY}$"):
            other()
        assert path.read_bytes() == before
        journal.append([(0, 1)])
    if resuming:
        other()
    else:
        with pytest.raises(UsageError, match=r"an unfinished sweep is there: give resume"):
            other()


def test_a_lock_is_one_between_processes(tmp_path: Path) -> None:
    path = tmp_path / "j"
    program = (
        "import sys\nfrom vanish.errors import OutputError\n"
        "from vanish.sweeps import journal\nfrom vanish.system import lock\n"
        "lock._PATIENCE = 0.05\n"
        "try: journal.Journal(sys.argv[1], {}, 1, resume=True)\n"
        "except OutputError as error: print(error)\n"
    )
    with Journal(str(path), {}, 1):
        done = subprocess.run(
            [sys.executable, "-c", program, path],
            env=environment(),
            capture_output=True,
            check=True,
            encoding="utf-8",
        )
    assert done.stdout == f"{path}: {BUSY}\n"


def test_a_lock_that_the_dying_still_have_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "j"
    whole = write(path, RESULTS[:4])
    # As workers have it that outlive their sweep for a moment: by the same open file.
    held = os.open(path, os.O_RDWR)
    fcntl.flock(held, fcntl.LOCK_EX)
    waiting = threading.Timer(0.3, os.close, [held])
    waiting.start()
    assert resume(path) == ([2, 4], SORTED)
    waiting.join()
    assert path.read_bytes().startswith(whole)


@pytest.mark.parametrize("new", [True, False])
def test_a_file_that_is_removed_while_it_is_waited_for_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new: bool
) -> None:
    # The sweep that had it ends and removes it; a third one may be there before this one.
    path = tmp_path / "j"
    write(path)
    really = fcntl.flock
    calls = 0

    def flock(file: int, how: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            path.unlink()
            if new:
                path.write_bytes(b"")
        really(file, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    with Journal(str(path), HEADER, 6, resume=True) as journal:
        assert (calls, [*journal.missing()]) == (2, [0, 1, 2, 3, 4, 5])
        journal.append(RESULTS)
    assert resume(path) == ([], SORTED)


def test_a_file_system_without_locks_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(*_: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(OutputError, match=r"it cannot be locked \(no locks available\): give"):
        Journal(str(tmp_path / "j"), HEADER, 6)


@pytest.mark.parametrize("resuming", [True, False])
def test_what_is_no_regular_file_is_refused(tmp_path: Path, resuming: bool) -> None:
    path = tmp_path / "j"
    os.mkfifo(path)
    for name in (str(path), "/dev/null"):
        with pytest.raises(OutputError, match=r": no regular file: remove it$"):
            Journal(name, HEADER, 6, resume=resuming)


@pytest.mark.parametrize("name", ["", "missing/j", "file/j"])
def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match=r": give a file that can be written$") as caught:
        Journal(f"{tmp_path}/{name}", HEADER, 6, resume=True)
    assert "\n" not in str(caught.value)


# --- a full disk ---


@pytest.mark.parametrize("partly", [0, 1, 9, 10])
def test_a_full_disk_loses_nothing_that_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, partly: int
) -> None:
    path = tmp_path / "j"
    really = os.pwrite
    calls = 0

    def full(file: int, data: Any, offset: int) -> int:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return really(file, bytes(data)[:partly], offset)

    with Journal(str(path), HEADER, 6) as journal:
        journal.append(RESULTS[:3])
        before = path.read_bytes()
        with monkeypatch.context() as patch:
            patch.setattr(os, "pwrite", full)
            with pytest.raises(OutputError, match="no space left on device: make room, then go on"):
                journal.append(RESULTS[3:5])
        assert path.read_bytes() == before
    assert resume(path) == ([1, 2, 4], SORTED)


def test_a_system_that_writes_a_few_bytes_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = os.pwrite
    expected = write(tmp_path / "whole")
    monkeypatch.setattr(
        os, "pwrite", lambda file, data, offset: really(file, bytes(data)[:7], offset)
    )
    assert write(tmp_path / "j") == expected


def test_a_full_disk_at_the_first_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "j"

    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with pytest.raises(OutputError, match="no space left on device"):
            Journal(str(path), HEADER, 6)
    assert resume(path) == ([0, 1, 2, 3, 4, 5], SORTED)


# --- a power cut ---


class Disk:
    """What a power cut would leave of a file: what was there when it was last synced."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.safe = b""
        self._path = path
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(os, "fsync", self._sync)

    def _sync(self, file: int) -> None:
        assert os.path.samestat(os.fstat(file), self._path.stat())
        self.safe = self._path.read_bytes()


@pytest.mark.parametrize("step", [0.25, 0.6, 1.5, 60.0])
def test_a_power_cut_costs_the_results_of_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: float
) -> None:
    path = tmp_path / "j"
    disk = Disk(path, monkeypatch)
    # What the file was at each time.
    written: list[tuple[float, bytes]] = []
    with Journal(str(path), HEADER, 100) as journal:
        for point in range(100):
            disk.now += step
            journal.append([(point, point)])
            written.append((disk.now, path.read_bytes()))
            late = [content for when, content in written if when <= disk.now - 1.0 - step]
            assert disk.safe.startswith(late[-1] if late else b"")
        assert len(late) > 40
    # Whoever is told that results are kept, is told so afterwards.
    assert disk.safe == path.read_bytes()
    assert disk.safe.count(b"\n") == 101


def test_a_disk_that_fails_at_last_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with Journal(str(tmp_path / "j"), HEADER, 6) as journal:
        monkeypatch.setattr(journal_module, "_SYNC", -1.0)
        monkeypatch.setattr(os, "fsync", fails)
        with pytest.raises(OutputError, match=r"input/output error: make room, then go on"):
            journal.append(RESULTS)
