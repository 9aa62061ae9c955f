"""Checkpoints as safetensors has them: every type, every damage, and what is written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import checkpoints
import numpy as np
import pytest
from checkpoints import bfloat16, raw, safetensors, transformer
from command import run_in_process
from fuzz import drawing
from limits import MB, check_refused, limited
from oracles import pytorch

import vanish
from vanish import Network
from vanish.errors import InputError, UsageError, VanishError
from vanish.files.formats import opened
from vanish.files.numbertypes import SAFETENSORS
from vanish.files.survey import survey

if TYPE_CHECKING:
    import random
    from pathlib import Path

WHY = "the package judges its format: pip install safetensors ml_dtypes"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "net.safetensors"


def arrays_of(path: Path) -> dict[str, Any]:
    with opened(str(path)) as found:
        return {each.name: each.array() for each in found.arrays}


# --- what others wrote ---


EIGHT_BITS = ["float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz"]
EIGHT_BITS += ["float8_e8m0fnu"]


@pytest.mark.parametrize("name", [*EIGHT_BITS, "bfloat16", "float16"])
def test_every_number_of_a_small_type_is_what_it_is_for_others(file: Path, name: str) -> None:
    judge = np.float16
    if name != "float16":
        judge = getattr(pytest.importorskip("ml_dtypes", reason=WHY), name)
    kind = next(each for each, known in SAFETENSORS.items() if known.name == name)
    codes = np.arange(1 << SAFETENSORS[kind].bits)
    stored = codes.astype("u1" if len(codes) == 256 else "<u2")
    file.write_bytes(safetensors({"all": (kind, stored)}))
    with np.errstate(invalid="ignore"):
        expected = stored.view(judge).astype(np.float64)
        found = arrays_of(file)["all"].astype(np.float64)
    np.testing.assert_array_equal(found, expected)
    # NaN among them, also those that signal.
    if not np.isfinite(expected).all():
        file.write_bytes(safetensors({"W1": (kind, stored[None])}))
        with pytest.raises(UsageError, match=r"W1: entry 1, .* give finite numbers only"):
            vanish.load(file)
    (listed,) = survey(str(file)).listed
    assert listed.non_finite == np.count_nonzero(~np.isfinite(expected))


@pytest.mark.parametrize("kind", ["numpy", pytest.param("torch", marks=pytest.mark.slow)])
def test_what_the_package_wrote_is_read(file: Path, kind: str) -> None:
    package = pytest.importorskip(f"safetensors.{kind}", reason=WHY)
    rng = np.random.default_rng(0)
    given: dict[str, Any] = {
        "a.weight": rng.standard_normal((3, 5)),
        "b.weight": rng.standard_normal((4, 3)).astype("<f4"),
        "half": rng.standard_normal((2, 2, 2)).astype("<f2"),
        "count": np.arange(7),
        "flags": np.array([True, False]),
        "none": np.empty((0, 3), "<f4"),
        "one": np.array(2.5),
    }
    expected = {name: each.copy() for name, each in given.items()}
    if kind == "torch":
        torch = pytorch()
        given = {name: torch.tensor(each) for name, each in given.items()}
        for name in ("bfloat16", "float8_e4m3fn", "float8_e5m2"):
            given[name] = torch.linspace(-3, 3, 9).to(getattr(torch, name))
            expected[name] = given[name].to(torch.float64).numpy()
    package.save_file(given, file, {"format": kind})
    found = arrays_of(file)
    assert found.keys() == expected.keys()
    for name, each in expected.items():
        assert found[name].shape == each.shape
        np.testing.assert_array_equal(found[name], each)


@pytest.mark.parametrize("block", ["S(Wx+b)", "rnn", "bottleneck"])
def test_what_is_written_is_read_back_and_by_the_package(file: Path, block: str) -> None:
    line = ["--block", block, "--widths", "6,6,6,6", "--act=tanh", "--bias-std=0.3", "--batch=2"]
    both = {}
    for path in (file, file.with_suffix(".npz")):
        assert run_in_process(*line, f"--save-weights={path}").status == 0
        both[path.suffix] = run_in_process("--act=tanh", f"--weights={path}", "--format=tsv", "-q")
        assert both[path.suffix].status == 0
    # The same bytes, and so the same numbers, whatever the file.
    assert both[".safetensors"].stdout == both[".npz"].stdout
    with np.load(file.with_suffix(".npz")) as expected:
        names = {*expected.files} - {"block", "layers"}
        found = arrays_of(file)
        assert found.keys() == names
        for name in names:
            assert found[name].dtype == np.float64
            np.testing.assert_array_equal(found[name], expected[name])
    package = pytest.importorskip("safetensors.numpy", reason=WHY)
    for name, each in package.load_file(file).items():
        np.testing.assert_array_equal(found[name], each)


def test_weights_are_written_only_under_names_by_which_they_are_read(tmp_path: Path) -> None:
    result = run_in_process("--act=tanh", f"--save-weights={tmp_path / 'net.pt'}")
    assert (result.status, result.stdout) == (2, b"")
    assert b"networks are written as .npz or .safetensors" in result.stderr
    assert not [*tmp_path.iterdir()]


# --- damage ---


def entry(**changes: Any) -> bytes:
    """Return a header of one array, 2 × 3 of float32, with some of it changed."""
    return json.dumps(
        {"W1": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]} | changes}
    ).encode()


def two(first: list[int], second: list[int]) -> bytes:
    each = {"dtype": "U8", "shape": [4]}
    arrays = {"a": each | {"data_offsets": first}, "b": each | {"data_offsets": second}}
    return json.dumps(arrays).encode()


DAMAGED = {
    "nothing": (b"", "an empty file: save it again"),
    "cut in its length": (b"\0" * 7, "it is of 7 bytes"),
    "a header that is not there": (b"\xff" * 8, "its header is said to have 18,446,744"),
    "a header longer than the file": (raw(entry())[:40], "its header is said to have"),
    "no JSON": (raw(b"nonsense"), "its header is no JSON"),
    "an empty header": (raw(b""), "its header is no JSON"),
    "not UTF-8": (raw(b'{"\xff": 1}'), "its header is no JSON"),
    "no object": (raw(b"[]"), "its header is no JSON of arrays"),
    "deep": (raw(b"[" * 100_000), "its header is no JSON"),
    "deep and closed": (raw(b'{"a":' * 100_000 + b"1" + b"}" * 100_000), "its header is no JSON"),
    "a number of 5000 digits": (raw(b'{"a": ' + b"9" * 5000 + b"}"), "its header is no JSON"),
    "not a number": (raw(entry().replace(b"24", b"NaN")), "its header is no JSON"),
    "twice": (raw(b'{"a": 1, "a": 1}'), "its header is no JSON"),
    "notes that are no text": (raw(b'{"__metadata__": {"a": 1}}'), "its header is no JSON"),
    "notes that are none": (raw(b'{"__metadata__": []}'), "its header is no JSON"),
    "no entry": (raw(b'{"W1": 3}'), "no type, shape and place of 'W1'"),
    "an empty entry": (raw(b'{"W1": {}}'), "no type, shape and place"),
    "a shape that is a text": (raw(entry(shape="ab")), "no type, shape and place"),
    "a shape that is an object": (raw(entry(shape={})), "no type, shape and place"),
    "a shape of fractions": (raw(entry(shape=[2.0, 3])), "no type, shape and place"),
    "a shape of flags": (raw(entry(shape=[True, 6])), "no type, shape and place"),
    "a negative shape": (raw(entry(shape=[-2, -3])), "no type, shape and place"),
    "too many axes": (raw(entry(shape=[1] * 65)), "no type, shape and place"),
    "an endless axis": (raw(entry(shape=[0, 2**63])), "no type, shape and place"),
    "one place": (raw(entry(data_offsets=[24])), "no type, shape and place"),
    "three places": (raw(entry(data_offsets=[0, 8, 24])), "no type, shape and place"),
    "a negative place": (raw(entry(data_offsets=[-24, 0])), "no type, shape and place"),
    "an unknown type": (raw(entry(dtype="F12"), bytes(24)), "numbers of type 'F12'"),
    "a type that is none": (raw(entry(dtype=3), bytes(24)), "no type, shape and place"),
    "another size": (raw(entry(shape=[2, 4]), bytes(24)), "'W1' has another shape than its bytes"),
    "a huge shape": (raw(entry(shape=[2**62, 2**62]), bytes(24)), "another shape than its bytes"),
    "backwards": (raw(entry(data_offsets=[24, 0]), bytes(24)), "another shape than its bytes"),
    "cut": (raw(entry(), bytes(23)), "its arrays have 24 bytes, the file 23 for them"),
    "more": (raw(entry(), bytes(25)), "its arrays have 24 bytes, the file 25"),
    "nothing for something": (raw(b"{}", bytes(1)), "its arrays have 0 bytes, the file 1"),
    "a gap before": (raw(entry(data_offsets=[8, 32]), bytes(32)), "its arrays have 24 bytes"),
    "a gap": (raw(two([0, 4], [5, 9]), bytes(9)), "'b' does not follow 'a'"),
    "shared bytes": (raw(two([0, 4], [2, 6]), bytes(6)), "'b' shares bytes with 'a'"),
    "the same bytes": (raw(two([0, 4], [0, 4]), bytes(4)), "'b' shares bytes with 'a'"),
    "empty": (raw(b"{}"), "no arrays in it"),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_file_is_told_in_one_line(file: Path, kind: str) -> None:
    content, says = DAMAGED[kind]
    file.write_bytes(content)
    with pytest.raises(InputError) as caught:
        survey(str(file))
    assert says in str(caught.value)
    for line in (
        ("show", str(file)),
        ("--weights", str(file)),
        ("--weights", str(file), "--select=*"),
    ):
        result = run_in_process(*line)
        assert (result.status, result.stdout, result.stderr.count(b"\n")) == (2, b"", 1)
        assert result.stderr.startswith(b"Error: ")


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.safetensors")
    (tmp_path / "place.safetensors").mkdir()
    for name, says in (
        ("pipe", b"no regular file"),
        ("place", b"a directory"),
        ("none", b"no such"),
    ):
        result = run_in_process("show", str(tmp_path / f"{name}.safetensors"))
        assert result.status == 2
        assert says in result.stderr


def mutated(draw: random.Random, value: Any) -> Any:
    """Return JSON with one thing in it changed, somewhere."""
    odd: tuple[Any, ...] = (
        0,
        1,
        -1,
        2**31,
        2**63,
        10**30,
        0.5,
        True,
        None,
        "",
        "F64",
        "F4",
        "BF16",
        [],
        {},
        [[]],
        "\u202e",
    )
    if isinstance(value, dict) and value and draw.randrange(30):
        name = draw.choice([*value])
        return value | {name: mutated(draw, value[name])}
    if isinstance(value, list) and value and draw.randrange(30):
        at = draw.randrange(len(value))
        return [*value[:at], mutated(draw, value[at]), *value[at + 1 :]]
    if isinstance(value, int) and draw.randrange(2):
        return value + draw.choice((-8, -1, 1, 4, 8, 10**6, 10**12))
    return draw.choice(odd)


@pytest.mark.slow
def test_thousands_of_changed_headers_are_read_or_told_in_one_line(file: Path) -> None:
    draw = drawing(0)
    whole = safetensors(transformer(2, 4), {"format": "pt"})
    length = int.from_bytes(whole[:8], "little")
    header, content = json.loads(whole[8 : 8 + length]), whole[8 + length :]
    ends = {"read": 0, "refused": 0}
    wrong: list[str] = []
    for _ in range(3400):
        changed = header
        for _ in range(draw.randrange(1, 3)):
            changed = mutated(draw, changed)
        cut = draw.choice((0,) * 9 + (1, 100))
        file.write_bytes(raw(json.dumps(changed).encode(), content[: len(content) - cut]))
        for read in (survey, vanish.load, lambda path: vanish.load(path, "layers.*.fc?")):
            try:
                read(str(file))
                ends["read"] += 1
            except VanishError as error:
                ends["refused"] += 1
                wrong += [str(error)] * (not str(error).isprintable() or len(str(error)) > 2000)
    assert not wrong
    assert min(ends.values()) > 100


# --- memory ---


def sparse(path: Path, gigabytes: float) -> None:
    """Write a file of zeros that takes no place on the disk."""
    rows = int(gigabytes * 10**9) // 4 // 4096
    size = rows * 4096 * 4
    shape = {"dtype": "F32", "shape": [rows, 4096], "data_offsets": [0, size]}
    header = raw(json.dumps({"embed.weight": shape}).encode())
    path.write_bytes(header)
    os.truncate(path, len(header) + size)


@pytest.mark.slow
def test_a_file_is_shown_in_less_memory_than_it_has(tmp_path: Path) -> None:
    sparse(tmp_path / "x.safetensors", 1.0)
    result = limited("exec $VANISH show x.safetensors -f csv", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[1].startswith(b"embed.weight,1,61035x4096,float32,24")
    assert result.peak < 200 * MB


@pytest.mark.slow
def test_what_does_not_fit_into_memory_is_refused_before_it_is_read(tmp_path: Path) -> None:
    sparse(tmp_path / "x.safetensors", 1.0)
    result = limited("exec $VANISH --weights x.safetensors", "-v 1500000", tmp_path)
    check_refused(result, "x.safetensors", "does not fit into memory")


@pytest.mark.slow
def test_a_header_that_is_honest_and_huge_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(raw(b'{"a":[' + b"[]," * 5_000_000 + b"0]}"))
    check_refused(limited("exec $VANISH show x.safetensors", cwd=tmp_path), "a header of 15,0")
    (tmp_path / "y.safetensors").write_bytes(raw(b'{"a":[' + b"[]," * 3_000_000 + b"0]}"))
    check_refused(limited("exec $VANISH show y.safetensors", cwd=tmp_path), "damaged")


# --- types that are no weights ---


def test_types_that_cannot_be_read_are_named_and_refused_as_weights(file: Path) -> None:
    file.write_bytes(safetensors({"a.weight": ("F4", np.zeros((2, 1), "u1"))}))
    # A pair of numbers a byte: the shape that the header says.
    header = {"a.weight": {"dtype": "F4", "shape": [2, 2], "data_offsets": [0, 2]}}
    file.write_bytes(raw(json.dumps(header).encode(), b"\0\0"))
    (found,) = survey(str(file)).listed
    assert (found.first.kind.name, found.parameters, found.weight_stds) == (
        "float4_e2m1fn",
        4,
        None,
    )
    with pytest.raises(InputError, match="numbers of type float4_e2m1fn, which cannot be read"):
        vanish.load(file)
    file.write_bytes(safetensors({"a.weight": ("C64", np.ones((2, 2), "<c8"))}))
    with pytest.raises(UsageError, match="entries of type complex64: give real numbers"):
        vanish.load(file)
    file.write_bytes(safetensors({"a.weight": ("I8", np.ones((2, 2), "i1"))}))
    found_network = vanish.load(file)
    assert isinstance(found_network, Network)
    assert found_network.weights[0].tolist() == [[1.0, 1.0], [1.0, 1.0]]


def test_bfloat16_weights_have_the_gradients_of_what_they_are(file: Path) -> None:
    rng = np.random.default_rng(0)
    weights = [rng.standard_normal((5, 3)), rng.standard_normal((2, 5))]
    file.write_bytes(safetensors({f"fc{k}.weight": bfloat16(w) for k, w in enumerate(weights, 1)}))
    torch = pytorch()
    # Cut, not rounded.
    cut = [
        (np.asarray(w, "<f4").view("<u4") & 0xFFFF0000).view("<f4").astype(float) for w in weights
    ]
    first, second = (torch.tensor(w, requires_grad=True) for w in cut)
    x = torch.tensor(rng.standard_normal((4, 3)))
    torch.tanh(torch.tanh(x @ first.T) @ second.T).sum(dim=1).mean().backward()
    found = vanish.simulate(weights=vanish.load(file), act="tanh", loss="sum", input=x.numpy())
    for layer, weight in zip(found.layers, (first, second), strict=True):
        assert float(layer.grad_w) == pytest.approx(float(weight.grad.norm()), rel=1e-12)


def test_what_is_imported_to_read_one_is_no_package() -> None:
    code = f"import sys, vanish; vanish.show({checkpoints.SMALL!r}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert not {b"safetensors", b"ml_dtypes", b"torch"} & {*done.stdout.split()}
