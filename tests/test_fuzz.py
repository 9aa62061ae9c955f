"""Whatever is on the command line or in a file: an answer or one line that says what is wrong."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from arrayfile import npy, npz
from command import run_in_process
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from vanish import activations, initializers
from vanish.errors import VanishError
from vanish.files import read_network, read_rows

if TYPE_CHECKING:
    from collections.abc import Callable

# A fresh directory for every example would only cost time: outputs overwrite each other.
IN_ONE_DIRECTORY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])

FILES = {
    "row.txt": b"1 2 3\n",
    "rows.npy": npy(np.arange(6.0).reshape(2, 3)),
    "huge.txt": b"1e308 -1e308 1e-308\n",
    "zeros.txt": b"0 0 0\n",
    "nan.txt": b"nan\n",
    "net.npz": npz(W1=np.eye(3), W2=np.ones((2, 3)), b2=np.ones(2)),
    "huge.npz": npz(W1=np.full((3, 3), 1e308), W2=np.full((3, 3), -1e308)),
    "tiny.npz": npz(W1=np.full((3, 3), 5e-324), b1=np.full(3, 5e-324)),
    "kernels.npz": npz(**{"dense/kernel": np.ones((3, 2)), "dense/bias": np.ones((1, 2))}),
    "square.npz": npz(arr_0=np.arange(9.0).reshape(3, 3)),
    "named.csv": b"a,b,c\n1,2,3\n",
    "column.txt": b"1\n2\n3\n",
    "zero.npz": npz(W1=np.zeros((3, 3)), W2=np.zeros((3, 3))),
    "torn.npz": npz(W1=np.eye(3))[:-30],
}

ACTS = [*activations.names(), "swish", "LeakyReLU"]

# Whatever comes out of a shell; a process gets no NUL in its arguments.
ANYTHING = st.text(st.characters(exclude_characters="\0"), max_size=8) | st.sampled_from(
    ["", " ", ",", "-", "--", "=", "\n", "Ⅷ", "٣", "\udcff", "e\u0301", "%s", "{0}", "[red]", "/"]
)
# What a chain of these takes is small, or more than any machine has.
WHOLE = st.sampled_from(["1", "2", "3", "7", "0", "-1", "1e3", "1.0", "0x2", "1_0", "", "9" * 30])
NUMBER = st.sampled_from(
    [
        *("1", "0.5", "3", "1e-3", "0", "-0.0", "-1", "nan", "inf", "-inf", "1e308", "1e-308"),
        *("5e-324", "1e200", "1e-200", "1e999", "1e-999", "", "1,5", "0x1p3", "9" * 400),
    ]
)
FILE = st.sampled_from([*FILES, "missing", ".", "", "-", "/dev/null", "row.txt/x"])
TARGET = st.sampled_from(
    [
        *("out.txt", "out.tsv", "out.csv", "out.json", "out.jsonl", "out.md", "out", "out.xyz"),
        *("-", "", ".", "missing/out.tsv", "/dev/null", "/dev/full", "row.txt/out.tsv"),
    ]
)
LAYER_ACTS = st.lists(st.sampled_from(ACTS), min_size=1, max_size=4).map(",".join)
SIZES = st.lists(WHOLE, min_size=1, max_size=4).map(",".join)

VALUES = {
    "--act": LAYER_ACTS | ANYTHING,
    "--layer-acts": LAYER_ACTS | ANYTHING,
    "--layers": WHOLE | ANYTHING,
    "--width": WHOLE | ANYTHING,
    "--widths": SIZES | ANYTHING,
    "--init": st.sampled_from(initializers.names()) | ANYTHING,
    "--weight-std": NUMBER | ANYTHING,
    "--bias-std": NUMBER | ANYTHING,
    "--gain": NUMBER | ANYTHING,
    "--input": FILE,
    "--batch": WHOLE | ANYTHING,
    "--loss": st.sampled_from(["readout", "mse", "cross_entropy", "bce"]) | ANYTHING,
    "--target": FILE,
    "--weights": FILE,
    "--weights-layout": st.sampled_from(["auto", "in_out", "out_in"]) | ANYTHING,
    "--save-weights": TARGET.filter(lambda name: name != "-"),
    "--seed": WHOLE | ANYTHING,
    "--vanish-below": NUMBER | ANYTHING,
    "--explode-above": NUMBER | ANYTHING,
    "--fail-on": st.sampled_from(["vanishing", "exploding,dead", "stable", ","]) | ANYTHING,
    "--format": st.sampled_from(["auto", "table", "tsv", "csv", "json", "jsonl", "markdown"])
    | ANYTHING,
    "--output": TARGET,
    "--rows": WHOLE,
}
FLAGS = ["--norm-bound", "--no-norm-bound", "--no-header", "--quiet", "--version", "--help", "--"]


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    # A valid option first, and small: without --width and --layers most runs are large.
    words = draw(st.sampled_from([["--width=3"], ["--layers=2"], []]))
    for _ in range(draw(st.integers(1, 5))):
        option = draw(st.sampled_from([*VALUES, *FLAGS, ""]))
        if option in VALUES:
            value = draw(VALUES[option])
            words = words + ([f"{option}={value}"] if draw(st.booleans()) else [option, value])
        else:
            words = [*words, option or draw(ANYTHING)]
    return words


@pytest.fixture(autouse=True)
def _in_a_directory_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)


@settings(IN_ONE_DIRECTORY, max_examples=250)
@example(["--gain=5e-324", "--act=relu"], b"")
@example(["--weight-std=1e-308", "--act=relu"], b"")
@example(["--gain=1e-308", "--act=relu,tanh", "--format=table"], b"")
@example(["--bias-std=1e308"], b"")
@example(["--gain=1e308", "--bias-std=1e308", "--act=identity"], b"")
@example(["--vanish-below=5e-324", "--explode-above=1e308"], b"")
@example(["--weights=tiny.npz", "--input=huge.txt"], b"")
@example(["--weights=huge.npz", "--input=huge.txt", "--loss=mse", "--format=json"], b"")
@given(command_lines(), st.sampled_from([b"", b"1 2 3", b"\xff", npy([1.0]), FILES["net.npz"]]))
def test_any_command_line_has_an_answer_or_one_error(words: list[str], stdin: bytes) -> None:
    result = run_in_process(*words, stdin=stdin)
    assert result.status in {0, 2, 3}
    if result.status == 2:
        assert result.stdout == b""
        assert result.stderr.startswith(b"Error: ")
        assert result.stderr.count(b"\n") == 1
    else:
        assert not re.search(rb"\bnan\b", result.stdout)
        assert b"Error" not in result.stderr
    assert not [*Path().glob(".*")]  # a temporary file


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
