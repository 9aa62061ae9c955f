"""The journal of a sweep: whatever ends the program, each result is whole or absent."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from command import environment
from hypothesis import given
from hypothesis import strategies as st

from vanish.errors import OutputError, UsageError
from vanish.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Iterable
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


def test_a_byte_that_is_wrong_costs_what_comes_after_it_only(tmp_path: Path) -> None:
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
            kept = whole.count(b"\n", 0, place) - 1
            missing, found = resume(path)
            assert missing == sorted(point for point, _ in RESULTS[kept:])
            assert found == SORTED


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
    with pytest.raises(UsageError, match="an unfinished sweep is there: give --resume"):
        Journal(str(path), HEADER, 6)
    assert path.read_bytes() == whole


def test_resuming_without_a_file_or_with_an_empty_one_begins(tmp_path: Path) -> None:
    path = tmp_path / "j"
    assert resume(path) == ([0, 1, 2, 3, 4, 5], SORTED)
    path.write_bytes(b"")
    assert resume(path) == ([0, 1, 2, 3, 4, 5], SORTED)
    path.write_bytes(b"")
    assert write(path)


def test_only_one_at_a_time_writes_a_file(tmp_path: Path) -> None:
    path = tmp_path / "j"
    program = (
        "import sys\nfrom vanish.errors import OutputError\nfrom vanish.journal import Journal\n"
        "try: Journal(sys.argv[1], {}, 1, resume=True)\n"
        "except OutputError as error: print(error)\n"
    )

    def other() -> str:
        return subprocess.run(
            [sys.executable, "-c", program, path],
            env=environment(),
            capture_output=True,
            check=True,
            encoding="utf-8",
        ).stdout

    with Journal(str(path), {}, 1) as journal:
        before = path.read_bytes()
        busy = f"{path}: another sweep is writing it: wait for it, or give another name"
        assert other() == f"{busy}\n"
        assert path.read_bytes() == before
        journal.append([(0, 1)])
    assert other() == ""


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
