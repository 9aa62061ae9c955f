"""Files that someone made to do harm, and those that are wrong in the same way by accident."""

from __future__ import annotations

import io
import signal
import struct
import subprocess
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest
from arrayfile import npy, npz
from command import VANISH, check_error, environment, run_in_process
from limits import MB, check_refused, limited
from processes import PATIENCE

from vanish import Rows, errors
from vanish.errors import InputError, UsageError, VanishError, plain
from vanish.files.networks import read_network
from vanish.files.rows import read_rows
from vanish.training.data import Data

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def header(descr: str, shape: str, version: int = 1) -> bytes:
    """Return the start of a .npy file."""
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    size = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + size + text


def bomb(
    target: Path,
    zeros: int,
    method: int = zipfile.ZIP_DEFLATED,
    start: bytes = b"",
    name: str = "W1",
) -> None:
    """Write an archive of a member that unpacks to so many bytes of zeros."""
    with (
        zipfile.ZipFile(target, "w", method) as archive,
        archive.open(f"{name}.npy", "w", force_zip64=True) as member,
    ):
        member.write(start)
        for _ in range(zeros // MB):
            member.write(bytes(MB))


# Archives.


@pytest.mark.slow
@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_archive_that_unpacks_without_bounds_is_refused(tmp_path: Path, method: int) -> None:
    bomb(tmp_path / "x.npz", 50 * MB, method, header("'<f8'", "(6250000,)"))
    assert (tmp_path / "x.npz").stat().st_size < 100_000
    for line in ("--weights x.npz", "train --data x.npz"):
        result = limited(f"exec $VANISH {line}", cwd=tmp_path)
        check_refused(result, "packed in a way that numpy does not")
        assert result.peak < 60 * MB


@pytest.mark.slow
def test_a_member_counts_as_what_it_unpacks_to(tmp_path: Path) -> None:
    # 150 kB that are 150 MB, of which, with its copies, not a third fits.
    bomb(tmp_path / "x.npz", 150 * MB, start=header("'<f8'", "(18750000,)"))
    result = limited("exec $VANISH --weights x.npz", "-v 500000", tmp_path)
    check_refused(result, "x.npz", "it does not fit into memory")


@pytest.mark.slow
def test_no_more_is_unpacked_than_the_shape_asks_for(tmp_path: Path) -> None:
    content = npy(np.eye(2))
    bomb(tmp_path / "x.npz", 100 * MB, start=content)
    result = limited("exec $VANISH --weights x.npz --quiet -f csv", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.peak < 80 * MB


def with_claimed_size(path: Path, claimed: int) -> str:
    """Write a network into an archive whose directory says another size of it."""
    content = bytearray(npz(W1=np.eye(200)))
    at = content.index(b"PK\x01\x02")
    size = content[at + 24 : at + 28]
    content[at + 24 : at + 28] = struct.pack("<I", claimed)
    assert size != content[at + 24 : at + 28]
    path.write_bytes(content)
    return str(path)


@pytest.mark.parametrize("claimed", [10**9, 2**32 - 2])
def test_an_archive_that_claims_too_much_is_read_as_it_is(tmp_path: Path, claimed: int) -> None:
    path = with_claimed_size(tmp_path / "x.npz", claimed)
    assert read_network(path).sizes == (200, 200)


def test_an_archive_that_claims_too_little_is_damaged(tmp_path: Path) -> None:
    path = with_claimed_size(tmp_path / "x.npz", 10)
    with pytest.raises(InputError, match="damaged"):
        read_network(path)


def test_members_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    target = tmp_path / "x.npz"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("W1.npy", npy(np.zeros((1000, 1000))))
        first = archive.filelist[0]
        for k in range(2, 500):
            again = zipfile.ZipInfo(f"W{k}.npy")
            for name in ("CRC", "compress_size", "file_size", "header_offset", "compress_type"):
                setattr(again, name, getattr(first, name))
            archive.filelist.append(again)
    check_error(f"--weights {target}", "a damaged .npz file")


@pytest.mark.slow
@pytest.mark.parametrize("last", [10**8, 10**17])
def test_a_number_in_a_name_is_no_size(tmp_path: Path, last: int) -> None:
    (tmp_path / "x.npz").write_bytes(npz(W1=np.eye(2), **{f"W{last}": np.eye(2)}))
    result = limited("exec $VANISH --weights x.npz", "-v 600000", tmp_path)
    check_refused(result, f"W{last}"[:19])


# Headers.


@pytest.mark.parametrize(
    ("start", "says"),
    [
        (header("'<U0'", "(100000000,)"), "entries of no size"),
        (header("'|V0'", "(100000000,)"), "entries of no size"),
        (header("'|S0'", "(1000000000000,)"), "entries of no size"),
        (header("'|O'", "(3,)"), "pickled objects"),
        (header("[('a', '<f8')]", "(3,)") + bytes(24), "a type of several"),
        (header("('<f8', (2,))", "(3,)") + bytes(48), "a type of several"),
        (header("'<f8'", "(9223372036854775807, 9223372036854775807)"), "damaged .npy"),
        (header("'<f8'", "(4294967296, 4294967296)"), "damaged .npy"),
        (header("'<f8'", "(-1,)"), "damaged .npy"),
        (header("'<f8'", "(-1, -1)") + bytes(8), "damaged .npy"),
        (header("'<f8'", f"(0, {10**40})"), "damaged .npy"),
        (header("'<U500000000'", "(2,)"), "damaged .npy"),
        (header("'<f8'", "(" * 900 + ")" * 900), "damaged .npy"),
        (header("'<f8'", "-" * 900 + "1"), "damaged .npy"),
        (header("'<f8'", "{" * 900), "damaged .npy"),
        (header("'\\d'", "(3,)"), "damaged .npy"),
        (header("'<f8'", "(3,)", version=9) + bytes(24), "damaged .npy"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff", "damaged .npy"),
        (b"\x93NUMPY\x01", "damaged .npy"),
        (b"\x93NUMPY", "damaged .npy"),
        (header("'<f8'", f"({'1,' * 40})") + bytes(8), "damaged .npy|shape"),
        (header("'<f8'", "(3L,)") + np.arange(3.0).tobytes(), ""),
        (header("'<f8'", "(3,)", version=2) + np.arange(3.0).tobytes(), ""),
    ],
)
def test_a_header_costs_no_more_than_its_file(tmp_path: Path, start: bytes, says: str) -> None:
    # The suite makes an error of every warning.
    (tmp_path / "x.npy").write_bytes(start)
    archive = npz(X=np.ones((3, 2))).replace(b"PK\x05\x06", b"PK\x05\x06")
    with zipfile.ZipFile(stream := io.BytesIO(archive), "a") as file:
        file.writestr("y.npy", start)
    (tmp_path / "x.npz").write_bytes(stream.getvalue())
    if not says:
        assert read_rows(str(tmp_path / "x.npy")).values.tolist() == [[0.0, 1.0, 2.0]]
        return
    with pytest.raises(VanishError, match=says):
        read_rows(str(tmp_path / "x.npy"))
    result = run_in_process("train", "--data", str(tmp_path / "x.npz"))
    assert (result.status, result.stderr.count(b"\n")) == (2, 1)


def test_as_many_labels_as_one_likes_cost_no_more_than_their_array() -> None:
    tracked = np.zeros(2_000_000, dtype=np.uint8)
    tracked[::2] = 7
    data = Data.of(np.zeros((len(tracked), 1), dtype=np.uint8), tracked)
    assert data.classes == ("0", "7")


@pytest.mark.skipif(np.finfo(np.longdouble).max == np.finfo(np.float64).max, reason="one type")
def test_what_is_beyond_float64_is_refused_without_a_warning() -> None:
    huge = np.array([[np.longdouble("1e4000"), 1.0]])
    with pytest.raises(UsageError, match="entry 1, 1 is inf"):
        Rows(huge)
    with pytest.raises(InputError, match="example 1, feature 1 is inf"):
        Data.of(np.repeat(huge, 4, axis=0), [0, 0, 1, 1])


# What has no end.


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("$VANISH --input /dev/zero", "neither .npy nor text"),
        ("$VANISH --weights /dev/zero", "neither .npy nor text"),
        ("cat /dev/urandom | $VANISH train --data -", "neither .npy nor text"),
        ("yes | $VANISH --input -", "more than 250.0 MB by text"),
        ("yes 1,2,0 | $VANISH train --data /dev/stdin", "more than 250.0 MB by text"),
        ("(echo -n PK; cat /dev/zero) | $VANISH --weights -", "more than 250.0 MB by a pipe"),
        ("mkfifo f; (yes 1 > f &) ; $VANISH --loss mse --target f", "more than 250.0 MB by text"),
        ("truncate -s 9999999M x; $VANISH --input x", "it does not fit into memory"),
        ("truncate -s 4000M x; $VANISH --input x", "neither .npy nor text"),
    ],
)
def test_an_endless_input_ends_at_a_limit(tmp_path: Path, script: str, says: str) -> None:
    check_refused(limited(script, cwd=tmp_path), says)


@pytest.mark.slow
def test_an_endless_line_of_text_takes_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"1 " * 1_000_000)
    result = limited("exec $VANISH --input x --layers 1 --width 1 --quiet", cwd=tmp_path)
    assert result.returncode == 0
    assert result.peak < 400 * MB


def test_an_interrupt_ends_the_wait_for_an_input(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*VANISH, "--input", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        cwd=tmp_path,
    ) as process:
        assert process.stdin
        # Once the pipe is full and empties, somebody reads.
        for _ in range(40):
            process.stdin.write(b"1 2 3\n" * 10_000)
        process.stdin.flush()
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=PATIENCE)
    assert (process.returncode, stdout, stderr) == (130, b"", b"")


# Control characters.

RED = "\x1b[31m"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fc1.weight, größe, 重み", "fc1.weight, größe, 重み"),
        (f"a{RED}b", "a\\x1b[31mb"),
        ("\x00\x07\x08\x7f\x9b\r\n\t", "\\x00\\x07\\x08\\x7f\\x9b\\r\\n\\t"),
        ("a\u202eb\u2028\ud800", "a\\u202eb\\u2028\\ud800"),
    ],
)
def test_what_is_no_printable_character_is_escaped_once(text: str, expected: str) -> None:
    assert plain(text) == expected
    assert plain(expected) == expected
    assert str(UsageError(text)) == expected
    assert errors.MemoryLimitError(text, "", "").lasting.startswith(expected)


def names(tmp_path: Path) -> Iterable[list[str]]:
    """Write files with commands to a terminal wherever a name may be, and name lines."""
    path = f"{tmp_path}/x{RED}\n"
    (tmp_path / f"x{RED}\n.txt").write_text("1 2\n")
    (tmp_path / f"x{RED}\n.npz").write_bytes(npz(**{f"W1{RED}": np.ones((2, 2))}))
    (tmp_path / "bad.npz").write_bytes(npz(**{f"W1{RED}": np.ones((2, 2)), f"b{RED}": np.ones(9)}))
    (tmp_path / "odd.npz").write_bytes(npz(**{f"odd{RED}": np.ones((2, 2)), "W1": np.eye(2)}))
    (tmp_path / f"x{RED}\n.csv").write_text(f"1,2,a{RED}\n2,1,b{RED}\n" * 8)
    (tmp_path / "one.csv").write_text(f"1,2,a{RED}\n2,1,a{RED}\n" * 8)
    (tmp_path / "word.csv").write_text(f"1,2,a{RED}\n2,{RED},b{RED}\n" * 8)
    train = ["train", "--layers", "1", "--epochs", "1"]
    for form in ("table", "markdown", "csv"):
        yield ["--input", f"{path}.txt", "-f", form]
        yield ["--weights", f"{path}.npz", "-f", form]
        yield ["sweep", "--layers", "2,3", "--input", f"{path}.txt", "-f", form]
        yield [*train, "--data", f"{path}.csv", "-f", form]
    yield ["--input", f"{path}.gone"]
    for name in ("bad.npz", "odd.npz"):
        yield ["--weights", f"{tmp_path}/{name}"]
    for name in ("one.csv", "word.csv"):
        yield [*train, "--data", f"{tmp_path}/{name}"]
    yield ["--act", RED]
    yield ["--layers", RED]
    yield [f"--{RED}"]
    yield [RED]
    yield ["acts", RED]
    yield ["-o", f"{tmp_path}/{RED}/x.csv"]
    yield ["-o", f"{tmp_path}/x.{RED}"]
    yield ["derive", "--wrt", RED]
    yield ["sweep", "--width", RED]


@pytest.mark.slow
def test_no_name_reaches_a_terminal_as_a_command(tmp_path: Path) -> None:
    raw = {}
    for line in names(tmp_path):
        result = run_in_process(*line)
        if {*(result.stdout + result.stderr).decode()} & {*"\x1b\r\x07"}:
            raw[tuple(line)] = result
        if result.status == 2:
            assert result.stderr.count(b"\n") == 1
    assert raw == {}


@pytest.mark.parametrize("line", [["sweep", "\u202e"], ["a\nb\x1b[31m"], ["--act\x1b[31m"]])
def test_what_typer_repeats_is_escaped(line: list[str]) -> None:
    result = run_in_process(*line)
    message = result.stderr.decode()
    assert (result.status, result.stdout) == (2, b"")
    assert message.removesuffix("\n").isprintable()


def test_two_arrays_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "twice.npz"
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in ("W1.npy", "W1"):
            array = io.BytesIO()
            np.save(array, np.eye(2))
            archive.writestr(name, array.getvalue())
    path.write_bytes(content.getvalue())
    for options in ([], ["--select", "W1"]):
        result = run_in_process("--weights", str(path), *options)
        assert result.status == 2
        assert b"two arrays in it are called 'W1'" in result.stderr


def test_an_axis_beyond_any_array_is_one_line(tmp_path: Path) -> None:
    header = b'{"W1":{"dtype":"F64","shape":[0,4611686018427387904],"data_offsets":[0,0]}}'
    path = tmp_path / "wide.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    result = run_in_process("--weights", str(path))
    assert (result.status, result.stderr.count(b"\n")) == (2, 1)


def test_more_memory_than_float64_counts_is_no_limit() -> None:
    assert run_in_process("--memory", "9" * 300 + "T", "--layers", "2", "--quiet").status == 0
