"""Whatever is on the command line or in a file: an answer or one line that says what is wrong."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from arrayfile import npy, npz
from command import run_in_process
from fuzz import FILES, complaint, drawing, try_files, try_lines
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vanish.errors import VanishError
from vanish.files.networks import read_network
from vanish.files.rows import read_rows

if TYPE_CHECKING:
    from collections.abc import Callable

# A fresh directory for every example would only cost time: outputs overwrite each other.
IN_ONE_DIRECTORY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])

# So many seconds of what `make fuzz` does for as long as asked.
SECONDS = 3.0

# Of the edge of float64, where most that the fuzz found stood.
LINES = """
--gain=5e-324 --act=relu
--weight-std=1e-308 --act=relu
--gain=1e-308 --act=relu,tanh --format=table
--bias-std=1e308
--gain=1e308 --bias-std=1e308 --act=identity
--vanish-below=5e-324 --explode-above=1e308
--weights=tiny.npz --input=huge.txt
--weights=huge.npz --input=huge.txt --loss=mse --format=json
"""


@pytest.fixture(autouse=True)
def _in_a_directory_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("line", LINES.split("\n")[1:-1])
def test_the_edge_of_float64_has_an_answer_or_one_error(line: str) -> None:
    assert not complaint(line.split(), run_in_process(*line.split()))
    assert not [*Path().glob(".*")]  # a temporary file


@pytest.mark.slow
def test_any_command_line_has_an_answer_or_one_error() -> None:
    report = try_lines(10_000, drawing(0), time.monotonic() + SECONDS)
    assert report.ends.total() > 10
    assert not report.faults


@pytest.mark.slow
def test_any_damaged_file_is_read_or_refused() -> None:
    report = try_files(10_000, drawing(0), time.monotonic() + SECONDS)
    assert report.ends["refused"] > 10
    assert not report.faults


@pytest.mark.slow
def test_the_fuzz_finds_planted_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("vanish.cli.parse.split_list", fail)
    report = try_lines(60, drawing(0))
    assert report.ends["raised"] == len(report.faults) > 0
    assert "ZeroDivisionError" in report.faults[0]


def mutations(content: bytes) -> st.SearchStrategy[bytes]:
    """Return a file's bytes with some of them changed, and perhaps cut off."""

    def mutate(changes: list[tuple[int, int]], end: int) -> bytes:
        changed = bytearray(content)
        for at, byte in changes:
            changed[at] = byte
        return bytes(changed[:end])

    places = st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255))
    ends = st.just(len(content)) | st.integers(0, len(content))
    return st.builds(mutate, st.lists(places, max_size=4), ends)


@settings(IN_ONE_DIRECTORY, max_examples=200)
@given(
    st.binary(max_size=60)
    | st.binary(max_size=60).map(lambda tail: b"\x93NUMPY" + tail)
    | st.binary(max_size=60).map(lambda tail: b"PK\x03\x04" + tail)
    | mutations(npy([[1.0, 2.0]]))
    | mutations(npz(W1=np.eye(1)))
    | mutations(b"1 2\n3 4\n"),
    st.sampled_from([read_rows, read_network]),
)
def test_any_file_is_read_or_refused(content: bytes, read: Callable[[str], object]) -> None:
    Path("file").write_bytes(content)
    with contextlib.suppress(VanishError):
        read("file")
