"""The files that are read and written: inputs, targets, networks."""

from __future__ import annotations

import csv
import io
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from arrayfile import npy, npz
from command import Result, run_in_process

from vanish import Network, simulate
from vanish.errors import InputError, VanishError
from vanish.files import networks
from vanish.files.rows import read_rows

VECTOR = [1.0, -2.5, 3e-300]
MATRIX = [[1.0, -2.5, 3e-300], [0.0, 7.0, 1e300]]


def read_network(path: str) -> Network:
    """Read a plain chain."""
    found = networks.read_network(path)
    assert isinstance(found, Network)
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "file"


def rows_of(file: Path, content: bytes) -> list[list[float]]:
    file.write_bytes(content)
    rows: list[list[float]] = read_rows(str(file)).values.tolist()
    return rows


# Rows of numbers.


@pytest.mark.parametrize(
    "content",
    [
        b"1,-2.5,3e-300",
        b"1 -2.5 3e-300\n",
        b"1\t-2.5\t3e-300\r\n",
        b"1.0, -2.50 , 3E-300,\n\n",
        b"\xef\xbb\xbf1 -2.5 3e-300\n",
        b"# a comment\n1 -2.5 3e-300 # another\n",
        b"1\n-2.5\n3e-300\n",
        b"  1\r\n -2.5\r\n# in between\r\n\r\n 3e-300",
    ],
)
def test_a_vector_may_be_written_in_many_ways(file: Path, content: bytes) -> None:
    assert rows_of(file, content) == [VECTOR]


@pytest.mark.parametrize(
    "content",
    [
        b"1 -2.5 3e-300\n0 7 1e300\n",
        b"1,-2.5,3e-300\n\n0,7,1e300",
        b"# x\n1;-2.5;3e-300\n0;7;1e300\n".replace(b";", b", "),
    ],
)
def test_a_batch_is_one_row_a_line(file: Path, content: bytes) -> None:
    assert rows_of(file, content) == MATRIX


@pytest.mark.parametrize(
    ("array", "rows"),
    [
        (np.array(VECTOR), [VECTOR]),
        (np.array(MATRIX), MATRIX),
        (np.asfortranarray(MATRIX), MATRIX),
        (np.array(MATRIX, dtype=">f8"), MATRIX),
        (np.array([[1, 2], [3, 4]], dtype=np.int8), [[1.0, 2.0], [3.0, 4.0]]),
        (np.array([1, 2], dtype=">u2"), [[1.0, 2.0]]),
        (np.array([0.1, 2.0], dtype=np.float32), [[float(np.float32(0.1)), 2.0]]),
        (np.array([0.5, 2.0], dtype=np.float16), [[0.5, 2.0]]),
        (np.array([True, False]), [[1.0, 0.0]]),
        (np.array(5.0), [[5.0]]),
    ],
)
def test_an_array_of_any_real_type_and_order_is_read(
    file: Path, array: Any, rows: list[list[float]]
) -> None:
    assert rows_of(file, npy(array)) == rows


@pytest.mark.parametrize("content", [b"1 -2.5 3", npy([1.0, -2.5, 3.0])])
def test_an_input_comes_from_a_file_or_from_stdin(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    expected = simulate(act="tanh", layers=3, input=read_rows(str(file))).layers
    by_file = run_in_process("--act=tanh", "--layers=3", "--input", str(file))
    by_stdin = run_in_process("--act=tanh", "--layers=3", "--input=-", stdin=content)
    assert by_file.status == 0
    assert by_file == by_stdin
    grad_w = [line.split(b"\t")[4] for line in by_file.stdout.splitlines()[1:]]
    assert grad_w == [repr(layer.grad_w.exact()).encode() for layer in expected]
    assert by_file.stdout.splitlines()[1].split(b"\t")[2] == b"3"


def test_a_target_row_stands_for_the_whole_batch(file: Path) -> None:
    chain = ("--act=tanh", "--widths=4,3", "--loss=mse", "--batch=2", "--target")
    file.write_text("1 2 3\n")
    one = run_in_process(*chain, str(file))
    file.write_text("1 2 3\n1 2 3\n")
    assert one.status == 0
    assert run_in_process(*chain, str(file)) == one
    file.write_text("1 2 3\n1 2 4\n")
    assert run_in_process(*chain, str(file)).stdout != one.stdout
    assert run_in_process(*chain, "-", stdin=b"1\n2\n3\n") == one


def test_the_default_target_is_zero(file: Path) -> None:
    chain = ("--act=tanh", "--widths=4,3", "--loss=mse")
    file.write_text("0 0 0\n")
    assert run_in_process(*chain) == run_in_process(*chain, "--target", str(file))


@pytest.mark.parametrize(
    ("array", "complaint"),
    [
        (np.array([1.0, np.nan]), "entry 2 is nan"),
        (np.array([[1.0, 2.0], [np.inf, 1.0]]), "entry 2, 1 is inf"),
        (np.array([1j]), "complex128"),
        (np.array(["1"]), "<U1"),
        (np.array([b"1"]), r"\|S1"),
        (np.array(["2020-01-01"], dtype="M8[D]"), "datetime64"),
        (np.array([(1.0, 2)], dtype=[("a", "f8"), ("b", "i4")]), "entries of a type of"),
        (np.array([None]), "pickled objects"),
        (np.zeros((2, 2, 2)), r"\(2, 2, 2\)"),
        (np.zeros(0), r"\(0,\)"),
        (np.zeros((3, 0)), r"\(3, 0\)"),
    ],
)
def test_an_array_of_anything_else_is_refused(file: Path, array: Any, complaint: str) -> None:
    file.write_bytes(npy(array))
    with pytest.raises(VanishError, match=complaint):
        read_rows(str(file))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "no numbers"),
        (b"\n \n# 1 2\n", "no numbers"),
        (b"1 2\n3 x4\n", "line 2: 'x4' is not a number"),
        (b"1 2\n\n3\n", "line 3 has 1 numbers, the first row 2"),
        (b"1 nan\n", "entry 1, 2 is nan"),
        (b"-inf\n", "entry 1 is -inf"),
        (b"1e999 1\n", "entry 1, 1 is inf"),
        (b"\xff\xfe1\x00", "neither .npy nor text"),
        (b"1\x002", "is not a number"),
        (b"x" * 10_000, f"'{'x' * 40}' is not a number"),
    ],
)
def test_text_with_anything_but_numbers_is_refused(
    file: Path, content: bytes, complaint: str
) -> None:
    file.write_bytes(content)
    with pytest.raises(VanishError, match=complaint):
        read_rows(str(file))


@pytest.mark.slow
def test_a_truncated_array_is_refused_wherever_it_ends(file: Path) -> None:
    content = npy(MATRIX)
    for end in range(len(content)):
        file.write_bytes(content[:end])
        with pytest.raises(InputError):
            read_rows(str(file))


def with_header(header: str) -> bytes:
    """Return a .npy file of that header and no data to speak of."""
    text = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + b"\0" * 64


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 1000000, 1000000)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}",
        "{'descr': '<f8', 'fortran_order': 2, 'shape': (8,)}",
        "{'descr': 'nonsense', 'fortran_order': False, 'shape': (8,)}",
        "{'descr': '<f8', 'shape': (8,)}",
        "[" * 100,
        "{",
        "__import__('os').abort()",
    ],
)
def test_a_header_that_lies_is_refused(file: Path, header: str) -> None:
    file.write_bytes(with_header(header))
    with pytest.raises(InputError, match=r"a damaged \.npy file|does not fit into memory"):
        read_rows(str(file))


# Networks.

SAVED = [
    "--act=tanh --layers=4 --width=5",
    "--act=relu --widths=7,3,9,2 --bias-std=0.5 --batch=3",
    "--act=gelu --layers=3 --width=4 --init=orthogonal --gain=1.7 --seed=9",
    "--act=selu --layers=2 --width=6 --weight-std=0.3 --bias-std=2 --loss=sum",
    "--act=silu --widths=2,5,3 --loss=mse --batch=2",
    "--layer-acts=relu,sigmoid,tanh --width=4 --no-norm-bound",
]


KEPT = ("--act", "--layer-acts", "--loss", "--no-norm-bound")


@pytest.mark.parametrize("options", SAVED)
def test_a_saved_chain_gives_the_same_rows(tmp_path: Path, options: str) -> None:
    saved, again = str(tmp_path / "saved.npz"), str(tmp_path / "again.npz")
    kept = [option for option in options.split() if option.startswith(KEPT)]
    first = run_in_process(*options.split(), "--save-weights", saved)
    second = run_in_process(*kept, "--weights", saved, "--save-weights", again)
    assert first == run_in_process(*options.split())
    # The chain is drawn without the scale of its weights, which the file has multiplied
    # out: that rounds, once.
    assert first.status == second.status == 0
    for row, row_again in zip(table(first), table(second), strict=True):
        predicted = "log10_predicted"
        unknown = (predicted, f"{predicted}_b", f"{predicted}_f", f"{predicted}_rms_a")
        of_given_weights = {"init": "weights"} | dict.fromkeys(unknown, "")
        expected = {name: rounded(cell) for name, cell in row.items()} | of_given_weights
        assert row_again == expected
    assert run_in_process(*kept, "--weights", again) == second
    assert Path(again).read_bytes() == Path(saved).read_bytes()


def table(result: Result) -> list[dict[str, Any]]:
    reader = csv.DictReader(io.StringIO(result.stdout.decode()), delimiter="\t")
    return [
        {name: cell if name in TEXT or not cell else float(cell) for name, cell in row.items()}
        for row in reader
    ]


def rounded(cell: Any) -> Any:
    return pytest.approx(cell, rel=1e-12, abs=1e-14) if isinstance(cell, float) else cell


TEXT = ("act", "status", "engine", "init")


def test_what_is_saved_is_the_chain(tmp_path: Path) -> None:
    path = tmp_path / "chain.npz"
    options = "--act=tanh --widths=5,3,4 --bias-std=0.5 --batch=2 --init=orthogonal --gain=2"
    assert run_in_process(*options.split(), "--save-weights", str(path)).status == 0
    with np.load(path) as arrays:
        saved = dict(arrays)
    assert {name: array.shape for name, array in saved.items()} == {
        "x": (2, 5),
        "r": (4,),
        "W1": (3, 5),
        "b1": (3,),
        "W2": (4, 3),
        "b2": (4,),
    }
    assert saved["W1"] @ saved["W1"].T == pytest.approx(4.0 * np.eye(3), abs=1e-13)
    f1 = np.tanh(saved["x"] @ saved["W1"].T + saved["b1"])
    f2 = np.tanh(f1 @ saved["W2"].T + saved["b2"])
    d2 = (1.0 - f2**2) * saved["r"] / 2.0
    d1 = (1.0 - f1**2) * (d2 @ saved["W2"])
    rows = table(run_in_process(*options.split()))
    for row, d, f in zip(rows, (d1, d2), (saved["x"], f1), strict=True):
        assert row["grad_w"] == pytest.approx(float(np.linalg.norm(d.T @ f)), rel=1e-12)


@pytest.mark.parametrize("options", ["--loss=mse", "--bias-std=0"])
def test_only_what_the_chain_has_is_saved(tmp_path: Path, options: str) -> None:
    path = tmp_path / "chain.npz"
    run_in_process("--act=relu", "--widths=2,2", options, "--save-weights", str(path))
    with np.load(path) as arrays:
        assert set(arrays) == {"x", "W1"} | ({"r"} if options != "--loss=mse" else set())


def network(file: Path, **arrays: Any) -> tuple[Any, ...]:
    file.write_bytes(npz(**arrays))
    read = read_network(str(file))
    return (
        [weight.tolist() for weight in read.weights],
        [None if bias is None else bias.tolist() for bias in read.biases],
    )


def test_a_missing_bias_is_zero(file: Path) -> None:
    w1, w2, b2 = np.eye(2), np.array([[1.0, 2.0]]), np.array([3.0])
    weights = [w1.tolist(), w2.tolist()]
    assert network(file, W1=w1, W2=w2, b2=b2) == (weights, [None, [3.0]])
    with_missing = run_in_process("--act=tanh", "--weights", str(file))
    network(file, W1=w1, b1=np.zeros(2), W2=w2, b2=b2)
    assert run_in_process("--act=tanh", "--weights", str(file)) == with_missing


@pytest.mark.parametrize("dtype", ["f4", ">f8", "i2", "?"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_weights_of_any_real_type_and_order_are_read(file: Path, dtype: str, order: Any) -> None:
    matrix = np.array([[1, 0, 1], [0, 1, 1]], dtype=dtype, order=order)
    found, _ = network(file, W1=matrix)
    assert found == [[[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]]]


def test_ten_layers_are_in_the_order_of_their_numbers(file: Path) -> None:
    weights = {f"W{k}": np.full((1, 1), float(k)) for k in range(12, 0, -1)}
    found, _ = network(file, **weights)
    assert found == [[[float(k)]] for k in range(1, 13)]


def test_a_compressed_network_is_read(file: Path) -> None:
    with file.open("wb") as stream:
        np.savez_compressed(stream, W1=np.eye(2))
    assert [weight.tolist() for weight in read_network(str(file)).weights] == [np.eye(2).tolist()]


def test_a_network_comes_from_stdin_too(file: Path) -> None:
    network(file, W1=np.eye(2), W2=np.ones((3, 2)))
    by_file = run_in_process("--act=relu", "--weights", str(file))
    assert by_file.status == 0
    assert run_in_process("--act=relu", "--weights=-", stdin=file.read_bytes()) == by_file


def test_another_input_takes_the_place_of_the_saved_one(file: Path, tmp_path: Path) -> None:
    network(file, W1=np.eye(2), x=np.array([[5.0, 5.0]]))
    (tmp_path / "x.txt").write_text("3 4")
    chain = ("--act=identity", "--loss=sum", "--weights", str(file))
    norms = [table(run_in_process(*chain))[0]["grad_w"]]
    norms.append(table(run_in_process(*chain, "--input", str(tmp_path / "x.txt")))[0]["grad_w"])
    # ‖(1, 1)‖·‖x‖
    assert norms == [pytest.approx(10.0, rel=1e-14), pytest.approx(50.0**0.5, rel=1e-14)]


EYE = np.eye(2)


@pytest.mark.parametrize(
    ("arrays", "complaint"),
    [
        ({}, "no weights in it"),
        ({"W2": EYE}, "W2 but no W1"),
        ({"W1": EYE, "W3": EYE, "W4": EYE}, "W3 but no W2"),
        ({"W1": EYE, "weight": EYE}, "'weight'"),
        ({"W1": EYE, "b2": np.ones(2)}, "'b2'"),
        ({"W1": np.ones(4)}, r"W1 has shape \(4,\)"),
        ({"W1": np.float64(1.0)}, r"W1 has shape \(\)"),
        ({"W1": np.ones((2, 2, 1))}, r"W1 has shape \(2, 2, 1\)"),
        ({"W1": np.ones((0, 2))}, r"W1 has shape \(0, 2\)"),
        ({"W1": EYE, "b1": EYE}, r"b1 has shape \(2, 2\)"),
        ({"W1": EYE, "b1": np.ones(3)}, "b1 has 3 entries, W1 has 2 outputs"),
        ({"W1": EYE, "W2": np.eye(3)}, "W2 is 3 × 3, but W1 has 2 outputs"),
        ({"W1": EYE * np.nan}, "W1: entry 1, 1 is nan"),
        ({"W1": EYE, "b1": np.array([0.0, -np.inf])}, "b1: entry 2 is -inf"),
        ({"W1": EYE * 1j}, "W1: entries of type complex128"),
        ({"W1": np.array([["a"]])}, "W1: entries of type <U1"),
        ({"W1": np.array([[None]])}, "W1: pickled objects"),
        ({"W1": EYE, "x": np.ones(3)}, "x"),
        ({"W1": EYE, "x": np.ones((0, 2))}, "x"),
        ({"W1": EYE, "x": np.ones((1, 1, 2))}, "x"),
        ({"W1": EYE, "r": np.ones(3)}, "r"),
    ],
)
def test_a_network_that_is_none_is_refused(
    file: Path, arrays: dict[str, Any], complaint: str
) -> None:
    file.write_bytes(npz(**arrays))
    with pytest.raises(VanishError, match=complaint):
        simulate(act="tanh", weights=read_network(str(file)))


@pytest.mark.slow
def test_a_truncated_network_is_refused_wherever_it_ends(file: Path) -> None:
    content = npz(W1=EYE, b1=np.ones(2))
    for end in range(len(content)):
        file.write_bytes(content[:end])
        with pytest.raises(InputError):
            read_network(str(file))


@pytest.mark.parametrize("content", [b"text", npy(EYE), b"PK", b"PK\x05\x06" + b"\0" * 17])
def test_what_is_no_archive_is_refused(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"(not an|a damaged) \.npz file"):
        read_network(str(file))


def test_an_archive_of_other_files_is_refused(file: Path) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("README.md", "# not an array")
        archive.writestr("directory/", "")
    with pytest.raises(InputError):
        read_network(str(file))


def test_pickled_code_is_not_run(file: Path, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, tuple[Path]]:
            return Path.touch, (tmp_path / "ran",)

    for content in (npy([Evil()]), npz(W1=np.array([[Evil()]])), pickle.dumps(Evil())):
        file.write_bytes(content)
        assert run_in_process("--input", str(file)).status == 2
        assert run_in_process("--weights", str(file)).status == 2
    assert not (tmp_path / "ran").exists()
