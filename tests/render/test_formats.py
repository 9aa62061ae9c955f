"""The output contract: the same numbers in every format that programs read."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
import sys
from decimal import Decimal
from typing import Any, NoReturn

import pytest
from command import run_in_process
from hypothesis import given
from hypothesis import strategies as st

from vanish import Settings

CONTRACT = [
    *("act", "layer", "n_in", "n_out", "grad_w"),
    *("log10_grad_w", "log10_grad_b", "log10_grad_f", "slope_mean", "slope_max"),
    *("log10_slope_product", "log10_slope_bound", "log10_norm_bound"),
    *("log10_predicted", "log10_predicted_b", "zero_fraction", "status"),
    *("log10_rel_grad_w", "engine", "init"),
    *("active_units", "dead_fraction", "log10_active_paths"),
    *("log10_grad_w_p05", "log10_grad_w_p95", "dead_share"),
    *("log10_grad_a", "log10_gain_back", "log10_grad_a_p05", "log10_grad_a_p95"),
    "log10_predicted_f",
    *("log10_rms_a", "log10_predicted_rms_a", "mean_f", "std_f", "saturated", "max_abs_a"),
    "slope_bound",
    "name",
]
TEXT = {"act", "status", "engine", "init"}
WHOLE = {"layer", "n_in", "n_out"}

Row = dict[str, Any]


def output(*args: str, format_name: str) -> str:
    result = run_in_process(*args, "--format", format_name)
    assert result.status == 0
    return result.stdout.decode()


def cells(text: str, delimiter: str) -> list[dict[str, str]]:
    reader = csv.DictReader(io.StringIO(text), delimiter=delimiter, strict=True)
    rows = list(reader)
    assert reader.fieldnames == CONTRACT
    assert all(None not in row and None not in row.values() for row in rows)
    return rows


def strict_json(text: str) -> Any:
    def refuse(constant: str) -> NoReturn:
        raise AssertionError(f"{constant} in JSON")

    return json.loads(text, parse_constant=refuse)


def number(column: str, cell: str) -> Any:
    """Return a cell as JSON has it: float64 or, beyond its range, the text itself."""
    if column in TEXT:
        return cell
    if not cell:
        return None
    if column in WHOLE:
        return int(cell)
    value = float(cell)
    in_range = sys.float_info.min <= abs(value) <= sys.float_info.max or not Decimal(cell)
    return value if in_range else cell


ACTS = ["identity", "sigmoid", "relu", "selu", "gelu", "hard_tanh"]
# Small chains, some of them with true zeros, some with magnitudes outside float64.
OPTIONS = st.builds(
    lambda sizes, acts, batch, gain, bias_std, init, loss, seed: [
        f"--widths={','.join(map(str, sizes))}",
        f"--act={','.join(acts)}",
        f"--batch={batch}",
        f"--gain={gain}",
        f"--bias-std={bias_std}",
        f"--init={init}",
        f"--loss={loss}",
        f"--seed={seed}",
    ],
    st.lists(st.integers(1, 4), min_size=2, max_size=6),
    st.lists(st.sampled_from(ACTS), min_size=1, max_size=2),
    st.integers(1, 3),
    st.sampled_from([1e-200, 0.1, 1.0, 7.0, 1e30]),
    st.sampled_from([0.0, 1.0]),
    st.sampled_from(["auto", "orthogonal", "he_uniform"]),
    st.sampled_from(["readout", "sum", "mse", "cross_entropy"]),
    st.integers(0, 2**64),
)


@pytest.mark.slow
@given(OPTIONS)
def test_every_format_carries_the_same_numbers(options: list[str]) -> None:
    tsv = cells(output(*options, format_name="tsv"), "\t")
    rows = [{name: number(name, cell) for name, cell in row.items()} for row in tsv]
    assert cells(output(*options, format_name="csv"), ",") == tsv
    lines = output(*options, format_name="jsonl").splitlines()
    assert [strict_json(line) for line in lines] == rows
    document = strict_json(output(*options, format_name="json"))
    assert [row for run in document["runs"] for row in run["layers"]] == rows


@pytest.mark.slow
@given(OPTIONS)
def test_numbers_agree_with_their_logarithms(options: list[str]) -> None:
    for row in cells(output(*options, format_name="tsv"), "\t"):
        assert (row["status"] == "zero") == (Decimal(row["grad_w"]) == 0)
        assert (row["status"] == "zero") == (row["log10_grad_w"] == "")
        if row["status"] == "ok":
            log10 = float(Decimal(row["grad_w"]).log10())
            assert float(row["log10_grad_w"]) == pytest.approx(log10, rel=1e-13, abs=1e-15)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "exponent"),
    [
        (["--act=sigmoid", "--layers=1000", "--width=2"], -602),
        (["--act=identity", "--layers=8", "--gain=1e300"], 2000),
        (["--act=tanh", "--layers=8", "--gain=1e-300"], -2000),
    ],
)
def test_magnitudes_outside_float64_are_decimal_text(options: list[str], exponent: int) -> None:
    row = cells(output(*options, format_name="tsv"), "\t")[0]
    value = Decimal(row["grad_w"])
    assert value.adjusted() < exponent if exponent < 0 else value.adjusted() > exponent
    assert len(value.as_tuple().digits) == 17
    assert float(value.log10()) == pytest.approx(float(row["log10_grad_w"]), rel=1e-14)
    first = strict_json(output(*options, format_name="json"))["runs"][0]["layers"][0]
    assert first["grad_w"] == row["grad_w"]
    assert first["log10_grad_w"] == float(row["log10_grad_w"])


def test_numbers_are_written_in_full() -> None:
    for row in cells(output("--layers=5", format_name="tsv"), "\t"):
        for column in CONTRACT:
            if column not in TEXT and row[column]:
                value = number(column, row[column])
                assert row[column] == repr(value)


def test_a_true_zero_has_no_logarithm() -> None:
    options = ["--act=relu", "--layers=3", "--widths=1,1,1,1", "--input=-"]
    result = run_in_process(*options, "--format=jsonl", stdin=b"0\n")
    for line in result.stdout.decode().splitlines():
        row = strict_json(line)
        assert (row["grad_w"], row["status"], row["zero_fraction"]) == (0.0, "zero", 1.0)
        assert row["log10_grad_w"] is None
        assert row["log10_slope_product"] is None
        assert row["log10_slope_bound"] == 0.0
    cell = cells(run_in_process(*options, stdin=b"0\n").stdout.decode(), "\t")[0]
    assert (cell["grad_w"], cell["log10_grad_w"]) == ("0.0", "")


def test_the_json_document_has_its_fields_and_every_setting() -> None:
    document = strict_json(
        output("--act=relu,sigmoid", "--seed=5", "--layers=4", "--width=8", format_name="json")
    )
    assert list(document) == ["schema", "version", "runs"]
    assert document["schema"] == 1
    for run, act in zip(document["runs"], ("relu", "sigmoid"), strict=True):
        assert run.keys() >= {
            *("act", "settings", "engine", "verdict", "log10_ratio", "log10_ratio_w"),
            *("decades_per_layer", "bounds", "layers"),
            *("log10_ratio_p05", "log10_ratio_p95", "verdict_shares"),
            *("precision", "faults", "remedy", "remedy_log10_ratio"),
        }
        assert (run["act"], run["engine"]) == (act, "dense")
        assert [list(row) for row in run["layers"]] == [CONTRACT] * 4
        assert run["bounds"] == {
            "sigmoid": {"log10": pytest.approx(4 * math.log10(0.25), rel=1e-15)},
            "relu": {"log10": 0.0},
        }
        assert run["decades_per_layer"] == run["log10_ratio"] / 3
        named = {field.name for field in dataclasses.fields(Settings)}
        assert run["settings"].keys() == named | {"weights_layout", "weights_layout_assumed"}
        assert (
            run["settings"].items()
            >= {
                "act": act,
                "layer_acts": None,
                "layers": 4,
                "width": 8,
                "widths": None,
                "init": {"relu": "he_normal", "sigmoid": "xavier_normal"}[act],
                "weight_std": None,
                "bias_std": 0.0,
                "gain": 1.0,
                "input": None,
                "batch": 1,
                "loss": "readout",
                "target": None,
                "weights": None,
                "seed": 5,
                "trials": 1,
                "engine": "auto",
                "norm_bound": None,
                "vanish_below": 1e-3,
                "explode_above": 1e3,
            }.items()
        )


def test_the_ratio_is_of_the_gradients_before_the_activation() -> None:
    run = strict_json(output("--act=tanh", "--layers=6", format_name="json"))["runs"][0]
    first, last = run["layers"][0], run["layers"][-1]
    assert run["log10_ratio"] == pytest.approx(
        first["log10_grad_b"] - last["log10_grad_b"], rel=1e-12
    )
    assert run["log10_ratio_w"] == pytest.approx(
        first["log10_grad_w"] - last["log10_grad_w"], rel=1e-12
    )


def test_ratios_without_a_value_are_null() -> None:
    one_layer = output("--act=relu", "--layers=1", format_name="json")
    dead = run_in_process(
        "--act=relu", "--widths=1,1,1", "--input=-", "--format=json", stdin=b"0"
    ).stdout.decode()
    for text, verdict in ((one_layer, "stable"), (dead, "dead")):
        run = strict_json(text)["runs"][0]
        assert run["verdict"] == verdict
        for name in ("log10_ratio", "log10_ratio_w", "decades_per_layer"):
            assert run[name] is None


def test_a_mixed_chain_is_one_run_whose_rows_name_their_own_activation() -> None:
    options = ["--layer-acts=relu,Swish,logistic"]
    (run,) = strict_json(output(*options, format_name="json"))["runs"]
    assert run["act"] == run["settings"]["act"] == "mixed"
    assert run["settings"]["layer_acts"] == ["relu", "silu", "sigmoid"]
    assert [row["act"] for row in run["layers"]] == ["relu", "silu", "sigmoid"]
    assert list(run["bounds"]) == ["sigmoid", "relu", "silu"]


@pytest.mark.parametrize("format_name", ["tsv", "csv"])
def test_no_header_leaves_out_the_first_line_only(format_name: str) -> None:
    whole = output("--layers=3", format_name=format_name)
    rest = output("--layers=3", "--no-header", format_name=format_name)
    assert rest == whole.partition("\n")[2]


@pytest.mark.parametrize("format_name", ["tsv", "csv", "json", "jsonl", "markdown", "table"])
def test_text_ends_with_one_line_feed_and_has_no_carriage_return(format_name: str) -> None:
    text = output("--layers=3", format_name=format_name)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert "\r" not in text


def test_stars_of_a_formula_are_no_markup() -> None:
    result = run_in_process("acts", "x*sigmoid(2*x)", "relu", "-f", "markdown")
    assert "x\\*sigmoid(2\\*x)" in result.stdout.decode()
