"""What `vanish show` measures, beside numpy on the whole arrays."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from checkpoints import LARGE, bfloat16, safetensors, transformer
from command import check_error, run_in_process
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as numpy_arrays

import vanish
from vanish.errors import InputError
from vanish.files import stored, survey
from vanish.files.formats import opened
from vanish.files.survey import lanczos

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "net.safetensors"


def rows_of(path: Path, *options: str) -> list[dict[str, Any]]:
    result = run_in_process("show", str(path), "-f", "jsonl", *options)
    assert result.status == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def normal(*shape: int) -> Any:
    return np.random.default_rng(shape).standard_normal(shape)


@pytest.mark.parametrize("form", ["npz", "compressed", "safetensors"])
def test_every_array_is_listed_with_its_numbers(
    file: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Read in many pieces.
    monkeypatch.setattr(stored, "PIECE", 7)
    monkeypatch.setattr("vanish.files.npzmembers.PIECE", 7)
    given_arrays = {
        "conv.weight": normal(4, 3, 2, 2).astype("<f4"),
        "fc.weight": np.asfortranarray(normal(5, 9)) if form != "safetensors" else normal(5, 9),
        "fc.bias": normal(5),
        "offset.weight": normal(6, 6) * 1e-9 + 1e6,
        "steps": np.arange(4),
    }
    if form == "safetensors":
        file.write_bytes(safetensors(given_arrays))
    else:
        file = file.with_suffix(".npz")
        (np.savez if form == "npz" else np.savez_compressed)(file, **given_arrays)
    found = {row["name"]: row for row in rows_of(file)}
    assert found.keys() == given_arrays.keys()
    for name, each in given_arrays.items():
        row = found[name]
        assert row["shape"] == "x".join(map(str, each.shape))
        assert (row["arrays"], row["parameters"], row["dtype"]) == (1, each.size, each.dtype.name)
        n_in = int(np.prod(each.shape[1:])) if each.ndim > 1 else None
        assert row["n_in"] == n_in
        if n_in is None:
            assert row["weight_std_min"] is None
            continue
        expected = each.astype(float).std() * n_in**0.5
        # Beside a mean of 1e6 a deviation of 1e-9 has seven digits less than nothing.
        tolerance = 1e-12 if name != "offset.weight" else 1e-1
        assert row["weight_std_min"] == pytest.approx(expected, rel=tolerance)
        assert row["weight_std_max"] == row["weight_std_min"]
        if each.ndim == 2:
            norm = np.linalg.svd(each, compute_uv=False)[0]
            assert row["spectral_norm_max"] == pytest.approx(norm, rel=1e-12)
            assert row["spectral_norm_by"] == "svd"
        else:
            assert row["spectral_norm_min"] is None


@given(
    matrix=numpy_arrays(
        np.float64,
        st.tuples(st.integers(1, 6), st.integers(1, 6)),
        elements=st.floats(-1e308, 1e308, allow_subnormal=True),
    )
)
def test_numbers_of_any_size_have_a_deviation(matrix: Any, tmp_path_factory: Any) -> None:
    path = tmp_path_factory.mktemp("net") / "net.safetensors"
    path.write_bytes(safetensors({"w": matrix}))
    (listed,) = survey.survey(str(path)).listed
    found = listed.weight_stds
    assert found is not None
    largest = np.abs(matrix).max()
    scaled = matrix / largest if largest > 1e-300 else matrix * 0.0
    expected = scaled.std() * matrix.shape[1] ** 0.5
    if largest > 1e-300:
        got = float(found[0] / vanish.Magnitude.of(float(largest)))
        # Of numbers that are all the same rounding leaves something.
        assert got == pytest.approx(expected, rel=1e-9, abs=1e-15)


def test_repeated_blocks_are_drawn_together_with_the_range_of_their_numbers(file: Path) -> None:
    given_arrays = transformer(12)
    file.write_bytes(safetensors(given_arrays))
    rows = {row["name"]: row for row in rows_of(file)}
    assert [*rows] == [
        *("embed.weight", "layers.{0-11}.attn.qkv.weight", "layers.{0-11}.mlp.fc1.bias"),
        *("layers.{0-11}.mlp.fc1.weight", "layers.{0-11}.mlp.fc2.bias"),
        *("layers.{0-11}.mlp.fc2.weight", "norm.weight", "scale", "steps"),
    ]
    row = rows["layers.{0-11}.mlp.fc2.weight"]
    stds = [
        given_arrays[f"layers.{k}.mlp.fc2.weight"].astype(float).std() * 12**0.5 for k in range(12)
    ]
    assert (row["arrays"], row["parameters"], row["shape"]) == (12, 12 * 72, "6x12")
    assert row["weight_std_min"] == pytest.approx(min(stds), rel=1e-12)
    assert row["weight_std_max"] == pytest.approx(max(stds), rel=1e-12)
    assert rows["layers.{0-11}.mlp.fc1.weight"]["dtype"] == "bfloat16"
    assert (rows["norm.weight"]["non_finite"], rows["scale"]["shape"]) == (1, "scalar")
    full = rows_of(file, "--full")
    assert len(full) == len(given_arrays)
    assert [row["name"] for row in full if "fc1.w" in row["name"]] == [
        f"layers.{k}.mlp.fc1.weight" for k in range(12)
    ]


def test_the_layout_says_what_a_unit_takes(file: Path) -> None:
    file.write_bytes(safetensors({"w": normal(3, 5), "conv": normal(2, 3, 4)}))
    for layout, expected in (("out_in", [12, 5]), ("in_out", [6, 3])):
        assert [row["n_in"] for row in rows_of(file, f"--weights-layout={layout}")] == expected
        head = run_in_process("show", str(file), "-f", "table", f"--weights-layout={layout}").stdout
        axes = {"out_in": b"(n_out, n_in)", "in_out": b"(n_in, n_out)"}[layout]
        assert b"n_in as of " + axes in head


def test_every_format_has_the_same_rows(file: Path) -> None:
    file.write_bytes(safetensors(transformer(3)))
    rows = rows_of(file)
    document = json.loads(run_in_process("show", str(file), "-f", "json").stdout)
    assert document["rows"] == rows
    assert document["settings"] == {
        "file": str(file),
        "format": "safetensors",
        "size": file.stat().st_size,
        "weights_layout": "out_in",
        "arrays": 19,
        "parameters": sum(row["parameters"] for row in rows),
    }
    for form, delimiter in (("csv", ","), ("tsv", "\t")):
        text = run_in_process("show", str(file), "-f", form).stdout.decode()
        listed = [*csv.DictReader(io.StringIO(text), delimiter=delimiter)]
        assert [each["name"] for each in listed] == [row["name"] for row in rows]
    markdown = run_in_process("show", str(file), "-f", "markdown").stdout.decode()
    assert "layers.{0-2}.mlp.fc1.weight" in markdown
    shown = vanish.show(file)
    assert shown.rows() == rows
    assert (
        repr(shown)
        == f"<Contents: {file}, 19 arrays, {document['settings']['parameters']} parameters>"
    )


def test_an_archive_of_numpy_may_hold_text_and_nothing_pickled(tmp_path: Path) -> None:
    path = tmp_path / "net.npz"
    assert run_in_process("--block=residual", "--act=tanh", f"--save-weights={path}").status == 0
    kinds = {row["name"]: row["dtype"] for row in rows_of(path)}
    assert (kinds["block"], kinds["W{1-20}"]) == ("text", "float64")
    np.savez(path, a=np.array([None]))
    check_error(f"show {path}", "pickled objects, which can run code")
    path.write_bytes(b"PK\x03\x04")
    check_error(f"show {path}", "a damaged .npz file")
    path.write_bytes(b"text")
    check_error(f"show {path}", "not an .npz file")


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(300, 260), (260, 300), (600, 600)])
def test_lanczos_gives_about_the_largest_singular_value_and_never_more(
    shape: tuple[int, int],
) -> None:
    matrix = normal(*shape)
    exact = np.linalg.svd(matrix, compute_uv=False)[0]
    assert exact * (1.0 - 1e-3) < lanczos(matrix, 32) <= exact * (1.0 + 1e-14)
    assert lanczos(matrix, 2) < exact * 0.99


@pytest.mark.parametrize(
    "matrix",
    [
        np.zeros((3, 4)),
        np.ones((300, 1)),
        np.outer(np.arange(5.0), np.ones(4)),
        np.eye(6),
        np.eye(1),
    ],
)
def test_lanczos_ends_where_a_matrix_has_no_more_directions(matrix: Any) -> None:
    exact = np.linalg.svd(matrix, compute_uv=False)[0]
    assert lanczos(matrix, 32) == pytest.approx(exact, rel=1e-14)


def test_large_matrices_are_marked_and_the_largest_left_out() -> None:
    large, vast = survey.survey(LARGE).listed
    assert (large.spectral_by, vast.spectral_by) == ("lanczos", "")
    assert (vast.spectral_norms, vast.parameters) == (None, 4_500_000)
    table = " ".join(run_in_process("show", LARGE, "-f", "table").stdout.decode().split())
    assert "~32.8" in table
    assert "~ is of 32 Lanczos steps, never more than the value itself; large matrices are" in table


def test_singular_values_of_one_size_are_asked_for_all_or_none(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_bytes(safetensors({f"w.{k}": normal(4, 4 + (k > 2)) for k in range(6)}))
    for most, expected in ((108, 6), (107, 3), (48, 3), (47, 0)):
        monkeypatch.setattr(survey, "_MOST_NUMBERS", most)
        found = survey.survey(str(file), full=True).listed
        assert sum(bool(each.spectral_by) for each in found) == expected


def test_what_is_not_finite_has_no_deviation(file: Path) -> None:
    broken = normal(3, 4).astype("<f4")
    broken[0, :2] = np.inf, np.nan
    file.write_bytes(safetensors({"a": broken, "b": bfloat16(np.full((2, 2), 3e38))}))
    a, b = rows_of(file)
    assert (a["non_finite"], a["weight_std_min"], a["spectral_norm_min"]) == (2, None, None)
    assert (b["non_finite"], b["weight_std_min"]) == (0, 0.0)
    assert b"not" in run_in_process("show", str(file), "-f", "table").stdout


def test_a_file_that_becomes_shorter_is_no_crash(file: Path) -> None:
    file.write_bytes(safetensors({"w": normal(300, 300)}))
    with opened(str(file)) as found:
        file.write_bytes(file.read_bytes()[:1000])
        with pytest.raises(InputError, match="it became shorter while it was read"):
            found.arrays[0].array()


def test_arrays_of_a_file_that_was_shown_are_there_no_more(file: Path) -> None:
    file.write_bytes(safetensors({"w": normal(3, 3)}))
    (listed,) = vanish.show(file)
    with pytest.raises(InputError, match=r"is closed: give its name to vanish\.load"):
        listed.first.array()


@pytest.mark.parametrize("suffix", ["npz", "safetensors", "pt", "onnx"])
@pytest.mark.parametrize("line", ["show {}", "--weights {}"])
def test_an_empty_file_is_called_empty(tmp_path: Path, suffix: str, line: str) -> None:
    for extra in {"pt": ["torch"], "onnx": ["onnx"]}.get(suffix, []):
        pytest.importorskip(extra)
    path = tmp_path / f"net.{suffix}"
    path.touch()
    check_error(line.format(path), f"{path}: an empty file: save it again")


@pytest.mark.parametrize("suffix", ["keras", "h5", "hdf5", "H5"])
@pytest.mark.parametrize("line", ["show {}", "--weights {}", "--weights {} --select a"])
def test_keras_files_are_answered_with_the_line_that_exports_them(
    tmp_path: Path, suffix: str, line: str
) -> None:
    path = tmp_path / f"net.{suffix}"
    path.write_bytes(b"\x89HDF\r\n\x1a\n")
    check_error(line.format(path), "a Keras file: export it where Keras is: python -c")
